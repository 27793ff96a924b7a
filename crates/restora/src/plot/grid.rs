//! Pictures in rows with names: original, code and reconstruction; clean, degraded and restored.

use super::line_chart::{LABEL, TICK, TITLE};
use super::scene::{Anchor, Ink, Mark, Scene, fitting};
use super::{Picture, font};
use crate::Error;
use restora_image::{Context, Image};
use restora_metrics::full_reference::{Psnr, psnr};
use serde::{Deserialize, Serialize};

/// What stands in a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// A picture.
    Picture(Picture),
    /// A code: bars around zero, or a heat map where there are too many numbers.
    Code(Vec<f32>),
    /// Nothing.
    Empty,
}

/// A cell and the line under it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// What is shown.
    pub content: Content,
    /// Under it; may be empty.
    #[serde(default)]
    pub caption: String,
}

/// Cells of one kind, one per example.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GridRow {
    /// To the left.
    pub label: String,
    /// One per example; examples stand in columns.
    pub cells: Vec<Cell>,
}

/// Examples in columns, what became of them in rows. Examples that find no room side by side go on
/// below.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ImageGrid {
    /// Above the grid.
    pub title: String,
    /// The rows.
    pub rows: Vec<GridRow>,
}

/// Largest side of a picture in the grid; larger ones are made smaller.
const SIDE: u32 = 256;
/// Small pictures are enlarged by whole numbers up to about this.
const COMFORT: u32 = 96;
const WIDTH: f64 = 1140.0;
const GAP: f64 = 8.0;
const CAPTION: f64 = 18.0;

impl Cell {
    fn picture(image: &Image) -> Result<Self, Error> {
        let picture = Picture::from_image(image)?.at_most(SIDE);
        Ok(Self { content: Content::Picture(picture), caption: String::new() })
    }
}

impl ImageGrid {
    /// Original, code (where given) and reconstruction, with the PSNR under the last.
    ///
    /// # Errors
    /// [`Error::Input`] where the numbers of pictures and codes differ or a picture is empty, and
    /// [`Error::Metric`] where a pair cannot be compared.
    pub fn autoencoder(
        originals: &[Image],
        codes: &[Vec<f32>],
        reconstructions: &[Image],
    ) -> Result<Self, Error> {
        let n = originals.len();
        if reconstructions.len() != n || !(codes.is_empty() || codes.len() == n) {
            let (codes, back) = (codes.len(), reconstructions.len());
            return Err(Error::Input(format!(
                "a grid of {n} originals needs as many reconstructions, got {back}, and codes, got {codes}"
            )));
        }
        let mut rows = vec![row("original", originals)?];
        if !codes.is_empty() {
            let cell =
                |c: &Vec<f32>| Cell { content: Content::Code(c.clone()), caption: String::new() };
            rows.push(GridRow { label: "code".into(), cells: codes.iter().map(cell).collect() });
        }
        rows.push(scored("reconstruction", originals, reconstructions)?);
        Ok(Self { title: "Original, code, reconstruction".into(), rows })
    }

    /// Clean, degraded and restored, with the PSNR under the last two.
    ///
    /// # Errors
    /// As [`ImageGrid::autoencoder`].
    pub fn restoration(
        clean: &[Image],
        degraded: &[Image],
        restored: &[Image],
    ) -> Result<Self, Error> {
        if clean.len() != degraded.len() || clean.len() != restored.len() {
            return Err(Error::Input(format!(
                "a grid needs as many clean, degraded and restored pictures, got {}, {} and {}",
                clean.len(),
                degraded.len(),
                restored.len()
            )));
        }
        let rows = vec![
            row("clean", clean)?,
            scored("degraded", clean, degraded)?,
            scored("restored", clean, restored)?,
        ];
        Ok(Self { title: "Clean, degraded, restored".into(), rows })
    }

    /// The grid laid out.
    pub fn scene(&self) -> Scene {
        let side = self.pictures().map(|p| p.width().max(p.height())).max().unwrap_or(COMFORT);
        let scale = match side {
            0..=COMFORT => f64::from((COMFORT / side.max(1)).max(1)),
            _ => (f64::from(SIDE) / f64::from(side)).min(1.0),
        };
        let captions =
            self.rows.iter().flat_map(|r| &r.cells).map(|c| font::room(&c.caption, TICK));
        let drawn = self.pictures().map(|p| f64::from(p.width()) * scale);
        let cell = captions.map(|w| w.min(160.0)).chain(drawn).fold(64.0, f64::max);
        let labels = self.rows.iter().map(|r| font::room(&r.label, LABEL)).fold(0.0, f64::max);
        let left = 12.0 + labels.min(180.0) + 14.0;
        let columns = self.rows.iter().map(|r| r.cells.len()).max().unwrap_or(0);
        let across = (((WIDTH - left) / (cell + GAP)) as usize).clamp(1, columns.max(1));
        let title = font::room(&self.title, TITLE) + 24.0;
        let width = (left + across as f64 * (cell + GAP) + 12.0).max(title.min(WIDTH));
        let mut scene = Scene::new(width, 0.0, &self.title);
        let mut y = 12.0;
        if !self.title.is_empty() {
            let text = fitting(&self.title, TITLE, width - 24.0);
            scene.text((12.0, y + 12.0), TITLE, Anchor::Start, Ink::Text, &text);
            y += 28.0;
        }
        let largest = strongest(&self.rows);
        for first in (0..columns).step_by(across) {
            for row in &self.rows {
                let cells: Vec<&Cell> = row.cells.iter().skip(first).take(across).collect();
                let height = |c: &&Cell| match &c.content {
                    Content::Picture(p) => f64::from(p.height()) * scale,
                    Content::Code(code) => code_height(code.len(), cell),
                    Content::Empty => 0.0,
                };
                let tall = cells.iter().map(height).fold(16.0, f64::max);
                let label = fitting(&row.label, LABEL, 180.0);
                let middle = (12.0, y + tall / 2.0 + 4.0);
                scene.text(middle, LABEL, Anchor::Start, Ink::Text, &label);
                for (i, one) in cells.iter().enumerate() {
                    let x = left + i as f64 * (cell + GAP);
                    one.draw(&mut scene, (x, y), (cell, tall), scale, largest);
                }
                let captioned = cells.iter().any(|c| !c.caption.is_empty());
                y += tall + GAP + if captioned { CAPTION } else { 0.0 };
            }
            y += 10.0;
        }
        if columns == 0 {
            scene.text((12.0, y + 12.0), LABEL, Anchor::Start, Ink::Soft, "no pictures");
            y += 24.0;
        }
        scene.height = y;
        scene
    }

    fn pictures(&self) -> impl Iterator<Item = &Picture> {
        let cells = self.rows.iter().flat_map(|r| &r.cells);
        cells.filter_map(|c| if let Content::Picture(p) = &c.content { Some(p) } else { None })
    }
}

fn row(label: &str, images: &[Image]) -> Result<GridRow, Error> {
    let cells = images.iter().map(Cell::picture).collect::<Result<_, _>>()?;
    Ok(GridRow { label: label.into(), cells })
}

fn scored(label: &str, references: &[Image], images: &[Image]) -> Result<GridRow, Error> {
    let mut row = row(label, images)?;
    for ((cell, reference), image) in row.cells.iter_mut().zip(references).zip(images) {
        let value = psnr(reference, image, &Psnr::default(), &Context::default())?;
        let unit = if value.is_finite() { " dB" } else { "" };
        cell.caption = crate::html::decibel(value) + unit;
    }
    Ok(row)
}

/// The largest magnitude in all codes, so that they can be compared.
fn strongest(rows: &[GridRow]) -> f32 {
    let codes = rows.iter().flat_map(|r| &r.cells).filter_map(|c| match &c.content {
        Content::Code(code) => Some(code),
        _ => None,
    });
    codes.flatten().filter(|v| v.is_finite()).fold(0.0, |m: f32, v| m.max(v.abs()))
}

/// Bars up to two pixels each, then squares in rows.
fn is_bars(count: usize, width: f64) -> bool {
    count as f64 * 2.0 <= width
}

/// Numbers in a row of the heat map: about as wide as high.
fn heat_columns(count: usize) -> usize {
    ((count as f64).sqrt().ceil() as usize).max(1)
}

fn code_height(count: usize, width: f64) -> f64 {
    if is_bars(count, width) {
        return 48.0;
    }
    let columns = heat_columns(count);
    width.min(128.0) / columns as f64 * count.div_ceil(columns) as f64
}

impl Cell {
    fn draw(&self, scene: &mut Scene, at: (f64, f64), size: (f64, f64), scale: f64, largest: f32) {
        let (x, y) = at;
        let (width, height) = size;
        match &self.content {
            Content::Empty => {}
            Content::Picture(picture) => {
                let w = f64::from(picture.width()) * scale;
                let h = f64::from(picture.height()) * scale;
                let x = x + (width - w) / 2.0;
                let picture = picture.clone();
                scene.marks.push(Mark::Picture { x, y, width: w, height: h, picture });
            }
            Content::Code(code) if is_bars(code.len(), width) => {
                let each = width / code.len().max(1) as f64;
                let middle = y + height / 2.0;
                for (i, v) in code.iter().enumerate() {
                    let part = strength(*v, largest);
                    let h = (f64::from(part.abs()) * height / 2.0).max(0.5);
                    scene.marks.push(Mark::Bar {
                        x: x + i as f64 * each,
                        y: if part < 0.0 { middle } else { middle - h },
                        width: each * 0.8,
                        height: h,
                        color: diverging(part.signum()),
                    });
                }
            }
            Content::Code(code) => {
                let columns = heat_columns(code.len());
                let each = width.min(128.0) / columns as f64;
                let x = x + (width - width.min(128.0)) / 2.0;
                let rows = code.len().div_ceil(columns);
                let mut rgb = vec![0xee; columns * rows * 3];
                for (pixel, v) in rgb.chunks_exact_mut(3).zip(code) {
                    pixel.copy_from_slice(&diverging(strength(*v, largest)));
                }
                if let Ok(picture) = Picture::new(columns as u32, rows as u32, rgb) {
                    let (width, height) = (each * columns as f64, each * rows as f64);
                    scene.marks.push(Mark::Picture { x, y, width, height, picture });
                }
            }
        }
        let below = (x + width / 2.0, y + height + 14.0);
        let caption = fitting(&self.caption, TICK, width + GAP);
        if !caption.is_empty() {
            scene.text(below, TICK, Anchor::Middle, Ink::Soft, &caption);
        }
    }
}

/// In `[-1, 1]`; 0 for what is no number.
fn strength(v: f32, largest: f32) -> f32 {
    let part = v / largest;
    if part.is_finite() { part.clamp(-1.0, 1.0) } else { 0.0 }
}

/// Blue below zero, orange above, light gray at zero.
fn diverging(part: f32) -> [u8; 3] {
    let end = if part < 0.0 { [0x00, 0x72, 0xb2] } else { [0xd5, 0x5e, 0x00] };
    end.map(|c: u8| (238.0 + (f32::from(c) - 238.0) * part.abs()).round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::Surroundings;
    use restora_image::{ColorSpace, Size};
    use restora_testkit::{noisy, synthetic, synthetic_rgb};

    #[test]
    fn gray_and_color_examples_carry_their_psnr() {
        for image in [synthetic(Size::new(32, 32)), synthetic_rgb(Size::new(300, 200))] {
            let clean = vec![image.clone(), image.clone()];
            let bad = vec![noisy(&image, 0.1, 1), noisy(&image, 0.1, 2)];
            let grid = ImageGrid::restoration(&clean, &bad, &clean).unwrap();
            assert!(grid.rows[1].cells[0].caption.starts_with("20."));
            assert_eq!(grid.rows[2].cells[1].caption, "identical");
            let svg = grid.scene().to_svg(Surroundings::Page).unwrap();
            assert_eq!(svg.matches("<image").count(), 6);
            let codes = vec![vec![0.5, -1.0, f32::NAN], vec![0.0; 3]];
            let grid = ImageGrid::autoencoder(&clean, &codes, &bad).unwrap();
            let svg = grid.scene().to_svg(Surroundings::Page).unwrap();
            assert_eq!((svg.matches("<rect").count(), svg.contains("NaN")), (6, false));
        }
    }

    #[test]
    fn a_code_of_a_thousand_numbers_is_a_heat_map() {
        let image = vec![synthetic(Size::new(32, 32))];
        let grid = ImageGrid::autoencoder(&image, &[vec![0.3; 1000]], &image).unwrap();
        assert_eq!(grid.scene().to_svg(Surroundings::Page).unwrap().matches("<image").count(), 3);
    }

    #[test]
    fn many_examples_wrap_and_stay_within_the_page() {
        let images = vec![synthetic(Size::new(32, 32)); 40];
        let grid = ImageGrid::autoencoder(&images, &[], &images).unwrap();
        let scene = grid.scene();
        assert!(scene.size().0 <= WIDTH && scene.size().1 > 800.0, "{:?}", scene.size());
    }

    #[test]
    fn lists_that_do_not_match_and_empty_pictures_are_errors_and_an_empty_grid_is_not() {
        let one = vec![synthetic(Size::new(8, 8))];
        assert!(ImageGrid::autoencoder(&one, &[], &[]).is_err());
        assert!(ImageGrid::autoencoder(&one, &[vec![], vec![]], &one).is_err());
        assert!(ImageGrid::restoration(&one, &one, &[]).is_err());
        let empty = vec![Image::zeros(Size::new(0, 3), ColorSpace::Gray)];
        assert!(ImageGrid::autoencoder(&empty, &[], &empty).is_err());
        let scene = ImageGrid::default().scene();
        assert!(scene.to_svg(Surroundings::File).unwrap().contains("no pictures"));
        assert!(!scene.to_png(1.0).unwrap().is_empty());
    }

    #[test]
    fn a_grid_written_as_json_comes_back_and_a_wrong_size_is_refused() {
        let one = vec![synthetic(Size::new(8, 8))];
        let grid = ImageGrid::autoencoder(&one, &[vec![1.0]], &one).unwrap();
        let json = serde_json::to_string(&grid).unwrap();
        assert_eq!(serde_json::from_str::<ImageGrid>(&json).unwrap(), grid);
        let lie = json.replace("\"width\":8", "\"width\":4000000000");
        assert!(serde_json::from_str::<ImageGrid>(&lie).is_err());
    }
}
