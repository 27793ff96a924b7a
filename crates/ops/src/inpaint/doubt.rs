//! How far an invented pixel may be off: a 90 % interval for every filled pixel.
//!
//! ```text
//! filled value - h  <=  true value  <=  filled value + h    for 9 of 10 pixels,
//! ln h = c0 + c1 ln d + c2 (ln d)^2 + c3 ln g + c4 ln s + c5 p
//! ```
//!
//! `d` is the distance to the nearest known pixel; of the known pixels around, as far as `4 + 1.5 d`, `s` is the
//! standard deviation, `g` the mean difference of those one or two apart, `p` their share. The coefficients
//! belong to an inpainter: they are the 0.9-quantile regression of its errors on training photographs with
//! pixels, strokes and blocks missing, scaled until exactly 9 of 10 errors on other such photographs lie inside. How many do on
//! pictures and masks it never saw is in `docs/inpainting.md`.
//!
//! Cost: the same for every pixel (sums over windows come from integral images); memory: a strip of 456 rows.
//!
//! References: R. Koenker, G. Bassett, "Regression quantiles", Econometrica 46(1), 1978, doi:10.2307/1913643;
//! Y. Romano, E. Patterson, E. Candes, "Conformalized quantile regression", `NeurIPS` 2019, arXiv 1905.03222.

use restora_image::{Context, Image, Mask, OpError, Plane, Rect, Size, for_each_band, to_luma};

/// Distances are told up to here, in pixels.
const FARTHEST: f32 = 64.0;
/// Rows that are worked on at once, and rows above and below that they look at.
const BAND: usize = 256;
const MARGIN: u32 = 100;
/// A step to a diagonal neighbor.
const DIAGONAL: f32 = 4.0 / 3.0;
/// What flat surroundings count as, nominal range.
const LEAST: f32 = 0.5 / 255.0;

/// What is known about a missing pixel, in the order of the coefficients.
pub type Features = [f32; 6];

/// The regression of one inpainter's errors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DoubtModel {
    /// `c0..c5`.
    pub coefficients: Features,
}

impl DoubtModel {
    /// Half of the interval's width, nominal range, at most 1.
    pub fn half_width(&self, features: &Features) -> f32 {
        let ln: f32 = self.coefficients.iter().zip(features).map(|(c, f)| c * f).sum();
        ln.exp().min(1.0)
    }
}

/// Half-widths of the 90 % intervals of the missing pixels of a filled image, nominal range; 0 where a pixel is
/// known. They hold for each channel.
///
/// # Errors
/// [`OpError::SizeMismatch`] if the mask does not fit; [`OpError::WrongSpace`] for images without a luminance;
/// [`OpError::Cancelled`].
pub fn doubt(
    filled: &Image,
    mask: &Mask,
    model: &DoubtModel,
    cx: &Context,
) -> Result<Plane, OpError> {
    let mut out = Plane::zeros(filled.size());
    let bands = for_each_missing(filled, mask, cx, |i, features| (i, model.half_width(features)))?;
    for (i, half) in bands.into_iter().flatten() {
        out.data[i] = half;
    }
    Ok(out)
}

/// What is known about every missing pixel: its index and features, in order.
///
/// # Errors
/// As [`doubt`].
pub fn features(
    filled: &Image,
    mask: &Mask,
    cx: &Context,
) -> Result<Vec<(usize, Features)>, OpError> {
    let rows = for_each_missing(filled, mask, cx, |i, features| (i, *features))?;
    Ok(rows.into_iter().flatten().collect())
}

fn for_each_missing<T: Send>(
    filled: &Image,
    mask: &Mask,
    cx: &Context,
    take: impl Fn(usize, &Features) -> T + Sync,
) -> Result<Vec<Vec<T>>, OpError> {
    let size = filled.size();
    if mask.size() != size {
        return Err(OpError::SizeMismatch { what: "mask", wanted: size, got: mask.size() });
    }
    let mut bands: Vec<Vec<T>> = Vec::new();
    bands.resize_with(size.h().div_ceil(BAND), Vec::new);
    for_each_band(&mut bands, 1, 1, cx, |band, out| {
        let y0 = (band * BAND) as u32;
        let rows = (size.height - y0).min(BAND as u32);
        let core = Rect { x: 0, y: y0, width: size.width, height: rows };
        let outer = core.grown(MARGIN, size);
        let holes = mask.crop(outer);
        if holes.count() == 0 {
            return Ok(());
        }
        let luma = to_luma(&filled.crop(outer))?;
        let far = distances(&holes);
        let sums = Sums::of(&luma, &holes);
        for y in (y0 - outer.y) as usize..(y0 - outer.y + rows) as usize {
            for x in 0..size.w() {
                let i = y * size.w() + x;
                if holes.data()[i] {
                    let at = (y + outer.y as usize) * size.w() + x;
                    out[0].push(take(at, &sums.features(x, y, far[i])));
                }
            }
        }
        Ok(())
    })?;
    Ok(bands)
}

/// Distance to the nearest known pixel by two passes with steps of 1 and 4/3 (Borgefors 1986), up to
/// [`FARTHEST`].
fn distances(holes: &Mask) -> Vec<f32> {
    let (w, h) = (holes.size().w(), holes.size().h());
    let mut far: Vec<f32> =
        holes.data().iter().map(|missing| if *missing { FARTHEST } else { 0.0 }).collect();
    let mut pass = |backward: bool| {
        for k in 0..w * h {
            let i = if backward { w * h - 1 - k } else { k };
            if far[i] == 0.0 {
                continue;
            }
            let (x, y) = (i % w, i / w);
            let before = if backward { (x + 1 < w, y + 1 < h) } else { (x > 0, y > 0) };
            let step = |dx: isize, dy: isize| (i as isize + dy * w as isize + dx) as usize;
            let sign = if backward { 1 } else { -1 };
            let mut least = far[i];
            if before.0 {
                least = least.min(far[step(sign, 0)] + 1.0);
            }
            if before.1 {
                least = least.min(far[step(0, sign)] + 1.0);
                if x > 0 {
                    least = least.min(far[step(-1, sign)] + DIAGONAL);
                }
                if x + 1 < w {
                    least = least.min(far[step(1, sign)] + DIAGONAL);
                }
            }
            far[i] = least;
        }
    };
    pass(false);
    pass(true);
    far
}

/// Integral images over the known pixels.
struct Sums {
    size: Size,
    /// Count, sum and sum of squares of known values; count and sum of differences of known pairs. One row and
    /// column more than the image.
    table: Vec<[f64; 5]>,
}

impl Sums {
    fn of(luma: &Plane, holes: &Mask) -> Self {
        let size = luma.size;
        let (w, h) = (size.w(), size.h());
        let mut table = vec![[0.0; 5]; (w + 1) * (h + 1)];
        let value = |x: usize, y: usize| luma.row(y)[x];
        for y in 0..h {
            let mut row = [0.0f64; 5];
            for x in 0..w {
                if !holes.at(x, y) {
                    let v = value(x, y);
                    row[0] += 1.0;
                    row[1] += f64::from(v);
                    row[2] += f64::from(v).powi(2);
                    for lag in 1..=2 {
                        if x + lag < w && !holes.at(x + lag, y) {
                            row[3] += 1.0;
                            row[4] += f64::from((v - value(x + lag, y)).abs());
                        }
                        if y + lag < h && !holes.at(x, y + lag) {
                            row[3] += 1.0;
                            row[4] += f64::from((v - value(x, y + lag)).abs());
                        }
                    }
                }
                let above = table[y * (w + 1) + x + 1];
                table[(y + 1) * (w + 1) + x + 1] = std::array::from_fn(|k| above[k] + row[k]);
            }
        }
        Self { size, table }
    }

    fn features(&self, x: usize, y: usize, d: f32) -> Features {
        let reach = (4.0 + 1.5 * d).ceil() as usize;
        let (left, top) = (x.saturating_sub(reach), y.saturating_sub(reach));
        let right = (x + reach + 1).min(self.size.w());
        let bottom = (y + reach + 1).min(self.size.h());
        let at = |x: usize, y: usize| &self.table[y * (self.size.w() + 1) + x];
        let corners = [at(right, bottom), at(left, bottom), at(right, top), at(left, top)];
        let [n, sum, squares, pairs, steps]: [f64; 5] =
            std::array::from_fn(|k| corners[0][k] - corners[1][k] - corners[2][k] + corners[3][k]);
        let mean = sum / n.max(1.0);
        let deviation = (squares / n.max(1.0) - mean * mean).max(0.0).sqrt() as f32;
        let step = if pairs > 0.0 { (steps / pairs) as f32 } else { deviation };
        let share = n / ((right - left) * (bottom - top)) as f64;
        let ln = d.max(1.0).ln();
        [1.0, ln, ln * ln, step.max(LEAST).ln(), deviation.max(LEAST).ln(), share as f32]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_testkit::synthetic;

    #[test]
    fn distances_grow_from_the_rim() {
        let holes =
            Mask::from_fn(Size::new(21, 21), |x, y| (5..16).contains(&x) && (5..16).contains(&y));
        let far = distances(&holes);
        assert_eq!((far[0], far[5 * 21 + 5], far[10 * 21 + 10]), (0.0, 1.0, 6.0));
        assert!((far[7 * 21 + 8] - 3.0).abs() < 1e-6);
    }

    #[test]
    fn features_are_those_of_the_known_pixels_alone() {
        let size = Size::new(40, 40);
        let mut image = Image::gray_from_fn(size, |x, _| if x % 2 == 0 { 0.2 } else { 0.6 });
        let holes = Mask::from_fn(size, |x, y| x == 20 && y == 20);
        image.data_mut()[20 * 40 + 20] = f32::NAN;
        let all = features(&image, &holes, &Context::default()).unwrap();
        assert_eq!(all.len(), 1);
        let (at, [one, ln, square, step, deviation, share]) = all[0];
        assert_eq!((at, one, ln, square), (20 * 40 + 20, 1.0, 0.0, 0.0));
        // Of neighbors across, one apart differs by 0.4; down, and two apart, by nothing.
        assert!((step.exp() - 0.1).abs() < 0.01 && (deviation.exp() - 0.2).abs() < 0.01);
        assert!((share - 168.0 / 169.0).abs() < 1e-6);
    }

    #[test]
    fn strips_give_what_the_whole_gives() {
        let size = Size::new(60, 700);
        let image = synthetic(size);
        let mask = Mask::from_fn(size, |x, y| (x * 7 + y * 3) % 4 == 0 || (240..270).contains(&y));
        let model = DoubtModel { coefficients: [-1.0, 0.3, 0.05, 0.4, 0.2, -0.5] };
        let whole = doubt(&image, &mask, &model, &Context::default()).unwrap();
        let part = Rect { x: 0, y: 100, width: 60, height: 400 };
        let cut = doubt(&image.crop(part), &mask.crop(part), &model, &Context::default()).unwrap();
        for y in 100..300 {
            for (a, b) in cut.row(y).iter().zip(whole.row(y + 100)) {
                assert!((a - b).abs() < 1e-5, "{y}: {a} {b}");
            }
        }
        for (i, h) in whole.data.iter().enumerate() {
            assert_eq!(*h > 0.0, mask.data()[i]);
        }
        let threads = doubt(&image, &mask, &model, &Context::with_threads(3)).unwrap();
        assert!(threads.data == whole.data);
    }

    #[test]
    fn a_mask_of_another_size_is_refused_and_an_empty_one_gives_no_doubt() {
        let image = synthetic(Size::new(20, 20));
        let model = DoubtModel { coefficients: [0.0; 6] };
        let cx = Context::default();
        assert!(doubt(&image, &Mask::empty(Size::new(3, 3)), &model, &cx).is_err());
        let none = doubt(&image, &Mask::empty(image.size()), &model, &cx).unwrap();
        assert!(none.data.iter().all(|h| *h == 0.0));
    }
}
