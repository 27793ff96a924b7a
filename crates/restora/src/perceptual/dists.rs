//! Deep image structure and texture similarity (DISTS): means and covariances of the maps of VGG16.
//!
//! ```text
//! l = (2 mx my + c) / (mx^2 + my^2 + c)        s = (2 s_xy + c) / (s_x^2 + s_y^2 + c)      c = 1e-6
//! d = 1 - sum_i (alpha_i l_i + beta_i s_i) / sum (alpha + beta)
//! ```
//!
//! `i` are the 1475 channels of the picture itself and of the last rectifier of each of VGG16's five stages; means, variances and
//! covariances are over the whole map. Instead of the largest of a window the net takes roots of weighted means of squares, so
//! that it does not alias. `alpha`, `beta` are the authors'. Pictures are compared at the size they have (the authors'
//! program offers to reduce them to 256 first). Gray counts as R = G = B. Cost: that of VGG16, twice.
//!
//! Reference: K. Ding, K. Ma, S. Wang, E. P. Simoncelli, "Image quality assessment: unifying structure and texture
//! similarity", IEEE TPAMI 44(5), 2022, arXiv:2004.07728.

use restora_image::Context;
use restora_nn::{Backbone, BackbonePooling, FeatureMap, NnError, Tensor, Tensors};

/// Keeps flat maps from counting (the authors' program).
const C: f64 = 1e-6;

/// Means and deviations of `ImageNet`, red, green and blue.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

/// DISTS with its weights.
#[derive(Debug)]
pub struct Dists {
    backbone: Backbone,
    alpha: Vec<f32>,
    beta: Vec<f32>,
}

impl Dists {
    /// Prepares VGG16 with torchvision's names, and the authors' `alpha` and `beta`.
    ///
    /// # Errors
    /// [`NnError`] saying which tensors are missing or do not fit.
    pub fn new(backbone: &Tensors, weights: &Tensors) -> Result<Self, NnError> {
        let backbone = Backbone::new(backbone, BackbonePooling::L2)?;
        let channels = 3 + backbone.kind().channels().iter().sum::<usize>();
        let part = |name: &str| match weights.get(name) {
            Some(tensor) if tensor.shape() == [1, channels, 1, 1] => Ok(tensor.data().to_vec()),
            tensor => {
                let got = tensor.map_or("none".into(), |t: &Tensor| format!("{:?}", t.shape()));
                Err(NnError::Input(format!(
                    "the weights are not those of DISTS: wanted `{name}` [1, {channels}, 1, 1], got {got}"
                )))
            }
        };
        Ok(Self { alpha: part("alpha")?, beta: part("beta")?, backbone })
    }

    /// The distance of three planes each within 0 and 1.
    pub(super) fn distance(
        &self,
        x: &[f32],
        y: &[f32],
        size: [usize; 2],
        cx: &Context,
    ) -> Result<f64, NnError> {
        let n = size[0] * size[1];
        let maps = |planes: &[f32]| -> Result<Vec<FeatureMap>, NnError> {
            let normalize = |(i, v): (usize, &f32)| (v - MEAN[i / n]) / DEVIATION[i / n];
            let prepared: Vec<f32> = planes.iter().enumerate().map(normalize).collect();
            let data = (0..3 * n).map(|i| planes[i % 3 * n + i / 3]).collect();
            let [height, width] = size;
            let mut all = vec![FeatureMap { channels: 3, height, width, data }];
            all.extend(self.backbone.taps(&prepared, size, cx)?);
            Ok(all)
        };
        let (a, b) = (maps(x)?, maps(y)?);
        let terms = a.iter().zip(&b).flat_map(|(a, b)| similarities(a, b));
        let (mut sum, mut weight) = (0.0, 0.0);
        for ((alpha, beta), [texture, structure]) in self.alpha.iter().zip(&self.beta).zip(terms) {
            let (alpha, beta) = (f64::from(*alpha), f64::from(*beta));
            sum += alpha * texture + beta * structure;
            weight += alpha + beta;
        }
        Ok(1.0 - sum / weight)
    }
}

/// `l` and `s` of each channel.
fn similarities(a: &FeatureMap, b: &FeatureMap) -> Vec<[f64; 2]> {
    let c = a.channels;
    let n = (a.width * a.height) as f64;
    let mut means = vec![[0.0_f64; 2]; c];
    let pixels = || a.data.chunks_exact(c).zip(b.data.chunks_exact(c));
    for (a, b) in pixels() {
        for ((mean, a), b) in means.iter_mut().zip(a).zip(b) {
            mean[0] += f64::from(*a);
            mean[1] += f64::from(*b);
        }
    }
    means.iter_mut().flatten().for_each(|m| *m /= n);
    // Variances and covariance.
    let mut moments = vec![[0.0_f64; 3]; c];
    for (a, b) in pixels() {
        for (((moments, mean), a), b) in moments.iter_mut().zip(&means).zip(a).zip(b) {
            let (a, b) = (f64::from(*a) - mean[0], f64::from(*b) - mean[1]);
            moments[0] += a * a;
            moments[1] += b * b;
            moments[2] += a * b;
        }
    }
    let similar = |([mx, my], [xx, yy, xy]): (&[f64; 2], &[f64; 3])| {
        let texture = (2.0 * mx * my + C) / (mx * mx + my * my + C);
        let structure = (2.0 * xy / n + C) / (xx / n + yy / n + C);
        [texture, structure]
    };
    means.iter().zip(&moments).map(similar).collect()
}
