//! Learned perceptual image patch similarity (LPIPS): weighted distances of unit features of a trained net.
//!
//! ```text
//! d = sum_l 1 / (H_l W_l) sum_hw sum_c w_lc (x_lhwc / |x_lhw| - y_lhwc / |y_lhw|)^2
//! ```
//!
//! `x_l` are the maps of `AlexNet`, VGG16 or `SqueezeNet` 1.1 after five (seven) of their rectifiers, each pixel divided by its
//! norm over channels plus 1e-10; `w` are the authors' linear layers, of version 0.1 or 0.0. Pictures go from [0, 1] to
//! [-1, 1], and, in version 0.1, by the authors' shifts and scales to about what the nets were trained on. Gray
//! counts as R = G = B. Cost: that of the net, twice.
//!
//! Reference: R. Zhang, P. Isola, A. A. Efros, E. Shechtman, O. Wang, "The unreasonable effectiveness of deep
//! features as a perceptual metric", CVPR 2018, arXiv:1801.03924.

use restora_image::Context;
use restora_nn::{Backbone, BackboneKind, BackbonePooling, FeatureMap, NnError, Tensors};

/// Added to the norm of a pixel's features.
const EPSILON: f32 = 1e-10;

/// What the authors shift and scale [-1, 1] by, red, green and blue: `ImageNet`'s means and deviations there.
const SHIFT: [f32; 3] = [-0.030, -0.088, -0.188];
const SCALE: [f32; 3] = [0.458, 0.448, 0.450];

/// Which linear layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LpipsVersion {
    /// Of the paper's first code: pictures in [-1, 1] as they are.
    V0_0,
    /// The authors' correction: pictures shifted and scaled.
    #[default]
    V0_1,
}

/// LPIPS with its weights.
#[derive(Debug)]
pub struct Lpips {
    backbone: Backbone,
    linear: Vec<Vec<f32>>,
    version: LpipsVersion,
}

impl Lpips {
    /// Prepares a backbone with torchvision's names and linear layers with the authors' (`lin0.model.1.weight`).
    ///
    /// # Errors
    /// [`NnError`] saying which tensors are missing or do not fit the backbone.
    pub fn new(
        backbone: &Tensors,
        linear: &Tensors,
        version: LpipsVersion,
    ) -> Result<Self, NnError> {
        let backbone = Backbone::new(backbone, BackbonePooling::Max)?;
        let kind = backbone.kind();
        let layer = |(index, channels): (usize, &usize)| {
            let name = format!("lin{index}.model.1.weight");
            match linear.get(&name) {
                Some(tensor) if tensor.shape() == [1, *channels, 1, 1] => {
                    Ok(tensor.data().to_vec())
                }
                tensor => {
                    let got = tensor.map_or("none".into(), |t| format!("{:?}", t.shape()));
                    Err(NnError::Input(format!(
                        "the linear layers do not fit {kind}: wanted `{name}` [1, {channels}, 1, 1], got {got}"
                    )))
                }
            }
        };
        let layers =
            kind.channels().iter().enumerate().map(layer).collect::<Result<Vec<_>, _>>()?;
        if linear.len() != layers.len() {
            let (wanted, got) = (layers.len(), linear.len());
            return Err(NnError::Input(format!(
                "the linear layers do not fit {kind}: wanted {wanted} tensors, got {got}"
            )));
        }
        Ok(Self { backbone, linear: layers, version })
    }

    /// Which net.
    pub fn backbone(&self) -> BackboneKind {
        self.backbone.kind()
    }

    /// Key in JSON and CSV.
    pub(super) fn key(&self) -> String {
        let net = match self.backbone() {
            BackboneKind::AlexNet => "alex",
            BackboneKind::Vgg16 => "vgg",
            BackboneKind::SqueezeNet => "squeeze",
        };
        format!("lpips_{net}")
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
        let prepared = |planes: &[f32]| -> Vec<f32> {
            let value = |(i, v): (usize, &f32)| {
                let v = 2.0 * v - 1.0;
                match self.version {
                    LpipsVersion::V0_0 => v,
                    LpipsVersion::V0_1 => (v - SHIFT[i / n]) / SCALE[i / n],
                }
            };
            planes.iter().enumerate().map(value).collect()
        };
        let a = self.backbone.taps(&prepared(x), size, cx)?;
        let b = self.backbone.taps(&prepared(y), size, cx)?;
        let pairs = self.linear.iter().zip(a.iter().zip(&b));
        Ok(pairs.map(|(weights, (a, b))| layer_distance(weights, a, b)).sum())
    }
}

/// The mean over pixels of the weighted squared difference of unit features.
fn layer_distance(weights: &[f32], a: &FeatureMap, b: &FeatureMap) -> f64 {
    let c = a.channels;
    let norm = |v: &[f32]| v.iter().map(|v| v * v).sum::<f32>().sqrt() + EPSILON;
    let pixel = |(a, b): (&[f32], &[f32])| -> f64 {
        let (na, nb) = (1.0 / norm(a), 1.0 / norm(b));
        let terms = weights.iter().zip(a.iter().zip(b));
        let term = |(w, (a, b)): (&f32, (&f32, &f32))| w * (a * na - b * nb).powi(2);
        f64::from(terms.map(term).sum::<f32>())
    };
    let sum: f64 = a.data.chunks_exact(c).zip(b.data.chunks_exact(c)).map(pixel).sum();
    sum / (a.width * a.height) as f64
}
