//! A group of holes with its surroundings, at one level of the pyramid.

use super::super::groups::Group;
use super::sources::Sources;
use restora_image::{Image, Mask};

/// What a pixel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Known,
    /// Of the group that is filled.
    Hole,
    /// Missing, of another group.
    Void,
}

pub(super) struct Scene<const C: usize> {
    pub w: usize,
    pub h: usize,
    pub pixels: Vec<[f32; C]>,
    pub kind: Vec<Kind>,
    /// City blocks to the nearest known pixel.
    depth: Vec<u32>,
}

/// Loss of trust in a patch per pixel of depth (Wexler et al., section 3.2).
const FADING: f32 = 1.3;

impl<const C: usize> Scene<C> {
    /// Planes `first..first + C` of `base`, whose holes are filled somehow, as far as `search` pixels
    /// around a group.
    pub fn around(base: &Image, mask: &Mask, group: &Group, first: usize, search: usize) -> Self {
        let size = base.size();
        let (left, top, w, h) = group.bounds();
        let (x0, y0) = (left.saturating_sub(search), top.saturating_sub(search));
        let (x1, y1) = ((left + w + search).min(size.w()), (top + h + search).min(size.h()));
        let (w, h) = (x1 - x0, y1 - y0);
        let mut pixels = Vec::with_capacity(w * h);
        let mut kind = Vec::with_capacity(w * h);
        for y in y0..y1 {
            for x in x0..x1 {
                pixels.push(std::array::from_fn(|c| base.plane(first + c).at(x, y)));
                kind.push(if mask.at(x, y) { Kind::Void } else { Kind::Known });
            }
        }
        for (x, y) in group.pixels() {
            kind[(y - y0) * w + x - x0] = Kind::Hole;
        }
        Self::new(w, h, pixels, kind)
    }

    fn new(w: usize, h: usize, pixels: Vec<[f32; C]>, kind: Vec<Kind>) -> Self {
        let far = (w + h) as u32;
        let mut depth: Vec<u32> =
            kind.iter().map(|k| if *k == Kind::Known { 0 } else { far }).collect();
        for i in 0..w * h {
            let left = if i % w > 0 { depth[i - 1] } else { far };
            let up = if i >= w { depth[i - w] } else { far };
            depth[i] = depth[i].min(left.min(up) + 1);
        }
        for i in (0..w * h).rev() {
            let right = if (i + 1) % w > 0 { depth[i + 1] } else { far };
            let down = if i + w < w * h { depth[i + w] } else { far };
            depth[i] = depth[i].min(right.min(down) + 1);
        }
        Self { w, h, pixels, kind, depth }
    }

    /// The level of half the resolution, unless the hole is as small as a patch or the scene is that of
    /// a few patches. A pixel is known if two of its four are.
    pub fn coarser(&self, r: usize) -> Option<Self> {
        let hole = (0..self.kind.len()).filter(|&i| self.kind[i] == Kind::Hole);
        let depth = hole.map(|i| self.depth[i]).max()?;
        let (w, h) = (self.w / 2, self.h / 2);
        if depth as usize <= r || w.min(h) < 3 * (2 * r + 1) {
            return None;
        }
        let mut pixels = vec![[0.0; C]; w * h];
        let mut kind = vec![Kind::Known; w * h];
        for i in 0..w * h {
            let corner = 2 * (i / w) * self.w + 2 * (i % w);
            let mut four = vec![corner, corner + 1, corner + self.w, corner + self.w + 1];
            let is = |kind: Kind| four.iter().filter(|&&j| self.kind[j] == kind).count();
            if is(Kind::Known) >= 2 {
                four.retain(|&j| self.kind[j] == Kind::Known);
            } else {
                kind[i] = if is(Kind::Hole) > 0 { Kind::Hole } else { Kind::Void };
            }
            for &j in &four {
                for c in 0..C {
                    pixels[i][c] += self.pixels[j][c] / four.len() as f32;
                }
            }
        }
        kind.contains(&Kind::Hole).then(|| Self::new(w, h, pixels, kind))
    }

    /// The pixel of a coarser level that a pixel lies in.
    pub fn above(&self, coarse: &Self, i: usize) -> usize {
        let (x, y) = (i % self.w / 2, i / self.w / 2);
        y.min(coarse.h - 1) * coarse.w + x.min(coarse.w - 1)
    }

    /// Takes the colors of the hole from a coarser level, where that has them.
    pub fn take_colors(&mut self, coarse: &Self) {
        for i in 0..self.pixels.len() {
            let j = self.above(coarse, i);
            if self.kind[i] == Kind::Hole && coarse.kind[j] == Kind::Hole {
                self.pixels[i] = coarse.pixels[j];
            }
        }
    }

    /// Sets the colors of the hole to the weighted means of what the sources have there.
    pub fn mix(&mut self, sources: &mut Sources) {
        if sources.is_empty() {
            return;
        }
        let sigma2 = sources.measure(self).max(1e-6);
        let mut sums = vec![[0.0; C]; self.pixels.len()];
        let mut weights = vec![0.0; self.pixels.len()];
        let r = sources.radius;
        for (p, q, cost) in sources.pairs() {
            let trust = FADING.powi(-(self.depth[p].min(60) as i32));
            // Not 0, so that the worst patch counts where there is no other.
            let weight = trust * (-cost / (2.0 * sigma2)).exp() + 1e-20;
            for dy in 0..=2 * r {
                let row = (p - r + dy * self.w) - r * self.w;
                let from = (q - r + dy * self.w) - r * self.w;
                for k in 0..=2 * r {
                    if self.kind[row + k] == Kind::Hole {
                        weights[row + k] += weight;
                        for c in 0..C {
                            sums[row + k][c] += weight * self.pixels[from + k][c];
                        }
                    }
                }
            }
        }
        for (pixel, (sum, weight)) in self.pixels.iter_mut().zip(sums.iter().zip(&weights)) {
            if *weight > 0.0 {
                *pixel = sum.map(|s| s / weight);
            }
        }
    }

    /// The squared difference of two patches, or infinity once it passes `limit`.
    pub fn difference(&self, p: usize, q: usize, r: usize, limit: f32) -> f32 {
        let (p, q) = (p - r * self.w - r, q - r * self.w - r);
        let mut sum = 0.0;
        for y in 0..=2 * r {
            let a = &self.pixels[p + y * self.w..][..=2 * r];
            let b = &self.pixels[q + y * self.w..][..=2 * r];
            for (a, b) in a.iter().zip(b) {
                for c in 0..C {
                    sum += (a[c] - b[c]) * (a[c] - b[c]);
                }
            }
            if sum > limit {
                return f32::INFINITY;
            }
        }
        sum
    }

    /// The colors of the hole, pixel by pixel, row by row.
    pub fn colors_of_hole(&self) -> Vec<f32> {
        let hole = (0..self.kind.len()).filter(|&i| self.kind[i] == Kind::Hole);
        hole.flat_map(|i| self.pixels[i]).collect()
    }
}
