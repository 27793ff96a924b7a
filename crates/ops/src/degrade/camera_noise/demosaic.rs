//! Demosaicking of a Bayer mosaic by linear filters: bilinear, and the gradient-corrected filters of
//! H. Malvar, L. He, R. Cutler, "High-quality linear interpolation for demosaicing of Bayer-patterned
//! color images", ICASSP 2004, doi:10.1109/ICASSP.2004.1326587 (figure 2, alpha = 1/2, beta = 5/8,
//! gamma = 3/4).

use super::Demosaic;
use restora_image::{Context, OpError, for_each_band, simd};

/// Rows of a band, the unit of work of a thread.
const BAND: usize = 32;

/// Pixels at the edge that are left as they are.
pub(super) const MARGIN: usize = 2;

/// Color of a site, red 0, green 1, blue 2; `phase` is column and row of a red site.
#[inline(always)]
pub(super) fn color(x: usize, y: usize, phase: [usize; 2]) -> usize {
    ((x + phase[0]) & 1) + ((y + phase[1]) & 1)
}

/// Weights of: the center, the two beside it, the two above and below, the four corners, the two
/// farther beside it, the two farther above and below.
type Weights = [f32; 6];

/// Weights of `channel` at a site, from where the nearest sites of the channel lie.
fn weights(method: Demosaic, channel: usize, x: usize, y: usize, phase: [usize; 2]) -> Weights {
    let here = color(x, y, phase);
    if here == channel {
        return [1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    }
    let beside = color(x + 1, y, phase) == channel;
    let malvar = method == Demosaic::MalvarHeCutler;
    let eighths = match (channel, here, beside) {
        (1, ..) if malvar => [4.0, 2.0, 2.0, 0.0, -1.0, -1.0],
        (1, ..) => [0.0, 2.0, 2.0, 0.0, 0.0, 0.0],
        (_, 1, true) if malvar => [5.0, 4.0, 0.0, -1.0, -1.0, 0.5],
        (_, 1, true) => [0.0, 4.0, 0.0, 0.0, 0.0, 0.0],
        (_, 1, false) if malvar => [5.0, 0.0, 4.0, -1.0, 0.5, -1.0],
        (_, 1, false) => [0.0, 0.0, 4.0, 0.0, 0.0, 0.0],
        _ if malvar => [6.0, 0.0, 0.0, 2.0, -1.5, -1.5],
        _ => [0.0, 0.0, 0.0, 2.0, 0.0, 0.0],
    };
    eighths.map(|v| v / 8.0)
}

/// Interpolates `channel` of a mosaic of rows of `w` into `out`; [`MARGIN`] pixels at the edge are
/// left as they are.
///
/// # Errors
/// [`OpError::Cancelled`].
pub(super) fn demosaic(
    raw: &[f32],
    w: usize,
    method: Demosaic,
    phase: [usize; 2],
    channel: usize,
    out: &mut [f32],
    cx: &Context,
) -> Result<(), OpError> {
    let h = raw.len() / w.max(1);
    if w < 2 * MARGIN + 1 || h < 2 * MARGIN + 1 {
        return Ok(());
    }
    for_each_band(out, w, BAND, cx, |y0, rows| {
        for (y, row) in (y0..).zip(rows.chunks_exact_mut(w)) {
            if y < MARGIN || y + MARGIN >= h {
                continue;
            }
            let pair = [0, 1].map(|x| weights(method, channel, x, y, phase));
            let lines = [0, 1, 2, 3, 4].map(|i| &raw[(y + i - 2) * w..][..w]);
            simd(
                #[inline(always)]
                || interpolated(lines, pair, &mut row[MARGIN..w - MARGIN]),
            );
        }
        Ok(())
    })
}

/// The five lines around a row; `pair` holds the weights of even and odd columns. `MARGIN` is even,
/// so that parity is the same in `out`.
#[inline(always)]
fn interpolated(lines: [&[f32]; 5], pair: [Weights; 2], out: &mut [f32]) {
    let n = out.len();
    let [uu, u, c, d, dd] = lines;
    let uu = &uu[2..][..n];
    let (ul, uc, ur) = (&u[1..][..n], &u[2..][..n], &u[3..][..n]);
    let (ll, l, cc, r, rr) = (&c[..n], &c[1..][..n], &c[2..][..n], &c[3..][..n], &c[4..][..n]);
    let (dl, dc, dr) = (&d[1..][..n], &d[2..][..n], &d[3..][..n]);
    let dd = &dd[2..][..n];
    for i in 0..n {
        let odd = i & 1 == 1;
        let weight = |k: usize| if odd { pair[1][k] } else { pair[0][k] };
        out[i] = weight(0) * cc[i]
            + weight(1) * (l[i] + r[i])
            + weight(2) * (uc[i] + dc[i])
            + weight(3) * ((ul[i] + ur[i]) + (dl[i] + dr[i]))
            + weight(4) * (ll[i] + rr[i])
            + weight(5) * (uu[i] + dd[i]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Rng;

    /// The kernels as printed, in sixteenths, row by row.
    fn kernel(method: Demosaic, channel: usize, x: usize, y: usize) -> [i32; 25] {
        let (here, red_row) = (color(x, y, [0, 0]), y.is_multiple_of(2));
        let mut one = [0; 25];
        one[12] = 16;
        let green = [0, 0, -2, 0, 0, 0, 0, 4, 0, 0, -2, 4, 8, 4, -2, 0, 0, 4, 0, 0, 0, 0, -2, 0, 0];
        let along =
            [0, 0, 1, 0, 0, 0, -2, 0, -2, 0, -2, 8, 10, 8, -2, 0, -2, 0, -2, 0, 0, 0, 1, 0, 0];
        let across =
            [0, 0, -3, 0, 0, 0, 4, 0, 4, 0, -3, 0, 12, 0, -3, 0, 4, 0, 4, 0, 0, 0, -3, 0, 0];
        let turned = |k: [i32; 25]| std::array::from_fn(|i| k[i % 5 * 5 + i / 5]);
        let full = match (channel, here) {
            (c, h) if c == h => return one,
            (1, _) => green,
            (0, 1) if red_row => along,
            (2, 1) if !red_row => along,
            (_, 1) => turned(along),
            _ => across,
        };
        if method == Demosaic::MalvarHeCutler {
            return full;
        }
        // Bilinear: the mean of the neighbors of the channel, which have the positive weights.
        let near = |i: usize| full[i] > 1 && i != 12;
        let count = (0..25).filter(|i| near(*i)).count() as i32;
        std::array::from_fn(|i| if near(i) { 16 / count } else { 0 })
    }

    fn all(raw: &[f32], w: usize, method: Demosaic, channel: usize, phase: [usize; 2]) -> Vec<f32> {
        let mut out = vec![0.0; raw.len()];
        demosaic(raw, w, method, phase, channel, &mut out, &Context::default()).unwrap();
        out
    }

    #[test]
    fn both_filters_are_the_kernels_as_printed() {
        let (w, h) = (23, 14);
        let mut raw = vec![0.0; w * h];
        Rng::new(1, "mosaic", 0).fill_normal(&mut raw);
        for method in [Demosaic::Bilinear, Demosaic::MalvarHeCutler] {
            for channel in 0..3 {
                let out = all(&raw, w, method, channel, [0, 0]);
                for (y, x) in (2..h - 2).flat_map(|y| (2..w - 2).map(move |x| (y, x))) {
                    let k = kernel(method, channel, x, y);
                    let sum: f64 = (0..25)
                        .map(|i| {
                            f64::from(k[i]) * f64::from(raw[(y + i / 5 - 2) * w + x + i % 5 - 2])
                        })
                        .sum();
                    let got = f64::from(out[y * w + x]);
                    assert!((got - sum / 16.0).abs() < 1e-5, "{method:?} {channel} {x} {y}");
                }
            }
        }
    }

    #[test]
    fn gray_ramps_come_back_for_every_phase() {
        let (w, h) = (12, 11);
        let ramp: Vec<f32> =
            (0..w * h).map(|i| 0.25 * (i % w) as f32 - 0.5 * (i / w) as f32).collect();
        for phase in [[0, 0], [1, 0], [0, 1], [1, 1]] {
            for method in [Demosaic::Bilinear, Demosaic::MalvarHeCutler] {
                for channel in 0..3 {
                    let out = all(&ramp, w, method, channel, phase);
                    for (y, x) in (2..h - 2).flat_map(|y| (2..w - 2).map(move |x| (y, x))) {
                        assert!((out[y * w + x] - ramp[y * w + x]).abs() < 1e-5);
                    }
                }
            }
        }
    }

    #[test]
    fn a_site_keeps_its_own_value_and_small_mosaics_are_left_alone() {
        let raw: Vec<f32> = (0..81).map(|i| (i * i % 17) as f32).collect();
        for channel in 0..3 {
            let out = all(&raw, 9, Demosaic::MalvarHeCutler, channel, [1, 0]);
            for (y, x) in (2..7).flat_map(|y| (2..7).map(move |x| (y, x))) {
                if color(x, y, [1, 0]) == channel {
                    assert_eq!(out[y * 9 + x], raw[y * 9 + x]);
                }
            }
        }
        assert_eq!(all(&raw[..16], 4, Demosaic::Bilinear, 0, [0, 0]), [0.0; 16]);
    }
}
