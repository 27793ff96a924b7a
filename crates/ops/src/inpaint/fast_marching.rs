//! The fast marching method: distance to the rim of the holes, pixel by pixel in rising order.
//!
//! ```text
//! |grad T| = 1,   T = 0 on the rim:   (T - T_x)^2 + (T - T_y)^2 = 1 with the smaller neighbor per axis
//! ```
//!
//! Equal distances are taken in the order of their place, so that the order is always the same.
//!
//! Reference: J. A. Sethian, "A fast marching level set method for monotonically advancing fronts",
//! PNAS 93(4), 1996, doi:10.1073/pnas.93.4.1591.

use restora_image::{Context, OpError};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Pixels between two looks at whether the caller cancelled.
const CHECK: usize = 1 << 14;

/// Marches from the pixels `rim` into those that `free` names, in a grid of rows of `width`, and
/// returns those that are reached within `limit`, nearest first. `t` holds 0 on the rim and infinity
/// elsewhere. The outermost pixels of the grid must not be free.
///
/// # Errors
/// [`OpError::Cancelled`].
pub(super) fn march(
    t: &mut [f32],
    width: usize,
    rim: &[u32],
    limit: f32,
    cx: &Context,
    free: impl Fn(usize) -> bool,
) -> Result<Vec<u32>, OpError> {
    // Distances are not negative, so that their bits sort as they do; the place below breaks ties.
    let key = |t: f32, i: usize| Reverse((u64::from(t.to_bits()) << 32) | i as u64);
    let mut heap = BinaryHeap::with_capacity(rim.len());
    let mut done = vec![false; t.len()];
    let reach = |i: usize, t: &mut [f32], done: &[bool], heap: &mut BinaryHeap<_>| {
        for j in [i - width, i - 1, i + 1, i + width] {
            if done[j] || !free(j) {
                continue;
            }
            let came = distance(t[j - 1].min(t[j + 1]), t[j - width].min(t[j + width]));
            if came < t[j] && came <= limit {
                t[j] = came;
                heap.push(key(came, j));
            }
        }
    };
    for &i in rim {
        reach(i as usize, t, &done, &mut heap);
    }
    let mut order = Vec::with_capacity(rim.len());
    while let Some(Reverse(entry)) = heap.pop() {
        let i = (entry & 0xFFFF_FFFF) as usize;
        // A pixel that was reached again on a shorter way has an older entry left.
        if done[i] {
            continue;
        }
        done[i] = true;
        reach(i, t, &done, &mut heap);
        order.push(i as u32);
        if order.len() % CHECK == 0 {
            cx.check()?;
        }
    }
    Ok(order)
}

/// The distance of a pixel from the smaller ones of its neighbors on each axis.
fn distance(a: f32, b: f32) -> f32 {
    let (near, far) = (a.min(b), a.max(b));
    if far - near < 1.0 {
        let d = far - near;
        0.5 * (near + far + (2.0 - d * d).sqrt())
    } else {
        near + 1.0
    }
}
