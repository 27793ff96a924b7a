//! Curves over steps, epochs or rates.

use super::axis::{Axis, drawable};
use super::font;
use super::scene::{Anchor, Ink, Mark, Scene, Shape, fitting};
use serde::{Deserialize, Serialize};

/// How the y axis runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// Equal steps are equal differences.
    #[default]
    Linear,
    /// Equal steps are equal ratios; values of zero and below are left out.
    Log,
}

/// One curve.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// In the legend.
    pub name: String,
    /// (x, y), x rising. Where a number is not finite the curve has a gap.
    pub points: Vec<(f64, f64)>,
    /// Weight of the past in an exponential mean, in `[0, 1)`: a curve of more than 20 points is drawn
    /// faint, with its mean in full over it. 0 draws it as it is.
    #[serde(default)]
    pub smoothing: f64,
}

/// Curves with axes, ticks and a legend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LineChart {
    /// Above the chart.
    pub title: String,
    /// Under the x axis.
    pub x_label: String,
    /// Beside the y axis.
    pub y_label: String,
    /// Linear or logarithmic y.
    pub y_scale: Scale,
    /// The curves; colors are given in this order.
    pub series: Vec<Series>,
    /// Both axes from 0 to 1, and the diagonal drawn faint: for a ROC curve.
    pub unit_square: bool,
    /// In pixels of CSS, at least 200x150.
    pub size: (f64, f64),
}

impl Default for LineChart {
    fn default() -> Self {
        Self {
            title: String::new(),
            x_label: String::new(),
            y_label: String::new(),
            y_scale: Scale::Linear,
            series: Vec::new(),
            unit_square: false,
            size: (620.0, 340.0),
        }
    }
}

/// Sizes of letters: title, labels, ticks.
pub(super) const TITLE: f64 = 15.0;
pub(super) const LABEL: f64 = 13.0;
pub(super) const TICK: f64 = 12.0;

/// The rectangle of the data.
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Frame {
    /// Title, legend, axes and labels, and the rectangle that they leave.
    pub(super) fn draw(
        scene: &mut Scene,
        (x, y): (&Axis, &Axis),
        (x_label, y_label): (&str, &str),
        legend: &[(String, Ink, Shape)],
        square: bool,
    ) -> Self {
        let (width, height) = (scene.width, scene.height);
        let title = scene.title.clone();
        let mut top = 12.0;
        if !title.is_empty() {
            let text = fitting(&title, TITLE, width - 24.0);
            scene.text((12.0, top + 12.0), TITLE, Anchor::Start, Ink::Text, &text);
            top += 26.0;
        }
        top = legends(scene, top, legend) + 8.0;
        let widest = y.ticks.iter().map(|t| font::room(&t.1, TICK)).fold(0.0, f64::max);
        let mut frame = Self {
            left: 14.0 + widest + 8.0 + if y_label.is_empty() { 0.0 } else { 20.0 },
            top,
            right: width - 20.0,
            bottom: height - 26.0 - if x_label.is_empty() { 0.0 } else { 20.0 },
        };
        // A legend of many rows must leave room for the data.
        frame.bottom = frame.bottom.max(frame.top + 40.0);
        scene.height = height.max(frame.bottom + if x_label.is_empty() { 26.0 } else { 46.0 });
        if square {
            let side = (frame.right - frame.left).min(frame.bottom - frame.top);
            frame.right = frame.left + side;
            frame.bottom = frame.top + side;
        }
        frame.axes(scene, x, y);
        let (middle_x, middle_y) =
            (f64::midpoint(frame.left, frame.right), f64::midpoint(frame.top, frame.bottom));
        if !x_label.is_empty() {
            let text = fitting(x_label, LABEL, frame.right - frame.left);
            scene.text((middle_x, frame.bottom + 38.0), LABEL, Anchor::Middle, Ink::Text, &text);
        }
        if !y_label.is_empty() {
            scene.marks.push(Mark::Text {
                x: 22.0,
                y: middle_y,
                size: LABEL,
                anchor: Anchor::Middle,
                ink: Ink::Text,
                upright: true,
                text: fitting(y_label, LABEL, frame.bottom - frame.top),
            });
        }
        frame
    }

    fn axes(&self, scene: &mut Scene, x: &Axis, y: &Axis) {
        let mut free = f64::NEG_INFINITY;
        for (at, text) in &x.ticks {
            let px = self.left + at * (self.right - self.left);
            scene.line(vec![(px, self.top), (px, self.bottom)], 1.0, Ink::Grid, 1.0);
            let half = font::room(text, TICK) / 2.0;
            if px - half > free {
                scene.text((px, self.bottom + 17.0), TICK, Anchor::Middle, Ink::Soft, text);
                free = px + half + 6.0;
            }
        }
        let mut free = f64::INFINITY;
        for (at, text) in &y.ticks {
            let py = self.bottom - at * (self.bottom - self.top);
            scene.line(vec![(self.left, py), (self.right, py)], 1.0, Ink::Grid, 1.0);
            if py < free {
                scene.text((self.left - 8.0, py + 4.0), TICK, Anchor::End, Ink::Soft, text);
                free = py - TICK - 1.0;
            }
        }
        let corner =
            vec![(self.left, self.top), (self.left, self.bottom), (self.right, self.bottom)];
        scene.line(corner, 1.2, Ink::Soft, 1.0);
    }

    pub(super) fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let y = self.bottom - y * (self.bottom - self.top);
        (self.left + x * (self.right - self.left), y)
    }

    pub(super) fn nothing(&self, scene: &mut Scene) {
        let at = self.at(0.5, 0.5);
        scene.text(at, LABEL, Anchor::Middle, Ink::Soft, "no data");
    }
}

/// Names with a mark of their color, in rows; returns where they end.
fn legends(scene: &mut Scene, top: f64, legend: &[(String, Ink, Shape)]) -> f64 {
    let (left, right) = (12.0, scene.width - 12.0);
    let (mut x, mut y) = (left, top);
    for (name, ink, shape) in legend {
        let name = fitting(name, TICK, right - left - 22.0);
        let wide = 20.0 + font::room(&name, TICK) + 16.0;
        if x > left && x + wide - 16.0 > right {
            (x, y) = (left, y + 18.0);
        }
        let (shape, ink) = (*shape, *ink);
        let (dot_x, dot_y) = (x + 7.0, y + 8.0);
        scene.marks.push(Mark::Dot { x: dot_x, y: dot_y, radius: 5.0, shape, ink, opacity: 1.0 });
        scene.text((x + 18.0, y + 12.0), TICK, Anchor::Start, Ink::Text, &name);
        x += wide;
    }
    if legend.is_empty() { top } else { y + 20.0 }
}

impl LineChart {
    /// The chart laid out.
    pub fn scene(&self) -> Scene {
        let side = |v: f64, least: f64| if v.is_finite() { v.clamp(least, 4000.0) } else { least };
        let size = (side(self.size.0, 200.0), side(self.size.1, 150.0));
        let mut scene = Scene::new(size.0, size.1, &self.title);
        let log = self.y_scale == Scale::Log && !self.unit_square;
        let drawn = |p: &&(f64, f64)| drawable(p.0) && drawable(p.1) && (!log || p.1 > 0.0);
        let all = || self.series.iter().flat_map(|s| s.points.iter()).filter(drawn);
        let (x, y) = if self.unit_square {
            (Axis::fixed(0.0, 1.0, 5), Axis::fixed(0.0, 1.0, 5))
        } else {
            let wanted = ((size.0 / 90.0) as usize, (size.1 / 55.0) as usize);
            (
                Axis::of(all().map(|p| p.0), false, 0.0, wanted.0),
                Axis::of(all().map(|p| p.1), log, 0.05, wanted.1),
            )
        };
        let named = self.series.iter().enumerate().filter(|(_, s)| !s.name.is_empty());
        let legend: Vec<_> =
            named.map(|(i, s)| (s.name.clone(), Ink::Series(i), Shape::Circle)).collect();
        let labels = (self.x_label.as_str(), self.y_label.as_str());
        let frame = Frame::draw(&mut scene, (&x, &y), labels, &legend, self.unit_square);
        if self.unit_square {
            scene.line(vec![frame.at(0.0, 0.0), frame.at(1.0, 1.0)], 1.0, Ink::Soft, 0.6);
        }
        if all().next().is_none() {
            frame.nothing(&mut scene);
        }
        for (i, series) in self.series.iter().enumerate() {
            let places = |points: &[(f64, f64)]| -> Vec<Option<(f64, f64)>> {
                points.iter().map(|p| Some(frame.at(x.place(p.0)?, y.place(p.1)?))).collect()
            };
            let ink = Ink::Series(i);
            let smooth = (series.smoothing > 0.0 && series.points.len() > 20)
                .then(|| smoothed(&series.points, series.smoothing));
            let faint = if smooth.is_some() { 0.3 } else { 1.0 };
            curve(&mut scene, &places(&series.points), ink, faint);
            if let Some(points) = smooth {
                curve(&mut scene, &places(&points), ink, 1.0);
            }
        }
        scene
    }
}

/// Runs between gaps; few points, and single ones, as dots.
fn curve(scene: &mut Scene, places: &[Option<(f64, f64)>], ink: Ink, opacity: f64) {
    let few = places.iter().flatten().count() <= 20;
    for run in places.split(Option::is_none) {
        let run: Vec<(f64, f64)> = run.iter().flatten().copied().collect();
        if few || run.len() == 1 {
            let shape = Shape::Circle;
            scene.marks.extend(run.iter().map(|&(x, y)| Mark::Dot {
                x,
                y,
                radius: 3.2,
                shape,
                ink,
                opacity,
            }));
        }
        scene.line(thinned(run), 1.8, ink, opacity);
    }
}

/// Of a run with many points per pixel column, the first, lowest, highest and last of each column: the
/// same picture, however long the training was.
fn thinned(run: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    if run.len() < 2000 {
        return run;
    }
    let mut out = Vec::new();
    for column in run.chunk_by(|a, b| a.0.floor() == b.0.floor()) {
        let mut kept = vec![0, column.len() - 1];
        let by = |a: &usize, b: &usize| column[*a].1.total_cmp(&column[*b].1);
        kept.extend((0..column.len()).min_by(by));
        kept.extend((0..column.len()).max_by(by));
        kept.sort_unstable();
        kept.dedup();
        out.extend(kept.into_iter().map(|i| column[i]));
    }
    out
}

/// The exponential mean, corrected for its start as Adam's moments are; a gap stays one.
fn smoothed(points: &[(f64, f64)], weight: f64) -> Vec<(f64, f64)> {
    let weight = weight.clamp(0.0, 0.9999);
    let (mut mean, mut sum) = (0.0, 0.0);
    let mut next = |&(x, y): &(f64, f64)| {
        if !y.is_finite() {
            return (x, y);
        }
        mean = weight * mean + (1.0 - weight) * y;
        sum = weight * sum + (1.0 - weight);
        (x, mean / sum)
    };
    points.iter().map(&mut next).collect()
}

#[cfg(test)]
mod tests;
