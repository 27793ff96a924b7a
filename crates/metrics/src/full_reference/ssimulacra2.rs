//! SSIMULACRA 2: structure, and what is added to and taken from edges, in a perceptual color space at six scales.
//!
//! ```text
//! X, Y, B: cube roots of the cones' responses to linear RGB, made positive      (JPEG XL's XYB)
//! ssim     = 1 - (1 - (mx - my)^2) (2 s_xy + C) / (s_xx + s_yy + C),  at least 0
//! artifact = max(0, (1 + |y - my|) / (1 + |x - mx|) - 1),   lost = max(0, 1 - the same)
//! e = sum of 108 weights: of mean and 4-norm of these three maps, in X, Y, B - Y, at 6 scales
//! score = 100 - 10 (a e^3 - b e^2 + c e)^0.6276
//! ```
//!
//! Version 2.1 of the program published with libjxl, whose weights were fitted there to people's opinions. Means are under
//! the recursive Gaussian of that program (deviation 1.5), which has, by its own formula, nine taps and no more: they
//! are applied directly, zeros outside, so no error builds up along a row. `s_xx + s_yy - 2 s_xy` is taken of
//! the squared difference, without cancellation; identical images score exactly 100. Scales are means of 2 x 2
//! linear pixels. Below 256 pixels there are fewer scales, and the weights of those left are taken from the front of
//! the list, as in that program. Gray counts as R = G = B. 30 is low, 50 medium, 70 high and 90 visually
//! lossless quality; very bad pairs score below 0.
//!
//! Cost: 4 maps by 2 x 9 taps in three channels, 4/3 of it for all scales. `f32` maps, sums in `f64`.
//!
//! Reference: J. Sneyers, "SSIMULACRA 2 - structural similarity unveiling local and compression related artifacts",
//! 2023, <https://github.com/cloudinary/ssimulacra2>; the blur: D. Charalampidis, "Recursive implementation of the
//! Gaussian filter using truncated cosine functions", IEEE TSP 64(14), 2016, doi:10.1109/TSP.2016.2549985.

use super::conventions::measure_options;
use crate::MetricError;
use restora_image::{
    ColorSpace, Context, Image, OpError, for_each_band, map_bands, simd, srgb_to_linear,
};
use std::sync::LazyLock;

measure_options! {
    /// Options of [`ssimulacra2()`].
    Ssimulacra2, "ssimulacra2", "SSIMULACRA 2",
    "Sneyers, SSIMULACRA 2: Structural SIMilarity Unveiling Local And Compression Related Artifacts, 2023, \
     https://github.com/cloudinary/ssimulacra2";
}

/// Scales at most, and the side below which there is none after.
const SCALES: usize = 6;
const LEAST: u32 = 8;

/// Keeps flat regions from counting.
const C: f32 = 0.0009;

/// Half of the taps of the truncated cosine functions of deviation 1.5, the middle first: `sum_k b_k cos(w_k n)`,
/// eqs. (37), (44), (50), (52), (53), (55) to (57) of the blur's paper, whose `N` is 5; 0 from `n = 5` on.
const TAPS: [f32; 5] = [0.264_621_1, 0.212_928_6, 0.109_335_37, 0.036_011_115, 0.009_414_368];

/// Maps whose means are wanted: `x`, `y`, `x^2 + y^2`, `(x - y)^2`.
const MAPS: usize = 4;

/// Weights of channel and scale: of the mean and then of the 4-norm of `ssim`, `artifact` and `lost`.
const WEIGHTS: [[f64; 6]; 3 * SCALES] = [
    // X
    [0.0, 0.0007376606707406586, 0.0, 0.0, 0.0007793481682867309, 0.0],
    [
        0.0,
        0.0004371155730107379,
        0.0,
        1.1041726426657346,
        0.00066284834129271,
        0.00015231632783718752,
    ],
    [0.0, 0.0016406437456599754, 0.0, 1.8422455520539298, 11.441172603757666, 0.0],
    [0.0007989109436015163, 0.000176816438078653, 0.0, 1.8787594979546387, 10.94906990605142, 0.0],
    [
        0.0007289346991508072,
        0.9677937080626833,
        0.0,
        0.00014003424285435884,
        0.9981766977854967,
        0.00031949755934435053,
    ],
    [0.0004550992113792063, 0.0, 0.0, 0.0013648766163243398, 0.0, 0.0],
    // Y
    [0.0, 0.0, 0.0, 7.466890328078848, 0.0, 17.445833984131262],
    [0.0006235601634041466, 0.0, 0.0, 6.683678146179332, 0.00037724407979611296, 1.027889937768264],
    [225.20515300849274, 0.0, 0.0, 19.213238186143016, 0.0011401524586618361, 0.001237755635509985],
    [176.39317598450694, 0.0, 0.0, 24.43300999870476, 0.28520802612117757, 0.0004485436923833408],
    [0.0, 0.0, 0.0, 34.77906344483772, 44.835625328877896, 0.0],
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    // B-Y
    [0.0, 0.0008680556573291698, 0.0, 0.0, 0.0, 0.0],
    [0.0, 0.0005313191874358747, 0.0, 0.00016533814161379112, 0.0, 0.0],
    [0.0, 0.0, 0.0, 0.0004179171803251336, 0.0017290828234722833, 0.0],
    [0.0020827005846636437, 0.0, 0.0, 8.826982764996862, 23.19243343998926, 0.0],
    [
        95.1080498811086,
        0.9863978034400682,
        0.9834382792465353,
        0.0012286405048278493,
        171.2667255897307,
        0.9807858872435379,
    ],
    [0.0, 0.0, 0.0, 0.0005130064588990679, 0.0, 0.00010854057858411537],
];

/// SSIMULACRA 2: 100 for identical images, more is better, below 0 for very bad ones; not symmetric.
///
/// # Errors
/// If the images differ in size or color space, are less than 8 pixels wide or high, or are neither gray nor sRGB.
pub fn ssimulacra2(
    reference: &Image,
    distorted: &Image,
    options: &Ssimulacra2,
    cx: &Context,
) -> Result<f64, MetricError> {
    let pair = options.pair(reference, distorted, LEAST)?;
    let mut x = Linear::of(&pair.reference, options.range, cx)?;
    let mut y = Linear::of(&pair.distorted, options.range, cx)?;
    let mut norms: Vec<[[f64; 6]; 3]> = Vec::new();
    while norms.len() < SCALES {
        if !norms.is_empty() {
            if x.width.min(x.height) < LEAST as usize {
                break;
            }
            (x, y) = (x.halved(cx)?, y.halved(cx)?);
        }
        let size = [x.width, x.height];
        let (x, y) = (x.to_xyb(cx)?, y.to_xyb(cx)?);
        let mut scale = [[0.0; 6]; 3];
        for ((norms, x), y) in scale.iter_mut().zip(&x).zip(&y) {
            *norms = norms_of(x, y, size, cx)?;
        }
        norms.push(scale);
    }
    let terms = (0..3).flat_map(|c| norms.iter().map(move |scale| scale[c]));
    let product = |(weights, norms): (&[f64; 6], [f64; 6])| -> f64 {
        weights.iter().zip(norms).map(|(w, n)| w * n).sum()
    };
    Ok(to_score(WEIGHTS.iter().zip(terms).map(product).sum()))
}

/// The scale of scores: fitted to opinions by the authors.
fn to_score(sum: f64) -> f64 {
    let e = 0.956_238_261_683_484_4 * sum;
    let cubic = e
        * (2.326_765_642_916_932 + e * (-0.020_884_521_182_843_837 + e * 6.248_496_625_763_138e-5));
    if cubic.is_nan() {
        return cubic;
    }
    if cubic > 0.0 { 100.0 - 10.0 * cubic.powf(0.627_633_646_783_138_7) } else { 100.0 }
}

/// Planes of linear RGB, one for gray.
struct Linear {
    width: usize,
    height: usize,
    planes: Vec<Vec<f32>>,
}

impl Linear {
    fn of(image: &Image, range: f64, cx: &Context) -> Result<Self, MetricError> {
        let encoded = match image.space() {
            ColorSpace::Gray | ColorSpace::Srgb => true,
            ColorSpace::LinearRgb => false,
            got => {
                let (op, wanted) = ("ssimulacra2", "gray, sRGB or linear RGB");
                return Err(OpError::WrongSpace { op, wanted, got }.into());
            }
        };
        let (width, height) = (image.size().w(), image.size().h());
        let scale = (1.0 / range) as f32;
        let linear = |c: usize| -> Result<Vec<f32>, OpError> {
            let from = image.plane_data(c);
            let mut to = vec![0.0; from.len()];
            for_each_band(&mut to, width, 64, cx, |y0, rows| {
                let from = &from[y0 * width..];
                let value = |v: f32| if encoded { to_linear(v) } else { v };
                rows.iter_mut().zip(from).for_each(|(to, v)| *to = value(v * scale));
                Ok(())
            })?;
            Ok(to)
        };
        let planes = (0..image.channels()).map(linear).collect::<Result<_, _>>()?;
        Ok(Self { width, height, planes })
    }

    /// Means of 2 x 2 pixels; the last row and column of an odd size count twice.
    fn halved(&self, cx: &Context) -> Result<Self, OpError> {
        let (w, h) = (self.width, self.height);
        let (width, height) = (w.div_ceil(2), h.div_ceil(2));
        let half = |plane: &Vec<f32>| -> Result<Vec<f32>, OpError> {
            let mut out = vec![0.0; width * height];
            for_each_band(&mut out, width, 32, cx, |y0, rows| {
                for (i, out) in rows.chunks_exact_mut(width).enumerate() {
                    let top = 2 * (y0 + i);
                    let bottom = (top + 1).min(h - 1);
                    let (top, bottom) = (&plane[top * w..][..w], &plane[bottom * w..][..w]);
                    let pairs = top.as_chunks::<2>().0.iter().zip(bottom.as_chunks::<2>().0);
                    for (out, (a, b)) in out.iter_mut().zip(pairs) {
                        *out = 0.25 * ((a[0] + a[1]) + (b[0] + b[1]));
                    }
                    if w % 2 == 1 {
                        out[width - 1] = 0.5 * (top[w - 1] + bottom[w - 1]);
                    }
                }
                Ok(())
            })?;
            Ok(out)
        };
        let planes = self.planes.iter().map(half).collect::<Result<_, _>>()?;
        Ok(Self { width, height, planes })
    }

    /// Planes of X, Y and B - Y, each within 0 and 1 for colors of sRGB.
    fn to_xyb(&self, cx: &Context) -> Result<[Vec<f32>; 3], OpError> {
        const BIAS: f32 = 0.003_793_073_4;
        // Shares of red and green in the response of each kind of cone; blue has the rest.
        const CONES: [[f32; 2]; 3] = [[0.3, 0.622], [0.23, 0.692], [0.243_422_69, 0.204_767_45]];
        let n = self.width * self.height;
        let [r, g, b] = [0, 1, 2].map(|c| self.planes.get(c).unwrap_or(&self.planes[0]));
        let root = cube_root(BIAS);
        // Interleaved by rows, so that one pass writes all three.
        let mut mixed = vec![0.0_f32; 3 * n];
        let w = self.width;
        for_each_band(&mut mixed, 3 * w, 32, cx, |y0, rows| {
            simd(
                #[inline(always)]
                || {
                    for (i, row) in rows.chunks_exact_mut(3 * w).enumerate() {
                        let at = (y0 + i) * w..(y0 + i + 1) * w;
                        let (r, g, b) = (&r[at.clone()], &g[at.clone()], &b[at]);
                        let (first, rest) = row.split_at_mut(w);
                        let (second, third) = rest.split_at_mut(w);
                        let (r, g, b) = (&r[..w], &g[..w], &b[..w]);
                        let (first, second, third) =
                            (&mut first[..w], &mut second[..w], &mut third[..w]);
                        for x in 0..w {
                            let cone = |[red, green]: [f32; 2]| {
                                let blue = 1.0 - red - green;
                                let sum = red * r[x] + green * g[x] + blue * b[x] + BIAS;
                                // Not `max`, which would lose what is not a number.
                                cube_root(if sum < 0.0 { 0.0 } else { sum }) - root
                            };
                            let [long, middle, short] = CONES.map(cone);
                            let luma = 0.5 * (long + middle);
                            first[x] = 14.0 * 0.5 * (long - middle) + 0.42;
                            second[x] = luma + 0.01;
                            third[x] = short - luma + 0.55;
                        }
                    }
                },
            );
            Ok(())
        })?;
        let plane =
            |c: usize| mixed.chunks_exact(w).skip(c).step_by(3).flatten().copied().collect();
        Ok([0, 1, 2].map(plane))
    }
}

/// sRGB to linear, by 4096 chords of the curve within the range: off by 3e-8 at most.
fn to_linear(v: f32) -> f32 {
    const STEPS: usize = 4096;
    static TABLE: LazyLock<Vec<f32>> = LazyLock::new(|| {
        (0..=STEPS + 1).map(|i| srgb_to_linear(i as f32 / STEPS as f32)).collect()
    });
    if !(0.0..=1.0).contains(&v) {
        return srgb_to_linear(v);
    }
    let at = v * STEPS as f32;
    let i = at as usize;
    let part = at - i as f32;
    TABLE[i] + part * (TABLE[i + 1] - TABLE[i])
}

/// Cube root of a number that is not negative: a third of the exponent, then two steps of Halley's method (to
/// rounding).
#[inline(always)]
fn cube_root(v: f32) -> f32 {
    let mut root = f32::from_bits(v.to_bits() / 3 + 0x2a51_19f2);
    for _ in 0..2 {
        let cube = root * root * root;
        root *= (cube + 2.0 * v) / (2.0 * cube + v);
    }
    root
}

/// Means and 4-norms of the three maps of one channel: `ssim`, `artifact` and `lost`, the means first.
fn norms_of(x: &[f32], y: &[f32], [w, h]: [usize; 2], cx: &Context) -> Result<[f64; 6], OpError> {
    const BAND: usize = 64;
    let bands = map_bands(h, BAND, cx, |band| {
        let mut sums = Sums::default();
        // Sums across of the rows under the window.
        let mut ring: Vec<[Vec<f32>; MAPS]> =
            (0..9).map(|_| std::array::from_fn(|_| vec![0.0; w])).collect();
        let mut wide: [Vec<f32>; MAPS] = std::array::from_fn(|_| vec![0.0; w + 8]);
        let mut next = band.start.saturating_sub(4);
        for row in band {
            while next < h.min(row + 5) {
                let at = next * w..(next + 1) * w;
                simd(
                    #[inline(always)]
                    || across(&x[at.clone()], &y[at.clone()], &mut wide, &mut ring[next % 9]),
                );
                next += 1;
            }
            let rows: [Option<&[Vec<f32>; MAPS]>; 9] = std::array::from_fn(|k| {
                let source = (row + k).checked_sub(4).filter(|r| *r < h)?;
                Some(&ring[source % 9])
            });
            let at = row * w..(row + 1) * w;
            simd(
                #[inline(always)]
                || down(&rows, &x[at.clone()], &y[at.clone()], &mut sums),
            );
        }
        Ok(sums.0)
    })?;
    let total = bands.iter().fold([0.0; 6], |sum, band| std::array::from_fn(|i| sum[i] + band[i]));
    let n = (w * h) as f64;
    let [ssim, artifact, lost, ssim4, artifact4, lost4] = total.map(|sum| sum / n);
    let root = |v: f64| v.sqrt().sqrt();
    Ok([ssim, artifact, lost, root(ssim4), root(artifact4), root(lost4)])
}

/// Sums of the three maps, and of their fourth powers.
#[derive(Default)]
struct Sums([f64; 6]);

/// Sums across of the four maps of a row; zeros outside.
#[inline(always)]
fn across(x: &[f32], y: &[f32], wide: &mut [Vec<f32>; MAPS], out: &mut [Vec<f32>; MAPS]) {
    let w = x.len();
    let [a, b, squares, error] = wide;
    let (a, b) = (&mut a[4..4 + w], &mut b[4..4 + w]);
    let (squares, error) = (&mut squares[4..4 + w], &mut error[4..4 + w]);
    let y = &y[..w];
    for i in 0..w {
        let off = x[i] - y[i];
        a[i] = x[i];
        b[i] = y[i];
        squares[i] = x[i] * x[i] + y[i] * y[i];
        error[i] = off * off;
    }
    for (wide, out) in wide.iter().zip(out) {
        let wide = &wide[..w + 8];
        for (i, out) in out[..w].iter_mut().enumerate() {
            *out = TAPS[0] * wide[i + 4]
                + TAPS[1] * (wide[i + 3] + wide[i + 5])
                + TAPS[2] * (wide[i + 2] + wide[i + 6])
                + TAPS[3] * (wide[i + 1] + wide[i + 7])
                + TAPS[4] * (wide[i] + wide[i + 8]);
        }
    }
}

/// Sums down, and what they say of a row.
#[inline(always)]
fn down(rows: &[Option<&[Vec<f32>; MAPS]>; 9], x: &[f32], y: &[f32], sums: &mut Sums) {
    const CHUNK: usize = 64;
    const LANES: usize = 16;
    let w = x.len();
    for from in (0..w).step_by(CHUNK) {
        let count = CHUNK.min(w - from);
        let mut means = [[0.0_f32; CHUNK]; MAPS];
        for (k, row) in rows.iter().enumerate() {
            let Some(row) = row else { continue };
            let tap = TAPS[k.abs_diff(4)];
            for (mean, row) in means.iter_mut().zip(*row) {
                let row = &row[from..from + count];
                mean.iter_mut().zip(row).for_each(|(mean, v)| *mean += tap * v);
            }
        }
        let mut values = [[0.0_f32; CHUNK]; 2];
        values[0][..count].copy_from_slice(&x[from..from + count]);
        values[1][..count].copy_from_slice(&y[from..from + count]);
        let mut lanes = [[0.0_f32; LANES]; 6];
        // Beyond the row all is 0, and adds 0.
        for start in (0..CHUNK).step_by(LANES) {
            for lane in 0..LANES {
                let i = start + lane;
                let [mx, my, squares, error] = [0, 1, 2, 3].map(|m| means[m][i]);
                let off = (mx - my) * (mx - my);
                let spread = squares - (mx * mx + my * my) + C;
                let unlike = error - off;
                // 1 - (1 - off) (spread - unlike) / spread. Not `max`, which would lose what is not a number.
                let d = (unlike + off * (spread - unlike)) / spread;
                let d = if d < 0.0 { 0.0 } else { d };
                let before = 1.0 + (values[0][i] - mx).abs();
                let after = 1.0 + (values[1][i] - my).abs();
                let change = after / before - 1.0;
                let artifact = if change < 0.0 { 0.0 } else { change };
                let lost = if change > 0.0 { 0.0 } else { -change };
                for (k, v) in [d, artifact, lost].into_iter().enumerate() {
                    lanes[k][lane] += v;
                    lanes[k + 3][lane] += (v * v) * (v * v);
                }
            }
        }
        for (sum, lanes) in sums.0.iter_mut().zip(&lanes) {
            *sum += lanes.iter().map(|v| f64::from(*v)).sum::<f64>();
        }
    }
}

#[cfg(test)]
mod tests;
