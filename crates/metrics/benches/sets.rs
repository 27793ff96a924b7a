//! Measures of sets of features, 64 and 512 numbers a row, one thread.

use divan::Bencher;
use restora_image::{Context, Rng};
use restora_metrics::sets::{
    BirthdayParadox, KernelInceptionDistance, Memorization, Moments, PrecisionRecall,
    birthday_paradox, frechet_distance, inception_score, kernel_inception_distance, memorization,
    precision_recall,
};

fn main() {
    divan::main();
}

fn rows(n: usize, dims: usize, seed: u64) -> Vec<f32> {
    let mut rows = vec![0.0; n * dims];
    Rng::new(seed, "bench", 0).fill_normal(&mut rows);
    rows
}

#[divan::bench(args = [64, 512])]
fn moments_of_5000(bencher: Bencher, dims: usize) {
    let rows = rows(5000, dims, 1);
    bencher.bench(|| {
        let mut moments = Moments::new(dims).expect("moments");
        moments.add(&rows, &Context::default()).expect("rows");
        moments.count()
    });
}

#[divan::bench(args = [64, 512])]
fn frechet_distance_of_two(bencher: Bencher, dims: usize) {
    let cx = Context::default();
    let [a, b] = [1, 2].map(|seed| {
        let mut moments = Moments::new(dims).expect("moments");
        moments.add(&rows(5000, dims, seed), &cx).expect("rows");
        moments.gaussian(&cx).expect("covariance")
    });
    bencher.bench(|| frechet_distance(&a, &b, &cx));
}

#[divan::bench(args = [64, 512])]
fn kernel_inception_distance_of_2000(bencher: Bencher, dims: usize) {
    let (a, b, options) =
        (rows(2000, dims, 1), rows(2000, dims, 2), KernelInceptionDistance::default());
    bencher.bench(|| kernel_inception_distance(&a, &b, dims, &options, &Context::default()));
}

#[divan::bench(args = [64, 512])]
fn precision_recall_of_2000(bencher: Bencher, dims: usize) {
    let (a, b) = (rows(2000, dims, 1), rows(2000, dims, 2));
    bencher
        .bench(|| precision_recall(&a, &b, dims, &PrecisionRecall::default(), &Context::default()));
}

#[divan::bench]
fn birthday_paradox_of_2000(bencher: Bencher) {
    let rows = rows(2000, 64, 1);
    bencher.bench(|| birthday_paradox(&rows, 64, &BirthdayParadox::default(), &Context::default()));
}

#[divan::bench]
fn memorization_of_10000(bencher: Bencher) {
    let (training, held_out, generated) = (rows(10_000, 64, 1), rows(500, 64, 2), rows(500, 64, 3));
    let options = Memorization::default();
    bencher.bench(|| {
        memorization(&training, &held_out, &generated, 64, &options, &Context::default())
    });
}

#[divan::bench]
fn inception_score_of_10000(bencher: Bencher) {
    let mut rows = rows(10_000, 10, 1);
    for row in rows.chunks_exact_mut(10) {
        let sum: f32 = row.iter().map(|v| v.exp()).sum();
        for v in row.iter_mut() {
            *v = v.exp() / sum;
        }
    }
    bencher.bench(|| inception_score(&rows, 10, 10, 0));
}
