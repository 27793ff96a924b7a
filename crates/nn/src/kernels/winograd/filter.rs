//! Filters: from taps to the 36 matrices of the transform, and back for their gradients.

use super::{G, for_each};
use crate::kernels::Aligned;
use crate::kernels::shared::Shared;

/// Pairs of channels that are transformed together: what lies in between fits the first-level cache.
const PAIRS: usize = 64;
/// Inputs whose filters one thread makes ready at a time.
const BLOCK: usize = 16;

/// `U = G g G^T` as `[36][inputs][outputs]`, from taps `[9][inputs][outputs]`.
pub fn forward(
    mut room: Aligned,
    weights: &[f32],
    [inputs, outputs]: [usize; 2],
    threads: usize,
) -> Aligned {
    let area = inputs * outputs;
    assert_eq!(weights.len(), 9 * area, "a 3x3 filter");
    room.set_len(36 * area);
    let to = Shared(room.as_mut_ptr());
    for_each(inputs.div_ceil(BLOCK), threads, |block| {
        let from = block * BLOCK * outputs;
        let len = area.min(from + BLOCK * outputs) - from;
        // SAFETY: the room is of 36 areas; blocks are disjoint.
        unsafe { transform(|k| &weights[k * area + from..][..len], to.get().add(from), area, len) }
    });
    room
}

/// The same of the filter that takes gradients back: turned by half a circle, its channels swapped.
pub fn backward(
    mut room: Aligned,
    weights: &[f32],
    [inputs, outputs]: [usize; 2],
    threads: usize,
) -> Aligned {
    let area = inputs * outputs;
    assert_eq!(weights.len(), 9 * area, "a 3x3 filter");
    room.set_len(36 * area);
    let to = Shared(room.as_mut_ptr());
    for_each(outputs.div_ceil(BLOCK), threads, |block| {
        let first = block * BLOCK;
        let count = BLOCK.min(outputs - first);
        let len = count * inputs;
        let mut turned = vec![0.0; 9 * len];
        for (tap, turned) in turned.chunks_exact_mut(len).enumerate() {
            let rows = weights[(8 - tap) * area..][..area].chunks_exact(outputs);
            for (i, row) in rows.enumerate() {
                for (o, &w) in row[first..first + count].iter().enumerate() {
                    turned[o * inputs + i] = w;
                }
            }
        }
        // SAFETY: as above.
        unsafe {
            transform(|k| &turned[k * len..][..len], to.get().add(first * inputs), area, len);
        }
    });
    room
}

/// `len` pairs of channels of all taps become 36 runs, `area` apart.
///
/// # Safety
/// There is room for them.
unsafe fn transform<'a>(tap: impl Fn(usize) -> &'a [f32], to: *mut f32, area: usize, len: usize) {
    let taps: [&[f32]; 9] = std::array::from_fn(tap);
    restora_image::simd(
        #[inline(always)]
        || {
            let mut rows = [[0.0; PAIRS]; 18];
            for start in (0..len).step_by(PAIRS) {
                let count = PAIRS.min(len - start);
                for (row, g) in G.iter().enumerate() {
                    for column in 0..3 {
                        let from = [0, 3, 6].map(|k| &taps[k + column][start..][..count]);
                        combine(&mut rows[row * 3 + column][..count], g, from);
                    }
                }
                for row in 0..6 {
                    let from = [0, 1, 2].map(|k| &rows[row * 3 + k][..count]);
                    for (column, g) in G.iter().enumerate() {
                        // SAFETY: the caller's.
                        let to = unsafe {
                            let to = to.add((row * 6 + column) * area + start);
                            std::slice::from_raw_parts_mut(to, count)
                        };
                        combine(to, g, from);
                    }
                }
            }
        },
    );
}

/// `to = g[0] * a + g[1] * b + g[2] * c`.
#[inline(always)]
fn combine(to: &mut [f32], g: &[f32; 3], [a, b, c]: [&[f32]; 3]) {
    for (((to, a), b), c) in to.iter_mut().zip(a).zip(b).zip(c) {
        *to = g[0] * a + g[1] * b + g[2] * c;
    }
}

/// `G^T s G` for every pair of channels, of sums `[groups][36][area]` that are added up first, in order.
pub fn to_taps(sums: &[f32], area: usize, taps: &mut [f32], threads: usize) {
    assert!(taps.len() == 9 * area && sums.len().is_multiple_of(36 * area), "the sums' shape");
    let to = Shared(taps.as_mut_ptr());
    for_each(area.div_ceil(PAIRS), threads, |block| {
        let start = block * PAIRS;
        let count = PAIRS.min(area - start);
        restora_image::simd(
            #[inline(always)]
            || {
                let mut total = [[0.0; PAIRS]; 36];
                for group in sums.chunks_exact(36 * area) {
                    for (total, from) in total.iter_mut().zip(group.chunks_exact(area)) {
                        let from = &from[start..start + count];
                        total.iter_mut().zip(from).for_each(|(t, s)| *t += s);
                    }
                }
                for ky in 0..3 {
                    let mut row = [[0.0; PAIRS]; 6];
                    for (i, g) in G.iter().enumerate().filter(|(_, g)| g[ky] != 0.0) {
                        for (row, from) in row.iter_mut().zip(&total[i * 6..]) {
                            row.iter_mut().zip(from).for_each(|(r, s)| *r += g[ky] * s);
                        }
                    }
                    for kx in 0..3 {
                        let mut tap = [0.0; PAIRS];
                        for (from, g) in row.iter().zip(&G).filter(|(_, g)| g[kx] != 0.0) {
                            tap.iter_mut().zip(from).for_each(|(t, r)| *t += g[kx] * r);
                        }
                        // SAFETY: the taps are of 9 areas; blocks are disjoint.
                        let to = unsafe {
                            let to = to.get().add((ky * 3 + kx) * area + start);
                            std::slice::from_raw_parts_mut(to, count)
                        };
                        to.copy_from_slice(&tap[..count]);
                    }
                }
            },
        );
    });
}
