//! Grouping and searching vectors of 64 numbers, one thread.

use divan::Bencher;
use restora_image::{Context, Rng};
use restora_metrics::features::{keypoint_code, mirrored};
use restora_metrics::search::{InvertedFileOptions, KnnGraphOptions, inverted_file, knn_graph};
use restora_metrics::sets::{KMeans, k_means, label_errors, local_outlier_factor, neighbor_votes};

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

#[divan::bench]
fn knn_graph_of_10000(bencher: Bencher) {
    let codes = codes(10_000);
    bencher.bench(|| knn_graph(&codes, 64, &KnnGraphOptions::default(), &Context::default()));
}

#[divan::bench]
fn label_errors_and_local_outlier_factor_of_10000(bencher: Bencher) {
    let options = KnnGraphOptions { probes: 8, ..KnnGraphOptions::default() };
    let graph = knn_graph(&codes(10_000), 64, &options, &Context::default()).expect("a graph");
    let labels: Vec<u32> = (0..10_000).map(|i| i % 10).collect();
    bencher.bench(|| {
        let votes = |i: usize, row: &mut [f32]| neighbor_votes(&graph, &labels, i, row);
        (label_errors(&labels, 10, &votes), local_outlier_factor(&graph))
    });
}
