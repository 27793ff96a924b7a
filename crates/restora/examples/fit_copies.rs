//! Fits the regressions of `restora::duplicates` that say how probable it is that two pictures are of one source.
//!
//! `RESTORA_SHARED=SETS cargo run --release -p restora --example fit_copies`
//!
//! Copies are planted of photographs of BSDS500, of tiles of others at 32 x 32 and of digits; tiles of yet others and
//! more digits are strangers. Every pair that is verified counts, copies and strangers with their own number. One half fits, the
//! other tells how well the probabilities hold.

#![expect(clippy::print_stdout, reason = "prints the coefficients")]

#[path = "../tests/support/planting.rs"]
mod planting;

use planting::{pictures, plant, stranger, tiles, truth};
use restora::data::Input;
use restora::duplicates::{DuplicateOptions, Map, Pair, features, find_duplicates};
use restora::extractor::{Fit, framed};
use restora::image::{Cancel, Context, Image, Size};

/// What speaks for one source, and whether it is so.
type Row = ([f64; 4], bool);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let photographs = pictures("train/BSDS500_color400_jpeg.zip", "");
    let cut = |from: &[Image]| -> Vec<Image> { from.iter().flat_map(|p| tiles(p, 160)).collect() };
    let small = cut(&photographs[270..]);
    let to_small = |p| framed(p, Size::new(32, 32), Fit::Stretch, &Context::default());
    let small: Vec<Image> = small.iter().map(to_small).collect::<Result<_, _>>()?;
    let digits = pictures("small_images/mnist/t10k-images-idx3-ubyte.gz", "");
    let mut number = 0;
    let parts = [
        (&photographs[..130], 130),
        (&cut(&photographs[130..270]), 0),
        (&small, 100),
        (&digits[..3020], 20),
    ];
    for (set, planted) in parts {
        for (i, image) in set.iter().enumerate() {
            if i < planted {
                plant(folder.path(), number, image, 1);
            } else {
                stranger(folder.path(), number, image);
            }
            number += 1;
        }
    }
    let options = DuplicateOptions { least_probability: 0.0, ..DuplicateOptions::default() };
    let input = Input::Path(folder.path().into());
    let found = find_duplicates(&input, &options, None, &Cancel::default(), &|| ())?;
    let n = found.pictures.len();
    println!("{n} pictures, {} verified pairs", found.pairs.len());
    let of = |i: usize| truth(&found.pictures[i].id).0;
    let row = |p: &Pair, m: &Map| -> (Row, bool, usize) {
        ((features(m), of(p.first) == of(p.second)), m.inliers > 0, of(p.first))
    };
    let rows: Vec<_> =
        found.pairs.iter().filter_map(|p| p.map.as_ref().map(|m| row(p, m))).collect();
    for (what, by_keypoints) in [("keypoints", true), ("look", false)] {
        let part = |odd: usize| -> Vec<Row> {
            rows.iter().filter(|r| r.1 == by_keypoints && r.2 % 2 == odd).map(|r| r.0).collect()
        };
        let (fitting, held) = (part(0), part(1));
        let w = regression(&fitting);
        let copies = |rows: &[Row]| rows.iter().filter(|r| r.1).count();
        println!(
            "{what}: {w:.3?} of {} pairs, {} copies; held out {} pairs, {} copies",
            fitting.len(),
            copies(&fitting),
            held.len(),
            copies(&held)
        );
        for bin in [0.0, 0.01, 0.1, 0.5, 0.9, 0.99, 1.0].windows(2) {
            let inside: Vec<_> = held
                .iter()
                .map(|r| (odds(&w, &r.0), r.1))
                .filter(|(p, _)| (bin[0]..bin[1]).contains(p) || (bin[1] == 1.0 && *p == 1.0))
                .collect();
            let mean = inside.iter().map(|r| r.0).sum::<f64>() / inside.len().max(1) as f64;
            let share = inside.iter().filter(|r| r.1).count() as f64 / inside.len().max(1) as f64;
            println!(
                "  {:.2} to {:.2}: {} pairs, said {mean:.4}, are {share:.4}",
                bin[0],
                bin[1],
                inside.len()
            );
        }
        let mut surest: Vec<_> = found
            .pairs
            .iter()
            .filter_map(|p| p.map.as_ref().map(|m| (p, m, row(p, m))))
            .filter(|(_, _, r)| r.1 == by_keypoints && !r.0.1)
            .map(|(p, m, r)| (odds(&w, &r.0.0), p, m))
            .collect();
        surest.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (odds, p, m) in surest.iter().take(12) {
            println!(
                "  stranger {odds:.3}: {} {} edges {:.2} ratio {:.2} correlation {:.2} inliers {} alarms {:.1} scale {:.2}",
                found.pictures[p.first].id,
                found.pictures[p.second].id,
                m.edges,
                m.look_ratio,
                m.correlation,
                m.inliers,
                m.log10_false_alarms,
                m.scale
            );
        }
    }
    Ok(())
}

fn odds(w: &[f64; 4], x: &[f64; 4]) -> f64 {
    let score: f64 = w.iter().zip(x).map(|(w, x)| w * x).sum();
    1.0 / (1.0 + (-score).exp())
}

/// Logistic regression by Newton's method, with a weight decay that keeps it finite where classes separate.
fn regression(rows: &[Row]) -> [f64; 4] {
    const DECAY: f64 = 0.2;
    let mut w = [0.0; 4];
    for _ in 0..50 {
        let mut gradient = w.map(|w| -DECAY * w);
        let mut curvature = [[0.0; 4]; 4];
        (0..4).for_each(|i| curvature[i][i] = DECAY);
        for (x, same) in rows {
            let p = odds(&w, x);
            for i in 0..4 {
                gradient[i] += (f64::from(u8::from(*same)) - p) * x[i];
                for j in 0..4 {
                    curvature[i][j] += p * (1.0 - p) * x[i] * x[j];
                }
            }
        }
        let step = solved(curvature, gradient);
        (0..4).for_each(|i| w[i] += step[i].clamp(-2.0, 2.0));
    }
    w
}

/// Elimination without pivots: the matrix is positive definite.
fn solved(mut m: [[f64; 4]; 4], mut b: [f64; 4]) -> [f64; 4] {
    for k in 0..4 {
        for i in k + 1..4 {
            let share = m[i][k] / m[k][k];
            (k..4).for_each(|j| m[i][j] -= share * m[k][j]);
            b[i] -= share * b[k];
        }
    }
    for k in (0..4).rev() {
        let rest: f64 = (k + 1..4).map(|j| m[k][j] * b[j]).sum();
        b[k] = (b[k] - rest) / m[k][k];
    }
    b
}
