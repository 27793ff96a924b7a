//! The inpainting net inside of the peers' masks, on the first eight pictures of Kodak500.
//!
//! Peers at random 50 / random 80 / text / scratch / block: Telea 25.30 / 24.27 / 25.43 / 23.52 / 19.29, biharmonic
//! 28.28 / - / 27.45 / 24.09 / 17.24 dB.
//! Wanted are 30.5 / 27.8 / 28.3 / 25.6 / 20.5 dB: text and scratches are reached. Each figure here is what was
//! measured with the weights in this tree, less a little for other machines.
//! `RESTORA_SHARED=.. cargo test --release -p restora --test figures_learned_inpainting -- --ignored --nocapture`

use restora::Step;
use restora_image::{Context, Image, Mask, Sample};
use restora_testkit::{read_png, set, shared};

/// PSNR over the missing pixels, results rounded to 8 bits as the peers' are.
fn psnr_inside(clean: &Image, filled: &Image, mask: &Mask) -> f64 {
    let n = mask.data().len();
    let squares = clean.data().iter().zip(filled.data()).enumerate();
    let sum: f64 = squares
        .filter(|(i, _)| mask.data()[i % n])
        .map(|(_, (a, b))| f64::from(a - (b.clamp(0.0, 1.0) * 255.0).round() / 255.0).powi(2))
        .sum();
    -10.0 * (sum / (mask.count() * clean.channels()) as f64).log10()
}

#[track_caller]
#[expect(clippy::print_stdout, reason = "the figures are the result")]
fn assert_at_least(name: &str, wanted: f64) {
    let method = std::env::var("METHOD").unwrap_or_else(|_| "learned-inpainting".to_owned());
    let step = Step::from_text(&method).expect("a step");
    let holes = read_png(&shared().join(format!("data/masks/{name}_500.png")));
    let mask = Mask::from_fn(holes.size(), |x, y| holes.plane(0).at(x, y) > 0.5);
    let images = set("Kodak500");
    let each = images.iter().take(8).map(|(_, clean)| {
        let mut damaged = clean.clone();
        for (i, v) in damaged.data_mut().iter_mut().enumerate() {
            *v = if mask.data()[i % mask.data().len()] { 0.0 } else { *v };
        }
        let mut sample = Sample { mask: Some(mask.clone()), ..Sample::new(damaged) };
        step.operation().apply(&mut sample, &Context::default()).expect("filled");
        psnr_inside(clean, &sample.image, &mask)
    });
    let mean = each.sum::<f64>() / 8.0;
    println!("{method} in {name}: {mean:.3} dB");
    assert!(mean >= wanted, "{name}: {mean:.3} dB, wanted {wanted}");
}

#[test]
#[ignore = "needs the shared sets"]
fn half_of_the_pixels_at_random() {
    assert_at_least("random50", 30.43);
}

#[test]
#[ignore = "needs the shared sets"]
fn four_fifths_of_the_pixels_at_random() {
    assert_at_least("random80", 27.05);
}

#[test]
#[ignore = "needs the shared sets"]
fn text() {
    assert_at_least("text", 29.70);
}

#[test]
#[ignore = "needs the shared sets"]
fn scratches() {
    assert_at_least("scratch", 25.88);
}

#[test]
#[ignore = "needs the shared sets"]
fn blocks() {
    assert_at_least("block", 19.90);
}
