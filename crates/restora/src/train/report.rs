//! What the page of a training run shows, filled from the run and its validation pictures.

use super::batches::Batches;
use super::{HistoryRow, TrainOptions, is_autoencoder};
use crate::plot::ImageGrid;
use crate::training_report::{EpochRow, PcaComparison, TrainingReport, latent_map};
use crate::{Error, model};
use restora_data::{Dataset, split};
use restora_image::{ColorSpace, Context, Image, Size};
use restora_nn::pca::{PcaOptions, Rows};
use restora_nn::train::Batch;
use restora_nn::{Net, NnError, Pca, Value, Weights};

/// Pictures in a grid.
const SHOWN: usize = 8;
/// Codes on the latent map.
const MAPPED: usize = 4000;
/// Most pictures that PCA is fitted to, and that it is scored on.
const FITTED: usize = 20_000;
/// Values of a picture beyond which PCA is left out: it would take longer than the net.
const LONGEST_ROW: usize = 1 << 14;

/// Fills the report of a run: curves of the `history`;
/// pictures of the validation part (of all, where none is kept), the map of codes, and PCA at equal
/// code size, fitted to the training part and scored on the validation part.
///
/// # Errors
/// Weights that do not fit the net of `options`; a set without a usable picture; cancellation.
pub fn report(
    set: &Dataset,
    options: &TrainOptions,
    history: &[HistoryRow],
    weights: &Weights,
    cx: &Context,
) -> Result<TrainingReport, Error> {
    super::pool(cx.threads)?.install(|| fill(set, options, history, weights, cx))
}

fn fill(
    set: &Dataset,
    options: &TrainOptions,
    history: &[HistoryRow],
    weights: &Weights,
    cx: &Context,
) -> Result<TrainingReport, Error> {
    let (train, held) = split(set.len(), options.validation, options.trainer.seed)?;
    let mut report = facts(set, options, [train.len(), held.len()]);
    let pictures = |row: &HistoryRow| row.step as f64 * options.batch as f64;
    let line = |row: &HistoryRow| EpochRow {
        step: row.step,
        epoch: pictures(row) / train.len().max(1) as f64,
        train_loss: Some(row.loss),
        validation_loss: row.validation_loss,
        validation_psnr: row.validation_psnr,
        learning_rate: Some(f64::from(row.rate)),
        images_per_second: Some(row.items_per_second),
    };
    report.history = history.iter().map(line).collect();
    if let Some(row) = history.last() {
        report.timings.push(("training".to_owned(), row.seconds));
    }
    let net = Net::new(options.model.graph(), weights.tensors.clone())?;
    report.architecture.push(("trained numbers".to_owned(), net.trained_numbers().to_string()));
    let shown = if held.is_empty() { &train } else { &held };
    let batches = Batches::for_validation(set, shown.clone(), options);
    report.grids.push(grid(&net, &batches, cx)?);
    if net.graph().code().is_some() && is_autoencoder(&options.model) {
        report.latent = Some(map(&net, set, shown, options, cx)?);
        report.pca = beside_pca(&net, set, [&train, shown], options, cx)?;
    }
    Ok(report)
}

/// An option as it is read: numbers as the single precision that they are kept in.
fn text(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::String(text) => text.clone(),
        Value::Number(n) if n.is_f64() => (n.as_f64().unwrap_or(f64::NAN) as f32).to_string(),
        Value::Array(all) => all.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn facts(set: &Dataset, options: &TrainOptions, [train, held]: [usize; 2]) -> TrainingReport {
    let config = options.model.card().config;
    let architecture = config.as_object().into_iter().flatten();
    let mut lines = Vec::new();
    let whole = serde_json::to_value(options).unwrap_or_default();
    flatten("", &whole, &mut lines);
    TrainingReport {
        title: format!("Training of {}", model::name(&options.model)),
        model: model::name(&options.model),
        architecture: architecture.map(|(k, v)| (k.clone(), text(v))).collect(),
        options: lines.into_iter().map(|(k, v)| (k, text(&v))).collect(),
        data: vec![
            ("form".to_owned(), set.format().name().to_owned()),
            ("pictures".to_owned(), set.len().to_string()),
            ("trained on".to_owned(), train.to_string()),
            ("kept for validation".to_owned(), held.to_string()),
        ],
        loss: text(&serde_json::to_value(options.trainer.loss).unwrap_or_default()),
        ..TrainingReport::default()
    }
}

/// Options in objects by their path, without the net's own.
fn flatten(path: &str, value: &serde_json::Value, lines: &mut Vec<(String, serde_json::Value)>) {
    let Some(object) = value.as_object() else {
        lines.push((path.to_owned(), value.clone()));
        return;
    };
    for (key, value) in object.iter().filter(|(key, _)| *key != "model") {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        flatten(&path, value, lines);
    }
}

/// Original, code and reconstruction, or clean, degraded and restored.
fn grid(net: &Net, batches: &Batches, cx: &Context) -> Result<ImageGrid, Error> {
    let batch = batches.fixed(0..batches.len().min(SHOWN))?;
    let Batch { input, target } = batch;
    let output = net.forward(input.clone(), cx.threads)?;
    let (clean, restored) = (images(&target)?, images(&output)?);
    let degraded = images(&first_channels(&input, target.c)?)?;
    if net.graph().code().is_some() && degraded == clean {
        let codes = net.encode(input, cx.threads)?;
        let length = codes.shape().iter().product::<usize>().max(1);
        let codes: Vec<_> = codes.to_planes().chunks_exact(length).map(<[f32]>::to_vec).collect();
        return ImageGrid::autoencoder(&clean, &codes, &restored);
    }
    ImageGrid::restoration(&clean, &degraded, &restored)
}

fn first_channels(x: &Value, count: usize) -> Result<Value, Error> {
    let planes = x.to_planes();
    let area = x.h * x.w;
    let kept: Vec<f32> =
        planes.chunks_exact(area * x.c).flat_map(|item| &item[..area * count]).copied().collect();
    Ok(Value::from_planes(x.n, [count, x.h, x.w], &kept)?)
}

/// The items of a batch as pictures.
fn images(batch: &Value) -> Result<Vec<Image>, Error> {
    let [c, h, w] = batch.shape();
    let space = match c {
        1 => ColorSpace::Gray,
        3 => ColorSpace::Srgb,
        n => ColorSpace::Raw(n as u16),
    };
    let planes = batch.to_planes();
    let size = Size { width: w as u32, height: h as u32 };
    let image = |plane: &[f32]| Ok(Image::from_vec(size, space, plane.to_vec())?);
    planes.chunks_exact((c * h * w).max(1)).map(image).collect()
}

/// The codes of the pictures in a plane, colored by label.
fn map(
    net: &Net,
    set: &Dataset,
    items: &[usize],
    options: &TrainOptions,
    cx: &Context,
) -> Result<crate::plot::Scatter, Error> {
    let clean = TrainOptions { damage: Vec::new(), ..options.clone() };
    let (mut codes, mut labels, mut length) = (Vec::new(), Vec::new(), 1);
    for part in items[..items.len().min(MAPPED)].chunks(PART) {
        cx.check()?;
        let (usable, planes) = planes(set, part, &clean)?;
        let Some(input) = planes else { continue };
        let code = net.encode(input, cx.threads)?;
        length = code.shape().iter().product();
        codes.extend(code.to_planes());
        let all = set.labels().unwrap_or_default();
        labels.extend(usable.iter().filter_map(|i| all.get(*i)).map(|l| *l as usize));
    }
    if codes.is_empty() {
        return Err(Error::Input("no usable picture for the latent map".to_owned()));
    }
    latent_map(&codes, length, &labels, set.classes(), cx)
}

/// Pictures read at a time.
const PART: usize = 256;

/// Those of the items that can be used, and what the net is given for them.
fn planes(
    set: &Dataset,
    items: &[usize],
    options: &TrainOptions,
) -> Result<(Vec<usize>, Option<Value>), Error> {
    let (mut usable, mut data, mut shape) = (Vec::new(), Vec::new(), [0; 3]);
    for &item in items {
        let one = Batches::for_validation(set, vec![item], options);
        match one.fixed(0..1) {
            Ok(batch) => {
                usable.push(item);
                shape = batch.input.shape();
                data.extend(batch.input.to_planes());
            }
            Err(Error::Input(_)) => {}
            Err(other) => return Err(other),
        }
    }
    let value = (!usable.is_empty()).then(|| Value::from_planes(usable.len(), shape, &data));
    Ok((usable, value.transpose()?))
}

/// Pictures as rows, read again on each pass; one that cannot be used is replaced by the last one that
/// could.
struct Pictures<'a> {
    set: &'a Dataset,
    items: Vec<usize>,
    options: &'a TrainOptions,
    dims: usize,
}

impl Rows for Pictures<'_> {
    fn len(&self) -> usize {
        self.items.len()
    }

    fn dims(&self) -> usize {
        self.dims
    }

    fn read(&self, first: usize, out: &mut [f32]) -> Result<(), NnError> {
        let told = |e: Error| NnError::Input(e.to_string());
        for (i, row) in out.chunks_exact_mut(self.dims).enumerate() {
            let (_, value) =
                planes(self.set, &self.items[first + i..=first + i], self.options).map_err(told)?;
            let value = value.ok_or_else(|| NnError::Input("a picture changed".to_owned()))?;
            row.copy_from_slice(&value.to_planes());
        }
        Ok(())
    }
}

/// PCA fitted to the first list of items and both scored on the second; `None` where rows are too long,
/// or the code longer than the pictures are many.
fn beside_pca(
    net: &Net,
    set: &Dataset,
    [train, held]: [&[usize]; 2],
    options: &TrainOptions,
    cx: &Context,
) -> Result<Option<PcaComparison>, Error> {
    let Some(size) = model::fixed_size(&options.model) else { return Ok(None) };
    let shape = [options.model.channels(), size.height as usize, size.width as usize];
    let dims: usize = shape.iter().product();
    let shapes = net.graph().shapes(shape)?;
    let code: usize = net.graph().code().map_or(0, |node| shapes[node].iter().product());
    let usable = |items: &[usize]| -> Result<Vec<usize>, Error> {
        let mut usable = Vec::new();
        for part in items[..items.len().min(FITTED)].chunks(PART) {
            cx.check()?;
            usable.extend(planes(set, part, options)?.0);
        }
        Ok(usable)
    };
    let clean = TrainOptions { damage: Vec::new(), ..options.clone() };
    let fitted = Pictures { set, items: usable(train)?, options: &clean, dims };
    let scored = usable(held)?;
    if dims > LONGEST_ROW || code > dims.min(fitted.len()) || scored.is_empty() {
        return Ok(None);
    }
    let pca = Pca::fit(&fitted, code, &PcaOptions::default(), cx)?;
    let (mut ours, mut pcas, mut values) = (0.0, 0.0, 0);
    for part in scored.chunks(PART) {
        cx.check()?;
        let batch = Batches::for_validation(set, part.to_vec(), options).fixed(0..part.len())?;
        let target = batch.target.to_planes();
        let linear = pca.decode(&pca.encode(&batch.input.to_planes(), cx)?, cx)?;
        let output = net.forward(batch.input, cx.threads)?.to_planes();
        let squares = |x: &[f32]| -> f64 {
            x.iter().zip(&target).map(|(a, b)| f64::from(a - b).powi(2)).sum()
        };
        ours += squares(&output);
        pcas += squares(&linear);
        values += target.len();
    }
    let explained: f32 = pca.explained_variance_ratio().iter().sum();
    Ok(Some(PcaComparison {
        code_size: code,
        model_mse: ours / values.max(1) as f64,
        pca_mse: pcas / values.max(1) as f64,
        explained_variance: Some(f64::from(explained)),
        images: scored.len(),
    }))
}
