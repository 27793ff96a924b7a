//! From a center line to the pixels that a scratch covers.

use super::chains::Curve;
use super::median;
use super::ridges::direction;
use restora_image::{Mask, Plane};

/// Farthest pixel from the center line that is looked at.
const FAR: i32 = 7;

/// Marks a curve as wide as it is, and its gaps as wide as its median.
pub fn draw(mask: &mut Mask, luma: &Plane, polarity: usize, curve: &Curve) {
    let sign = if polarity == 0 { 1.0 } else { -1.0 };
    let reaches: Vec<[f32; 2]> = curve
        .links
        .iter()
        .map(|&(x, y, k)| {
            let along = direction(k);
            let normal = (-along.1, along.0);
            [reach(luma, (x, y), normal, sign), reach(luma, (x, y), (-normal.0, -normal.1), sign)]
        })
        .collect();
    let typical = [0, 1].map(|s| median(&reaches.iter().map(|r| r[s]).collect::<Vec<_>>()));
    let mut marks = Vec::new();
    for (&(x, y, k), reach) in curve.links.iter().zip(&reaches) {
        let along = direction(k);
        let normal = (-along.1, along.0);
        // Where the ground is as light as the scratch its border cannot be seen.
        let [right, left] = [0, 1].map(|s| reach[s].min(typical[s] + 2.0));
        across(&mut marks, (x as f32, y as f32), normal, (-left, right));
    }
    let half = 0.5 * (typical[0] + typical[1]);
    for [a, b] in &curve.gaps {
        let (ax, ay) = (a.0 as f32, a.1 as f32);
        let (dx, dy) = (b.0 as f32 - ax, b.1 as f32 - ay);
        let length = dx.hypot(dy).max(1.0);
        let normal = (-dy / length, dx / length);
        for t in 0..=(2.0 * length) as usize {
            let t = t as f32 / (2.0 * length);
            across(&mut marks, (ax + t * dx, ay + t * dy), normal, (-half, half));
        }
    }
    let size = mask.size();
    marks.retain(|&(x, y)| x >= 0 && y >= 0 && x < size.w() as i32 && y < size.h() as i32);
    marks.sort_unstable();
    marks.dedup();
    for &(x, y) in &marks {
        mask.set(x as usize, y as usize, true);
    }
    // Lines across a slanted curve leave single pixels out.
    for &(x, y) in &marks {
        for (x, y) in [(x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)] {
            if enclosed(mask, x, y) {
                mask.set(x as usize, y as usize, true);
            }
        }
    }
}

/// Does an unmarked pixel inside the image lie between two marked ones, across or down?
fn enclosed(mask: &Mask, x: i32, y: i32) -> bool {
    let (w, h) = (mask.size().w() as i32, mask.size().h() as i32);
    let at = |x: i32, y: i32| {
        (0..w).contains(&x) && (0..h).contains(&y) && mask.at(x as usize, y as usize)
    };
    let inside = (0..w).contains(&x) && (0..h).contains(&y);
    inside && ((at(x - 1, y) && at(x + 1, y)) || (at(x, y - 1) && at(x, y + 1)))
}

/// How far a line reaches to one side: to half of its contrast, and a pixel more.
fn reach(luma: &Plane, (x, y): (u32, u32), normal: (f32, f32), sign: f32) -> f32 {
    let (w, h) = (luma.size.w() as i32, luma.size.h() as i32);
    let at = |d: i32| {
        let px = (x as f32 + normal.0 * d as f32).round() as i32;
        let py = (y as f32 + normal.1 * d as f32).round() as i32;
        sign * luma.data[(py.clamp(0, h - 1) * w + px.clamp(0, w - 1)) as usize]
    };
    let center = at(0);
    let ground = (1..=FAR).map(at).fold(f32::INFINITY, f32::min);
    let half = 0.5 * (center + ground);
    let first = (1..=FAR).find(|&d| at(d) < half).unwrap_or(FAR);
    first as f32
}

/// The pixels of a short line across a curve.
fn across(marks: &mut Vec<(i32, i32)>, at: (f32, f32), normal: (f32, f32), span: (f32, f32)) {
    let steps = (2.0 * (span.1 - span.0)).ceil().max(1.0);
    for i in 0..=steps as usize {
        let t = span.0 + (span.1 - span.0) * i as f32 / steps;
        marks.push(((at.0 + t * normal.0).round() as i32, (at.1 + t * normal.1).round() as i32));
    }
}
