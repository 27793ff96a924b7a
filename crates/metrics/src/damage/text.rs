//! Burnt-in text: date stamps, captions, subtitles and watermarks of one opaque color.
//!
//! ```text
//! thin:    I - opening or closing - I, over squares of side 2 r + 1, is above 40/255 in a channel
//! colors:  the 24 that thin pixels gather at most
//! glyphs:  connected thin pixels within 28/255 of a color, of the size and stroke width of letters,
//!          and set off from what is around them by more than 40/255 nearly everywhere
//! lines:   at least 5 glyphs of like height and stroke, side by side on one line
//! ```
//!
//! Photographs show rows of like things too: windows, fences, lettering of the scene. What is burnt in
//! has one color: along a line of text the strokes scatter by 8/255 at most, where lettering that was lit and
//! photographed scatters by more; most letters stand on one row of pixels; and letters differ in
//! width, where windows are alike. Once a line is certain everything of its color in it belongs to it: dots, dashes, letters
//! that touch. A ring of one color around the letters (the outline of subtitles) is marked with
//! them, and so is one pixel of border where that is soft. Text that is slanted by more than a few
//! degrees, written downwards, blended, or of fewer than 5 letters is not found.
//!
//! Cost: a dozen running minima and one labeling for each color.
//!
//! References: B. Epshtein, E. Ofek, Y. Wexler, "Detecting text in natural scenes with stroke width
//! transform", CVPR 2010, doi:10.1109/CVPR.2010.5540041 (letters by stroke, size and line); A. K. Jain,
//! B. Yu, "Automatic text location in images and video frames", Pattern Recognition 31(12), 1998,
//! doi:10.1016/S0031-3203(98)00067-3 (color components).

mod glyphs;
mod lines;
mod thin;

use glyphs::glyphs;
use lines::lines;
use restora_image::{Context, Image, Mask, OpError};
use std::collections::BTreeSet;
use thin::thin;

/// Options of [`text`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    /// Least number of letters of a line, `3..=100`.
    pub letters: u32,
}

impl Default for Text {
    fn default() -> Self {
        Self { letters: 5 }
    }
}

/// Colors that are looked at.
const COLORS: usize = 24;
/// Least number of thin pixels of a color.
const LEAST: u32 = 60;
/// Farthest from its color that a stroke may be in a channel, of 255.
const NEAR: u8 = 28;
/// Least part of the thin pixels of a color that is in lines: texture makes lines by chance, among much
/// else of its color.
const WRITTEN: f32 = 0.5;
/// Letters have a soft border if so much of their color is in the pixels beside them. On 50 open photographs, in four
/// colors and six fonts of 12 to 30 pixels, smoothed letters have 0.07 to 0.24, others 0.03 or less (95 %); where JPEG
/// blurred them, smoothed ones have 0.12 and more.
const SOFT: f32 = 0.06;
/// Outlines are at most so many pixels wide, and so much of a ring has their color.
const OUTLINE: (usize, f32) = (4, 0.75);
/// An outline differs from the letters by more than this in a channel, of 255, and from itself by less.
const OUTLINED: (u8, u8) = (60, 16);

/// A picture in 8 bits: red, green, blue.
pub(super) struct Bytes {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<[u8; 3]>,
}

impl Bytes {
    fn new(image: &Image) -> Self {
        let (width, height) = (image.size().w(), image.size().h());
        let plane = |c: usize| image.plane_data(c.min(image.channels() - 1));
        let planes = [plane(0), plane(1), plane(2)];
        // The cast rounds towards 0 and clamps.
        let byte = |v: f32| (v * 255.0 + 0.5) as u8;
        let pixels = (0..width * height).map(|i| planes.map(|p| byte(p[i]))).collect();
        Self { width, height, pixels }
    }
}

/// Is a pixel near to the color that is looked at?
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Near {
    No,
    Yes,
    /// .. and part of a glyph.
    Taken,
}

/// Largest difference in a channel.
pub(super) fn apart(a: [u8; 3], b: [u8; 3]) -> u8 {
    a[0].abs_diff(b[0]).max(a[1].abs_diff(b[1])).max(a[2].abs_diff(b[2]))
}

/// Marks the burnt-in text of a picture.
///
/// # Errors
/// [`OpError::Param`] if an option is out of range; [`OpError::WrongSpace`] for an image that is
/// neither gray nor RGB; [`OpError::Cancelled`].
pub fn text(image: &Image, options: &Text, cx: &Context) -> Result<Mask, OpError> {
    if !(3..=100).contains(&options.letters) {
        return Err(OpError::param("letters", "in 3..=100", options.letters));
    }
    cx.check()?;
    if !matches!(image.channels(), 1 | 3) {
        let (op, wanted, got) = ("text", "gray or RGB", image.space());
        return Err(OpError::WrongSpace { op, wanted, got });
    }
    let size = image.size();
    let mut mask = Mask::empty(size);
    if size.w() < 24 || size.h() < 12 {
        return Ok(mask);
    }
    let bytes = Bytes::new(image);
    let thin: Vec<(u32, [u8; 3])> = (0u32..)
        .zip(thin(&bytes))
        .filter(|(_, thin)| *thin)
        .map(|(i, _)| (i, bytes.pixels[i as usize]))
        .collect();
    let mut near = vec![Near::No; bytes.pixels.len()];
    for color in colors(&thin) {
        cx.check()?;
        let places: Vec<u32> =
            thin.iter().filter(|(_, p)| apart(*p, color) <= NEAR).map(|(i, _)| *i).collect();
        for &i in &places {
            near[i as usize] = Near::Yes;
        }
        let found = glyphs(&bytes, &mut near, &places, color);
        for &i in &places {
            near[i as usize] = Near::No;
        }
        let written: BTreeSet<u32> = lines(&bytes, &found, options.letters as usize)
            .iter()
            .flatten()
            .flat_map(|glyph| found[*glyph].pixels.iter().copied())
            .collect();
        if !written.is_empty() && written.len() as f32 >= WRITTEN * places.len() as f32 {
            let mut letters = vec![false; near.len()];
            for i in written {
                letters[i as usize] = true;
            }
            mark(&mut mask, &bytes, &letters, color);
        }
    }
    Ok(mask)
}

/// The colors that thin pixels gather at, to a sixteenth of each channel's range, as the means of
/// what is there: first those of many pixels that have few of like colors beside them. The colors of a
/// scene run into each other.
fn colors(thin: &[(u32, [u8; 3])]) -> Vec<[u8; 3]> {
    let mut counts = vec![0u32; 4096];
    let mut sums = vec![[0u32; 3]; 4096];
    for (_, p) in thin {
        let bin = p.iter().fold(0, |bin, v| 16 * bin + usize::from(v >> 4));
        counts[bin] += 1;
        sums[bin].iter_mut().zip(p).for_each(|(s, v)| *s += u32::from(*v));
    }
    let axis = |v: usize| v.saturating_sub(1)..(v + 2).min(16);
    let like = |bin: usize| -> u32 {
        axis(bin / 256)
            .flat_map(|r| axis(bin / 16 % 16).map(move |g| 16 * r + g))
            .flat_map(|rg| axis(bin % 16).map(move |b| 16 * rg + b))
            .map(|b| counts[b])
            .sum()
    };
    let gathered = |bin: usize| {
        let share = f64::from(counts[bin]) / f64::from(like(bin));
        f64::from(counts[bin]) * share * share
    };
    let mut bins: Vec<(f64, usize)> =
        (0..4096).filter(|&b| counts[b] >= LEAST).map(|b| (gathered(b), b)).collect();
    bins.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut colors: Vec<[u8; 3]> = Vec::new();
    for (_, bin) in bins {
        let color = sums[bin].map(|s| (s / counts[bin]) as u8);
        // A bin beside one that was taken holds the other part of its color.
        if colors.iter().all(|c| apart(*c, color) > NEAR / 2) {
            colors.push(color);
        }
        if colors.len() == COLORS {
            break;
        }
    }
    colors
}

/// Marks letters with their outline, if they have one, and one pixel of soft border.
fn mark(mask: &mut Mask, bytes: &Bytes, letters: &[bool], color: [u8; 3]) {
    let (w, h) = (bytes.width, bytes.height);
    let mut rings = vec![letters.to_vec()];
    for _ in 0..OUTLINE.0 + 2 {
        rings.push(grown(&rings[rings.len() - 1], w, h));
    }
    let ring = |d: usize| {
        let (inner, outer) = (&rings[d - 1], &rings[d]);
        (0..w * h).filter(move |&i| outer[i] && !inner[i])
    };
    // The first ring is a mixture of both colors.
    let mut outline = [0u8; 3];
    for (c, value) in outline.iter_mut().enumerate() {
        let mut values: Vec<u8> = ring(2).map(|i| bytes.pixels[i][c]).collect();
        values.sort_unstable();
        *value = values.get(values.len() / 2).copied().unwrap_or(0);
    }
    let share = |d: usize| {
        let (mut same, mut all) = (0u32, 0u32);
        for i in ring(d) {
            same += u32::from(apart(bytes.pixels[i], outline) <= OUTLINED.1);
            all += 1;
        }
        same as f32 / all.max(1) as f32
    };
    let mut reach = 1;
    if apart(outline, color) > OUTLINED.0 && share(OUTLINE.0 + 2) < 0.5 {
        while reach < OUTLINE.0 && share(reach + 1) >= OUTLINE.1 {
            reach += 1;
        }
    }
    // .. and an outline has a soft border too.
    let reach = match reach {
        1 => usize::from(softness(bytes, &rings, color) > SOFT),
        outlined => outlined + 1,
    };
    for (i, _) in rings[reach].iter().enumerate().filter(|(_, marked)| **marked) {
        mask.set(i % w, i / w, true);
    }
}

/// How much of the color of letters is in the pixels beside them, by least squares: `p1 - p2 = a (color - p3)` over the
/// pixels `p1` of the first ring, with the means of their neighbors in the second and of the neighbors of those in the
/// third. Letters that were drawn without smoothing, or by a mask, have none.
fn softness(bytes: &Bytes, rings: &[Vec<bool>], color: [u8; 3]) -> f32 {
    let (w, h) = (bytes.width, bytes.height);
    // The mean of the pixels around, at a distance of 1 or 2, that are in ring `d`.
    let mean = |i: usize, d: usize| -> Option<[f32; 3]> {
        let (x, y, far) = (i % w, i / w, d - 1);
        let (mut sum, mut n) = ([0.0f32; 3], 0.0f32);
        for v in y.saturating_sub(far)..(y + far + 1).min(h) {
            for u in x.saturating_sub(far)..(x + far + 1).min(w) {
                let j = v * w + u;
                if rings[d][j] && !rings[d - 1][j] {
                    sum.iter_mut().zip(bytes.pixels[j]).for_each(|(s, p)| *s += f32::from(p));
                    n += 1.0;
                }
            }
        }
        (n > 0.0).then(|| sum.map(|s| s / n))
    };
    let (mut shared, mut all) = (0.0f32, 0.0f32);
    for i in (0..w * h).filter(|&i| rings[1][i] && !rings[0][i]) {
        let (Some(near), Some(far)) = (mean(i, 2), mean(i, 3)) else { continue };
        for c in 0..3 {
            let toward = f32::from(color[c]) - far[c];
            shared += (f32::from(bytes.pixels[i][c]) - near[c]) * toward;
            all += toward * toward;
        }
    }
    if all > 0.0 { shared / all } else { 1.0 }
}

/// The marks and their eight neighbors.
fn grown(marks: &[bool], w: usize, h: usize) -> Vec<bool> {
    let mut across = marks.to_vec();
    for (out, row) in across.chunks_exact_mut(w).zip(marks.chunks_exact(w)) {
        for x in 0..w {
            out[x] = row[x.saturating_sub(1)..(x + 2).min(w)].contains(&true);
        }
    }
    let mut out = across.clone();
    for y in 0..h {
        for other in [y.saturating_sub(1), (y + 1).min(h - 1)] {
            for x in 0..w {
                out[y * w + x] |= across[other * w + x];
            }
        }
    }
    out
}

#[cfg(test)]
mod tests;
