//! Learned color constancy: sets of pictures whose light is known, models fitted to them, their errors.
//!
//! ```text
//! set -> light of each picture: measured (NPZ array, CSV), or synthesized over photographs taken as neutral
//!     -> histograms -> fit -> model.json
//! ```
//!
//! A photograph taken as neutral is lit anew in linear light: multiplied by a light, clipped at 1 as a sensor
//! does, and rounded to 8 bits as a file does. Lights are those of [`synthesized_light`].

mod errors;

pub use errors::{LightErrors, LightRow, Shown, cross_validate, estimate, known_errors};

use crate::Error;
use restora_data::{Dataset, Limits, SetFormat, npz_numbers};
use restora_image::{ColorSpace, Context, Image, OpError, Rng, map_bands};
use restora_ops::color::{
    ColorHistograms, Encoding, Illuminant, LightCard, LightFit, LightModel, Usable, black_body,
    convolutional, overview, overview_factor,
};
use std::path::{Path, PathBuf};

/// Where the light of each picture is known from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Lights {
    /// The array of an NPZ that has one of the usual names (`illuminant_rgb_l2`, `illuminants`, `illuminant`,
    /// `lights`); synthesized where there is none.
    #[default]
    Found,
    /// The array of an NPZ by its name: `[n, 3]`, linear RGB.
    Key(String),
    /// Lines `name,r,g,b` for pictures by name, or `r,g,b` in the order of the set; linear RGB.
    Table(PathBuf),
    /// The pictures are neutral; this many lights are put on each, and none at all once.
    Synthesized(u32),
}

const KEYS: [&str; 4] = ["illuminant_rgb_l2", "illuminants", "illuminant", "lights"];
/// Lights on each neutral photograph.
const SYNTHESIZED: u32 = 2;

/// A picture and its light.
#[derive(Clone, Debug)]
pub struct Lit {
    /// Its name in the set.
    pub id: String,
    /// In linear light, small.
    pub overview: Image,
    /// What a model sees of it.
    pub seen: ColorHistograms,
    /// Its light.
    pub light: Illuminant,
    /// Pictures of one group show the same thing: none trains a model that another one tests.
    pub group: usize,
}

/// Pictures whose light is known.
#[derive(Clone, Debug)]
pub struct LitSet {
    /// The pictures, in the order of the set.
    pub pictures: Vec<Lit>,
    /// Were the lights synthesized?
    pub synthesized: bool,
    /// Items left out, and why.
    pub left_out: Vec<String>,
    /// How many items the set has.
    pub items: usize,
}

/// Reads a set. Without `encoding`, measured lights go with linear values, synthesized ones with sRGB.
///
/// # Errors
/// [`Error::Data`] if the set or the lights cannot be read; [`Error::Input`] if they do not fit together or
/// no picture is left; [`OpError::Cancelled`]. A picture that cannot be used is left out, and told.
pub fn read_lit(
    path: &Path,
    set: &Dataset,
    lights: &Lights,
    encoding: Option<Encoding>,
    cx: &Context,
) -> Result<LitSet, Error> {
    let (measured, variants) = match lights {
        Lights::Found if set.format() == SetFormat::Npz => match npz_lights(path, &KEYS)? {
            Some(found) => (Some(Measured::InOrder(found)), 1),
            None => (None, SYNTHESIZED + 1),
        },
        Lights::Found => (None, SYNTHESIZED + 1),
        Lights::Key(key) => {
            let found = npz_lights(path, &[key])?;
            let missing = || Error::Input(format!("{}: no array `{key}`", path.display()));
            (Some(Measured::InOrder(found.ok_or_else(missing)?)), 1)
        }
        Lights::Table(file) => (Some(table(file)?), 1),
        Lights::Synthesized(count) => (None, count + 1),
    };
    // An array may have more: the set may have been cut to its first items.
    let exact = matches!(lights, Lights::Table(_));
    if let Some(Measured::InOrder(lights)) = &measured
        && (lights.len() < set.len() || (exact && lights.len() > set.len()))
    {
        let (got, wanted) = (lights.len(), set.len());
        return Err(Error::Input(format!("{got} lights for {wanted} pictures")));
    }
    let default = if measured.is_some() { Encoding::Linear } else { Encoding::Srgb };
    let encoding = encoding.unwrap_or(default);
    let parts = map_bands(set.len(), 1, cx, |range| {
        Ok(one(set, range.start, measured.as_ref(), variants, encoding, cx))
    })?;
    let mut out = LitSet {
        pictures: Vec::new(),
        synthesized: measured.is_none(),
        left_out: Vec::new(),
        items: set.len(),
    };
    for part in parts {
        match part {
            Ok(pictures) => out.pictures.extend(pictures),
            Err(Error::Op(OpError::Cancelled)) => return Err(OpError::Cancelled.into()),
            Err(why) => out.left_out.push(why.to_string()),
        }
    }
    if out.pictures.is_empty() {
        let why = out.left_out.first().map_or("the set is empty", String::as_str);
        return Err(Error::Input(format!("no picture can be used: {why}")));
    }
    Ok(out)
}

enum Measured {
    InOrder(Vec<Illuminant>),
    ByName(Vec<(String, Illuminant)>),
}

fn one(
    set: &Dataset,
    index: usize,
    measured: Option<&Measured>,
    variants: u32,
    encoding: Encoding,
    cx: &Context,
) -> Result<Vec<Lit>, Error> {
    let id = set.id(index);
    let told = |what: &str| Error::Input(format!("{id}: {what}"));
    let image = set.get(index).map_err(|e| Error::Input(e.to_string()))?.raster.to_image();
    let image = match image.space() {
        ColorSpace::Srgb | ColorSpace::LinearRgb => image,
        _ => return Err(told(GRAY)),
    };
    if measured.is_none() && is_gray(&image) {
        return Err(told(GRAY));
    }
    let linear = overview(&image, encoding, overview_factor(image.size()), cx)?;
    let stem = |name: &str| {
        Path::new(name).file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned())
    };
    let light = match measured {
        None => None,
        Some(Measured::InOrder(lights)) => Some(lights[index]),
        Some(Measured::ByName(lights)) => Some(
            lights
                .iter()
                .find(|(name, _)| *name == id || stem(name) == stem(&id))
                .ok_or_else(|| told("no light in the table"))?
                .1,
        ),
    };
    let mut out = Vec::new();
    for variant in 0..variants {
        let (overview, light) = match light {
            Some(light) => (linear.clone(), light),
            None if variant == 0 => (linear.clone(), Illuminant::NEUTRAL),
            None => {
                let mut rng = cx.rng(&id, variant.into());
                let light = synthesized_light(&mut rng);
                (lit(&linear, light, &mut rng), light)
            }
        };
        let Some(seen) = ColorHistograms::of(&overview, Usable::default(), cx)? else {
            return Err(told("too dark or too bright everywhere"));
        };
        out.push(Lit { id: id.clone(), overview, seen, light, group: index });
    }
    Ok(out)
}

const GRAY: &str = "a gray picture says nothing of its light";

/// Is every pixel gray, to two steps of 8 bits?
fn is_gray(image: &Image) -> bool {
    let [r, g, b] = [0, 1, 2].map(|c| image.plane_data(c));
    let near = |a: f32, b: f32| (a - b).abs() <= 2.5 / 255.0;
    (0..r.len()).all(|i| near(r[i], g[i]) && near(g[i], b[i]))
}

fn npz_lights(path: &Path, keys: &[&str]) -> Result<Option<Vec<Illuminant>>, Error> {
    let Some(found) = npz_numbers(path, keys, &Limits::default())? else { return Ok(None) };
    let key = &found.key;
    let [_, 3] = found.shape[..] else {
        let shape = &found.shape;
        return Err(Error::Input(format!("`{key}` must be of shape [n, 3], got {shape:?}")));
    };
    let light = |(i, rgb): (usize, &[f64])| {
        Illuminant::new([rgb[0], rgb[1], rgb[2]])
            .ok_or_else(|| Error::Input(format!("`{key}`: light {i} is {rgb:?}, wanted above 0")))
    };
    found.values.chunks_exact(3).enumerate().map(light).collect::<Result<_, _>>().map(Some)
}

fn table(file: &Path) -> Result<Measured, Error> {
    let text = std::fs::read_to_string(file)
        .map_err(|source| Error::Io { path: file.to_owned(), source })?;
    let (mut named, mut ordered) = (Vec::new(), Vec::new());
    let mut heads = true;
    for (i, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
        let cells: Vec<&str> = line.split([',', '\t', ';']).map(str::trim).collect();
        let numbers: Vec<f64> =
            cells.iter().rev().take(3).rev().filter_map(|c| c.parse().ok()).collect();
        let light = match numbers[..] {
            [r, g, b] => Illuminant::new([r, g, b]),
            // A line of names before the first light.
            _ if heads => {
                heads = false;
                continue;
            }
            _ => None,
        };
        heads = false;
        match (light, cells.len()) {
            (Some(light), 3) => ordered.push(light),
            (Some(light), 4) => named.push((cells[0].to_owned(), light)),
            _ => {
                let (name, line_number) = (file.display(), i + 1);
                let told = "wanted `name,r,g,b` or `r,g,b`, each above 0";
                return Err(Error::Input(format!("{name}:{line_number}: {told}, got `{line}`")));
            }
        }
    }
    match (named.is_empty(), ordered.is_empty()) {
        (false, true) => Ok(Measured::ByName(named)),
        (true, false) => Ok(Measured::InOrder(ordered)),
        _ => Err(Error::Input(format!("{}: all lines with names, or none", file.display()))),
    }
}

/// A light that pictures come under, relative to D65: in one of three a black body or daylight of 2,000 to
/// 15,000 kelvin, within 3 thousandths of uv of the locus; in one of three a tube or lamp, of 2,700 to 6,500
/// kelvin and up to 20 thousandths greener; else anything: ratios to green of a factor of 1.3 (red) and 1.5
/// (blue), normally distributed.
pub fn synthesized_light(rng: &mut Rng) -> Illuminant {
    let between = |rng: &mut Rng, low: f64, high: f64| low * (high / low).powf(rng.uniform());
    let light = match rng.below(3) {
        0 => {
            let kelvin = between(rng, 2000.0, 15_000.0);
            black_body(kelvin, 3.0 * rng.normal())
        }
        1 => {
            let kelvin = between(rng, 2700.0, 6500.0);
            black_body(kelvin, 20.0 * rng.uniform())
        }
        _ => {
            let spread = [1.3_f64.ln(), 1.5_f64.ln()];
            Illuminant::from_log_chroma(spread.map(|s| s * rng.normal()))
        }
    };
    light.unwrap_or(Illuminant::NEUTRAL)
}

/// A neutral picture under a light: the brightest channel exposed up to a third over or under, clipped, and
/// rounded to 8 bits of sRGB.
fn lit(linear: &Image, light: Illuminant, rng: &mut Rng) -> Image {
    let most = light.rgb().into_iter().fold(0.0, f64::max);
    let exposure = (0.6 * (rng.uniform() - 0.5)).exp();
    let mut out = linear.clone();
    for (c, part) in light.rgb().into_iter().enumerate() {
        let gain = (part / most * exposure) as f32;
        for v in out.plane_mut(c) {
            let level = restora_image::linear_to_srgb((*v * gain).clamp(0.0, 1.0));
            *v = restora_image::srgb_to_linear((level * 255.0).round() / 255.0);
        }
    }
    out
}

/// The fit of a set unless other options are asked for. Measured lights: with a prior. Photographs that were
/// lit anew: none, and penalties ten times as large; cross-validated on open photographs the filters then
/// no longer see casts where there are none (mean error without a cast 0.06 instead of 0.64 degrees).
pub fn default_fit(synthesized: bool) -> LightFit {
    let plain = LightFit::default();
    if synthesized { LightFit { prior: false, lambda: 1e-5, smooth: 1e-3, ..plain } } else { plain }
}

/// Fits a model to a set; without `fit` by [`default_fit`].
///
/// # Errors
/// [`Error::Op`] if an option is out of range or the caller cancelled.
pub fn train(set: &LitSet, fit: Option<LightFit>, cx: &Context) -> Result<LightModel, Error> {
    let fit = fit.unwrap_or_else(|| default_fit(set.synthesized));
    let pictures: Vec<_> = set.pictures.iter().map(|p| (p.seen.clone(), p.light)).collect();
    Ok(convolutional::fit(&pictures, &fit, cx)?)
}

/// Reads a model.
///
/// # Errors
/// [`Error::Io`]; [`Error::Input`] if the file holds something else.
pub fn read_model(path: &Path) -> Result<LightModel, Error> {
    let bytes = crate::model::read_bytes(path)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Error::Input(format!("{}: not a model of light", path.display())))?;
    LightModel::from_json(&text).map_err(|e| Error::Input(format!("{}: {e}", path.display())))
}

/// Writes a model, with what is to be known of its data.
///
/// # Errors
/// [`Error::Data`] if the file cannot be written.
pub fn write_model(
    path: &Path,
    model: LightModel,
    card: impl FnOnce(LightCard) -> LightCard,
    overwrite: bool,
) -> Result<(), Error> {
    let card = card(model.card().clone());
    let text = model.with_card(card).to_json()?;
    Ok(restora_data::write_atomically(path, text.as_bytes(), overwrite)?)
}

#[cfg(test)]
mod tests;
