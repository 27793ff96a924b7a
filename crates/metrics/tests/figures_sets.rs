//! Measures of sets at a million rows of 512 numbers, made on the fly: seconds and resident memory.
//! `cargo test --release -p restora-metrics --test figures_sets -- --ignored --nocapture --test-threads 1`

use restora_image::{Context, Rng};
use restora_metrics::sets::{
    BirthdayParadox, Gaussian, KernelInceptionDistance, Memorization, MemorizationTest, Moments,
    PartedMoments, PrecisionRecall, Reservoir, birthday_paradox, frechet_distance,
    frechet_jackknife, kernel_inception_distance, precision_recall,
};
use restora_testkit::cpu_seconds;

const DIMS: usize = 512;
const ROWS: usize = 1_000_000;
const PIECE: usize = 2048;

/// Rows `first..first + n` of set number `seed`: normal, variances falling with the column, neighbors
/// correlated, the second set shifted and wider.
fn rows(seed: u64, first: usize, n: usize) -> Vec<f32> {
    let mut rows = vec![0.0; n * DIMS];
    let rng = Rng::new(seed, "features", 0);
    for (i, row) in rows.chunks_exact_mut(DIMS).enumerate() {
        rng.child((first + i) as u64).fill_normal(row);
        for c in 1..DIMS {
            row[c] = (0.8 * row[c] + 0.6 * row[c - 1]) * (1.0 + 0.02 * seed as f32);
        }
        for (c, v) in row.iter_mut().enumerate() {
            *v = *v / (1.0 + c as f32 / 64.0) + 0.05 * seed as f32;
        }
    }
    rows
}

/// Most memory that the process has had resident, in GiB; 0 where the system does not tell.
fn peak_gib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM"));
    let kib = line.and_then(|l| l.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.unwrap_or(0.0) / f64::from(1 << 20)
}

/// Runs `work`, tells its seconds and the peak so far.
#[expect(clippy::print_stdout, reason = "the figures are what these tests are run for")]
fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (mut out, mut work) = (None, Some(work));
    let start = std::time::Instant::now();
    let seconds = cpu_seconds(1, || out = work.take().map(|work| work()));
    let wall = start.elapsed().as_secs_f64();
    println!("{what}: {seconds:.1} CPU s, {wall:.1} s, peak {:.2} GiB", peak_gib());
    out.expect("ran")
}

#[test]
#[ignore = "takes a minute"]
fn a_million_rows_of_512_numbers_take_less_than_two_gib() {
    let cx = Context::with_threads(2);
    let generated_at = timed("making the rows of one set", || {
        (0..ROWS).step_by(PIECE).map(|at| rows(1, at, PIECE.min(ROWS - at)).len()).sum::<usize>()
    });
    assert_eq!(generated_at, ROWS * DIMS);
    let kernel = KernelInceptionDistance::default();
    let gathered = [0, 1].map(|seed| {
        timed("making them, moments in 8 parts and a reservoir of 100,000", || {
            let mut moments = PartedMoments::new(DIMS, 8, 0).expect("moments");
            let mut sample = Reservoir::new(kernel.rows(), DIMS, seed).expect("reservoir");
            for at in (0..ROWS).step_by(PIECE) {
                let rows = rows(seed, at, PIECE.min(ROWS - at));
                moments.add(&rows, &cx).expect("rows");
                sample.add(&rows).expect("rows");
            }
            (moments, sample)
        })
    });
    let [(a, sample_a), (b, sample_b)] = gathered;
    let gaussian =
        |m: &PartedMoments| m.whole(&cx).expect("all").gaussian(&cx).expect("covariance");
    let frechet = timed("Frechet distance", || {
        frechet_distance(&gaussian(&a), &gaussian(&b), &cx).expect("distance")
    });
    let estimate = timed("its jackknife", || frechet_jackknife(&a, &b, &cx).expect("estimate"));
    println!("Frechet {frechet:?} {estimate:?}");
    assert!((estimate.corrected - frechet.distance).abs() < 0.05 * frechet.distance);
    let distance = timed("kernel distance, 100 blocks of 1,000", || {
        kernel_inception_distance(sample_a.rows(), sample_b.rows(), DIMS, &kernel, &cx)
    });
    println!("kernel {:?}", distance.expect("distance"));
    let (real, generated) = (sample_a.sample(10_000, 1), sample_b.sample(10_000, 1));
    drop((a, b, sample_a, sample_b));
    let overlap = timed("precision, recall, density, coverage of 10,000", || {
        precision_recall(real.rows(), generated.rows(), DIMS, &PrecisionRecall::default(), &cx)
    });
    println!("{:?}", overlap.expect("overlap"));
    let support = timed("closest pairs of 10,000", || {
        birthday_paradox(generated.rows(), DIMS, &BirthdayParadox::default(), &cx)
    });
    assert_eq!(support.expect("pairs").duplicates, 0);
    let peak = peak_gib();
    assert!(peak < 2.0, "{peak} GiB");
}

#[test]
#[ignore = "takes a minute"]
fn memorization_of_a_million_training_rows_streams() {
    let cx = Context::with_threads(2);
    let (held_out, mut generated) = (rows(0, ROWS, 1000), rows(0, ROWS + 5000, 1000));
    // Every twentieth is a training item with a little noise.
    for copy in 0..50 {
        let row = rows(0, 20_000 * copy, 1);
        let noise = rows(7, copy, 1);
        for (v, (row, noise)) in
            generated[copy * 20 * DIMS..][..DIMS].iter_mut().zip(row.iter().zip(&noise))
        {
            *v = row + 0.05 * noise;
        }
    }
    let mut test = MemorizationTest::new(
        &held_out,
        &generated,
        DIMS,
        &Memorization { list: 60, ..Memorization::default() },
        &cx,
    )
    .expect("test");
    timed("1,000 generated and 1,000 held-out items against 1,000,000 training items", || {
        for at in (0..ROWS).step_by(PIECE) {
            test.add(&rows(0, at, PIECE.min(ROWS - at)), &cx).expect("rows");
        }
    });
    let report = test.finish(&cx).expect("report");
    println!("z {:.2}, C_T {:?}", report.z, report.data_copying);
    let found = report.suspects[..50]
        .iter()
        .filter(|s| s.generated % 20 == 0 && s.training == 20_000 * (s.generated as u64 / 20));
    assert_eq!(found.count(), 50);
    let peak = peak_gib();
    assert!(peak < 2.0, "{peak} GiB");
}

/// Of two samples of one law the distance is that of chance, to first order
/// `sum over i, j of vi vj / (vi + vj) / n` and `2 / n` times the sum of the variances `v` for the means.
#[test]
#[ignore = "takes a minute"]
fn the_frechet_distance_of_2048_columns_is_that_of_one_law_drawn_twice() {
    let d = 2048;
    let gaussian = |seed: u64| {
        let cx = Context::with_threads(2);
        let mut moments = Moments::new(d).expect("moments");
        let mut rng = Rng::new(seed, "wide", 0);
        for _ in 0..10 {
            let mut rows = vec![0.0; 500 * d];
            rng.fill_normal(&mut rows);
            for (i, v) in rows.iter_mut().enumerate() {
                *v /= 1.0 + (i % d) as f32 / 20.0;
            }
            moments.add(&rows, &cx).expect("rows");
        }
        moments.gaussian(&cx).expect("covariance")
    };
    let (a, b): (Gaussian, Gaussian) = (gaussian(1), gaussian(2));
    let cx = Context::with_threads(2);
    let got = timed("Frechet distance of 2048 columns", || frechet_distance(&a, &b, &cx));
    let got = got.expect("distance").distance;
    let v: Vec<f64> = (0..d).map(|i| (1.0 + i as f64 / 20.0).powi(-2)).collect();
    let pairs = |a: &f64| v.iter().map(|b| a * b / (a + b)).sum::<f64>();
    let chance = (v.iter().map(pairs).sum::<f64>() + 2.0 * v.iter().sum::<f64>()) / 5000.0;
    println!("{got:.4}, by chance {chance:.4}");
    assert!((got / chance - 1.0).abs() < 0.1, "{got}, {chance}");
}
