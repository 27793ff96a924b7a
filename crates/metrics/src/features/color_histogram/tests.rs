use super::*;
use restora_image::Size;
use restora_testkit::{assert_info_matches, synthetic, synthetic_rgb};

fn run(image: &Image, options: &ColorHistogram) -> Vec<f32> {
    color_histogram(image, options, &Context::default()).unwrap()
}

fn flat(rgb: [f32; 3], size: Size) -> Image {
    let data = rgb.iter().flat_map(|v| vec![*v; size.len()]).collect();
    Image::from_vec(size, ColorSpace::Srgb, data).unwrap()
}

#[test]
fn every_color_is_in_the_bin_of_its_formula() {
    let rgb = ColorHistogram::default();
    let hsv = ColorHistogram { space: HistogramSpace::Hsv, bins: 6, ..rgb };
    let lab = ColorHistogram { space: HistogramSpace::Lab, ..rgb };
    // Lab by scikit-image's `rgb2lab`: (53.24, 80.09, 67.20), (87.73, -86.18, 83.18), (32.30, 79.19, -107.86).
    for (color, options, bin) in [
        ([0.0, 0.0, 0.0], rgb, [0, 0, 0]),
        ([1.0, 1.0, 1.0], rgb, [7, 7, 7]),
        ([31.0 / 255.0, 32.0 / 255.0, 128.0 / 255.0], rgb, [0, 1, 4]),
        ([-0.5, 1.5, 0.3], rgb, [0, 7, 2]),
        ([1.0, 0.0, 0.0], hsv, [0, 5, 5]),
        ([1.0, 1.0, 0.0], hsv, [1, 5, 5]),
        ([0.0, 0.0, 0.6], hsv, [4, 5, 3]),
        ([1.0, 0.0, 0.01], hsv, [5, 5, 5]),
        ([0.5, 0.5, 0.5], hsv, [0, 0, 2]),
        ([1.0, 0.0, 0.0], lab, [4, 6, 6]),
        ([0.0, 1.0, 0.0], lab, [7, 1, 6]),
        ([0.0, 0.0, 1.0], lab, [2, 6, 0]),
        ([1.0, 1.0, 1.0], lab, [7, 4, 4]),
    ] {
        let found = run(&flat(color, Size::new(5, 3)), &options);
        let n = options.bins as usize;
        let wanted = (bin[0] * n + bin[1]) * n + bin[2];
        assert_eq!(found.iter().position(|v| *v == 1.0), Some(wanted), "{color:?} {options:?}");
    }
}

#[test]
fn gray_of_every_level_has_no_color_in_lab() {
    let options =
        ColorHistogram { space: HistogramSpace::Lab, bins: 32, ..ColorHistogram::default() };
    for level in 0..=255 {
        let found = run(&flat([level as f32 / 255.0; 3], Size::new(1, 1)), &options);
        let bin = found.iter().position(|v| *v == 1.0).unwrap();
        assert_eq!((bin / 32 % 32, bin % 32), (16, 16), "{level}");
    }
}

#[test]
fn levels_add_up_and_weigh_as_the_pyramid_match() {
    let image = synthetic_rgb(Size::new(61, 47));
    for channels in [HistogramChannels::Joint, HistogramChannels::Separate] {
        for levels in 0..=2 {
            let options = ColorHistogram { bins: 5, channels, levels, ..ColorHistogram::default() };
            let found = run(&image, &options);
            let cell = options.cell();
            assert_eq!(found.len(), cell * [1, 5, 21][levels as usize]);
            assert!((found.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            let whole = run(&image, &ColorHistogram { levels: 0, ..options });
            let mut from = 0;
            for level in 0..=levels {
                let weight =
                    0.5f32.powi(if level == 0 { levels } else { levels - level + 1 } as i32);
                let cells = &found[from..][..cell << (2 * level)];
                for (b, wanted) in whole.iter().enumerate() {
                    let sum: f32 = cells.iter().skip(b).step_by(cell).sum();
                    assert!((sum - weight * wanted).abs() < 1e-5, "{options:?} {level} {b}");
                }
                from += cells.len();
            }
        }
    }
    // The lower right quarter alone is bright.
    let quarter = Image::gray_from_fn(Size::new(9, 7), |x, y| {
        // x 2 / 9 = 1 from 5 on, y 2 / 7 = 1 from 4 on.
        if x >= 5 && y >= 4 { 1.0 } else { 0.0 }
    });
    let options = ColorHistogram { bins: 2, levels: 1, ..ColorHistogram::default() };
    let found = run(&quarter, &options);
    let bright: Vec<f32> = found.chunks_exact(8).map(|cell| cell[7]).collect();
    let share = 0.5 * 12.0 / 63.0;
    for (cell, wanted) in bright.iter().zip([share, 0.0, 0.0, 0.0, share]) {
        assert!((cell - wanted).abs() < 1e-6, "{bright:?}");
    }
}

#[test]
fn threads_and_the_order_of_pixels_do_not_matter_and_gray_is_equal_channels() {
    let options = ColorHistogram { space: HistogramSpace::Hsv, ..ColorHistogram::default() };
    let image = synthetic_rgb(Size::new(70, 90));
    let one = run(&image, &options);
    assert_eq!(Ok(&one), color_histogram(&image, &options, &Context::with_threads(4)).as_ref());
    let mut turned = image.clone();
    for c in 0..3 {
        turned.plane_mut(c).reverse();
    }
    assert_eq!(one, run(&turned, &options));
    let gray = synthetic(Size::new(33, 20));
    let color = Image::from_vec(gray.size(), ColorSpace::Srgb, gray.data().repeat(3)).unwrap();
    for space in [HistogramSpace::Rgb, HistogramSpace::Hsv, HistogramSpace::Lab] {
        let options = ColorHistogram { space, ..options };
        assert_eq!(run(&gray, &options), run(&color, &options));
    }
}

#[test]
fn bad_options_and_pictures_are_refused() {
    let image = synthetic(Size::new(8, 8));
    let bad = [
        ("bins", ColorHistogram { bins: 0, ..ColorHistogram::default() }),
        ("bins", ColorHistogram { bins: 33, ..ColorHistogram::default() }),
        ("levels", ColorHistogram { levels: 3, ..ColorHistogram::default() }),
    ];
    for (name, options) in bad {
        let error = color_histogram(&image, &options, &Context::default()).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
    for image in [
        Image::zeros(Size::new(0, 4), ColorSpace::Srgb),
        Image::zeros(Size::new(4, 4), ColorSpace::YCbCr601),
    ] {
        assert!(color_histogram(&image, &ColorHistogram::default(), &Context::default()).is_err());
    }
    assert_info_matches(&INFO, &ColorHistogram::default());
}
