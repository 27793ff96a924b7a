//! k-means, keypoint codes, and the index at a million codes: `cargo test --release -p restora-metrics
//! --test figures_search -- --ignored --nocapture`

use rayon::prelude::*;
use restora_image::{Context, Rng};
use restora_metrics::features::{Sift, keypoint_code, sift};
use restora_metrics::search::{InvertedFileOptions, KnnGraphOptions, inverted_file, knn_graph};
use restora_metrics::sets::{KMeans, k_means, label_errors, local_outlier_factor, neighbor_votes};
use restora_testkit::{cpu_seconds, read_png, shared};

const DIMS: usize = 64;
const CODES: usize = 1_000_000;
const CLOUDS: usize = 5000;

/// A code of the mixture: clouds of unequal width, as descriptors of pictures lie.
fn draw(clouds: &[f64], rng: &mut Rng) -> [u8; DIMS] {
    let cloud = rng.below(CLOUDS as u64) as usize;
    let width = 6.0 + 18.0 * (cloud as f64 / CLOUDS as f64);
    std::array::from_fn(|d| {
        (clouds[cloud * DIMS + d] + width * rng.normal()).clamp(0.0, 255.0) as u8
    })
}

#[test]
#[ignore = "takes a minute"]
fn of_a_million_codes_95_in_100_nearest_are_found_in_32_lists() {
    let mut rng = Rng::new(3, "million", 0);
    let clouds: Vec<f64> = (0..CLOUDS * DIMS).map(|_| 30.0 + 190.0 * rng.uniform()).collect();
    let codes: Vec<u8> = (0..CODES).flat_map(|_| draw(&clouds, &mut rng)).collect();
    let cx = Context::with_threads(2);
    let mut index = None;
    let built = cpu_seconds(1, || {
        index = Some(inverted_file(&codes, DIMS, &InvertedFileOptions::default(), &cx));
    });
    let index = index.expect("ran").expect("built");
    println!("built in {built:.1} CPU s, {} lists", index.lists());
    // A near copy of a code of the index, and a code of the mixture that is not in it.
    let copies: Vec<[u8; DIMS]> = (0..500)
        .map(|i| {
            let code = &codes[(i * 1999) * DIMS..][..DIMS];
            std::array::from_fn(|d| {
                (f64::from(code[d]) + 8.0 * rng.normal()).clamp(0.0, 255.0) as u8
            })
        })
        .collect();
    let strangers: Vec<[u8; DIMS]> = (0..500).map(|_| draw(&clouds, &mut rng)).collect();
    for (name, queries) in [("near copies", copies), ("strangers", strangers)] {
        let exact: Vec<u32> = queries
            .par_iter()
            .map(|q| index.search(q, 1, index.lists()).expect("found")[0].distance)
            .collect();
        for probes in [8, 16, 32, 64] {
            let mut right = 0;
            let seconds = cpu_seconds(3, || {
                let found = queries.iter().map(|q| index.search(q, 1, probes).expect("found"));
                right = found.zip(&exact).filter(|(f, e)| f[0].distance == **e).count();
            });
            let (recall, each) = (right as f64 / 500.0, 1e3 * seconds / 500.0);
            println!("{name}, {probes} lists: recall {recall:.3}, {each:.3} CPU ms a query");
            assert!(probes < 32 || recall >= 0.95, "{name}: {recall}");
        }
    }
}

/// Squared distance.
fn gap<const N: usize>(p: &[u8; N], q: &[u8; N]) -> i32 {
    p.iter().zip(q).map(|(p, q)| i32::from(p.abs_diff(*q)).pow(2)).sum()
}

/// The nearest of `all`.
fn nearest<const N: usize>(p: &[u8; N], all: &[[u8; N]]) -> usize {
    (0..all.len()).min_by_key(|&j| gap(p, &all[j])).expect("some")
}

#[test]
#[ignore = "needs the shared sets"]
fn keypoint_code_finds_in_half_the_bytes_what_the_descriptor_finds() {
    let root = shared().join("data/feature_pair");
    let [a, b] = ["a.png", "b.png"].map(|name| {
        sift(&read_png(&root.join(name)), &Sift::default(), &Context::default()).expect("features")
    });
    // Right pairs by the truth of the warp.
    let truth = |x: f64, y: f64| {
        let z = 1.2e-4 * x - 8e-5 * y + 1.0;
        [(0.92 * x - 0.18 * y + 60.0) / z, (0.15 * x + 0.95 * y - 20.0) / z]
    };
    let right = |i: usize, j: usize| {
        let (p, q) = (a.keypoints[i], b.keypoints[j]);
        let [x, y] = truth(f64::from(p.x), f64::from(p.y));
        (x - f64::from(q.x)).hypot(y - f64::from(q.y)) < 3.0
    };
    let code = |d: &Vec<[u8; 128]>| d.iter().map(keypoint_code).collect::<Vec<_>>();
    let (short_a, short_b) = (code(&a.descriptors), code(&b.descriptors));
    let n = a.descriptors.len();
    let whole = (0..n).filter(|&i| right(i, nearest(&a.descriptors[i], &b.descriptors))).count();
    let half = (0..n).filter(|&i| right(i, nearest(&short_a[i], &short_b))).count();
    println!("nearest is right: {whole} by descriptor, {half} by code, of {n}");
    assert!(half * 100 >= whole * 95);
}

#[test]
#[ignore = "needs the shared sets"]
fn k_means_of_patches_is_as_tight_as_opencv() {
    let image = read_png(&shared().join("data/feature_pair/a.png"));
    let plane = image.plane(0);
    let mut patches = Vec::new();
    for y in (0..496).step_by(8) {
        for x in (0..496).step_by(8) {
            for dy in 0..8 {
                patches.extend_from_slice(&plane.row(y + dy)[x..x + 8]);
            }
        }
    }
    let options = KMeans { clusters: 16, tolerance: 1e-6, ..KMeans::default() };
    let runs = (0..10).map(|seed| {
        let cx = Context { seed, ..Context::default() };
        k_means(&patches, 64, &options, &cx).expect("groups").inertia
    });
    let mean = runs.sum::<f64>() / 10.0;
    println!("mean sum of squares of ten seeds: {mean:.1}");
    // OpenCV 5.0.0 `kmeans`, k-means++, 100 rounds: 4149.7 is the mean of thirty seeds.
    assert!(mean < 1.01 * 4149.7, "{mean}");
}

/// Ten classes that overlap, 5 % of their labels wrong, and strangers that belong to none.
#[test]
fn wrong_labels_and_strangers_are_found_among_ten_classes() {
    const ITEMS: usize = 4000;
    const STRANGERS: usize = 40;
    let mut rng = Rng::new(11, "classes", 0);
    let centers: Vec<f64> = (0..10 * DIMS).map(|_| 90.0 + 75.0 * rng.uniform()).collect();
    let (mut codes, mut labels, mut flipped) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..ITEMS {
        let class = rng.below(10) as usize;
        codes
            .extend((0..DIMS).map(|d| {
                (centers[class * DIMS + d] + 22.0 * rng.normal()).clamp(0.0, 255.0) as u8
            }));
        let wrong = rng.uniform() < 0.05;
        let label = if wrong { (class as u64 + 1 + rng.below(9)) % 10 } else { class as u64 };
        labels.push(label as u32);
        if wrong {
            flipped.push(i);
        }
    }
    codes.extend((0..STRANGERS * DIMS).map(|_| rng.below(256) as u8));
    labels.extend((0..STRANGERS).map(|_| rng.below(10) as u32));
    let cx = Context::with_threads(2);
    let exact = KnnGraphOptions { probes: u32::MAX, ..KnnGraphOptions::default() };
    let exact = knn_graph(&codes, DIMS, &exact, &cx).expect("a graph");
    let graph = knn_graph(&codes, DIMS, &KnnGraphOptions::default(), &cx).expect("a graph");
    let same = |i: usize| {
        let near: Vec<usize> = exact.neighbors(i).map(|n| n.0).collect();
        graph.neighbors(i).filter(|n| near.contains(&n.0)).count()
    };
    let recall = (0..graph.len()).map(same).sum::<usize>() as f64 / (10 * graph.len()) as f64;
    println!("neighbors found: {recall:.4}");
    assert!(recall >= 0.95);

    // Of strangers no label is right, and each is a suspect: here they are left out.
    let known = &codes[..ITEMS * DIMS];
    let members = knn_graph(known, DIMS, &KnnGraphOptions::default(), &cx).expect("a graph");
    let votes = |i: usize, row: &mut [f32]| neighbor_votes(&members, &labels, i, row);
    let found = label_errors(&labels[..ITEMS], 10, &votes).expect("labels");
    let among: Vec<usize> = found.suspects.iter().map(|s| s.item).collect();
    let hits = among.iter().filter(|i| flipped.contains(i)).count();
    let (recall, precision) =
        (hits as f64 / flipped.len() as f64, hits as f64 / among.len().max(1) as f64);
    println!(
        "wrong labels: recall {recall:.3}, precision {precision:.3}, share {:.3}",
        found.share
    );
    assert!(recall >= 0.95 && precision >= 0.95);
    let wrong = flipped.len() as f64 / ITEMS as f64;
    assert!((found.share - wrong).abs() < 0.02, "{} against {wrong}", found.share);

    let factors = local_outlier_factor(&graph);
    let mut order: Vec<usize> = (0..factors.len()).collect();
    order.sort_by(|a, b| factors[*b].total_cmp(&factors[*a]));
    let strangers = order[..STRANGERS].iter().filter(|i| **i >= ITEMS).count();
    println!("strangers among the {STRANGERS} with the largest factors: {strangers}");
    assert_eq!(strangers, STRANGERS);
}
