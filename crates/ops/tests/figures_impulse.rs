//! Random-valued impulses on Set12, blind, against what else there is.
//! `RESTORA_SHARED=.. cargo test --release -p restora-ops --test figures_impulse -- --ignored --nocapture`

use restora_image::{Context, Depth, Image, Mask, PlaneRef, Raster, Rng};
use restora_ops::degrade::{RandomValuedImpulse, random_valued_impulse};
use restora_ops::denoise::{Impulse, ImpulseKind, impulse};
use restora_ops::filter::{AdaptiveMedian, Median, adaptive_median, median};
use restora_ops::inpaint::{Telea, telea};
use restora_testkit::{psnr, set};

/// The four least of the differences to the eight neighbors.
fn road(plane: PlaneRef<'_>, x: usize, y: usize) -> f32 {
    let (w, h) = (plane.width(), plane.height());
    let rows = y.saturating_sub(1)..(y + 2).min(h);
    let mut all: Vec<f32> = rows
        .flat_map(|j| (x.saturating_sub(1)..(x + 2).min(w)).map(move |i| (i, j)))
        .filter(|at| *at != (x, y))
        .map(|(i, j)| (plane.at(i, j) - plane.at(x, y)).abs())
        .collect();
    all.sort_by(f32::total_cmp);
    all.iter().take(4).sum()
}

/// Pixels of large ROAD, filled by Telea's method.
fn detect_and_inpaint(image: &Image, threshold: f32, cx: &Context) -> Image {
    let plane = image.plane(0);
    let mask = Mask::from_fn(image.size(), |x, y| road(plane, x, y) > threshold);
    telea(image, &mask, &Telea { radius: 3 }, cx).expect("filled")
}

#[test]
#[ignore = "needs the shared sets"]
fn random_impulses_are_removed_a_decibel_better_than_by_medians_and_detection() {
    let cx = Context::default();
    let images = set("denoise/Set12");
    for density in [0.1, 0.3, 0.5] {
        let mut ours = 0.0;
        let mut others = [0.0; 9];
        for (i, (_, clean)) in images.iter().enumerate() {
            let rng = Rng::new(i as u64, "set12", 0);
            let options = RandomValuedImpulse { density };
            let hit = random_valued_impulse(clean, &options, &rng, &cx).expect("hit");
            let hit = Raster::from_image(&hit, Depth::U8).expect("gray").to_image();
            let random = Impulse { kind: ImpulseKind::Random, ..Impulse::default() };
            ours += psnr(clean, &impulse(&hit, &random, &cx).expect("restored"));
            let medians = [1, 2, 3].map(|radius| {
                median(&hit, &Median { radius, ..Median::default() }, &cx).expect("filtered")
            });
            let adaptive =
                adaptive_median(&hit, &AdaptiveMedian::default(), &cx).expect("filtered");
            let detected = [0.2, 0.35, 0.5, 0.75, 1.0].map(|t| detect_and_inpaint(&hit, t, &cx));
            let all = medians.iter().chain([&adaptive]).chain(&detected);
            for (sum, out) in others.iter_mut().zip(all.map(|out| psnr(clean, out))) {
                *sum += out;
            }
        }
        let n = images.len() as f64;
        let (ours, others) = (ours / n, others.map(|sum| sum / n));
        println!(
            "{density}: {ours:.2} dB; median 3, 5, 7 {:.2?}, adaptive {:.2}, ROAD and Telea {:.2?}",
            &others[..3],
            others[3],
            &others[4..]
        );
        let best = others.into_iter().fold(f64::NEG_INFINITY, f64::max);
        assert!(ours >= best + 1.0, "{density}: {ours:.2} against {best:.2} dB");
    }
}
