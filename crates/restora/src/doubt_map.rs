//! Doubt maps: how far each invented pixel of a filled picture may be off.

use crate::pipeline::{Pipeline, Stage};
use crate::{Error, Step};
use restora_image::{Context, Layout, Mask, Pixels, Raster, Rect};
use restora_ops::inpaint::doubt::{DoubtModel, doubt};

/// Rows that are worked on at once, and rows above and below that decide them.
const STRIP: u32 = 1024;
const MARGIN: u32 = 100;

/// The regressions of the inpainters' errors, by `examples/fit_doubt.rs` on `photos_open` (`hbe` and
/// the nets: every eighth photograph).
const MODELS: &[(&str, [f32; 6])] = &[
    ("telea", [0.5586, 0.5089, -0.0297, 0.6492, 0.3351, -0.5350]),
    ("navier-stokes", [0.3414, 0.6936, -0.0568, 0.7713, 0.1959, -0.4006]),
    ("biharmonic", [0.3580, 0.7238, -0.0571, 0.8795, 0.0769, -0.3894]),
    ("hbe", [0.0333, 1.0902, -0.2347, 0.9268, 0.0005, -0.1212]),
    ("learned-inpainting", [-0.0005, 1.0428, -0.2358, 0.9114, -0.0505, -0.2514]),
];

/// The regression of a step, if it fills holes and one was fitted for it.
pub fn model_of(step: &Step) -> Option<DoubtModel> {
    let fitted = MODELS.iter().find(|(id, _)| *id == step.id());
    fitted.map(|&(_, coefficients)| DoubtModel { coefficients })
}

/// Half-widths of the 90 % intervals of a filled page as 16-bit gray, 65535 = the whole range; 0 = the pixel
/// is known. Several fillings one after another: the last one's.
///
/// # Errors
/// [`Error::Usage`] if none of the steps has a regression; cancelled.
pub fn doubt_map(
    page: &Raster,
    mask: &Mask,
    steps: &[Step],
    cx: &Context,
) -> Result<Raster, Error> {
    let filler = steps.iter().rev().find(|step| step.fills());
    let model = filler.and_then(model_of).ok_or_else(|| unknown(filler))?;
    let size = page.size;
    let mut levels = vec![0u16; size.len()];
    for y in (0..size.height).step_by(STRIP as usize) {
        let core = Rect { x: 0, y, width: size.width, height: STRIP.min(size.height - y) };
        let outer = core.grown(MARGIN, size);
        let holes = mask.crop(outer);
        if holes.count() == 0 {
            continue;
        }
        let half = doubt(&page.tile(outer), &holes, &model, cx)?;
        let first = (y - outer.y) as usize * size.w();
        let rows = &half.data[first..][..core.height as usize * size.w()];
        for (level, half) in levels[y as usize * size.w()..].iter_mut().zip(rows) {
            *level = (half * 65535.0).ceil() as u16;
        }
    }
    Ok(Raster::new(size, Layout::Gray, Pixels::U16(levels))?)
}

/// Are there doubt maps for what fills holes in a pipeline?
///
/// # Errors
/// [`Error::Usage`] if there are none.
pub fn is_known(pipeline: &Pipeline) -> Result<(), Error> {
    let filler = pipeline.steps.iter().rev().find_map(|stage| match stage {
        Stage::Step(step) if step.fills() => Some(step),
        _ => None,
    });
    if filler.is_some_and(|step| model_of(step).is_none()) {
        return Err(unknown(filler));
    }
    Ok(())
}

fn unknown(filler: Option<&Step>) -> Error {
    let known: Vec<_> = MODELS.iter().map(|(id, _)| *id).collect();
    let known = known.join(", ");
    let got = filler.map_or(String::new(), |step| format!(", not for {}", step.id()));
    Error::Usage(format!("doubt maps are known for --inpaint {known}{got}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{Depth, Image, Size};
    use restora_testkit::synthetic_rgb;

    #[test]
    fn the_map_is_that_of_the_whole_picture_and_zero_where_pixels_are_known() {
        let size = Size::new(40, 1300);
        let image = synthetic_rgb(size);
        let mask =
            Mask::from_fn(size, |x, y| x < 20 && (900..1200).contains(&y) && (x + y) % 3 > 0);
        let page = Raster::from_image(&image, Depth::U8).unwrap();
        let step = [Step::from_text("telea").unwrap()];
        let map = doubt_map(&page, &mask, &step, &Context::default()).unwrap().to_image();
        let filled: Image = page.to_image();
        let model = model_of(&step[0]).unwrap();
        let whole = doubt(&filled, &mask, &model, &Context::default()).unwrap();
        for (i, (came, wanted)) in map.data().iter().zip(&whole.data).enumerate() {
            assert!((came - wanted).abs() < 2.0 / 65535.0, "{i}");
            assert_eq!(*came > 0.0, mask.data()[i]);
        }
        let other = [Step::from_text("median").unwrap()];
        let refused = doubt_map(&page, &mask, &other, &Context::default()).unwrap_err();
        assert!(refused.to_string().contains("telea"), "{refused}");
        let known = |methods: &[&str]| is_known(&Pipeline::from_texts(methods).unwrap());
        for methods in [&["telea", "median"][..], &["aloha", "hbe"], &["median"], &["auto"]] {
            known(methods).unwrap();
        }
        for methods in [&["aloha"][..], &["telea", "exemplar"]] {
            let refused = known(methods).unwrap_err().to_string();
            assert!(refused.contains(methods[methods.len() - 1]), "{refused}");
        }
    }
}
