//! What the net gains beside the policy without it, set by set: PSNR in dB of pictures as 8-bit files hold
//! them. The policy's table (`src/auto/choice.rs`) is decided by this one.
//!
//! `cargo run --release -p restora --example learned_sets -- [--gray FILE] [--color FILE] [--every N] [WORD...]`
//!
//! Each column is the whole policy, from the diagnosis on, with one method in place of its choice:
//! `bm3d`; the net `told` the measured level; the net `blind`. `auto` is the policy as it is. The last
//! columns are the least gain of a picture by `blind` and by `auto`, and how many pictures were found to have
//! noise that is white, signal-dependent, left under impulses, correlated: a row of the policy's table is
//! judged by sets of that class alone. `--gray` and `--color` are files of weights
//! in place of the ones in the program. WORDs choose rows by parts of their names. Clean pictures are
//! scored against themselves; every Nth of a set is taken (8).

#![expect(clippy::print_stdout, reason = "prints a table")]

use restora::auto::{Method, NoiseClass, method, plan_with};
use restora::data::{Limits, decode};
use restora::diagnose::diagnose;
use restora::image::{Context, Depth, Image, Raster, Sample};
use restora::tiles::{Known, Tiling, apply};
use restora::{Pipeline, Step};
use restora_testkit::{awgn, psnr, set, shared};
use std::cell::Cell;
use std::path::{Path, PathBuf};

struct Arguments {
    models: [Option<PathBuf>; 2],
    every: usize,
    words: Vec<String>,
}

fn arguments() -> Arguments {
    let mut all = Arguments { models: [None, None], every: 8, words: Vec::new() };
    let mut rest = std::env::args().skip(1);
    while let Some(word) = rest.next() {
        let mut value = || rest.next().unwrap_or_else(|| panic!("{word} wants a value"));
        match word.as_str() {
            "--gray" => all.models[0] = Some(value().into()),
            "--color" => all.models[1] = Some(value().into()),
            "--every" => all.every = value().parse().expect("a number"),
            _ => all.words.push(word),
        }
    }
    all
}

type Pairs = Vec<(Image, Image)>;

/// Clean and damaged pictures.
fn damaged(folder: &str, every: usize, damage: impl Fn(usize, &Image) -> Image) -> Pairs {
    let all = set(folder).into_iter().enumerate().step_by(every);
    all.map(|(i, (_, clean))| (damage(i, &clean), clean)).map(|(d, c)| (c, d)).collect()
}

fn steps(text: &str, index: usize, clean: &Image) -> Image {
    let mut sample = Sample::new(clean.clone());
    sample.meta.id = index.to_string();
    let steps = Pipeline::from_texts(&[text]).and_then(|p| p.named_steps()).expect("steps");
    for (step, done) in steps.iter().zip(0..) {
        let cx = Context::default().at_step(done);
        step.operation().apply(&mut sample, &cx).expect("applies");
    }
    sample.image
}

fn camera(every: usize) -> Pairs {
    let folder = shared().join("data/denoise/PolyU_dev");
    let entries = std::fs::read_dir(&folder).expect("the set");
    let mut paths: Vec<PathBuf> = entries
        .map(|e| e.expect("entry").path())
        .filter(|p| p.to_string_lossy().ends_with("_real.JPG"))
        .collect();
    paths.sort();
    let read = |path: &Path| {
        let bytes = std::fs::read(path).expect("readable file");
        decode(&bytes, &Limits::default()).expect("picture").pages[0].to_image()
    };
    let clean = |p: &Path| read(Path::new(&p.to_string_lossy().replace("_real", "_mean")));
    paths.iter().step_by(every).map(|p| (clean(p), read(p))).collect()
}

/// The policy with another choice of method.
fn restored(
    noisy: &Raster,
    choice: Option<Method>,
    models: &[Option<PathBuf>; 2],
) -> (Image, Option<NoiseClass>) {
    let cx = Context::default();
    let found = diagnose(&noisy.to_image(), &cx).expect("not cancelled");
    let class = Cell::new(None);
    let plan = plan_with(&found, &|noise, channels, sigma| {
        class.set(Some(noise));
        choice.unwrap_or_else(|| method(noise, channels, sigma))
    });
    let model = &models[usize::from(noisy.layout.colors() == 3)];
    let with_model = |step| match step {
        Step::Learned(learned) => {
            Step::Learned(restora::learned_denoiser::Learned { model: model.clone(), ..learned })
        }
        other => other,
    };
    let steps: Vec<Step> = plan.steps.into_iter().map(with_model).collect();
    let mut out = noisy.clone();
    let noise = found.noise_model();
    let known = Known { noise: Some(&noise), mask: None, id: "x" };
    apply(&mut out, &steps, &known, &Tiling::default(), &cx).expect("applies");
    (out.to_image(), class.get())
}

/// As the columns of the table have them.
const CLASSES: [NoiseClass; 4] = [
    NoiseClass::White,
    NoiseClass::SignalDependent,
    NoiseClass::UnderImpulses,
    NoiseClass::Correlated,
];

fn row(name: &str, arguments: &Arguments, pairs: impl FnOnce() -> Pairs) {
    if !arguments.words.is_empty() && !arguments.words.iter().any(|w| name.contains(w.as_str())) {
        return;
    }
    let methods = [Some(Method::Bm3d), Some(Method::Told), Some(Method::Blind), None];
    let mut found = [0; 4];
    let (mut sums, mut least, mut n) = ([0.0; 5], [f64::INFINITY; 2], 0.0);
    for (clean, noisy) in pairs() {
        let noisy = Raster::from_image(&noisy, Depth::U8).expect("a gray or RGB picture");
        // Unharmed is at most this: two pictures of 8 bits differ in one sample or in none.
        let score = |image: &Image| psnr(&clean, image).min(99.0);
        let before = score(&noisy.to_image());
        let after = methods.map(|m| restored(&noisy, m, &arguments.models));
        for (count, class) in found.iter_mut().zip(CLASSES) {
            *count += usize::from(after[3].1 == Some(class));
        }
        let after = after.map(|(image, _)| score(&image));
        let all = [before, after[0], after[1], after[2], after[3]];
        sums.iter_mut().zip(all).for_each(|(sum, s)| *sum += s);
        least = [least[0].min(after[2] - before), least[1].min(after[3] - before)];
        n += 1.0;
    }
    let cells: Vec<_> = sums.iter().map(|s| format!("{:.2}", s / n)).collect();
    let found = found.map(|n| n.to_string()).join(" ");
    let (cells, [blind, auto]) = (cells.join(" | "), least);
    println!("| {name} | {cells} | {blind:+.2} | {auto:+.2} | {found} |");
}

fn main() {
    let arguments = arguments();
    let every = arguments.every;
    println!(
        "| set and noise | noisy | bm3d | told | blind | auto | least blind | least auto | classes |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for folder in ["BSD68", "CBSD68"] {
        let path = format!("denoise/{folder}");
        for sigma in [5.0f32, 10.0, 15.0, 25.0, 35.0, 50.0, 75.0, 100.0] {
            row(&format!("{folder} white {sigma}"), &arguments, || {
                damaged(&path, every, |i, clean| awgn(clean, sigma, i))
            });
        }
        for (name, text) in [
            ("correlated 10, kernel 0.6", "correlated-noise:sigma=10/255:kernel=0.6"),
            ("correlated 10, kernel 1", "correlated-noise:sigma=10/255:kernel=1.0"),
            ("correlated 25, kernel 0.6", "correlated-noise:sigma=25/255:kernel=0.6"),
            ("correlated 25, kernel 1", "correlated-noise:sigma=25/255:kernel=1.0"),
            ("signal 0.0001 + 0.002 I", "poisson-gaussian-noise:a=0.0001:b=0.002"),
            ("signal 0.0001 + 0.01 I", "poisson-gaussian-noise:a=0.0001:b=0.01"),
            ("signal 0.0001 + 0.04 I", "poisson-gaussian-noise:a=0.0001:b=0.04"),
            ("white 10, JPEG 75", "gaussian-noise:sigma=10/255+jpeg:quality=75"),
            ("white 25, JPEG 75", "gaussian-noise:sigma=25/255+jpeg:quality=75"),
            ("white 25, JPEG 90", "gaussian-noise:sigma=25/255+jpeg:quality=90"),
            ("JPEG 50", "jpeg:quality=50"),
            ("JPEG 90", "jpeg:quality=90"),
            ("impulses 10 %", "salt-and-pepper:density=0.1"),
            ("white 15, impulses 10 %", "gaussian-noise:sigma=15/255+salt-and-pepper:density=0.1"),
        ] {
            row(&format!("{folder} {name}"), &arguments, || {
                damaged(&path, every, |i, clean| steps(text, i, clean))
            });
        }
    }
    row("PolyU_dev camera", &arguments, || camera(every.div_ceil(3)));
    row("Kodak24_dev clean", &arguments, || {
        damaged("denoise/Kodak24_dev", every.div_ceil(6), |_, clean| clean.clone())
    });
    row("samples_open clean", &arguments, || {
        damaged("samples_open", every.div_ceil(6), |_, clean| clean.clone())
    });
}
