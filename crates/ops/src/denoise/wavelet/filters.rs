//! Orthogonal wavelets: scaling filters of Daubechies, "Ten lectures on wavelets", SIAM 1992,
//! doi:10.1137/1.9781611970104 (tables 6.1 and 6.3), with the signs and order of `PyWavelets`;
//! the published digits were polished by Newton's method on the equations that define the filters
//! (orthonormality to even shifts, vanishing moments), which the test below checks.

use serde::{Deserialize, Serialize};

/// An orthogonal wavelet, by the names of MATLAB and `PyWavelets`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaveletFilter {
    /// Haar, 2 taps.
    Haar,
    /// Daubechies with 2 vanishing moments, 4 taps.
    Db2,
    /// Daubechies with 4 vanishing moments, 8 taps.
    Db4,
    /// Daubechies with 8 vanishing moments, 16 taps.
    Db8,
    /// Least asymmetric with 4 vanishing moments, 8 taps.
    #[default]
    Sym4,
    /// Least asymmetric with 8 vanishing moments, 16 taps.
    Sym8,
}

impl WaveletFilter {
    /// The scaling (low-pass) filter; its sum is `sqrt(2)`, its norm 1, its length a multiple of 4.
    pub(super) fn taps(self) -> &'static [f64] {
        match self {
            Self::Haar => &HAAR,
            Self::Db2 => &DB2,
            Self::Db4 => &DB4,
            Self::Db8 => &DB8,
            Self::Sym4 => &SYM4,
            Self::Sym8 => &SYM8,
        }
    }
}

use std::f64::consts::FRAC_1_SQRT_2;

const HAAR: [f64; 4] = [FRAC_1_SQRT_2, FRAC_1_SQRT_2, 0.0, 0.0];

const DB2: [f64; 4] =
    [0.48296291314453416, 0.8365163037378079, 0.2241438680420134, -0.12940952255126037];

const DB4: [f64; 8] = [
    0.2303778133088965,
    0.7148465705529157,
    0.6308807679298589,
    -0.027983769416859854,
    -0.18703481171909309,
    0.030841381835560764,
    0.0328830116668852,
    -0.010597401785069032,
];

const DB8: [f64; 16] = [
    0.05441584224310401,
    0.31287159091429995,
    0.6756307362972898,
    0.5853546836542067,
    -0.015829105256349306,
    -0.2840155429615469,
    0.0004724845739132828,
    0.12874742662047847,
    -0.017369301001807547,
    -0.044088253930794755,
    0.013981027917398282,
    0.008746094047405777,
    -0.004870352993451574,
    -0.00039174037337694705,
    0.0006754494064505693,
    -0.00011747678412476953,
];

const SYM4: [f64; 8] = [
    0.03222310060405148,
    -0.012603967262031354,
    -0.09921954357663389,
    0.29785779560530545,
    0.803738751805132,
    0.4976186676327755,
    -0.029635527646001983,
    -0.07576571478950207,
];

const SYM8: [f64; 16] = [
    0.001889950332768103,
    -0.00030292051472412604,
    -0.01495225833706983,
    0.0038087520138745208,
    0.049137179673705504,
    -0.027219029917160208,
    -0.05194583810803242,
    0.364441894835998,
    0.777185751699614,
    0.4813596512592401,
    -0.061273359067621685,
    -0.14329423835120522,
    0.0076074873249788524,
    0.031695087811528175,
    -0.0005421323317949819,
    -0.0033824159510035872,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_orthonormal_to_their_even_shifts_and_have_their_vanishing_moments() {
        use WaveletFilter::{Db2, Db4, Db8, Haar, Sym4, Sym8};
        for (filter, moments) in [(Haar, 1), (Db2, 2), (Db4, 4), (Db8, 8), (Sym4, 4), (Sym8, 8)] {
            let h = filter.taps();
            assert!((h.iter().sum::<f64>() - std::f64::consts::SQRT_2).abs() < 1e-14);
            for shift in (0..h.len()).step_by(2) {
                let dot: f64 = h[shift..].iter().zip(h).map(|(a, b)| a * b).sum();
                let want = if shift == 0 { 1.0 } else { 0.0 };
                assert!((dot - want).abs() < 1e-14, "{filter:?} {shift}: {dot}");
            }
            for p in 0..moments {
                // About the middle, which keeps the terms small.
                let moment: f64 = (0..h.len())
                    .map(|k| (1.0 - 2.0 * (k % 2) as f64) * (k as f64 - 4.0).powi(p) * h[k])
                    .sum();
                assert!(moment.abs() < 1e-8, "{filter:?} moment {p}: {moment}");
            }
        }
    }
}
