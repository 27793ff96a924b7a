use super::*;
use restora_image::Size;
use restora_testkit::{assert_contract, assert_info_matches, psnr, synthetic_rgb};

/// Shading, bars, a disc and noise.
fn picture(size: Size) -> Image {
    let mut image = Image::zeros(size, ColorSpace::Srgb);
    let w = size.w();
    for c in 0..3i64 {
        for (i, v) in image.plane_mut(c as usize).iter_mut().enumerate() {
            let (x, y) = ((i % w) as i64, (i / w) as i64);
            let shade = (x * (2 + c) + y * (3 - c)) / 4 % 180;
            let bars = if (x / 11 + y / 17) % 3 == c { 40 } else { 0 };
            let (dx, dy) = (x - 40 - 8 * c, y - 30);
            let disc = if dx * dx + dy * dy < 400 { 35 } else { 0 };
            let h = (x * 7349 + y * 9151 + c * 3571 + 17) % 65521;
            *v = (shade + bars + disc + h * h % 65521 % 13 - 6).clamp(0, 255) as f32 / 255.0;
        }
    }
    image
}

fn run(image: &Image, quality: u32, subsampling: Subsampling) -> Image {
    jpeg(image, &Jpeg { quality, subsampling }, &Context::default()).unwrap()
}

#[test]
fn jpeg_keeps_the_contract() {
    for subsampling in [Subsampling::Full, Subsampling::Quarter] {
        assert_contract(&Jpeg { quality: 40, subsampling }, &synthetic_rgb(Size::new(50, 41)));
    }
    assert_info_matches(&INFO, &Jpeg::default());
}

/// The DCT by its definition, T.81 A.3.3.
fn dct_oracle(block: &Block) -> [[f64; 8]; 8] {
    let c = |k: usize, x: usize| {
        let scale = if k == 0 { 0.125f64.sqrt() } else { 0.5 };
        scale * ((2 * x + 1) as f64 * k as f64 * std::f64::consts::PI / 16.0).cos()
    };
    std::array::from_fn(|v| {
        std::array::from_fn(|u| {
            let mut sum = 0.0;
            for y in 0..8 {
                for x in 0..8 {
                    sum += c(v, y) * c(u, x) * f64::from(block[y][x]);
                }
            }
            sum
        })
    })
}

#[test]
fn the_integer_dct_is_the_dct_and_its_inverse_the_inverse() {
    let mut rng = restora_image::Rng::new(1, "blocks", 0);
    let mut blocks: Vec<Block> =
        (0..50).map(|_| [[0; 8]; 8].map(|r| r.map(|_: i32| rng.below(256) as i32 - 128))).collect();
    // The loudest: checkered and half full.
    blocks.push(std::array::from_fn(|y| std::array::from_fn(|x| ((x + y) % 2) as i32 * 255 - 128)));
    blocks.push(std::array::from_fn(|y| [if y < 4 { 127 } else { -128 }; 8]));
    for block in blocks {
        let half = forward(transposed(block), 0, CONSTANT_BITS - EXTRA_BITS, EXTRA_BITS);
        let got = forward(transposed(half), EXTRA_BITS, CONSTANT_BITS + EXTRA_BITS, 0);
        let wanted = dct_oracle(&block);
        for (g, w) in got.iter().flatten().zip(wanted.iter().flatten()) {
            // Half a unit of each pass, and 13-bit constants.
            assert!((f64::from(*g) / 8.0 - w).abs() < 0.3, "{g} {w}");
        }
        let coefficients = wanted.map(|row| row.map(|c| c.round() as i32));
        let back = transposed(inverse(coefficients, CONSTANT_BITS - EXTRA_BITS));
        let back = transposed(inverse(back, CONSTANT_BITS + EXTRA_BITS + 3));
        for (g, w) in back.iter().flatten().zip(block.iter().flatten()) {
            assert!((g - w).abs() <= 2, "{g} {w}");
        }
    }
}

#[test]
fn a_picture_at_quality_100_survives_within_rounding() {
    let image = picture(Size::new(64, 64));
    let gray = Image::from_vec(image.size(), ColorSpace::Gray, image.data()[..4096].to_vec());
    let gray = gray.unwrap();
    let out = run(&gray, 100, Subsampling::Full);
    // Coefficients are off by at most 1/2: 64 of them in quadrature 1/sqrt(12) of a level.
    let worst = gray.data().iter().zip(out.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= 2.5 / 255.0, "{}", worst * 255.0);
}

#[test]
fn flat_images_stay_flat_and_the_loss_falls_as_quality_rises() {
    let mut flat = Image::zeros(Size::new(37, 21), ColorSpace::Srgb);
    flat.data_mut().fill(100.0 / 255.0);
    let out = run(&flat, 90, Subsampling::Quarter);
    assert!(out.data().iter().all(|v| (v - 100.0 / 255.0).abs() < 1.5 / 255.0));
    let image = picture(Size::new(83, 61));
    for subsampling in [Subsampling::Full, Subsampling::Quarter] {
        let scores = [5, 30, 60, 95].map(|q| psnr(&image, &run(&image, q, subsampling)));
        assert!(scores.is_sorted(), "{scores:?}");
    }
    let full = psnr(&image, &run(&image, 95, Subsampling::Full));
    assert!(full > psnr(&image, &run(&image, 95, Subsampling::Quarter)));
}

#[test]
fn output_is_8_bit_and_other_spaces_and_qualities_are_errors() {
    let image = synthetic_rgb(Size::new(20, 20));
    let out = run(&image, 60, Subsampling::Quarter);
    assert!(out.data().iter().all(|v| ((v * 255.0).round() / 255.0 - v).abs() < 1e-7));
    assert!(out.data().iter().all(|v| (0.0..=1.0).contains(v)));
    let lab = Image::zeros(Size::new(4, 4), ColorSpace::Lab);
    let got = jpeg(&lab, &Jpeg::default(), &Context::default());
    assert!(matches!(got, Err(OpError::WrongSpace { .. })));
    for quality in [0, 101] {
        let bad = Jpeg { quality, ..Jpeg::default() };
        assert!(matches!(bad.validate(), Err(OpError::Param { name: "quality", .. })));
    }
    assert!(serde_json::from_str::<Jpeg>(r#"{"quality": 30, "subsampling": "4:4:4"}"#).is_ok());
}
