//! A measure under a list of changes.

use super::{Change, Gray, RefereedPair};
use crate::error::Error;
use restora_image::{ColorSpace, Context, Image, Size};
use restora_metrics::MetricError;
use restora_metrics::full_reference::{
    ChannelMean, Fsim, Gmsd, GrayConversion, Mae, Measure, MsSsim, Mse, Ssim, Vif, Window, fsim,
    gmsd, mae, ms_ssim, mse, ssim, vif,
};

/// The score, `None` where the pair is too small or of the wrong kind.
pub(super) fn score(
    measure: Measure,
    pair: &RefereedPair,
    changes: &[Change],
    cx: &Context,
) -> Result<Option<f64>, Error> {
    let has = |change: Change| changes.contains(&change);
    let (mut x, mut y) = (pair.reference.clone(), pair.distorted.clone());
    for change in changes {
        if let Change::Gray(kind) = change {
            (x, y) = (gray(&x, *kind, pair.white), gray(&y, *kind, pair.white));
        }
    }
    if has(Change::Even) {
        (x, y) = (even(&x), even(&y));
    }
    if has(Change::Reduced) {
        (x, y) = (reduced(&x), reduced(&y));
    }
    if has(Change::Exchanged) {
        std::mem::swap(&mut x, &mut y);
    }
    let channels = if has(Change::EachChannel) { x.channels() } else { 1 };
    let mut sum = 0.0;
    for c in 0..channels {
        let one = if has(Change::EachChannel) {
            of(measure, &channel(&x, c), &channel(&y, c), pair, changes, cx)
        } else {
            of(measure, &x, &y, pair, changes, cx)
        };
        match one {
            Ok(score) => sum += score,
            Err(MetricError::TooSmall { .. } | MetricError::ColorOnly { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Some(sum / channels as f64))
}

fn of(
    measure: Measure,
    x: &Image,
    y: &Image,
    pair: &RefereedPair,
    changes: &[Change],
    cx: &Context,
) -> Result<f64, MetricError> {
    let has = |change: Change| changes.contains(&change);
    let unit = if has(Change::Nominal) { 1.0 } else { 255.0 };
    match measure {
        Measure::Mse => Ok(mse(x, y, &Mse::default(), cx)? * unit * unit),
        Measure::Mae => Ok(mae(x, y, &Mae::default(), cx)? * unit),
        Measure::Psnr => {
            let added: f64 = changes
                .iter()
                .map(|change| if let Change::AddedToMse(v) = change { *v } else { 0.0 })
                .sum();
            // White of 16-bit files is 257 times 255.
            let peak = if has(Change::PeakOf8Bit) { 255.0 / pair.white } else { 1.0 };
            let error = mse(x, y, &Mse::default(), cx)? + added;
            Ok(10.0 * (peak * peak / error).log10())
        }
        Measure::Ssim => {
            let mut options = Ssim::default();
            for change in changes {
                match change {
                    Change::Uniform => options.window = Window::Uniform,
                    Change::Border(border) => options.border = *border,
                    Change::RangeOfPixels => {
                        options.range = span(x).max(span(y)).max(f64::MIN_POSITIVE);
                    }
                    _ => {}
                }
            }
            ssim(x, y, &options, cx)
        }
        Measure::MsSsim => {
            let mut options = MsSsim::default();
            for change in changes {
                match change {
                    Change::Pooling(pooling) => options.pooling = *pooling,
                    Change::Coarsest(border) => options.coarsest = *border,
                    Change::ChannelsFirst => options.channels = ChannelMean::Terms,
                    _ => {}
                }
            }
            ms_ssim(x, y, &options, cx)
        }
        Measure::Gmsd => gmsd(x, y, &Gmsd::default(), cx),
        Measure::Vif => vif(x, y, &Vif::default(), cx),
        Measure::Fsim => {
            // FSIM of color pairs is FSIMc; of their luma it is FSIM.
            let gray =
                if has(Change::Chroma) { GrayConversion::None } else { GrayConversion::Bt601 };
            fsim(x, y, &Fsim { gray, ..Fsim::default() }, cx)
        }
        _ => Err(MetricError::Input("no conventions are known of this measure".into())),
    }
}

fn channel(image: &Image, c: usize) -> Image {
    Image::from_plane(image.plane(c).to_plane())
}

/// The picture less the last column or row of an odd side.
fn even(image: &Image) -> Image {
    let size = Size::new(image.size().width & !1, image.size().height & !1);
    let mut out = Image::zeros(size, image.space());
    for c in 0..image.channels() {
        let plane = image.plane(c);
        for (y, row) in out.plane_mut(c).chunks_exact_mut(size.w().max(1)).enumerate() {
            row.copy_from_slice(&plane.row(y)[..size.w()]);
        }
    }
    out
}

/// Largest less smallest value.
fn span(image: &Image) -> f64 {
    let values = image.data().iter().copied();
    let (low, high) = values.fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(v), h.max(v)));
    f64::from(high) - f64::from(low)
}

/// A color picture as one channel; rounded conversions round to the levels of the file.
fn gray(image: &Image, kind: Gray, white: f64) -> Image {
    if image.channels() != 3 {
        return image.clone();
    }
    let n = image.size().len();
    let at = |c: usize, i: usize| f64::from(image.data()[c * n + i]) * white;
    let weigh = |i: usize, w: [f64; 3]| w[0] * at(0, i) + w[1] * at(1, i) + w[2] * at(2, i);
    // Fixed-point sums of integer levels; of floats the same weights without rounding.
    let fixed = |i: usize, w: [f64; 3], bits: f64| {
        if white > 1.0 { ((weigh(i, w) + bits / 2.0) / bits).floor() } else { weigh(i, w) / bits }
    };
    let value = |i: usize| match kind {
        Gray::Pillow => fixed(i, [19595.0, 38470.0, 7471.0], 65536.0),
        Gray::OpenCv => fixed(i, [9798.0, 19235.0, 3735.0], 32768.0),
        Gray::Skimage => weigh(i, [0.2125, 0.7154, 0.0721]),
        Gray::Matlab if white > 1.0 => weigh(i, [0.2989, 0.5870, 0.1140]).round(),
        Gray::Matlab => weigh(i, [0.2989, 0.5870, 0.1140]),
        Gray::Luma => weigh(i, [0.299, 0.587, 0.114]),
        Gray::Studio => (16.0 * white + weigh(i, [65.481, 128.553, 24.966])) / 255.0,
    };
    let data = (0..n).map(|i| (value(i) / white) as f32).collect();
    Image::from_vec(image.size(), ColorSpace::Gray, data).expect("one value per pixel")
}

/// The average of squares of `round(shorter side / 256)` pixels; what does not fill a square is left out.
fn reduced(image: &Image) -> Image {
    let size = image.size();
    let factor = ((f64::from(size.width.min(size.height)) / 256.0).round_ties_even() as u32).max(1);
    let small = Size::new(size.width / factor, size.height / factor);
    let f = factor as usize;
    let mut out = Image::zeros(small, image.space());
    for c in 0..image.channels() {
        let plane = image.plane(c);
        for (y, row) in out.plane_mut(c).chunks_exact_mut(small.w()).enumerate() {
            for (x, v) in row.iter_mut().enumerate() {
                let rows = (y * f..(y + 1) * f).map(|y| &plane.row(y)[x * f..(x + 1) * f]);
                let sum: f64 = rows.flatten().map(|v| f64::from(*v)).sum();
                *v = (sum / (f * f) as f64) as f32;
            }
        }
    }
    out
}

/// JSON has no infinity.
pub(super) mod number {
    use serde::{Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub fn serialize<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(v) if !v.is_finite() => serializer.serialize_str(&v.to_string().to_lowercase()),
            other => other.serialize(serializer),
        }
    }
}
