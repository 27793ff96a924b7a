//! What a chart is made of before it is SVG or pixels.

use super::{Picture, font, raster, svg};
use crate::Error;

/// A drawing in pixels of CSS, origin at the top left.
#[derive(Clone, Debug)]
pub struct Scene {
    pub(super) width: f64,
    pub(super) height: f64,
    /// What a screen reader says.
    pub(super) title: String,
    pub(super) marks: Vec<Mark>,
}

/// A color by its role.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Ink {
    /// Letters and axes.
    Text,
    /// Letters that matter less.
    Soft,
    /// Lines behind the data.
    Grid,
    /// The color of series or class number n.
    Series(usize),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    Circle,
    Square,
    Triangle,
    Diamond,
    Cross,
}

#[derive(Clone, Debug)]
pub(super) enum Mark {
    Line { points: Vec<(f64, f64)>, width: f64, ink: Ink, opacity: f64 },
    Bar { x: f64, y: f64, width: f64, height: f64, color: [u8; 3] },
    Dot { x: f64, y: f64, radius: f64, shape: Shape, ink: Ink, opacity: f64 },
    Text { x: f64, y: f64, size: f64, anchor: Anchor, ink: Ink, upright: bool, text: String },
    Picture { x: f64, y: f64, width: f64, height: f64, picture: Picture },
}

/// Okabe and Ito's colors on white; yellow, unreadable there, gives way to gray.
const LIGHT: [[u8; 3]; 7] = [
    [0x00, 0x72, 0xb2],
    [0xd5, 0x5e, 0x00],
    [0x00, 0x9e, 0x73],
    [0xcc, 0x79, 0xa7],
    [0xe6, 0x9f, 0x00],
    [0x56, 0xb4, 0xe9],
    [0x6b, 0x6b, 0x6b],
];

/// The same colors for a page: variables, so that a dark page may have lighter ones.
pub(crate) const SERIES_VARIABLES: &str = "\
:root{--s0:#0072b2;--s1:#d55e00;--s2:#009e73;--s3:#cc79a7;--s4:#e69f00;--s5:#56b4e9;--s6:#6b6b6b}
@media (prefers-color-scheme:dark){:root{--s0:#4fa8e0;--s1:#ff8a3c;--s2:#2ec79b;--s3:#e39cc4;--s4:#f0b83a;--s5:#8fd0f5;--s6:#a8a8a8}}
";

impl Ink {
    pub(super) fn rgb(self) -> [u8; 3] {
        match self {
            Self::Text => [0x22, 0x22, 0x22],
            Self::Soft => [0x66, 0x66, 0x66],
            Self::Grid => [0xdd, 0xdd, 0xdd],
            Self::Series(i) => LIGHT[i % LIGHT.len()],
        }
    }

    /// The number of its variable on a page.
    pub(super) fn variable(self) -> Option<usize> {
        if let Self::Series(i) = self { Some(i % LIGHT.len()) } else { None }
    }
}

impl Shape {
    /// Five shapes against seven colors: 35 classes before a pair comes again.
    pub(super) fn of(class: usize) -> Self {
        [Self::Circle, Self::Square, Self::Triangle, Self::Diamond, Self::Cross][class % 5]
    }

    /// Corners around (x, y); none for a circle. The shapes have about the area of the circle.
    pub(super) fn corners(self, x: f64, y: f64, r: f64) -> Vec<(f64, f64)> {
        let around =
            |unit: &[(f64, f64)]| unit.iter().map(|p| (x + r * p.0, y + r * p.1)).collect();
        match self {
            Self::Circle => Vec::new(),
            Self::Square => around(&[(-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88)]),
            Self::Triangle => around(&[(0.0, -1.3), (1.2, 0.8), (-1.2, 0.8)]),
            Self::Diamond => around(&[(0.0, -1.3), (1.2, 0.0), (0.0, 1.3), (-1.2, 0.0)]),
            Self::Cross => {
                let (a, b) = (0.5, 1.2);
                let half = [(-a, -b), (a, -b), (a, -a), (b, -a), (b, a), (a, a)];
                let other = half.map(|(x, y)| (-x, -y));
                around(&[half, other].concat())
            }
        }
    }
}

impl Scene {
    pub(super) fn new(width: f64, height: f64, title: &str) -> Self {
        Self { width, height, title: title.into(), marks: Vec::new() }
    }

    pub(super) fn line(&mut self, points: Vec<(f64, f64)>, width: f64, ink: Ink, opacity: f64) {
        if points.len() > 1 {
            self.marks.push(Mark::Line { points, width, ink, opacity });
        }
    }

    pub(super) fn text(&mut self, at: (f64, f64), size: f64, anchor: Anchor, ink: Ink, text: &str) {
        let (text, upright) = (text.to_owned(), false);
        self.marks.push(Mark::Text { x: at.0, y: at.1, size, anchor, ink, upright, text });
    }

    /// Width and height in pixels of CSS.
    pub fn size(&self) -> (f64, f64) {
        (self.width, self.height)
    }

    /// As SVG.
    ///
    /// # Errors
    /// If a picture in it cannot be encoded.
    pub fn to_svg(&self, surroundings: svg::Surroundings) -> Result<String, Error> {
        svg::write(self, surroundings)
    }

    /// As pixels on white, `scale` per pixel of CSS (clamped to 0.25 to 8; 2 suits most screens).
    pub fn to_picture(&self, scale: f64) -> Picture {
        raster::draw(self, if scale.is_finite() { scale.clamp(0.25, 8.0) } else { 1.0 })
    }

    /// As a PNG file on white; see [`Scene::to_picture`].
    ///
    /// # Errors
    /// If it cannot be encoded.
    pub fn to_png(&self, scale: f64) -> Result<Vec<u8>, Error> {
        self.to_picture(scale).to_png()
    }
}

/// The text, cut with an ellipsis where it would be wider than `width`.
pub(super) fn fitting(text: &str, size: f64, width: f64) -> String {
    if font::room(text, size) <= width {
        return text.to_owned();
    }
    let mut short = text.to_owned();
    while short.pop().is_some() {
        let cut = format!("{}…", short.trim_end());
        if font::room(&cut, size) <= width {
            return cut;
        }
    }
    String::new()
}
