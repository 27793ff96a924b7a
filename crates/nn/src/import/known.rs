//! Layouts in which `DnCNN` and `FFDNet` are passed around.
//!
//! All of them are a numbered chain of convolutions, each perhaps followed by a batch norm, under one
//! prefix: `conv0.weight` (turned from the authors' MATLAB files), `model.0.weight` (the authors'
//! own `PyTorch` files), `module.dncnn.0.weight` (a well known training code). The numbers may skip
//! (a `ReLU` counts) and a missing bias is zero.

use super::KeyMap;
use crate::models::{Architecture, DnCnn, FfdNet};
use crate::{NnError, Tensor, Tensors, weights};
use std::collections::BTreeMap;

/// How a file of `FFDNet` orders the four sub-images of each channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubImages {
    /// (row, column) (0,0), (0,1), (1,0), (1,1): files made with `PyTorch`, and ours.
    RowMajor,
    /// (0,0), (1,0), (0,1), (1,1): files turned from MATLAB.
    ColumnMajor,
}

/// The options and tensors of a `DnCNN`, whatever its layout. Batch norm stays;
/// [`fold_batch_norm`](super::fold_batch_norm) takes it out.
///
/// # Errors
/// [`NnError::Input`] where the tensors are no such chain or do not fit the net, naming them.
pub fn dncnn(tensors: Tensors) -> Result<(DnCnn, Tensors), NnError> {
    let links = chain(tensors)?;
    let (channels, features) = ends(&links)?;
    let batch_norm = links.iter().any(|l| l.norm.is_some());
    let config = DnCnn { channels, layers: links.len(), features, batch_norm };
    config.validate()?;
    let last = links.len() - 1;
    let mut named = Tensors::new();
    for (i, link) in links.into_iter().enumerate() {
        add(&mut named, i, link, batch_norm && i > 0 && i < last);
    }
    weights::check(&named, &config.graph())?;
    Ok((config, named))
}

/// The options and tensors of an `FFDNet` without batch norm, its sub-images put into our order.
///
/// # Errors
/// [`NnError::Input`] where the tensors are no such chain or do not fit the net, naming them.
pub fn ffdnet(tensors: Tensors, order: SubImages) -> Result<(FfdNet, Tensors), NnError> {
    let links = chain(tensors)?;
    let (outputs, features) = ends(&links)?;
    let (layers, last) = (links.len(), links.len() - 1);
    let config = FfdNet { channels: outputs / 4, layers, features };
    config.validate()?;
    let mut named = Tensors::new();
    for (i, link) in links.into_iter().enumerate() {
        add(&mut named, i, link, false);
    }
    weights::check(&named, &config.graph())?;
    if order == SubImages::ColumnMajor {
        // Swapping the middle two of each four turns one order into the other.
        let swap = |channel: usize| match channel {
            c if c >= outputs => c,
            c if c % 4 == 1 => c + 1,
            c if c % 4 == 2 => c - 1,
            c => c,
        };
        permute(&mut named, "conv0.weight", 1, swap);
        permute(&mut named, &format!("conv{last}.weight"), 0, swap);
        permute(&mut named, &format!("conv{last}.bias"), 0, swap);
    }
    Ok((config, named))
}

/// A convolution of a chain with what belongs to it.
struct Link {
    weight: Tensor,
    bias: Option<Tensor>,
    /// Weight, bias, running mean and variance of the batch norm behind it.
    norm: Option<[Tensor; 4]>,
}

/// What the parts of a batch norm are called, in [`Link::norm`]'s order.
const NORM: [&str; 4] = ["weight", "bias", "running_mean", "running_var"];

/// The convolutions in their order.
fn chain(tensors: Tensors) -> Result<Vec<Link>, NnError> {
    let strange = |what: String| NnError::Input(format!("not a chain of convolutions: {what}"));
    let map = KeyMap::parse("module.=\n-*.num_batches_tracked\n-*.*.num_batches_tracked")?;
    let tensors = map.apply(tensors)?;
    let mut prefix: Option<String> = None;
    let mut layers: BTreeMap<usize, BTreeMap<String, Tensor>> = BTreeMap::new();
    for (name, tensor) in tensors {
        let parts = name.rsplit_once('.').and_then(|(layer, part)| {
            let digits = layer.trim_end_matches(|c: char| c.is_ascii_digit());
            Some((digits.to_owned(), layer[digits.len()..].parse::<usize>().ok()?, part.to_owned()))
        });
        let Some((before, number, part)) = parts else {
            return Err(strange(format!("`{name}` has no number")));
        };
        if prefix.get_or_insert_with(|| before.clone()) != &before {
            let first = prefix.unwrap_or_default();
            return Err(strange(format!("`{name}` beside those of `{first}`")));
        }
        layers.entry(number).or_default().insert(part, tensor);
    }
    let mut links: Vec<Link> = Vec::new();
    for (number, mut parts) in layers {
        let names = parts.keys().cloned().collect::<Vec<_>>().join(", ");
        let convolution = parts.get("weight").is_some_and(|w| w.shape().len() == 4);
        if convolution {
            let bias = parts.remove("bias");
            if let Some(weight) = parts.remove("weight") {
                links.push(Link { weight, bias, norm: None });
            }
        } else {
            let [a, b, c, d] = NORM.map(|part| parts.remove(part));
            match (links.last_mut(), a, b, c, d) {
                (Some(link), Some(a), Some(b), Some(c), Some(d)) if link.norm.is_none() => {
                    link.norm = Some([a, b, c, d]);
                }
                _ => return Err(strange(format!("layer {number} has {names}"))),
            }
        }
        if !parts.is_empty() {
            return Err(strange(format!("layer {number} has {names}")));
        }
    }
    if links.len() < 3 {
        return Err(strange(format!("{} convolutions, wanted 3 or more", links.len())));
    }
    Ok(links)
}

/// Channels out of the last convolution and out of the first.
fn ends(links: &[Link]) -> Result<(usize, usize), NnError> {
    match (links.first(), links.last()) {
        (Some(first), Some(last)) => Ok((last.weight.shape()[0], first.weight.shape()[0])),
        _ => Err(NnError::Input("no convolutions".to_owned())),
    }
}

/// Adds a convolution under our names. Where it has a batch norm but the net wants none, or the
/// other way round, the check of all names tells.
fn add(named: &mut Tensors, i: usize, link: Link, without_bias: bool) {
    let Link { weight, bias, norm } = link;
    let outputs = weight.shape()[0];
    named.insert(format!("conv{i}.weight"), weight);
    if !without_bias {
        let zeros = || Tensor::zeros(&[outputs]);
        named.insert(format!("conv{i}.bias"), bias.clone().unwrap_or_else(zeros));
    }
    let Some(mut norm) = norm else { return };
    if let (true, Some(bias)) = (without_bias, &bias) {
        // conv + bias - mean = conv - (mean - bias)
        norm[2].data_mut().iter_mut().zip(bias.data()).for_each(|(m, b)| *m -= b);
    }
    for (part, tensor) in NORM.into_iter().zip(norm) {
        named.insert(format!("bn{i}.{part}"), tensor);
    }
}

/// Puts what lies at `from(i)` of an axis to `i`.
fn permute(tensors: &mut Tensors, name: &str, axis: usize, from: impl Fn(usize) -> usize) {
    let Some(tensor) = tensors.get_mut(name) else { return };
    let count = tensor.shape()[axis];
    let length: usize = tensor.shape()[axis + 1..].iter().product();
    let old = tensor.data().to_vec();
    let blocks = tensor.data_mut().chunks_exact_mut(length).enumerate();
    for (block, data) in blocks {
        let source = block / count * count + from(block % count);
        data.copy_from_slice(&old[source * length..][..length]);
    }
}

#[cfg(test)]
mod tests;
