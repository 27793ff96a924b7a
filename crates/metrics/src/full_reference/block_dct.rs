//! The discrete cosine transform of blocks of 8 x 8 pixels.

use super::maps::Map;

/// Width and height of a block.
pub(super) const SIDE: usize = 8;

/// The orthonormal DCT-II.
pub(super) fn basis() -> [[f64; SIDE]; SIDE] {
    std::array::from_fn(|k| {
        let scale = if k == 0 { 1.0 } else { 2.0 } / SIDE as f64;
        let angle = std::f64::consts::PI * k as f64 / (2 * SIDE) as f64;
        std::array::from_fn(|i| scale.sqrt() * (angle * (2 * i + 1) as f64).cos())
    })
}

/// Coefficients of a block, `[vertical * 8 + horizontal]`.
pub(super) fn transformed(
    map: &Map,
    x0: usize,
    y0: usize,
    basis: &[[f64; SIDE]; SIDE],
) -> [f64; SIDE * SIDE] {
    let mut across = [[0.0; SIDE]; SIDE];
    for (y, out) in across.iter_mut().enumerate() {
        let row = &map.row(y0 + y)[x0..][..SIDE];
        for (out, wave) in out.iter_mut().zip(basis) {
            *out = row.iter().zip(wave).map(|(v, b)| v * b).sum();
        }
    }
    std::array::from_fn(|i| {
        let wave = &basis[i / SIDE];
        (0..SIDE).map(|y| across[y][i % SIDE] * wave[y]).sum()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_basis_is_orthonormal_and_a_flat_block_has_one_coefficient() {
        let basis = basis();
        for (i, a) in basis.iter().enumerate() {
            for (j, b) in basis.iter().enumerate() {
                let dot: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                assert!((dot - f64::from(u8::from(i == j))).abs() < 1e-12);
            }
        }
        let flat = Map { width: 8, height: 8, data: vec![3.0; 64] };
        let got = transformed(&flat, 0, 0, &basis);
        assert!((got[0] - 24.0).abs() < 1e-12 && got[1..].iter().all(|v| v.abs() < 1e-12));
    }
}
