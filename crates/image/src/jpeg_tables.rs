//! The quantization tables that JPEG files are written with.
//!
//! Reference: ITU-T T.81 (1992), annex K; the scale of quality is that of the Independent JPEG Group.

/// Table K.1, luminance, row by row.
pub const LUMINANCE: [u16; 64] = [
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113,
    92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
];
/// Table K.2, chrominance, row by row.
pub const CHROMINANCE: [u16; 64] = [
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
];

/// Steps for luminance, row by row, at a quality in `1..=100`.
pub fn luminance(quality: u32) -> [u16; 64] {
    scaled(&LUMINANCE, quality)
}

/// Steps for chrominance, row by row, at a quality in `1..=100`.
pub fn chrominance(quality: u32) -> [u16; 64] {
    scaled(&CHROMINANCE, quality)
}

/// `5000 / q` percent below 50, `200 - 2 q` percent above.
fn scaled(table: &[u16; 64], quality: u32) -> [u16; 64] {
    let quality = quality.clamp(1, 100);
    let percent = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    table.map(|t| ((u32::from(t) * percent + 50) / 100).clamp(1, 255) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_scale_as_the_independent_jpeg_group_does() {
        assert_eq!(luminance(50), LUMINANCE);
        assert_eq!(chrominance(100), [1; 64]);
        assert_eq!(luminance(1)[0], 255);
        // Values of Pillow's `quantization` at quality 75 and 10.
        assert_eq!(luminance(75)[..4], [8, 6, 5, 8]);
        assert_eq!(luminance(10)[..4], [80, 55, 50, 80]);
    }
}
