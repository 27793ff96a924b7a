//! Writes nets as ONNX with an input and our engine's outputs, for `tools/onnx/check.py`:
//!
//! ```text
//! cargo run --release -p restora-nn --example onnx_cases -- /tmp/onnx_cases
//! python tools/onnx/check.py /tmp/onnx_cases
//! ```
//! There is one net per operation, each with two items of a size that its shape hint did not have,
//! and one per architecture. Each gives `NAME.onnx`, `NAME.in.npy`,
//! `NAME.out.npy` and, where the net has a code, `NAME.code.npy`.

use restora_image::Rng;
use restora_nn::models::{
    ConvAutoencoder, ConvDenoisingAutoencoder, DenseAutoencoder, DenseDenoisingAutoencoder, DnCnn,
    FfdNet, Restorer, UNet,
};
use restora_nn::{Graph, Model, Net, Op, Tensors, Value, onnx};
use std::error::Error;
use std::path::Path;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).ok_or("wanted: the folder to write to")?;
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)?;
    for (name, op, channels) in operations() {
        let mut graph = Graph::new(channels);
        let inputs = if matches!(op, Op::Add | Op::Sub | Op::Concat) { 2 } else { 1 };
        // The second input differs from the first, or `Sub` would prove nothing.
        let from = if inputs == 2 { vec![0, graph.push(Op::Tanh, &[0])] } else { vec![0] };
        graph.push(op, &from);
        case(folder, name, &graph, [[channels, 8, 8], [channels, 12, 20]])?;
    }
    let mut vectors = Graph::new(2);
    let flat = vectors.push(Op::Flatten, &[0]);
    let code = vectors.dense("encode", flat, 24, 7);
    vectors.set_code(code);
    let code = vectors.push(Op::Tanh, &[code]);
    let back = vectors.dense("decode", code, 7, 24);
    vectors.push(Op::Unflatten { shape: [2, 3, 4] }, &[back]);
    case(folder, "dense_autoencoder", &vectors, [[2, 3, 4]; 2])?;
    let models = [
        ("model_dncnn_gray", Model::DnCnn(DnCnn::default())),
        ("model_dncnn_color", Model::DnCnn(DnCnn { channels: 3, layers: 20, ..DnCnn::default() })),
        ("model_dncnn_norm", Model::DnCnn(DnCnn { batch_norm: true, ..DnCnn::default() })),
        ("model_ffdnet_gray", Model::FfdNet(FfdNet::default())),
        ("model_ffdnet_color", Model::FfdNet(FfdNet { channels: 3, layers: 12, features: 96 })),
        ("model_restorer", Model::Restorer(Restorer { channels: 3, ..Restorer::default() })),
        ("model_dense_autoencoder", Model::DenseAutoencoder(DenseAutoencoder::default())),
        (
            "model_dense_denoising",
            Model::DenseDenoisingAutoencoder(DenseDenoisingAutoencoder::default()),
        ),
        ("model_conv_autoencoder", Model::ConvAutoencoder(ConvAutoencoder::default())),
        (
            "model_conv_denoising",
            Model::ConvDenoisingAutoencoder(ConvDenoisingAutoencoder::default()),
        ),
        ("model_unet", Model::UNet(UNet { base: 8, ..UNet::default() })),
    ];
    for (name, model) in models {
        let channels = model.channels() + model.conditioning().channels();
        let shapes = match model.fixed_shape() {
            Some(shape) => [shape; 2],
            None => [[channels, 16, 16], [channels, 40, 56]],
        };
        case(folder, name, &model.graph(), shapes)?;
    }
    Ok(())
}

fn operations() -> Vec<(&'static str, Op, usize)> {
    let conv = |kernel, stride, bias| {
        let name = "layer".to_owned();
        Op::Conv { name, inputs: 3, outputs: 5, kernel, stride, bias }
    };
    let name = || "layer".to_owned();
    vec![
        ("conv_3x3", conv(3, 1, true), 3),
        ("conv_1x1", conv(1, 1, true), 3),
        ("conv_5x5_stride_3", conv(5, 3, true), 3),
        ("conv_2x2_stride_2", conv(2, 2, true), 3),
        ("conv_without_bias", conv(3, 2, false), 3),
        ("up_conv", Op::UpConv2 { name: name(), inputs: 3, outputs: 4 }, 3),
        ("batch_norm", Op::BatchNorm { name: name(), channels: 3 }, 3),
        ("relu", Op::Relu, 3),
        ("leaky_relu", Op::LeakyRelu { slope: 0.2 }, 3),
        ("sigmoid", Op::Sigmoid, 3),
        ("tanh", Op::Tanh, 3),
        ("shift", Op::Shift { by: -0.5 }, 3),
        ("add", Op::Add, 3),
        ("sub", Op::Sub, 3),
        ("concat", Op::Concat, 3),
        ("slice", Op::Slice { from: 1, count: 3 }, 5),
        ("pixel_unshuffle_2", Op::PixelUnshuffle { factor: 2 }, 3),
        ("pixel_unshuffle_4", Op::PixelUnshuffle { factor: 4 }, 2),
        ("pixel_shuffle_2", Op::PixelShuffle { factor: 2 }, 12),
        ("pixel_shuffle_3", Op::PixelShuffle { factor: 3 }, 18),
        ("max_pool", Op::MaxPool2, 3),
        ("upsample", Op::Upsample2, 3),
    ]
}

/// Random weights, of which those of batch norm differ from their start.
fn weights(graph: &Graph) -> Tensors {
    let mut tensors = Net::random(graph.clone(), 7).tensors();
    for (name, tensor) in &mut tensors {
        let mut rng = Rng::new(7, name, 1);
        if tensor.shape().len() == 1 {
            let low = if name.ends_with("bias") || name.ends_with("mean") { -0.3 } else { 0.5 };
            for v in tensor.data_mut() {
                *v = (low + 0.6 * rng.uniform()) as f32;
            }
        }
    }
    tensors
}

/// Writes one net: exported for the first shape, run on two items of the second.
fn case(folder: &Path, name: &str, graph: &Graph, [hint, shape]: [[usize; 3]; 2]) -> Result<()> {
    let tensors = weights(graph);
    std::fs::write(
        folder.join(format!("{name}.onnx")),
        onnx::export(graph, &tensors, hint, None)?,
    )?;
    let mut rng = Rng::new(1, name, 0);
    let planes: Vec<f32> =
        (0..2 * shape.iter().product::<usize>()).map(|_| rng.normal() as f32).collect();
    let net = Net::new(graph.clone(), tensors)?;
    let input = Value::from_planes(2, shape, &planes)?;
    if graph.code().is_some() {
        let code = net.encode(input.clone(), 2)?;
        npy(&folder.join(format!("{name}.code.npy")), code.shape(), &code.to_planes())?;
    }
    let out = net.forward(input, 2)?;
    npy(&folder.join(format!("{name}.in.npy")), shape, &planes)?;
    npy(&folder.join(format!("{name}.out.npy")), out.shape(), &out.to_planes())
}

/// A NumPy file of two items.
fn npy(path: &Path, [c, h, w]: [usize; 3], numbers: &[f32]) -> Result<()> {
    let mut header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': (2, {c}, {h}, {w}), }}");
    while !(header.len() + 11).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend_from_slice(&(header.len() as u16).to_le_bytes());
    file.extend_from_slice(header.as_bytes());
    file.extend(numbers.iter().flat_map(|v| v.to_le_bytes()));
    Ok(std::fs::write(path, file)?)
}
