//! The real sets beside the repository.

use restora_data::{Dataset, DatasetOptions, SetFormat};
use restora_image::{Layout, Size};
use restora_testkit::shared;
use std::path::{Path, PathBuf};

fn data(name: &str) -> PathBuf {
    shared().join("data").join(name)
}

fn open(path: &Path, options: &DatasetOptions) -> Dataset {
    Dataset::open(path, options).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn histogram(set: &Dataset) -> Vec<usize> {
    let labels = set.labels().unwrap();
    let mut counts = vec![0; 1 + *labels.iter().max().unwrap() as usize];
    for label in labels {
        counts[*label as usize] += 1;
    }
    counts
}

#[test]
#[ignore = "needs the shared sets"]
fn mnist_is_whole_and_has_its_known_mean() {
    let set = open(&data("small_images/mnist"), &DatasetOptions::default());
    assert_eq!((set.format(), set.len()), (SetFormat::Idx, 60_000));
    assert_eq!(set.shape(), Some((Size::new(28, 28), Layout::Gray)));
    // The counts and the mean that everybody knows: 5923 zeros ..., 0.1307.
    let counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949];
    assert_eq!(histogram(&set), counts);
    let mut sum = 0.0;
    for item in set.iter() {
        sum += item.unwrap().image().data().iter().map(|v| f64::from(*v)).sum::<f64>();
    }
    assert!((sum / (60_000.0 * 784.0) - 0.1307).abs() < 5e-5);
    let test = data("small_images/mnist/t10k-images-idx3-ubyte.gz");
    assert_eq!(open(&test, &DatasetOptions::default()).labels().unwrap()[..5], [7, 2, 1, 0, 4]);
    let fashion = open(&data("small_images/fashion_mnist"), &DatasetOptions::default());
    assert_eq!((fashion.len(), fashion.labels().unwrap()[..3].to_vec()), (6000, vec![9, 0, 0]));
}

#[test]
#[ignore = "needs the shared sets"]
fn the_faces_are_cut_from_their_mosaic_with_their_labels() {
    let faces = data("small_images/faces");
    let options = DatasetOptions {
        cell: Some(Size::new(32, 32)),
        count: Some(13_165),
        labels: Some(faces.join("smiles_gray32_13165_labels.u8")),
        ..DatasetOptions::default()
    };
    let set = open(&faces.join("smiles_gray32_13165_mosaic115cols.png"), &options);
    assert_eq!(histogram(&set), [9475, 3690]);
    for i in [0, 1, 114, 115, 13_164] {
        let item = set.get(i).unwrap();
        assert_eq!((item.raster.size, item.raster.layout), (Size::new(32, 32), Layout::Gray));
        // The cells behind the last are black, no face is.
        let mean = item.image().data().iter().sum::<f32>() / 1024.0;
        assert!(mean > 0.1, "{i}: {mean}");
    }
    let all = DatasetOptions { count: None, labels: None, ..options };
    assert_eq!(open(&faces.join("smiles_gray32_13165_mosaic115cols.png"), &all).len(), 13_225);
}

#[test]
#[ignore = "needs the shared sets"]
fn the_zips_are_whole_and_their_folders_are_classes() {
    let cifar = data("small_images/cifar10/cifar10_test_1500_png.zip");
    let set = open(&cifar, &DatasetOptions::default());
    assert_eq!((set.len(), histogram(&set)), (1500, vec![150; 10]));
    assert_eq!((set.classes()[0].as_str(), set.classes()[9].as_str()), ("airplane", "truck"));
    let portraits = data("small_images/faces/portraits_color128_200.zip");
    assert_eq!(histogram(&open(&portraits, &DatasetOptions::default())), [100, 100]);
    let photos = open(&data("train/photos_open.zip"), &DatasetOptions::default());
    assert_eq!((photos.len(), photos.labels()), (307, None));
    for set in [set, photos] {
        for item in set.iter() {
            assert!(item.unwrap().raster.size.width >= 32);
        }
    }
}

#[test]
#[ignore = "needs the shared sets"]
fn numpy_s_own_archives_are_read_by_their_key() {
    let path = data("color_constancy/nus_canon600d_dev50_64px.npz");
    let set = open(&path, &DatasetOptions::default());
    assert_eq!((set.format(), set.len()), (SetFormat::Npz, 50));
    assert_eq!(set.shape(), Some((Size::new(64, 64), Layout::Rgb)));
    for item in set.iter() {
        let image = item.unwrap().image();
        // Scaled so that the largest value is the largest there is.
        assert_eq!(image.data().iter().copied().fold(0.0, f32::max), 1.0);
    }
}
