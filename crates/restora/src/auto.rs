//! Which steps help a picture, from its diagnosis. *Do nothing* is always a candidate, and the one
//! that is taken wherever the findings could as well be texture.
//!
//! | finding | evidence that it is damage | step |
//! |---|---|---|
//! | salt and pepper | in nearly every window of the picture | `impulse` |
//! | random-valued impulses | more outliers than texture has | `impulse` of kind `random`, then the rest is measured again |
//! | white noise | high frequencies even over the picture, in color differences where there are any | a denoiser at that level |
//! | noise that grows with the signal | the same, and its level does | a denoiser that knows of it |
//! | JPEG of quality 80 or less | coefficients of the blocks lie on the steps of its table | `learned-deblocking`, or the net that denoises untold where noise was compressed |
//! | correlated noise (camera JPEG, scaled pictures) | low frequencies even, high ones lost; or noise that passes for white but is weaker in high frequencies or in color than in luminance | a denoiser at the level of the middle frequencies |
//!
//! Which denoiser is the table of [`method`]'s to say: a net where it was measured to win, else `bm3d`. What a mask marks
//! is filled before all this, by the method that [`filler`] says.
//!
//! Evidence enters by ramps, not by thresholds: a doubtful finding gives a weak step, and one too
//! weak to be seen is left out.

mod choice;
mod filling;

pub use choice::{Method, NoiseClass, method};
pub use filling::filler;

use crate::diagnose::{Diagnosis, SURE_JPEG};
use crate::learned_deblocker::LearnedDeblocking;
use crate::step::Step;
use restora_metrics::no_reference::ImpulseRate;
use restora_ops::denoise::{Impulse, ImpulseKind};

/// What is to be done to a picture, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The steps, with levels filled in; empty = leave it as it is.
    pub steps: Vec<Step>,
    /// Why these.
    pub reason: String,
    /// Are there findings that can only be judged after these steps?
    pub measure_again: bool,
}

/// Salt and pepper below this rate is left to the noise model: a handful of specks.
const LEAST_IMPULSES: f32 = 0.003;
/// Random-valued impulses below this rate may be fine texture: clean and noisy photographs (CBSD68,
/// Kodak, `PolyU`, at 0 to 50/255) reach 0.032, damage at 10 to 20 % of the pixels reads 0.054 or more.
const LEAST_RANDOM: f32 = 0.045;
/// They are everywhere, too: on the samples at 10 to 30 % of the pixels every window holds a third of the rate at least;
/// of two pages of print, whose letters pass for impulses, 0.73 and 0.87 of the windows do.
const EVEN_RANDOM: f32 = 0.95;
/// White noise, of 255, from where on it is denoised, and from where on fully: film grain of clean
/// scans reaches 1.6, and removing 1.2 costs 46 dB against the picture as it was.
const WHITE: (f32, f32) = (1.7, 2.5);
/// Correlated noise in luminance, likewise.
const CORRELATED: (f32, f32) = (1.5, 2.5);
/// From where to where (of 255) correlated noise asks for more evenness: that of cameras (`PolyU`) reaches 15, and of clean
/// photographs reduced by 2 that are as even as it, most are beyond. With [`TEXTURE`] and what is asked of high
/// frequencies, 1 of 50 such pictures and 1 of 74 photographs of `photos_open` still pass for noise, in place of 11 and 6.
const STRONG: (f32, f32) = (8.0, 20.0);
/// What is stronger than this in the quietest places is texture.
const TEXTURE: (f32, f32) = (45.0, 30.0);
/// What bm3d is told, in units of the level of the middle frequencies: noise that lost its high
/// frequencies is half as strong again in the low ones, and stronger outside the flattest places.
/// Gains on 12 crops of `PolyU` for 1.0, 1.4, 1.8, 2.4: 2.12, 2.60, 2.80, 2.86 dB.
const MARGIN: f32 = 1.8;
/// Noise that passes for white is not where the high frequencies of its color differences fall below
/// this share of its level. On 59 photographs (`photos_open`), white noise of 3 to 50/255 has 0.84 to 1.03
/// (98 of 100), noise of kernel 0.6 0.69 to 0.83, white noise of 25/255 through JPEG 75 to 95 0.03 to 0.62.
const COLORED: f32 = 0.83;
/// Color differences below this share of the level: a gray picture stored as color.
const COLORLESS: f32 = 0.02;
/// Gray noise that passes for white is not where high frequencies are below this share of the middle
/// ones, and these at least at this level of 255: weaker white noise drowns in texture, which falls so too.
/// On the same photographs white noise of 10/255 has 0.49 and more, of 25/255 0.71; kernel 0.6 has 0.45 at most.
const FALLING: (f32, f32) = (0.47, 12.0);
/// Steps weaker than this (of 255) change less than rounding and compression do: none is better.
const LEAST_STEP: f32 = 1.5;

/// JPEG above this quality is left alone. On photographs of BSDS500 saved at 20, 50, 70, 85 deblocking gains 0.94, 0.90,
/// 0.86, 0.18 dB.
const BEST_JPEG: u8 = 80;
/// What of 255 is left at high frequencies where noise was compressed: more than this, and than this times the
/// quality. On the same photographs, saved at 40 / 70, clean ones have up to 7.2 / 11.7, noise of 25/255 8.1 / 29.4 and
/// more; then the net untold is 2.2 / 4.0 dB ahead of deblocking, at 10/255 0.1 / 0.3 dB behind and ahead.
const NOISY_JPEG: (f32, f32) = (8.0, 0.2);

/// 0 at and before `from`, 1 at and beyond `to`, linear between; `from > to` falls.
fn ramp(value: f32, from: f32, to: f32) -> f32 {
    ((value - from) / (to - from)).clamp(0.0, 1.0)
}

/// Is the picture large enough to tell noise from texture? From about 40x40 on it is.
fn seen(d: &Diagnosis) -> f32 {
    ramp(d.correlation.confidence, 0.02, 0.1)
}

/// How sure is it that there is white noise, in `[0, 1]`?
fn white(d: &Diagnosis) -> f32 {
    if d.told {
        return 1.0;
    }
    let sigma = d.noise.model.sigma();
    let c = &d.correlation;
    let even = if d.noise.model.channels.len() == 3 {
        // Texture is in luminance: the difference of two channels holds noise alone (on CBSD68 its
        // level is 0.1 to 0.5 clean and the true one with noise, its evenness then 0.90 to 0.92).
        let color =
            ramp(c.evenness_color, 0.82, 0.88) * ramp(c.high_color / sigma.max(1e-6), 0.5, 0.75);
        // Noise common to the channels cancels there: then luminance must be as even as noise is.
        let shared = sigma / c.high.max(1e-6);
        color.max(ramp(shared, 0.45, 0.6) * ramp(c.evenness_high, 0.84, 0.88))
    } else {
        ramp(c.evenness_high, 0.76, 0.84)
    };
    even * seen(d) * ramp(255.0 * sigma, WHITE.0, WHITE.1)
}

/// How sure is it that there is correlated noise?
fn correlated(d: &Diagnosis) -> f32 {
    if d.told {
        return 0.0;
    }
    let c = &d.correlation;
    let level = 255.0 * c.middle;
    let strong = ramp(level, STRONG.0, STRONG.1);
    let even = ramp(c.evenness_low, 0.68 + 0.06 * strong, 0.76 + 0.06 * strong)
        * ramp(c.evenness_wide, 0.40 + 0.12 * strong, 0.52 + 0.12 * strong);
    // Where compression or scaling took the high frequencies of noise, it took them unevenly; what is even there and
    // less so below is texture over a quiet ground.
    let coarse =
        ramp(c.evenness_high - c.evenness_low, 0.02, -0.03).max(ramp(c.evenness_low, 0.82, 0.87));
    // Texture reaches into high frequencies. Noise that does so too must be as even there, and
    // stronger than the grain of clean scans (3.5 in luminance).
    let lost = ramp(c.high / c.middle.max(1e-6), 0.36, 0.29)
        * ramp(level, CORRELATED.0, CORRELATED.1)
        * ramp(level, TEXTURE.0, TEXTURE.1)
        * coarse;
    let white = d.noise.model.sigma();
    let grainy = ramp(c.evenness_high, 0.86, 0.89)
        * ramp(level, 4.5, 6.0)
        * ramp(white / c.high.max(1e-6), 0.45, 0.35);
    even * seen(d) * lost.max(grainy)
}

/// Does noise that passes for white fall with frequency?
fn falls(d: &Diagnosis) -> bool {
    let c = &d.correlation;
    let sigma = d.noise.model.sigma();
    if d.told {
        false
    } else if d.noise.model.channels.len() == 3 && c.high_color > COLORLESS * sigma {
        c.high_color < COLORED * sigma
    } else {
        c.high < FALLING.0 * c.middle && 255.0 * c.middle >= FALLING.1
    }
}

/// What to do to a picture that was saved as JPEG and in which no noise was found: where some was, the net that removes
/// it knows JPEG too (`PolyU`: 38.1 dB so, 37.0 dB deblocked).
fn jpeg(d: &Diagnosis) -> Option<Plan> {
    let found = &d.jpeg;
    if d.told || found.quality > BEST_JPEG || found.confidence < SURE_JPEG {
        return None;
    }
    let noisy =
        255.0 * d.correlation.high > NOISY_JPEG.0.max(NOISY_JPEG.1 * f32::from(found.quality));
    let saved = format!("saved as JPEG of quality {}", found.quality);
    let (step, reason) = if noisy {
        (Method::Blind.step(NoiseClass::Correlated, 0.0, 1.0), format!("noise, {saved}"))
    } else {
        (Step::LearnedDeblocking(LearnedDeblocking::default()).with_jpeg(found), saved)
    };
    Some(Plan { steps: vec![step], reason, measure_again: false })
}

/// The steps that help the diagnosed picture.
pub fn plan(diagnosis: &Diagnosis) -> Plan {
    plan_with(diagnosis, &method)
}

/// As [`plan`], with another choice among the denoisers than [`method`]: from the class of the noise,
/// the channels of the picture and the level in nominal range. For comparing them on the same findings.
pub fn plan_with(diagnosis: &Diagnosis, choice: &dyn Fn(NoiseClass, usize, f32) -> Method) -> Plan {
    let mut steps = Vec::new();
    let mut reasons: Vec<String> = Vec::new();
    let impulses = &diagnosis.impulses;
    if diagnosis.has_salt_and_pepper() {
        steps.push(Step::Impulse(Impulse::default()));
        reasons.push(format!("{:.1} % salt and pepper", 100.0 * impulses.salt_and_pepper));
    } else if impulses.random_valued >= LEAST_RANDOM && impulses.random_evenness >= EVEN_RANDOM {
        // They hide in every measure of noise, so that is taken once they are gone.
        return Plan {
            steps: vec![Step::Impulse(Impulse { kind: ImpulseKind::Random, ..Impulse::default() })],
            reason: format!("{:.1} % random impulses", 100.0 * impulses.random_valued),
            measure_again: true,
        };
    }
    let (white, correlated) = (white(diagnosis), correlated(diagnosis));
    let model = &diagnosis.noise.model;
    let channels = model.channels.len();
    // Where both are certain the noise is correlated: its level holds for white noise too, not the
    // reverse.
    let is_white = white > correlated && (!steps.is_empty() || !falls(diagnosis));
    let sure = white.max(correlated);
    let c = &diagnosis.correlation;
    let sigma = if is_white { model.sigma() } else { MARGIN * c.middle };
    let growing = model.channels.iter().filter(|c| c.b > 0.0).count();
    let grows = 2 * growing > channels && diagnosis.noise.slope_confidence >= 0.5 && white == 1.0;
    let noise = match (is_white, steps.is_empty(), grows) {
        (false, _, _) => NoiseClass::Correlated,
        (true, false, _) => NoiseClass::UnderImpulses,
        (true, true, true) => NoiseClass::SignalDependent,
        (true, true, false) => NoiseClass::White,
    };
    let level = 255.0 * sure * sigma;
    // Weaker noise cannot be seen.
    if level >= LEAST_STEP {
        steps.push(choice(noise, channels, sigma).step(noise, sigma, sure));
        reasons.push(match noise {
            NoiseClass::Correlated => format!(
                "noise of {:.1}/255, correlated {:.2} between neighbors",
                255.0 * c.sigma,
                0.5 * (c.horizontal + c.vertical)
            ),
            NoiseClass::SignalDependent => {
                format!("noise of {level:.1}/255 that grows with the signal")
            }
            NoiseClass::White | NoiseClass::UnderImpulses => {
                format!("white noise of {level:.1}/255")
            }
        });
    }
    if steps.is_empty()
        && let Some(plan) = jpeg(diagnosis)
    {
        return plan;
    }
    if steps.is_empty() {
        reasons.push("no damage found: left as it is".into());
    }
    Plan { steps, reason: reasons.join(", then "), measure_again: false }
}

/// Are salt and pepper everywhere?
pub(crate) fn has_salt_and_pepper(rate: &ImpulseRate) -> bool {
    rate.salt_and_pepper >= LEAST_IMPULSES && rate.confidence >= 0.8
}

impl Diagnosis {
    /// Are salt and pepper everywhere?
    pub fn has_salt_and_pepper(&self) -> bool {
        has_salt_and_pepper(&self.impulses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::diagnose;
    use restora_image::{ColorSpace, Context, Image, Rng, Size};
    use restora_testkit::{noisy, synthetic, synthetic_rgb};

    fn planned(image: &Image) -> Plan {
        plan(&diagnose(image, &Context::default()).unwrap())
    }

    fn ids(plan: &Plan) -> Vec<&'static str> {
        plan.steps.iter().map(Step::id).collect()
    }

    fn with_impulses(image: &Image, rate: f64) -> Image {
        let mut rng = Rng::new(5, "impulses", 0);
        let mut out = image.clone();
        for v in out.data_mut() {
            *v = (v.clamp(0.0, 1.0) * 255.0).round() / 255.0;
            if rng.uniform() < rate {
                *v = rng.uniform().round() as f32;
            }
        }
        out
    }

    #[test]
    fn nothing_is_done_to_clean_tiny_or_empty_pictures() {
        for size in [(0, 0), (1, 1), (1, 40), (2, 3), (24, 24), (200, 160)] {
            let size = Size::new(size.0, size.1);
            for image in
                [synthetic(size), synthetic_rgb(size), Image::zeros(size, ColorSpace::Srgb)]
            {
                let plan = planned(&image);
                assert!(plan.steps.is_empty(), "{size}: {}", plan.reason);
                assert!(!plan.reason.is_empty());
            }
        }
    }

    #[test]
    fn white_noise_is_denoised_at_its_level() {
        for clean in [synthetic(Size::new(220, 200)), synthetic_rgb(Size::new(220, 200))] {
            for (level, steps) in [(0.02, ["bm3d"]), (0.08, ["learned"])] {
                let found = diagnose(&noisy(&clean, level, 3), &Context::default()).unwrap();
                assert_eq!(ids(&plan(&found)), steps, "{}", plan(&found).reason);
                plan_with(&found, &|noise, channels, sigma| {
                    assert_eq!((noise, channels), (NoiseClass::White, clean.channels()));
                    assert!((sigma / level - 1.0).abs() < 0.05, "{sigma}");
                    Method::Bm3d
                });
            }
        }
    }

    #[test]
    fn noise_that_falls_with_frequency_is_not_taken_for_white() {
        // Rows filtered by (1, 2, 1) / 4: nothing is left at the highest frequency.
        let blurred = |image: &Image| {
            let mut out = image.clone();
            let width = image.size().w();
            for (row, line) in image.data().chunks_exact(width).enumerate() {
                for x in 1..width - 1 {
                    out.data_mut()[row * width + x] =
                        0.25 * line[x - 1] + 0.5 * line[x] + 0.25 * line[x + 1];
                }
            }
            out
        };
        for clean in [synthetic(Size::new(220, 200)), synthetic_rgb(Size::new(220, 200))] {
            let found = diagnose(&blurred(&noisy(&clean, 0.1, 4)), &Context::default()).unwrap();
            let plan = plan_with(&found, &|noise, _, _| {
                assert_eq!(noise, NoiseClass::Correlated);
                Method::Blind
            });
            assert_eq!(ids(&plan), ["learned"], "{}", plan.reason);
        }
    }

    #[test]
    fn jpeg_is_undone_and_noise_under_it_is_denoised() {
        use restora_ops::degrade::{Jpeg, Subsampling, jpeg};
        let saved = |image: &Image, quality| {
            let options = Jpeg { quality, subsampling: Subsampling::Quarter };
            jpeg(image, &options, &Context::default()).unwrap()
        };
        for clean in [synthetic(Size::new(240, 200)), synthetic_rgb(Size::new(240, 200))] {
            let clean = noisy(&clean, 4.0 / 255.0, 3);
            let plan = planned(&saved(&clean, 30));
            assert_eq!(ids(&plan), ["learned-deblocking"], "{}", plan.reason);
            assert_eq!(plan.steps[0].option("quality").unwrap(), 30);
            let plan = planned(&saved(&noisy(&clean, 0.12, 5), 60));
            assert_eq!(ids(&plan), ["learned"], "{}", plan.reason);
            let plan = planned(&saved(&clean, 95));
            assert!(!ids(&plan).contains(&"learned-deblocking"), "{}", plan.reason);
        }
    }

    #[test]
    fn a_told_level_is_taken_at_its_word() {
        let d = diagnose(&synthetic_rgb(Size::new(64, 64)), &Context::default()).unwrap();
        let plan = plan(&d.told(0.02));
        assert_eq!(ids(&plan), ["bm3d"]);
        let sigma = plan.steps[0].option("sigma").unwrap().as_f64().unwrap();
        assert!((sigma - 0.02).abs() < 1e-6);
        assert!(super::plan(&d.told(0.0)).steps.is_empty());
    }

    #[test]
    fn impulses_go_first_and_the_noise_under_them_is_found() {
        let clean = synthetic(Size::new(256, 256));
        let plan = planned(&with_impulses(&clean, 0.1));
        assert_eq!(ids(&plan), ["impulse"], "{}", plan.reason);
        let both = planned(&with_impulses(&noisy(&clean, 0.06, 2), 0.1));
        assert_eq!(ids(&both), ["impulse", "bm3d"], "{}", both.reason);
        let sigma = both.steps[1].option("sigma").unwrap().as_f64().unwrap();
        assert!((sigma / 0.06 - 1.0).abs() < 0.2, "{sigma}");
    }

    #[test]
    fn noise_that_grows_with_the_signal_is_treated_as_such() {
        let mut image = synthetic(Size::new(400, 300));
        let mut rng = Rng::new(9, "shot", 0);
        for v in image.data_mut() {
            *v = (1.5 * (*v - 0.4)).max(0.02);
            *v += (0.0004 + 0.01 * *v).sqrt() * rng.normal() as f32;
        }
        let plan = planned(&image);
        assert_eq!(plan.steps.len(), 1, "{}", plan.reason);
        let grows = NoiseClass::SignalDependent;
        let without = plan_with(
            &diagnose(&image, &Context::default()).unwrap(),
            &|noise, channels, sigma| {
                assert_eq!((noise, channels), (grows, 1));
                assert!((0.03..0.12).contains(&sigma), "{sigma}");
                Method::Bm3d
            },
        );
        assert_eq!(without.steps[0].option("noise").unwrap(), "signal-dependent");
    }
}
