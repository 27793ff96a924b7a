//! Whole architectures at every level of vector instructions against plain loops in double precision.

use super::*;
use crate::kernels::{at_level, levels};
use crate::models::{Architecture, DnCnn, Restorer};
use crate::{Op, Tensors};

/// A feature map, `[c][y][x]`.
struct Map {
    shape: Shape,
    data: Vec<f64>,
}

impl Map {
    fn of(shape: Shape, at: impl Fn(usize, usize, usize) -> f64) -> Self {
        let [c, h, w] = shape;
        let pixel = |i: usize| at(i / (h * w), i / w % h, i % w);
        Self { shape, data: (0..c * h * w).map(pixel).collect() }
    }

    /// Zero outside.
    fn at(&self, c: usize, y: isize, x: isize) -> f64 {
        let [_, h, w] = self.shape.map(|n| n as isize);
        let inside = (0..h).contains(&y) && (0..w).contains(&x);
        if inside { self.data[((c as isize * h + y) * w + x) as usize] } else { 0.0 }
    }

    fn get(&self, c: usize, y: usize, x: usize) -> f64 {
        self.at(c, y as isize, x as isize)
    }
}

/// What a layer is by its definition.
fn layer(op: &Op, shape: Shape, from: &[&Map], tensors: &Tensors) -> Map {
    let tensor = |name: &str, part: &str| -> Vec<f64> {
        let tensor = tensors.get(&format!("{name}.{part}"));
        tensor.map_or_else(Vec::new, |t| t.data().iter().map(|&x| x.into()).collect())
    };
    let x = from[0];
    match op {
        Op::Conv { name, inputs, kernel: k, stride, .. } => {
            let (weights, bias) = (tensor(name, "weight"), tensor(name, "bias"));
            Map::of(shape, |o, row, column| {
                let mut sum = bias.get(o).copied().unwrap_or(0.0);
                for i in 0..*inputs {
                    for (ky, kx) in (0..*k).flat_map(|y| (0..*k).map(move |x| (y, x))) {
                        let [y, x_at] = [(row, ky), (column, kx)]
                            .map(|(to, tap)| (to * stride + tap) as isize - (k / 2) as isize);
                        sum += weights[((o * inputs + i) * k + ky) * k + kx] * x.at(i, y, x_at);
                    }
                }
                sum
            })
        }
        Op::UpConv2 { name, inputs, outputs } => {
            let (weights, bias) = (tensor(name, "weight"), tensor(name, "bias"));
            Map::of(shape, |o, row, column| {
                let tap = row % 2 * 2 + column % 2;
                let part = |i| weights[(i * outputs + o) * 4 + tap] * x.get(i, row / 2, column / 2);
                bias[o] + (0..*inputs).map(part).sum::<f64>()
            })
        }
        Op::BatchNorm { name, .. } => {
            let [gain, offset, mean, variance] =
                ["weight", "bias", "running_mean", "running_var"].map(|part| tensor(name, part));
            Map::of(shape, |c, row, column| {
                let normal = (x.get(c, row, column) - mean[c]) / (variance[c] + 1e-5).sqrt();
                gain[c] * normal + offset[c]
            })
        }
        Op::Relu => Map::of(shape, |c, row, column| x.get(c, row, column).max(0.0)),
        Op::Add => Map::of(shape, |c, y, x_at| x.get(c, y, x_at) + from[1].get(c, y, x_at)),
        Op::Sub => Map::of(shape, |c, y, x_at| x.get(c, y, x_at) - from[1].get(c, y, x_at)),
        Op::Slice { from, .. } => Map::of(shape, |c, row, column| x.get(c + from, row, column)),
        Op::PixelUnshuffle { factor: f } => Map::of(shape, |c, row, column| {
            x.get(c / (f * f), row * f + c / f % f, column * f + c % f)
        }),
        Op::PixelShuffle { factor: f } => Map::of(shape, |c, row, column| {
            x.get((c * f + row % f) * f + column % f, row / f, column / f)
        }),
        other => unreachable!("{other:?} is no part of these nets"),
    }
}

fn by_definition(graph: &Graph, tensors: &Tensors, shape: Shape, planes: &[f32]) -> Vec<f64> {
    let shapes = graph.shapes(shape).unwrap();
    let mut maps = vec![Map { shape, data: planes.iter().map(|&x| x.into()).collect() }];
    for (node, &shape) in graph.nodes().iter().zip(&shapes).skip(1) {
        let from: Vec<&Map> = node.inputs.iter().map(|&i| &maps[i]).collect();
        maps.push(layer(&node.op, shape, &from, tensors));
    }
    maps.swap_remove(graph.output()).data
}

#[test]
fn a_restorer_and_a_dncnn_give_what_their_definition_says_at_every_level() {
    let restorer = Restorer { channels: 3, widths: [20, 24, 36], ..Restorer::default() };
    let dncnn = DnCnn { channels: 1, features: 24, batch_norm: true, ..DnCnn::default() };
    // Rows and columns that end inside a Winograd tile, and more rows than a band has.
    for (graph, shape) in [(restorer.graph(), [5, 72, 24]), (dncnn.graph(), [1, 37, 27])] {
        let mut net = super::tests::net(graph);
        // Residual branches and layers without norm are kept from growing.
        net.scale(|name| if name.ends_with("second.weight") { 0.3 } else { 1.0 });
        let planes = super::tests::numbers(shape.iter().product());
        let wanted = by_definition(net.graph(), &net.tensors(), shape, &planes);
        let largest = wanted.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
        for level in levels() {
            let came = at_level(level, || {
                Runner::new(&net).run_in_bands(shape, &planes, 1, 32).unwrap().1
            });
            let off = came.iter().zip(&wanted).map(|(c, w)| (f64::from(*c) - w).abs());
            let worst = off.fold(0.0, f64::max) / largest;
            assert!(worst < 1e-5, "{level:?}, {shape:?}: {worst:e} of {largest}");
        }
    }
}
