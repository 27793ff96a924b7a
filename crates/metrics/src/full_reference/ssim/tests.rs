use super::*;
use restora_image::{Cancel, Rect};
use restora_testkit::{noisy, synthetic, synthetic_rgb};

fn score_of(x: &Image, y: &Image, options: &Ssim) -> f64 {
    ssim(x, y, options, &Context::default()).unwrap()
}

/// The paper's formula, window by window, in two dimensions.
fn oracle(x: &Image, y: &Image, options: &Ssim) -> f64 {
    let n = options.window.taps() as isize;
    let taps: Vec<f64> = match options.window {
        Window::Gaussian => gaussian_taps().to_vec(),
        Window::Uniform => vec![1.0 / 7.0; 7],
    };
    let norm = if options.window == Window::Uniform { 49.0 / 48.0 } else { 1.0 };
    let (c1, c2) = ((0.01 * options.range).powi(2), (0.03 * options.range).powi(2));
    let (w, h) = (x.size().w() as isize, x.size().h() as isize);
    let (border, margin) = match options.border {
        SsimBorder::Valid => (Border::Constant, n / 2),
        SsimBorder::Reflect => (Border::Reflect, 0),
        SsimBorder::Reflect101 => (Border::Reflect101, 0),
        SsimBorder::Replicate => (Border::Clamp, 0),
    };
    let (mut sum, mut count) = (0.0, 0.0);
    for c in 0..x.channels() {
        let at = |image: &Image, x: isize, y: isize| {
            let x = border.index(x, w as usize).unwrap();
            let y = border.index(y, h as usize).unwrap();
            f64::from(image.plane(c).at(x, y))
        };
        for cy in margin..h - margin {
            for cx in margin..w - margin {
                let mut m = [0.0; 5];
                for dy in 0..n {
                    for dx in 0..n {
                        let (px, py) = (cx + dx - n / 2, cy + dy - n / 2);
                        let (a, b) = (at(x, px, py), at(y, px, py));
                        let t = taps[dx as usize] * taps[dy as usize];
                        for (m, v) in m.iter_mut().zip([a, b, a * a, b * b, a * b]) {
                            *m += t * v;
                        }
                    }
                }
                let [mx, my, xx, yy, xy] = m;
                let (sx, sy, sxy) =
                    (norm * (xx - mx * mx), norm * (yy - my * my), norm * (xy - mx * my));
                sum += (2.0 * mx * my + c1) * (2.0 * sxy + c2)
                    / ((mx * mx + my * my + c1) * (sx + sy + c2));
                count += 1.0;
            }
        }
    }
    sum / count
}

#[test]
fn ssim_equals_the_formula_for_every_window_border_and_size() {
    // 141 columns are two whole strips and a part; 139 rows two bands.
    let whole = synthetic_rgb(Size::new(141, 139));
    for (width, height) in [(11, 11), (12, 30), (40, 13), (75, 11), (1, 1), (1, 9), (8, 1), (2, 3)]
    {
        let x = whole.crop(Rect { x: 3, y: 5, width, height });
        let y = noisy(&x, 0.08, 5);
        for window in [Window::Gaussian, Window::Uniform] {
            for border in [
                SsimBorder::Valid,
                SsimBorder::Reflect,
                SsimBorder::Reflect101,
                SsimBorder::Replicate,
            ] {
                for range in [1.0, 2.5] {
                    let options = Ssim { range, window, border, ..Ssim::default() };
                    if border == SsimBorder::Valid && width.min(height) < window.taps() {
                        let got = ssim(&x, &y, &options, &Context::default());
                        assert!(matches!(got, Err(MetricError::TooSmall { .. })));
                        continue;
                    }
                    let (got, wanted) = (score_of(&x, &y, &options), oracle(&x, &y, &options));
                    assert!((got - wanted).abs() < 1e-12, "{options:?} {got} {wanted}");
                }
            }
        }
    }
    let (x, y) = (whole.clone(), noisy(&whole, 0.05, 9));
    let options = Ssim { gray: GrayConversion::Bt601, ..Ssim::default() };
    let gray = |image: &Image| Image::from_plane(restora_image::to_luma(image).unwrap());
    let wanted = oracle(&gray(&x), &gray(&y), &Ssim::default());
    assert!((score_of(&x, &y, &options) - wanted).abs() < 1e-12);
}

#[test]
fn constant_images_leave_only_the_luminance_term() {
    let size = Size::new(20, 20);
    let flat = |v: f32| Image::gray_from_fn(size, |_, _| v);
    let got = score_of(&flat(0.25), &flat(0.75), &Ssim::default());
    let wanted = (2.0 * 0.25 * 0.75 + 1e-4) / (0.0625 + 0.5625 + 1e-4);
    assert!((got - wanted).abs() < 1e-12);
}

#[test]
fn an_image_scores_exactly_1_against_itself_and_less_the_noisier_it_gets() {
    let x = synthetic(Size::new(90, 70));
    for window in [Window::Gaussian, Window::Uniform] {
        let options = Ssim { window, ..Ssim::default() };
        assert_eq!(score_of(&x, &x, &options), 1.0);
        let scores = [0.01, 0.05, 0.2].map(|s| score_of(&x, &noisy(&x, s, 2), &options));
        assert!(1.0 > scores[0] && scores[0] > scores[1] && scores[1] > scores[2], "{scores:?}");
    }
}

#[test]
fn ssim_is_symmetric_and_the_same_bytes_for_any_thread_count() {
    let x = synthetic_rgb(Size::new(150, 290));
    let y = noisy(&x, 0.1, 4);
    let one = score_of(&x, &y, &Ssim::default());
    assert_eq!(score_of(&y, &x, &Ssim::default()), one);
    assert_eq!(ssim(&x, &y, &Ssim::default(), &Context::with_threads(3)), Ok(one));
}

#[test]
fn a_cancelled_ssim_stops_and_options_out_of_range_are_named() {
    let x = synthetic(Size::new(30, 30));
    let cancel = Cancel::default();
    cancel.cancel();
    let cx = Context { cancel: Some(&cancel), ..Context::default() };
    assert_eq!(ssim(&x, &x, &Ssim::default(), &cx), Err(MetricError::Cancelled));
    let options = Ssim { range: f64::NAN, ..Ssim::default() };
    let got = ssim(&x, &x, &options, &Context::default()).unwrap_err();
    assert_eq!(got.kind(), restora_image::ErrorKind::Param);
    assert!(serde_json::from_str::<Ssim>(r#"{"windows": "uniform"}"#).is_err());
    let read: Ssim = serde_json::from_str(r#"{"border": "reflect101"}"#).unwrap();
    assert_eq!(read.border, SsimBorder::Reflect101);
}
