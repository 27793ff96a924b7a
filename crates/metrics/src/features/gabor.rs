//! Gabor bank: how much of each frequency and direction a picture holds.
//!
//! ```text
//! g(x, y) = 1 / (2 pi s^2) exp(-(x^2 + y^2) / (2 s^2)) exp(i 2 pi f (x cos t + y sin t))
//! s = sqrt(ln 2 / 2) / (pi f) (2^b + 1) / (2^b - 1)          energy = |g * I|^2
//! ```
//!
//! The envelope is round, so a filter is the product of a row and a column: two passes of complex taps,
//! whose even parts take sums and whose odd parts take differences of the pixels on either side. Borders
//! are mirrored about the edges. Support and normalization are those of scikit-image's `gabor`. Color
//! images are reduced to BT.601 luma. Cost per pixel and filter: `12 s` taps, 3 real products each.
//!
//! Reference: A. K. Jain, F. Farrokhnia, "Unsupervised texture segmentation using Gabor filters",
//! Pattern Recognition 24(12), 1991, doi:10.1016/0031-3203(91)90143-S.

use crate::MetricError;
use restora_image::{
    Border, Context, Image, OpError, OpInfo, ParamInfo, Plane, map_bands, simd, to_luma,
};
use serde::{Deserialize, Serialize};
use std::f64::consts::{LN_2, PI};

/// Options of [`gabor()`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gabor {
    /// Frequencies in cycles per pixel.
    pub frequencies: Vec<f64>,
    /// Directions, spread evenly over a half turn from +x.
    pub orientations: u32,
    /// Width of the band in octaves.
    pub bandwidth: f64,
    /// Where the envelope is cut, in its standard deviations.
    pub reach: f64,
}

impl Default for Gabor {
    fn default() -> Self {
        Self { frequencies: vec![0.1, 0.2, 0.4], orientations: 4, bandwidth: 1.0, reach: 3.0 }
    }
}

impl Gabor {
    fn validate(&self) -> Result<(), MetricError> {
        let error = |name, wanted, got: String| Err(OpError::param(name, wanted, got).into());
        if self.frequencies.is_empty() || self.frequencies.iter().any(|f| !(0.01..=0.5).contains(f))
        {
            let got = format!("{:?}", self.frequencies);
            return error("frequencies", "one or more from 0.01 to 0.5", got);
        }
        if !(1..=64).contains(&self.orientations) {
            return error("orientations", "1 to 64", self.orientations.to_string());
        }
        if !(0.1..=4.0).contains(&self.bandwidth) {
            return error("bandwidth", "0.1 to 4", self.bandwidth.to_string());
        }
        if !(1.0..=6.0).contains(&self.reach) {
            return error("reach", "1 to 6", self.reach.to_string());
        }
        Ok(())
    }
}

/// Names, ranges and defaults of [`Gabor`], for help texts.
pub const INFO: OpInfo = OpInfo {
    id: "gabor",
    title: "Gabor energies",
    family: "features",
    paper: "Jain, Farrokhnia, Unsupervised texture segmentation using Gabor filters, Pattern \
            Recognition 24(12), 1991, doi:10.1016/0031-3203(91)90143-S",
    params: &[
        ParamInfo::plain("frequencies", "0.01..0.5 each", "[0.1,0.2,0.4]", "cycles per pixel"),
        ParamInfo::plain("orientations", "1..64", "4", "directions, spread over a half turn"),
        ParamInfo::plain("bandwidth", "0.1..4", "1.0", "width of the band in octaves"),
        ParamInfo::plain(
            "reach",
            "1..6",
            "3.0",
            "where the envelope is cut, in standard deviations",
        ),
    ],
};

/// What one filter of the bank sees.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GaborEnergy {
    /// Cycles per pixel.
    pub frequency: f64,
    /// Direction of the wave in radians, from +x towards +y.
    pub orientation: f64,
    /// Mean over the picture of the squared magnitude of the response, in nominal range squared.
    pub mean_energy: f64,
    /// Variance of the squared magnitude.
    pub variance_energy: f64,
    /// Mean of the real part.
    pub mean_real: f64,
    /// Variance of the real part.
    pub variance_real: f64,
}

/// The energies of a gray or RGB image, by frequency, then direction. NaN for an empty image.
///
/// # Errors
/// If an option is out of range, the image is neither gray nor RGB, or the caller cancelled.
pub fn gabor(
    image: &Image,
    options: &Gabor,
    cx: &Context,
) -> Result<Vec<GaborEnergy>, MetricError> {
    options.validate()?;
    let luma = to_luma(image)?;
    let mut all = Vec::new();
    for &frequency in &options.frequencies {
        for i in 0..options.orientations {
            let orientation = f64::from(i) * PI / f64::from(options.orientations);
            let [x, y] = taps(frequency, orientation, options);
            let sums = filtered(&luma, &x, &y, cx)?;
            all.push(sums.energy(frequency, orientation, luma.size.len() as f64));
        }
    }
    Ok(all)
}

/// A complex row of taps, even in its real part and odd in its imaginary one: the half from the center.
struct Taps {
    even: Vec<f32>,
    odd: Vec<f32>,
}

impl Taps {
    fn radius(&self) -> usize {
        self.even.len() - 1
    }

    /// Is the wave constant along this direction?
    fn is_real(&self) -> bool {
        self.odd.iter().all(|t| *t == 0.0)
    }
}

/// The taps along x and along y.
fn taps(frequency: f64, orientation: f64, options: &Gabor) -> [Taps; 2] {
    let octaves = 2f64.powf(options.bandwidth);
    let sigma = (LN_2 / 2.0).sqrt() / (PI * frequency) * (octaves + 1.0) / (octaves - 1.0);
    let (sin, cos) = orientation.sin_cos();
    // scikit-image cuts the turned envelope to the box of its axes.
    let extent = options.reach * sigma;
    let radius = (extent * cos).abs().max((extent * sin).abs()).max(1.0).ceil() as usize;
    [cos, sin].map(|cosine| {
        let envelope =
            |i: usize| (-0.5 * (i as f64 / sigma).powi(2)).exp() / ((2.0 * PI).sqrt() * sigma);
        let phase = |i: usize| {
            let turn = 2.0 * PI * frequency * cosine * i as f64;
            if cosine.abs() < 1e-12 { 0.0 } else { turn }
        };
        Taps {
            even: (0..=radius).map(|i| (envelope(i) * phase(i).cos()) as f32).collect(),
            odd: (0..=radius).map(|i| (envelope(i) * phase(i).sin()) as f32).collect(),
        }
    })
}

/// Sums over pixels.
#[derive(Clone, Copy, Default)]
struct Sums {
    real: f64,
    real_squared: f64,
    energy: f64,
    energy_squared: f64,
}

impl Sums {
    fn energy(self, frequency: f64, orientation: f64, n: f64) -> GaborEnergy {
        let (mean_real, mean_energy) = (self.real / n, self.energy / n);
        GaborEnergy {
            frequency,
            orientation,
            mean_energy,
            variance_energy: self.energy_squared / n - mean_energy * mean_energy,
            mean_real,
            variance_real: self.real_squared / n - mean_real * mean_real,
        }
    }
}

/// Filters along y, then along x, a row at a time.
fn filtered(plane: &Plane, x: &Taps, y: &Taps, cx: &Context) -> Result<Sums, MetricError> {
    let (w, h) = (plane.size.w(), plane.size.h());
    let place = |i: isize, n| Border::Reflect.index(i, n).unwrap_or(0);
    let bands = map_bands(h, 32, cx, |band| {
        let radius = x.radius();
        let mut middle = [vec![0.0; w + 2 * radius], vec![0.0; w + 2 * radius]];
        let mut out = [vec![0.0; w], vec![0.0; w]];
        let mut sums = Sums::default();
        for row in band {
            let pairs: Vec<[&[f32]; 2]> = (0..=y.radius() as isize)
                .map(|i| [-i, i].map(|by| plane.row(place(row as isize + by, h))))
                .collect();
            let [real, imaginary] = &mut middle;
            simd(
                #[inline(always)]
                || {
                    pass::<EVEN>(&pairs, &y.even, 0.0, 1.0, &mut real[radius..][..w]);
                    pass::<ODD>(&pairs, &y.odd, 0.0, 1.0, &mut imaginary[radius..][..w]);
                },
            );
            for middle in &mut middle {
                for i in 1..=radius {
                    middle[radius - i] = middle[radius + place(-(i as isize), w)];
                    middle[radius + w - 1 + i] = middle[radius + place((w - 1 + i) as isize, w)];
                }
            }
            let [real, imaginary] = &middle;
            let windows = |row| -> Vec<[&[f32]; 2]> {
                let row: &[f32] = row;
                (0..=radius).map(|i| [&row[radius - i..][..w], &row[radius + i..][..w]]).collect()
            };
            let (real, imaginary) = (windows(real), windows(imaginary));
            let [re, im] = &mut out;
            simd(
                #[inline(always)]
                || {
                    pass::<EVEN>(&real, &x.even, 0.0, 1.0, re);
                    pass::<ODD>(&real, &x.odd, 0.0, 1.0, im);
                    if !y.is_real() {
                        pass::<EVEN>(&imaginary, &x.even, 1.0, 1.0, im);
                        pass::<ODD>(&imaginary, &x.odd, 1.0, -1.0, re);
                    }
                    add(re, im, &mut sums);
                },
            );
        }
        Ok(sums)
    })?;
    Ok(bands.into_iter().fold(Sums::default(), |a, b| Sums {
        real: a.real + b.real,
        real_squared: a.real_squared + b.real_squared,
        energy: a.energy + b.energy,
        energy_squared: a.energy_squared + b.energy_squared,
    }))
}

const EVEN: bool = false;
const ODD: bool = true;
/// Pixels whose sums stay in registers while the taps pass by.
const LANES: usize = 64;

/// `out = keep out + sign sum_t taps[t] (right_t + left_t)`, or `right_t - left_t` for odd taps;
/// `pairs[t]` starts `t` pixels to the left and to the right of `out`. Odd taps that are all zero, those
/// of a wave along the other axis, cost nothing.
#[inline(always)]
fn pass<const PARITY: bool>(
    pairs: &[[&[f32]; 2]],
    taps: &[f32],
    keep: f32,
    sign: f32,
    out: &mut [f32],
) {
    if PARITY == ODD && taps.iter().all(|t| *t == 0.0) {
        for v in out.iter_mut() {
            *v *= keep;
        }
        return;
    }
    let center = if PARITY == ODD { 0.0 } else { taps[0] };
    let mut x = 0;
    while x + LANES <= out.len() {
        let mut sum = [0.0f32; LANES];
        let middle: &[f32; LANES] = pairs[0][0][x..][..LANES].try_into().expect("lanes");
        for i in 0..LANES {
            sum[i] = center * middle[i];
        }
        for ([left, right], &tap) in pairs.iter().zip(taps).skip(1) {
            let left: &[f32; LANES] = left[x..][..LANES].try_into().expect("lanes");
            let right: &[f32; LANES] = right[x..][..LANES].try_into().expect("lanes");
            for i in 0..LANES {
                let both = if PARITY == ODD { right[i] - left[i] } else { right[i] + left[i] };
                sum[i] += tap * both;
            }
        }
        for (out, sum) in out[x..][..LANES].iter_mut().zip(sum) {
            *out = keep * *out + sign * sum;
        }
        x += LANES;
    }
    for x in x..out.len() {
        let mut sum = center * pairs[0][0][x];
        for ([left, right], &tap) in pairs.iter().zip(taps).skip(1) {
            sum += tap * if PARITY == ODD { right[x] - left[x] } else { right[x] + left[x] };
        }
        out[x] = keep * out[x] + sign * sum;
    }
}

/// Adds a row of responses to the sums, which run in eight lanes.
#[inline(always)]
fn add(re: &[f32], im: &[f32], sums: &mut Sums) {
    let mut lanes = [[0.0f64; 8]; 4];
    let (mut re_chunks, mut im_chunks) = (re.chunks_exact(8), im.chunks_exact(8));
    let mut one = |i: usize, re: f32, im: f32| {
        let (re, im) = (f64::from(re), f64::from(im));
        let energy = re * re + im * im;
        lanes[0][i] += re;
        lanes[1][i] += re * re;
        lanes[2][i] += energy;
        lanes[3][i] += energy * energy;
    };
    for (re, im) in re_chunks.by_ref().zip(im_chunks.by_ref()) {
        for i in 0..8 {
            one(i, re[i], im[i]);
        }
    }
    for (i, (re, im)) in re_chunks.remainder().iter().zip(im_chunks.remainder()).enumerate() {
        one(i, *re, *im);
    }
    let [real, real_squared, energy, energy_squared] = lanes.map(|l| l.iter().sum::<f64>());
    sums.real += real;
    sums.real_squared += real_squared;
    sums.energy += energy;
    sums.energy_squared += energy_squared;
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{ColorSpace, Size};
    use restora_testkit::{assert_info_matches, synthetic, synthetic_rgb};

    #[test]
    fn the_energies_are_those_of_the_formula() {
        for size in [Size::new(75, 21), Size::new(6, 4)] {
            let image = synthetic(size);
            let options =
                Gabor { frequencies: vec![0.15, 0.33], orientations: 6, ..Gabor::default() };
            let got = gabor(&image, &options, &Context::default()).unwrap();
            assert_eq!(got.len(), 12);
            let place = |i, n| Border::Reflect.index(i, n).unwrap();
            for found in got {
                let (f, t) = (found.frequency, found.orientation);
                let s = (LN_2 / 2.0).sqrt() / (PI * f) * 3.0;
                let reach = |a: f64, b: f64| {
                    (3.0 * s * a).abs().max((3.0 * s * b).abs()).max(1.0).ceil() as isize
                };
                let (rx, ry) = (reach(t.cos(), t.sin()), reach(t.sin(), t.cos()));
                let (mut energy, mut squared, mut real) = (0.0, 0.0, 0.0);
                for y in 0..size.h() as isize {
                    for x in 0..size.w() as isize {
                        let (mut re, mut im) = (0.0, 0.0);
                        for j in -ry..=ry {
                            for i in -rx..=rx {
                                let (u, v) = (i as f64, j as f64);
                                let weight =
                                    (-(u * u + v * v) / (2.0 * s * s)).exp() / (2.0 * PI * s * s);
                                let phase = 2.0 * PI * f * (u * t.cos() + v * t.sin());
                                let at = image
                                    .plane(0)
                                    .at(place(x + i, size.w()), place(y + j, size.h()));
                                re += weight * phase.cos() * f64::from(at);
                                im += weight * phase.sin() * f64::from(at);
                            }
                        }
                        energy += re * re + im * im;
                        squared += (re * re + im * im).powi(2);
                        real += re;
                    }
                }
                let n = size.len() as f64;
                let variance = squared / n - (energy / n).powi(2);
                assert!((found.mean_energy / (energy / n) - 1.0).abs() < 1e-4, "{f} {t}");
                assert!((found.mean_real - real / n).abs() < 1e-6, "{f} {t}");
                assert!((found.variance_energy - variance).abs() < 1e-4 * squared / n, "{f} {t}");
            }
        }
    }

    #[test]
    fn a_wave_answers_at_its_own_frequency_and_direction() {
        let image = Image::gray_from_fn(Size::new(96, 96), |x, y| {
            let turn = 2.0 * PI * 0.2 * (x as f64 + y as f64) / 2f64.sqrt();
            (0.5 + 0.3 * turn.cos()) as f32
        });
        let all = gabor(&image, &Gabor::default(), &Context::default()).unwrap();
        let best = all.iter().max_by(|a, b| a.mean_energy.total_cmp(&b.mean_energy)).unwrap();
        assert_eq!((best.frequency, best.orientation), (0.2, PI / 4.0));
        // Half the amplitude, for the other half is the conjugate wave; the envelope, cut on the
        // diagonal at 3 / sqrt(2) standard deviations, sums to 0.933.
        assert!((best.mean_energy.sqrt() - 0.15 * 0.933).abs() < 2e-3, "{best:?}");
    }

    #[test]
    fn threads_and_color_do_not_matter_and_bad_options_are_refused() {
        let image = synthetic_rgb(Size::new(70, 66));
        let one = gabor(&image, &Gabor::default(), &Context::default());
        assert_eq!(one, gabor(&image, &Gabor::default(), &Context::with_threads(4)));
        let gray = Image::from_plane(to_luma(&image).unwrap());
        assert_eq!(one, gabor(&gray, &Gabor::default(), &Context::default()));
        let bad = [
            ("frequencies", Gabor { frequencies: vec![0.6], ..Gabor::default() }),
            ("frequencies", Gabor { frequencies: vec![], ..Gabor::default() }),
            ("orientations", Gabor { orientations: 0, ..Gabor::default() }),
            ("bandwidth", Gabor { bandwidth: f64::NAN, ..Gabor::default() }),
            ("reach", Gabor { reach: 0.0, ..Gabor::default() }),
        ];
        for (name, options) in bad {
            let error = gabor(&gray, &options, &Context::default()).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        let empty = Image::zeros(Size::new(0, 0), ColorSpace::Gray);
        let none = gabor(&empty, &Gabor::default(), &Context::default()).unwrap();
        assert!(none.iter().all(|e| e.mean_energy.is_nan()));
    }

    #[test]
    fn info_lists_every_option_with_its_default() {
        assert_info_matches(&INFO, &Gabor::default());
    }
}
