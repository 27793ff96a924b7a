//! What the detectors of damage find in drawn damage, and leave in clean photographs.

use restora::damage::{Detector, Search, Trust, detect};
use restora::image::{Context, Depth, Image, Mask, Raster, Rng};
use restora_ops::degrade::{Scratches, scratches};
use restora_testkit::{read_png, set, shared};

fn found(image: &Image, searches: &[Search]) -> Mask {
    let raster = Raster::from_image(image, Depth::U8).expect("8 bits");
    detect(&raster, searches, &Context::default()).expect("a mask").0
}

fn asked(detector: Detector) -> Vec<Search> {
    vec![Search { detector, trust: Trust::Asked(None) }]
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

/// Precision and recall over pictures with their truths, to one pixel.
fn scored(pictures: impl Iterator<Item = (Image, Mask)>, searches: &[Search]) -> (f64, f64) {
    let (mut marked, mut right, mut drawn, mut hit) = (0, 0, 0, 0);
    for (image, truth) in pictures {
        let mask = found(&image, searches);
        marked += mask.count();
        right += agreeing(&mask, &truth);
        drawn += truth.count();
        hit += agreeing(&truth, &mask);
    }
    (right as f64 / marked.max(1) as f64, hit as f64 / drawn.max(1) as f64)
}

/// The Kodak crops with the pixels of a shared mask in a color.
fn painted(mask: &str, color: [f32; 3]) -> impl Iterator<Item = (Image, Mask)> + use<> {
    let mask = read_png(&shared().join(format!("data/masks/{mask}_500.png")));
    let truth = Mask::from_fn(mask.size(), |x, y| mask.plane(0).at(x, y) > 0.5);
    set("Kodak500").into_iter().map(move |(_, mut image)| {
        for (plane, value) in image.planes_mut().zip(color) {
            for (v, _) in plane.iter_mut().zip(truth.data()).filter(|(_, m)| **m) {
                *v = value;
            }
        }
        (image, truth.clone())
    })
}

#[test]
#[ignore = "needs the shared sets"]
fn clean_photographs_are_left_untouched() {
    for folder in ["denoise/Kodak24_dev", "denoise/BSD68", "Kodak500", "samples_open"] {
        for (name, image) in set(folder) {
            assert_eq!(found(&image, &Search::unasked()).count(), 0, "{folder}/{name}");
        }
    }
}

#[test]
#[ignore = "needs the shared sets"]
fn few_pixels_of_clean_photographs_are_marked_when_damage_is_asked_for() {
    // Parts in 10,000 of the pixels.
    for (folder, detector, most) in [
        ("denoise/Kodak24_dev", Detector::Scratches, 65.0),
        ("denoise/BSD68", Detector::Scratches, 30.0),
        ("denoise/Kodak24_dev", Detector::Dust, 2.5),
        ("denoise/BSD68", Detector::Dust, 0.6),
        ("denoise/Kodak24_dev", Detector::Text, 0.0),
        ("denoise/BSD68", Detector::Text, 0.0),
        ("denoise/Kodak24_dev", Detector::DeadLines, 0.0),
        ("denoise/BSD68", Detector::DeadLines, 0.0),
    ] {
        let (mut marked, mut pixels) = (0, 0);
        for (_, image) in set(folder) {
            marked += found(&image, &asked(detector)).count();
            pixels += image.size().len();
        }
        let share = 1e4 * marked as f64 / pixels as f64;
        println!("{folder}, {detector}: {share:.2} of 10,000 pixels");
        assert!(share <= most, "{folder}, {detector}: {share:.2}");
    }
}

#[test]
#[ignore = "needs the shared sets"]
fn drawn_scratches_and_text_are_found() {
    let white = [1.0; 3];
    let black = [0.0; 3];
    let orange = [1.0, 0.55, 0.0];
    for (mask, color, detector, least) in [
        ("scratch", white, Detector::Scratches, (0.93, 0.85)),
        ("scratch", black, Detector::Scratches, (0.92, 0.83)),
        ("text", white, Detector::Text, (0.96, 0.93)),
        ("text", black, Detector::Text, (0.95, 0.91)),
        ("text", orange, Detector::Text, (0.98, 0.96)),
    ] {
        let (precision, recall) = scored(painted(mask, color), &asked(detector));
        println!("{mask} in {color:?}: precision {precision:.3}, recall {recall:.3}");
        assert!(precision >= least.0 && recall >= least.1, "{mask}: {precision:.3} {recall:.3}");
    }
}

#[test]
#[ignore = "needs the shared sets"]
fn scratches_of_degrade_are_found_when_asked_for() {
    let pictures = set("Kodak500").into_iter().enumerate().map(|(i, (_, clean))| {
        let rng = Rng::new(11, "figures", i as u64);
        scratches(&clean, &Scratches::default(), &rng, &Context::default()).expect("scratches")
    });
    let (precision, recall) = scored(pictures, &asked(Detector::Scratches));
    println!("precision {precision:.3}, recall {recall:.3}");
    assert!(precision >= 0.6 && recall >= 0.62, "{precision:.3} {recall:.3}");
}
