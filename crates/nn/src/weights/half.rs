//! Numbers of 16 bits: IEEE 754 binary16 and bfloat16.

/// The largest finite half.
pub(crate) const F16_MAX: f32 = 65504.0;

/// The half that is nearest (ties to even); beyond [`F16_MAX`] an infinity, NaN stays NaN.
pub(crate) fn f16_from_f32(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = ((bits >> 16) & 0x8000) as u16;
    let magnitude = bits & 0x7fff_ffff;
    if magnitude > 0x7f80_0000 {
        return sign | 0x7e00;
    }
    // 65520 and above round to infinity.
    if magnitude >= 0x477f_f000 {
        return sign | 0x7c00;
    }
    // Below 2^-14 halves are subnormal: steps of 2^-24. Adding 0.5, whose last place is 2^-24,
    // makes the processor round to that step, to nearest and to even.
    if magnitude < 0x3880_0000 {
        let stepped = (f32::from_bits(magnitude) + 0.5).to_bits() - 0.5_f32.to_bits();
        return sign | stepped as u16;
    }
    // Normal: drop 13 bits of the fraction, to nearest, ties to even, and move the exponent's bias
    // from 127 to 15. A carry out of the fraction raises the exponent, as it should.
    let odd = (magnitude >> 13) & 1;
    let rounded = (magnitude + 0xfff + odd) >> 13;
    sign | (rounded - ((127 - 15) << 10)) as u16
}

/// Exact.
pub(crate) fn f32_from_f16(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let (exponent, fraction) = (u32::from(half >> 10) & 0x1f, u32::from(half) & 0x3ff);
    let magnitude = match exponent {
        0 => (fraction as f32 * (-24_f32).exp2()).to_bits(),
        0x1f => 0x7f80_0000 | (fraction << 13),
        _ => ((exponent + 127 - 15) << 23) | (fraction << 13),
    };
    f32::from_bits(sign | magnitude)
}

/// Exact: a bfloat16 is the upper half of an `f32`.
pub(crate) fn f32_from_bf16(half: u16) -> f32 {
    f32::from_bits(u32::from(half) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_comes_back_from_single_precision() {
        for half in 0..=u16::MAX {
            let value = f32_from_f16(half);
            if value.is_nan() {
                assert!(f32_from_f16(f16_from_f32(value)).is_nan());
            } else {
                assert_eq!(f16_from_f32(value), half, "{value}");
            }
        }
    }

    #[test]
    fn between_two_halves_the_nearest_is_taken_and_the_even_one_of_a_tie() {
        for half in 0..0x7bff_u16 {
            let (low, high) = (f32_from_f16(half), f32_from_f16(half + 1));
            let middle = f32::midpoint(low, high);
            let even = half + (half & 1);
            assert_eq!(f16_from_f32(middle), even, "{middle}");
            assert_eq!(f16_from_f32(-middle), even | 0x8000);
            assert_eq!(f16_from_f32(middle.next_down()), half);
            assert_eq!(f16_from_f32(middle.next_up()), half + 1);
        }
        assert_eq!(f32_from_f16(f16_from_f32(65519.0)), F16_MAX);
        assert_eq!(f32_from_f16(f16_from_f32(65520.0)), f32::INFINITY);
        assert_eq!(f32_from_f16(f16_from_f32(-1e30)), f32::NEG_INFINITY);
    }

    #[test]
    fn known_patterns_have_their_values() {
        assert_eq!(f32_from_f16(0x3c00), 1.0);
        assert_eq!(f32_from_f16(0xc000), -2.0);
        assert_eq!(f32_from_f16(0x0001), 2_f32.powi(-24));
        assert_eq!(f32_from_f16(0x3555), 0.333_251_95);
        assert_eq!(f32_from_bf16(0x3f80), 1.0);
        assert_eq!(f32_from_bf16(0xc049), -3.140_625);
    }
}
