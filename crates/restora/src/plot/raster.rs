//! A scene as pixels: shapes by their distance to the pixel's center, so that every edge is smooth.

use super::scene::{Anchor, Ink, Mark, Scene, Shape};
use super::{Picture, font};

struct Canvas {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
    /// How much of each pixel the shape at hand covers; zero between shapes.
    cover: Vec<f32>,
}

pub(super) fn draw(scene: &Scene, scale: f64) -> Picture {
    // Layouts stay below this; a scene that does not is cut.
    let side = |v: f64| ((v * scale).ceil() as usize).clamp(1, 32_768);
    let (width, height) = (side(scene.width), side(scene.height));
    let mut canvas = Canvas {
        width,
        height,
        rgb: vec![255; width * height * 3],
        cover: vec![0.0; width * height],
    };
    for mark in &scene.marks {
        canvas.mark(mark, scale);
    }
    Picture::of_canvas(width as u32, height as u32, canvas.rgb)
}

impl Canvas {
    fn mark(&mut self, mark: &Mark, s: f64) {
        match mark {
            Mark::Line { points, width, ink, opacity } => {
                let scaled: Vec<_> = points.iter().map(|p| (p.0 * s, p.1 * s)).collect();
                self.stroke(&[scaled], (width * s).max(1.0) / 2.0, *ink, *opacity);
            }
            Mark::Bar { x, y, width, height, color } => {
                self.bar((x * s, y * s), ((x + width) * s, (y + height) * s), *color);
            }
            Mark::Dot { x, y, radius, shape, ink, opacity } => {
                let (x, y, r) = (x * s, y * s, radius * s);
                if *shape == Shape::Circle {
                    self.stroke(&[vec![(x, y), (x, y)]], r, *ink, *opacity);
                } else {
                    self.polygon(&shape.corners(x, y, r), *ink, *opacity);
                }
            }
            Mark::Text { x, y, size, anchor, ink, upright, text } => {
                let size = size * s;
                let back = font::width(text, size)
                    * match anchor {
                        Anchor::Start => 0.0,
                        Anchor::Middle => 0.5,
                        Anchor::End => 1.0,
                    };
                let place = |p: &(f64, f64)| {
                    let along = p.0 - back;
                    if *upright {
                        (x * s + p.1, y * s - along)
                    } else {
                        (x * s + along, y * s + p.1)
                    }
                };
                let runs: Vec<Vec<_>> = font::runs(text, size)
                    .iter()
                    .map(|run| run.iter().map(place).collect())
                    .collect();
                self.stroke(&runs, size * font::PEN / 2.0, *ink, 1.0);
            }
            Mark::Picture { x, y, width, height, picture } => {
                self.picture((x * s, y * s), (width * s, height * s), picture);
            }
        }
    }

    /// Pixels within the box, cut to the canvas: first and last column, first and last row.
    fn within(&self, low: (f64, f64), high: (f64, f64)) -> [std::ops::Range<usize>; 2] {
        let cut = |low: f64, high: f64, most: usize| {
            let at = |v: f64| (v.max(0.0) as usize).min(most);
            at(low.floor())..at(high.ceil())
        };
        [cut(low.0, high.0, self.width), cut(low.1, high.1, self.height)]
    }

    /// Runs of a round pen of `radius`, blended once, so that joints are no darker.
    fn stroke(&mut self, runs: &[Vec<(f64, f64)>], radius: f64, ink: Ink, opacity: f64) {
        let reach = radius + 1.0;
        let mut touched: Vec<usize> = Vec::new();
        for pair in runs.iter().flat_map(|run| run.windows(2)) {
            let ((ax, ay), (bx, by)) = (pair[0], pair[1]);
            let (dx, dy) = (bx - ax, by - ay);
            let length = dx * dx + dy * dy;
            let low = (ax.min(bx) - reach, ay.min(by) - reach);
            let high = (ax.max(bx) + reach, ay.max(by) + reach);
            let [columns, rows] = self.within(low, high);
            for y in rows {
                for x in columns.clone() {
                    let (px, py) = (x as f64 + 0.5 - ax, y as f64 + 0.5 - ay);
                    let along = if length > 0.0 { (px * dx + py * dy) / length } else { 0.0 };
                    let t = along.clamp(0.0, 1.0);
                    let distance = (px - t * dx).hypot(py - t * dy);
                    let cover = (radius - distance + 0.5).clamp(0.0, 1.0) as f32;
                    let at = y * self.width + x;
                    if cover > self.cover[at] {
                        if self.cover[at] == 0.0 {
                            touched.push(at);
                        }
                        self.cover[at] = cover;
                    }
                }
            }
        }
        for at in touched {
            let cover = std::mem::take(&mut self.cover[at]);
            self.blend(at, ink.rgb(), f64::from(cover) * opacity);
        }
    }

    /// A polygon, from 4 by 4 points within each pixel, by the even-odd rule.
    fn polygon(&mut self, corners: &[(f64, f64)], ink: Ink, opacity: f64) {
        let bound = |f: fn(f64, f64) -> f64, from: f64| {
            corners.iter().fold((from, from), |b, p| (f(b.0, p.0), f(b.1, p.1)))
        };
        let (low, high) = (bound(f64::min, f64::MAX), bound(f64::max, f64::MIN));
        let [columns, rows] = self.within(low, high);
        let inside = |x: f64, y: f64| {
            let next = corners.iter().cycle().skip(1);
            corners.iter().zip(next).fold(false, |inside, (a, b)| {
                let crosses =
                    (a.1 > y) != (b.1 > y) && x < (b.0 - a.0) * (y - a.1) / (b.1 - a.1) + a.0;
                inside != crosses
            })
        };
        for y in rows {
            for x in columns.clone() {
                let hits = (0..16)
                    .filter(|i| {
                        let offset = |n: i32| (f64::from(n) + 0.5) / 4.0;
                        inside(x as f64 + offset(i % 4), y as f64 + offset(i / 4))
                    })
                    .count();
                self.blend(y * self.width + x, ink.rgb(), hits as f64 / 16.0 * opacity);
            }
        }
    }

    fn bar(&mut self, low: (f64, f64), high: (f64, f64), color: [u8; 3]) {
        let [columns, rows] = self.within(low, high);
        let part = |i: usize, low: f64, high: f64| {
            (high.min(i as f64 + 1.0) - low.max(i as f64)).clamp(0.0, 1.0)
        };
        for y in rows {
            for x in columns.clone() {
                let cover = part(x, low.0, high.0) * part(y, low.1, high.1);
                self.blend(y * self.width + x, color, cover);
            }
        }
    }

    /// Nearest where it is enlarged, the mean of 3 by 3 points where it is not.
    fn picture(&mut self, at: (f64, f64), size: (f64, f64), picture: &Picture) {
        let (pw, ph) = (picture.width() as usize, picture.height() as usize);
        let rgb = picture.rgb();
        let (x0, y0) = (at.0.round(), at.1.round());
        let (w, h) = (size.0.round().max(1.0), size.1.round().max(1.0));
        let taps = if w >= pw as f64 { 1 } else { 3 };
        let [columns, rows] = self.within((x0, y0), (x0 + w, y0 + h));
        for y in rows {
            for x in columns.clone() {
                let mut sum = [0_usize; 3];
                for tap in 0..taps * taps {
                    let place = |i: usize, tap: usize, from: f64, length: f64, n: usize| {
                        let within = (tap as f64 + 0.5) / taps as f64;
                        (((i as f64 + within - from) / length * n as f64) as usize).min(n - 1)
                    };
                    let sx = place(x, tap % taps, x0, w, pw);
                    let sy = place(y, tap / taps, y0, h, ph);
                    for c in 0..3 {
                        sum[c] += usize::from(rgb[(sy * pw + sx) * 3 + c]);
                    }
                }
                let color = sum.map(|v| ((v + taps * taps / 2) / (taps * taps)) as u8);
                self.blend(y * self.width + x, color, 1.0);
            }
        }
    }

    fn blend(&mut self, at: usize, color: [u8; 3], cover: f64) {
        for (v, c) in self.rgb[at * 3..][..3].iter_mut().zip(color) {
            *v = (f64::from(*v) + (f64::from(c) - f64::from(*v)) * cover).round() as u8;
        }
    }
}
