//! Learned deblocking of JPEG with the net that comes with this program, or with one from a file.
//!
//! ```text
//! Y' = net(Y), every 8x8 coefficient back into its quantization cell
//! C' = C + doubled(net(halved C) - halved C)    for both differences of color
//! ```
//!
//! The net has the architecture [`restora_nn::models::Restorer`] and was trained on open photographs saved at quality
//! 7 to 75 (`docs/training.md`). It sees luminance with the block grid always in one place: pictures that
//! were cropped since are moved onto it. It judges the quality for itself; the cells want to know it. Color is
//! treated at half size, where most files keep it: on photographs saved 4:2:0 at quality 10 / 20 / 40 luminance alone
//! gives 28.14 / 30.72 / 32.95 dB, with color at full size 28.37 / 30.94 / 33.11, at half size 28.61 / 31.01 /
//! 33.15; saved 4:4:4 at 10 / 40 28.45 / 33.56, 29.05 / 33.85, 28.86 / 33.80. Cost: that of the net, 1.5 times in
//! color. Tiles give the same result as the whole, to 1e-5.
//!
//! Gray and sRGB, values in nominal range; alpha stays.
//!
//! References: K. Zhang, W. Zuo, Y. Chen, D. Meng, L. Zhang, "Beyond a Gaussian denoiser: residual learning of
//! deep CNN for image denoising", IEEE TIP 26(7), 2017, doi:10.1109/TIP.2017.2662206 (one net for all
//! qualities); for the cells see [`restora_ops::deblock::jpeg_trace`].

use crate::nets::{self, ReadyNet, Shipped, refused};
use crate::turns::{TURNS, turned, turned_back};
use restora_image::{
    Border, ColorSpace, Context, Image, OpError, OpInfo, Operation, ParamInfo, Rect, Sample, Size,
};
use restora_nn::Gpu;
use restora_ops::deblock::JpegTrace;
use restora_ops::deblock::deblock_bm3d::{PARAMS, luma_chroma, rgb};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// Half of the width of the cells, in steps. On photographs that the net did not see, at quality 10, 20, 40, widths of
/// 0.3, 0.4, 0.5 and none give 30.29, 30.30, 30.29, 30.28; 32.58, 32.59, 32.57, 32.56; 34.80, 34.81, 34.79, 34.77 dB.
const CELLS: f32 = 0.4;

/// Options of learned deblocking.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LearnedDeblocking {
    /// Quality that the picture was saved with, `1..=100`; measured where it is left open.
    pub quality: Option<u32>,
    /// Column of the first block border, `0..8`.
    pub offset_x: u32,
    /// Row of the first block border, `0..8`.
    pub offset_y: u32,
    /// The mean of the net's results for all eight flips and turns of luminance: 8 times the cost (self-ensemble;
    /// R. Timofte, R. Rothe, L. Van Gool, CVPR 2016, doi:10.1109/CVPR.2016.206).
    pub ensemble: bool,
    /// A file of weights in place of the net that is part of the program.
    pub model: Option<PathBuf>,
    /// Where the net runs, if not on the CPU. A matter of the machine: no option, and never written.
    #[serde(skip)]
    pub gpu: Option<Gpu>,
}

/// Name, paper and parameters of learned deblocking.
pub const INFO: OpInfo = OpInfo {
    id: "learned-deblocking",
    title: "Learned JPEG deblocking (our own net, or one from a file)",
    family: "deblock",
    paper: "K. Zhang, W. Zuo, Y. Chen, D. Meng, L. Zhang, Beyond a Gaussian denoiser: residual learning of \
            deep CNN for image denoising, IEEE TIP 26(7), 2017, doi:10.1109/TIP.2017.2662206",
    params: &{
        let [quality, x, y] = PARAMS;
        [quality, x, y, ENSEMBLE, nets::MODEL]
    },
};

const ENSEMBLE: ParamInfo = ParamInfo {
    name: "ensemble",
    symbol: "",
    unit: "",
    range: "true, false",
    default: "false",
    doc: "Mean over the eight flips and turns of luminance; 8 times the cost",
};

impl LearnedDeblocking {
    pub(crate) fn net(&self) -> Result<Arc<ReadyNet>, OpError> {
        match &self.model {
            Some(path) => nets::from_file(path, self.gpu.as_ref()),
            None => Shipped::Deblock.net(self.gpu.as_ref()),
        }
    }

    fn trace(&self) -> JpegTrace {
        JpegTrace { quality: self.quality, offset_x: self.offset_x, offset_y: self.offset_y }
    }

    /// The plane with its grid moved into the corner, continued to whole blocks by reflection: however
    /// it is turned, its grid starts in the corner.
    fn moved(&self, plane: &Image) -> Image {
        let [left, top] = self.margins();
        let Size { width, height } = plane.size();
        let at = |i: usize, before: u32, n: u32| {
            Border::Reflect.index(i as isize - before as isize, n as usize).unwrap_or(0)
        };
        let whole = |n: u32| n.next_multiple_of(8);
        Image::gray_from_fn(Size::new(whole(width + left), whole(height + top)), |x, y| {
            plane.plane(0).at(at(x, left, width), at(y, top, height))
        })
    }

    /// Columns and rows that bring the first block border into the corner.
    fn margins(&self) -> [u32; 2] {
        [self.offset_x, self.offset_y].map(|offset| (8 - offset) % 8)
    }

    /// Luminance as the net has it, in its cells.
    fn luminance(&self, net: &ReadyNet, plane: &Image, cx: &Context) -> Result<Image, OpError> {
        let [x, y] = self.margins();
        let moved = self.moved(plane);
        let turns = if self.ensemble { TURNS } else { 1 };
        let mut mean = Image::zeros(moved.size(), ColorSpace::Gray);
        for how in 0..turns {
            let out = net.denoiser.denoise(&turned(&moved, how), None, cx).map_err(refused)?;
            for (sum, v) in mean.data_mut().iter_mut().zip(turned_back(out, how).data()) {
                *sum += v / turns as f32;
            }
        }
        let Size { width, height } = plane.size();
        let mut out = mean.crop(Rect { x, y, width, height });
        self.trace().hold_to_cells(&mut out, plane, CELLS, cx)?;
        Ok(out)
    }

    /// A difference of color with what the net changes at half size.
    fn chrominance(&self, net: &ReadyNet, plane: &Image, cx: &Context) -> Result<Image, OpError> {
        let [left, top] = self.margins().map(|n| n as usize);
        let small = halved(&self.moved(plane));
        let mut change = net.denoiser.denoise(&small, None, cx).map_err(refused)?;
        for (new, old) in change.data_mut().iter_mut().zip(small.data()) {
            *new -= old;
        }
        let size = plane.size();
        Ok(Image::gray_from_fn(size, |x, y| {
            plane.plane(0).at(x, y) + doubled(&change, x + left, y + top)
        }))
    }
}

/// Means of 2x2 pixels of an image of even size.
fn halved(image: &Image) -> Image {
    let Size { width, height } = image.size();
    let plane = image.plane(0);
    Image::gray_from_fn(Size::new(width / 2, height / 2), |x, y| {
        let sum = |y: usize| plane.at(2 * x, y) + plane.at(2 * x + 1, y);
        0.25 * (sum(2 * y) + sum(2 * y + 1))
    })
}

/// The value of an image at twice its size: three quarters of the nearest pixel, a quarter of the next.
fn doubled(image: &Image, x: usize, y: usize) -> f32 {
    let plane = image.plane(0);
    let near = |i: usize, n: usize| {
        let beside =
            if i.is_multiple_of(2) { (i / 2).saturating_sub(1) } else { (i / 2 + 1).min(n - 1) };
        [(i / 2, 0.75), (beside, 0.25)]
    };
    let (w, h) = (image.size().w(), image.size().h());
    let mut sum = 0.0;
    for (y, wy) in near(y, h) {
        for (x, wx) in near(x, w) {
            sum += wx * wy * plane.at(x, y);
        }
    }
    sum
}

impl Operation for LearnedDeblocking {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        self.trace().validate()?;
        if self.model.is_some() { self.net().map(|_| ()) } else { Ok(()) }
    }

    fn reach(&self) -> Option<u32> {
        self.net().ok().map(|net| net.reach().saturating_mul(2).saturating_add(20))
    }

    fn alignment(&self) -> u32 {
        // The blocks of both sizes, and the net's own grid at half size.
        let own = self.net().map_or(1, |net| net.alignment()).saturating_mul(2);
        if own.is_multiple_of(16) { own } else { own.saturating_mul(16) }
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        self.validate()?;
        cx.check()?;
        let image = &sample.image;
        self.trace().quality()?;
        let net = self.net()?;
        if image.size().is_empty() {
            return Ok(());
        }
        sample.image = match image.space() {
            ColorSpace::Gray => {
                let mut out = image.clone();
                let restored = self.luminance(&net, image, cx)?;
                out.plane_mut(0).copy_from_slice(restored.plane_data(0));
                out
            }
            ColorSpace::Srgb => {
                let [y, cb, cr] = luma_chroma(image)?;
                let [cb, cr] = [&cb, &cr].map(|plane| self.chrominance(&net, plane, cx));
                rgb([&self.luminance(&net, &y, cx)?, &cb?, &cr?], image)?
            }
            got => return Err(OpError::WrongSpace { op: INFO.id, wanted: "gray or sRGB", got }),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Step;
    use restora_image::Plane;
    use restora_ops::degrade::{Jpeg, Subsampling, jpeg};
    use restora_testkit::{assert_contract_within, assert_info_matches, noisy, psnr};
    use restora_testkit::{synthetic, synthetic_rgb};

    fn told(quality: u32) -> LearnedDeblocking {
        LearnedDeblocking { quality: Some(quality), ..LearnedDeblocking::default() }
    }

    fn run(step: &LearnedDeblocking, image: &Image) -> Result<Image, OpError> {
        let mut sample = Sample::new(image.clone());
        step.apply(&mut sample, &Context::default()).map(|()| sample.image)
    }

    fn saved(image: &Image, quality: u32) -> Image {
        let options = Jpeg { quality, subsampling: Subsampling::Quarter };
        jpeg(image, &options, &Context::default()).unwrap()
    }

    #[test]
    fn learned_deblocking_keeps_the_contract() {
        assert_info_matches(&INFO, &LearnedDeblocking::default());
        let step = LearnedDeblocking { offset_x: 3, offset_y: 6, ..told(20) };
        assert!(step.reach().unwrap() < 230);
        assert_contract_within(1e-5, &step, &synthetic_rgb(Size::new(700, 800)));
    }

    #[test]
    fn the_ensemble_is_the_same_for_a_picture_that_was_turned() {
        let image = saved(&synthetic(Size::new(64, 48)), 20);
        let whole = LearnedDeblocking { ensemble: true, ..told(20) };
        let (plain, mean) = (run(&told(20), &image).unwrap(), run(&whole, &image).unwrap());
        assert!(mean != plain);
        let again = turned_back(run(&whole, &turned(&image, 3)).unwrap(), 3);
        for (a, b) in again.data().iter().zip(mean.data()) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }

    #[test]
    fn what_jpeg_did_is_undone_wherever_the_grid_lies() {
        for clean in [synthetic(Size::new(170, 130)), synthetic_rgb(Size::new(170, 130))] {
            let clean = noisy(&clean, 3.0 / 255.0, 2);
            let mut lost = 0.0;
            for quality in [10, 20, 40] {
                let part = Rect { x: 5, y: 2, width: 160, height: 120 };
                let (clean, saved) = (clean.crop(part), saved(&clean, quality).crop(part));
                let step = LearnedDeblocking { offset_x: 3, offset_y: 6, ..told(quality) };
                let out = run(&step, &saved).unwrap();
                let gain = psnr(&clean, &out) - psnr(&clean, &saved);
                assert!(gain > 0.4, "{quality}: {gain:.2} dB");
                lost += psnr(&clean, &out) - psnr(&clean, &run(&told(quality), &saved).unwrap());
            }
            assert!(lost > 0.1, "on a wrong grid {lost:.2} dB are lost");
        }
    }

    #[test]
    fn alpha_stays_and_an_open_quality_or_another_space_is_refused() {
        let mut image = synthetic_rgb(Size::new(40, 30));
        image.alpha = Some(Plane::zeros(image.size()));
        assert_eq!(run(&told(30), &image).unwrap().alpha, image.alpha);
        let open = run(&LearnedDeblocking::default(), &image).unwrap_err().to_string();
        assert!(open.contains("quality"), "{open}");
        let linear = Image::zeros(Size::new(16, 16), ColorSpace::LinearRgb);
        assert!(matches!(run(&told(30), &linear), Err(OpError::WrongSpace { .. })));
        let missing = LearnedDeblocking { model: Some("nowhere.safetensors".into()), ..told(30) };
        assert!(missing.validate().unwrap_err().to_string().contains("nowhere"));
    }

    #[test]
    fn the_weights_are_named_and_the_text_form_reads_back() {
        let step = Step::from_text("learned-deblocking:quality=20:offset-x=3").unwrap();
        assert_eq!(Step::from_text(&step.to_string()).unwrap(), step);
        let used = step.weights(3).unwrap().unwrap();
        assert_eq!((used.channels, used.file), (1, None));
    }
}
