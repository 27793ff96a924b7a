//! Which pixels are part of something thin.

use super::super::windows::extreme;
use super::Bytes;

/// Least height above the opening or depth below the closing, in a channel, of 255.
const HEIGHT: u8 = 40;

/// Is a pixel part of something lighter or darker than what is around it in a channel, and narrower
/// than about a thirtieth of the picture?
pub fn thin(bytes: &Bytes) -> Vec<bool> {
    let (w, h) = (bytes.width, bytes.height);
    let radius = (w.min(h) / 64).clamp(5, 24);
    let mut out = vec![false; w * h];
    for c in 0..3 {
        let plane: Vec<u8> = bytes.pixels.iter().map(|p| p[c]).collect();
        if c > 0 && bytes.pixels.iter().all(|p| p[c] == p[c - 1]) {
            continue;
        }
        let opened = extreme(&extreme(&plane, w, radius, u8::min), w, radius, u8::max);
        let closed = extreme(&extreme(&plane, w, radius, u8::max), w, radius, u8::min);
        for (i, out) in out.iter_mut().enumerate() {
            *out |= plane[i] - opened[i] > HEIGHT || closed[i] - plane[i] > HEIGHT;
        }
    }
    out
}
