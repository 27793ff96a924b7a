use super::*;
use restora_image::{ColorSpace, Size};
use restora_testkit::{
    assert_contract, assert_info_matches, noisy, psnr, synthetic, synthetic_rgb,
};

fn with(radius: u32, eps: f32) -> Guided {
    Guided { radius, eps: Some(eps), ..Guided::default() }
}

/// Reads plane `c` at any pixel, continued.
fn at(image: &Image, c: usize, x: isize, y: isize, border: Border) -> f64 {
    let (w, h) = (image.size().w(), image.size().h());
    let at = border.index(x, w).zip(border.index(y, h));
    at.map_or(0.0, |(x, y)| f64::from(image.plane(c).at(x, y)))
}

/// `(a, b)` of the window around a pixel by Gaussian elimination, in `f64`.
fn fit(p: &Image, g: &Image, c: usize, x: isize, y: isize, options: &Guided) -> Vec<f64> {
    let (r, n) = (options.radius as isize, g.channels());
    let pixels: Vec<(isize, isize)> =
        (y - r..=y + r).flat_map(|y| (x - r..=x + r).map(move |x| (x, y))).collect();
    let count = pixels.len() as f64;
    let read = |image: &Image, c| -> Vec<f64> {
        pixels.iter().map(|(x, y)| at(image, c, *x, *y, options.border)).collect()
    };
    let mean = |v: &[f64]| v.iter().sum::<f64>() / count;
    let cov = |a: &[f64], b: &[f64]| {
        let (ma, mb) = (mean(a), mean(b));
        a.iter().zip(b).map(|(a, b)| (a - ma) * (b - mb)).sum::<f64>() / count
    };
    let guides: Vec<_> = (0..n).map(|c| read(g, c)).collect();
    let p = read(p, c);
    let mut m: Vec<Vec<f64>> = (0..n)
        .map(|i| {
            let mut row: Vec<f64> = (0..n).map(|j| cov(&guides[i], &guides[j])).collect();
            row[i] += f64::from(options.eps.unwrap());
            row.push(cov(&guides[i], &p));
            row
        })
        .collect();
    for i in 0..n {
        for k in 0..n {
            if k != i {
                let f = m[k][i] / m[i][i];
                for j in 0..=n {
                    m[k][j] -= f * m[i][j];
                }
            }
        }
    }
    let mut out: Vec<f64> = (0..n).map(|i| m[i][n] / m[i][i]).collect();
    out.push(mean(&p) - (0..n).map(|i| out[i] * mean(&guides[i])).sum::<f64>());
    out
}

fn oracle(p: &Image, g: &Image, options: &Guided) -> Vec<f64> {
    let r = options.radius as isize;
    let count = ((2 * r + 1) * (2 * r + 1)) as f64;
    let mut out = Vec::new();
    for c in 0..p.channels() {
        for y in 0..p.size().h() as isize {
            for x in 0..p.size().w() as isize {
                let mut sum = 0.0;
                for j in y - r..=y + r {
                    for i in x - r..=x + r {
                        let fit = fit(p, g, c, i, j, options);
                        let n = g.channels();
                        let affine: f64 =
                            (0..n).map(|k| fit[k] * at(g, k, x, y, options.border)).sum();
                        sum += affine + fit[n];
                    }
                }
                out.push(sum / count);
            }
        }
    }
    out
}

#[test]
fn keeps_the_promises_of_an_operation() {
    let rgb = synthetic_rgb(Size::new(70, 120));
    assert_contract(&with(3, 0.01), &rgb);
    assert_contract(&with(8, 0.01), &synthetic(Size::new(90, 110)));
    assert_contract(&Guided { sigma: Sigma::Known(0.1), ..Guided::default() }, &rgb);
    assert_info_matches(&INFO, &Guided::default());
}

#[test]
fn equals_the_regression_in_every_window() {
    for (w, h) in [(1, 1), (2, 3), (14, 9)] {
        let gray = noisy(&synthetic(Size::new(w, h)), 0.1, 1);
        let rgb = noisy(&synthetic_rgb(Size::new(w, h)), 0.1, 2);
        for (p, g) in [(&gray, &gray), (&rgb, &rgb), (&rgb, &gray), (&gray, &rgb)] {
            for options in [with(1, 0.01), with(3, 1e-3)] {
                let got = guided_by(p, g, &options, &Context::default()).unwrap();
                for (got, want) in got.data().iter().zip(oracle(p, g, &options)) {
                    assert!((f64::from(*got) - want).abs() < 5e-5, "{w}x{h}: {got} {want}");
                }
            }
        }
    }
}

#[test]
fn tiny_eps_keeps_the_image_and_huge_eps_is_a_double_box() {
    let image = synthetic(Size::new(60, 50));
    let run = |eps| guided(&image, &with(2, eps), &Context::default()).unwrap();
    assert!(psnr(&image, &run(1e-9)) > 60.0);
    let step = Image::gray_from_fn(Size::new(41, 9), |x, _| f32::from(x == 20));
    let out = guided(&step, &with(2, 1e6), &Context::default()).unwrap();
    // Two boxes of five make a triangle.
    for (d, want) in [(0, 5.0), (1, 4.0), (4, 1.0), (5, 0.0)] {
        assert!((out.plane(0).at(20 + d, 4) - want / 25.0).abs() < 1e-5);
    }
}

#[test]
fn flat_stays_flat_noise_falls_and_a_strong_edge_stays() {
    let flat = Image::gray_from_fn(Size::new(30, 20), |_, _| 0.3);
    let out = guided(&flat, &with(4, 0.01), &Context::default()).unwrap();
    assert!(out.data().iter().all(|v| (v - 0.3).abs() < 1e-6));
    let edge = Image::gray_from_fn(Size::new(80, 60), |x, _| if x < 40 { 0.2 } else { 0.8 });
    let degraded = noisy(&edge, 0.05, 4);
    let options = Guided { sigma: Sigma::Known(0.05), ..Guided::default() };
    let out = guided(&degraded, &options, &Context::default()).unwrap();
    assert!(psnr(&edge, &out) > psnr(&edge, &degraded) + 4.0);
}

#[test]
fn bad_options_and_guides_are_errors_and_no_noise_is_the_identity() {
    let image = synthetic(Size::new(9, 9));
    let run = |o: &Guided| guided(&image, o, &Context::default());
    for eps in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert!(matches!(run(&with(2, eps)), Err(OpError::Param { name: "eps", .. })));
    }
    assert!(matches!(run(&with(0, 0.1)), Err(OpError::Param { name: "radius", .. })));
    assert!(matches!(run(&Guided::default()), Err(OpError::Param { name: "sigma", .. })));
    let other = Image::zeros(Size::new(3, 9), ColorSpace::Gray);
    let result = guided_by(&image, &other, &with(2, 0.1), &Context::default());
    assert!(matches!(result, Err(OpError::SizeMismatch { .. })));
    let none = Guided { sigma: Sigma::Known(0.0), ..Guided::default() };
    assert_eq!(run(&none).unwrap(), image);
}
