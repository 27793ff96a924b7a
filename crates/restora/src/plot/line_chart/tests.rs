use super::*;
use crate::plot::Surroundings;

fn chart(points: &[(f64, f64)], y_scale: Scale) -> LineChart {
    let series = Series { name: "loss <train>".into(), points: points.to_vec(), smoothing: 0.0 };
    LineChart { y_scale, series: vec![series], ..LineChart::default() }
}

fn svg(chart: &LineChart) -> String {
    chart.scene().to_svg(Surroundings::File).unwrap()
}

#[test]
fn no_points_one_point_two_and_constants_are_drawn_without_nan() {
    let cases: [&[(f64, f64)]; 8] = [
        &[],
        &[(1.0, 0.5)],
        &[(0.0, 0.0)],
        &[(1.0, 0.5), (2.0, 0.25)],
        &[(1.0, 0.5), (1.0, 0.5)],
        &[(1.0, 7.0), (2.0, 7.0), (3.0, 7.0)],
        &[(1.0, f64::NAN), (f64::INFINITY, 2.0)],
        &[(f64::MAX, f64::MIN), (f64::MIN, f64::MAX)],
    ];
    for scale in [Scale::Linear, Scale::Log] {
        for points in cases {
            for smoothing in [0.0, 0.9, f64::NAN] {
                let mut chart = chart(points, scale);
                chart.series[0].smoothing = smoothing;
                let text = svg(&chart);
                assert!(!text.contains("NaN") && !text.contains("inf"), "{points:?}: {text}");
            }
            let drawable = |p: &&(f64, f64)| {
                drawable(p.0) && drawable(p.1) && (scale == Scale::Linear || p.1 > 0.0)
            };
            let text = svg(&chart(points, scale));
            let empty = points.iter().filter(drawable).count() == 0;
            assert_eq!(text.contains("no data"), empty, "{points:?}");
            assert_eq!(text.matches("<circle").count() > 1, !empty, "{points:?} {scale:?}");
        }
    }
}

#[test]
fn a_gap_splits_the_curve_and_the_numbers_around_it_stay() {
    let points: Vec<(f64, f64)> =
        (0..40).map(|i| (f64::from(i), if i == 20 { f64::NAN } else { f64::from(i) })).collect();
    let mut gap = chart(&points, Scale::Linear);
    assert_eq!(svg(&gap).matches("stroke-width=\"1.8\"").count(), 2);
    // Each run once faint, once as the mean.
    gap.series[0].smoothing = 0.9;
    assert_eq!(svg(&gap).matches("stroke-width=\"1.8\"").count(), 4);
    assert_eq!(svg(&gap).matches("stroke-opacity=\"0.30\"").count(), 2);
}

#[test]
fn names_are_escaped() {
    let text = svg(&chart(&[(0.0, 1.0)], Scale::Linear));
    assert!(text.contains("loss &lt;train&gt;") && !text.contains("<train>"));
}

#[test]
fn a_chart_is_drawn_in_its_color_as_pixels() {
    let line = chart(&[(0.0, 0.0), (1.0, 1.0)], Scale::Linear);
    let picture = line.scene().to_picture(1.0);
    assert_eq!((picture.width(), picture.height()), (620, 340));
    let blue = picture.rgb().chunks_exact(3).filter(|p| *p == [0x00, 0x72, 0xb2]).count();
    assert!(blue > 300, "{blue}");
    assert_eq!(picture.rgb()[..3], [255, 255, 255]);
}

#[test]
fn a_long_history_keeps_its_extremes_and_becomes_short() {
    let mut run: Vec<(f64, f64)> =
        (0..100_000).map(|i| (f64::from(i) * 5e-3, f64::from(i % 7))).collect();
    run[31_415].1 = -50.0;
    run[77_777].1 = 99.0;
    let thin = thinned(run.clone());
    assert!(thin.len() <= 4 * 501 && thin.contains(&run[31_415]) && thin.contains(&run[77_777]));
    assert_eq!((thin[0], thin[thin.len() - 1]), (run[0], run[99_999]));
}

#[test]
fn smoothing_keeps_a_constant_and_starts_at_the_first_value() {
    let flat: Vec<(f64, f64)> = (0..30).map(|i| (f64::from(i), 3.0)).collect();
    assert!(smoothed(&flat, 0.95).iter().all(|p| (p.1 - 3.0).abs() < 1e-12));
    let step = [(0.0, 1.0), (1.0, 5.0)];
    let smooth = smoothed(&step, 0.5);
    assert_eq!(smooth[0].1, 1.0);
    // (0.25 * 1 + 0.5 * 5) / 0.75
    assert!((smooth[1].1 - 2.75 / 0.75).abs() < 1e-12);
}

#[test]
fn absurd_sizes_and_many_names_still_fit() {
    let series = |i: usize| Series {
        name: format!("series {i} {}", "x".repeat(i)),
        points: vec![],
        smoothing: 0.0,
    };
    let many = LineChart {
        title: "t".repeat(500),
        series: (0..40).map(series).collect(),
        size: (f64::NAN, -3.0),
        ..LineChart::default()
    };
    let scene = many.scene();
    assert!(scene.size().1 > 150.0 && scene.size().1 < 4000.0);
    let past = |m: &&Mark| match m {
        Mark::Text { x, anchor: Anchor::Start, size, text, .. } => {
            x + font::width(text, *size) > scene.width
        }
        _ => false,
    };
    assert_eq!(scene.marks.iter().filter(past).count(), 0);
}
