//! Fits the intervals of `restora_ops::inpaint::doubt` to the errors of inpainters on a folder of photographs.
//!
//! `cargo run --release -p restora --example fit_doubt -- FOLDER telea learned-inpainting ...`
//!
//! Two crops of every photograph lose scattered pixels, strokes or blocks and are filled. Photographs with an even
//! number give the regression of the 0.9 quantile, the odd ones the factor that makes 9 of 10 of theirs lie inside.

#![expect(clippy::print_stdout, reason = "prints the coefficients")]

use restora::Step;
use restora::data::{Limits, decode};
use restora::image::{Context, Image, Rect, Rng, Sample};
use restora_ops::inpaint::doubt::{DoubtModel, Features, features};

type Errors = Vec<(Features, f32)>;
/// Crops are squares of this side; so many errors of each are kept.
const SIDE: u32 = 256;
const KEPT: usize = 600;
const COVERAGE: f32 = 0.9;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (folder, steps) = words.split_first().ok_or("FOLDER STEP...")?;
    let mut paths: Vec<_> = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<_, _>>()?;
    paths.sort();
    for text in steps {
        let step = Step::from_text(text)?;
        let mut halves: [Errors; 2] = [Vec::new(), Vec::new()];
        for (i, path) in paths.iter().enumerate() {
            let raster = decode(&std::fs::read(path)?, &Limits::default())?.pages.swap_remove(0);
            if raster.size.width < SIDE || raster.size.height < SIDE {
                continue;
            }
            let image = raster.to_image();
            for crop in 0..2 {
                let mut rng = Rng::new(5, "doubt", (2 * i + crop) as u64);
                errors(&step, &image, &mut rng, &mut halves[i % 2])?;
            }
        }
        let [fitting, scaling] = halves;
        let mut model = DoubtModel { coefficients: regression(&fitting) };
        let mut ratios: Vec<f32> =
            scaling.iter().map(|(f, e)| e / model.half_width(f).max(1e-6)).collect();
        ratios.sort_by(f32::total_cmp);
        let factor = ratios[(COVERAGE * ratios.len() as f32) as usize];
        model.coefficients[0] += factor.ln();
        let inside = |set: &Errors| {
            let n = set.iter().filter(|(f, e)| *e <= model.half_width(f)).count();
            n as f32 / set.len() as f32
        };
        println!(
            "{text}: {:.4?} ({} + {} errors, factor {factor:.3}, inside {:.3} and {:.3})",
            model.coefficients,
            fitting.len(),
            scaling.len(),
            inside(&fitting),
            inside(&scaling)
        );
    }
    Ok(())
}

/// Damages a crop of the image, fills it, and keeps some of the errors.
fn errors(
    step: &Step,
    image: &Image,
    rng: &mut Rng,
    to: &mut Errors,
) -> Result<(), Box<dyn std::error::Error>> {
    let at = |rng: &mut Rng, n: u32| rng.below(u64::from(n - SIDE) + 1) as u32;
    let (x, y) = (at(rng, image.size().width), at(rng, image.size().height));
    let clean = image.crop(Rect { x, y, width: SIDE, height: SIDE });
    let damage = match rng.below(3) {
        0 => format!("missing-pixels:density={:.3}", 0.3 + 0.6 * rng.uniform()),
        1 => {
            format!("scratches:count={}:width={:.1}", 3 + rng.below(15), 1.5 + 6.0 * rng.uniform())
        }
        _ => format!("missing-blocks:count={}:side={}", 1 + rng.below(4), 8 + rng.below(53)),
    };
    let cx = Context { seed: rng.next_u64(), ..Context::with_threads(2) };
    let mut sample = Sample::new(clean.clone());
    Step::from_text(&damage)?.operation().apply(&mut sample, &cx)?;
    step.operation().apply(&mut sample, &cx)?;
    let mask = sample.mask.as_ref().ok_or("a mask")?;
    let all = features(&sample.image, mask, &cx)?;
    let n = clean.size().len();
    for _ in 0..KEPT.min(all.len()) {
        let (i, features) = all[rng.below(all.len() as u64) as usize];
        let c = rng.below(clean.channels() as u64) as usize;
        let filled = sample.image.data()[c * n + i].clamp(0.0, 1.0);
        to.push((features, (filled - clean.data()[c * n + i]).abs()));
    }
    Ok(())
}

/// Linear regression of the quantile of `ln error`: Adam on the pinball loss.
fn regression(errors: &Errors) -> Features {
    let (mut c, mut first, mut second) = ([0.0f64; 6], [0.0f64; 6], [0.0f64; 6]);
    c[0] = -3.0;
    for t in 1..=3000 {
        let mut slope = [0.0f64; 6];
        for (f, e) in errors {
            let told: f64 = c.iter().zip(f).map(|(c, f)| c * f64::from(*f)).sum();
            let off = f64::from(e.max(1e-4).ln()) - told;
            // Smoothed around the kink.
            let below = 1.0 / (1.0 + (off / 0.05).exp());
            for (s, f) in slope.iter_mut().zip(f) {
                *s += (below - f64::from(COVERAGE)) * f64::from(*f) / errors.len() as f64;
            }
        }
        let rate = 0.03 * (1.0 - f64::from(t) / 3000.0) + 1e-4;
        for k in 0..6 {
            first[k] = 0.9 * first[k] + 0.1 * slope[k];
            second[k] = 0.99 * second[k] + 0.01 * slope[k] * slope[k];
            c[k] -= rate * (first[k] / (1.0 - 0.9f64.powi(t)))
                / ((second[k] / (1.0 - 0.99f64.powi(t))).sqrt() + 1e-8);
        }
    }
    c.map(|c| c as f32)
}
