//! Letters side by side.

use super::Bytes;
use super::glyphs::Glyph;
use std::collections::BTreeMap;

/// Letters of a line differ in height by this factor at most (an x and a capital with a descender),
/// and in the width of their strokes.
const HEIGHTS: f32 = 2.2;
const STROKES: f32 = 2.0;
/// Widest space between letters, in heights of the higher one: a dot between the digits of a date, or
/// the space between words.
const SPACE: f32 = 2.0;
/// How far the strokes of a line scatter at most, three of four of them from the median, of 255: JPEG
/// at quality 80 leaves 6.
const SCATTER: u8 = 8;
/// So many of its letters stand on the same row, to a sixteenth of their height or one pixel.
const STANDING: f32 = 0.6;
/// Least scatter of the widths of the letters of a line as a part of their mean: that of text is 0.25 to
/// 0.5, that of digits 0.15.
const VARIETY: f32 = 0.1;

/// The lines of text: for each the numbers of its glyphs, letters and all else of the color in it.
pub fn lines(bytes: &Bytes, glyphs: &[Glyph], letters: usize) -> Vec<Vec<usize>> {
    let mut candidates: Vec<usize> = (0..glyphs.len()).filter(|&i| glyphs[i].letter).collect();
    candidates.sort_by_key(|&i| (glyphs[i].left, i));
    let mut root: BTreeMap<usize, usize> = candidates.iter().map(|&i| (i, i)).collect();
    let find = |root: &BTreeMap<usize, usize>, mut i: usize| {
        while root[&i] != i {
            i = root[&i];
        }
        i
    };
    for (n, &i) in candidates.iter().enumerate() {
        let a = &glyphs[i];
        for &j in &candidates[n + 1..] {
            let b = &glyphs[j];
            // Letters come in the order of their left sides; none is higher than a fifth of the
            // picture.
            if b.left as f32 > a.right as f32 + SPACE * bytes.height as f32 / 5.0 {
                break;
            }
            if beside(a, b) {
                let (p, q) = (find(&root, i), find(&root, j));
                root.insert(p.max(q), p.min(q));
            }
        }
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &i in &candidates {
        groups.entry(find(&root, i)).or_default().push(i);
    }
    groups
        .into_values()
        .filter(|line| line.len() >= letters && certain(glyphs, line))
        .map(|line| filled(glyphs, &line))
        .collect()
}

fn beside(a: &Glyph, b: &Glyph) -> bool {
    let (ha, hb) = (a.height() as f32, b.height() as f32);
    let high = ha.max(hb);
    let space = b.left.max(a.left) as f32 - a.right.min(b.right) as f32;
    high <= HEIGHTS * ha.min(hb)
        && (a.middle() - b.middle()).abs() <= 0.4 * high
        && space <= SPACE * high
        && a.stroke.max(b.stroke) <= STROKES * a.stroke.min(b.stroke)
}

/// Is a row of like strokes one of burnt-in letters?
fn certain(glyphs: &[Glyph], line: &[usize]) -> bool {
    let n = line.len() as f32;
    let even = (0..3).all(|c| {
        let mut values: Vec<u8> = line.iter().map(|&i| glyphs[i].ink[c]).collect();
        values.sort_unstable();
        let median = values[values.len() / 2];
        let mut off: Vec<u8> = values.iter().map(|v| v.abs_diff(median)).collect();
        off.sort_unstable();
        off[off.len() * 3 / 4] <= SCATTER
    });
    let mean = |f: fn(&Glyph) -> usize| line.iter().map(|&i| f(&glyphs[i]) as f32).sum::<f32>() / n;
    let wide = mean(Glyph::width);
    let off = line.iter().map(|&i| (glyphs[i].width() as f32 - wide).powi(2)).sum::<f32>() / n;
    let slack = (mean(Glyph::height) as usize / 16).max(1);
    let standing = line
        .iter()
        .map(|&i| {
            let on = |j: &&usize| glyphs[**j].bottom.abs_diff(glyphs[i].bottom) <= slack;
            line.iter().filter(on).count()
        })
        .max();
    even && off.sqrt() >= VARIETY * wide && standing.unwrap_or(0) as f32 >= STANDING * n
}

/// A line with all that has its color and lies in it.
fn filled(glyphs: &[Glyph], line: &[usize]) -> Vec<usize> {
    let of = |f: fn(&Glyph) -> usize| line.iter().map(move |&i| f(&glyphs[i]));
    let (left, right) = (of(|g| g.left).min().unwrap_or(0), of(|g| g.right).max().unwrap_or(0));
    let (top, bottom) = (of(|g| g.top).min().unwrap_or(0), of(|g| g.bottom).max().unwrap_or(0));
    let high = bottom + 1 - top;
    (0..glyphs.len())
        .filter(|&i| {
            let g = &glyphs[i];
            g.left + high >= left
                && g.right <= right + high
                && g.top + high / 3 >= top
                && g.bottom <= bottom + high / 3
        })
        .collect()
}
