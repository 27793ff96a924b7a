//! How far an output pixel looks.

use super::{Graph, Op};

impl Graph {
    /// Rows and columns of an input must be multiples of this for every layer to see whole blocks, where
    /// all layers keep the grid of the input.
    pub fn alignment(&self) -> usize {
        let mut scale: Vec<(usize, usize)> = Vec::with_capacity(self.nodes().len());
        let mut most = 1;
        for node in self.nodes() {
            let (down, up) = node.inputs.first().map_or((1, 1), |&i| scale[i]);
            let (down, up) = match node.op {
                Op::Conv { stride, .. } => (down * stride.max(1), up),
                Op::MaxPool2 => (2 * down, up),
                Op::PixelUnshuffle { factor } => (down * factor.max(1), up),
                Op::PixelShuffle { factor } => (down, up * factor.max(1)),
                Op::UpConv2 { .. } | Op::Upsample2 => (down, 2 * up),
                _ => (down, up),
            };
            let common = gcd(down, up);
            scale.push((down / common, up / common));
            most = least_multiple(most, down / common);
        }
        most
    }

    /// How many pixels of the input around its own place decide a pixel of the output, at most, in rows
    /// or columns; `None` where the whole input does (a dense layer). An input that is cut at a
    /// multiple of [`Graph::alignment`] and has a margin of this many pixels gives the same result
    /// inside as the whole. The output has the input's size.
    pub fn reach(&self) -> Option<usize> {
        let align = self.alignment() as i64;
        // Far enough from zero that no interval becomes negative on a sensible net; floors are exact anyway.
        let origin = align * (1 << 20);
        let mut reach = 0;
        for pixel in origin..origin + align {
            let mut seen: Vec<Option<(i64, i64)>> = vec![None; self.nodes().len()];
            seen[self.output()] = Some((pixel, pixel));
            for (index, node) in self.nodes().iter().enumerate().rev() {
                let Some(interval) = seen[index] else { continue };
                let before = node.op.seen(interval)?;
                for &i in &node.inputs {
                    let (low, high) = seen[i].unwrap_or(before);
                    seen[i] = Some((low.min(before.0), high.max(before.1)));
                }
            }
            if let Some((low, high)) = seen[0] {
                reach = reach.max(pixel - low).max(high - pixel);
            }
        }
        usize::try_from(reach).ok()
    }
}

impl Op {
    /// The first and last place of the input that these places of the output look at.
    fn seen(&self, (low, high): (i64, i64)) -> Option<(i64, i64)> {
        Some(match *self {
            Self::Conv { kernel, stride, .. } => {
                let (k, s) = (kernel as i64, stride as i64);
                (low * s - k / 2, high * s - k / 2 + k - 1)
            }
            Self::PixelUnshuffle { factor } => {
                let f = factor as i64;
                (low * f, high * f + f - 1)
            }
            Self::MaxPool2 => (2 * low, 2 * high + 1),
            Self::PixelShuffle { factor } => {
                let f = (factor as i64).max(1);
                (low.div_euclid(f), high.div_euclid(f))
            }
            Self::UpConv2 { .. } | Self::Upsample2 => (low.div_euclid(2), high.div_euclid(2)),
            Self::Dense { .. } | Self::Flatten | Self::Unflatten { .. } => return None,
            Self::Input { .. }
            | Self::BatchNorm { .. }
            | Self::Relu
            | Self::LeakyRelu { .. }
            | Self::Sigmoid
            | Self::Tanh
            | Self::Shift { .. }
            | Self::Add
            | Self::Sub
            | Self::Concat
            | Self::Slice { .. } => (low, high),
        })
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn least_multiple(a: usize, b: usize) -> usize {
    a / gcd(a, b) * b
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Architecture, Restorer};
    use crate::{Net, Value};

    #[test]
    fn a_chain_of_convolutions_looks_as_far_as_it_is_deep() {
        let mut graph = Graph::new(1);
        let mut x = 0;
        for i in 0..17 {
            x = graph.conv(&format!("c{i}"), x, [1, 1], 3);
        }
        assert_eq!((graph.reach(), graph.alignment()), (Some(17), 1));
        let f = graph.push(Op::Flatten, &[x]);
        graph.dense("d", f, 4, 4);
        assert_eq!(graph.reach(), None);
    }

    #[test]
    fn what_lies_beyond_the_reach_changes_nothing_and_what_lies_within_does() {
        let model = Restorer { widths: [4, 4, 4], blocks: [0, 1, 1, 0, 0], ..Restorer::default() };
        let graph = model.graph();
        assert_eq!(graph.alignment(), Restorer::ALIGNMENT);
        let reach = graph.reach().unwrap();
        let net = Net::random(graph, 2);
        let (w, at) = (256, 128);
        let row = |changed: Option<usize>| {
            let mut planes = vec![0.5_f32; 3 * 8 * w];
            if let Some(x) = changed {
                (0..8).for_each(|y| planes[y * w + x] = 9.0);
            }
            net.forward(Value::from_planes(1, [3, 8, w], &planes).unwrap(), 1).unwrap().to_planes()
        };
        let plain = row(None);
        let mut farthest = 0;
        for x in at..at + Restorer::ALIGNMENT {
            let changed = row(Some(x));
            for column in 0..w {
                // Winograd's tiles share rounding errors, of 1e-6, beyond that.
                let moved = |y: usize| (plain[y * w + column] - changed[y * w + column]).abs();
                if (0..8).any(|y| moved(y) > 1e-3) {
                    farthest = farthest.max(column.abs_diff(x));
                }
            }
        }
        assert_eq!(farthest, reach);
    }
}
