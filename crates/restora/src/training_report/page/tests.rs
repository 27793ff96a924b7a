use super::*;
use crate::plot::{ImageGrid, Point, Scatter};
use crate::training_report::EpochRow;
use restora_image::Size;
use restora_testkit::{noisy, synthetic};

fn full() -> TrainingReport {
    let clean = vec![synthetic(Size::new(32, 32)); 3];
    let bad: Vec<_> = (0..3).map(|i| noisy(&clean[0], 0.1, i)).collect();
    TrainingReport {
        title: "faces <b>".into(),
        model: "dense".into(),
        options: vec![("a<script>".into(), "\"1\" & 2".into())],
        history: (1..=4)
            .map(|i| EpochRow {
                step: 100 * i,
                epoch: i as f64,
                train_loss: Some(0.1 / i as f64),
                validation_loss: Some(if i == 2 { f64::NAN } else { 0.2 / i as f64 }),
                validation_psnr: Some(20.0 + i as f64),
                learning_rate: Some(1e-3),
                images_per_second: Some(300.0),
            })
            .collect(),
        grids: vec![ImageGrid::restoration(&clean, &bad, &clean).unwrap()],
        latent: Some(Scatter {
            classes: vec!["<i>".into()],
            points: vec![Point { x: 0.0, y: 1.0, class: Some(0) }],
            ..Scatter::default()
        }),
        pca: Some(PcaComparison {
            code_size: 32,
            model_mse: 0.0035,
            pca_mse: 0.00456,
            explained_variance: Some(0.93),
            images: 1317,
        }),
        timings: vec![("training".into(), 3725.0)],
        command: "restora train dense --data 'a b' && <x>".into(),
        notes: vec!["stopped <early>".into()],
        ..TrainingReport::default()
    }
}

#[test]
fn every_name_is_escaped() {
    let html = page(&full()).unwrap();
    for raw in ["<b>\n", "faces <b>", "a<script>", "<i>", "<x>", "<early>", "\"1\" & 2"] {
        let body = html.replace("<div><b>", "");
        assert!(!body.contains(raw), "{raw}");
    }
    assert!(html.contains("faces &lt;b&gt;") && html.contains("a&lt;script&gt;"));
}

#[test]
fn a_full_report_shows_each_part_and_no_nan_in_a_drawing() {
    let html = page(&full()).unwrap();
    for part in [
        "Loss",
        "PSNR on the validation set",
        "Learning rate",
        "Speed",
        "Beside PCA",
        "0.004560",
        "0.003500",
        "76.8 %",
        "1 h 02 min",
        "Latent space",
        "Run it again",
        "24.00 dB",
    ] {
        assert!(html.contains(part), "{part}");
    }
    assert_eq!(html.matches("<svg").count(), 6);
    for svg in html.split("<svg").skip(1) {
        assert!(!svg.split("</svg>").next().unwrap().contains("NaN"));
    }
    // Nothing is fetched.
    assert!(!html.contains("src=\"http") && !html.contains("href=\"http"));
}

#[test]
fn an_empty_report_is_a_page_without_empty_parts() {
    let html = page(&TrainingReport::default()).unwrap();
    assert!(html.contains("<title>Training report</title>") && html.ends_with("</html>\n"));
    assert!(!html.contains("<svg") && !html.contains("<h2>") && !html.contains("class=\"tiles\""));
}

#[test]
fn a_report_written_as_json_comes_back() {
    let mut report = full();
    // JSON has no NaN.
    report.history[1].validation_loss = None;
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<TrainingReport>(&json).unwrap(), report);
}

#[test]
fn numbers_have_the_digits_that_say_something() {
    assert_eq!(number(0.00456), "0.004560");
    assert_eq!(number(12_345.6), "12346");
    assert_eq!(number(3.2e-9), "3.200e-9");
    assert_eq!(
        (short(2.0), short(1e-9), short(0.0), short(100.0)),
        ("2".into(), "1e-9".into(), "0".into(), "100".into())
    );
    assert_eq!((duration(2.0), duration(125.0)), ("2.0 s".into(), "2 min 05 s".into()));
}
