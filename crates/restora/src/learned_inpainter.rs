//! Learned inpainting with nets that come with this program: one fills, one denoises.
//!
//! ```text
//! x0 = net(Telea's guess, mask)                            where a pixel is missing, else the image
//! v  = x_k + m (x_k - x_(k-1))
//! x_(k+1) = denoiser(v, sigma_k)                           where a pixel is missing, else the image
//! sigma_k falls geometrically from 50/255 to 3/255 in `passes` steps
//! ```
//!
//! The first net has the architecture [`restora_nn::models::Restorer`]; of every pixel it is told a level of noise, 1
//! where it is missing and 0 where it is known, and was trained on open photographs with scattered pixels, strokes and blocks
//! missing (`docs/training.md`). The passes that follow are plug-and-play restoration: half-quadratic splitting,
//! whose data step is exact here, with the denoising net as the prior, momentum `m` = 1/2, and the picture flipped and turned
//! from pass to pass. On photographs that neither net saw, the error falls by 1.9 dB on half of the pixels missing,
//! 0.6 on four fifths, 1.6 on text, 0.5 on strokes, 0.3 on blocks; more passes give nothing.
//! Known pixels keep every bit. Cost: that of the net, `passes + 1` times, in the windows that hold holes. A pixel depends on
//! its surroundings as far as the nets reach, pass after pass, so that windows differ from the whole, by
//! less than 1/255 with a margin of 48 pixels.
//!
//! Gray and sRGB, values in nominal range; alpha stays.
//!
//! References: K. Zhang et al., "Plug-and-play image restoration with deep denoiser prior", IEEE TPAMI 44(10), 2022,
//! doi:10.1109/TPAMI.2021.3088914; S. V. Venkatakrishnan, C. A. Bouman, B. Wohlberg, "Plug-and-play priors for model based
//! reconstruction", `GlobalSIP` 2013, doi:10.1109/GlobalSIP.2013.6737048; G. Liu et al., "Image inpainting for irregular
//! holes using partial convolutions", ECCV 2018, arXiv 1804.07723 (a net that is told the mask).

use crate::nets::{self, ReadyNet, Shipped, refused};
use crate::turns::{turned, turned_back};
use restora_image::{
    ColorSpace, Context, Image, Mask, OpError, OpInfo, Operation, ParamInfo, Sample,
};
use restora_nn::Gpu;
use restora_ops::inpaint::Telea;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// Levels of the first and the last pass.
const LEVELS: [f32; 2] = [50.0 / 255.0, 3.0 / 255.0];
/// Share of the last change that is added before a pass: 0, 0.5, 0.7, 0.8 leave 32.13, 32.58, 32.63, 32.46 dB (half of
/// the pixels missing) and 26.93, 27.08, 26.99, 26.75 dB (strokes).
const MOMENTUM: f32 = 0.5;

/// Options of learned inpainting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LearnedInpainting {
    /// Passes of the denoiser after the first filling, `0..=100`.
    pub passes: u32,
    /// A file of weights in place of the filling net that is part of the program.
    pub model: Option<PathBuf>,
    /// Where the net runs, if not on the CPU. A matter of the machine: no option, and never written.
    #[serde(skip)]
    pub gpu: Option<Gpu>,
}

impl Default for LearnedInpainting {
    fn default() -> Self {
        Self { passes: 24, model: None, gpu: None }
    }
}

/// Name, paper and parameters of learned inpainting.
pub const INFO: OpInfo = OpInfo {
    id: "learned-inpainting",
    title: "Learned inpainting: a filling net, then plug-and-play with the denoising net",
    family: "inpaint",
    paper: "K. Zhang, Y. Li, W. Zuo, L. Zhang, L. Van Gool, R. Timofte, Plug-and-play image restoration \
            with deep denoiser prior, IEEE TPAMI 44(10), 2022, doi:10.1109/TPAMI.2021.3088914",
    params: &[
        ParamInfo {
            name: "passes",
            symbol: "",
            unit: "",
            range: "0..=100",
            default: "24",
            doc: "passes of the denoiser after the first filling",
        },
        nets::MODEL,
    ],
};

impl LearnedInpainting {
    pub(crate) fn net(&self) -> Result<Arc<ReadyNet>, OpError> {
        match &self.model {
            Some(path) => nets::from_file(path, self.gpu.as_ref()),
            None => Shipped::Inpaint.net(self.gpu.as_ref()),
        }
    }
}

impl Operation for LearnedInpainting {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        if self.passes > 100 {
            return Err(OpError::param("passes", "in 0..=100", self.passes));
        }
        if self.model.is_some() { self.net().map(|_| ()) } else { Ok(()) }
    }

    /// A hole is filled from its rim, however far away that is.
    fn reach(&self) -> Option<u32> {
        None
    }

    fn alignment(&self) -> u32 {
        self.net().map_or(1, |net| net.alignment())
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        cx.check()?;
        let space = sample.image.space();
        if !matches!(space, ColorSpace::Gray | ColorSpace::Srgb) {
            return Err(OpError::WrongSpace { op: INFO.id, wanted: "gray or sRGB", got: space });
        }
        let known = sample.image.clone();
        Telea::default().apply(sample, cx)?;
        let Some(mask) = sample.mask.as_ref().filter(|mask| mask.count() > 0) else {
            return Ok(());
        };
        let first = self.net()?.denoiser.fill(&sample.image, mask, cx).map_err(refused)?;
        let gpu = self.gpu.as_ref();
        let denoiser = match space {
            ColorSpace::Gray => Shipped::DenoiseGray.net(gpu)?,
            _ => Shipped::DenoiseColor.net(gpu)?,
        };
        let mut current = kept(first, &known, mask);
        let mut before = current.clone();
        for pass in 0..self.passes {
            let at = pass as f32 / self.passes.max(2).saturating_sub(1) as f32;
            let sigma = LEVELS[0] * (LEVELS[1] / LEVELS[0]).powf(at);
            let mut ahead = current.clone();
            for (v, old) in ahead.data_mut().iter_mut().zip(before.data()) {
                *v += MOMENTUM * (*v - old);
            }
            let out = denoiser.denoiser.denoise(&turned(&ahead, pass), Some(sigma), cx);
            let out = turned_back(out.map_err(refused)?, pass);
            before = std::mem::replace(&mut current, kept(out, &known, mask));
        }
        sample.image = current;
        Ok(())
    }
}

/// The image with what is known put back.
fn kept(mut image: Image, known: &Image, mask: &Mask) -> Image {
    let n = mask.data().len();
    for (i, (new, old)) in image.data_mut().iter_mut().zip(known.data()).enumerate() {
        if !mask.data()[i % n] {
            *new = *old;
        }
    }
    image.alpha.clone_from(&known.alpha);
    image
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Step;
    use restora_data::{Limits, decode};
    use restora_image::{Plane, Rect, Size, to_luma};
    use restora_testkit::{assert_info_matches, psnr, synthetic_rgb};
    use std::path::Path;

    fn run(image: &Image, mask: &Mask, threads: usize) -> Result<Image, OpError> {
        let mut sample = Sample { mask: Some(mask.clone()), ..Sample::new(image.clone()) };
        let cx = Context::with_threads(threads);
        LearnedInpainting::default().apply(&mut sample, &cx).map(|()| sample.image)
    }

    /// Scattered pixels, a line and a block.
    fn holes(size: Size) -> Mask {
        Mask::from_fn(size, |x, y| {
            (x * 7 + y * 13) % 5 == 0 && x < 60
                || (80..83).contains(&x)
                || (100..116).contains(&x) && (40..56).contains(&y)
        })
    }

    /// Part of a sample.
    fn photograph() -> Image {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/samples/clean");
        let mut files: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let bytes = std::fs::read(&files[0]).unwrap();
        let page = decode(&bytes, &Limits::default()).unwrap().pages.swap_remove(0);
        let middle = Rect { x: 100, y: 100, width: 150, height: 100 };
        page.tile(middle)
    }

    fn emptied(image: &Image, mask: &Mask, hole: f32) -> Image {
        let mut out = image.clone();
        let n = mask.data().len();
        for (i, v) in out.data_mut().iter_mut().enumerate() {
            *v = if mask.data()[i % n] { hole } else { *v };
        }
        out
    }

    #[test]
    fn known_pixels_and_alpha_keep_every_bit_and_what_a_hole_held_does_not_matter() {
        assert_info_matches(&INFO, &LearnedInpainting::default());
        let photograph = photograph();
        let size = photograph.size();
        let mask = holes(size);
        let gray = Image::from_plane(to_luma(&photograph).unwrap());
        for image in [gray, photograph] {
            let mut damaged = emptied(&image, &mask, f32::NAN);
            damaged.alpha = Some(Plane::zeros(size));
            let filled = run(&damaged, &mask, 1).unwrap();
            assert_eq!(filled.alpha, damaged.alpha);
            for (i, (new, old)) in filled.data().iter().zip(image.data()).enumerate() {
                assert!(new.is_finite());
                let missing = mask.data()[i % mask.data().len()];
                assert!(missing || new.to_bits() == old.to_bits());
            }
            let again = run(&emptied(&image, &mask, 7.0), &mask, 3).unwrap();
            assert!(again.data() == filled.data());
            // Telea's guess is what it starts from.
            let mut guess = Sample { mask: Some(mask.clone()), ..Sample::new(damaged.clone()) };
            Telea::default().apply(&mut guess, &Context::default()).unwrap();
            let (better, guessed) = (psnr(&image, &filled), psnr(&image, &guess.image));
            assert!(better > guessed + 1.0, "{better:.2} after {guessed:.2} dB");
        }
    }

    #[test]
    fn a_window_with_room_around_its_hole_gives_what_the_whole_gives() {
        let size = Size::new(420, 300);
        let image = synthetic_rgb(size);
        let mask = Mask::from_fn(size, |x, y| (200..215).contains(&x) && (140..150).contains(&y));
        let whole = run(&image, &mask, 2).unwrap();
        let window = Rect { x: 152, y: 88, width: 112, height: 112 };
        let part = run(&image.crop(window), &mask.crop(window), 2).unwrap();
        for (a, b) in part.data().iter().zip(whole.crop(window).data()) {
            assert!((a - b).abs() < 1.0 / 255.0, "{a} {b}");
        }
    }

    #[test]
    fn an_empty_mask_changes_nothing_and_none_or_a_full_one_is_an_error() {
        let size = Size::new(40, 30);
        let image = synthetic_rgb(size);
        assert!(run(&image, &Mask::empty(size), 1).unwrap() == image);
        assert!(run(&image, &Mask::from_fn(size, |_, _| true), 1).is_err());
        let mut sample = Sample::new(image.clone());
        let step = LearnedInpainting::default();
        assert!(step.apply(&mut sample, &Context::default()).is_err());
        let linear = Image::zeros(size, ColorSpace::LinearRgb);
        assert!(matches!(run(&linear, &Mask::empty(size), 1), Err(OpError::WrongSpace { .. })));
        assert!(
            LearnedInpainting { passes: 101, ..LearnedInpainting::default() }.validate().is_err()
        );
        let used = Step::from_text("learned-inpainting").unwrap().weights(3).unwrap().unwrap();
        assert_eq!((used.channels, used.file), (3, None));
    }
}
