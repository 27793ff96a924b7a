//! Batches of patches: which picture, which part, turned how, damaged how, all drawn from the seed and the
//! number of the step, so that step 1000 is the same whether or not the run was interrupted before.

use super::{Damage, Flips, TrainOptions};
use crate::{Error, model};
use rayon::prelude::*;
use restora_data::Dataset;
use restora_image::{ColorSpace, Context, Image, Mask, Raster, Rect, Rng, Sample, Size, to_luma};
use restora_nn::Value;
use restora_nn::models::Conditioning;
use restora_nn::train::Batch;
use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Decoded pictures that are kept, in bytes; the others are decoded again.
const CACHE: usize = 1 << 30;
/// Pictures that are drawn in place of one that cannot be used before a set is given up.
const TRIES: usize = 256;

/// What batches are made of: some of the items of a set, and what is done to them.
pub struct Batches<'a> {
    set: &'a Dataset,
    items: Vec<usize>,
    channels: usize,
    conditioning: Conditioning,
    side: Option<usize>,
    /// The one size of whole pictures.
    size: OnceLock<Size>,
    flips: Flips,
    blind: f64,
    damage: &'a [Damage],
    seed: u64,
    cache: Vec<OnceLock<Option<Raster>>>,
    kept: std::sync::atomic::AtomicUsize,
    unusable: Mutex<BTreeMap<usize, String>>,
}

impl<'a> Batches<'a> {
    /// Batches to train with.
    pub fn new(set: &'a Dataset, items: Vec<usize>, options: &'a TrainOptions) -> Self {
        let cache = items.iter().map(|_| OnceLock::new()).collect();
        let size = model::fixed_size(&options.model).map_or_else(OnceLock::new, OnceLock::from);
        Self {
            set,
            items,
            channels: options.model.channels(),
            conditioning: options.model.conditioning(),
            side: options.patch,
            size,
            flips: options.flips,
            blind: options.blind,
            damage: &options.damage,
            seed: options.trainer.seed,
            cache,
            kept: std::sync::atomic::AtomicUsize::new(0),
            unusable: Mutex::default(),
        }
    }

    /// Batches to validate with: pictures are not turned.
    pub fn for_validation(set: &'a Dataset, items: Vec<usize>, options: &'a TrainOptions) -> Self {
        Self { flips: Flips::None, ..Self::new(set, items, options) }
    }

    /// The batch of `n` patches for a step. A picture that cannot be used is passed over: another one is
    /// drawn in its place.
    ///
    /// # Errors
    /// [`Error::Input`] where no usable picture was found, and the errors of damage.
    pub fn batch(&self, step: u64, n: usize) -> Result<Batch, Error> {
        let stream = Rng::new(self.seed, "batch", step);
        let pairs: Result<Vec<_>, Error> =
            (0..n as u64).into_par_iter().map(|i| self.drawn(&mut stream.child(i))).collect();
        self.join(&pairs?)
    }

    fn drawn(&self, rng: &mut Rng) -> Result<Pair, Error> {
        let mut first = None;
        for _ in 0..TRIES {
            let index = rng.below(self.items.len() as u64) as usize;
            match self.pair(index, rng) {
                Err(Error::Input(text)) => first = first.or(Some(text)),
                other => return other,
            }
        }
        let why = first.unwrap_or_default();
        Err(Error::Input(format!("no usable picture among {TRIES} drawn: {why}")))
    }

    /// The batch of the items `range` in their order, each with damage of its own that is always the
    /// same, without those that cannot be used.
    ///
    /// # Errors
    /// [`Error::Input`] where none can be used, and the errors of damage.
    pub fn fixed(&self, range: std::ops::Range<usize>) -> Result<Batch, Error> {
        let stream = Rng::new(self.seed, "validation", 0);
        let pairs: Vec<_> = range
            .into_par_iter()
            .map(|i| self.pair(i % self.items.len(), &mut stream.child(i as u64)))
            .collect();
        let (mut usable, mut first) = (Vec::new(), None);
        for pair in pairs {
            match pair {
                Ok(pair) => usable.push(pair),
                Err(Error::Input(text)) => first = first.or(Some(text)),
                Err(other) => return Err(other),
            }
        }
        match first {
            Some(why) if usable.is_empty() => Err(Error::Input(format!(
                "no usable picture to validate with: {why}; another \
                 `seed` or a larger `validation` keeps others"
            ))),
            _ => self.join(&usable),
        }
    }

    /// Items to draw from.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// The reasons why items were passed over, as far as they were drawn, in the set's order.
    pub fn unusable(&self) -> Vec<String> {
        self.unusable.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn join(&self, pairs: &[Pair]) -> Result<Batch, Error> {
        let size = pairs.first().map_or(Size { width: 0, height: 0 }, |p| p.clean.size());
        let (h, w) = (size.height as usize, size.width as usize);
        let planes = |f: &dyn Fn(&Pair, &mut Vec<f32>)| {
            let mut all = Vec::new();
            for pair in pairs {
                f(pair, &mut all);
            }
            all
        };
        let input = planes(&|p, all| {
            all.extend_from_slice(p.degraded.data());
            let at = all.len();
            for value in self.conditioning.values(p.sigma) {
                all.resize(all.len() + h * w, value);
            }
            if let (Some(mask), true) = (&p.mask, all.len() > at) {
                mark_missing(&mut all[at..at + h * w], mask);
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
        let clean = match self.flips {
            Flips::None => patch,
            Flips::Horizontal => turned(&patch, rng.below(2) << 1),
            Flips::All => turned(&patch, rng.below(8)),
        };
        let (steps, sigma) = Damage::draw(self.damage, rng)?;
        let told = rng.uniform() >= self.blind || self.conditioning != Conditioning::SigmaIfKnown;
        let cx = Context { seed: rng.next_u64(), ..Context::default() };
        let mut sample = Sample::new(clean.clone());
        for (i, step) in steps.iter().enumerate() {
            step.operation()
                .apply(&mut sample, &cx.at_step(i as u64))
                .map_err(|source| Error::Step { step: step.id(), source })?;
        }
        // Where pixels are missing the net is told which, and that the others are as they were.
        let sigma = if sample.mask.is_some() { Some(0.0) } else { sigma.filter(|_| told) };
        Ok(Pair { clean, degraded: sample.image, sigma, mask: sample.mask })
    }

    /// The part of an item that is trained on; [`Error::Input`] where the item cannot be used.
    fn patch(&self, index: usize, rng: &mut Rng) -> Result<Image, Error> {
        let known = || self.unusable.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(why) = known().get(&index) {
            return Err(Error::Input(why.clone()));
        }
        let patch = self.cut(index, rng);
        if let Err(Error::Input(why)) = &patch {
            known().insert(index, why.clone());
        }
        patch
    }

    fn cut(&self, index: usize, rng: &mut Rng) -> Result<Image, Error> {
        use std::sync::atomic::Ordering;
        let (at, slot) = (self.items[index], &self.cache[index]);
        let unfit = |why: String| Err(Error::Input(format!("{}: {why}", self.set.id(at))));
        let fetched;
        let raster = if let Some(Some(raster)) = slot.get() {
            raster
        } else {
            let raster = match self.set.get(at) {
                Ok(item) => item.raster,
                Err(error) => return Err(Error::Input(error.to_string())),
            };
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
            None => {
                let wanted = *self.size.get_or_init(|| self.first_size(size));
                if size != wanted {
                    return unfit(format!(
                        "is {size}, whole pictures of {wanted} are trained on; a patch size would \
                         cut them"
                    ));
                }
                size.rect()
            }
            Some(side) if side > size.width.min(size.height) as usize => {
                return unfit(format!("is {size}, smaller than the patch of {side}x{side}"));
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
            (wanted, came) => unfit(format!("has {came} channels, the net wants {wanted}")),
        }
    }

    /// The size of the first readable picture of the whole set, so that it depends on nothing else.
    fn first_size(&self, fallback: Size) -> Size {
        if let Some((size, _)) = self.set.shape() {
            return size;
        }
        self.set.iter().find_map(Result::ok).map_or(fallback, |item| item.raster.size)
    }
}

struct Pair {
    clean: Image,
    degraded: Image,
    sigma: Option<f32>,
    mask: Option<Mask>,
}

/// Sets the level of noise of missing pixels.
fn mark_missing(sigma: &mut [f32], mask: &Mask) {
    for (s, _) in sigma.iter_mut().zip(mask.data()).filter(|(_, missing)| **missing) {
        *s = Conditioning::MISSING;
    }
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
