//! Embeddings by nets of others, against what ONNX Runtime says of the same pictures
//! (`shared/data/weights/parity`).
//! `RESTORA_SHARED=.. cargo test --release -p restora --test figures_features -- --ignored --nocapture`

use restora::Extractor;
use restora::data::{Dataset, DatasetOptions};
use restora::image::{Context, Image};
use restora_testkit::{read_png, shared};

fn net(file: &str, options: &str) -> Extractor {
    let file = shared().join("data/weights").join(file);
    Extractor::parse(&format!("model={},{options}", file.display())).expect("a net")
}

/// The numbers of an NPY of 32-bit floats.
fn npy(name: &str) -> Vec<f32> {
    let bytes = std::fs::read(shared().join("data/weights/parity").join(name)).expect("a file");
    let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    bytes[start..]
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes(b.try_into().expect("four bytes")))
        .collect()
}

fn of(extractor: &Extractor, image: &Image) -> Vec<f32> {
    extractor.extract(image, &Context::default()).expect("numbers")
}

const CAFFE: &str = "order=bgr,range=255,mean=104,117,123";

#[test]
#[ignore = "needs the shared sets"]
fn squeezenet_of_16_bit_weights_says_what_onnx_runtime_says() {
    let file = "squeezenet_imagenet_fp16.onnx";
    let classifier = net(file, &format!("{CAFFE},output=probabilities"));
    let embedder = net(file, CAFFE);
    let layer = net(file, &format!("{CAFFE},layer=fire9/concat_1"));
    assert_eq!(embedder.name(), format!("model={file},{CAFFE}"));
    let mut worst = 0.0f32;
    for (i, wanted) in npy("squeezenet_probs.npy").chunks_exact(1000).enumerate() {
        let image = read_png(&shared().join(format!("data/weights/parity/squeezenet_{i}.png")));
        let found = of(&classifier, &image);
        let best = |v: &[f32]| (0..1000).max_by(|a, b| v[*a].total_cmp(&v[*b])).unwrap();
        assert_eq!(best(&found), best(wanted), "picture {i}");
        worst = found.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(worst, f32::max);
        assert_eq!(of(&embedder, &image), of(&layer, &image));
    }
    assert_eq!(embedder.dimensions(), 512);
    println!("SqueezeNet: largest gap of a probability {worst:.1e}");
    // ONNX Runtime rounds every layer of this file to 16 bits, which is done here only to the weights.
    assert!(worst < 1e-3, "{worst}");
}

#[test]
#[ignore = "needs the shared sets"]
fn a_net_for_digits_says_what_onnx_runtime_says() {
    let (digits, embedder) =
        (net("mnist_cntk.onnx", "range=255,output=result"), net("mnist_cntk.onnx", "range=255"));
    let options = DatasetOptions { count: Some(10), ..Default::default() };
    let file = shared().join("data/small_images/mnist/t10k-images-idx3-ubyte.gz");
    let images = Dataset::open(&file, &options).unwrap();
    let mut worst = 0.0f32;
    for (item, wanted) in images.iter().zip(npy("mnist_cntk_logits_first10.npy").chunks_exact(10)) {
        let found = of(&digits, &item.unwrap().image());
        let largest = wanted.iter().fold(0.0f32, |a, b| a.max(b.abs()));
        let gap = |(a, b): (&f32, &f32)| (a - b).abs() / largest;
        worst = found.iter().zip(wanted).map(gap).fold(worst, f32::max);
    }
    assert_eq!(embedder.dimensions(), 256);
    println!("digits: largest gap {worst:.1e} of the largest number");
    assert!(worst < 1e-5, "{worst}");
}
