//! Deblocking of JPEG without training: BM3D at the level of the quantization noise, held to what the file says.
//!
//! ```text
//! estimate = BM3D(decoded, 1.4 sigma(Q));   each 8x8 coefficient of luminance back into its cell
//! ```
//!
//! Quantization noise is neither white nor Gaussian, but blocks that look alike were quantized differently, and
//! that is what BM3D averages. `sigma(Q)` is Foi's rule; the factor was chosen with the cells on training
//! photographs (quality 10, 20, 40: 28.77, 30.98, 33.21 dB at 1.0 and 28.89, 31.09, 33.31 at 1.3, from 27.99, 30.30,
//! 32.68 as decoded). Chrominance is treated at the level of its own table, without cells: how it was
//! subsampled is not known. Gray or sRGB in nominal range; alpha stays. Cost and memory: those of
//! [`crate::denoise::bm3d()`].
//!
//! References: K. Dabov, A. Foi, V. Katkovnik, K. Egiazarian, "Image denoising by sparse 3-D transform-domain
//! collaborative filtering", IEEE TIP 16(8), 2007, doi:10.1109/TIP.2007.901238; for level and cells see
//! [`super::jpeg_trace`].

use super::JpegTrace;
use crate::denoise::{Bm3d, bm3d};
use restora_image::{
    ColorSpace, Context, Image, OpError, OpInfo, Operation, ParamInfo, Sample, Sigma, jpeg_tables,
};
use serde::{Deserialize, Serialize};

/// Half of the width of the cells, in steps. On training photographs at quality 10, 20, 40 widths of 0.3, 0.4, 0.5
/// give 28.89, 28.88, 28.86; 31.09, 31.07, 31.05; 33.31, 33.29, 33.26 dB.
const CELLS: f32 = 0.3;
/// BM3D is told this many times the level of the quantization noise.
const MARGIN: f32 = 1.4;

/// Options of [`deblock_bm3d()`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeblockBm3d {
    /// Quality that the picture was saved with, `1..=100`; measured where it is left open.
    pub quality: Option<u32>,
    /// Column of the first block border, `0..8`.
    pub offset_x: u32,
    /// Row of the first block border, `0..8`.
    pub offset_y: u32,
}

/// Name, paper and parameters of [`deblock_bm3d()`].
pub const INFO: OpInfo = OpInfo {
    id: "deblock-bm3d",
    title: "JPEG deblocking by BM3D within the quantization cells",
    family: "deblock",
    paper: "A. Foi, V. Katkovnik, K. Egiazarian, Pointwise shape-adaptive DCT for high-quality \
            denoising and deblocking of grayscale and color images, IEEE TIP 16(5), 2007, \
            doi:10.1109/TIP.2007.891788",
    params: &PARAMS,
};

/// The options that every way of deblocking has.
pub const PARAMS: [ParamInfo; 3] = [
    ParamInfo {
        name: "quality",
        symbol: "",
        unit: "",
        range: "1..=100, or null: measured",
        default: "null",
        doc: "quality that the picture was saved with",
    },
    ParamInfo {
        name: "offset_x",
        symbol: "",
        unit: "pixels",
        range: "0..=7",
        default: "0",
        doc: "column of the first block border, where quality is given",
    },
    ParamInfo {
        name: "offset_y",
        symbol: "",
        unit: "pixels",
        range: "0..=7",
        default: "0",
        doc: "row of the first block border, where quality is given",
    },
];

impl DeblockBm3d {
    fn trace(&self) -> JpegTrace {
        JpegTrace { quality: self.quality, offset_x: self.offset_x, offset_y: self.offset_y }
    }
}

/// Removes the traces of JPEG from a gray or sRGB image.
///
/// # Errors
/// [`OpError::Param`] for options out of range or an open quality, [`OpError::WrongSpace`] for anything but gray and
/// sRGB, [`OpError::Cancelled`].
pub fn deblock_bm3d(
    decoded: &Image,
    options: &DeblockBm3d,
    cx: &Context,
) -> Result<Image, OpError> {
    let trace = options.trace();
    trace.validate()?;
    let luma = MARGIN * trace.noise(jpeg_tables::luminance)?;
    let denoised = |image: &Image, sigma: f32| {
        bm3d(image, &Bm3d { sigma: Sigma::Known(sigma), ..Bm3d::default() }, cx)
    };
    match decoded.space() {
        ColorSpace::Gray => {
            let mut out = denoised(decoded, luma)?;
            trace.hold_to_cells(&mut out, decoded, CELLS, cx)?;
            Ok(out)
        }
        ColorSpace::Srgb => {
            let planes = luma_chroma(decoded)?;
            let mut y = denoised(&planes[0], luma)?;
            trace.hold_to_cells(&mut y, &planes[0], CELLS, cx)?;
            let chroma = MARGIN * trace.noise(jpeg_tables::chrominance)?;
            let [cb, cr] = [denoised(&planes[1], chroma)?, denoised(&planes[2], chroma)?];
            rgb([&y, &cb, &cr], decoded)
        }
        got => Err(OpError::WrongSpace { op: INFO.id, wanted: "gray or sRGB", got }),
    }
}

/// Luminance and the two differences of color (ITU-R BT.601, full range, differences around 1/2) as gray images.
///
/// # Errors
/// None for an image of three planes.
pub fn luma_chroma(image: &Image) -> Result<[Image; 3], OpError> {
    let [r, g, b] = [0, 1, 2].map(|c| image.plane_data(c));
    let mut planes = [const { Vec::new() }; 3];
    for ((r, g), b) in r.iter().zip(g).zip(b) {
        let y = 0.299 * r + 0.587 * g + 0.114 * b;
        planes[0].push(y);
        planes[1].push(0.5 + (b - y) / 1.772);
        planes[2].push(0.5 + (r - y) / 1.402);
    }
    let [y, cb, cr] = planes.map(|p| Image::from_vec(image.size(), ColorSpace::Gray, p));
    Ok([y?, cb?, cr?])
}

/// The sRGB image of luminance and differences, with the alpha of `like`.
///
/// # Errors
/// None for images of one size.
pub fn rgb([y, cb, cr]: [&Image; 3], like: &Image) -> Result<Image, OpError> {
    let mut out = like.clone();
    let n = like.size().len();
    if [y, cb, cr].iter().any(|plane| plane.data().len() != n) || like.channels() != 3 {
        return Err(OpError::SizeMismatch { what: "plane", wanted: like.size(), got: y.size() });
    }
    for i in 0..n {
        let (y, cb, cr) = (y.data()[i], cb.data()[i] - 0.5, cr.data()[i] - 0.5);
        let (r, b) = (y + 1.402 * cr, y + 1.772 * cb);
        let g = (y - 0.299 * r - 0.114 * b) / 0.587;
        for (c, v) in [r, g, b].into_iter().enumerate() {
            out.data_mut()[c * n + i] = v;
        }
    }
    Ok(out)
}

impl Operation for DeblockBm3d {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        self.trace().validate()
    }

    fn reach(&self) -> Option<u32> {
        Bm3d::default().reach().map(|r| r + 8)
    }

    /// The grids of BM3D and of JPEG.
    fn alignment(&self) -> u32 {
        let own = Bm3d::default().alignment();
        if own.is_multiple_of(8) { own } else { 8 * own }
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        sample.image = deblock_bm3d(&sample.image, self, cx)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::degrade::{Jpeg, Subsampling, jpeg};
    use restora_image::Size;
    use restora_testkit::{
        assert_contract, assert_info_matches, noisy, psnr, synthetic, synthetic_rgb,
    };

    fn options(quality: u32) -> DeblockBm3d {
        DeblockBm3d { quality: Some(quality), ..DeblockBm3d::default() }
    }

    #[test]
    fn deblock_bm3d_keeps_the_contract() {
        assert_contract(&options(20), &synthetic_rgb(Size::new(200, 160)));
        assert_info_matches(&INFO, &DeblockBm3d::default());
    }

    #[test]
    fn pictures_saved_as_jpeg_come_nearer_to_what_they_were() {
        let size = Size::new(160, 120);
        for clean in [synthetic(size), synthetic_rgb(size)] {
            let clean = noisy(&clean, 3.0 / 255.0, 2);
            for quality in [10, 20, 40] {
                let saving = Jpeg { quality, subsampling: Subsampling::Quarter };
                let saved = jpeg(&clean, &saving, &Context::default()).unwrap();
                let out = deblock_bm3d(&saved, &options(quality), &Context::default()).unwrap();
                let gain = psnr(&clean, &out) - psnr(&clean, &saved);
                assert!(gain > 0.4, "{quality}: {gain}");
            }
        }
    }

    #[test]
    fn colors_survive_the_change_of_coordinates() {
        let image = synthetic_rgb(Size::new(20, 10));
        let [y, cb, cr] = luma_chroma(&image).unwrap();
        let back = rgb([&y, &cb, &cr], &image).unwrap();
        for (a, b) in back.data().iter().zip(image.data()) {
            assert!((a - b).abs() < 1e-5);
        }
    }

    #[test]
    fn an_open_quality_and_other_spaces_are_refused() {
        let cx = Context::default();
        let gray = synthetic(Size::new(16, 16));
        let open = deblock_bm3d(&gray, &DeblockBm3d::default(), &cx).unwrap_err();
        assert!(open.to_string().contains("quality"), "{open}");
        let linear = Image::zeros(Size::new(16, 16), ColorSpace::LinearRgb);
        assert!(matches!(
            deblock_bm3d(&linear, &options(10), &cx),
            Err(OpError::WrongSpace { .. })
        ));
    }
}
