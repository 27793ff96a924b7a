//! A scene as SVG.

use super::scene::{Anchor, Ink, Mark, Scene, Shape};
use crate::Error;
use crate::html::escape;
use std::fmt::Write;

/// Where the SVG will stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surroundings {
    /// A file of its own: fixed colors on white.
    File,
    /// Inside an HTML page: transparent, the page's text color, light or dark.
    Page,
}

pub(super) fn write(scene: &Scene, surroundings: Surroundings) -> Result<String, Error> {
    let page = surroundings == Surroundings::Page;
    let (w, h) = (scene.width, scene.height);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w:.0} {h:.0}\" width=\"{w:.0}\" \
         height=\"{h:.0}\" role=\"img\" aria-label=\"{}\" font-family=\"system-ui,sans-serif\">\n",
        escape(&scene.title)
    );
    if !page {
        svg.push_str("<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n");
    }
    for mark in &scene.marks {
        one(&mut svg, mark, page)?;
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}

fn one(svg: &mut String, mark: &Mark, page: bool) -> Result<(), Error> {
    match mark {
        Mark::Line { points, width, ink, opacity } => {
            let _ = write!(svg, "<polyline fill=\"none\" stroke-width=\"{width}\" ");
            paint(svg, "stroke", *ink, *opacity, page);
            svg.push_str(" stroke-linejoin=\"round\" stroke-linecap=\"round\" points=\"");
            corners(svg, points);
            svg.push_str("\"/>\n");
        }
        Mark::Bar { x, y, width, height, color: [r, g, b] } => {
            let _ = writeln!(
                svg,
                "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" \
                 fill=\"#{r:02x}{g:02x}{b:02x}\"/>"
            );
        }
        Mark::Dot { x, y, radius, shape, ink, opacity } => {
            if *shape == Shape::Circle {
                let _ = write!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" ");
            } else {
                svg.push_str("<polygon points=\"");
                corners(svg, &shape.corners(*x, *y, *radius));
                svg.push_str("\" ");
            }
            paint(svg, "fill", *ink, *opacity, page);
            svg.push_str("/>\n");
        }
        Mark::Text { x, y, size, anchor, ink, upright, text } => {
            let anchor = match anchor {
                Anchor::Start => "start",
                Anchor::Middle => "middle",
                Anchor::End => "end",
            };
            let _ = write!(
                svg,
                "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" text-anchor=\"{anchor}\" "
            );
            if *upright {
                let _ = write!(svg, "transform=\"rotate(-90 {x:.1} {y:.1})\" ");
            }
            paint(svg, "fill", *ink, 1.0, page);
            let _ = writeln!(svg, ">{}</text>", escape(text));
        }
        Mark::Picture { x, y, width, height, picture } => {
            let enlarged = *width >= f64::from(picture.width());
            let rendering = if enlarged { "image-rendering:pixelated" } else { "" };
            let _ = writeln!(
                svg,
                "<image x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" \
                 preserveAspectRatio=\"none\" style=\"{rendering}\" href=\"{}\"/>",
                picture.to_data_url()?
            );
        }
    }
    Ok(())
}

fn corners(svg: &mut String, points: &[(f64, f64)]) {
    for (i, (x, y)) in points.iter().enumerate() {
        let _ = write!(svg, "{}{x:.1},{y:.1}", if i > 0 { " " } else { "" });
    }
}

/// The attributes of a color, for a file or for a page.
fn paint(svg: &mut String, attribute: &str, ink: Ink, opacity: f64, page: bool) {
    let [r, g, b] = ink.rgb();
    let mut opacity = opacity;
    match ink.variable() {
        Some(i) if page => {
            let _ = write!(svg, "style=\"{attribute}:var(--s{i},#{r:02x}{g:02x}{b:02x})\"");
        }
        None if page => {
            opacity *= match ink {
                Ink::Soft => 0.7,
                Ink::Grid => 0.16,
                _ => 1.0,
            };
            let _ = write!(svg, "{attribute}=\"currentColor\"");
        }
        _ => {
            let _ = write!(svg, "{attribute}=\"#{r:02x}{g:02x}{b:02x}\"");
        }
    }
    if opacity < 1.0 {
        let _ = write!(svg, " {attribute}-opacity=\"{opacity:.2}\"");
    }
}
