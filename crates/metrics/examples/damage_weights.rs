//! Fits what the detectors of scratches and of dust go by: the weights of their evidence, and the
//! scores that curves and spots of undamaged photographs reach at given rates.
//!
//! `cargo run --release -p restora-metrics --example damage_weights -- scratches|dust FOLDER`
//!
//! FOLDER holds NAME.clean.png, NAME.damaged.png and NAME.mask.png, as `tools/damage/draw.py` makes them
//! from photographs (`photos_open`, unpacked). Each is looked at in color and in gray. Logistic regression
//! by Newton's method, a curve weighted by its length; rates are counted on the half of the
//! photographs that the weights were not fitted on.

#![expect(clippy::print_stdout, reason = "prints a table")]

use restora_image::{ColorSpace, Context, Image, to_luma};
use restora_metrics::damage::{DUST_TERMS, SCRATCH_TERMS, dust_candidates, scratch_candidates};
use restora_testkit::read_png;
use std::path::{Path, PathBuf};

type Found<const N: usize> = Vec<(Vec<(u32, u32)>, [f32; N])>;

struct Candidate<const N: usize> {
    fold: usize,
    gray: bool,
    damage: bool,
    weight: f64,
    terms: [f64; N],
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let which = arguments.next().expect("scratches or dust");
    let folder = PathBuf::from(arguments.next().expect("a folder of triples"));
    if which == "dust" {
        let found = |image: &Image| {
            let all = dust_candidates(image, &Context::default()).expect("spots");
            all.into_iter().map(|c| (c.pixels, c.terms)).collect()
        };
        study::<DUST_TERMS>(&folder, found, |_| 1.0);
    } else {
        let found = |image: &Image| {
            let all = scratch_candidates(image, &Context::default()).expect("curves");
            all.into_iter().map(|c| (c.pixels, c.terms)).collect()
        };
        study::<SCRATCH_TERMS>(&folder, found, |pixels| pixels as f64);
    }
}

fn study<const N: usize>(
    folder: &Path,
    found: impl Fn(&Image) -> Found<N>,
    weight: impl Fn(usize) -> f64,
) {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().ends_with(".clean.png"))
        .collect();
    files.sort();
    let (mut all, mut pixels) = (Vec::new(), 0usize);
    for file in &files {
        let path = file.to_string_lossy().into_owned();
        let clean = read_png(file);
        let damaged = read_png(Path::new(&path.replace(".clean.", ".damaged.")));
        let mask = read_png(Path::new(&path.replace(".clean.", ".mask.")));
        pixels += clean.size().len();
        // Crops of one photograph fall on the same side.
        let stem = file.file_name().map_or(String::new(), |n| n.to_string_lossy().into_owned());
        let stem = stem.trim_end_matches(".clean.png");
        let photograph = stem.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
        let fold = photograph.bytes().map(usize::from).sum::<usize>() % 2;
        for gray in [false, true] {
            for (image, damage) in [(&clean, false), (&damaged, true)] {
                for (at, terms) in found(&shown(image, gray)) {
                    let drawn =
                        |p: &&(u32, u32)| mask.plane(0).at(p.0 as usize, p.1 as usize) > 0.5;
                    if !damage || 10 * at.iter().filter(drawn).count() >= 7 * at.len() {
                        let (weight, terms) = (weight(at.len()), terms.map(f64::from));
                        all.push(Candidate { fold, gray, damage, weight, terms });
                    }
                }
            }
        }
    }
    println!("weights {:.3?}", fit(&all, |_| true));
    let folds = [0, 1].map(|f| fit(&all, |c| c.fold != f));
    let score = |c: &Candidate<N>| dot(&folds[c.fold], &c.terms);
    let megapixels = pixels as f64 / 1e6;
    println!("{} photographs, {megapixels:.1} megapixels, {} candidates", files.len(), all.len());
    for gray in [false, true] {
        let of = |damage: bool| all.iter().filter(move |c| c.gray == gray && c.damage == damage);
        let mut scores: Vec<f64> = of(false).map(score).collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        let whole: f64 = of(true).map(|c| c.weight).sum();
        for rate in [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0] {
            let Some(&reached) = scores.get((rate * megapixels) as usize) else { continue };
            let hit: f64 = of(true).filter(|c| score(c) > reached).map(|c| c.weight).sum();
            println!(
                "{}: {rate} a megapixel at {reached:.2}, {:.1} % of the damage that is seen at all",
                if gray { "gray" } else { "color" },
                100.0 * hit / whole
            );
        }
    }
}

fn shown(image: &Image, gray: bool) -> Image {
    if gray && image.space() != ColorSpace::Gray {
        Image::from_plane(to_luma(image).expect("RGB"))
    } else {
        image.clone()
    }
}

fn dot<const N: usize>(a: &[f64; N], b: &[f64; N]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Logistic regression, with a weak pull to 0.
fn fit<const N: usize>(all: &[Candidate<N>], of: impl Fn(&Candidate<N>) -> bool) -> [f64; N] {
    let used: Vec<&Candidate<N>> = all.iter().filter(|c| of(c)).collect();
    let total = |damage: bool| -> f64 {
        used.iter().filter(|c| c.damage == damage).map(|c| c.weight).sum()
    };
    let scale = used.len() as f64 / total(false);
    let balance = 0.3 * total(false) / total(true);
    let mut weights = [0.0; N];
    for _ in 0..30 {
        let mut slope = weights.map(|w| -w);
        let mut curvature: [[f64; N]; N] = std::array::from_fn(|i| {
            let mut row = [0.0; N];
            row[i] = 1.0;
            row
        });
        for c in &used {
            let p = 1.0 / (1.0 + (-dot(&weights, &c.terms)).exp());
            let s = c.weight * scale * if c.damage { balance } else { 1.0 };
            let error = s * (f64::from(u8::from(c.damage)) - p);
            for i in 0..N {
                slope[i] += error * c.terms[i];
                for j in 0..N {
                    curvature[i][j] += s * p * (1.0 - p) * c.terms[i] * c.terms[j];
                }
            }
        }
        let change = solved(curvature, slope);
        weights.iter_mut().zip(change).for_each(|(w, d)| *w += d);
    }
    weights
}

/// The solution of a positive definite system, by elimination.
fn solved<const N: usize>(mut a: [[f64; N]; N], mut b: [f64; N]) -> [f64; N] {
    for i in 0..N {
        for k in i + 1..N {
            let factor = a[k][i] / a[i][i];
            for j in i..N {
                a[k][j] -= factor * a[i][j];
            }
            b[k] -= factor * b[i];
        }
    }
    for i in (0..N).rev() {
        let known: f64 = (i + 1..N).map(|j| a[i][j] * b[j]).sum();
        b[i] = (b[i] - known) / a[i][i];
    }
    b
}
