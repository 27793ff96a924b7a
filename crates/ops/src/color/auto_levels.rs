//! Auto levels: stretches a picture so that its darkest values become black and its brightest white.
//!
//! ```text
//! out_c = (v_c - b_c) / (w_c - b_c)
//! ```
//!
//! `b` and `w` are the values that a share `clip` of the visible pixels lies below and above. With
//! `channels = together` all channels have the least of the black values and the largest of the white ones,
//! so that colors keep their hue and no channel clips more than its share; `each` stretches each channel for
//! itself, which also takes off a cast. Told `black` and `white` are taken as they are.
//!
//! Works on encoded values, gray and sRGB. A picture whose values lie within 16/255 of each other shows
//! nothing that could be stretched and stays as it is. Cost: the picture is counted once, in strips.
//! Values are neither clipped nor rounded.
//!
//! Reference: N. Limare, J.-L. Lisani, J.-M. Morel, A. B. Petro, C. Sbert, "Simplest color balance", Image
//! Processing On Line 1, 2011, doi:10.5201/ipol.2011.llmps-scb.

use super::color_transfer::{Palette, Windows};
use restora_image::{
    ColorSpace, Context, Image, OpError, OpInfo, Operation, ParamInfo, Sample, Size, for_each_band,
    simd,
};
use serde::{Deserialize, Serialize};

/// Which channels are stretched alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LevelChannels {
    /// All of them.
    #[default]
    Together,
    /// Each for itself.
    Each,
}

/// Options of [`auto_levels`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AutoLevels {
    /// Share of the pixels that may clip at either end, `0..=0.2`.
    pub clip: f32,
    /// Which channels are stretched alike.
    pub channels: LevelChannels,
    /// What becomes black, nominal range; goes with `white`. The first is that of gray pictures.
    pub black: Option<[f32; 3]>,
    /// What becomes white, nominal range, above `black`.
    pub white: Option<[f32; 3]>,
    /// Share of the change, `0..=1`.
    pub strength: f32,
}

impl Default for AutoLevels {
    fn default() -> Self {
        Self {
            clip: 0.001,
            channels: LevelChannels::default(),
            black: None,
            white: None,
            strength: 1.0,
        }
    }
}

/// Name, paper and parameters of [`auto_levels`].
pub const INFO: OpInfo = OpInfo {
    id: "auto-levels",
    title: "Auto levels",
    family: "color",
    paper: "N. Limare, J.-L. Lisani, J.-M. Morel, A. B. Petro, C. Sbert, Simplest color balance, IPOL 1, \
            2011, doi:10.5201/ipol.2011.llmps-scb",
    params: &[
        ParamInfo {
            name: "clip",
            symbol: "",
            unit: "",
            range: "0..=0.2",
            default: "0.001",
            doc: "Share of the pixels that may clip at either end",
        },
        ParamInfo {
            name: "channels",
            symbol: "",
            unit: "",
            range: "together, each",
            default: "\"together\"",
            doc: "Are all channels stretched alike, or each for itself?",
        },
        ParamInfo {
            name: "black",
            symbol: "",
            unit: "nominal range",
            range: "r,g,b",
            default: "null",
            doc: "What becomes black; goes with white",
        },
        ParamInfo {
            name: "white",
            symbol: "",
            unit: "nominal range",
            range: "r,g,b, above black",
            default: "null",
            doc: "What becomes white; goes with black",
        },
        ParamInfo {
            name: "strength",
            symbol: "",
            unit: "",
            range: "0..=1",
            default: "1.0",
            doc: "Share of the change",
        },
    ],
};

/// Values nearer to each other than this show nothing.
const FLAT: f32 = 16.0 / 255.0;

impl AutoLevels {
    /// Are the levels told?
    pub fn is_told(&self) -> bool {
        self.black.is_some()
    }

    /// The same step with the levels of a picture of `size` with so many `channels`, of which `read` gives
    /// windows: it then does the same to every part of it.
    ///
    /// # Errors
    /// The errors of `read`; [`OpError::Cancelled`].
    pub fn settled(
        &self,
        size: Size,
        channels: usize,
        read: &Windows<'_>,
        cx: &Context,
    ) -> Result<Self, OpError> {
        if self.is_told() {
            return Ok(self.clone());
        }
        let palette = Palette::of(size, channels, read, cx)?;
        let (mut black, mut white) = ([0.0; 3], [1.0; 3]);
        for (c, (black, white)) in black.iter_mut().zip(&mut white).enumerate() {
            (*black, *white) = palette.ends(c.min(channels - 1), self.clip);
        }
        if self.channels == LevelChannels::Together {
            black = [black.into_iter().fold(f32::INFINITY, f32::min); 3];
            white = [white.into_iter().fold(f32::NEG_INFINITY, f32::max); 3];
        }
        for (black, white) in black.iter_mut().zip(&mut white) {
            if *white - *black < FLAT {
                (*black, *white) = (0.0, 1.0);
            }
        }
        Ok(Self { black: Some(black), white: Some(white), ..self.clone() })
    }

    /// Does the step, once settled, leave every picture as it is?
    pub fn is_identity(&self) -> bool {
        let whole = self.black == Some([0.0; 3]) && self.white == Some([1.0; 3]);
        whole || self.strength == 0.0
    }
}

/// Stretches a picture, gray or sRGB.
///
/// # Errors
/// [`OpError::Param`] if an option is out of range; [`OpError::WrongSpace`]; [`OpError::Cancelled`].
pub fn auto_levels(image: &Image, options: &AutoLevels, cx: &Context) -> Result<Image, OpError> {
    options.validate()?;
    cx.check()?;
    if !matches!(image.space(), ColorSpace::Gray | ColorSpace::Srgb) {
        let got = image.space();
        return Err(OpError::WrongSpace { op: "auto levels", wanted: "gray or sRGB", got });
    }
    let read = |rect| Ok(image.crop(rect));
    let settled = options.settled(image.size(), image.channels(), &read, cx)?;
    let mut out = image.clone();
    if settled.is_identity() || image.size().is_empty() {
        return Ok(out);
    }
    let (Some(black), Some(white)) = (settled.black, settled.white) else { return Ok(out) };
    let w = image.size().w();
    for (plane, (black, white)) in out.planes_mut().zip(black.into_iter().zip(white)) {
        // v + s ((v - b) / (w - b) - v) as one line.
        let gain = 1.0 + options.strength * (1.0 / (white - black) - 1.0);
        let offset = -options.strength * black / (white - black);
        for_each_band(plane, w, 64, cx, |_, band| {
            simd(
                #[inline(always)]
                || band.iter_mut().for_each(|v| *v = gain * *v + offset),
            );
            Ok(())
        })?;
    }
    Ok(out)
}

impl Operation for AutoLevels {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        if !(0.0..=0.2).contains(&self.clip) {
            return Err(OpError::param("clip", "in [0, 0.2]", self.clip));
        }
        if !(0.0..=1.0).contains(&self.strength) {
            return Err(OpError::param("strength", "in [0, 1]", self.strength));
        }
        match (self.black, self.white) {
            (None, None) => Ok(()),
            (Some(black), Some(white)) => {
                let good = black.iter().zip(&white).all(|(b, w)| w - b >= 1e-4 && w.is_finite());
                let got = || format!("black {black:?} and white {white:?}");
                good.then_some(()).ok_or_else(|| OpError::param("white", "above black", got()))
            }
            _ => Err(OpError::param("black", "given together with white", "one of the two")),
        }
    }

    /// Told levels are the same for every pixel; others are of the whole picture.
    fn reach(&self) -> Option<u32> {
        self.is_told().then_some(0)
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        sample.image = auto_levels(&sample.image, self, cx)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_testkit::{assert_contract, assert_info_matches, synthetic_rgb};

    /// Values from 0.3 to 0.6 in red, to 0.7 in green and blue from 0.25 on.
    fn faded() -> Image {
        let mut image = synthetic_rgb(Size::new(80, 60));
        for (c, (low, high)) in [(0.3, 0.6), (0.3, 0.7), (0.25, 0.5)].into_iter().enumerate() {
            for (i, v) in image.plane_mut(c).iter_mut().enumerate() {
                // Every value from one end to the other, in some order.
                *v = low + (high - low) * ((i * 7 + c) % 4800) as f32 / 4799.0;
            }
        }
        image
    }

    fn ends(image: &Image, c: usize) -> [f32; 2] {
        let plane = image.plane_data(c);
        let fold = |f: fn(f32, f32) -> f32, start| plane.iter().copied().fold(start, f);
        [fold(f32::min, f32::INFINITY), fold(f32::max, f32::NEG_INFINITY)]
    }

    #[test]
    fn together_keeps_the_order_of_channels_and_each_fills_every_channel() {
        let cx = Context::default();
        let options = AutoLevels { clip: 0.0, ..AutoLevels::default() };
        let out = auto_levels(&faded(), &options, &cx).unwrap();
        for (c, wanted) in [[0.05, 0.35], [0.05, 0.45], [0.0, 0.25]].into_iter().enumerate() {
            for (got, wanted) in ends(&out, c).into_iter().zip(wanted) {
                assert!((got - wanted / 0.45).abs() < 1e-4, "{c}: {got} {wanted}");
            }
        }
        let each = AutoLevels { channels: LevelChannels::Each, ..options };
        let out = auto_levels(&faded(), &each, &cx).unwrap();
        for c in 0..3 {
            let [low, high] = ends(&out, c);
            assert!(low.abs() < 1e-4 && (high - 1.0).abs() < 1e-4, "{low} {high}");
        }
    }

    #[test]
    fn the_share_that_clips_is_the_one_asked_for() {
        let options =
            AutoLevels { clip: 0.05, channels: LevelChannels::Each, ..AutoLevels::default() };
        let out = auto_levels(&faded(), &options, &Context::default()).unwrap();
        for c in 0..3 {
            let below = out.plane_data(c).iter().filter(|v| **v < 0.0).count();
            let above = out.plane_data(c).iter().filter(|v| **v > 1.0).count();
            for count in [below, above] {
                assert!((count as f32 / 4800.0 - 0.05).abs() < 2e-3, "{count}");
            }
        }
    }

    #[test]
    fn full_and_flat_pictures_stay_and_strength_goes_halfway() {
        let cx = Context::default();
        let mut full = faded();
        let n = full.size().len();
        for c in 0..3 {
            full.plane_mut(c)[..n / 10].fill(0.0);
            full.plane_mut(c)[n / 2..n / 2 + n / 10].fill(1.0);
        }
        let options = AutoLevels::default();
        let read = |rect| Ok(full.crop(rect));
        assert!(options.settled(full.size(), 3, &read, &cx).unwrap().is_identity());
        assert_eq!(auto_levels(&full, &options, &cx).unwrap(), full);
        let flat = Image::gray_from_fn(Size::new(9, 9), |x, _| 0.4 + 0.005 * x as f32);
        assert_eq!(auto_levels(&flat, &options, &cx).unwrap(), flat);
        let (from, whole) = (faded(), auto_levels(&faded(), &options, &cx).unwrap());
        let half = AutoLevels { strength: 0.5, ..options };
        let half = auto_levels(&from, &half, &cx).unwrap();
        for ((h, w), f) in half.data().iter().zip(whole.data()).zip(from.data()) {
            assert!((h - 0.5 * (w + f)).abs() < 1e-5);
        }
    }

    #[test]
    fn auto_levels_keeps_the_contract_and_refuses_bad_options() {
        assert_contract(&AutoLevels::default(), &faded());
        let told = AutoLevels {
            black: Some([0.1, 0.2, 0.3]),
            white: Some([0.9; 3]),
            ..AutoLevels::default()
        };
        assert_contract(&told, &faded());
        assert_info_matches(&INFO, &AutoLevels::default());
        let good = AutoLevels::default();
        for bad in [
            AutoLevels { clip: 0.3, ..good.clone() },
            AutoLevels { clip: f32::NAN, ..good.clone() },
            AutoLevels { strength: -0.1, ..good.clone() },
            AutoLevels { black: Some([0.1; 3]), ..good.clone() },
            AutoLevels { black: Some([0.5; 3]), white: Some([0.5; 3]), ..good.clone() },
        ] {
            assert!(matches!(bad.validate(), Err(OpError::Param { .. })), "{bad:?}");
        }
        let lab = Image::zeros(Size::new(3, 3), ColorSpace::Lab);
        assert!(auto_levels(&lab, &good, &Context::default()).is_err());
    }
}
