//! Separable resampling by a whole factor with precomputed taps.
//!
//! ```text
//! out(s i + p) = sum_k t_p(k) in(i + k),   t_p(k) ~ h((p + 1/2) / s - 1/2 - k)      enlarging by s
//! out(i)       = sum_k t(k) in(s i + k),   t(k)   ~ h((k - (s - 1) / 2) / s)        reducing by s
//! ```
//!
//! The taps of each phase have sum 1. Cost for taps of `n`: enlarging `n / s + n` multiplications per pixel of
//! the result, reducing `s n + n`. One row is summed vertically into a buffer that stays in the first-level
//! cache and horizontally from there; rows are taken apart or put together by phase, so that both sums run
//! over neighboring values. The order of the sums is the same everywhere: tiles and threads change no bit.

use restora_image::{
    Border, Context, Image, OpError, Plane, PlaneRef, Scale, Size, for_each_band, simd,
};

/// Rows of a band, the unit of work of a thread.
const BAND: usize = 24;

/// Pixels within which the color of a fully transparent pixel is told from others.
pub const HIDDEN_REACH: u32 = 3;

/// Taps of one phase: the first one stands `offset` pixels from the base.
#[derive(Clone, Debug, PartialEq)]
pub struct Phase {
    pub offset: isize,
    pub taps: Vec<f32>,
}

impl Phase {
    /// The taps at whole positions `from..=to`, without zeros at the ends, scaled to sum 1.
    fn new(from: isize, to: isize, value: impl Fn(f64) -> f64) -> Self {
        let values: Vec<f64> = (from..=to).map(|k| value(k as f64)).collect();
        let sum: f64 = values.iter().sum();
        let small = |v: &f64| v.abs() < 1e-12;
        let skip = values.iter().take_while(|v| small(v)).count();
        let tail = values.iter().rev().take_while(|v| small(v)).count();
        let taps = values[skip..values.len() - tail].iter().map(|v| (v / sum) as f32);
        Self { offset: from + skip as isize, taps: taps.collect() }
    }

    fn end(&self) -> isize {
        self.offset + self.taps.len() as isize
    }
}

/// A change of size with its taps.
#[derive(Clone, Debug)]
pub struct Polyphase {
    pub scale: Scale,
    /// One for each phase of the result: the factor enlarging, else 1.
    pub phases: Vec<Phase>,
}

impl Polyphase {
    /// Enlarges by `factor` with the kernel `h`, which is 0 from `support` on.
    pub fn enlarging(factor: u32, support: u32, h: impl Fn(f64) -> f64) -> Self {
        let support = support as isize;
        let phase = |p: u32| {
            let at = (f64::from(p) + 0.5) / f64::from(factor) - 0.5;
            Phase::new(-support, support, |k| h(at - k))
        };
        Self { scale: Scale::Up(factor), phases: (0..factor).map(phase).collect() }
    }

    /// Reduces by `factor` with the kernel `h` stretched by it, so that what the result cannot hold is taken
    /// out.
    pub fn reducing(factor: u32, support: u32, h: impl Fn(f64) -> f64) -> Self {
        let (reach, s) = ((support * factor) as isize, f64::from(factor));
        let center = (s - 1.0) / 2.0;
        let phase = Phase::new(-reach, reach + factor as isize, |k| h((k - center) / s));
        Self { scale: Scale::Down(factor), phases: vec![phase] }
    }

    /// A filter that keeps the size.
    pub fn filter(phase: Phase) -> Self {
        Self { scale: Scale::Same, phases: vec![phase] }
    }

    /// Pixels before and after the base that are looked at.
    fn reach(&self) -> (usize, usize) {
        let before = self.phases.iter().map(|p| -p.offset).max().unwrap_or(0).max(0);
        let after = self.phases.iter().map(|p| p.end() - 1).max().unwrap_or(0).max(0);
        (before as usize, after as usize)
    }

    /// The plane in its new size, mirrored about its edges.
    ///
    /// # Errors
    /// [`OpError::Input`] as [`Scale::checked_size`]; [`OpError::Cancelled`].
    pub fn resample(&self, plane: PlaneRef<'_>, cx: &Context) -> Result<Plane, OpError> {
        let size = self.scale.checked_size(plane.size())?;
        let mut out = Plane::zeros(size);
        if size.is_empty() {
            cx.check()?;
            return Ok(out);
        }
        let step = self.scale.pixels_per_result() as usize;
        // What does not fill a pixel of the result is cut off before it is mirrored.
        let (w, h) = match self.scale {
            Scale::Down(_) => (size.w() * step, size.h() * step),
            Scale::Same | Scale::Up(_) => (plane.width(), plane.height()),
        };
        let (before, after) = self.reach();
        let mirrored = |i: isize, n: usize| Border::Reflect.index(i, n).unwrap_or(0);
        let phases = self.phases.len();
        let bases = size.w() / phases;
        for_each_band(&mut out.data, size.w(), BAND, cx, |y0, band| {
            let mut sum = vec![0.0; before + w + after];
            let mut apart = Apart::new(step, sum.len());
            let mut lines = vec![0.0; if phases == 1 { 0 } else { size.w() }];
            let mut rows = Vec::new();
            for (y, out) in band.chunks_exact_mut(size.w()).enumerate() {
                let y = y0 + y;
                let phase = &self.phases[y % phases];
                let base = (y / phases * step) as isize + phase.offset;
                rows.clear();
                rows.extend(
                    (base..base + phase.taps.len() as isize)
                        .map(|y| &plane.row(mirrored(y, h))[..w]),
                );
                simd(
                    #[inline(always)]
                    || {
                        weighted_rows(&rows, &phase.taps, &mut sum[before..before + w]);
                        for i in 0..before {
                            sum[i] = sum[before + mirrored(i as isize - before as isize, w)];
                        }
                        for i in 0..after {
                            sum[before + w + i] = sum[before + mirrored((w + i) as isize, w)];
                        }
                        if phases == 1 {
                            let phase = &self.phases[0];
                            let source = apart.of(&sum);
                            let first = (before as isize + phase.offset) as usize;
                            horizontal(source, step, first, &phase.taps, out);
                            return;
                        }
                        for (phase, line) in self.phases.iter().zip(lines.chunks_exact_mut(bases)) {
                            let first = (before as isize + phase.offset) as usize;
                            horizontal(&sum, 1, first, &phase.taps, line);
                        }
                        together(&lines, bases, phases, out);
                    },
                );
            }
            Ok(())
        })?;
        Ok(out)
    }

    /// The image in its new size. Fully transparent pixels first take the color of their surroundings, so
    /// that what they hide does not show; opacity stays within `[0, 1]`.
    ///
    /// # Errors
    /// As [`Polyphase::resample`].
    pub fn resize(&self, image: &Image, cx: &Context) -> Result<Image, OpError> {
        let shown = with_hidden_filled(image);
        let image = shown.as_ref().unwrap_or(image);
        let size = self.scale.checked_size(image.size())?;
        let mut data = Vec::with_capacity(size.len() * image.channels());
        for plane in image.planes() {
            data.extend_from_slice(&self.resample(plane, cx)?.data);
        }
        let mut out = Image::from_vec(size, image.space(), data)?;
        if let Some(alpha) = &image.alpha {
            let mut alpha = self.resample(alpha.as_ref(), cx)?;
            alpha.data.iter_mut().for_each(|v| *v = v.clamp(0.0, 1.0));
            out.alpha = Some(alpha);
        }
        Ok(out)
    }
}

/// A row taken apart by place modulo `step`.
struct Apart {
    step: usize,
    lines: Vec<f32>,
}

impl Apart {
    fn new(step: usize, len: usize) -> Self {
        Self { step, lines: vec![0.0; if step == 1 { 0 } else { len.div_ceil(step) * step }] }
    }

    /// Value `q + step m` of the row at place `m` of line `q`; the row itself for a step of 1.
    #[inline(always)]
    fn of<'a>(&'a mut self, row: &'a [f32]) -> &'a [f32] {
        if self.step == 1 {
            return row;
        }
        let line = self.lines.len() / self.step;
        for (q, line) in self.lines.chunks_exact_mut(line).enumerate() {
            let values = row[q..].iter().step_by(self.step);
            line.iter_mut().zip(values).for_each(|(to, from)| *to = *from);
        }
        &self.lines
    }
}

#[inline(always)]
fn weighted_rows(rows: &[&[f32]], taps: &[f32], out: &mut [f32]) {
    out.fill(0.0);
    for (row, tap) in rows.iter().zip(taps) {
        for (o, v) in out.iter_mut().zip(*row) {
            *o += tap * v;
        }
    }
}

/// `out(i) = sum_k taps(k) row(first + k + step i)`, of a row taken apart by `step`.
#[inline(always)]
fn horizontal(row: &[f32], step: usize, first: usize, taps: &[f32], out: &mut [f32]) {
    let line = row.len() / step;
    out.fill(0.0);
    for (k, tap) in taps.iter().enumerate() {
        let (q, m) = ((first + k) % step, (first + k) / step);
        let values = &row[q * line + m..][..out.len()];
        for (o, v) in out.iter_mut().zip(values) {
            *o += tap * v;
        }
    }
}

/// Lines of `len` values, one for each phase, put together value by value.
#[inline(always)]
fn together(lines: &[f32], len: usize, phases: usize, out: &mut [f32]) {
    match phases {
        2 => {
            let (a, b) = lines.split_at(len);
            for ((out, a), b) in out.chunks_exact_mut(2).zip(a).zip(b) {
                out[0] = *a;
                out[1] = *b;
            }
        }
        3 => {
            let (a, rest) = lines.split_at(len);
            let (b, c) = rest.split_at(len);
            for (((out, a), b), c) in out.chunks_exact_mut(3).zip(a).zip(b).zip(c) {
                out[0] = *a;
                out[1] = *b;
                out[2] = *c;
            }
        }
        _ => {
            for (p, line) in lines.chunks_exact(len).enumerate() {
                let places = out[p..].iter_mut().step_by(phases);
                places.zip(line).for_each(|(out, v)| *out = *v);
            }
        }
    }
}

/// The image with fully transparent pixels in the mean color of the others within [`HIDDEN_REACH`], weighted
/// by opacity; `None` if there are none.
pub fn with_hidden_filled(image: &Image) -> Option<Image> {
    let alpha = image.alpha.as_ref().filter(|alpha| alpha.data.contains(&0.0))?;
    let Size { width, height } = image.size();
    let r = HIDDEN_REACH as usize;
    let mut out = image.clone();
    for y in 0..height as usize {
        for x in 0..width as usize {
            if alpha.row(y)[x] != 0.0 {
                continue;
            }
            let rows = y.saturating_sub(r)..(y + r + 1).min(height as usize);
            let columns = x.saturating_sub(r)..(x + r + 1).min(width as usize);
            let weight: f32 =
                rows.clone().flat_map(|y| &alpha.row(y)[columns.clone()]).copied().sum();
            if weight <= 0.0 {
                continue;
            }
            for c in 0..image.channels() {
                let plane = image.plane(c);
                let mut sum = 0.0;
                for y in rows.clone() {
                    let pairs =
                        plane.row(y)[columns.clone()].iter().zip(&alpha.row(y)[columns.clone()]);
                    for (v, a) in pairs {
                        sum += v * a;
                    }
                }
                out.plane_mut(c)[y * width as usize + x] = sum / weight;
            }
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_testkit::synthetic;

    fn triangle(x: f64) -> f64 {
        (1.0 - x.abs()).max(0.0)
    }

    /// The sums as they are defined, one pixel at a time, in `f64`.
    fn naive(plane: PlaneRef, poly: &Polyphase) -> Vec<f64> {
        let size = poly.scale.size(plane.size());
        let step = poly.scale.pixels_per_result() as usize;
        let (w, h) = if step > 1 {
            (size.w() * step, size.h() * step)
        } else {
            (plane.width(), plane.height())
        };
        let n = poly.phases.len();
        let mut out = Vec::new();
        for y in 0..size.h() {
            for x in 0..size.w() {
                let (py, px) = (&poly.phases[y % n], &poly.phases[x % n]);
                let mut sum = 0.0;
                for (j, ty) in py.taps.iter().enumerate() {
                    for (i, tx) in px.taps.iter().enumerate() {
                        let at = |base: usize, offset: isize, k: usize, n: usize| {
                            Border::Reflect.index(base as isize + offset + k as isize, n).unwrap()
                        };
                        let sy = at(y / n * step, py.offset, j, h);
                        let sx = at(x / n * step, px.offset, i, w);
                        sum += f64::from(*ty) * f64::from(*tx) * f64::from(plane.at(sx, sy));
                    }
                }
                out.push(sum);
            }
        }
        out
    }

    #[test]
    fn every_change_of_size_equals_the_naive_sums() {
        for size in [(1, 1), (1, 9), (7, 2), (31, 23), (64, 5), (4, 4)] {
            let image = synthetic(Size::new(size.0, size.1));
            for factor in 2..=4 {
                let up = Polyphase::enlarging(factor, 1, triangle);
                let down = Polyphase::reducing(factor, 1, triangle);
                let wide = Polyphase::enlarging(factor, 3, |x| (-x * x).exp());
                for poly in [up, down, wide] {
                    let Ok(out) = poly.resample(image.plane(0), &Context::default()) else {
                        assert!(poly.scale.size(image.size()).is_empty());
                        continue;
                    };
                    let want = naive(image.plane(0), &poly);
                    assert_eq!(want.len(), out.data.len());
                    for (a, b) in out.data.iter().zip(want) {
                        assert!((f64::from(*a) - b).abs() < 1e-6, "{size:?} by {factor}");
                    }
                }
            }
        }
    }

    #[test]
    fn taps_have_unit_sum_and_stand_where_the_kernel_does() {
        let up = Polyphase::enlarging(2, 1, triangle);
        assert_eq!(up.phases[0], Phase { offset: -1, taps: vec![0.25, 0.75] });
        assert_eq!(up.phases[1], Phase { offset: 0, taps: vec![0.75, 0.25] });
        let down = Polyphase::reducing(2, 1, triangle);
        assert_eq!(down.phases[0], Phase { offset: -1, taps: vec![0.125, 0.375, 0.375, 0.125] });
        // The pixel in the middle of three is the pixel itself.
        let thirds = Polyphase::enlarging(3, 1, triangle);
        assert_eq!(thirds.phases[1], Phase { offset: 0, taps: vec![1.0] });
    }

    #[test]
    fn what_a_transparent_pixel_hides_does_not_show() {
        let size = Size::new(12, 10);
        let mut image = Image::gray_from_fn(size, |x, _| if x < 6 { 0.5 } else { 9.0 });
        image.alpha = Some(Plane::from_fn(size, |x, _| if x < 6 { 1.0 } else { 0.0 }));
        let poly = Polyphase::enlarging(2, 1, triangle);
        let out = poly.resize(&image, &Context::default()).unwrap();
        let alpha = out.alpha.as_ref().unwrap();
        for (v, a) in out.data().iter().zip(&alpha.data) {
            assert!(*a == 0.0 || (v - 0.5).abs() < 1e-6, "{v} shown at {a}");
        }
        assert_eq!(alpha.row(3)[8..16], [1.0, 1.0, 1.0, 0.75, 0.25, 0.0, 0.0, 0.0]);
        image.alpha = Some(Plane::from_fn(size, |_, _| 0.2));
        assert!(with_hidden_filled(&image).is_none());
    }
}
