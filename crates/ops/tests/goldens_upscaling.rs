//! Changes of size against Pillow's, away from the edges (`goldens/resize_pillow.json`, made by
//! `tools/goldens/resize.py`), and the reduction's edges against MATLAB's rule of mirroring.

use restora_image::{Context, Image, Size};
use restora_ops::degrade::{Downscale, downscale};
use restora_ops::upscale::{Bicubic, Lanczos, bicubic, lanczos};
use std::path::Path;

/// The picture of the script.
fn picture(width: u64, height: u64) -> Image {
    Image::gray_from_fn(Size::new(width as u32, height as u32), |x, y| {
        let (x, y) = (x as u64, y as u64);
        let h = (x * 7349 + y * 9151 + 17) % 65521;
        let bar = if x / 4 % 3 == 1 { 60 } else { 0 };
        ((x * 5 + y * 3) % 97 + bar + h * h % 65521 % 31) as f32 / 256.0
    })
}

#[test]
fn every_change_of_size_is_pillows() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../goldens/resize_pillow.json");
    let text = std::fs::read_to_string(file).unwrap();
    let goldens: serde_json::Value = serde_json::from_str(&text).unwrap();
    let cases = goldens["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 9);
    for case in cases {
        let number = |key: &str| case[key].as_u64().unwrap();
        let image = picture(number("width"), number("height"));
        let (factor, cx) = (number("factor") as u32, Context::default());
        let name = case["name"].as_str().unwrap();
        let out = match name {
            "bicubic" => bicubic(&image, &Bicubic { factor }, &cx),
            "lanczos" => lanczos(&image, &Lanczos { factor, lobes: 3 }, &cx),
            _ => downscale(&image, &Downscale { factor }, &cx),
        }
        .unwrap();
        let (m, size) = (number("margin") as usize, out.size());
        let mut wanted = case["values"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap());
        for y in m..size.h() - m {
            for x in m..size.w() - m {
                let (got, want) = (f64::from(out.plane(0).at(x, y)), wanted.next().unwrap());
                assert!((got - want).abs() < 2e-6, "{name} by {factor} at {x} {y}: {got} {want}");
            }
        }
        assert!(wanted.next().is_none(), "{name} by {factor}");
    }
}

#[test]
fn downscale_mirrors_at_the_edge_as_matlab_does() {
    // imresize([1 0 0 0 0 0 0 0], [1 4], 'bicubic'): the weights of the first pixel and of its mirror image.
    let point = Image::gray_from_fn(Size::new(8, 8), |x, _| f32::from(x == 0));
    let out = downscale(&point, &Downscale { factor: 2 }, &Context::default()).unwrap();
    let keys = |x: f64| {
        let x = x.abs();
        if x <= 1.0 {
            (1.5 * x - 2.5) * x * x + 1.0
        } else {
            ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
        }
    };
    for (i, mirrored) in [(0, 0.75), (1, 0.0)] {
        let own: f64 = keys(0.25 + f64::from(i));
        let mirror = if mirrored > 0.0 { keys(mirrored) } else { keys(1.75) };
        let got = f64::from(out.plane(0).at(i as usize, 1));
        assert!((got - 0.5 * (own + mirror)).abs() < 1e-6, "{i}: {got}");
    }
}
