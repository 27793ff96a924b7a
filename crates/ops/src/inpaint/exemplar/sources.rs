//! For every patch that touches a hole, the known patch most like it.
//!
//! Reference: C. Barnes et al., "`PatchMatch`: a randomized correspondence algorithm for structural image
//! editing", ACM TOG 28(3), 2009, doi:10.1145/1531326.1531330.

use super::scene::{Kind, Scene};

/// Passes over all patches in one search.
const PASSES: u64 = 4;
/// In `index`: not the center of a patch that touches the hole.
const NONE: u32 = u32::MAX;

pub(super) struct Sources {
    pub radius: usize,
    /// Centers of the patches that touch the hole, row by row.
    centers: Vec<u32>,
    /// The place of a pixel in `centers`.
    index: Vec<u32>,
    /// May a pixel be the center of a source? All of its patch must be known.
    valid: Vec<bool>,
    /// Center of the source of each patch, and their squared difference.
    field: Vec<u32>,
    cost: Vec<f32>,
    seed: u64,
}

impl Sources {
    /// Random sources; none if there is no known patch.
    pub fn new<const C: usize>(scene: &Scene<C>, radius: usize, seed: u64) -> Self {
        let (w, h) = (scene.w, scene.h);
        let inside = |i: usize| {
            let (x, y) = (i % w, i / w);
            x >= radius && y >= radius && x + radius < w && y + radius < h
        };
        let lost = near(scene, radius, |kind| kind != Kind::Known);
        let touched = near(scene, radius, |kind| kind == Kind::Hole);
        let valid: Vec<bool> = (0..w * h).map(|i| inside(i) && !lost[i]).collect();
        let known: Vec<u32> = (0..w * h).filter(|&i| valid[i]).map(|i| i as u32).collect();
        let mut centers = Vec::new();
        let mut index = vec![NONE; w * h];
        if !known.is_empty() {
            for i in (0..w * h).filter(|&i| inside(i) && touched[i]) {
                index[i] = centers.len() as u32;
                centers.push(i as u32);
            }
        }
        let any = |k: usize| known[(hash(seed, k as u64, 0, 0) % known.len() as u64) as usize];
        let field = (0..centers.len()).map(any).collect();
        let cost = vec![f32::INFINITY; centers.len()];
        Self { radius, centers, index, valid, field, cost, seed }
    }

    pub fn is_empty(&self) -> bool {
        self.centers.is_empty()
    }

    /// Center of a patch, center of its source, squared difference.
    pub fn pairs(&self) -> impl Iterator<Item = (usize, usize, f32)> + '_ {
        let both = self.centers.iter().zip(&self.field).zip(&self.cost);
        both.map(|((p, q), cost)| (*p as usize, *q as usize, *cost))
    }

    /// Takes over what a coarser level found, where that is a source here.
    pub fn take<const C: usize>(&mut self, scene: &Scene<C>, coarse: &Scene<C>, theirs: &Self) {
        for (&p, q) in self.centers.iter().zip(&mut self.field) {
            let p = p as usize;
            let at = theirs.index[scene.above(coarse, p)];
            if at == NONE {
                continue;
            }
            let found = theirs.field[at as usize] as usize;
            let x = 2 * (found % coarse.w) + p % scene.w % 2;
            let y = 2 * (found / coarse.w) + p / scene.w % 2;
            let here = y * scene.w + x;
            if self.valid[here] {
                *q = here as u32;
            }
        }
    }

    /// Measures all differences anew; returns their 75 % quantile.
    pub fn measure<const C: usize>(&mut self, scene: &Scene<C>) -> f32 {
        for k in 0..self.centers.len() {
            let (p, q) = (self.centers[k] as usize, self.field[k] as usize);
            self.cost[k] = scene.difference(p, q, self.radius, f32::INFINITY);
        }
        let mut sorted = self.cost.clone();
        sorted.sort_unstable_by(f32::total_cmp);
        sorted.get(sorted.len() * 3 / 4).copied().unwrap_or(0.0)
    }

    /// `PatchMatch`: what neighbors found, and random places around what was found, forth and back.
    pub fn search<const C: usize>(&mut self, scene: &Scene<C>, round: u64) {
        self.measure(scene);
        let n = self.centers.len();
        for pass in 0..PASSES {
            let back = pass % 2 == 1;
            let before = |step: usize| if back { step as isize } else { -(step as isize) };
            for k in 0..n {
                let k = if back { n - 1 - k } else { k };
                let p = self.centers[k] as usize;
                for step in [before(1), before(scene.w)] {
                    let neighbor = self.index.get(p.wrapping_add_signed(step)).copied();
                    if let Some(at) = neighbor.filter(|at| *at != NONE) {
                        let q = self.field[at as usize] as usize;
                        self.offer(scene, k, q.wrapping_add_signed(-step));
                    }
                }
                let mut reach = scene.w.max(scene.h);
                while reach > 0 {
                    let random = hash(self.seed, k as u64, 1 + round * PASSES + pass, reach as u64);
                    let span = 2 * reach as u64 + 1;
                    let at = self.field[k] as usize;
                    let x = at % scene.w + ((random & 0xFFFF_FFFF) % span) as usize;
                    let y = at / scene.w + ((random >> 32) % span) as usize;
                    let (x, y) = (x.wrapping_sub(reach), y.wrapping_sub(reach));
                    if x < scene.w && y < scene.h {
                        self.offer(scene, k, y * scene.w + x);
                    }
                    reach /= 2;
                }
            }
        }
    }

    /// Takes `q` as the source of patch `k` if it is one and better than what it has.
    fn offer<const C: usize>(&mut self, scene: &Scene<C>, k: usize, q: usize) {
        if self.valid.get(q) == Some(&true) {
            let p = self.centers[k] as usize;
            let cost = scene.difference(p, q, self.radius, self.cost[k]);
            if cost < self.cost[k] {
                (self.cost[k], self.field[k]) = (cost, q as u32);
            }
        }
    }
}

/// Is there a pixel of a kind in the square of radius `r` around each?
fn near<const C: usize>(scene: &Scene<C>, r: usize, is: impl Fn(Kind) -> bool) -> Vec<bool> {
    let (w, h) = (scene.w, scene.h);
    let mut rows = vec![false; w * h];
    for i in (0..w * h).filter(|&i| is(scene.kind[i])) {
        let (x, row) = (i % w, i - i % w);
        rows[row + x.saturating_sub(r)..row + (x + r + 1).min(w)].fill(true);
    }
    let mut out = vec![false; w * h];
    for i in (0..w * h).filter(|&i| rows[i]) {
        let (x, y) = (i % w, i / w);
        (y.saturating_sub(r)..(y + r + 1).min(h)).for_each(|y| out[y * w + x] = true);
    }
    out
}

/// A random number that depends on nothing else.
fn hash(seed: u64, k: u64, turn: u64, what: u64) -> u64 {
    let mut z = seed;
    for v in [k, turn, what] {
        z = (z ^ v).wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
    }
    z
}
