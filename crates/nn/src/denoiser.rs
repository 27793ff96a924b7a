//! A trained net as the belt uses it: image in, restored image out.

mod tiles;

use crate::engine::{Sink, Source};
use crate::models::Conditioning;
use crate::{Gpu, GpuNet, Model, ModelCard, Net, NnError, Runner, Weights};
use restora_image::{Context, Image, Mask};
use tiles::Cut;

/// Columns that pass at once; wider images are cut. With 64 channels a row is then 1 MiB.
const WIDTH: usize = 4096;
/// No photograph has a noisier sigma, in nominal range.
const MAX_SIGMA: f32 = 10.0;

/// A trained restorer or denoiser, prepared for images of any size.
///
/// An image is continued by reflection to a multiple of the net's alignment. It passes row by row (see
/// [`Runner`]), so that memory grows with its width only; very wide ones are cut into columns with a
/// margin of the net's reach, which changes nothing. On a graphics processor it passes in squares.
#[derive(Debug)]
pub struct Denoiser {
    model: Model,
    card: ModelCard,
    passes: Passes,
    reach: usize,
    align: usize,
}

/// Where images pass.
#[derive(Debug)]
enum Passes {
    Cpu(Runner),
    Gpu(GpuNet, Cut),
}

impl Denoiser {
    /// Prepares trained weights.
    ///
    /// # Errors
    /// Those of [`Model::of`] and [`Net::new`]; [`NnError::Unsupported`] where the net does not take
    /// images of any size or gives back another size.
    pub fn new(weights: Weights) -> Result<Self, NnError> {
        Self::prepared(weights, |net, _| Ok(Passes::Cpu(Runner::new(&net))))
    }

    /// As [`Denoiser::new`], for passes on a graphics processor: in squares with a margin of the net's
    /// reach, so that its memory bounds no image. Equal to the CPU's to rounding.
    ///
    /// # Errors
    /// Those of [`Denoiser::new`], and [`NnError::Device`] where the device fails.
    pub fn on(gpu: &Gpu, weights: Weights) -> Result<Self, NnError> {
        Self::prepared(weights, |net, cut| Ok(Passes::Gpu(gpu.load(&net)?, cut)))
    }

    fn prepared(
        weights: Weights,
        passes: impl FnOnce(Net, Cut) -> Result<Passes, NnError>,
    ) -> Result<Self, NnError> {
        let model = Model::of(&weights.card)?;
        let graph = model.graph();
        let align = graph.alignment();
        let channels = model.channels();
        let input = [channels + model.conditioning().channels(), align, align];
        let fits = graph.shapes(input).is_ok_and(|s| s[graph.output()] == [channels, align, align]);
        let (Some(reach), true) = (graph.reach(), fits) else {
            let name = &weights.card.architecture;
            return Err(NnError::Unsupported(format!(
                "`{name}` does not turn images of any size into images of that size"
            )));
        };
        let cut = Cut::of(&graph, input[0], reach, align);
        let passes = passes(Net::new(graph, weights.tensors)?, cut)?;
        Ok(Self { model, card: weights.card, passes, reach, align })
    }

    /// What the net is.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// What is known of the weights.
    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    /// Pixels around a pixel that decide it: the margin that tiles need.
    pub fn reach(&self) -> usize {
        self.reach
    }

    /// Tiles must begin at multiples of this.
    pub fn alignment(&self) -> usize {
        self.align
    }

    /// Restores an image. `sigma` is the standard deviation of its noise in nominal range, where known; a
    /// net that is not told the noise ignores it.
    ///
    /// A gray image passes a color net as three equal planes, of which the mean comes back; the channels
    /// of a color image pass a gray net one by one. Alpha is handed on. The same bytes for any number of
    /// threads.
    ///
    /// # Errors
    /// [`NnError::Param`] for a sigma that is negative, not finite or above 10, or that is missing where the
    /// net wants it; [`NnError::Input`] where the channels do not fit; [`NnError::Cancelled`].
    pub fn denoise(
        &self,
        image: &Image,
        sigma: Option<f32>,
        cx: &Context,
    ) -> Result<Image, NnError> {
        if let Some(s) = sigma.filter(|s| !(0.0..=MAX_SIGMA).contains(s)) {
            return Err(NnError::Param(format!("`sigma` must be in 0..={MAX_SIGMA}, got {s}")));
        }
        if sigma.is_none() && self.model.conditioning() == Conditioning::Sigma {
            let name = &self.card.architecture;
            return Err(NnError::Param(format!("`{name}` wants to know the noise: give `sigma`")));
        }
        self.restore(image, &self.model.conditioning().values(sigma), None, cx)
    }

    /// Restores the missing pixels of an image, which hold a first guess; the others are taken to be free
    /// of noise, and come back as the net has them. The net must have been trained on such.
    ///
    /// # Errors
    /// [`NnError::Unsupported`] where the net is told nothing beside the image; [`NnError::Input`] where
    /// mask or channels do not fit; [`NnError::Cancelled`].
    pub fn fill(&self, image: &Image, mask: &Mask, cx: &Context) -> Result<Image, NnError> {
        let mut constants = self.model.conditioning().values(Some(0.0));
        if constants.is_empty() {
            let name = &self.card.architecture;
            return Err(NnError::Unsupported(format!("`{name}` cannot be told what is missing")));
        }
        if mask.size() != image.size() {
            let (image, mask) = (image.size(), mask.size());
            return Err(NnError::Input(format!("the mask is {mask}, the image {image}")));
        }
        let level = |missing: &bool| if *missing { Conditioning::MISSING } else { 0.0 };
        let levels: Vec<f32> = mask.data().iter().map(level).collect();
        constants.remove(0);
        self.restore(image, &constants, Some(&levels), cx)
    }

    /// Passes the image with what is told beside it: a plane of noise levels, if it is no constant, and
    /// constants.
    fn restore(
        &self,
        image: &Image,
        constants: &[f32],
        levels: Option<&[f32]>,
        cx: &Context,
    ) -> Result<Image, NnError> {
        let (c, wanted) = (image.channels(), self.model.channels());
        let mut restored = image.clone();
        let size = [image.size().h(), image.size().w()];
        let area = image.size().len();
        if area == 0 {
            return Ok(restored);
        }
        let with_levels = |c: &[usize]| {
            let planes = c.iter().map(|&c| image.plane_data(c));
            planes.chain(levels).collect::<Vec<_>>()
        };
        if c == wanted {
            let planes = with_levels(&(0..c).collect::<Vec<_>>());
            self.pass(&planes, constants, size, restored.data_mut(), cx)?;
        } else if wanted == 1 {
            for (k, out) in restored.planes_mut().enumerate() {
                self.pass(&with_levels(&[k]), constants, size, out, cx)?;
            }
        } else if c == 1 {
            let mut out = vec![0.0; wanted * area];
            self.pass(&with_levels(&vec![0; wanted]), constants, size, &mut out, cx)?;
            for (i, to) in restored.data_mut().iter_mut().enumerate() {
                *to = (0..wanted).map(|k| out[k * area + i]).sum::<f32>() / wanted as f32;
            }
        } else {
            let space = image.space();
            return Err(NnError::Input(format!(
                "this net restores images of {wanted} channels or gray ones, got {c} ({space:?})"
            )));
        }
        Ok(restored)
    }

    /// Passes planes of `size` (rows, columns) through the net, part by part.
    fn pass(
        &self,
        planes: &[&[f32]],
        constants: &[f32],
        [h, w]: [usize; 2],
        out: &mut [f32],
        cx: &Context,
    ) -> Result<(), NnError> {
        match &self.passes {
            Passes::Cpu(runner) => {
                self.pass_in_columns(runner, planes, constants, [h, w], out, cx, WIDTH)
            }
            Passes::Gpu(net, cut) => {
                cut.pass(|x| net.forward(x), planes, constants, [h, w], out, cx)
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the picture, the net, and how it is cut")]
    fn pass_in_columns(
        &self,
        runner: &Runner,
        planes: &[&[f32]],
        constants: &[f32],
        [h, w]: [usize; 2],
        out: &mut [f32],
        cx: &Context,
        widest: usize,
    ) -> Result<(), NnError> {
        let padded = [h, w].map(|n| n.next_multiple_of(self.align));
        let margin = self.reach.next_multiple_of(self.align);
        let parts = w.div_ceil(widest);
        let core = w.div_ceil(parts).next_multiple_of(self.align);
        let channels = planes.len() + constants.len();
        for (part, start) in (0..w).step_by(core).enumerate() {
            let end = w.min(start + core);
            let left = start.saturating_sub(margin);
            let right = padded[1].min((end + margin).next_multiple_of(self.align));
            let source = Source::new(planes, constants, [h, w], padded[0], [left, right - left]);
            let sink = Sink {
                planes: out,
                size: [h, w],
                column: start,
                columns: start - left..end - left,
            };
            let input = [channels, padded[0], right - left];
            let done = (part * h) as u64;
            runner.stream(input, &source, sink, cx.threads, 0, &mut |rows| {
                cx.check()?;
                cx.progress.step(done + rows as u64, (w.div_ceil(core) * h) as u64);
                Ok(())
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
