use super::*;
use proptest::prelude::*;
use restora_testkit::{assert_contract, assert_info_matches, synthetic, synthetic_rgb};

const BORDERS: [Border; 5] =
    [Border::Clamp, Border::Reflect, Border::Reflect101, Border::Wrap, Border::Constant];

fn run(image: &Image, radius: u32, border: Border) -> Image {
    median(image, &Median { radius, border }, &Context::with_threads(2)).unwrap()
}

/// Sorts every window.
fn oracle(image: &Image, radius: u32, border: Border) -> Image {
    let r = radius as isize;
    let (w, h) = (image.size().w(), image.size().h());
    let mut out = image.clone();
    for c in 0..image.channels() {
        let plane = image.plane(c);
        for y in 0..h as isize {
            for x in 0..w as isize {
                let mut window = Vec::new();
                for j in y - r..=y + r {
                    for i in x - r..=x + r {
                        let at = border.index(i, w).zip(border.index(j, h));
                        window.push(at.map_or(0.0, |(i, j)| plane.at(i, j)));
                    }
                }
                window.sort_by(f32::total_cmp);
                out.plane_mut(c)[y as usize * w + x as usize] = window[window.len() / 2];
            }
        }
    }
    out
}

fn eight_bit(image: &Image) -> Image {
    let mut image = image.clone();
    for v in image.data_mut() {
        *v = (*v * 255.0).round().clamp(0.0, 255.0) / 255.0;
    }
    image
}

fn textured(width: u32, height: u32, seed: u64) -> Image {
    restora_testkit::noisy(&synthetic(Size::new(width, height)), 0.2, seed)
}

#[test]
fn keeps_the_promises_of_an_operation() {
    let image = synthetic_rgb(Size::new(90, 70));
    for radius in [0, 1, 2, 3, 8] {
        let op = Median { radius, border: Border::Clamp };
        assert_contract(&op, &image);
        assert_contract(&op, &eight_bit(&image));
    }
    assert_info_matches(&INFO, &Median::default());
    assert!(Median { radius: 1001, ..Median::default() }.validate().is_err());
}

proptest! {
    #[test]
    fn equals_sorting_for_any_size_radius_border_and_depth(
        width in 1_u32..40, height in 1_u32..40, radius in 0_u32..7, border in 0_usize..5, seed: u64,
    ) {
        let image = textured(width, height, seed);
        let bytes = eight_bit(&image);
        let border = BORDERS[border];
        prop_assert_eq!(run(&image, radius, border), oracle(&image, radius, border));
        prop_assert_eq!(run(&bytes, radius, border), oracle(&bytes, radius, border));
    }

    #[test]
    fn the_network_selects_the_middle_of_twenty_and_of_twenty_five(
        values in proptest::collection::vec(any::<u8>(), 25), levels in 1_u8..=255,
    ) {
        let image = Image::gray_from_fn(Size::new(5, 5), |x, y| {
            f32::from(values[5 * y + x] % levels) / 255.0
        });
        let out = run(&image, 2, Border::Clamp);
        prop_assert_eq!(out.plane(0).at(2, 2), oracle(&image, 2, Border::Clamp).plane(0).at(2, 2));
    }
}

#[test]
fn wide_images_and_large_windows_cross_strips_blocks_and_counters() {
    for (width, height, radius) in [(600, 8, 3), (70, 90, 12), (30, 20, 40), (9, 7, 140)] {
        let image = textured(width, height, 5);
        for image in [eight_bit(&image), image] {
            let got = run(&image, radius, Border::Reflect);
            assert_eq!(got, oracle(&image, radius, Border::Reflect), "{width}x{height} {radius}");
        }
    }
}

#[test]
fn bytes_alone_give_the_same_as_the_image_of_them() {
    let image = eight_bit(&textured(67, 41, 2));
    let pixels: Vec<u8> = image.data().iter().map(|v| (v * 255.0).round() as u8).collect();
    for radius in [0, 1, 2, 5] {
        let options = Median { radius, ..Median::default() };
        let bytes = median_u8(&pixels, image.size(), &options, &Context::default()).unwrap();
        let want = run(&image, radius, Border::Clamp);
        assert!(bytes.iter().zip(want.data()).all(|(b, v)| f32::from(*b) / 255.0 == *v));
    }
    let short = median_u8(&pixels[1..], image.size(), &Median::default(), &Context::default());
    assert!(matches!(short, Err(OpError::Input(_))));
}

#[test]
fn only_exact_eight_bit_values_count_as_such() {
    for k in 0..=255_u8 {
        let v = f32::from(k) / 255.0;
        assert_eq!(nominal(f32::from(k)), v);
        let mut out = [0];
        assert!(to_bytes(&[v], &mut out) && out == [k]);
        for near in [v.next_up(), if k == 0 { -1e-9 } else { v.next_down() }] {
            assert!(!to_bytes(&[near], &mut out), "{near}");
        }
    }
    for beyond in [256.0 / 255.0, -1.0 / 255.0, 1e9, -1e9, f32::NAN, f32::INFINITY] {
        assert!(!to_bytes(&[beyond], &mut [0]), "{beyond}");
    }
}

#[test]
fn not_a_number_does_no_harm_beyond_its_window() {
    for radius in [1, 2, 3] {
        let mut image = textured(40, 30, 1);
        let clean = run(&image, radius, Border::Clamp);
        image.data_mut()[0] = f32::NAN;
        let out = run(&image, radius, Border::Clamp);
        assert_eq!(out.data()[20 * 40..], clean.data()[20 * 40..]);
    }
}
