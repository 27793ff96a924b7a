//! Generalized Anscombe transform: makes noise whose variance grows with the signal (Poisson and
//! Gaussian, `a + b * signal`) white with one level, so that any denoiser for white noise can remove
//! it; and the way back without the bias of the algebraic inverse.
//!
//! ```text
//! D(z)  = 2 sqrt(z/b + 3/8 + a/b^2)                                    eq. (4) of the 2013 paper
//! y/b   = D^2/4 + sqrt(3/2)/(4 D) - 11/(8 D^2) + 5 sqrt(3/2)/(8 D^3) - 1/8 - a/b^2     eq. (10)
//! ```
//!
//! `D` is handled as its difference from `D(0)`, which neither overflows nor cancels as `b` goes to
//! 0 (there it is `z / sqrt(a)`), times one scale for all channels that takes the brightest to 1: the
//! scale is the standard deviation of the stabilized noise. Below `D = sqrt(3/2)`, the smallest mean
//! that a signal of 0 can have, the terms in `1/D` are held; values below 0 are not cut off.
//!
//! Cost: one square root per value and direction. Every channel has its own `a` and `b`; any color
//! space whose channels have independent noise.
//!
//! M. Mäkitalo, A. Foi, "Optimal inversion of the generalized Anscombe transformation for
//! Poisson-Gaussian noise", IEEE TIP 22(1), 2013, doi:10.1109/TIP.2012.2202675.

use restora_image::{ChannelNoise, Context, Image, NoiseModel, OpError, for_each_band, simd};

/// Smallest variance of a pixel where the model says less: a thousandth of an 8-bit step.
const LEAST_VARIANCE: f64 = 1.5e-11;
/// `b` below this times `sqrt(a)` is none: shot noise of full white is lost in the read noise.
const LEAST_SLOPE: f64 = 1e-6;
/// `2 sqrt(3/8)`
const LEAST_D: f32 = 1.224_744_9;

/// The transform of one channel.
#[derive(Clone, Copy, Debug)]
enum Curve {
    /// `D - D(0) = z / root`: no shot noise.
    Linear { root: f32 },
    /// `z/b` with `c = 3/8 + a/b^2` under the root.
    Root { b: f32, c: f32 },
}

impl Curve {
    fn new(noise: &ChannelNoise) -> Self {
        let (a, b) = (f64::from(noise.a), f64::from(noise.b));
        let root = a.max(LEAST_VARIANCE).sqrt();
        if b <= LEAST_SLOPE * root {
            return Self::Linear { root: root as f32 };
        }
        Self::Root { b: b as f32, c: (0.375 + a / (b * b)) as f32 }
    }

    /// `D(z) - D(0)`
    #[inline(always)]
    fn forward(self, z: f32) -> f32 {
        match self {
            Self::Linear { root } => z / root,
            Self::Root { b, c } => {
                let p = (z / b).max(-c);
                2.0 * p / ((p + c).sqrt() + c.sqrt())
            }
        }
    }

    /// The signal whose `D` has mean `D(0) + g`.
    #[inline(always)]
    fn inverse(self, g: f32) -> f32 {
        match self {
            Self::Linear { root } => g * root,
            Self::Root { b, c } => {
                let d0 = 2.0 * c.sqrt();
                let r = 1.0 / (d0 + g).max(LEAST_D);
                // sqrt(3/2)/4, 11/8, 5 sqrt(3/2)/8
                let bias = r * (0.306_186_22 + r * (-1.375 + r * 0.765_465_5));
                b * (0.25 * g * (g + 2.0 * d0) + 0.25 + bias)
            }
        }
    }
}

/// The curves of all channels, and their common scale.
fn curves(image: &Image, model: &NoiseModel) -> Result<(Vec<Curve>, f32), OpError> {
    let wanted = "one entry of finite a, b of at least 0 per channel";
    let n = model.channels.len();
    if n != image.channels() {
        return Err(OpError::param("noise", wanted, format!("{n} entries")));
    }
    let fine = |v: f32| v.is_finite() && v >= 0.0;
    if let Some(c) = model.channels.iter().find(|c| !fine(c.a) || !fine(c.b)) {
        return Err(OpError::param("noise", wanted, format!("a = {}, b = {}", c.a, c.b)));
    }
    let curves: Vec<_> = model.channels.iter().map(Curve::new).collect();
    let brightest = curves.iter().map(|c| c.forward(1.0)).fold(f32::MIN_POSITIVE, f32::max);
    Ok((curves, 1.0 / brightest))
}

fn map(
    image: &Image,
    curves: &[Curve],
    cx: &Context,
    value: impl Fn(Curve, f32) -> f32 + Sync + Copy,
) -> Result<Image, OpError> {
    let mut out = image.clone();
    let width = image.size().w();
    for (plane, &curve) in out.planes_mut().zip(curves) {
        for_each_band(plane, width, 64, cx, |_, rows| {
            simd(
                #[inline(always)]
                || {
                    for v in rows {
                        *v = value(curve, *v);
                    }
                },
            );
            Ok(())
        })?;
    }
    Ok(out)
}

/// Stabilizes the noise of `image`: returns it with white noise of one level, and that level.
///
/// # Errors
/// [`OpError::Param`] if the model does not have one entry per channel or one is negative or not
/// finite; [`OpError::Cancelled`].
pub fn anscombe(image: &Image, model: &NoiseModel, cx: &Context) -> Result<(Image, f32), OpError> {
    let (curves, sigma) = curves(image, model)?;
    let stabilized = map(
        image,
        &curves,
        cx,
        #[inline(always)]
        |curve, z| sigma * curve.forward(z),
    )?;
    Ok((stabilized, sigma))
}

/// Takes a denoised image of [`anscombe`] with the same model back: the exact unbiased inverse, in
/// its closed form.
///
/// # Errors
/// As for [`anscombe`].
pub fn inverse_anscombe(
    denoised: &Image,
    model: &NoiseModel,
    cx: &Context,
) -> Result<Image, OpError> {
    let (curves, sigma) = curves(denoised, model)?;
    let scale = 1.0 / sigma;
    map(
        denoised,
        &curves,
        cx,
        #[inline(always)]
        |curve, v| curve.inverse(scale * v),
    )
}

/// Runs a denoiser for white noise, `denoise(stabilized, sigma)`, between the two.
///
/// # Errors
/// As for [`anscombe`], and those of `denoise`.
pub fn stabilized(
    noisy: &Image,
    model: &NoiseModel,
    cx: &Context,
    denoise: impl FnOnce(&Image, f32) -> Result<Image, OpError>,
) -> Result<Image, OpError> {
    let (image, sigma) = anscombe(noisy, model, cx)?;
    inverse_anscombe(&denoise(&image, sigma)?, model, cx)
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{ColorSpace, Rng, Size};

    fn model(entries: &[(f32, f32)]) -> NoiseModel {
        let channels = entries.iter().map(|&(a, b)| ChannelNoise { a, b, sigma: 0.0 }).collect();
        NoiseModel { channels, correlation: 0.0 }
    }

    /// A flat image of `signal` with Poisson and Gaussian noise.
    fn flat(signal: f64, a: f64, b: f64) -> Image {
        let mut rng = Rng::new(3, "anscombe", 0);
        Image::gray_from_fn(Size::new(200, 200), |_, _| {
            (b * rng.poisson(signal / b) + a.sqrt() * rng.normal()) as f32
        })
    }

    fn moments(image: &Image) -> (f64, f64) {
        let n = image.data().len() as f64;
        let mean = image.data().iter().map(|v| f64::from(*v)).sum::<f64>() / n;
        let square = image.data().iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n;
        (mean, square.sqrt())
    }

    #[test]
    fn noise_gets_one_level_and_the_mean_comes_back_without_bias() {
        let cx = Context::default();
        for (a, b) in [(0.0, 0.02), (1e-4, 0.01), (4e-4, 0.002), (0.0, 1e-3)] {
            let model = model(&[(a as f32, b as f32)]);
            for signal in [0.05, 0.1, 0.3, 0.6, 1.0] {
                let (stable, sigma) = anscombe(&flat(signal, a, b), &model, &cx).unwrap();
                let (mean, deviation) = moments(&stable);
                // At a few photons per pixel the transform itself is some percent off (paper, fig. 1).
                let tolerance = if signal / b < 6.0 { 0.12 } else { 0.04 };
                let ratio = deviation / f64::from(sigma);
                assert!((ratio - 1.0).abs() < tolerance, "a {a} b {b} at {signal}: {ratio}");
                let flat = Image::gray_from_fn(Size::new(1, 1), |_, _| mean as f32);
                let back = inverse_anscombe(&flat, &model, &cx).unwrap();
                let got = f64::from(back.data()[0]);
                let error = 4.0 * ((a + b * signal) / 4e4).sqrt() + 0.004 * b;
                assert!((got - signal).abs() < error, "a {a} b {b}: {got} for {signal}");
            }
        }
    }

    #[test]
    fn without_shot_noise_nothing_is_bent() {
        let image = Image::gray_from_fn(Size::new(9, 5), |x, y| (x * 5 + y) as f32 / 40.0 - 0.2);
        let cx = Context::default();
        for b in [0.0, 1e-9, 1e-7, 1e-5] {
            let model = model(&[(0.01, b)]);
            let (stable, sigma) = anscombe(&image, &model, &cx).unwrap();
            assert!((sigma - 0.1).abs() < 1e-4, "{sigma}");
            let back = inverse_anscombe(&stable, &model, &cx).unwrap();
            for ((v, s), r) in image.data().iter().zip(stable.data()).zip(back.data()) {
                assert!((v - s).abs() < 1e-3 && (v - r).abs() < 1e-5, "b {b}: {v} {s} {r}");
            }
        }
    }

    #[test]
    fn channels_share_one_level_and_fill_the_range() {
        let model = model(&[(1e-4, 0.01), (4e-4, 0.0), (0.0, 0.0)]);
        let white = Image::from_vec(Size::new(1, 1), ColorSpace::Srgb, vec![1.0; 3]).unwrap();
        let (stable, sigma) = anscombe(&white, &model, &Context::default()).unwrap();
        let brightest = stable.data().iter().copied().fold(0.0, f32::max);
        assert!((brightest - 1.0).abs() < 1e-6 && sigma > 0.0);
        let expected = sigma / 0.02;
        assert!((stable.data()[1] - expected).abs() < 1e-3 * expected);
    }

    #[test]
    fn the_curves_grow_and_stay_finite_far_outside_the_range() {
        let cx = Context::default();
        let image = Image::gray_from_fn(Size::new(400, 1), |x, _| (x as f32 - 100.0) / 50.0);
        for (a, b) in [(0.0, 0.05), (1e-3, 0.01), (0.0, 0.0), (1e-6, 1e-6)] {
            let model = model(&[(a, b)]);
            let (stable, _) = anscombe(&image, &model, &cx).unwrap();
            let back = inverse_anscombe(&stable, &model, &cx).unwrap();
            for values in [stable.data(), back.data()] {
                assert!(values.windows(2).all(|w| w[0] <= w[1]), "a {a} b {b}");
                assert!(values.iter().all(|v| v.is_finite()));
            }
        }
    }

    #[test]
    fn models_that_do_not_fit_are_errors() {
        let gray = Image::gray_from_fn(Size::new(2, 2), |_, _| 0.5);
        let cx = Context::default();
        for bad in [&[][..], &[(0.1, 0.1), (0.1, 0.1)], &[(-1.0, 0.0)], &[(0.0, f32::NAN)]] {
            let bad = model(bad);
            assert!(matches!(anscombe(&gray, &bad, &cx), Err(OpError::Param { .. })));
            assert!(matches!(inverse_anscombe(&gray, &bad, &cx), Err(OpError::Param { .. })));
        }
        let empty = Image::zeros(Size::new(0, 3), ColorSpace::Gray);
        assert!(anscombe(&empty, &model(&[(0.1, 0.1)]), &cx).is_ok());
    }
}
