use super::*;
use restora_image::Size;
use restora_testkit::{assert_info_matches, noisy, synthetic, synthetic_rgb};

fn run(image: &Image, options: &Gist) -> Vec<f32> {
    gist(image, options, &Context::default()).unwrap()
}

#[test]
fn a_wave_is_seen_by_the_filter_of_its_frequency_and_direction_where_it_is() {
    // Waves of the second scale, 0.3 / 1.85 per pixel, in the left half; flat elsewhere.
    for (direction, wanted) in [(0usize, 0usize), (2, 2), (4, 4), (6, 6)] {
        let angle = PI * direction as f64 / 8.0;
        let (sin, cos) = angle.sin_cos();
        let image = Image::gray_from_fn(Size::new(128, 128), |x, y| {
            // The filter of orientation o looks along -o: rows count down.
            let phase = 2.0 * PI * FINEST / RATIO * (x as f64 * cos - y as f64 * sin);
            if x < 64 { (0.5 + 0.2 * phase.sin()) as f32 } else { 0.5 }
        });
        let found = run(&image, &Gist::default());
        let strongest = |cell: usize| {
            let of = |filter: usize| found[filter * 16 + cell];
            (0..32).max_by(|a, b| of(*a).total_cmp(&of(*b))).unwrap()
        };
        for cell in [5, 9] {
            assert_eq!(strongest(cell), 8 + wanted, "direction {direction}, cell {cell}");
        }
        let filter = 8 + wanted;
        assert!(found[filter * 16 + 5] > 5.0 * found[filter * 16 + 7], "direction {direction}");
    }
}

#[test]
fn light_and_contrast_do_not_matter_and_a_flat_picture_has_nothing() {
    let image = noisy(&synthetic(Size::new(96, 80)), 0.02, 1);
    let mut darker = image.clone();
    for v in darker.data_mut() {
        *v = 0.3 * *v + 0.2;
    }
    let (a, b) = (run(&image, &Gist::default()), run(&darker, &Gist::default()));
    let largest = a.iter().copied().fold(0.0, f32::max);
    for (a, b) in a.iter().zip(&b) {
        assert!((a - b).abs() < 1e-4 * largest, "{a} {b}");
    }
    let flat = Image::gray_from_fn(Size::new(64, 64), |_, _| 0.7);
    assert!(run(&flat, &Gist::default()).iter().all(|v| v.abs() < 1e-6));
}

#[test]
fn a_mirrored_picture_has_mirrored_numbers() {
    // Waves below the highest frequency, which counts as a wave to one side only, as the mean counts as
    // one of angle 0: the formulas in double precision are off by 0.0016 here.
    let image = Image::gray_from_fn(Size::new(64, 64), |x, y| {
        let (x, y) = (x as f32, y as f32);
        let waves = (0.9 * x + 0.4 * y).sin() + (0.3 * x - 1.1 * y).cos();
        0.5 + 0.1 * waves + 0.2 * (0.2 * x).sin() * (0.1 * y).cos()
    });
    let mirrored = Image::gray_from_fn(image.size(), |x, y| image.plane(0).at(63 - x, y));
    let (a, b) = (run(&image, &Gist::default()), run(&mirrored, &Gist::default()));
    for scale in 0..4 {
        for (orientation, opposite) in [(0, 0), (1, 7), (3, 5), (4, 4)] {
            for cell in 0..16 {
                let across = cell / 4 * 4 + 3 - cell % 4;
                let one = a[(scale * 8 + orientation) * 16 + cell];
                let other = b[(scale * 8 + opposite) * 16 + across];
                assert!((one - other).abs() < 3e-3 * one.max(0.1), "{one} {other}");
            }
        }
    }
}

#[test]
fn lengths_are_as_promised_and_threads_do_not_matter() {
    for (options, length) in [
        (Gist::default(), 512),
        (Gist { orientations: vec![8, 8, 4], color: GistColor::Rgb, ..Gist::default() }, 960),
        (Gist { orientations: vec![3], grid: 7, color: GistColor::Gray }, 147),
    ] {
        for size in [Size::new(40, 33), Size::new(7, 64)] {
            for image in [synthetic(size), synthetic_rgb(size)] {
                let one = run(&image, &options);
                assert_eq!(one.len(), length);
                assert!(one.iter().all(|v| v.is_finite() && *v >= 0.0));
                assert_eq!(Ok(one), gist(&image, &options, &Context::with_threads(4)));
            }
        }
    }
    let gray = synthetic(Size::new(32, 32));
    let color = Image::from_vec(gray.size(), ColorSpace::Srgb, gray.data().repeat(3)).unwrap();
    let options = Gist { color: GistColor::Rgb, ..Gist::default() };
    let (a, b) = (run(&gray, &options), run(&color, &options));
    assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-5));
}

#[test]
fn bad_options_and_pictures_are_refused() {
    let image = synthetic(Size::new(32, 32));
    for (name, options) in [
        ("orientations", Gist { orientations: vec![], ..Gist::default() }),
        ("orientations", Gist { orientations: vec![8, 0], ..Gist::default() }),
        ("grid", Gist { grid: 17, ..Gist::default() }),
    ] {
        let error = gist(&image, &options, &Context::default()).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
    for image in [
        Image::zeros(Size::new(3, 30), ColorSpace::Gray),
        Image::zeros(Size::new(0, 0), ColorSpace::Gray),
        Image::zeros(Size::new(32, 32), ColorSpace::Lab),
    ] {
        assert!(gist(&image, &Gist::default(), &Context::default()).is_err());
    }
    assert_info_matches(&INFO, &Gist::default());
}
