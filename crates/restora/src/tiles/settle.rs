//! What steps want to know of the whole picture, counted before its tiles pass.

use super::{Tiling, grid};
use crate::step::Step;
use restora_image::{ColorSpace, Context, Image, OpError, Plane, Raster, Rect, Sample, Size};
use restora_ops::color::color_transfer::Windows;
use restora_ops::color::{Encoding, overview, overview_factor};

/// The steps with what they want to know of the whole picture filled in, so that they do the same to
/// every tile of it; those that find nothing to do are left out.
///
/// It is counted before any step but the color steps ahead of it, strip by strip: what a color cast is
/// told from, on a small copy in linear light.
///
/// # Errors
/// The first error of a step.
pub fn settle(raster: &Raster, steps: &[Step], cx: &Context) -> Result<Vec<Step>, OpError> {
    let mut settled: Vec<Step> = Vec::with_capacity(steps.len());
    for (i, step) in steps.iter().enumerate() {
        if step.looks_at_whole() && super::resizes(&steps[..i]) {
            let message =
                format!("`{}` looks at the whole picture before its size changes", step.id());
            return Err(OpError::Input(message));
        }
        let read = |rect: Rect| after_colors(raster, &settled, rect, cx);
        let channels = raster.layout.colors();
        if let Some(step) = step.counted(raster.size, channels, &read, cx)? {
            settled.extend((!step.is_identity()).then_some(step));
            continue;
        }
        let Some(encoding) = step.wants_overview() else {
            settled.extend((!step.is_identity()).then(|| step.clone()));
            continue;
        };
        if channels == 1 || raster.size.is_empty() {
            continue;
        }
        let small = overview_of(raster.size, &read, encoding, cx)?;
        settled.extend(step.settled(&small, cx)?);
    }
    Ok(settled)
}

/// A window of the picture after the color steps among `steps`, which are settled.
fn after_colors(
    raster: &Raster,
    steps: &[Step],
    rect: Rect,
    cx: &Context,
) -> Result<Image, OpError> {
    let colors: Vec<Step> =
        steps.iter().filter(|s| s.operation().info().family == "color").cloned().collect();
    if colors.is_empty() {
        return Ok(raster.tile(rect));
    }
    let (align, margin) = grid(&colors, &Tiling::default());
    let plain = rect.grown(margin, raster.size);
    let (dx, dy) = (plain.x % align, plain.y % align);
    let window = Rect {
        x: plain.x - dx,
        y: plain.y - dy,
        width: plain.width + dx,
        height: plain.height + dy,
    };
    let mut sample = Sample::new(raster.tile(window));
    sample.origin = (window.x, window.y);
    for step in &colors {
        step.operation().apply(&mut sample, cx)?;
    }
    let inner = Rect { x: rect.x - window.x, y: rect.y - window.y, ..rect };
    Ok(sample.image.crop(inner))
}

/// The [`overview`] of a color picture that is not empty.
///
/// # Errors
/// If the caller cancelled.
pub(crate) fn overview_of_raster(
    raster: &Raster,
    encoding: Encoding,
    cx: &Context,
) -> Result<Image, OpError> {
    overview_of(raster.size, &|rect| Ok(raster.tile(rect)), encoding, cx)
}

/// The [`overview`] of a picture, made strip by strip.
fn overview_of(
    size: Size,
    read: &Windows<'_>,
    encoding: Encoding,
    cx: &Context,
) -> Result<Image, OpError> {
    let factor = overview_factor(size);
    let strip = 64 * factor;
    // Rows that do not fill a strip of squares are left out, unless there are no others.
    let rows = if size.height < factor { size.height } else { size.height / factor * factor };
    let mut parts = Vec::new();
    for y in (0..rows).step_by(strip as usize) {
        cx.check()?;
        let window = Rect { x: 0, y, width: size.width, height: strip.min(rows - y) };
        parts.push(overview(&read(window)?, encoding, factor, cx)?);
    }
    let width = parts[0].size().width;
    let height = parts.iter().map(|p| p.size().height).sum();
    let mut data = Vec::with_capacity(3 * width as usize * height as usize);
    for c in 0..3 {
        for part in &parts {
            data.extend_from_slice(part.plane_data(c));
        }
    }
    let size = Size::new(width, height);
    let mut whole = Image::from_vec(size, ColorSpace::LinearRgb, data)?;
    let alpha: Option<Vec<&Plane>> = parts.iter().map(|part| part.alpha.as_ref()).collect();
    whole.alpha = alpha.map(|planes| {
        let data = planes.iter().flat_map(|plane| &plane.data).copied().collect();
        Plane { size, data }
    });
    Ok(whole)
}
