//! Points in a plane, colored by class: the map of a latent space.

use super::axis::{Axis, drawable};
use super::line_chart::Frame;
use super::scene::{Ink, Mark, Scene, Shape};
use serde::{Deserialize, Serialize};

/// One point.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// To the right.
    pub x: f64,
    /// Up.
    pub y: f64,
    /// Place of its class in [`Scatter::classes`], where it has one.
    #[serde(default)]
    pub class: Option<usize>,
}

/// Points with axes; classes differ in color and shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Scatter {
    /// Above the chart.
    pub title: String,
    /// Under the x axis.
    pub x_label: String,
    /// Beside the y axis.
    pub y_label: String,
    /// Names of the classes, for the legend.
    pub classes: Vec<String>,
    /// The points. Of more than 4000, as many are drawn, evenly spread over the list.
    pub points: Vec<Point>,
    /// In pixels of CSS, at least 200x200.
    pub size: (f64, f64),
}

impl Default for Scatter {
    fn default() -> Self {
        Self {
            title: String::new(),
            x_label: String::new(),
            y_label: String::new(),
            classes: Vec::new(),
            points: Vec::new(),
            size: (620.0, 560.0),
        }
    }
}

const AT_MOST: usize = 4000;

impl Scatter {
    /// The chart laid out.
    pub fn scene(&self) -> Scene {
        let side = |v: f64| if v.is_finite() { v.clamp(200.0, 4000.0) } else { 200.0 };
        let mut scene = Scene::new(side(self.size.0), side(self.size.1), &self.title);
        let finite: Vec<Point> =
            self.points.iter().copied().filter(|p| drawable(p.x) && drawable(p.y)).collect();
        let drawn = finite.len().min(AT_MOST);
        let shown: Vec<Point> =
            (0..drawn).map(|i| finite[i * finite.len() / drawn.max(1)]).collect();
        let x = Axis::of(shown.iter().map(|p| p.x), false, 0.04, (scene.width / 90.0) as usize);
        let y = Axis::of(shown.iter().map(|p| p.y), false, 0.04, (scene.height / 70.0) as usize);
        let named = self.classes.iter().enumerate();
        let legend: Vec<_> =
            named.map(|(i, name)| (name.clone(), Ink::Series(i), Shape::of(i))).collect();
        let labels = (self.x_label.as_str(), self.y_label.as_str());
        let frame = Frame::draw(&mut scene, (&x, &y), labels, &legend, false);
        if shown.is_empty() {
            frame.nothing(&mut scene);
        }
        let (radius, opacity) = match shown.len() {
            0..=300 => (4.0, 0.85),
            301..=1500 => (3.0, 0.7),
            _ => (2.2, 0.6),
        };
        for point in &shown {
            let (Some(px), Some(py)) = (x.place(point.x), y.place(point.y)) else { continue };
            let (px, py) = frame.at(px, py);
            let shape = point.class.map_or(Shape::Circle, Shape::of);
            let ink = Ink::Series(point.class.unwrap_or(0));
            scene.marks.push(Mark::Dot { x: px, y: py, radius, shape, ink, opacity });
        }
        scene
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::Surroundings;

    #[test]
    fn any_points_are_drawn_without_nan_and_not_too_many() {
        let at = |x, y, class| Point { x, y, class };
        let many: Vec<Point> = (0..10_000).map(|i| at(f64::from(i), 1.0, None)).collect();
        let cases = [
            vec![],
            vec![at(1.0, 1.0, Some(12))],
            vec![at(f64::NAN, 1.0, None), at(2.0, f64::INFINITY, None), at(3.0, 3.0, None)],
            many,
        ];
        for (points, marks) in cases.into_iter().zip([0, 1, 1, AT_MOST]) {
            let scatter = Scatter { points, size: (f64::NAN, 300.0), ..Scatter::default() };
            let svg = scatter.scene().to_svg(Surroundings::Page).unwrap();
            assert!(!svg.contains("NaN") && !svg.contains("inf"));
            assert_eq!(svg.contains("no data"), marks == 0);
            assert_eq!(svg.matches("<circle").count() + svg.matches("<polygon").count(), marks);
        }
    }

    #[test]
    fn classes_differ_in_color_or_shape() {
        let look = |c| (Ink::Series(c).rgb(), Shape::of(c) as u8);
        let looks: std::collections::HashSet<_> = (0..35).map(look).collect();
        assert_eq!(looks.len(), 35);
    }
}
