//! Charts and grids of pictures, as SVG and as PNG.
//!
//! A chart lays itself out as a [`Scene`] of a few kinds of marks; the scene is then written as SVG, or
//! drawn by an own anti-aliasing rasterizer with an own stroke font, so both look the same and no font
//! or library of the system is asked. Values that are not finite are left out, never drawn.
//!
//! Colors are Okabe and Ito's, distinguishable with any color vision (jfly.uni-koeln.de/color, 2008);
//! classes differ in the shape of their marks too.

mod axis;
mod font;
mod grid;
mod line_chart;
mod matches;
mod picture;
mod raster;
mod scatter;
mod scene;
mod svg;

pub use grid::{Cell, Content, GridRow, ImageGrid};
pub use line_chart::{LineChart, Scale, Series};
pub use matches::MatchPlot;
pub use picture::Picture;
pub use scatter::{Point, Scatter};
pub use scene::Scene;
pub use svg::Surroundings;

pub(crate) use scene::SERIES_VARIABLES;
