//! Scratches: thin curved lines, light or dark, as on old film and prints.
//!
//! ```text
//! y = x + c (t - x),    c = clamp(width / 2 + 1/2 - distance to the curve, 0, 1)
//! ```
//!
//! Each curve is a quadratic Bezier from a random point in a random direction, bent by up to a
//! quarter of its length; its tone `t` is white or black up to 15 % and the same in all channels.
//! The mask marks every pixel with `c > 0`, so what is not marked is untouched to the bit.
//!
//! Reference: A. C. Kokaram, "On missing data treatment for degraded video and film archives: a
//! survey and a new Bayesian approach", IEEE TIP 13(3), 2004, doi:10.1109/TIP.2004.823815.

use super::rows::share;
use restora_image::{Context, Image, Mask, OpError, OpInfo, Operation, ParamInfo, Rng, Sample};
use serde::{Deserialize, Serialize};

/// Tone of the scratches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScratchTone {
    /// Light or dark with equal chance.
    #[default]
    Both,
    /// Light ones.
    Light,
    /// Dark ones.
    Dark,
}

/// Options of [`scratches`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scratches {
    /// Number of scratches, `0..=10000`.
    pub count: u32,
    /// Width in pixels, `0.5..=50`.
    pub width: f32,
    /// Longest length as a share of the diagonal, `0..=1`; the shortest is half of it.
    pub length: f32,
    /// Light, dark or both.
    pub tone: ScratchTone,
}

impl Default for Scratches {
    fn default() -> Self {
        Self { count: 8, width: 1.5, length: 0.6, tone: ScratchTone::Both }
    }
}

/// Name, paper and parameters of [`scratches`].
pub const INFO: OpInfo = OpInfo {
    id: "scratches",
    title: "Scratches",
    family: "degrade",
    paper: "A. C. Kokaram, On missing data treatment for degraded video and film archives, IEEE TIP \
            13(3), 2004, doi:10.1109/TIP.2004.823815",
    params: &[
        ParamInfo {
            name: "count",
            symbol: "",
            unit: "",
            range: "0..=10000",
            default: "8",
            doc: "number of scratches",
        },
        ParamInfo {
            name: "width",
            symbol: "",
            unit: "pixels",
            range: "0.5..=50",
            default: "1.5",
            doc: "width of a scratch",
        },
        ParamInfo {
            name: "length",
            symbol: "",
            unit: "share of the diagonal",
            range: "0..=1",
            default: "0.6",
            doc: "longest length; the shortest is half of it",
        },
        ParamInfo {
            name: "tone",
            symbol: "",
            unit: "",
            range: "both | light | dark",
            default: "\"both\"",
            doc: "light or dark scratches, or both",
        },
    ],
};

/// Scratches the image as drawn from `rng`; the mask marks what was changed.
///
/// # Errors
/// [`OpError::Param`] if an option is out of range; [`OpError::Cancelled`].
pub fn scratches(
    image: &Image,
    options: &Scratches,
    rng: &Rng,
    cx: &Context,
) -> Result<(Image, Mask), OpError> {
    options.validate()?;
    cx.check()?;
    let mut out = image.clone();
    let mut mask = Mask::empty(image.size());
    if image.size().is_empty() {
        return Ok((out, mask));
    }
    for i in 0..options.count {
        cx.check()?;
        let mut rng = rng.child(u64::from(i));
        let curve = Curve::drawn(image, options, &mut rng);
        let tone = drawn_tone(options.tone, &mut rng);
        let cover = coverage(image, &curve, f64::from(options.width));
        for &(index, c) in &cover {
            for plane in out.planes_mut() {
                plane[index] += c * (tone - plane[index]);
            }
            let w = image.size().w();
            mask.set(index % w, index / w, true);
        }
    }
    Ok((out, mask))
}

/// A quadratic Bezier curve: start, control point, end.
struct Curve([(f64, f64); 3]);

impl Curve {
    fn drawn(image: &Image, options: &Scratches, rng: &mut Rng) -> Self {
        let (w, h) = (image.size().w() as f64, image.size().h() as f64);
        let (x, y) = (rng.uniform() * w, rng.uniform() * h);
        let length = f64::from(options.length) * w.hypot(h) * (0.5 + 0.5 * rng.uniform());
        let (sin, cos) = (rng.uniform() * std::f64::consts::TAU).sin_cos();
        // The control point stands off the middle of the chord; the curve bends half as far.
        let bend = 0.25 * length * (2.0 * rng.uniform() - 1.0);
        let middle = (x + 0.5 * length * cos - bend * sin, y + 0.5 * length * sin + bend * cos);
        Self([(x, y), middle, (x + length * cos, y + length * sin)])
    }

    fn at(&self, t: f64) -> (f64, f64) {
        let [a, b, c] = self.0;
        let of = |a: f64, b: f64, c: f64| {
            (1.0 - t) * ((1.0 - t) * a + t * b) + t * ((1.0 - t) * b + t * c)
        };
        (of(a.0, b.0, c.0), of(a.1, b.1, c.1))
    }

    /// The sides of the control polygon: never shorter than the curve.
    fn length(&self) -> f64 {
        let [a, b, c] = self.0;
        (b.0 - a.0).hypot(b.1 - a.1) + (c.0 - b.0).hypot(c.1 - b.1)
    }
}

fn drawn_tone(tone: ScratchTone, rng: &mut Rng) -> f32 {
    let (light, depth) = (rng.uniform() < 0.5, 0.15 * rng.uniform() as f32);
    let light = match tone {
        ScratchTone::Light => true,
        ScratchTone::Dark => false,
        ScratchTone::Both => light,
    };
    if light { 1.0 - depth } else { depth }
}

/// Indices and coverages in `(0, 1]` of the pixels near the curve, each once.
fn coverage(image: &Image, curve: &Curve, width: f64) -> Vec<(usize, f32)> {
    let (w, h) = (image.size().w() as isize, image.size().h() as isize);
    // Points half a pixel apart or less: off by 1/32 pixel at most in the distance of a thin line.
    let steps = (2.0 * curve.length()).ceil().max(1.0) as usize;
    let reach = 0.5 * width + 0.5;
    let mut cover = std::collections::BTreeMap::<usize, f32>::new();
    for i in 0..=steps {
        let (x, y) = curve.at(i as f64 / steps as f64);
        let rows = ((y - reach).floor() as isize).max(0)..((y + reach).ceil() as isize).min(h);
        for row in rows {
            let columns =
                ((x - reach).floor() as isize).max(0)..((x + reach).ceil() as isize).min(w);
            for column in columns {
                // Pixel centers are at half-integers.
                let distance = (column as f64 + 0.5 - x).hypot(row as f64 + 0.5 - y);
                let c = (reach - distance).min(1.0) as f32;
                if c > 0.0 {
                    let best = cover.entry((row * w + column) as usize).or_insert(0.0);
                    *best = best.max(c);
                }
            }
        }
    }
    cover.into_iter().collect()
}

impl Operation for Scratches {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        if self.count > 10_000 {
            return Err(OpError::param("count", "in 0..=10000", self.count));
        }
        if !(0.5..=50.0).contains(&self.width) {
            return Err(OpError::param("width", "in [0.5, 50]", self.width));
        }
        share("length", self.length)
    }

    /// The random numbers belong to places of the whole image.
    fn reach(&self) -> Option<u32> {
        None
    }

    /// Adds to the mask of the sample.
    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        let rng = cx.rng(&sample.meta.id, INFO.stream());
        let (image, mut mask) = scratches(&sample.image, self, &rng, cx)?;
        if let Some(earlier) = &sample.mask {
            mask.add(earlier)?;
        }
        sample.image = image;
        sample.mask = Some(mask);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Size;
    use restora_testkit::{assert_contract, assert_info_matches, synthetic_rgb};

    fn scratched(options: &Scratches, seed: u64) -> (Image, Image, Mask) {
        // No value is that of a scratch, so a pixel that is touched differs.
        let clean = Image::gray_from_fn(Size::new(120, 90), |x, y| 0.3 + 0.001 * (x + y) as f32);
        let rng = Rng::new(seed, "scratch", 0);
        let (out, mask) = scratches(&clean, options, &rng, &Context::default()).unwrap();
        (clean, out, mask)
    }

    #[test]
    fn scratches_keep_the_contract() {
        assert_contract(&Scratches::default(), &synthetic_rgb(Size::new(50, 40)));
        assert_info_matches(&INFO, &Scratches::default());
    }

    #[test]
    fn the_mask_marks_exactly_what_was_changed() {
        for seed in 0..20 {
            let (clean, out, mask) = scratched(&Scratches::default(), seed);
            for (i, (a, b)) in clean.data().iter().zip(out.data()).enumerate() {
                // A coverage below 1e-7 changes no bit.
                let changed = a != b;
                assert!(mask.data()[i] || !changed, "seed {seed}: unmarked pixel changed");
                assert!(changed || !mask.data()[i], "seed {seed}: marked pixel unchanged");
            }
            assert!(mask.count() > 100);
        }
    }

    #[test]
    fn area_grows_with_count_and_width_and_tones_are_as_asked() {
        let area = |count, width| {
            let options = Scratches { count, width, ..Scratches::default() };
            (0..10).map(|seed| scratched(&options, seed).2.count()).sum::<usize>()
        };
        assert_eq!(area(0, 1.5), 0);
        assert!(area(4, 1.5) < area(8, 1.5) && area(8, 1.5) < area(8, 6.0));
        let touched = |tone| {
            let options = Scratches { tone, width: 3.0, ..Scratches::default() };
            let (clean, out, _) = scratched(&options, 1);
            let pairs = clean.data().iter().zip(out.data());
            pairs.fold((0, 0), |(light, dark), (a, b)| {
                (light + usize::from(b > a), dark + usize::from(b < a))
            })
        };
        assert!(touched(ScratchTone::Light).0 > 0 && touched(ScratchTone::Light).1 == 0);
        assert!(touched(ScratchTone::Dark).0 == 0 && touched(ScratchTone::Dark).1 > 0);
        assert!(touched(ScratchTone::Both).0 > 0 && touched(ScratchTone::Both).1 > 0);
    }

    #[test]
    fn a_straight_scratch_has_the_asked_width() {
        let image = Image::gray_from_fn(Size::new(200, 40), |_, _| 0.0);
        let curve = Curve([(-50.0, 20.0), (100.0, 20.0), (250.0, 20.0)]);
        for width in [1.0, 2.5, 7.0] {
            let sum: f32 = coverage(&image, &curve, width).iter().map(|(_, c)| c).sum();
            assert!((f64::from(sum) / 200.0 - width).abs() < 0.08, "{width}: {sum}");
        }
    }

    #[test]
    fn bad_options_are_errors() {
        let good = Scratches::default();
        for bad in [
            Scratches { count: 10_001, ..good.clone() },
            Scratches { width: 0.4, ..good.clone() },
            Scratches { width: f32::NAN, ..good.clone() },
            Scratches { length: 1.1, ..good },
        ] {
            assert!(matches!(bad.validate(), Err(OpError::Param { .. })));
        }
    }
}
