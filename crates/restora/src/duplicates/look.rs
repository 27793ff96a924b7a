//! The look of a picture: its lowest frequencies, for pictures without keypoints.
//!
//! ```text
//! c(u, v) = sqrt(u^2 + v^2) DCT of the picture at 16 x 16,  u, v = 0..7 without (0, 0)
//! look    = 128 + 127 c / |c|, in bytes
//! ```
//!
//! The weight makes all frequencies of a natural picture count alike, the length takes contrast out, the
//! missing mean brightness. To mirror a picture turns signs, to transpose it swaps `u` and `v`: the
//! looks of all eight flips and turns come from one.
//!
//! Idea: C. Zauner, "Implementation and benchmarking of perceptual image hash functions", Hagenberg,
//! 2010 (section 3.2.1), with numbers in place of bits.

use super::signature::{CODE, averaged};
use restora_image::{Plane, Size};
use std::f64::consts::PI;

const SIDE: usize = 16;
const KEPT: usize = 8;
/// Standard deviation below which a picture is flat, of white.
const FLAT: f64 = 2.0 / 255.0;

/// The look of a small picture; `None` of a flat one.
pub fn look(plane: &Plane) -> Option<Vec<u8>> {
    let square = averaged(plane, Size::new(SIDE as u32, SIDE as u32));
    let wave = |u: usize, x: usize| (PI * u as f64 * (x as f64 + 0.5) / SIDE as f64).cos();
    let mut values = [0.0; CODE];
    for v in 0..KEPT {
        for u in 0..KEPT {
            let mut sum = 0.0;
            for (y, row) in square.data.chunks_exact(SIDE).enumerate() {
                for (x, value) in row.iter().enumerate() {
                    sum += f64::from(*value) * wave(u, x) * wave(v, y);
                }
            }
            // A wave of amplitude 1 gives 1, constant in one direction or not.
            let norm = [u, v].iter().filter(|&&k| k > 0).count() as i32;
            let amplitude = sum * 2f64.powi(norm) / (SIDE * SIDE) as f64;
            values[v * KEPT + u] = amplitude * ((u * u + v * v) as f64).sqrt();
        }
    }
    let mean = square.data.iter().map(|v| f64::from(*v)).sum::<f64>() / square.data.len() as f64;
    let variance = square.data.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>()
        / square.data.len() as f64;
    let length = values.iter().map(|v| v * v).sum::<f64>().sqrt();
    if variance.sqrt() < FLAT || length == 0.0 {
        return None;
    }
    Some(values.iter().map(|v| (128.0 + 127.0 * v / length).round() as u8).collect())
}

/// The look of the picture under one of the eight flips and turns: transposed where `how` has bit 4, then turned
/// upside down where it has 1, and mirrored left to right where it has 2.
pub fn turned(look: &[u8], how: u32) -> [u8; CODE] {
    std::array::from_fn(|i| {
        let (v, u) = (i / KEPT, i % KEPT);
        let from = if how & 4 == 0 { i } else { u * KEPT + v };
        let odd = (how & 1 != 0 && v % 2 == 1) != (how & 2 != 0 && u % 2 == 1);
        if odd { 0u8.wrapping_sub(look[from]) } else { look[from] }
    })
}

/// What [`turned`] does, as a map from pixels of a picture of size `from` to one of size `to`.
pub fn turning(how: u32, from: Size, to: Size) -> [[f64; 3]; 3] {
    // Places as shares of width and height: x' = +-(x or y) + (0 or 1).
    let share = |n: usize| 1.0 / n as f64;
    let axis = |flipped: bool, along: usize, n: usize, across: bool| {
        let step = share(along) * n as f64 * if flipped { -1.0 } else { 1.0 };
        let start = 0.5 * step + if flipped { n as f64 } else { 0.0 } - 0.5;
        if across { [0.0, step, start] } else { [step, 0.0, start] }
    };
    let transposed = how & 4 != 0;
    let (of_x, of_y) = if transposed { (from.h(), from.w()) } else { (from.w(), from.h()) };
    [
        axis(how & 2 != 0, of_x, to.w(), transposed),
        axis(how & 1 != 0, of_y, to.h(), !transposed),
        [0.0, 0.0, 1.0],
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::turns;
    use restora_image::{Image, to_luma};

    #[test]
    fn the_look_of_a_turned_picture_is_the_look_turned() {
        let size = Size::new(48, 32);
        let image =
            Image::gray_from_fn(size, |x, y| ((x * x + 3 * y * x + 7 * y) % 97) as f32 / 96.0);
        let of = |image: &Image| look(&to_luma(image).unwrap());
        let straight = of(&image).unwrap();
        for how in 0..8 {
            let other = turns::turned(&image, how);
            let wanted = of(&other).unwrap();
            let got = turned(&straight, how);
            assert!(got.iter().zip(&wanted).all(|(a, b)| a.abs_diff(*b) <= 1), "{how}");
            let map = turning(how, size, other.size());
            for (x, y) in [(0usize, 0usize), (47, 3), (20, 31)] {
                let to = |row: [f64; 3]| (row[0] * x as f64 + row[1] * y as f64 + row[2]).round();
                let (u, v) = (to(map[0]) as usize, to(map[1]) as usize);
                assert_eq!(other.plane(0).at(u, v), image.plane(0).at(x, y), "{how}: {x} {y}");
            }
        }
        assert_eq!(look(&Plane { size, data: vec![0.3; 48 * 32] }), None);
    }
}
