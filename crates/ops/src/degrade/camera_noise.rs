//! Noise of a real camera: shot and read noise on the mosaic of a sensor, and all that a camera does
//! with it on the way to the picture in the file.
//!
//! ```text
//! x = mosaic(G^-1 M T^-1(clean))                       the sensor's linear values
//! y = clip(b P(x / b) + sqrt(a) n, 0, 1),              variance b x + a
//! noise = smoothed(D(y) - D(x)),   D(y) = T(M^-1 demosaic(min(G y, 1)))
//! out = JPEG(clip(clean + noise, 0, 1))
//! b = iso / 10^6,    ln a = 2.18 ln b + 1.20 + read_spread N(0, 1)
//! ```
//!
//! `T` tone curve, `M` color matrix, `G` white-balance gains. `iso` 100 to 12,000 is the range of
//! shot noise that the paper draws from; it is a scale, not the number on a given camera.
//!
//! Differences from the papers. Demosaicking softens a picture that has been through it once: by
//! default only its effect on the noise is kept, so that `clean` stays the target and without noise
//! comes back to the bit; `pipeline = "whole"` keeps all, `D(x) + smoothed(..)`, which for even
//! color is within 1e-4 of `clean` where no channel is clipped. Below 32 photons the count is a true
//! Poisson number, above it its Gaussian approximation. Red, green and blue are not dimmed together
//! (exposure is `iso`'s affair). Cameras smooth the noise: `luma_blur` and `chroma_blur` are
//! Gaussian kernels on the noise in BT.601 luma and chroma, an ideal in-camera denoiser that spares
//! the edges.
//!
//! Ranges for training: JPEG photographs of full-frame and APS-C cameras at ISO 800 to 6400
//! (45 pairs of `PolyU`, noisy less mean, arXiv:1804.02603) are covered by `iso` log-uniform in 400 to
//! 4800, `luma_blur` 0 to 0.8, `chroma_blur` 1.5 to 4, either demosaicking, `quality` 75 to 95 with
//! half of them at 75 (those files'), `tone` three times of four `smoothstep` (noise is weakest in
//! the white, as there). Medians, theirs and so drawn: deviation of green 3.5 and 3.5 of 255; its
//! correlation at lags 1 and 2, 0.66, 0.31 and 0.64, 0.22; chroma at lags 2 and 4, 0.85, 0.63 and
//! 0.83, 0.63; green with red 0.68 and 0.73. Not covered: luma at lag 4, up to 0.33 there, 0.02 here.
//!
//! Gray images: no mosaic, no gains, noise in linear light. The picture is extended by its edge
//! pixels before it is exposed, so that level and correlation of the noise are the same at the
//! borders. Cost: two decodings and demosaickings, one for the noise and one without it.
//!
//! Reference: T. Brooks, B. Mildenhall, T. Xue, J. Chen, D. Sharlet, J. T. Barron, "Unprocessing
//! images for learned raw denoising", CVPR 2019, arXiv:1811.11127 (ranges, matrices);
//! S. Guo, Z. Yan, K. Zhang, W. Zuo, L. Zhang, "Toward convolutional blind denoising of real
//! photographs", CVPR 2019, arXiv:1807.04686 (noise through demosaicking and JPEG).

mod camera;
mod demosaic;
mod sensor;

use super::jpeg::{Jpeg, Subsampling, jpeg};
use crate::filter::gaussian_taps;
use crate::filter::separable::convolve_symmetric;
use camera::Camera;
use restora_image::{
    Border, ColorSpace, Context, Image, OpError, OpInfo, Operation, ParamInfo, Rng, Sample,
    for_each_band, simd,
};
use sensor::{add_noise, balance, exposed};
use serde::{Deserialize, Serialize};

/// How the colors that a site of the sensor does not see are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Demosaic {
    /// The mean of the nearest sites.
    #[default]
    Bilinear,
    /// Linear filters with gradient correction: sharper, and noisier.
    MalvarHeCutler,
    /// No mosaic: every site sees every color, and the noise is white.
    None,
}

/// A white-balance gain.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "wanted \"drawn\" or a number")]
pub enum Gain {
    /// This gain.
    Known(f32),
    /// Drawn per image.
    Drawn(Drawn),
}

/// The word `drawn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drawn {
    /// Drawn per image.
    Drawn,
}

/// The camera's color matrix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CameraMatrix {
    /// A random mixture of the four cameras, drawn per image.
    #[default]
    Drawn,
    /// The sensor sees sRGB's primaries.
    None,
    /// Google Nexus 6P.
    #[serde(rename = "nexus-6p")]
    Nexus6p,
    /// Sony ILCE-7R.
    #[serde(rename = "ilce-7r")]
    Ilce7r,
    /// Olympus E-M10.
    #[serde(rename = "e-m10")]
    Em10,
    /// Sony RX100 IV.
    Rx100,
}

/// From linear light to display values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToneCurve {
    /// sRGB's curve.
    #[default]
    Srgb,
    /// sRGB's curve, then `3 v^2 - 2 v^3`: more contrast, and less noise in black and white.
    Smoothstep,
}

/// What of the camera the picture gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pipeline {
    /// The noise alone.
    #[default]
    Noise,
    /// The loss of demosaicking and clipping too.
    Whole,
}

/// Options of [`camera_noise`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CameraNoise {
    /// Strength of the noise, `0..=100000`: a millionth of it is the growth of the variance with the
    /// signal, the value of one photon. 0 is no noise.
    pub iso: f32,
    /// Standard deviation of the logarithm of the read variance about its line, `0..=3`; 0 draws
    /// nothing.
    pub read_spread: f32,
    /// Demosaicking.
    pub demosaic: Demosaic,
    /// Gain of red, `1..=8`; drawn from 1.9 to 2.4.
    pub red_gain: Gain,
    /// Gain of blue, `1..=8`; drawn from 1.5 to 1.9.
    pub blue_gain: Gain,
    /// Color matrix.
    pub matrix: CameraMatrix,
    /// Tone curve.
    pub tone: ToneCurve,
    /// Standard deviation of the kernel that smooths the noise in luma, pixels, `0..=10`.
    pub luma_blur: f32,
    /// The same in chroma; gray images have none.
    pub chroma_blur: f32,
    /// Quality of the JPEG file that the camera writes, `1..=100`; `None` writes none.
    pub quality: Option<u32>,
    /// Resolution of its chroma.
    pub subsampling: Subsampling,
    /// Does the picture get the camera's losses, too?
    pub pipeline: Pipeline,
}

impl Default for CameraNoise {
    fn default() -> Self {
        Self {
            iso: 1600.0,
            read_spread: 0.26,
            demosaic: Demosaic::Bilinear,
            red_gain: Gain::Drawn(Drawn::Drawn),
            blue_gain: Gain::Drawn(Drawn::Drawn),
            matrix: CameraMatrix::Drawn,
            tone: ToneCurve::Srgb,
            luma_blur: 0.0,
            chroma_blur: 0.0,
            quality: None,
            subsampling: Subsampling::Quarter,
            pipeline: Pipeline::Noise,
        }
    }
}

/// An entry of [`INFO`].
const fn param(
    name: &'static str,
    unit: &'static str,
    range: &'static str,
    default: &'static str,
    doc: &'static str,
) -> ParamInfo {
    ParamInfo { name, symbol: "", unit, range, default, doc }
}

/// Name, paper and parameters of [`camera_noise`].
pub const INFO: OpInfo = OpInfo {
    id: "camera-noise",
    title: "Noise of a real camera",
    family: "degrade",
    paper: "T. Brooks, B. Mildenhall, T. Xue, J. Chen, D. Sharlet, J. T. Barron, Unprocessing \
            images for learned raw denoising, CVPR 2019, arXiv:1811.11127",
    params: &[
        param("iso", "", "0..=100000", "1600.0", "strength: shot noise in millionths of white"),
        param(
            "read_spread",
            "",
            "0..=3",
            "0.26",
            "deviation of the logarithm of the read variance",
        ),
        param(
            "demosaic",
            "",
            "bilinear | malvar-he-cutler | none",
            "\"bilinear\"",
            "demosaicking of the Bayer mosaic",
        ),
        param("red_gain", "", "drawn | 1..=8", "\"drawn\"", "white-balance gain of red"),
        param("blue_gain", "", "drawn | 1..=8", "\"drawn\"", "white-balance gain of blue"),
        param(
            "matrix",
            "",
            "drawn | none | nexus-6p | ilce-7r | e-m10 | rx100",
            "\"drawn\"",
            "color matrix of the camera",
        ),
        param("tone", "", "srgb | smoothstep", "\"srgb\"", "tone curve"),
        param("luma_blur", "pixels", "0..=10", "0.0", "kernel that smooths the noise in luma"),
        param("chroma_blur", "pixels", "0..=10", "0.0", "kernel that smooths the noise in chroma"),
        param("quality", "", "null | 1..=100", "null", "quality of the camera's JPEG, if any"),
        param("subsampling", "", "4:4:4 | 4:2:0", "\"4:2:0\"", "resolution of its chroma"),
        param("pipeline", "", "noise | whole", "\"noise\"", "what of the camera the picture gets"),
    ],
};

/// Rows of a band, the unit of work of a thread.
const BAND: usize = 16;

/// Adds noise drawn from `rng`, as a camera would have; gray or sRGB, values clipped to `[0, 1]`.
///
/// # Errors
/// [`OpError::Param`] if an option is out of range; [`OpError::WrongSpace`] for anything but gray
/// and sRGB; [`OpError::Cancelled`].
pub fn camera_noise(
    image: &Image,
    options: &CameraNoise,
    rng: &Rng,
    cx: &Context,
) -> Result<Image, OpError> {
    options.validate()?;
    cx.check()?;
    let got = image.space();
    if !matches!(got, ColorSpace::Gray | ColorSpace::Srgb) {
        return Err(OpError::WrongSpace { op: "camera noise", wanted: "gray or sRGB", got });
    }
    let mut out = image.clone();
    if image.size().is_empty() {
        return Ok(out);
    }
    let camera = Camera::drawn(options, image.channels() == 3, rng.child(0));
    let blurs = [options.luma_blur, options.chroma_blur, options.chroma_blur];
    let taps = blurs.map(gaussian_taps);
    let reach = taps[..image.channels()].iter().map(|t| t.len() - 1).max().unwrap_or(0);
    let margin = demosaic::MARGIN + reach;

    let mut quiet = exposed(image, margin, options, &camera, cx)?;
    let mut noisy = quiet.clone();
    add_noise(&mut noisy, &camera, &rng.child(1), cx)?;
    quiet = developed(quiet, image.space(), options, &camera, cx)?;
    noisy = developed(noisy, image.space(), options, &camera, cx)?;
    for (v, q) in noisy.data_mut().iter_mut().zip(quiet.data()) {
        *v -= q;
    }
    let noise = smoothed(noisy, &taps, cx)?;

    let (w, wide) = (image.size().w(), noise.size().w());
    for c in 0..image.channels() {
        let rows = noise.plane_data(c).chunks_exact(wide).skip(margin);
        let base = quiet.plane_data(c).chunks_exact(wide).skip(margin);
        for (row, (noise, quiet)) in out.plane_mut(c).chunks_exact_mut(w).zip(rows.zip(base)) {
            if options.pipeline == Pipeline::Whole {
                row.copy_from_slice(&quiet[margin..][..w]);
            }
            for (v, n) in row.iter_mut().zip(&noise[margin..]) {
                *v = (v.clamp(0.0, 1.0) + n).clamp(0.0, 1.0);
            }
        }
    }
    match options.quality {
        Some(quality) => jpeg(&out, &Jpeg { quality, subsampling: options.subsampling }, cx),
        None => Ok(out),
    }
}

/// The camera's picture, in display values in `[0, 1]`.
fn developed(
    mut raw: Image,
    space: ColorSpace,
    options: &CameraNoise,
    camera: &Camera,
    cx: &Context,
) -> Result<Image, OpError> {
    // Gradient correction wants channels of one level, so gains come first.
    balance(&mut raw, camera, cx)?;
    let (size, wide) = (raw.size(), raw.size().w());
    let mut out = raw;
    if out.space() != space {
        let raw = std::mem::replace(&mut out, Image::zeros(size, space));
        for (c, plane) in out.planes_mut().enumerate() {
            let (method, phase) = (options.demosaic, camera.phase);
            demosaic::demosaic(raw.data(), wide, method, phase, c, plane, cx)?;
        }
    }
    if space == ColorSpace::Srgb {
        let m = camera.inverse;
        mixed(
            &mut out,
            #[inline(always)]
            |rgb| {
                let [r, g, b] = rgb.map(|v| v.clamp(0.0, 1.0));
                m.map(|row| row[0] * r + row[1] * g + row[2] * b)
            },
        );
    }
    for_each_band(out.data_mut(), wide, BAND, cx, |_, rows| {
        options.tone.encode(rows);
        Ok(())
    })?;
    Ok(out)
}

/// Each pixel of three planes through `f`.
fn mixed(image: &mut Image, f: impl Fn([f32; 3]) -> [f32; 3]) {
    let n = image.size().len();
    let (r, gb) = image.data_mut().split_at_mut(n);
    let (g, b) = gb.split_at_mut(n);
    simd(
        #[inline(always)]
        || {
            for ((r, g), b) in r.iter_mut().zip(g).zip(b) {
                [*r, *g, *b] = f([*r, *g, *b]);
            }
        },
    );
}

/// The noise through the kernels of luma and chroma; a gray plane is luma.
fn smoothed(mut noise: Image, taps: &[Vec<f32>; 3], cx: &Context) -> Result<Image, OpError> {
    let color = noise.channels() == 3;
    if taps[..noise.channels()].iter().all(|t| t.len() == 1) {
        return Ok(noise);
    }
    if color {
        // BT.601 luma, and the differences of blue and red from it.
        mixed(
            &mut noise,
            #[inline(always)]
            |[r, g, b]| {
                let y = 0.299 * r + 0.587 * g + 0.114 * b;
                [y, b - y, r - y]
            },
        );
    }
    let mut filtered = vec![0.0; noise.size().len()];
    for (c, taps) in taps.iter().enumerate().take(noise.channels()) {
        if taps.len() > 1 {
            let plane = noise.plane(c);
            convolve_symmetric(plane, taps, Border::Clamp, &mut filtered, cx)?;
            noise.plane_mut(c).copy_from_slice(&filtered);
        }
    }
    if color {
        mixed(
            &mut noise,
            #[inline(always)]
            |[y, blue, red]| [y + red, y - (0.299 * red + 0.114 * blue) / 0.587, y + blue],
        );
    }
    Ok(noise)
}

impl CameraNoise {
    /// Growth of the variance with the signal.
    fn shot(&self) -> f32 {
        self.iso * 1e-6
    }
}

impl Operation for CameraNoise {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        let within = |name, value: f32, low: f32, high: f32, wanted: &'static str| {
            let fits = (low..=high).contains(&value);
            if fits { Ok(()) } else { Err(OpError::param(name, wanted, value)) }
        };
        within("iso", self.iso, 0.0, 100_000.0, "in [0, 100000]")?;
        within("read_spread", self.read_spread, 0.0, 3.0, "in [0, 3]")?;
        for (name, gain) in [("red_gain", self.red_gain), ("blue_gain", self.blue_gain)] {
            if let Gain::Known(gain) = gain {
                within(name, gain, 1.0, 8.0, "`drawn` or in [1, 8]")?;
            }
        }
        within("luma_blur", self.luma_blur, 0.0, 10.0, "in [0, 10]")?;
        within("chroma_blur", self.chroma_blur, 0.0, 10.0, "in [0, 10]")?;
        match self.quality {
            Some(quality) => Jpeg { quality, subsampling: self.subsampling }.validate(),
            None => Ok(()),
        }
    }

    /// The random numbers belong to places of the whole image.
    fn reach(&self) -> Option<u32> {
        None
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        let rng = cx.rng(&sample.meta.id, INFO.stream());
        sample.image = camera_noise(&sample.image, self, &rng, cx)?;
        sample.noise = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
