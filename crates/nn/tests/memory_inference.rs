//! A photograph of 24 megapixels in bounded memory, measured on the whole process.

use restora_image::{ColorSpace, Context, Image, Size};
use restora_nn::models::Restorer;
use restora_nn::{Denoiser, Model, Weights};

#[test]
#[cfg(target_os = "linux")]
#[ignore = "needs half a minute"]
fn a_24_megapixel_photograph_passes_under_one_and_a_half_gigabytes() {
    let model = Model::Restorer(Restorer { channels: 3, ..Restorer::default() });
    let weights = Weights { card: model.card(), tensors: model.start(1).tensors() };
    let denoiser = Denoiser::new(weights).unwrap();
    let mut image = Image::zeros(Size::new(6000, 4000), ColorSpace::Srgb);
    for (i, x) in image.data_mut().iter_mut().enumerate() {
        *x = (i % 255) as f32 / 255.0;
    }
    let restored = denoiser.denoise(&image, Some(0.1), &Context::with_threads(2)).unwrap();
    // A new net hands its input on.
    assert!(restored == image);
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").trim().parse().unwrap();
    assert!(peak < 3 << 19, "{} MiB", peak / 1024);
    eprintln!("peak: {} MiB", peak / 1024);
}
