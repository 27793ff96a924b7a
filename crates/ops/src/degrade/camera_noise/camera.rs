//! What a camera is made of: its tone curve, its color matrix, its gains, its noise.

use super::{CameraMatrix, CameraNoise, Demosaic, Gain, ToneCurve};
use restora_image::{Rng, linear_to_srgb, srgb_to_linear};
use std::sync::LazyLock;

/// Rows and columns.
pub(super) type Matrix = [[f32; 3]; 3];

/// A function of `[0, 1]` at equal steps, linear between.
struct Table {
    values: Vec<f32>,
}

impl Table {
    const STEPS: usize = 4096;

    fn new(f: impl Fn(f32) -> f32) -> Self {
        let at = |i: usize| f((i as f64 / Self::STEPS as f64) as f32);
        // One more than needed: 1 itself reads its right neighbor with weight 0.
        Self { values: (0..=Self::STEPS).chain([Self::STEPS]).map(at).collect() }
    }

    #[inline(always)]
    fn at(&self, v: f32) -> f32 {
        let place = v.clamp(0.0, 1.0) * Self::STEPS as f32;
        let i = place as usize;
        let (a, b) = (self.values[i], self.values[i + 1]);
        a + (place - i as f32) * (b - a)
    }
}

static DECODE: LazyLock<Table> = LazyLock::new(|| Table::new(srgb_to_linear));
/// Of the root of linear light: the curve is steep in the black.
static ENCODE: LazyLock<Table> = LazyLock::new(|| Table::new(|root| linear_to_srgb(root * root)));
/// Of the root of twice the value, up to 1/2.
static UNSMOOTHED: LazyLock<Table> =
    LazyLock::new(|| Table::new(|root| 0.5 - ((1.0 - root * root).asin() / 3.0).sin()));

impl ToneCurve {
    /// Display values to linear light, both clipped to `[0, 1]`.
    pub(super) fn decode(self, row: &mut [f32]) {
        let decode = &*DECODE;
        match self {
            Self::Srgb => {
                for v in row {
                    *v = decode.at(*v);
                }
            }
            Self::Smoothstep => {
                let unsmoothed = &*UNSMOOTHED;
                for v in row {
                    let s = v.clamp(0.0, 1.0);
                    // The curve is symmetric about 1/2.
                    let half = unsmoothed.at((2.0 * s.min(1.0 - s)).sqrt());
                    *v = decode.at(if s <= 0.5 { half } else { 1.0 - half });
                }
            }
        }
    }

    /// The inverse.
    pub(super) fn encode(self, row: &mut [f32]) {
        let encode = &*ENCODE;
        for v in row.iter_mut() {
            *v = encode.at(v.max(0.0).sqrt());
        }
        if self == Self::Smoothstep {
            for v in row {
                *v = *v * *v * (3.0 - 2.0 * *v);
            }
        }
    }
}

/// CIE XYZ (D65) to the camera's own red, green, blue: the makers' published matrices of the four
/// cameras whose random mixtures the paper draws.
const CAMERAS: [Matrix; 4] = [
    // Google Nexus 6P.
    [[1.0234, -0.2969, -0.2266], [-0.5625, 1.6328, -0.0469], [-0.0703, 0.2188, 0.6406]],
    // Sony ILCE-7R.
    [[0.4913, -0.0541, -0.0202], [-0.6130, 1.3513, 0.2906], [-0.1564, 0.2151, 0.7183]],
    // Olympus E-M10.
    [[0.8380, -0.2630, -0.0639], [-0.2887, 1.0725, 0.2496], [-0.0627, 0.1427, 0.5438]],
    // Sony RX100 IV.
    [[0.6596, -0.2079, -0.0562], [-0.4782, 1.3016, 0.1933], [-0.0970, 0.1581, 0.5181]],
];

/// Linear sRGB to CIE XYZ (IEC 61966-2-1).
const RGB_TO_XYZ: Matrix =
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]];

/// One camera, one exposure.
#[derive(Clone, Debug)]
pub(super) struct Camera {
    /// Linear sRGB to white-balanced camera color; rows sum to 1, so that gray stays gray.
    pub matrix: Matrix,
    /// The inverse.
    pub inverse: Matrix,
    /// White balance: from the sensor's values to camera color.
    pub gains: [f32; 3],
    /// Does a site see one color only?
    pub mosaic: bool,
    /// Column and row of a red site.
    pub phase: [usize; 2],
    /// Growth of the variance with the signal.
    pub shot: f32,
    /// Variance at signal 0.
    pub read: f32,
}

impl Camera {
    /// What `options` leave open is drawn; the numbers drawn are the same whatever they leave open.
    pub(super) fn drawn(options: &CameraNoise, color: bool, mut rng: Rng) -> Self {
        let phase = [rng.below(2) as usize, rng.below(2) as usize];
        let mut uniform = |low: f64, high: f64| (low + (high - low) * rng.uniform()) as f32;
        let gain = |gain: Gain, drawn: f32| if let Gain::Known(g) = gain { g } else { drawn };
        let red = gain(options.red_gain, uniform(1.9, 2.4));
        let blue = gain(options.blue_gain, uniform(1.5, 1.9));
        let mix = [0; 4].map(|_| uniform(1e-8, 1.0));
        let to_camera = match options.matrix {
            CameraMatrix::None => [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
            CameraMatrix::Drawn => from_srgb(mixture(mix)),
            CameraMatrix::Nexus6p => from_srgb(CAMERAS[0]),
            CameraMatrix::Ilce7r => from_srgb(CAMERAS[1]),
            CameraMatrix::Em10 => from_srgb(CAMERAS[2]),
            CameraMatrix::Rx100 => from_srgb(CAMERAS[3]),
        };
        let shot = f64::from(options.shot());
        let spread = f64::from(options.read_spread) * rng.normal();
        let read = if shot > 0.0 { (2.18 * shot.ln() + 1.2 + spread).exp() } else { 0.0 };
        Self {
            matrix: to_camera,
            inverse: inverse(to_camera),
            gains: [red, 1.0, blue],
            mosaic: color && options.demosaic != Demosaic::None,
            phase,
            shot: shot as f32,
            read: read as f32,
        }
    }
}

fn mixture(weights: [f32; 4]) -> Matrix {
    let sum: f32 = weights.iter().sum();
    let entry = |i: usize, j: usize| {
        CAMERAS.iter().zip(weights).map(|(camera, w)| w / sum * camera[i][j]).sum()
    };
    std::array::from_fn(|i| std::array::from_fn(|j| entry(i, j)))
}

/// XYZ to camera becomes linear sRGB to camera, rows scaled to the sum 1.
fn from_srgb(camera: Matrix) -> Matrix {
    let product = |i: usize, j: usize| (0..3).map(|k| camera[i][k] * RGB_TO_XYZ[k][j]).sum::<f32>();
    std::array::from_fn(|i| {
        let row: [f32; 3] = std::array::from_fn(|j| product(i, j));
        row.map(|v| v / row.iter().sum::<f32>())
    })
}

/// By cofactors.
fn inverse(m: Matrix) -> Matrix {
    let m = m.map(|row| row.map(f64::from));
    // Row and column numbers around the circle give the sign of the cofactor.
    let cofactor = |i: usize, j: usize| {
        let (a, b, c, d) = ((i + 1) % 3, (i + 2) % 3, (j + 1) % 3, (j + 2) % 3);
        m[a][c] * m[b][d] - m[a][d] * m[b][c]
    };
    let determinant: f64 = (0..3).map(|j| m[0][j] * cofactor(0, j)).sum();
    std::array::from_fn(|i| std::array::from_fn(|j| (cofactor(j, i) / determinant) as f32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_and_their_inverses_agree_with_the_formulas() {
        for i in 0..=10_000 {
            let v = i as f32 / 10_000.0;
            for tone in [ToneCurve::Srgb, ToneCurve::Smoothstep] {
                let mut row = [v];
                tone.decode(&mut row);
                let base = match tone {
                    ToneCurve::Srgb => v,
                    ToneCurve::Smoothstep => 0.5 - ((1.0 - 2.0 * v).asin() / 3.0).sin(),
                };
                assert!((row[0] - srgb_to_linear(base)).abs() < 1e-6, "{tone:?} {v}");
                tone.encode(&mut row);
                assert!((row[0] - v).abs() < 3e-6, "{tone:?} {v}: {}", row[0]);
            }
        }
    }

    #[test]
    fn values_beyond_the_range_are_clipped() {
        for tone in [ToneCurve::Srgb, ToneCurve::Smoothstep] {
            let mut row = [-0.5, 1.5, f32::MAX];
            tone.decode(&mut row);
            let near = |row: [f32; 3]| {
                // Within a rounding: the arc sine, and sRGB's formula at white.
                row[0].abs() < 1e-7 && row[1..].iter().all(|v| (v - 1.0).abs() < 1e-6)
            };
            assert!(near(row), "{tone:?}: {row:?}");
            let mut row = [-0.5, 1.5, f32::MAX];
            tone.encode(&mut row);
            assert!(near(row), "{tone:?}: {row:?}");
        }
    }

    #[test]
    fn matrices_keep_gray_and_have_inverses() {
        let names = [CameraMatrix::Nexus6p, CameraMatrix::Ilce7r, CameraMatrix::Em10];
        let others = [CameraMatrix::Rx100, CameraMatrix::None, CameraMatrix::Drawn];
        for matrix in names.into_iter().chain(others) {
            for seed in 0..20 {
                let options = CameraNoise { matrix, ..CameraNoise::default() };
                let camera = Camera::drawn(&options, true, Rng::new(seed, "camera", 0));
                for i in 0..3 {
                    assert!((camera.matrix[i].iter().sum::<f32>() - 1.0).abs() < 1e-6);
                    for j in 0..3 {
                        let product: f32 =
                            (0..3).map(|k| camera.matrix[i][k] * camera.inverse[k][j]).sum();
                        let wanted = if i == j { 1.0 } else { 0.0 };
                        assert!((product - wanted).abs() < 1e-5, "{matrix:?} {i} {j}");
                    }
                }
            }
        }
    }
}
