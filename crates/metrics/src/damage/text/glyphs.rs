//! Connected strokes of one color that may be letters.

use super::{Bytes, Near, apart};

/// Least height of a letter, and the largest as a part of the picture's.
const HEIGHT: (usize, usize) = (6, 5);
/// Widest stroke of a letter as a part of its height.
const STROKE: f32 = 0.34;
/// How far from the color of the strokes what is around them must be, of 255, and over how much of
/// their outline.
const SET_OFF: (u8, f32) = (40, 0.8);

/// Connected pixels of one color.
pub struct Glyph {
    /// Indices of its pixels.
    pub pixels: Vec<u32>,
    pub left: usize,
    pub right: usize,
    pub top: usize,
    pub bottom: usize,
    /// Mean width of its strokes, in pixels.
    pub stroke: f32,
    /// The color of the strokes of a letter where they are farthest from the ground.
    pub ink: [u8; 3],
    /// Could it be a letter on its own?
    pub letter: bool,
}

impl Glyph {
    pub fn width(&self) -> usize {
        self.right - self.left + 1
    }

    pub fn height(&self) -> usize {
        self.bottom - self.top + 1
    }

    pub fn middle(&self) -> f32 {
        0.5 * (self.top + self.bottom) as f32
    }
}

/// The connected parts of the pixels that are near to a color, which lie at `places`, in the order of
/// their first ones.
pub fn glyphs(bytes: &Bytes, near: &mut [Near], places: &[u32], color: [u8; 3]) -> Vec<Glyph> {
    let (w, h) = (bytes.width, bytes.height);
    let mut out = Vec::new();
    for &start in places {
        if near[start as usize] == Near::Taken {
            continue;
        }
        let mut pixels = vec![start];
        near[start as usize] = Near::Taken;
        let mut next = 0;
        while next < pixels.len() {
            let (x, y) = (pixels[next] as usize % w, pixels[next] as usize / w);
            next += 1;
            for j in y.saturating_sub(1)..(y + 2).min(h) {
                for i in x.saturating_sub(1)..(x + 2).min(w) {
                    let at = j * w + i;
                    if near[at] == Near::Yes {
                        near[at] = Near::Taken;
                        pixels.push(at as u32);
                    }
                }
            }
        }
        out.push(glyph(bytes, near, color, pixels));
    }
    out
}

fn glyph(bytes: &Bytes, near: &[Near], color: [u8; 3], pixels: Vec<u32>) -> Glyph {
    let (w, h) = (bytes.width, bytes.height);
    let (mut left, mut right, mut top, mut bottom) = (w, 0, h, 0);
    let mut borders = 0u32;
    let (mut set_off, mut around) = (0u32, 0u32);
    let mut ground = [0u32; 3];
    for &i in &pixels {
        let (x, y) = (i as usize % w, i as usize / w);
        (left, right) = (left.min(x), right.max(x));
        (top, bottom) = (top.min(y), bottom.max(y));
        for (dx, dy) in [(1i32, 0i32), (-1, 0), (0, 1), (0, -1)] {
            let inside = |d: i32| {
                let (x, y) = (x as i32 + d * dx, y as i32 + d * dy);
                let inside = x >= 0 && y >= 0 && x < w as i32 && y < h as i32;
                inside.then(|| y as usize * w + x as usize)
            };
            if inside(1).is_none_or(|at| near[at] == Near::No) {
                borders += 1;
                // The pixel at the border may be a mixture; the one behind it is the ground.
                if let Some(at) = inside(2).filter(|at| near[*at] == Near::No) {
                    set_off += u32::from(apart(bytes.pixels[at], color) > SET_OFF.0);
                    around += 1;
                    ground.iter_mut().zip(bytes.pixels[at]).for_each(|(g, v)| *g += u32::from(v));
                }
            }
        }
    }
    let mut glyph = Glyph {
        // A stroke of width s and length l has l s pixels and 2 (l + s) borders.
        stroke: 2.0 * pixels.len() as f32 / borders.max(1) as f32,
        pixels,
        left,
        right,
        top,
        bottom,
        ink: color,
        letter: false,
    };
    let ground = ground.map(|g| (g / around.max(1)) as u8);
    let (wide, high) = (glyph.width(), glyph.height());
    let sized = high >= HEIGHT.0 && high * HEIGHT.1 <= h && wide <= 3 * high && wide >= 1;
    let drawn = glyph.pixels.len() >= high && glyph.stroke <= STROKE * high as f32;
    let apart = set_off as f32 >= SET_OFF.1 * around.max(1) as f32;
    glyph.letter = sized && drawn && apart;
    if glyph.letter {
        glyph.ink = ink(bytes, &glyph.pixels, ground);
    }
    glyph
}

/// The median color of the quarter of the pixels that is farthest from the ground: thin strokes are
/// mixed with it.
fn ink(bytes: &Bytes, pixels: &[u32], ground: [u8; 3]) -> [u8; 3] {
    let mut far: Vec<(u8, [u8; 3])> =
        pixels.iter().map(|&i| bytes.pixels[i as usize]).map(|p| (apart(p, ground), p)).collect();
    far.sort_unstable_by(|a, b| b.cmp(a));
    far.truncate(pixels.len().div_ceil(4));
    [0, 1, 2].map(|c| {
        let mut values: Vec<u8> = far.iter().map(|f| f.1[c]).collect();
        values.sort_unstable();
        values[values.len() / 2]
    })
}
