//! What `restora inspect --report` finds of what was planted in real sets:
//! `RESTORA_SHARED=.. cargo test --release -p restora --test figures_set_inspection -- --ignored --nocapture`

use restora::data::{Dataset, DatasetOptions, EncodeOptions, FileMeta, Format, Input, write_file};
use restora::duplicates::DuplicateOptions;
use restora::image::{Cancel, Image, Raster, Rng, Size};
use restora::report::{ItemReport, Report};
use restora::run::{Observer, RunOptions, run};
use restora::set_inspection::{FindingKind, SetOptions, SetReport, inspect_set};
use restora::{Extractor, Pipeline};
use restora_testkit::shared;
use std::collections::BTreeSet;
use std::path::Path;

struct Silent;

impl Observer for Silent {
    fn finished(&self, _: &ItemReport) {}
}

fn put(root: &Path, id: &str, raster: &Raster) {
    let path = root.join(id);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    let meta = FileMeta::new(Format::Png, raster.layout, raster.depth());
    let pages = std::slice::from_ref(raster);
    write_file(&path, pages, Format::Png, &meta, &EncodeOptions::default(), true).expect("written");
}

/// A set with what is measured of its pictures one by one.
struct Measured {
    input: Input,
    report: Report,
}

impl Measured {
    fn of(root: &Path) -> Self {
        let input = Input::Path(root.to_owned());
        let mut options = RunOptions::new(Pipeline::default(), std::path::PathBuf::new());
        (options.dry_run, options.previews) = (true, 0);
        let report = run(&input, &options, &Silent, &Cancel::default()).expect("a report");
        Self { input, report }
    }

    /// The set by these features; copies by so many keypoints.
    fn inspected(&self, features: &[&str], keypoints: u32) -> SetReport {
        let features = features.iter().map(|f| Extractor::parse(f).expect("known")).collect();
        let duplicates = DuplicateOptions { keypoints, ..DuplicateOptions::default() };
        let options = SetOptions { features, duplicates };
        let cancel = Cancel::default();
        inspect_set(&self.input, &self.report, &options, &cancel, &|| {}).expect("a set")
    }
}

/// MNIST with 3 % of the labels wrong, ten leaks, and five pictures that are no digits.
#[test]
#[ignore = "needs the shared sets"]
fn wrong_labels_leaks_and_strangers_planted_in_digits_are_found() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = dir.path();
    let mut rng = Rng::new(5, "planted", 0);
    let mut wrong = BTreeSet::new();
    for (split, file, count) in [("train", "train", 3000), ("test", "t10k", 1000)] {
        let path = shared().join(format!("data/small_images/mnist/{file}-images-idx3-ubyte.gz"));
        let options = DatasetOptions { count: Some(count), ..DatasetOptions::default() };
        let set = Dataset::open(&path, &options).expect("digits");
        for (i, item) in set.iter().enumerate() {
            let item = item.expect("a digit");
            let class = u64::from(item.label.expect("a label"));
            let flipped = rng.uniform() < 0.03;
            let label = if flipped { (class + 1 + rng.below(9)) % 10 } else { class };
            let id = format!("{split}/{label}/{i}.png");
            put(root, &id, &item.raster);
            // Ten digits of the test are in the training set too, five of them lighter.
            if split == "test" && i % 200 == 50 {
                put(root, &format!("train/{label}/leak {i}.png"), &item.raster);
            } else if split == "test" && i % 100 == 50 {
                let copy = item.image();
                let lighter =
                    Image::gray_from_fn(copy.size(), |x, y| copy.plane(0).at(x, y) * 0.9 + 0.05);
                let raster = Raster::from_image(&lighter, item.raster.depth()).expect("8 bits");
                put(root, &format!("train/{label}/leak {i}.png"), &raster);
            }
            if flipped {
                wrong.insert(id);
            }
        }
    }
    let size = Size::new(28, 28);
    let strangers = [
        Image::gray_from_fn(size, |_, _| 0.01),
        Image::gray_from_fn(size, |_, _| rng.uniform() as f32),
        Image::gray_from_fn(size, |x, y| ((x + y) % 2) as f32),
        Image::gray_from_fn(size, |x, _| x as f32 / 27.0),
        Image::gray_from_fn(size, |x, y| f32::from(u8::from(x > 13) ^ u8::from(y > 13))),
    ];
    for (i, image) in strangers.iter().enumerate() {
        let raster = Raster::from_image(image, restora::image::Depth::U8).expect("8 bits");
        put(root, &format!("train/{i}/stranger {i}.png"), &raster);
    }
    let measured = Measured::of(root);
    // Copies are the same by any feature: they are looked for with all keypoints once.
    for (features, keypoints) in
        [(&["hog"][..], 120), (&["gist"], 16), (&["hog", "color-histogram"], 16)]
    {
        let set = measured.inspected(features, keypoints);
        let id = |i: usize| set.pictures[i].id.as_str();
        let labels = set.labels.as_ref().expect("labels");
        let found: Vec<&str> = labels.suspects.iter().map(|s| id(s.picture)).collect();
        let hits = found.iter().filter(|i| wrong.contains(**i)).count();
        let (precision, recall) =
            (hits as f64 / found.len() as f64, hits as f64 / wrong.len() as f64);
        let outliers: Vec<&str> =
            set.of_kind(FindingKind::Outlier).map(|f| id(f.picture)).collect();
        let strange = outliers.iter().filter(|i| i.contains("stranger")).count();
        let leaks = set.leaks().filter(|p| id(p.second).contains("leak")).count();
        println!(
            "{}: neighbors agree {:.3}, wrong labels {:.4} (planted {:.4}), recall {recall:.3}, precision {precision:.3}; \
             {strange} of 5 strangers among {} outliers; {leaks} of 10 leaks, {} in all",
            set.features,
            labels.agreement,
            labels.share,
            wrong.len() as f64 / set.pictures.len() as f64,
            outliers.len(),
            set.leaks().count()
        );
        assert!(leaks >= 5, "the equal ones");
        if features == ["hog"] {
            assert!(recall >= 0.75 && precision >= 0.75);
        }
    }
}

/// A thousand of CIFAR-10's small pictures: what the neighbors know of the classes by each feature.
#[test]
#[ignore = "needs the shared sets"]
fn features_that_know_the_classes_of_small_photographs() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = shared().join("data/small_images/cifar10/cifar10_train_3000_png.zip");
    let set = Dataset::open(&path, &DatasetOptions::default()).expect("a set");
    for item in set.iter().step_by(3) {
        let item = item.expect("a picture");
        put(dir.path(), &item.id, &item.raster);
    }
    let measured = Measured::of(dir.path());
    for features in [&["hog"][..], &["gist"], &["color-histogram"], &["hog", "color-histogram"]] {
        let set = measured.inspected(features, 16);
        let labels = set.labels.as_ref().expect("labels");
        println!(
            "{}: neighbors agree {:.3}, {} outliers, {} copies",
            set.features,
            labels.agreement,
            set.of_kind(FindingKind::Outlier).count(),
            set.copies.len()
        );
        assert!(labels.agreement > 0.2);
    }
}
