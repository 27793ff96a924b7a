//! Learned enlarging: plug-and-play super-resolution with the denoising nets that come with this program.
//!
//! ```text
//! x_0 = iterative back-projection of y
//! v_k = x_k + m (x_k - x_(k-1))
//! z_k = denoiser(v_k, sigma_k)
//! x_(k+1) = z_k after six back-projections z <- z + U (y - D z)
//! sigma_k falls geometrically from 20/255 to 1/255 in `passes` steps
//! ```
//!
//! `D` is the bicubic reduction of `downscale`, `U` Lanczos interpolation: half-quadratic splitting whose data step is
//! back-projection (section 4.3 of the paper), with momentum `m` = 1/2 and the picture flipped and turned from pass to
//! pass. No net is trained for it: the prior is the denoiser's. On nine crops of training photographs it ends 1.0 dB above
//! iterative back-projection, by 2 and by 3; twice the passes add 0.05 dB.
//!
//! It is right for pictures that were reduced by a good program and are clean: noise and traces of JPEG are taken for
//! detail, so they are to be taken off first. Cost: that of the net on the large picture, `passes` times. A pixel depends
//! on its surroundings as far as the net reaches, pass after pass, so tiles differ from the whole, by less than 1/255
//! with the margin of 120 pixels of the small picture that tiles have.
//!
//! Gray and sRGB, values in nominal range; opacity by Lanczos interpolation, within `[0, 1]`.
//!
//! References: K. Zhang et al., "Plug-and-play image restoration with deep denoiser prior", IEEE TPAMI 44(10), 2022,
//! doi:10.1109/TPAMI.2021.3088914; M. Irani, S. Peleg, "Improving resolution by image registration", CVGIP: Graphical
//! Models and Image Processing 53(3), 1991, doi:10.1016/1049-9652(91)90045-L.

use crate::learned_denoiser::Learned;
use crate::nets::{self, ReadyNet, refused};
use crate::turns::{turned, turned_back};
use restora_image::{
    ColorSpace, Context, Image, OpError, OpInfo, Operation, ParamInfo, Sample, Scale,
};
use restora_nn::Gpu;
use restora_ops::degrade::{Downscale, downscale};
use restora_ops::upscale::{
    self, IterativeBackProjection, Lanczos, iterative_back_projection, lanczos,
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// Levels of the first and the last pass.
const LEVELS: [f32; 2] = [20.0 / 255.0, 1.0 / 255.0];
/// Share of the last change that is added before a pass: without it 0.1 dB less.
const MOMENTUM: f32 = 0.5;
/// Back-projections after a pass: 1, 2 and 6 leave 32.64, 32.71 and 32.75 dB (by 3, nine crops of training
/// photographs).
const PROJECTIONS: u32 = 6;
/// Lobes of the kernel that enlarges opacity.
const LOBES: u32 = 3;

/// Options of learned enlarging.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LearnedUpscaling {
    /// How many times wider and higher: 2, 3 or 4.
    pub factor: u32,
    /// Passes of the denoiser, `1..=100`.
    pub passes: u32,
    /// A file of weights in place of the denoising nets that are part of the program.
    pub model: Option<PathBuf>,
    /// Where the net runs, if not on the CPU. A matter of the machine: no option, and never written.
    #[serde(skip)]
    pub gpu: Option<Gpu>,
}

impl Default for LearnedUpscaling {
    fn default() -> Self {
        Self { factor: 2, passes: 8, model: None, gpu: None }
    }
}

/// Name, paper and parameters of learned enlarging.
pub const INFO: OpInfo = OpInfo {
    id: "learned-upscaling",
    title: "Learned enlarging: plug-and-play with the denoising net",
    family: "upscale",
    paper: "K. Zhang, Y. Li, W. Zuo, L. Zhang, L. Van Gool, R. Timofte, Plug-and-play image restoration \
            with deep denoiser prior, IEEE TPAMI 44(10), 2022, doi:10.1109/TPAMI.2021.3088914",
    params: &[
        upscale::FACTOR,
        ParamInfo {
            name: "passes",
            symbol: "",
            unit: "",
            range: "1..=100",
            default: "8",
            doc: "passes of the denoiser",
        },
        nets::MODEL,
    ],
};

impl LearnedUpscaling {
    /// The net for pictures of so many channels.
    pub(crate) fn net(&self, channels: usize) -> Result<Arc<ReadyNet>, OpError> {
        let (model, gpu) = (self.model.clone(), self.gpu.clone());
        Learned { model, gpu, ..Learned::default() }.net(channels)
    }

    fn enlarged(&self, given: &Image, cx: &Context) -> Result<Image, OpError> {
        let factor = self.factor;
        let denoiser = self.net(given.channels())?;
        let start = IterativeBackProjection { factor, ..IterativeBackProjection::default() };
        let again = IterativeBackProjection { factor, passes: PROJECTIONS - 1 };
        let mut current = iterative_back_projection(given, &start, cx)?;
        let mut before = current.clone();
        for pass in 0..self.passes {
            let at = pass as f32 / self.passes.max(2).saturating_sub(1) as f32;
            let sigma = LEVELS[0] * (LEVELS[1] / LEVELS[0]).powf(at);
            let mut ahead = current.clone();
            for (v, old) in ahead.data_mut().iter_mut().zip(before.data()) {
                *v += MOMENTUM * (*v - old);
            }
            let out = denoiser.denoiser.denoise(&turned(&ahead, pass), Some(sigma), cx);
            let mut out = turned_back(out.map_err(refused)?, pass);
            let mut missing = downscale(&out, &Downscale { factor }, cx)?;
            for (v, y) in missing.data_mut().iter_mut().zip(given.data()) {
                *v = y - *v;
            }
            let missing = iterative_back_projection(&missing, &again, cx)?;
            for (v, d) in out.data_mut().iter_mut().zip(missing.data()) {
                *v += d;
            }
            before = std::mem::replace(&mut current, out);
        }
        Ok(current)
    }
}

impl Operation for LearnedUpscaling {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        upscale::check_factor(self.factor)?;
        if !(1..=100).contains(&self.passes) {
            return Err(OpError::param("passes", "in 1..=100", self.passes));
        }
        if self.model.is_some() { self.net(1).map(|_| ()) } else { Ok(()) }
    }

    /// Every pass looks as far as the net does.
    fn reach(&self) -> Option<u32> {
        None
    }

    fn alignment(&self) -> u32 {
        let nets = [1, 3].into_iter().filter_map(|channels| self.net(channels).ok());
        nets.map(|net| net.alignment()).max().unwrap_or(1)
    }

    fn scale(&self) -> Scale {
        Scale::Up(self.factor)
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        self.validate()?;
        cx.check()?;
        let space = sample.image.space();
        if !matches!(space, ColorSpace::Gray | ColorSpace::Srgb) {
            return Err(OpError::WrongSpace { op: INFO.id, wanted: "gray or sRGB", got: space });
        }
        self.scale().checked_size(sample.image.size())?;
        // What transparent pixels hide is no detail, and opacity needs no net.
        let mut given =
            upscale::with_hidden_filled(&sample.image).unwrap_or_else(|| sample.image.clone());
        let alpha = given.alpha.take().map(|alpha| {
            let enlarge = Lanczos { factor: self.factor, lobes: LOBES };
            lanczos(&Image::from_plane(alpha), &enlarge, cx)
        });
        let mut out = self.enlarged(&given, cx)?;
        if let Some(alpha) = alpha {
            let mut plane = alpha?.plane(0).to_plane();
            plane.data.iter_mut().for_each(|v| *v = v.clamp(0.0, 1.0));
            out.alpha = Some(plane);
        }
        sample.resized(out, self.scale());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Step;
    use restora_image::{Plane, Rect, Size};
    use restora_testkit::{assert_info_matches, psnr, synthetic, synthetic_rgb};

    fn enlarged(
        image: &Image,
        options: &LearnedUpscaling,
        threads: usize,
    ) -> Result<Image, OpError> {
        let mut sample = Sample::new(image.clone());
        options.apply(&mut sample, &Context::with_threads(threads)).map(|()| sample.image)
    }

    fn by(factor: u32, passes: u32) -> LearnedUpscaling {
        LearnedUpscaling { factor, passes, ..LearnedUpscaling::default() }
    }

    #[test]
    fn it_beats_back_projection_in_gray_and_color_and_its_reduction_is_near_the_picture() {
        assert_info_matches(&INFO, &LearnedUpscaling::default());
        let cx = Context::default();
        for clean in [synthetic(Size::new(96, 72)), synthetic_rgb(Size::new(96, 72))] {
            for factor in [2, 3] {
                let small = downscale(&clean, &Downscale { factor }, &cx).unwrap();
                let options = by(factor, 8);
                let large = enlarged(&small, &options, 1).unwrap();
                assert!(large == enlarged(&small, &options, 3).unwrap(), "threads");
                let plain = IterativeBackProjection { factor, ..Default::default() };
                let plain = iterative_back_projection(&small, &plain, &cx).unwrap();
                let (better, before) = (psnr(&clean, &large), psnr(&clean, &plain));
                assert!(better > before + 0.3, "by {factor}: {better:.2} after {before:.2} dB");
                let back = downscale(&large, &Downscale { factor }, &cx).unwrap();
                assert!(psnr(&small, &back) > 45.0, "{}", psnr(&small, &back));
            }
        }
    }

    #[test]
    fn tiny_pictures_and_opacity_pass_and_what_is_hidden_does_not_show() {
        for (width, height) in [(1, 1), (1, 7), (9, 1), (2, 3), (0, 0), (0, 4)] {
            let out = enlarged(&synthetic_rgb(Size::new(width, height)), &by(3, 2), 1).unwrap();
            assert_eq!(out.size(), Size::new(3 * width, 3 * height));
            assert!(out.data().iter().all(|v| v.is_finite()));
        }
        let size = Size::new(32, 24);
        let mut image = Image::gray_from_fn(size, |x, _| if x < 16 { 0.5 } else { 0.0 });
        image.alpha = Some(Plane::from_fn(size, |x, _| f32::from(x < 16)));
        let out = enlarged(&image, &by(2, 3), 1).unwrap();
        let alpha = out.alpha.as_ref().unwrap();
        assert!(alpha.row(9)[10] > 0.999 && alpha.row(9)[60] < 0.001);
        assert!((0..28).all(|x| (out.plane(0).at(x, 20) - 0.5).abs() < 0.02));
    }

    #[test]
    fn a_window_with_the_margin_of_tiles_gives_what_the_whole_gives() {
        let image = synthetic(Size::new(312, 160));
        let whole = enlarged(&image, &by(2, 8), 2).unwrap();
        let window = Rect { x: 0, y: 0, width: 192, height: 160 };
        let part = enlarged(&image.crop(window), &by(2, 8), 2).unwrap();
        let core = Rect { x: 0, y: 0, width: 2 * 72, height: 320 };
        for (a, b) in part.crop(core).data().iter().zip(whole.crop(core).data()) {
            assert!((a - b).abs() < 1.0 / 255.0, "{a} {b}");
        }
    }

    #[test]
    fn options_and_spaces_it_does_not_take_are_errors() {
        for bad in [by(1, 8), by(5, 8), by(2, 0), by(2, 101)] {
            assert!(matches!(bad.validate(), Err(OpError::Param { .. })), "{bad:?}");
        }
        let linear = Image::zeros(Size::new(8, 8), ColorSpace::LinearRgb);
        assert!(matches!(enlarged(&linear, &by(2, 1), 1), Err(OpError::WrongSpace { .. })));
        let used = Step::from_text("learned-upscaling").unwrap().weights(3).unwrap().unwrap();
        assert_eq!((used.channels, used.file), (3, None));
    }
}
