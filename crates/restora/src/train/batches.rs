//! Batches of patches: which picture, which part, turned how, damaged how, all drawn from the seed and the
//! number of the step, so that step 1000 is the same whether or not the run was interrupted before.

use super::Damage;
use crate::Error;
use rayon::prelude::*;
use restora_data::Dataset;
use restora_image::{ColorSpace, Context, Image, Raster, Rect, Rng, Sample, Size, to_luma};
use restora_nn::models::Conditioning;
use restora_nn::train::Batch;
use restora_nn::{Model, Value};
use std::sync::OnceLock;

/// Decoded pictures that are kept, in bytes; the others are decoded again.
const CACHE: usize = 1 << 30;

/// What a batch is made of.
pub struct Batches<'a> {
    set: &'a Dataset,
    items: Vec<usize>,
    channels: usize,
    conditioning: Conditioning,
    side: Option<usize>,
    flips: bool,
    blind: f64,
    damage: &'a [Damage],
    seed: u64,
    cache: Vec<OnceLock<Option<Raster>>>,
    kept: std::sync::atomic::AtomicUsize,
}

/// How patches are drawn.
pub struct Drawing<'a> {
    /// Side of a patch; `None` takes whole pictures.
    pub side: Option<usize>,
    /// Flips and turns by 90 degrees.
    pub flips: bool,
    /// How often a net that can do without is not told the noise level.
    pub blind: f64,
    /// What is done to the patches.
    pub damage: &'a [Damage],
    /// Where all random choices come from.
    pub seed: u64,
}

impl<'a> Batches<'a> {
    /// Batches of these items of the set, for this net.
    pub fn new(set: &'a Dataset, items: Vec<usize>, model: &Model, drawing: &Drawing<'a>) -> Self {
        let cache = items.iter().map(|_| OnceLock::new()).collect();
        Self {
            set,
            items,
            channels: model.channels(),
            conditioning: model.conditioning(),
            side: drawing.side,
            flips: drawing.flips,
            blind: drawing.blind,
            damage: drawing.damage,
            seed: drawing.seed,
            cache,
            kept: std::sync::atomic::AtomicUsize::new(0),
        }
    }

    /// The batch of `n` patches for a step.
    ///
    /// # Errors
    /// The first error of a picture or a step of damage.
    pub fn batch(&self, step: u64, n: usize) -> Result<Batch, Error> {
        let stream = Rng::new(self.seed, "batch", step);
        let pairs: Result<Vec<_>, Error> = (0..n as u64)
            .into_par_iter()
            .map(|i| {
                let mut rng = stream.child(i);
                let index = rng.below(self.items.len() as u64) as usize;
                self.pair(index, &mut rng)
            })
            .collect();
        self.join(&pairs?)
    }

    /// The batch of the items `range` in their order, each with damage of its own that is always the same.
    ///
    /// # Errors
    /// As for [`Batches::batch`].
    pub fn fixed(&self, range: std::ops::Range<usize>) -> Result<Batch, Error> {
        let stream = Rng::new(self.seed, "validation", 0);
        let pairs: Result<Vec<_>, Error> = range
            .into_par_iter()
            .map(|i| self.pair(i % self.items.len(), &mut stream.child(i as u64)))
            .collect();
        self.join(&pairs?)
    }

    /// Items to draw from.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    fn join(&self, pairs: &[Pair]) -> Result<Batch, Error> {
        let size = pairs.first().map_or(Size { width: 0, height: 0 }, |p| p.clean.size());
        if let Some(other) = pairs.iter().find(|p| p.clean.size() != size) {
            return Err(Error::Usage(format!(
                "pictures must all have one size, got {size} and {}: give a patch size to cut them",
                other.clean.size()
            )));
        }
        let (h, w) = (size.height as usize, size.width as usize);
        let planes = |f: &dyn Fn(&Pair, &mut Vec<f32>)| {
            let mut all = Vec::new();
            pairs.iter().for_each(|p| f(p, &mut all));
            all
        };
        let input = planes(&|p, all| {
            all.extend_from_slice(p.degraded.data());
            for value in self.conditioning.values(p.sigma) {
                all.resize(all.len() + h * w, value);
            }
        });
        let target = planes(&|p, all| all.extend_from_slice(p.clean.data()));
        let c = self.channels;
        let shape = [c + self.conditioning.channels(), h, w];
        Ok(Batch {
            input: Value::from_planes(pairs.len(), shape, &input)?,
            target: Value::from_planes(pairs.len(), [c, h, w], &target)?,
        })
    }

    fn pair(&self, index: usize, rng: &mut Rng) -> Result<Pair, Error> {
        let patch = self.patch(index, rng)?;
        let clean = if self.flips { turned(&patch, rng.below(8)) } else { patch };
        let (steps, sigma) = Damage::draw(self.damage, rng)?;
        let told = rng.uniform() >= self.blind || self.conditioning != Conditioning::SigmaIfKnown;
        let cx = Context { seed: rng.next_u64(), ..Context::default() };
        let mut sample = Sample::new(clean.clone());
        for (i, step) in steps.iter().enumerate() {
            step.operation()
                .apply(&mut sample, &cx.at_step(i as u64))
                .map_err(|source| Error::Step { step: step.id(), source })?;
        }
        Ok(Pair { clean, degraded: sample.image, sigma: sigma.filter(|_| told) })
    }

    fn patch(&self, index: usize, rng: &mut Rng) -> Result<Image, Error> {
        use std::sync::atomic::Ordering;
        let (at, slot) = (self.items[index], &self.cache[index]);
        let fetched;
        let raster = if let Some(Some(raster)) = slot.get() {
            raster
        } else {
            let raster = self.set.get(at).map_err(|e| Error::Usage(e.to_string()))?.raster;
            let bytes =
                raster.size.len() * raster.layout.samples() * raster.depth().bits() as usize / 8;
            if self.kept.fetch_add(bytes, Ordering::Relaxed) < CACHE {
                slot.get_or_init(|| Some(raster))
                    .as_ref()
                    .ok_or_else(|| Error::Fault("cache".to_owned()))?
            } else {
                fetched = raster;
                &fetched
            }
        };
        let size = raster.size;
        let rect = match self.side {
            None => size.rect(),
            Some(side) if side > size.width.min(size.height) as usize => {
                let id = self.set.id(at);
                return Err(Error::Usage(format!(
                    "{id} is {size}, smaller than the patch of {side}x{side}"
                )));
            }
            Some(side) => {
                let side = side as u32;
                let mut start = |room: u32| rng.below(u64::from(room - side) + 1) as u32;
                let (x, y) = (start(size.width), start(size.height));
                Rect { x, y, width: side, height: side }
            }
        };
        let image = raster.tile(rect);
        match (self.channels, image.channels()) {
            (1, 3) => Ok(Image::from_plane(to_luma(&image)?)),
            (3, 1) => {
                let plane = image.data();
                Ok(Image::from_vec(image.size(), ColorSpace::Srgb, plane.repeat(3))?)
            }
            (wanted, came) if wanted == came => Ok(image),
            (wanted, came) => {
                let id = self.set.id(at);
                Err(Error::Usage(format!("{id} has {came} channels, the net wants {wanted}")))
            }
        }
    }
}

struct Pair {
    clean: Image,
    degraded: Image,
    sigma: Option<f32>,
}

/// One of the eight flips and turns of a square, or of the four of another picture.
fn turned(image: &Image, how: u64) -> Image {
    let size = image.size();
    let (w, h) = (size.width as usize, size.height as usize);
    let transpose = how & 4 != 0 && w == h;
    let mut out = image.clone();
    for c in 0..image.channels() {
        let from = image.plane_data(c);
        for (i, to) in out.plane_mut(c).iter_mut().enumerate() {
            let (mut y, mut x) = (i / w, i % w);
            if transpose {
                (y, x) = (x, y);
            }
            let y = if how & 1 != 0 { h - 1 - y } else { y };
            let x = if how & 2 != 0 { w - 1 - x } else { x };
            *to = from[y * w + x];
        }
    }
    out
}
