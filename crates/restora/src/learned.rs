//! What a net makes of the pictures of a set: reconstructions, codes, errors.
//!
//! Pictures stream through a few at a time, so memory does not grow with the set. One that cannot be
//! used is told as such, and the next one follows.

mod anomaly;

pub use anomaly::{Anomalies, AnomalyRow, Extreme, anomalies};

use crate::model::{self, Loaded};
use crate::{Error, train};
use rayon::prelude::*;
use restora_data::Dataset;
use restora_image::{ColorSpace, Context, Depth, Image, to_luma};
use restora_nn::models::Conditioning;
use restora_nn::{NnError, Value};

/// What is wanted of the net.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// What comes out of its end.
    Output,
    /// Its code.
    Code,
}

/// A picture that went through.
#[derive(Clone, Debug)]
pub struct Passed {
    /// The picture as the net was given it: its channels, without what it is told beside.
    pub input: Image,
    /// What came out; empty where the code was wanted.
    pub output: Option<Image>,
    /// The code; empty where the output was wanted.
    pub code: Vec<f32>,
    /// Depth of the samples in the file.
    pub depth: Depth,
}

impl Passed {
    /// Mean squared difference of output and input, values in nominal range; 0 without an output.
    pub fn mse(&self) -> f64 {
        let Some(output) = &self.output else { return 0.0 };
        let pairs = output.data().iter().zip(self.input.data());
        pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>()
            / self.input.data().len().max(1) as f64
    }
}

/// An item of the set and what became of it.
#[derive(Debug)]
pub struct Told {
    /// Its place in the set.
    pub index: usize,
    /// Its name in the set.
    pub id: String,
    /// Its class, where the set is labeled.
    pub label: Option<u32>,
    /// What came of it, or why nothing did.
    pub result: Result<Passed, Error>,
}

/// PSNR in dB of a mean squared error of values in nominal range; infinite for 0.
pub fn psnr_of(mse: f64) -> f64 {
    -10.0 * mse.log10()
}

/// Pictures that go through a net of one size together.
const TOGETHER: usize = 64;
/// Most bytes that the values of a net may take for one picture.
const MOST: usize = 3 << 30;

/// Sends all pictures of a set through the net; `each` is told them in the set's order. A net that is
/// told the noise level is told `sigma`.
///
/// # Errors
/// [`Error::Usage`] where the net wants a noise level and none is given, or its code and it has none;
/// [`NnError::Cancelled`]; what `each` returns.
pub fn pass(
    loaded: &Loaded,
    set: &Dataset,
    wanted: Wanted,
    sigma: Option<f32>,
    cx: &Context,
    each: &mut (dyn FnMut(Told) -> Result<(), Error> + Send),
) -> Result<(), Error> {
    let name = model::name(&loaded.model);
    match (loaded.model.conditioning(), sigma) {
        (Conditioning::Sigma, None) => {
            return Err(Error::Usage(format!(
                "`{name}` is told the noise level: --sigma is missing"
            )));
        }
        (Conditioning::None, Some(_)) => {
            return Err(Error::Usage(format!("`{name}` takes no noise level: leave --sigma out")));
        }
        (_, Some(s)) if !(0.0..=10.0).contains(&s) => {
            return Err(Error::Usage(format!("`sigma` must be in 0..=10, got {s}")));
        }
        _ => {}
    }
    if wanted == Wanted::Code && loaded.net.graph().code().is_none() {
        return Err(Error::Usage(format!("`{name}` has no code: it is no autoencoder")));
    }
    let together =
        if model::fixed_size(&loaded.model).is_some() { TOGETHER } else { cx.threads.max(1) };
    train::pool(cx.threads)?.install(|| {
        let mut first = 0;
        while first < set.len() {
            cx.check()?;
            let count = together.min(set.len() - first);
            part(loaded, set, wanted, sigma, cx, first..first + count)?
                .into_iter()
                .try_for_each(&mut *each)?;
            first += count;
        }
        Ok(())
    })
}

/// A few items: read side by side, and through the net together where they have one size.
fn part(
    loaded: &Loaded,
    set: &Dataset,
    wanted: Wanted,
    sigma: Option<f32>,
    cx: &Context,
    range: std::ops::Range<usize>,
) -> Result<Vec<Told>, Error> {
    let read: Vec<(usize, Result<Given, Error>)> =
        range.into_par_iter().map(|i| (i, given(loaded, set, i, sigma))).collect();
    let labels = set.labels().unwrap_or_default();
    let told = |index: usize, result| Told {
        index,
        id: set.id(index),
        label: labels.get(index).copied(),
        result,
    };
    if model::fixed_size(&loaded.model).is_none() {
        let alone = |(i, given): (usize, Result<Given, Error>)| {
            let result = given.and_then(|g| {
                let mut passed = through(loaded, wanted, vec![g], 1)?;
                passed.pop().ok_or_else(|| Error::Fault("an item was lost".to_owned()))
            });
            told(i, result)
        };
        return Ok(read.into_par_iter().map(alone).collect());
    }
    let mut usable = Vec::new();
    let mut all: Vec<(usize, Option<Error>)> = Vec::new();
    for (i, given) in read {
        match given {
            Ok(given) => {
                usable.push(given);
                all.push((i, None));
            }
            Err(error) => all.push((i, Some(error))),
        }
    }
    let mut passed = through(loaded, wanted, usable, cx.threads)?.into_iter();
    let lost = || Error::Fault("an item was lost".to_owned());
    let result = |(i, error): (usize, Option<Error>)| {
        told(i, error.map_or_else(|| passed.next().ok_or_else(lost), Err))
    };
    Ok(all.into_iter().map(result).collect())
}

/// A picture as the net wants it.
struct Given {
    image: Image,
    depth: Depth,
    /// Continued by reflection to the net's alignment, with what it is told beside.
    planes: Vec<f32>,
    shape: [usize; 3],
}

fn given(loaded: &Loaded, set: &Dataset, i: usize, sigma: Option<f32>) -> Result<Given, Error> {
    let net = &loaded.model;
    let raster = set.get(i).map_err(|e| Error::Data(e.error))?.raster;
    let size = raster.size;
    if let Some(wanted) = model::fixed_size(net).filter(|w| *w != size) {
        return Err(Error::Input(format!(
            "is {size}, this net takes pictures of {wanted} only: resize or crop them first"
        )));
    }
    let image = raster.to_image();
    let image = match (net.channels(), image.channels()) {
        (1, 3) => Image::from_plane(to_luma(&image)?),
        (3, 1) => Image::from_vec(size, ColorSpace::Srgb, image.data().repeat(3))?,
        (wanted, came) if wanted == came => image,
        (wanted, came) => {
            return Err(Error::Input(format!("has {came} channels, the net wants {wanted}")));
        }
    };
    let align = net.alignment().max(1);
    let (w, h) = (size.width as usize, size.height as usize);
    let (wide, high) = (w.next_multiple_of(align), h.next_multiple_of(align));
    let beside = net.conditioning().values(sigma);
    let shape = [image.channels() + beside.len(), high, wide];
    let values = loaded.net.graph().shapes(shape)?;
    let largest = values.iter().map(|s| s.iter().product::<usize>()).max().unwrap_or(0);
    if 3 * 4 * largest > MOST {
        return Err(Error::Nn(NnError::Limit(format!(
            "is {size}: the net would need {} GiB for it at once, at most {} are taken",
            (3 * 4 * largest) >> 30,
            MOST >> 30
        ))));
    }
    let mirror = |at: usize, n: usize| {
        let at = at % (2 * n);
        if at < n { at } else { 2 * n - 1 - at }
    };
    let mut planes = Vec::with_capacity(shape.iter().product());
    for c in 0..image.channels() {
        let plane = image.plane_data(c);
        for y in 0..high {
            let row = &plane[mirror(y, h) * w..][..w];
            planes.extend_from_slice(row);
            planes.extend((w..wide).map(|x| row[mirror(x, w)]));
        }
    }
    for value in beside {
        planes.resize(planes.len() + high * wide, value);
    }
    Ok(Given { image, depth: raster.depth(), planes, shape })
}

/// Pictures of one size through the net.
fn through(
    loaded: &Loaded,
    wanted: Wanted,
    all: Vec<Given>,
    threads: usize,
) -> Result<Vec<Passed>, Error> {
    let Some(first) = all.first() else { return Ok(Vec::new()) };
    let shape = first.shape;
    let planes: Vec<f32> = all.iter().flat_map(|g| &g.planes).copied().collect();
    let input = Value::from_planes(all.len(), shape, &planes)?;
    drop(planes);
    let result = match wanted {
        Wanted::Output => loaded.forward(input, threads)?,
        Wanted::Code => loaded.encode(input, threads)?,
    };
    let [c, high, wide] = result.shape();
    let numbers = result.to_planes();
    let length = (c * high * wide).max(1);
    let one = |(given, numbers): (Given, &[f32])| {
        let Given { image, depth, .. } = given;
        if wanted == Wanted::Code {
            return Ok(Passed { input: image, output: None, code: numbers.to_vec(), depth });
        }
        let (w, h) = (image.size().width as usize, image.size().height as usize);
        if c != image.channels() || high < h || wide < w {
            return Err(Error::Input(format!(
                "the net made {c}x{high}x{wide} of a picture of {}",
                image.size()
            )));
        }
        let rows = numbers.chunks_exact(wide).enumerate().filter(|(y, _)| y % high < h);
        let cut: Vec<f32> = rows.flat_map(|(_, row)| &row[..w]).copied().collect();
        let output = Some(Image::from_vec(image.size(), image.space(), cut)?);
        Ok(Passed { input: image, output, code: Vec::new(), depth })
    };
    all.into_iter().zip(numbers.chunks_exact(length)).map(one).collect()
}

/// Length of the code of a net for pictures of one size; `None` where it depends on the picture or
/// there is none.
pub fn code_length(loaded: &Loaded) -> Option<usize> {
    let shape = loaded.model.fixed_shape()?;
    let graph = loaded.net.graph();
    let shapes = graph.shapes(shape).ok()?;
    Some(shapes[graph.code()?].iter().product())
}
