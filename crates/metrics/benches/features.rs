//! Features of a 500 x 500 gray picture, one thread.

use divan::{Bencher, counter::ItemsCount};
use restora_image::{Context, Image, Size};
use restora_metrics::features::{
    ColorHistogram, DescriptorKind, Gabor, Gist, HistogramSpace, Hog, Homography, Lbp, Matching,
    Sift, color_histogram, gabor, gist, hog, homography, lbp, matching, sift,
};

fn main() {
    divan::main();
}

fn picture(seed: u64) -> Image {
    restora_testkit::noisy(&restora_testkit::synthetic(Size::new(500, 500)), 0.08, seed)
}

#[divan::bench(args = ["sift", "root-sift"])]
fn sift_gray(bencher: Bencher, descriptor: &str) {
    let descriptor =
        if descriptor == "sift" { DescriptorKind::Sift } else { DescriptorKind::RootSift };
    let options = Sift { descriptor, ..Sift::default() };
    let image = picture(1);
    bencher
        .counter(ItemsCount::new(image.size().len()))
        .bench(|| sift(&image, &options, &Context::default()).expect("features"));
}

#[divan::bench]
fn matching_all_pairs(bencher: Bencher) {
    let cx = Context::default();
    let [a, b] = [1, 2].map(|s| sift(&picture(s), &Sift::default(), &cx).expect("features"));
    bencher
        .counter(ItemsCount::new(a.descriptors.len() * b.descriptors.len()))
        .bench(|| matching(&a.descriptors, &b.descriptors, &Matching::default(), &cx));
}

#[divan::bench]
fn homography_half_wrong(bencher: Bencher) {
    let mut rng = restora_image::Rng::new(1, "bench", 0);
    let from: Vec<[f64; 2]> =
        (0..1000).map(|_| [500.0 * rng.uniform(), 500.0 * rng.uniform()]).collect();
    let to: Vec<[f64; 2]> = from
        .iter()
        .enumerate()
        .map(|(i, [x, y])| {
            let wrong = if i % 2 == 0 { 300.0 * rng.uniform() } else { 0.0 };
            [0.9 * x - 0.2 * y + wrong + 0.3 * rng.normal(), 0.2 * x + 0.9 * y + 7.0]
        })
        .collect();
    bencher.bench(|| homography(&from, &to, &Homography::default(), &Context::default()));
}

#[divan::bench]
fn gabor_bank_of_12(bencher: Bencher) {
    let image = picture(1);
    bencher.bench(|| gabor(&image, &Gabor::default(), &Context::default()));
}

#[divan::bench]
fn hog_gray(bencher: Bencher) {
    let image = picture(1);
    bencher.bench(|| hog(&image, &Hog::default(), &Context::default()));
}

#[divan::bench]
fn lbp_gray(bencher: Bencher) {
    let image = picture(1);
    bencher.bench(|| lbp(&image, &Lbp::default(), &Context::default()));
}

#[divan::bench(args = ["rgb", "hsv", "lab"])]
fn color_histogram_color(bencher: Bencher, space: &str) {
    let space = match space {
        "rgb" => HistogramSpace::Rgb,
        "hsv" => HistogramSpace::Hsv,
        _ => HistogramSpace::Lab,
    };
    let options = ColorHistogram { space, ..ColorHistogram::default() };
    let image = restora_testkit::synthetic_rgb(Size::new(500, 500));
    bencher.bench(|| color_histogram(&image, &options, &Context::default()));
}

#[divan::bench]
fn gist_256(bencher: Bencher) {
    let image = restora_testkit::synthetic(Size::new(256, 256));
    bencher.bench(|| gist(&image, &Gist::default(), &Context::default()));
}
