use super::*;
use restora_data::{TableFormat, TableLabels, TableWriter};
use restora_image::Rng;
use std::path::Path;

fn normal(n: usize, dims: usize, seed: u64, shift: f32) -> Vec<f32> {
    let mut rng = Rng::new(seed, "normal", 0);
    let mut rows = vec![0.0; n * dims];
    rng.fill_normal(&mut rows);
    for v in &mut rows {
        *v += shift;
    }
    rows
}

fn source(folder: &Path, rows: &[f32], dims: usize) -> Source {
    let name = format!("{}.npy", std::fs::read_dir(folder).unwrap().count());
    let path = folder.join(name);
    let mut out =
        TableWriter::create(&path, TableFormat::Npy, dims, TableLabels::None, false).unwrap();
    rows.chunks(dims).for_each(|row| out.push("", None, row).unwrap());
    out.commit().unwrap();
    Source::Table { reader: TableReader::open(&path).unwrap(), features: "hand-made".into() }
}

fn measured(rows: [&[f32]; 3], options: &SetOptions, threads: usize) -> Result<SetReport, Error> {
    let dir = tempfile::tempdir().unwrap();
    let [real, generated, held_out] = rows.map(|rows| source(dir.path(), rows, 4));
    let sets = Sets { real, generated, held_out: Some(held_out), probabilities: None };
    measure_sets(sets, options, &Context::with_threads(threads), &|| ())
}

#[test]
fn every_measure_tells_a_fresh_set_from_a_shifted_and_a_copied_one_on_any_number_of_threads() {
    let (real, held_out) = (normal(3000, 4, 1, 0.0), normal(800, 4, 2, 0.0));
    let options = SetOptions { sample: 900, ..SetOptions::default() };
    let run = |generated: &[f32]| measured([&real, generated, &held_out], &options, 1).unwrap();
    let fresh = run(&normal(1000, 4, 3, 0.0));
    assert_eq!((fresh.real.items, fresh.generated.items, fresh.dimensions), (3000, 1000, 4));
    assert_eq!((fresh.features.as_str(), fresh.failures.len()), ("hand-made", 0));
    let corrected = |r: &SetReport| r.frechet_distance.unwrap().jackknife.unwrap();
    assert!(
        corrected(&fresh).interval[0] < 0.0
            && fresh.frechet_distance.unwrap().plain.distance < 0.05
    );
    let kernel = |r: &SetReport| r.kernel_distance.unwrap();
    assert!(kernel(&fresh).interval[0] < 0.0 && kernel(&fresh).interval[1] > 0.0);
    let copying = |r: &SetReport| r.memorization.clone().unwrap();
    assert!(copying(&fresh).report.z.abs() < 4.0);
    let overlap = fresh.precision_recall.unwrap();
    assert_eq!(overlap.rows, [900, 900]);
    assert!(overlap.precision.value > 0.9 && (overlap.density.value - 1.0).abs() < 0.1);

    let shifted = run(&normal(1000, 4, 3, 1.0));
    // The square of the shift in four columns.
    assert!((corrected(&shifted).corrected - 4.0).abs() < 0.5);
    assert!(kernel(&shifted).interval[0] > 0.0);
    assert!(shifted.precision_recall.unwrap().precision.value < overlap.precision.value);

    // Copies of 40 training items, each 25 times.
    let copies: Vec<f32> = (0..1000).flat_map(|i| real[i % 40 * 4..][..4].to_vec()).collect();
    let copied = run(&copies);
    let found = copying(&copied);
    assert!(found.report.z < -10.0 && found.named[0].distance == 0.0);
    let number = |name: &str| name.strip_prefix("row ").unwrap().parse::<usize>().unwrap();
    assert_eq!(number(&found.named[0].generated) % 40, number(&found.named[0].training));
    let birthday = copied.birthday_paradox.clone().unwrap();
    let support = birthday.support.support.unwrap();
    assert!((30.0..50.0).contains(&support), "{support}");
    assert_eq!(number(&birthday.pairs[0].first) % 40, number(&birthday.pairs[0].second) % 40);
    assert!(fresh.birthday_paradox.unwrap().support.duplicates < 10);

    let threads = measured([&real, &copies, &held_out], &options, 4).unwrap();
    assert_eq!(serde_json::to_string(&threads).unwrap(), serde_json::to_string(&copied).unwrap());
}

#[test]
fn too_few_items_are_warned_of_and_sets_that_do_not_fit_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let options =
        SetOptions { measures: vec![SetMeasure::FrechetDistance], ..SetOptions::default() };
    let pair = |a: &[f32], b: &[f32], dims: [usize; 2], options: &SetOptions| {
        let real = source(dir.path(), a, dims[0]);
        let sets = Sets {
            real,
            generated: source(dir.path(), b, dims[1]),
            held_out: None,
            probabilities: None,
        };
        measure_sets(sets, options, &Context::default(), &|| ())
    };
    let (a, b) = (normal(20, 16, 1, 0.0), normal(30, 16, 2, 0.0));
    let report = pair(&a, &b, [16, 16], &options).unwrap();
    assert!(report.warnings[0].contains("20 items for 16 features"), "{:?}", report.warnings);
    assert!(report.kernel_distance.is_none() && report.precision_recall.is_none());
    assert!(
        pair(&a, &b, [16, 8], &options)
            .unwrap_err()
            .to_string()
            .contains("16 features each, the generated ones 8")
    );
    let needs = SetOptions { measures: vec![SetMeasure::Memorization], ..options };
    assert!(
        pair(&a, &b, [16, 16], &needs)
            .unwrap_err()
            .to_string()
            .contains("memorization needs held-out items")
    );
}
