//! Dust and specks: small compact light or dark spots that lie over the scene, as on scans.
//!
//! ```text
//! H = I - opening of I (light) or closing of I - I (dark), over squares of side 11
//! spots: connected pixels with H above half of its peak among them, and the peak above 20/255
//! ```
//!
//! What is known of a spot is weighed as for [`scratches`](super::scratches()): its contrast against the
//! ring around it and against what scatters there, its tone against the ends of the picture's range,
//! its color, its shape and evenness, and how busy the surroundings are. The score is the logarithm
//! of the odds (logistic regression on spots of photographs, and of the same with drawn specks); spots
//! are marked down to the score at which undamaged photographs would have a tenth as many
//! ([`Significance`]). Highlights in eyes, stars and droplets are spots of the scene: no
//! measure of one picture can tell all of them from dust.
//!
//! A spot is marked to half of its contrast, and one pixel more for its soft border. Works on luma. Cost:
//! four running extremes and one labeling for each polarity.
//!
//! Reference: A. C. Kokaram, "On missing data treatment for degraded video and film archives: a
//! survey and a new Bayesian approach", IEEE TIP 13(3), 2004, doi:10.1109/TIP.2004.823815 (dirt as
//! opaque patches of a layer of its own; there along time).

use super::rates::{Rates, Significance};
use super::windows::{Sums, bytes, chroma, ends, extreme, median, scatter};
use restora_image::{Context, Image, Mask, OpError, Plane, to_luma};

/// Options of [`dust`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dust {
    /// How sure it must be of a spot.
    pub significance: Significance,
}

impl Default for Dust {
    fn default() -> Self {
        Self { significance: Significance::ASKED }
    }
}

/// Number of terms of the evidence.
pub const DUST_TERMS: usize = 16;
/// Radius of the squares of opening and closing: spots are up to 10 pixels wide.
const RADIUS: usize = 5;
/// Least height of a spot, of 255.
const LEAST: u8 = 20;
/// Most pixels of a spot, and the largest side of the box around it.
const LARGEST: (usize, usize) = (90, 14);
/// Radius of the windows that say how busy the surroundings are.
const AROUND: usize = 20;

/// Weights of the terms of the evidence, as `examples/damage_weights.rs` of the crate `restora` fits them
/// on the open photographs.
const WEIGHTS: [f32; DUST_TERMS] = [
    1.333, 0.115, 1.694, -1.178, 0.416, 0.258, -0.24, -2.25, 2.567, -0.11, -0.961, 0.05, -2.699,
    -0.041, 0.129, 2.063,
];
/// Scores that so many spots of undamaged photographs reach in a megapixel: rate, score. Counted on 99
/// photographs (10 megapixels) by weights that were fitted on others.
const RATES: Rates = Rates {
    color: [(0.1, 6.84), (0.3, 6.42), (1.0, 5.61), (3.0, 4.15), (10.0, 3.16), (100.0, 0.44)],
    gray: [(0.1, 7.69), (0.3, 6.83), (1.0, 6.25), (3.0, 5.26), (10.0, 3.52), (100.0, 0.0)],
};

/// A spot that may be dust.
#[derive(Clone, Debug, PartialEq)]
pub struct DustCandidate {
    /// Its pixels, column and row.
    pub pixels: Vec<(u32, u32)>,
    /// What speaks for and against it.
    pub terms: [f32; DUST_TERMS],
    /// Logarithm of its odds to be dust.
    pub score: f32,
}

/// Marks the specks of a picture.
///
/// # Errors
/// [`OpError::Param`] if an option is out of range; [`OpError::WrongSpace`] for an image that is
/// neither gray nor RGB; [`OpError::Cancelled`].
pub fn dust(image: &Image, options: &Dust, cx: &Context) -> Result<Mask, OpError> {
    options.significance.validate()?;
    let mut mask = Mask::empty(image.size());
    let spots = dust_candidates(image, cx)?;
    let scores: Vec<f32> = spots.iter().map(|s| s.score).collect();
    let least = RATES.least_score(image, &scores, options.significance);
    for spot in spots.iter().filter(|s| s.score > least) {
        for &(x, y) in &spot.pixels {
            let (x, y) = (x as usize, y as usize);
            for j in y.saturating_sub(1)..(y + 2).min(mask.size().h()) {
                for i in x.saturating_sub(1)..(x + 2).min(mask.size().w()) {
                    mask.set(i, j, true);
                }
            }
        }
    }
    Ok(mask)
}

/// Every spot that is looked at, for fitting and for judging the weights.
///
/// # Errors
/// As [`dust`].
pub fn dust_candidates(image: &Image, cx: &Context) -> Result<Vec<DustCandidate>, OpError> {
    cx.check()?;
    let mut luma = to_luma(image)?;
    let w = image.size().w();
    if image.size().is_empty() {
        return Ok(Vec::new());
    }
    luma.data.iter_mut().for_each(|v| *v *= 255.0);
    let bytes = bytes(&luma);
    let opened = extreme(&extreme(&bytes, w, RADIUS, u8::min), w, RADIUS, u8::max);
    cx.check()?;
    let closed = extreme(&extreme(&bytes, w, RADIUS, u8::max), w, RADIUS, u8::min);
    cx.check()?;
    let heights: [Vec<u8>; 2] = [
        bytes.iter().zip(&opened).map(|(v, o)| v - o).collect(),
        bytes.iter().zip(&closed).map(|(v, c)| c - v).collect(),
    ];
    let both: Vec<u8> = heights[0].iter().zip(&heights[1]).map(|(a, b)| *a.max(b)).collect();
    let scene = Scene { image, luma: &luma, around: Sums::new(&both, w), ends: ends(&luma) };
    let mut out = Vec::new();
    for (polarity, heights) in heights.iter().enumerate() {
        cx.check()?;
        for spot in spots(heights, w) {
            if let Some(terms) = scene.terms(&spot, heights, polarity) {
                let score = terms.iter().zip(&WEIGHTS).map(|(t, w)| t * w).sum();
                let pixels = spot.iter().map(|i| (i % w as u32, i / w as u32)).collect();
                out.push(DustCandidate { pixels, terms, score });
            }
        }
    }
    Ok(out)
}

/// Connected pixels above half of the peak among them, found from the peaks down.
fn spots(heights: &[u8], w: usize) -> Vec<Vec<u32>> {
    let h = heights.len() / w;
    let mut peaks: Vec<u32> = Vec::new();
    for y in 0..h {
        for (x, &v) in heights[y * w..][..w].iter().enumerate().filter(|(_, v)| **v >= LEAST) {
            let highest = || {
                (y.saturating_sub(1)..(y + 2).min(h))
                    .all(|j| (x.saturating_sub(1)..(x + 2).min(w)).all(|i| heights[j * w + i] <= v))
            };
            if highest() {
                peaks.push((y * w + x) as u32);
            }
        }
    }
    peaks.sort_by_key(|&i| (std::cmp::Reverse(heights[i as usize]), i));
    // The peak that each pixel was reached from, and 1; 0: none.
    let mut from = vec![0u32; heights.len()];
    let mut out = Vec::new();
    for peak in peaks {
        if from[peak as usize] > 0 {
            continue;
        }
        let half = heights[peak as usize] / 2;
        let mut pixels = vec![peak];
        from[peak as usize] = peak + 1;
        let (mut next, mut whole) = (0, true);
        while next < pixels.len() {
            let (x, y) = (pixels[next] as usize % w, pixels[next] as usize / w);
            next += 1;
            for j in y.saturating_sub(1)..(y + 2).min(h) {
                for i in x.saturating_sub(1)..(x + 2).min(w) {
                    let at = j * w + i;
                    if heights[at] > half {
                        whole &= from[at] == 0 || from[at] == peak + 1;
                        if from[at] == 0 {
                            from[at] = peak + 1;
                            pixels.push(at as u32);
                        }
                    }
                }
            }
            if pixels.len() > LARGEST.0 {
                // The rest of it would come back as spots of its own.
                whole = false;
                break;
            }
        }
        if whole {
            out.push(pixels);
        }
    }
    out
}

struct Scene<'a> {
    image: &'a Image,
    /// Luma, of 255.
    luma: &'a Plane,
    /// Heights of spots.
    around: Sums,
    /// Tones that 1 % of the pixels lie below, and above.
    ends: (f32, f32),
}

impl Scene<'_> {
    /// The terms whose weighted sum is the score of a spot; none for one that is no spot.
    fn terms(&self, spot: &[u32], heights: &[u8], polarity: usize) -> Option<[f32; DUST_TERMS]> {
        let (w, h) = (self.luma.size.w(), self.luma.size.h());
        let (mut left, mut right, mut top, mut bottom) = (w, 0, h, 0);
        for &i in spot {
            let (x, y) = (i as usize % w, i as usize / w);
            (left, right) = (left.min(x), right.max(x));
            (top, bottom) = (top.min(y), bottom.max(y));
        }
        let (wide, high) = (right + 1 - left, bottom + 1 - top);
        let long = wide.max(high);
        // The whole ring must be seen: what touches the border may belong to a frame.
        let inside = left >= 4 && top >= 4 && right + 4 < w && bottom + 4 < h;
        if long > LARGEST.1 || spot.len() < 2 || !inside {
            return None;
        }
        // The ring: what lies two to four pixels outside of the box around the spot.
        let (mut ring, mut colors) = (Vec::new(), 0.0);
        for y in top - 4..bottom + 5 {
            for x in left - 4..right + 5 {
                let apart = |v: usize, low: usize, high: usize| {
                    if v < low { low - v } else { v.saturating_sub(high) }
                };
                if apart(x, left, right).max(apart(y, top, bottom)) >= 2 {
                    ring.push(self.luma.data[y * w + x]);
                    colors += chroma(self.image, y * w + x);
                }
            }
        }
        let ground = median(&ring);
        let rough = scatter(&ring, ground);
        let n = spot.len() as f32;
        let tones: Vec<f32> = spot.iter().map(|&i| self.luma.data[i as usize]).collect();
        let mean = |values: &mut dyn Iterator<Item = f32>| values.sum::<f32>() / n;
        let tone = mean(&mut tones.iter().copied());
        let contrast = if polarity == 0 { tone - ground } else { ground - tone };
        if contrast < f32::from(LEAST) / 2.0 {
            return None;
        }
        let (darkest, lightest) = self.ends;
        let off = if polarity == 0 { lightest - tone } else { tone - darkest };
        let height = mean(&mut spot.iter().map(|&i| f32::from(heights[i as usize])));
        // The farthest of the ring on the spot's side: a spot of the scene has others beside it.
        let sign = if polarity == 0 { 1.0 } else { -1.0 };
        let rival = ring.iter().map(|v| sign * (v - ground)).fold(0.0, f32::max);
        let own = mean(&mut spot.iter().map(|&i| chroma(self.image, i as usize)));

        let strength = (contrast / 32.0).ln();
        let relative = (contrast / (rough + 2.0)).ln();
        let alone = (contrast / (rival + 4.0)).ln();
        let (x, y) = (spot[0] as usize % w, spot[0] as usize / w);
        let busy = ((self.around.mean(x, y, AROUND) + 1.0) / 8.0).ln();
        let stands = (height / contrast).clamp(0.2, 2.0).ln();
        let size = (n / 9.0).ln();
        let slender = (long as f32 / wide.min(high) as f32).ln();
        let full = (n / (wide * high) as f32).ln();
        let uneven = scatter(&tones, tone) / contrast;
        let off = (off / 50.0).clamp(-1.0, 3.0);
        let colorless = ((own + 4.0) / (colors / ring.len() as f32 + 4.0)).ln();
        Some([
            strength,
            relative,
            alone,
            busy,
            stands,
            size,
            size * size,
            slender,
            full,
            uneven,
            off,
            off * off,
            colorless,
            strength * off,
            strength * busy,
            1.0,
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{Cancel, Rng, Size};
    use restora_testkit::{noisy, synthetic, synthetic_rgb};

    fn found(image: &Image, significance: Significance) -> Mask {
        dust(image, &Dust { significance }, &Context::default()).unwrap()
    }

    /// A picture with white specks of radius 1 to 3, and the truth.
    fn dusty(clean: &Image) -> (Image, Mask) {
        let mut rng = Rng::new(4, "specks", 0);
        let (w, h) = (clean.size().w(), clean.size().h());
        let specks: Vec<[f64; 3]> = (0..20)
            .map(|_| {
                let (x, y) = (rng.uniform() * w as f64, rng.uniform() * h as f64);
                [x, y, 1.0 + 2.0 * rng.uniform()]
            })
            .collect();
        let cover = |x: usize, y: usize| {
            let of = |s: &[f64; 3]| s[2] + 0.5 - (x as f64 - s[0]).hypot(y as f64 - s[1]);
            specks.iter().map(of).fold(0.0, f64::max).min(1.0) as f32
        };
        let mut out = clean.clone();
        for plane in out.planes_mut() {
            for (i, v) in plane.iter_mut().enumerate() {
                *v += cover(i % w, i / w) * (0.98 - *v);
            }
        }
        (out, Mask::from_fn(clean.size(), |x, y| cover(x, y) > 0.5))
    }

    #[test]
    fn specks_are_marked_and_little_else() {
        let (image, truth) = dusty(&noisy(&synthetic_rgb(Size::new(220, 180)), 0.01, 1));
        let mask = found(&image, Significance::ASKED);
        let hit = truth.data().iter().zip(mask.data()).filter(|(t, m)| **t && **m).count();
        assert!(hit as f32 > 0.85 * truth.count() as f32, "{hit} of {}", truth.count());
        assert!(mask.count() < 3 * truth.count(), "{} for {}", mask.count(), truth.count());
        let with = |least| Significance::FalseShare { share: 0.1, least };
        assert_eq!(found(&image, with(5)), mask);
        assert_eq!(found(&image, with(1000)).count(), 0);
    }

    #[test]
    fn texture_noise_frames_and_lines_are_left() {
        let size = Size::new(220, 180);
        let pictures = [
            noisy(&synthetic(size), 0.03, 2),
            Image::gray_from_fn(size, |x, y| if (x / 4 + y / 4) % 2 == 0 { 0.9 } else { 0.2 }),
            Image::gray_from_fn(size, |x, y| if x < 2 || y > 176 { 1.0 } else { 0.3 }),
            Image::gray_from_fn(size, |x, y| if x.abs_diff(y) < 2 { 1.0 } else { 0.3 }),
        ];
        for (i, picture) in pictures.iter().enumerate() {
            assert_eq!(found(picture, Significance::ASKED).count(), 0, "picture {i}");
        }
    }

    #[test]
    fn any_size_is_looked_at_and_errors_say_why() {
        for (w, h) in [(0, 0), (1, 1), (1, 40), (40, 1), (2, 3), (12, 12)] {
            let mask = found(&synthetic_rgb(Size::new(w, h)), Significance::FalseMarks(100.0));
            assert_eq!(mask.count(), 0, "{w}x{h}");
        }
        let image = synthetic(Size::new(8, 8));
        for false_marks in [0.0, 101.0, f32::NAN] {
            let options = Dust { significance: Significance::FalseMarks(false_marks) };
            let result = dust(&image, &options, &Context::default());
            assert!(matches!(result, Err(OpError::Param { name: "false_marks", .. })));
        }
        let cancel = Cancel::default();
        cancel.cancel();
        let cx = Context { cancel: Some(&cancel), ..Context::default() };
        assert_eq!(dust(&image, &Dust::default(), &cx), Err(OpError::Cancelled));
    }
}
