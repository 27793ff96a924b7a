//! Rows of bytes into rows of samples.

use super::page::{Page, Samples};
use restora_image::Pixels;

/// Where the samples of a row go: the first one, and how far the others are apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub first: usize,
    pub step: usize,
    pub count: usize,
}

/// Unpacks the samples of `row` into `out`.
pub(crate) fn unpack(row: &[u8], big_endian: bool, page: &Page, place: Place, out: &mut Pixels) {
    match (out, &page.samples) {
        (Pixels::U8(out), Samples::Integer { bits: 8, inverted }) => {
            let flip = if *inverted { 255 } else { 0 };
            spread(out, place, row.iter().map(|v| v ^ flip));
        }
        (Pixels::U8(out), Samples::Integer { bits, inverted }) => {
            let max = (1 << bits) - 1;
            let scaled = |v: u32| ((v * 255 + max / 2) / max) as u8;
            let flip = if *inverted { 255 } else { 0 };
            spread(out, place, packed(row, *bits).map(|v| scaled(v) ^ flip));
        }
        (Pixels::U8(out), Samples::Palette { bits, colors }) => {
            // A palette has as many colors as there are indices.
            let pixels = out[place.first..].chunks_exact_mut(3).take(place.count);
            for (pixel, index) in pixels.zip(packed(row, *bits)) {
                pixel.copy_from_slice(&colors[index as usize]);
            }
        }
        (Pixels::U16(out), Samples::Integer { bits: 16, inverted }) => {
            let flip = if *inverted { 65535 } else { 0 };
            let words = row.chunks_exact(2).map(|b| [b[0], b[1]]);
            if big_endian {
                spread(out, place, words.map(|b| u16::from_be_bytes(b) ^ flip));
            } else {
                spread(out, place, words.map(|b| u16::from_le_bytes(b) ^ flip));
            }
        }
        (Pixels::U16(out), Samples::Integer { bits, inverted }) => {
            let max = (1 << bits) - 1;
            let scaled = |v: u32| ((v * 65535 + max / 2) / max) as u16;
            let flip = if *inverted { 65535 } else { 0 };
            spread(out, place, packed(row, *bits).map(|v| scaled(v) ^ flip));
        }
        (Pixels::F32(out), Samples::Float { bits }) => {
            let n = *bits as usize / 8;
            let word = |b: &[u8]| {
                let fold = |acc: u64, b: &u8| acc << 8 | u64::from(*b);
                if big_endian { b.iter().fold(0, fold) } else { b.iter().rev().fold(0, fold) }
            };
            let words = row.chunks_exact(n).map(word);
            match bits {
                16 => spread(out, place, words.map(|v| from_half(v as u16))),
                32 => spread(out, place, words.map(|v| f32::from_bits(v as u32))),
                _ => spread(out, place, words.map(|v| f64::from_bits(v) as f32)),
            }
        }
        // The page decided the depth of the raster.
        _ => debug_assert!(false, "samples and raster of different depth"),
    }
}

#[inline(always)]
fn spread<T>(out: &mut [T], place: Place, values: impl Iterator<Item = T>) {
    if place.step == 1 {
        out[place.first..][..place.count].iter_mut().zip(values).for_each(|(o, v)| *o = v);
    } else {
        let places = out[place.first..].iter_mut().step_by(place.step).take(place.count);
        places.zip(values).for_each(|(o, v)| *o = v);
    }
}

/// Unsigned integers of `bits` bits, the most significant bit first.
fn packed(row: &[u8], bits: u32) -> impl Iterator<Item = u32> {
    let (mut acc, mut have) = (0u32, 0);
    let mut bytes = row.iter();
    std::iter::from_fn(move || {
        while have < bits {
            acc = acc << 8 | u32::from(*bytes.next()?);
            have += 8;
        }
        have -= bits;
        Some(acc >> have & ((1 << bits) - 1))
    })
}

/// IEEE 754 binary16; exact.
pub(crate) fn from_half(half: u16) -> f32 {
    let (sign, exponent, fraction) =
        (u32::from(half >> 15) << 31, u32::from(half >> 10 & 31), u32::from(half & 0x3FF));
    match exponent {
        0 => f32::from_bits(sign | (fraction as f32 * 2f32.powi(-24)).to_bits()),
        31 => f32::from_bits(sign | 0x7F80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_floats_convert_exactly() {
        for (half, value) in [
            (0x3C00, 1.0),
            (0xC000, -2.0),
            (0x7BFF, 65504.0),
            (0x0400, 6.103_515_6e-5),
            (0x0001, 5.960_464_5e-8),
            (0x8000, -0.0),
            (0x7C00, f32::INFINITY),
            (0x3555, 0.333_251_95),
        ] {
            assert_eq!(from_half(half).to_bits(), value.to_bits(), "{half:#x}");
        }
        assert!(from_half(0x7E00).is_nan());
    }

    #[test]
    fn packed_samples_come_most_significant_bit_first() {
        assert_eq!(packed(&[0b1010_0111], 2).collect::<Vec<_>>(), [2, 2, 1, 3]);
        assert_eq!(packed(&[0xAB, 0xCD, 0xEF], 12).collect::<Vec<_>>(), [0xABC, 0xDEF]);
    }
}
