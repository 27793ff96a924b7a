//! What pictures gain by filling damage that was found, beside filling what is truly damaged; and impulses on
//! clean photographs.
//! `RESTORA_SHARED=.. cargo test --release -p restora --test figures_damage -- --ignored --nocapture`

use restora::Step;
use restora::damage::{Detector, Search, Trust, detect};
use restora::image::{Context, Depth, Image, Mask, Raster, Rng, Sample};
use restora_ops::degrade::{SaltAndPepper, Scratches, salt_and_pepper, scratches};
use restora_testkit::{psnr, read_png, set, shared};

const UNASKED: Trust = Trust::Unasked;
const ASKED: Trust = Trust::Asked(None);

fn found(image: &Image, detectors: &[Detector], trust: Trust) -> Mask {
    let raster = Raster::from_image(image, Depth::U8).expect("8 bits");
    let searches: Vec<_> = detectors.iter().map(|&detector| Search { detector, trust }).collect();
    detect(&raster, &searches, &Context::default()).expect("a mask").0
}

#[test]
#[ignore = "needs the shared sets"]
fn no_impulses_are_found_on_clean_photographs() {
    for folder in ["denoise/Kodak24_dev", "denoise/BSD68", "samples_open"] {
        for (name, image) in set(folder) {
            let asked = found(&image, &[Detector::Impulses], ASKED).count();
            assert_eq!(asked, 0, "{folder}/{name}");
        }
    }
}

/// Eight bits, and the places at which a picture differs from the clean one.
fn struck(clean: &Image, damaged: &Image) -> (Image, Mask) {
    let damaged = Raster::from_image(damaged, Depth::U8).expect("8 bits").to_image();
    let differs = |i: usize| {
        (0..clean.channels())
            .any(|c| (clean.plane_data(c)[i] - damaged.plane_data(c)[i]).abs() > 1.0 / 255.0)
    };
    let w = clean.size().w();
    let mask = Mask::from_fn(clean.size(), |x, y| differs(y * w + x));
    (damaged, mask)
}

/// The picture with `value` over the pixels of a cover.
fn over(clean: &Image, value: [f32; 3], cover: impl Fn(usize, usize) -> f32) -> Image {
    let (w, mut out) = (clean.size().w(), clean.clone());
    for (plane, value) in out.planes_mut().zip(value) {
        for (i, v) in plane.iter_mut().enumerate() {
            *v += cover(i % w, i / w) * (value - *v);
        }
    }
    out
}

/// Damage of one kind, drawn from the number of the picture.
fn damage(kind: Detector, clean: &Image, number: u64) -> Image {
    let cx = Context::default();
    let mut rng = Rng::new(11, "figures", number);
    let (w, h) = (clean.size().w(), clean.size().h());
    match kind {
        Detector::Scratches => {
            scratches(clean, &Scratches::default(), &rng, &cx).expect("scratches").0
        }
        Detector::Impulses => {
            let options = SaltAndPepper { density: 0.05, salt: 0.5 };
            salt_and_pepper(clean, &options, &rng, &cx).expect("impulses")
        }
        Detector::Text => {
            let text = read_png(&shared().join("data/masks/text_500.png"));
            over(clean, [1.0, 0.55, 0.0], |x, y| text.plane(0).at(x, y))
        }
        Detector::DeadLines => {
            let rows: Vec<usize> = (0..4).map(|_| (rng.uniform() * h as f64) as usize).collect();
            let value = rng.uniform() as f32;
            over(clean, [value; 3], |x, y| {
                f32::from(u8::from(rows[..2].contains(&y) || rows[2..].contains(&x)))
            })
        }
        Detector::Dust => {
            // Discs with soft borders, 2 to 8 pixels wide.
            let specks: Vec<[f64; 3]> = (0..40)
                .map(|_| {
                    let at = [rng.uniform() * w as f64, rng.uniform() * h as f64];
                    [at[0], at[1], 1.0 + 3.0 * rng.uniform()]
                })
                .collect();
            let value = 0.9 + 0.1 * rng.uniform() as f32;
            over(clean, [value; 3], |x, y| {
                let of = |s: &[f64; 3]| s[2] + 0.5 - (x as f64 - s[0]).hypot(y as f64 - s[1]);
                specks.iter().map(of).fold(0.0, f64::max).min(1.0) as f32
            })
        }
    }
}

fn filled(image: &Image, mask: &Mask, step: &Step) -> Image {
    if mask.count() == 0 {
        return image.clone();
    }
    let mut sample = Sample { mask: Some(mask.clone()), ..Sample::new(image.clone()) };
    step.operation().apply(&mut sample, &Context::default()).expect("filled");
    sample.image
}

/// How many marks of one mask have a mark of the other within a pixel.
fn agreeing(marks: &Mask, other: &Mask) -> usize {
    let (w, h) = (marks.size().w(), marks.size().h());
    let near = |x: usize, y: usize| {
        (y.saturating_sub(1)..(y + 2).min(h))
            .any(|j| (x.saturating_sub(1)..(x + 2).min(w)).any(|i| other.at(i, j)))
    };
    (0..w * h).filter(|i| marks.data()[*i] && near(i % w, i / w)).count()
}

/// Over `pictures` Kodak crops: precision and recall to one pixel, and mean PSNR of the whole picture damaged,
/// filled where damage was found, and filled where it is.
#[expect(clippy::print_stdout, reason = "the figures are the result")]
fn repaired(kind: Detector, trust: Trust, method: &str, pictures: usize) -> [f64; 5] {
    let step = Step::from_text(method).expect("a step");
    let (mut marked, mut right, mut drawn, mut hit) = (0, 0, 0, 0);
    let mut decibels = [0.0; 3];
    for (number, (_, clean)) in (0..).zip(set("Kodak500").into_iter().take(pictures)) {
        let (damaged, truth) = struck(&clean, &damage(kind, &clean, number));
        let mask = found(&damaged, &[kind], trust);
        marked += mask.count();
        right += agreeing(&mask, &truth);
        drawn += truth.count();
        hit += agreeing(&truth, &mask);
        let results =
            [damaged.clone(), filled(&damaged, &mask, &step), filled(&damaged, &truth, &step)];
        for (sum, result) in decibels.iter_mut().zip(&results) {
            *sum += psnr(&clean, result) / pictures as f64;
        }
    }
    let (precision, recall) = (right as f64 / marked.max(1) as f64, hit as f64 / drawn as f64);
    let [before, by_found, by_truth] = decibels;
    let how = if trust == Trust::Unasked { "unasked" } else { "asked" };
    println!(
        "{kind}, {how}: precision {precision:.3}, recall {recall:.3}; PSNR {before:.2} -> {by_found:.2} dB by \
         {method}, by the true mask {by_truth:.2}"
    );
    [precision, recall, before, by_found, by_truth]
}

#[test]
#[ignore = "needs the shared sets"]
fn filling_what_is_found_gains_what_it_is_measured_to() {
    // Least precision, recall, and PSNR after filling.
    for (kind, trust, least) in [
        (Detector::Scratches, ASKED, [0.79, 0.49, 31.5]),
        (Detector::Scratches, UNASKED, [0.96, 0.31, 30.9]),
        (Detector::Dust, ASKED, [0.96, 0.82, 38.8]),
        (Detector::Dust, UNASKED, [0.97, 0.80, 38.6]),
        (Detector::Text, UNASKED, [0.99, 0.96, 28.4]),
        (Detector::DeadLines, UNASKED, [0.99, 0.95, 48.9]),
        (Detector::Impulses, UNASKED, [0.98, 0.99, 35.0]),
    ] {
        let [precision, recall, before, by_found, _] = repaired(kind, trust, "telea", 12);
        let [p, r, decibels] = least;
        assert!(precision >= p && recall >= r, "{kind}: {precision:.3} {recall:.3}");
        assert!(by_found >= decibels && by_found > before + 2.5, "{kind}: {by_found:.2}");
    }
}

#[test]
#[ignore = "needs the shared sets"]
fn filling_what_is_found_by_groups_of_patches_gains_what_it_is_measured_to() {
    for (kind, decibels) in [
        (Detector::Scratches, 34.6),
        (Detector::Dust, 37.9),
        (Detector::Text, 30.4),
        (Detector::DeadLines, 53.9),
    ] {
        let [.., by_found, by_truth] = repaired(kind, ASKED, "hbe", 3);
        assert!(by_found >= decibels && by_found <= by_truth + 0.01, "{kind}: {by_found:.2}");
    }
}
