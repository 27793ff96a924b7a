//! TIFF predictors, undone and applied row by row: horizontal differences (TIFF 6.0, section 14)
//! and the floating-point predictor (Adobe Photoshop TIFF Technical Note 3).

/// How samples are laid out in a row of bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Bytes per sample.
    pub bytes: usize,
    /// Samples per pixel in this row (1 where planes are apart).
    pub samples: usize,
    pub big_endian: bool,
}

pub(crate) const HORIZONTAL: u16 = 2;
pub(crate) const FLOAT: u16 = 3;

/// Turns differences back into samples. Behind the floating-point predictor samples are big-endian.
pub(crate) fn undo(row: &mut [u8], predictor: u16, shape: Shape, scratch: &mut Vec<u8>) {
    match (predictor, shape.bytes) {
        (HORIZONTAL, 1) => sum::<1>(row, shape),
        (HORIZONTAL, 2) => sum::<2>(row, shape),
        (HORIZONTAL, 4) => sum::<4>(row, shape),
        (HORIZONTAL, 8) => sum::<8>(row, shape),
        (FLOAT, bytes) => {
            sum::<1>(row, shape);
            // The bytes of all samples stand in planes, the most significant first.
            scratch.clear();
            scratch.extend_from_slice(row);
            let count = row.len() / bytes;
            for (i, sample) in row.chunks_exact_mut(bytes).enumerate() {
                for (plane, byte) in sample.iter_mut().enumerate() {
                    *byte = scratch[plane * count + i];
                }
            }
        }
        _ => {}
    }
}

fn word<const N: usize>(bytes: &[u8], big_endian: bool) -> u64 {
    let fold = |acc: u64, b: &u8| acc << 8 | u64::from(*b);
    let bytes = &bytes[..N];
    if big_endian { bytes.iter().fold(0, fold) } else { bytes.iter().rev().fold(0, fold) }
}

fn put<const N: usize>(bytes: &mut [u8], v: u64, big_endian: bool) {
    if big_endian {
        bytes[..N].copy_from_slice(&v.to_be_bytes()[8 - N..]);
    } else {
        bytes[..N].copy_from_slice(&v.to_le_bytes()[..N]);
    }
}

fn sum<const N: usize>(row: &mut [u8], shape: Shape) {
    let lag = shape.samples * N;
    for at in (lag..row.len() / N * N).step_by(N) {
        let v = word::<N>(&row[at..], shape.big_endian)
            .wrapping_add(word::<N>(&row[at - lag..], shape.big_endian));
        put::<N>(&mut row[at..], v, shape.big_endian);
    }
}

/// The opposite of [`undo`] for little-endian rows.
pub(crate) fn apply(row: &mut [u8], predictor: u16, shape: Shape, scratch: &mut Vec<u8>) {
    match (predictor, shape.bytes) {
        (HORIZONTAL, 1) => difference::<1>(row, shape),
        (HORIZONTAL, 2) => difference::<2>(row, shape),
        (HORIZONTAL, 4) => difference::<4>(row, shape),
        (FLOAT, bytes) => {
            scratch.clear();
            scratch.extend_from_slice(row);
            let count = row.len() / bytes;
            for (i, sample) in scratch.chunks_exact(bytes).enumerate() {
                for (plane, byte) in sample.iter().rev().enumerate() {
                    row[plane * count + i] = *byte;
                }
            }
            difference::<1>(row, shape);
        }
        _ => {}
    }
}

fn difference<const N: usize>(row: &mut [u8], shape: Shape) {
    let lag = shape.samples * N;
    for at in (lag..row.len() / N * N).step_by(N).rev() {
        let v = word::<N>(&row[at..], false).wrapping_sub(word::<N>(&row[at - lag..], false));
        put::<N>(&mut row[at..], v, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undo_reverts_apply_for_every_width() {
        let original: Vec<u8> = (0..96u32).map(|i| (i * i * 31 % 251) as u8).collect();
        for (predictor, bytes) in
            [(1, 2), (HORIZONTAL, 1), (HORIZONTAL, 2), (HORIZONTAL, 4), (FLOAT, 4)]
        {
            for samples in 1..=4 {
                let shape = Shape { bytes, samples, big_endian: false };
                let (mut row, mut scratch) = (original.clone(), Vec::new());
                apply(&mut row, predictor, shape, &mut scratch);
                undo(&mut row, predictor, shape, &mut scratch);
                if predictor == FLOAT {
                    row.chunks_exact_mut(bytes).for_each(<[u8]>::reverse);
                }
                assert_eq!(row, original, "{predictor} {shape:?}");
            }
        }
    }
}
