//! What fewer bits in the weights cost: `DnCNN`-17 for sigma 25 on Set12, as the authors trained it.

use restora_image::Context;
use restora_nn::weights::safetensors;
use restora_nn::{Denoiser, Model, Precision, Weights, import};
use restora_testkit::{awgn, psnr, set, shared};

#[test]
#[ignore = "needs the shared sets"]
fn half_precision_costs_nothing_and_int8_little() {
    let file = shared().join("data/weights/dncnn_gray_sigma25.safetensors");
    let (tensors, _) = safetensors::read(&std::fs::read(file).unwrap()).unwrap();
    let (model, tensors) = import::dncnn(tensors).unwrap();
    let weights = Weights { card: Model::DnCnn(model).card(), tensors };
    let images = set("denoise/Set12");
    let cx = Context::with_threads(2);
    let figures = [Precision::F32, Precision::F16, Precision::Int8].map(|precision| {
        let bytes = weights.to_bytes(precision).unwrap();
        let denoiser = Denoiser::new(Weights::from_bytes(&bytes).unwrap()).unwrap();
        let sum: f64 = (images.iter().enumerate())
            .map(|(i, (_, clean))| {
                let noisy = awgn(clean, 25.0, i);
                psnr(clean, &denoiser.denoise(&noisy, None, &cx).unwrap())
            })
            .sum();
        (bytes.len(), sum / images.len() as f64)
    });
    eprintln!("bytes and dB at 32, 16 and 8 bits: {figures:?}");
    let [(_, full), (_, half), (_, int8)] = figures;
    assert!((full - 30.45).abs() < 0.03, "{figures:?}");
    assert!(full - half < 0.001, "{figures:?}");
    assert!(full - int8 < 0.05, "{figures:?}");
}
