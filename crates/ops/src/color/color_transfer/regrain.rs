//! Regraining: where a map of colors has stretched noise and grain, the change is made smooth again, so
//! that the picture keeps the gradients it came with.
//!
//! ```text
//! min over J of  sum phi |grad J - grad I|^2 + psi |J - t(I)|^2
//! phi = s 30 / (1 + 10 |grad I|)        psi = min(|grad I| / 5, 1)        I in 0..255
//! ```
//!
//! For the change `D = J - I` this is a weighted smoothing, `psi D - div(phi grad D) = psi D_0`, solved as in
//! the paper from coarse to fine: on each of four levels of halved size by a few of Jacobi's steps
//! that start from the coarser solution. `s` is the smoothness. Cost: 21 steps on images that shrink
//! fourfold. Differs from the paper in the number of levels and steps, which makes the reach finite,
//! and in that `psi` is at least 1/50: within a flat area nothing else would hold the change. Clamped
//! at the border.
//!
//! Reference: F. Pitié, A. C. Kokaram, R. Dahyot, "Automated colour grading using colour distribution
//! transfer", Computer Vision and Image Understanding 107, 2007, doi:10.1016/j.cviu.2006.11.011,
//! section 5.

use restora_image::{Context, Image, OpError, Size, for_each_band, simd};

/// Steps on each level, the finest first.
const STEPS: [u32; 4] = [3, 4, 6, 8];
const LEAST: f32 = 1.0 / 50.0;

/// Tiles start at multiples of the squares of the coarsest level.
pub(super) const ALIGNMENT: u32 = 1 << (STEPS.len() - 1);

/// How far a pixel looks: on each level its steps, a pixel for the weights, one for the pixels between
/// those of the coarser level.
pub(super) const REACH: u32 = {
    let (mut reach, mut level) = (0, 0);
    while level < STEPS.len() {
        reach += (STEPS[level] + 2) << level;
        level += 1;
    }
    reach
};

/// One level: the weights and what the change is drawn to.
struct Level {
    size: Size,
    /// Planes of the picture.
    image: Vec<Vec<f32>>,
    /// Planes of the change.
    change: Vec<Vec<f32>>,
}

/// The regrained change of `image`, plane by plane.
pub(super) fn regrain(
    image: &Image,
    change: Vec<Vec<f32>>,
    smoothness: f32,
    cx: &Context,
) -> Result<Vec<Vec<f32>>, OpError> {
    let planes = (0..image.channels()).map(|c| image.plane_data(c).to_vec()).collect();
    let mut levels = vec![Level { size: image.size(), image: planes, change }];
    while levels.len() < STEPS.len() {
        let fine = &levels[levels.len() - 1];
        let half =
            |planes: &[Vec<f32>]| planes.iter().map(|p| halved(p, fine.size)).collect::<Vec<_>>();
        let size = Size::new(fine.size.width.div_ceil(2), fine.size.height.div_ceil(2));
        let next = Level { size, image: half(&fine.image), change: half(&fine.change) };
        levels.push(next);
    }
    let mut coarser: Option<(Vec<Vec<f32>>, Size)> = None;
    for (level, steps) in levels.iter().zip(STEPS).rev() {
        let weights = Weights::of(level, smoothness, cx)?;
        let mut solved = Vec::with_capacity(level.change.len());
        for (c, wanted) in level.change.iter().enumerate() {
            let mut now = match &coarser {
                Some((planes, size)) => doubled(&planes[c], *size, level.size),
                None => wanted.clone(),
            };
            for _ in 0..steps {
                now = weights.step(&now, wanted, cx)?;
            }
            solved.push(now);
        }
        coarser = Some((solved, level.size));
    }
    Ok(coarser.map(|(planes, _)| planes).unwrap_or_default())
}

/// Means of squares of two by two pixels; at an odd edge of what there is.
fn halved(plane: &[f32], size: Size) -> Vec<f32> {
    let (w, h) = (size.w(), size.h());
    let mut out = Vec::with_capacity(w.div_ceil(2) * h.div_ceil(2));
    for y in (0..h).step_by(2) {
        let (a, b) = (&plane[y * w..][..w], &plane[(y + 1).min(h - 1) * w..][..w]);
        for x in (0..w).step_by(2) {
            let right = (x + 1).min(w - 1);
            out.push(0.25 * (a[x] + a[right] + b[x] + b[right]));
        }
    }
    out
}

/// Linear interpolation to the doubled size, pixel centers in place.
fn doubled(plane: &[f32], from: Size, to: Size) -> Vec<f32> {
    let (w, h) = (from.w(), from.h());
    // A fine pixel lies a quarter of a coarse one off its center, on the side of the next.
    let near = |i: usize, n: usize| {
        let own = i / 2;
        let next = if i.is_multiple_of(2) { own.saturating_sub(1) } else { (own + 1).min(n - 1) };
        (own, next)
    };
    let mut out = Vec::with_capacity(to.len());
    for y in 0..to.h() {
        let (own, next) = near(y, h);
        let (a, b) = (&plane[own * w..][..w], &plane[next * w..][..w]);
        for x in 0..to.w() {
            let (i, j) = near(x, w);
            out.push(0.75 * (0.75 * a[i] + 0.25 * a[j]) + 0.25 * (0.75 * b[i] + 0.25 * b[j]));
        }
    }
    out
}

/// `phi` between neighbors and `psi`, of a level.
struct Weights {
    size: Size,
    phi: Vec<f32>,
    psi: Vec<f32>,
}

impl Weights {
    fn of(level: &Level, smoothness: f32, cx: &Context) -> Result<Self, OpError> {
        let (w, h) = (level.size.w(), level.size.h());
        let mut phi = vec![0.0_f32; w * h];
        // First the square of the gradient, mean over channels, by central differences.
        for_each_band(&mut phi, w, 64, cx, |y0, band| {
            for (dy, row) in band.chunks_exact_mut(w).enumerate() {
                let y = y0 + dy;
                for plane in &level.image {
                    let at = |y: usize| &plane[y * w..][..w];
                    let (above, own, below) =
                        (at(y.saturating_sub(1)), at(y), at((y + 1).min(h - 1)));
                    for (x, sum) in row.iter_mut().enumerate() {
                        let dx = own[(x + 1).min(w - 1)] - own[x.saturating_sub(1)];
                        let dy = below[x] - above[x];
                        *sum += dx * dx + dy * dy;
                    }
                }
            }
            Ok(())
        })?;
        let mut psi = phi.clone();
        let scale = 127.5 / (level.image.len() as f32).sqrt();
        for (phi, psi) in phi.iter_mut().zip(&mut psi) {
            let gradient = scale * phi.sqrt();
            *phi = smoothness * 30.0 / (1.0 + 10.0 * gradient);
            *psi = (0.2 * gradient).clamp(LEAST, 1.0);
        }
        Ok(Self { size: level.size, phi, psi })
    }

    /// One of Jacobi's steps from `now` towards the change drawn to `wanted`.
    fn step(&self, now: &[f32], wanted: &[f32], cx: &Context) -> Result<Vec<f32>, OpError> {
        let (w, h) = (self.size.w(), self.size.h());
        let mut out = vec![0.0; w * h];
        for_each_band(&mut out, w, 64, cx, |y0, band| {
            for (dy, row) in band.chunks_exact_mut(w).enumerate() {
                let y = y0 + dy;
                let rows = [y.saturating_sub(1), y, (y + 1).min(h - 1)];
                let of = |plane| rows.map(|y| row_of(plane, y, w));
                let [psi, wanted] = [&self.psi, wanted].map(|plane| row_of(plane, y, w));
                simd(
                    #[inline(always)]
                    || relax(row, of(now), of(&self.phi), psi, wanted),
                );
            }
            Ok(())
        })?;
        Ok(out)
    }
}

fn row_of(plane: &[f32], y: usize, w: usize) -> &[f32] {
    &plane[y * w..][..w]
}

/// `(psi wanted + sum of phi now over neighbors) / (psi + sum of phi)`; beyond the border lies the
/// pixel itself, which pulls it nowhere but back.
#[inline(always)]
fn relax(out: &mut [f32], now: [&[f32]; 3], phi: [&[f32]; 3], psi: &[f32], wanted: &[f32]) {
    let w = out.len();
    let one = |x: usize, left: usize, right: usize| {
        let mine = phi[1][x];
        let weights =
            [phi[0][x], phi[2][x], phi[1][left], phi[1][right]].map(|other| 0.5 * (mine + other));
        let values = [now[0][x], now[2][x], now[1][left], now[1][right]];
        let pull = weights[0] * values[0]
            + weights[1] * values[1]
            + weights[2] * values[2]
            + weights[3] * values[3];
        let sum = weights[0] + weights[1] + weights[2] + weights[3];
        (psi[x] * wanted[x] + pull) / (psi[x] + sum)
    };
    out[0] = one(0, 0, 1.min(w - 1));
    for (x, o) in out.iter_mut().enumerate().take(w - 1).skip(1) {
        *o = one(x, x - 1, x + 1);
    }
    out[w - 1] = one(w - 1, w.saturating_sub(2), w - 1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_testkit::{noisy, synthetic};

    #[test]
    fn a_uniform_change_stays_and_no_smoothness_keeps_every_change() {
        let cx = Context::default();
        let image = synthetic(Size::new(37, 26));
        let flat = regrain(&image, vec![vec![0.25; 37 * 26]], 1.0, &cx).unwrap();
        assert!(flat[0].iter().all(|v| (v - 0.25).abs() < 1e-6));
        let change: Vec<f32> = image.data().iter().map(|v| v * v - v).collect();
        let kept = regrain(&image, vec![change.clone()], 0.0, &cx).unwrap();
        assert!(kept[0].iter().zip(&change).all(|(a, b)| (a - b).abs() < 1e-6));
    }

    #[test]
    fn grain_that_a_map_stretched_becomes_what_it_was_and_edges_keep_the_map() {
        let cx = Context::default();
        // A step with grain, its contrast tripled about the middle of each side.
        let size = Size::new(96, 64);
        let step = Image::gray_from_fn(size, |x, _| if x < 48 { 0.3 } else { 0.6 });
        let image = noisy(&step, 2.0 / 255.0, 4);
        let mapped = |v: f32| if v < 0.45 { 0.2 + 3.0 * (v - 0.3) } else { 0.8 + 3.0 * (v - 0.6) };
        let change: Vec<f32> = image.data().iter().map(|v| mapped(*v) - v).collect();
        let out = regrain(&image, vec![change], 1.0, &cx).unwrap();
        let result: Vec<f32> = image.data().iter().zip(&out[0]).map(|(v, d)| v + d).collect();
        for (from, mean) in [(4, 0.2), (52, 0.8)] {
            let side: Vec<f64> = (0..64)
                .flat_map(|y| (from..from + 40).map(move |x| y * 96 + x))
                .map(|i| f64::from(result[i]))
                .collect();
            let middle = side.iter().sum::<f64>() / side.len() as f64;
            let spread = side.iter().map(|v| (v - middle).powi(2)).sum::<f64>() / side.len() as f64;
            assert!((middle - mean).abs() < 0.01, "{middle} {mean}");
            // Of 6/255 before.
            let spread = spread.sqrt() * 255.0;
            assert!(spread < 4.0, "{spread}");
        }
    }

    #[test]
    fn the_reach_is_that_of_all_levels() {
        assert_eq!((REACH, ALIGNMENT), (5 + 12 + 32 + 80, 8));
    }
}
