//! Grouping and searching vectors of 64 numbers, one thread.

use divan::Bencher;
use restora_image::{Context, Rng};
use restora_metrics::features::{keypoint_code, mirrored};
use restora_metrics::search::{InvertedFileOptions, inverted_file};
use restora_metrics::sets::{KMeans, k_means};

fn main() {
    divan::main();
}

fn codes(n: usize) -> Vec<u8> {
    let mut rng = Rng::new(1, "bench", 0);
    (0..64 * n).map(|_| (128.0 + 30.0 * rng.normal()).clamp(0.0, 255.0) as u8).collect()
}

#[divan::bench]
fn k_means_64_groups_of_10000(bencher: Bencher) {
    let vectors: Vec<f32> = codes(10_000).into_iter().map(f32::from).collect();
    let options = KMeans { clusters: 64, rounds: 10, tolerance: 0.0 };
    bencher.bench(|| k_means(&vectors, 64, &options, &Context::default()));
}

#[divan::bench]
fn inverted_file_build_100000(bencher: Bencher) {
    let codes = codes(100_000);
    let options = InvertedFileOptions::default();
    bencher.bench(|| inverted_file(&codes, 64, &options, &Context::default()));
}

#[divan::bench(args = [1, 8, 32])]
fn inverted_file_search_100000(bencher: Bencher, probes: usize) {
    let codes = codes(100_000);
    let index = inverted_file(&codes, 64, &InvertedFileOptions::default(), &Context::default())
        .expect("built");
    bencher.bench(|| index.search(&codes[640..704], 10, probes));
}

#[divan::bench]
fn keypoint_code_and_its_mirror(bencher: Bencher) {
    let descriptor: [u8; 128] = codes(2).try_into().expect("128 bytes");
    bencher.bench(|| mirrored(&keypoint_code(divan::black_box(&descriptor))));
}
