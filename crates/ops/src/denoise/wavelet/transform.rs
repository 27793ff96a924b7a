//! Separable orthogonal and stationary wavelet transforms of one period of a plane.

use super::BAND;
use restora_image::{Context, OpError, for_each_band, simd};

/// The coefficients of one level: rows of four subbands side by side. Number 0 is the smooth one,
/// replaced by the next level if there is one.
pub struct Level {
    pub width: usize,
    pub height: usize,
    data: Vec<f32>,
}

impl Level {
    pub fn row(&self, y: usize, band: usize) -> &[f32] {
        &self.data[(y * 4 + band) * self.width..][..self.width]
    }

    /// Changes every row of a subband.
    pub fn for_each_row(
        &mut self,
        band: usize,
        cx: &Context,
        change: impl Fn(&mut [f32]) + Sync,
    ) -> Result<(), OpError> {
        let width = self.width;
        for_each_band(&mut self.data, 4 * width, BAND, cx, |_, rows| {
            for row in rows.chunks_exact_mut(4 * width) {
                change(&mut row[band * width..][..width]);
            }
            Ok(())
        })
    }

    /// The two low-pass and the two high-pass subbands (down the columns) of row `y`.
    #[inline(always)]
    fn halves(&self, y: usize) -> (&[f32], &[f32]) {
        self.data[y * 4 * self.width..][..4 * self.width].split_at(2 * self.width)
    }
}

/// A plane in wavelet coefficients.
pub struct Pyramid {
    /// From fine to coarse.
    pub levels: Vec<Level>,
    bank: Bank,
    width: usize,
}

/// The filters `h` and `g[k] = (-1)^k h[n - 1 - k]`.
struct Bank {
    h: Vec<f32>,
    g: Vec<f32>,
    stationary: bool,
}

impl Pyramid {
    /// Transforms `plane`, one period whose sides are multiples of `2^levels`.
    pub fn new(
        plane: Vec<f32>,
        width: usize,
        levels: u32,
        filter: &[f64],
        stationary: bool,
        cx: &Context,
    ) -> Result<Self, OpError> {
        let h: Vec<f32> = filter.iter().map(|h| *h as f32).collect();
        let sign = |k: usize| if k.is_multiple_of(2) { 1.0 } else { -1.0 };
        let g = (0..h.len()).map(|k| sign(k) * h[h.len() - 1 - k]).collect();
        let bank = Bank { h, g, stationary };
        let size = (width, plane.len() / width);
        let mut done = vec![bank.analyze(&plane, width, size, 1, cx)?];
        drop(plane);
        for l in 1..levels {
            let finer = &done[l as usize - 1];
            let size = (finer.width, finer.height);
            let step = if stationary { 1 << l } else { 1 };
            let level = bank.analyze(&finer.data, 4 * finer.width, size, step, cx)?;
            done.push(level);
        }
        Ok(Self { levels: done, bank, width })
    }

    /// The plane of these coefficients.
    pub fn reconstruct(mut self, cx: &Context) -> Result<Vec<f32>, OpError> {
        loop {
            let Some(level) = self.levels.pop() else { return Ok(Vec::new()) };
            let step = if self.bank.stationary { 1 << self.levels.len() } else { 1 };
            if let Some(finer) = self.levels.last_mut() {
                let (stride, width) = (4 * finer.width, finer.width);
                self.bank.synthesize(&level, step, &mut finer.data, stride, width, cx)?;
            } else {
                let rows = if self.bank.stationary { level.height } else { 2 * level.height };
                let mut out = vec![0.0; self.width * rows];
                self.bank.synthesize(&level, step, &mut out, self.width, self.width, cx)?;
                return Ok(out);
            }
        }
    }
}

impl Bank {
    /// One level of `width` by `height` values whose rows lie `stride` apart.
    fn analyze(
        &self,
        from: &[f32],
        stride: usize,
        (width, height): (usize, usize),
        step: usize,
        cx: &Context,
    ) -> Result<Level, OpError> {
        let taps = self.h.len();
        let down = if self.stationary { 1 } else { 2 };
        let half = width / down;
        let mut split = vec![0.0; 2 * half * height];
        for_each_band(&mut split, 2 * half, BAND, cx, |y0, rows| {
            let mut line = [Vec::new(), Vec::new()];
            simd(
                #[inline(always)]
                || {
                    for (i, out) in rows.chunks_exact_mut(2 * half).enumerate() {
                        let row = &from[(y0 + i) * stride..][..width];
                        let (low, high) = out.split_at_mut(half);
                        if self.stationary {
                            wrap(row.iter(), width, 0, step * (taps - 1), &mut line[0]);
                            self.split(
                                low,
                                high,
                                #[inline(always)]
                                |k: usize| &line[0][k * step..][..half],
                            );
                        } else {
                            for (parity, line) in line.iter_mut().enumerate() {
                                let values = row[parity..].iter().step_by(2);
                                wrap(values, half, 0, taps / 2 - 1, line);
                            }
                            self.split(
                                low,
                                high,
                                #[inline(always)]
                                |k: usize| &line[k % 2][k / 2..][..half],
                            );
                        }
                    }
                },
            );
            Ok(())
        })?;
        let mut data = vec![0.0; 4 * half * (height / down)];
        for_each_band(&mut data, 4 * half, BAND, cx, |y0, rows| {
            simd(
                #[inline(always)]
                || {
                    for (i, out) in rows.chunks_exact_mut(4 * half).enumerate() {
                        let y = (y0 + i) * down;
                        let (low, high) = out.split_at_mut(2 * half);
                        self.split(
                            low,
                            high,
                            #[inline(always)]
                            |k: usize| &split[(y + k * step) % height * 2 * half..][..2 * half],
                        );
                    }
                },
            );
            Ok(())
        })?;
        Ok(Level { width: half, height: height / down, data })
    }

    /// The inverse of [`Self::analyze`], into the first `width` values of rows of `stride`.
    fn synthesize(
        &self,
        level: &Level,
        step: usize,
        out: &mut [f32],
        stride: usize,
        width: usize,
        cx: &Context,
    ) -> Result<(), OpError> {
        let taps = self.h.len();
        let (half, rows) = (level.width, level.height);
        let height = if self.stationary { rows } else { 2 * rows };
        let mut split = vec![0.0; 2 * half * height];
        for_each_band(&mut split, 2 * half, BAND, cx, |y0, band| {
            simd(
                #[inline(always)]
                || {
                    for (i, out) in band.chunks_exact_mut(2 * half).enumerate() {
                        let y = y0 + i;
                        if self.stationary {
                            // Adding a multiple of the period keeps the index positive.
                            let base = y + taps * rows * step;
                            self.merge(
                                out,
                                0,
                                1,
                                #[inline(always)]
                                |k: usize| level.halves((base - k * step) % rows),
                            );
                        } else {
                            let base = y / 2 + taps * rows;
                            self.merge(
                                out,
                                y % 2,
                                2,
                                #[inline(always)]
                                |k: usize| level.halves((base - k / 2) % rows),
                            );
                        }
                    }
                },
            );
            Ok(())
        })?;
        for_each_band(out, stride, BAND, cx, |y0, band| {
            let (mut low, mut high, mut even, mut odd) =
                (Vec::new(), Vec::new(), vec![0.0; half], vec![0.0; half]);
            simd(
                #[inline(always)]
                || {
                    for (i, out) in band.chunks_exact_mut(stride).enumerate() {
                        let row = &split[(y0 + i) * 2 * half..][..2 * half];
                        let (l, h) = row.split_at(half);
                        let lead = if self.stationary { step * (taps - 1) } else { taps / 2 - 1 };
                        wrap(l.iter(), half, lead, 0, &mut low);
                        wrap(h.iter(), half, lead, 0, &mut high);
                        let at = |start: usize| (&low[start..][..half], &high[start..][..half]);
                        if self.stationary {
                            self.merge(
                                &mut out[..width],
                                0,
                                1,
                                #[inline(always)]
                                |k: usize| at(lead - k * step),
                            );
                        } else {
                            self.merge(
                                &mut even,
                                0,
                                2,
                                #[inline(always)]
                                |k: usize| at(lead - k / 2),
                            );
                            self.merge(
                                &mut odd,
                                1,
                                2,
                                #[inline(always)]
                                |k: usize| at(lead - k / 2),
                            );
                            let pairs = out[..width].as_chunks_mut::<2>().0;
                            for ((out, even), odd) in pairs.iter_mut().zip(&even).zip(&odd) {
                                *out = [*even, *odd];
                            }
                        }
                    }
                },
            );
            Ok(())
        })
    }

    /// `low = sum of h[k] tap(k)`, `high = sum of g[k] tap(k)`.
    #[inline(always)]
    fn split<'a>(&self, low: &mut [f32], high: &mut [f32], tap: impl Fn(usize) -> &'a [f32]) {
        for k in (0..self.h.len()).step_by(4) {
            let [h0, h1, h2, h3] = [self.h[k], self.h[k + 1], self.h[k + 2], self.h[k + 3]];
            let [g0, g1, g2, g3] = [self.g[k], self.g[k + 1], self.g[k + 2], self.g[k + 3]];
            let rows = tap(k).iter().zip(tap(k + 1)).zip(tap(k + 2)).zip(tap(k + 3));
            let out = low.iter_mut().zip(high.iter_mut());
            if k == 0 {
                for ((low, high), (((a, b), c), d)) in out.zip(rows) {
                    *low = h0 * a + h1 * b + h2 * c + h3 * d;
                    *high = g0 * a + g1 * b + g2 * c + g3 * d;
                }
            } else {
                for ((low, high), (((a, b), c), d)) in out.zip(rows) {
                    *low += h0 * a + h1 * b + h2 * c + h3 * d;
                    *high += g0 * a + g1 * b + g2 * c + g3 * d;
                }
            }
        }
    }

    /// `out = sum of h[k] low(k) + g[k] high(k)` over every `stride`-th tap from `first` on; halved
    /// for a stationary transform, which has twice as many coefficients as values.
    #[inline(always)]
    fn merge<'a>(
        &self,
        out: &mut [f32],
        first: usize,
        stride: usize,
        tap: impl Fn(usize) -> (&'a [f32], &'a [f32]),
    ) {
        let gain = if self.stationary { 0.5 } else { 1.0 };
        for k in (first..self.h.len()).step_by(2 * stride) {
            let next = k + stride;
            let [h0, h1, g0, g1] =
                [self.h[k], self.h[next], self.g[k], self.g[next]].map(|v| gain * v);
            let ((a, b), (c, d)) = (tap(k), tap(next));
            let rows = out.iter_mut().zip(a).zip(b).zip(c).zip(d);
            if k == first {
                for ((((out, a), b), c), d) in rows {
                    *out = h0 * a + g0 * b + h1 * c + g1 * d;
                }
            } else {
                for ((((out, a), b), c), d) in rows {
                    *out += h0 * a + g0 * b + h1 * c + g1 * d;
                }
            }
        }
    }
}

/// `out` = the `n` values with `lead` values of the period before and `tail` after them.
#[inline(always)]
fn wrap<'a>(
    values: impl Iterator<Item = &'a f32>,
    n: usize,
    lead: usize,
    tail: usize,
    out: &mut Vec<f32>,
) {
    out.clear();
    out.resize(lead, 0.0);
    out.extend(values);
    for i in 0..tail {
        out.push(out[lead + i % n]);
    }
    for i in 0..lead {
        out[i] = out[lead + (i + lead * (n - 1)) % n];
    }
}
