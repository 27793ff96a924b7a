//! How many bits a stored weight has.

use super::dtype::Dtype;
use super::half::{F16_MAX, f16_from_f32};
use super::safetensors::Stored;
use crate::{NnError, Tensor, Tensors};
use serde::{Deserialize, Serialize};

/// The number format of weights in a file. Tensors of one axis (biases, batch norm) are always
/// stored as `f32`: they are few, and the output is most sensitive to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 4 bytes: exact.
    #[default]
    F32,
    /// 2 bytes: IEEE half, to nearest, ties to even; relative error at most 2^-11.
    F16,
    /// 1 byte, symmetric: `weight = q * scale`, `q` in -127..=127, one scale per index of the first
    /// axis (output channel of a convolution or dense layer, input channel of a transposed one).
    /// Stored as `name` (I8) and `name.scale` (F32); error at most `scale / 2`.
    Int8,
}

/// Appends what is stored for one tensor.
pub(super) fn store(
    name: &str,
    tensor: &Tensor,
    precision: Precision,
    out: &mut Vec<Stored>,
) -> Result<(), NnError> {
    let shape = tensor.shape().to_vec();
    let mut add =
        |name: String, dtype, shape, bytes| out.push(Stored { name, dtype, shape, bytes });
    let precision = if shape.len() < 2 { Precision::F32 } else { precision };
    match precision {
        Precision::F32 => add(name.to_owned(), Dtype::F32, shape, le_bytes(tensor.data())),
        Precision::F16 => {
            let mut bytes = Vec::with_capacity(2 * tensor.data().len());
            for &value in tensor.data() {
                if value.abs() > F16_MAX {
                    return Err(NnError::Input(format!(
                        "tensor `{name}` holds {value}, half precision ends at {F16_MAX}"
                    )));
                }
                bytes.extend_from_slice(&f16_from_f32(value).to_le_bytes());
            }
            add(name.to_owned(), Dtype::F16, shape, bytes);
        }
        Precision::Int8 => {
            let rows = shape[0];
            let (q, scales) = quantize_rows(tensor.data(), rows);
            let bytes = q.into_iter().map(|v| v as u8).collect();
            add(name.to_owned(), Dtype::I8, shape, bytes);
            add(format!("{name}.scale"), Dtype::F32, vec![rows], le_bytes(&scales));
        }
    }
    Ok(())
}

fn le_bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// Symmetric 8-bit numbers of equally long rows, and each row's scale.
///
/// The scale is `max |row| / 127` rounded up to 16 significant bits: then `q * scale` is exact in
/// `f32`, and quantizing the product again gives the same `q` and `scale`.
fn quantize_rows(data: &[f32], rows: usize) -> (Vec<i8>, Vec<f32>) {
    let length = data.len().checked_div(rows).unwrap_or(0);
    let (mut q, mut scales) = (Vec::with_capacity(data.len()), vec![0.0; rows]);
    if length == 0 {
        return (q, scales);
    }
    for (row, scale) in data.chunks_exact(length).zip(&mut scales) {
        let largest = row.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        *scale = up_to_16_bits(largest / 127.0);
        let s = *scale;
        q.extend(row.iter().map(|&v| if s == 0.0 { 0 } else { (v / s).round_ties_even() as i8 }));
    }
    (q, scales)
}

/// The next number (or itself) with 16 significant bits; 0 for what is too small to be a weight.
fn up_to_16_bits(x: f32) -> f32 {
    if x < f32::MIN_POSITIVE {
        return 0.0;
    }
    f32::from_bits((x.to_bits() + 0xff) & !0xff)
}

/// Turns the pair `name`, `name.scale` of a file into weights; without a scale the integers stay.
pub(super) fn restore_int8(tensors: &mut Tensors, name: &str) -> Result<(), NnError> {
    let Some(scale) = tensors.remove(&format!("{name}.scale")) else { return Ok(()) };
    let Some(weights) = tensors.get_mut(name) else { return Ok(()) };
    let rows = weights.shape().first().copied().unwrap_or(0);
    if scale.shape() != [rows] {
        let (came, shape) = (scale.shape(), weights.shape());
        return Err(NnError::Corrupt(format!(
            "tensor `{name}.scale` has shape {came:?}, wanted [{rows}] for `{name}` of {shape:?}"
        )));
    }
    let length = weights.data().len().checked_div(rows).unwrap_or(0);
    if length == 0 {
        return Ok(());
    }
    for (row, &s) in weights.data_mut().chunks_exact_mut(length).zip(scale.data()) {
        for v in row {
            *v *= s;
            if !v.is_finite() {
                return Err(NnError::Corrupt(format!("tensor `{name}.scale` holds {s}: overflow")));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantizing_the_restored_numbers_again_changes_nothing() {
        let mut state = 1_u32;
        for row in 0..2000 {
            let values: Vec<f32> = (0..9)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state as f32 / u32::MAX as f32 - 0.5) * 1.37_f32.powi(row % 200 - 100)
                })
                .collect();
            let (q, s) = quantize_rows(&values, 1);
            assert_eq!(q.iter().map(|v| v.unsigned_abs()).max(), Some(127), "{values:?}");
            let back: Vec<f32> = q.iter().map(|&v| f32::from(v) * s[0]).collect();
            for (v, b) in values.iter().zip(&back) {
                assert!((v - b).abs() <= 0.5001 * s[0], "{v} became {b}, scale {}", s[0]);
            }
            assert_eq!(quantize_rows(&back, 1), (q, s));
        }
        assert_eq!(quantize_rows(&[0.0, 1e-42], 2), (vec![0, 0], vec![0.0, 0.0]));
    }
}
