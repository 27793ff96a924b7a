//! Our own restorer: a small U-shaped residual net that is told the noise level, or is not.
//!
//! ```text
//! input   [image, sigma, known]  at full size; sigma in nominal range and known = 1, or both 0 (blind)
//! 1/2     unshuffle, 3x3 to w0, B0 blocks --------------------------- + -- B4 blocks, 3x3, shuffle
//! 1/4                    2x2 to w1, B1 blocks ----------- + -- B3 blocks, 2x2 up
//! 1/8                               2x2 to w2, B2 blocks, 2x2 up
//! block   x + conv3x3(relu(conv3x3(x)))
//! output  image - what came out
//! ```
//! Everything is computed at half size or below, so that a pixel costs about 86,000 multiply-adds, a
//! sixth of `DnCNN`-17. There is no batch norm: a net that is told the noise level has to keep the
//! level of its features. Rows and columns must be multiples of 8; the inference pads by reflection.
//!
//! After the ideas of `FFDNet` (Zhang, Zuo, Zhang 2018, doi:10.1109/TIP.2018.2839891: unshuffled
//! input, noise map) and `DRUNet` (Zhang et al. 2021, arXiv 2008.13751: U shape of residual blocks,
//! joined by addition); the flag for "unknown" is ours.

use super::blocks::{blocks, down, quiet, up};
use super::{Architecture, Conditioning};
use crate::{Graph, Net, NnError, Op, Tensor, Tensors};
use serde::{Deserialize, Serialize};

/// Widths and depths of a restorer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Restorer {
    /// Channels of the image: 1 or 3.
    pub channels: usize,
    /// Features at half, quarter and eighth size.
    pub widths: [usize; 3],
    /// Residual blocks: half size down, quarter down, eighth, quarter up, half up.
    pub blocks: [usize; 5],
}

impl Default for Restorer {
    fn default() -> Self {
        Self { channels: 1, widths: [64, 80, 112], blocks: [1, 1, 3, 1, 2] }
    }
}

impl Restorer {
    /// Rows and columns of the input are multiples of this.
    pub const ALIGNMENT: usize = 8;
}

impl Restorer {
    /// Weights of a net that differs from this one in the channels of the image alone, made to fit: the first
    /// layer sees each channel as an equal share of the gray image (or gray as the sum of the colors), the
    /// last one gives every channel the same (or gray the mean). A color net so started denoises
    /// brightness from the first step on. Other differences are left for the net to refuse.
    ///
    /// # Errors
    /// [`NnError::Corrupt`] where the first layer does not belong to the last one.
    pub fn adapted(&self, mut tensors: Tensors) -> Result<Tensors, NnError> {
        let new = self.channels;
        let old = tensors.get("tail.bias").map_or(new, |t| t.data().len() / 4);
        if old == new || !matches!(old, 1 | 3) {
            return Ok(tensors);
        }
        let share = old.min(new) as f32 / old.max(new) as f32;
        // Unshuffled channels come in fours: those of the image, then sigma and known.
        let mut head = Vec::new();
        if let Some(t) =
            tensors.get("head.weight").filter(|t| t.shape().get(1) == Some(&(4 * (old + 2))))
        {
            for filter in t.data().chunks_exact(4 * (old + 2) * 9) {
                let (image, rest) = filter.split_at(4 * old * 9);
                for channel in 0..new {
                    let source = |i: usize| match old {
                        1 => image[i] * share,
                        _ if new == 1 => image.chunks_exact(36).map(|c| c[i]).sum(),
                        _ => image[channel * 36 + i],
                    };
                    head.extend((0..36).map(source));
                }
                head.extend_from_slice(rest);
            }
        }
        tensors.insert(
            "head.weight".to_owned(),
            Tensor::new(vec![self.widths[0], 4 * (new + 2), 3, 3], head)?,
        );
        for part in ["tail.weight", "tail.bias"] {
            let Some(t) = tensors.remove(part) else { continue };
            let each = t.data().len() / old;
            let mut shape = t.shape().to_vec();
            shape[0] = 4 * new;
            let source = |channel: usize, i: usize| match old {
                1 => t.data()[i],
                _ if new == 1 => t.data().chunks_exact(each).map(|c| c[i]).sum::<f32>() * share,
                _ => t.data()[channel * each + i],
            };
            let data = (0..new)
                .flat_map(|c| (0..each).map(move |i| (c, i)))
                .map(|(c, i)| source(c, i))
                .collect();
            tensors.insert(part.to_owned(), Tensor::new(shape, data)?);
        }
        Ok(tensors)
    }
}

impl Architecture for Restorer {
    /// # Errors
    /// [`NnError::Param`] where a width is 0 or beyond 4096, or a depth beyond 64.
    fn validate(&self) -> Result<(), NnError> {
        let ok = matches!(self.channels, 1 | 3)
            && self.widths.iter().all(|w| (1..=4096).contains(w))
            && self.blocks.iter().all(|&b| b <= 64);
        if ok {
            return Ok(());
        }
        Err(NnError::Param(format!(
            "a restorer wants 1 or 3 channels, widths in 1..=4096 and at most 64 blocks, got {self:?}"
        )))
    }

    fn graph(&self) -> Graph {
        let [w0, w1, w2] = self.widths;
        let c = self.channels;
        let mut g = Graph::new(c + 2);
        let small = g.push(Op::PixelUnshuffle { factor: 2 }, &[0]);
        let x = g.conv("head", small, [4 * (c + 2), w0], 3);
        let half = blocks(&mut g, "half_down", x, w0, self.blocks[0]);
        let x = down(&mut g, "down1", half, [w0, w1]);
        let quarter = blocks(&mut g, "quarter_down", x, w1, self.blocks[1]);
        let x = down(&mut g, "down2", quarter, [w1, w2]);
        let x = blocks(&mut g, "eighth", x, w2, self.blocks[2]);
        let x = up(&mut g, "up2", x, [w2, w1]);
        let x = g.push(Op::Add, &[x, quarter]);
        let x = blocks(&mut g, "quarter_up", x, w1, self.blocks[3]);
        let x = up(&mut g, "up1", x, [w1, w0]);
        let x = g.push(Op::Add, &[x, half]);
        let x = blocks(&mut g, "half_up", x, w0, self.blocks[4]);
        let x = g.conv("tail", x, [w0, 4 * c], 3);
        let noise = g.push(Op::PixelShuffle { factor: 2 }, &[x]);
        let image = g.push(Op::Slice { from: 0, count: c }, &[0]);
        g.push(Op::Sub, &[image, noise]);
        g
    }

    /// Random weights to start from: the last layer of each block is a tenth of its usual size and
    /// that of the net 0, so that a new net hands its input on and trains at high rates (after
    /// Zhang, Dauphin, Ma 2019, arXiv 1901.09321).
    fn start(&self, seed: u64) -> Net {
        let mut net = Net::random(self.graph(), seed);
        net.scale(|name| if name == "tail.weight" { 0.0 } else { quiet(name) });
        net
    }

    fn channels(&self) -> usize {
        self.channels
    }

    fn conditioning(&self) -> Conditioning {
        Conditioning::SigmaIfKnown
    }

    fn alignment(&self) -> usize {
        Self::ALIGNMENT
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    #[test]
    fn a_new_net_hands_its_input_on() {
        let net = Restorer { channels: 3, ..Restorer::default() }.start(1);
        let mut rng = restora_image::Rng::new(1, "x", 0);
        let planes: Vec<f32> = (0..5 * 16 * 24).map(|_| rng.uniform() as f32).collect();
        let out = net.forward(Value::from_planes(1, [5, 16, 24], &planes).unwrap(), 1).unwrap();
        assert_eq!(out.shape(), [3, 16, 24]);
        assert_eq!(out.to_planes(), planes[..3 * 16 * 24]);
    }

    #[test]
    fn a_color_net_made_of_a_gray_one_does_the_same_to_gray_pictures() {
        let gray = Restorer { widths: [8, 8, 8], ..Restorer::default() };
        let color = Restorer { channels: 3, ..gray.clone() };
        let tensors = Net::random(gray.graph(), 5).tensors();
        let as_color = color.adapted(tensors.clone()).unwrap();
        let mut rng = restora_image::Rng::new(2, "x", 0);
        let plane: Vec<f32> = (0..64).map(|_| rng.uniform() as f32).collect();
        let run = |net: &Restorer, tensors: &Tensors, c: usize| {
            let planes = [plane.repeat(c), vec![0.1; 64], vec![1.0; 64]].concat();
            let net = Net::new(net.graph(), tensors.clone()).unwrap();
            net.forward(Value::from_planes(1, [c + 2, 8, 8], &planes).unwrap(), 1)
                .unwrap()
                .to_planes()
        };
        let one = run(&gray, &tensors, 1);
        for (a, b) in run(&color, &as_color, 3).iter().zip(one.repeat(3)) {
            assert!((a - b).abs() < 1e-4, "{a} against {b}");
        }
        let back = gray.adapted(as_color).unwrap();
        for (name, t) in &tensors {
            let close = t.data().iter().zip(back[name].data()).all(|(a, b)| (a - b).abs() < 1e-5);
            assert!(close, "{name}");
        }
    }

    #[test]
    fn the_default_is_a_sixth_of_dncnn() {
        let macs = Restorer::default().graph().multiply_adds([3, 64, 64]).unwrap();
        let per_pixel = macs / (64 * 64);
        assert!((80_000..92_000).contains(&per_pixel), "{per_pixel}");
    }
}
