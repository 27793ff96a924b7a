//! Scores against a reference, of results that may have another size than their inputs.

use crate::error::Error;
use crate::pairs::score;
use crate::pipeline::Pipeline;
use crate::report::Scores;
use crate::tiles::result_size;
use restora_image::{Context, OpError, Raster, Rect, Scale, Size};
use restora_metrics::full_reference::{CompareOptions, Comparison};
use restora_ops::upscale::{Bicubic, bicubic};

/// A clean picture, and how the input compares with it.
pub struct Scoring {
    clean: Raster,
    before: Comparison,
}

impl Scoring {
    /// Scores the input. Where the pipeline enlarges it, bicubic interpolation of it is scored in its place,
    /// and of the clean picture what lies within the size of the result: a picture that was reduced by a whole
    /// number has lost what did not fill a pixel.
    ///
    /// # Errors
    /// Another size than that of the result; a result that is smaller, or larger by another number than 2, 3 and 4;
    /// cancelled.
    pub fn of(
        clean: Raster,
        input: &Raster,
        pipeline: &Pipeline,
        cx: &Context,
    ) -> Result<Self, Error> {
        let resizing: Vec<_> = pipeline.resizing().cloned().collect();
        let size = result_size(&resizing, input.size)?;
        let options = CompareOptions::default();
        if size == input.size {
            let before = score(&clean, input, &options, None, cx)?;
            return Ok(Self { clean, before });
        }
        let factor = (2..=4).find(|factor| Scale::Up(*factor).size(input.size) == size);
        let Some(factor) = factor else {
            let message =
                "--reference scores results of the size of their inputs, or 2, 3 or 4 times that";
            return Err(Error::Usage(message.into()));
        };
        let clean = cut(clean, size, factor)?;
        let enlarged = bicubic(&input.to_image(), &Bicubic { factor }, cx)?;
        let enlarged = Raster::from_image(&enlarged, input.depth())?;
        let before = score(&clean, &enlarged, &options, None, cx)?;
        Ok(Self { clean, before })
    }

    /// The scores, once there is a result.
    ///
    /// # Errors
    /// If the sizes differ, or the caller cancelled.
    pub fn scores(self, result: &Raster, cx: &Context) -> Result<Scores, Error> {
        let after = score(&self.clean, result, &CompareOptions::default(), None, cx)?;
        Ok(Scores { before: self.before, after })
    }
}

/// The picture without fewer than `factor` rows and columns at the bottom and at the right.
fn cut(clean: Raster, size: Size, factor: u32) -> Result<Raster, OpError> {
    let fits = |clean: u32, size: u32| (size..size.saturating_add(factor)).contains(&clean);
    if clean.size == size
        || !fits(clean.size.width, size.width)
        || !fits(clean.size.height, size.height)
    {
        return Ok(clean);
    }
    let rect = Rect { x: 0, y: 0, width: size.width, height: size.height };
    Raster::from_image(&clean.tile(rect), clean.depth())
}
