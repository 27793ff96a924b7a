use super::super::tiles::squared_distance;
use super::*;
use restora_image::Rng;

fn normal(n: usize, dims: usize, seed: u64) -> Vec<f32> {
    let mut rng = Rng::new(seed, "normal", 0);
    let mut rows = vec![0.0; n * dims];
    rng.fill_normal(&mut rows);
    rows
}

fn test(
    training: &[f32],
    held_out: &[f32],
    generated: &[f32],
    options: &Memorization,
) -> MemorizationReport {
    memorization(training, held_out, generated, 4, options, &Context::default()).unwrap()
}

#[test]
fn fresh_draws_score_near_zero_copies_far_below_and_wide_ones_far_above() {
    let (training, held_out) = (normal(2000, 4, 1), normal(500, 4, 2));
    let options = Memorization { cells: 4, ..Memorization::default() };
    let scores = |generated: &[f32]| {
        let report = test(&training, &held_out, generated, &options);
        [report.z, report.data_copying.unwrap()]
    };
    let fresh = scores(&normal(500, 4, 3));
    assert!(fresh.iter().all(|z| z.abs() < 3.0), "{fresh:?}");
    let copies: Vec<f32> = training[..500 * 4].iter().map(|v| v + 0.01).collect();
    assert!(scores(&copies).iter().all(|z| *z < -8.0));
    let wide: Vec<f32> = normal(500, 4, 3).iter().map(|v| 3.0 * v).collect();
    assert!(scores(&wide).iter().all(|z| *z > 8.0));
}

#[test]
fn scores_of_fresh_draws_are_standard_normal() {
    let squares: f64 = (0..60)
        .map(|i| {
            let one = Memorization { cells: 1, ..Memorization::default() };
            let (training, held_out) = (normal(600, 4, 100 + i), normal(150, 4, 200 + i));
            let report = test(&training, &held_out, &normal(150, 4, 300 + i), &one);
            assert!((report.z - report.data_copying.unwrap()).abs() < 1e-12);
            report.z * report.z
        })
        .sum();
    // Chi squared of 60 degrees: standard deviation 11; a common training set adds nothing.
    assert!((27.0..93.0).contains(&squares), "{squares}");
}

#[test]
fn a_copied_corner_is_not_hidden_by_invention_elsewhere() {
    // Two modes; copies of training items in one, items too far out in the other.
    let at = |rows: Vec<f32>, x: f32| -> Vec<f32> {
        rows.chunks(4).flat_map(|r| [r[0] + x, r[1], r[2], r[3]]).collect()
    };
    let both = |n, seed| [normal(n, 4, seed), at(normal(n, 4, seed + 50), 40.0)].concat();
    let (training, held_out) = (both(600, 1), both(200, 2));
    let copies: Vec<f32> = training[..200 * 4].iter().map(|v| v + 0.01).collect();
    let wide: Vec<f32> = normal(200, 4, 9).iter().map(|v| 4.0 * v).collect();
    let generated = [copies, at(wide, 40.0)].concat();
    let report =
        test(&training, &held_out, &generated, &Memorization { cells: 2, ..Default::default() });
    assert!(report.z.abs() < 4.0, "{}", report.z);
    let mut scores: Vec<f64> = report.cells.iter().map(|c| c.z).collect();
    scores.sort_by(f64::total_cmp);
    assert!(scores[0] < -10.0 && scores[1] > 10.0, "{scores:?}");
}

#[test]
fn copies_are_named_with_what_they_copy_however_training_rows_pass() {
    let (training, held_out, mut generated) =
        (normal(700, 4, 1), normal(60, 4, 2), normal(50, 4, 3));
    generated[17 * 4..18 * 4].copy_from_slice(&training[311 * 4..312 * 4]);
    generated[5 * 4..6 * 4].copy_from_slice(&training[90 * 4..91 * 4]);
    generated[5 * 4] += 0.01;
    let options = Memorization { cells: 3, list: 50, least: 5 };
    let whole = test(&training, &held_out, &generated, &options);
    let [first, second] = [whole.suspects[0], whole.suspects[1]];
    assert_eq!((first.generated, first.training, first.ratio), (17, 311, Some(0.0)));
    assert_eq!((second.generated, second.training), (5, 90));
    assert_eq!((first.odds, whole.suspects.len(), whole.training), (0.0, 50, 700));
    for suspect in &whole.suspects {
        let row = &generated[suspect.generated * 4..][..4];
        let nearest = |set: &[f32]| {
            set.chunks(4).map(|r| squared_distance(row, r)).fold(f64::INFINITY, f64::min).sqrt()
        };
        assert!((suspect.distance - nearest(&training)).abs() < 1e-9);
        assert!((suspect.held_out_distance - nearest(&held_out)).abs() < 1e-9);
    }
    let cx = Context::with_threads(4);
    let mut pieces = MemorizationTest::new(&held_out, &generated, 4, &options, &cx).unwrap();
    training.chunks(4 * 101).for_each(|rows| pieces.add(rows, &cx).unwrap());
    assert_eq!(pieces.finish(&cx).unwrap(), whole);
}

#[test]
fn rank_sums_are_those_of_counting_pairs_ties_at_half() {
    let (q, p) = ([1.0, 2.0, 2.0, 5.0], [2.0, 3.0, 0.0]);
    let u: f64 = q
        .iter()
        .flat_map(|q| p.iter().map(move |p| (q, p)))
        .map(|(q, p)| {
            if q > p {
                1.0
            } else if q == p {
                0.5
            } else {
                0.0
            }
        })
        .sum();
    // Seven values, one tie of three: 4 3 / 12 (8 - 24 / 42).
    let wanted = (u - 6.0) / (8.0f64 - 24.0 / 42.0).sqrt();
    assert!((rank_sum_score(&q, &p) - wanted).abs() < 1e-12);
    assert_eq!(rank_sum_score(&[1.0; 3], &[1.0; 5]), 0.0);
}

#[test]
fn cells_with_too_few_items_do_not_count() {
    let report =
        test(&normal(300, 4, 1), &normal(60, 4, 2), &normal(30, 4, 3), &Memorization::default());
    assert_eq!((report.data_copying, report.cells.len(), report.cells_left_out), (None, 0, 10));
}

#[test]
fn bad_options_and_missing_rows_are_refused_by_name() {
    let cx = Context::default();
    let new = |held_out: &[f32], generated: &[f32], o: Memorization| {
        MemorizationTest::new(held_out, generated, 2, &o, &cx).unwrap_err().to_string()
    };
    let good = Memorization { cells: 1, ..Memorization::default() };
    assert!(new(&[1.0; 4], &[1.0; 2], Memorization { cells: 0, ..good }).contains("`cells`"));
    assert!(new(&[1.0; 4], &[1.0; 2], Memorization { least: 1, ..good }).contains("`least`"));
    assert!(
        new(&[1.0; 4], &[1.0; 2], Memorization { cells: 3, ..good }).contains("held-out items")
    );
    assert!(new(&[1.0; 4], &[], good).contains("generated items"));
    assert!(new(&[1.0; 4], &[f32::NAN; 2], good).contains("not finite"));
    let empty = MemorizationTest::new(&[1.0; 4], &[1.0; 2], 2, &good, &cx).unwrap();
    assert!(empty.finish(&cx).unwrap_err().to_string().contains("training items"));
}
