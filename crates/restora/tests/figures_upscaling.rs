//! PSNR and SSIM of enlarging what `downscale` reduced and 8 bits hold, on the standard sets: on the luminance of
//! BT.601, without a border as wide as the factor, as the literature does.
//! `RESTORA_SHARED=.. cargo test --release -p restora --test figures_upscaling -- --ignored --nocapture`

use restora::Step;
use restora_image::{Context, Depth, Image, Raster, Rect, Sample, Size};
use restora_metrics::full_reference::{Ssim, ssim};
use restora_ops::degrade::{Downscale, downscale};
use restora_testkit::{cpu_seconds, set};

fn rounded(image: &Image) -> Image {
    Raster::from_image(image, Depth::U8).expect("gray or RGB").to_image()
}

/// Luminance of BT.601, 16 to 235 of 255, rounded; gray stays gray.
fn luminance(image: &Image) -> Image {
    let image = rounded(image);
    if image.channels() == 1 {
        return image;
    }
    let (r, g, b) = (image.plane(0), image.plane(1), image.plane(2));
    let value = |x, y| 65.481 * r.at(x, y) + 128.553 * g.at(x, y) + 24.966 * b.at(x, y);
    Image::gray_from_fn(image.size(), |x, y| (16.0 + value(x, y)).round() / 255.0)
}

/// Mean PSNR, SSIM and CPU milliseconds on one thread, of every `every`-th image.
fn scores(folder: &str, every: usize, step: &Step, factor: u32) -> [f64; 3] {
    let cx = Context::default();
    let mut sums = [0.0; 3];
    let images: Vec<_> = set(folder).into_iter().step_by(every).collect();
    for (_, clean) in &images {
        let Size { width, height } = clean.size();
        let (width, height) = (width / factor * factor, height / factor * factor);
        let clean = clean.crop(Rect { x: 0, y: 0, width, height });
        let small = rounded(&downscale(&clean, &Downscale { factor }, &cx).expect("reduced"));
        let mut large = None;
        sums[2] += 1e3
            * cpu_seconds(1, || {
                let mut sample = Sample::new(small.clone());
                step.operation().apply(&mut sample, &cx).expect("enlarged");
                large = Some(sample.image);
            });
        let large = large.expect("enlarged");
        let inner =
            Rect { x: factor, y: factor, width: width - 2 * factor, height: height - 2 * factor };
        let [a, b] = [&clean, &large].map(|image| luminance(image).crop(inner));
        let squares = a.data().iter().zip(b.data()).map(|(a, b)| f64::from(a - b).powi(2));
        sums[0] -= 10.0 * (squares.sum::<f64>() / a.data().len() as f64).log10();
        sums[1] += ssim(&a, &b, &Ssim::default(), &cx).expect("similarity");
    }
    sums.map(|sum| sum / images.len() as f64)
}

/// A method on sets, of each every so many pictures, by 2 and by 3: at least `wanted`.
#[expect(clippy::print_stdout, reason = "the figures are the result")]
fn assert_at_least(name: &str, sets: &[(&str, usize, [f64; 2])]) {
    for (folder, every, wanted) in sets {
        for (factor, wanted) in [2, 3].into_iter().zip(wanted) {
            let step = Step::from_text(&format!("{name}:factor={factor}")).expect("a step");
            let [psnr, ssim, ms] = scores(folder, *every, &step, factor);
            println!("{name} by {factor}, {folder}: {psnr:.3} dB, {ssim:.4}, {ms:.1} ms");
            assert!(psnr >= *wanted, "{name} by {factor} on {folder}: {psnr:.3}, wanted {wanted}");
        }
    }
}

const SET12: &str = "denoise/Set12";
const BSD68: &str = "denoise/BSD68";
const KODAK: &str = "Kodak500";

#[test]
#[ignore = "needs the shared sets"]
fn bicubic_and_lanczos_are_at_the_figures_of_their_peers() {
    // Pillow's, which rounds in fixed point (`tools/peers/upscaling.py`).
    let pillow =
        [(SET12, 1, [29.172, 26.410]), (BSD68, 1, [28.423, 26.030]), (KODAK, 1, [31.033, 28.530])];
    assert_at_least("bicubic", &pillow);
    let pillow =
        [(SET12, 1, [29.600, 26.709]), (BSD68, 1, [28.793, 26.239]), (KODAK, 1, [31.409, 28.745])];
    assert_at_least("lanczos", &pillow);
}

#[test]
#[ignore = "needs the shared sets"]
fn iterative_back_projection_is_at_its_figures() {
    let measured =
        [(SET12, 1, [30.34, 27.22]), (BSD68, 1, [29.49, 26.64]), (KODAK, 1, [32.14, 29.15])];
    assert_at_least("iterative-back-projection", &measured);
}

#[test]
#[ignore = "needs the shared sets"]
fn learned_upscaling_is_at_its_figures_in_gray() {
    assert_at_least("iterative-back-projection", &[(BSD68, 8, [29.61, 26.98])]);
    assert_at_least("learned-upscaling", &[(SET12, 1, [31.71, 28.45]), (BSD68, 8, [30.21, 27.53])]);
}

#[test]
#[ignore = "needs the shared sets"]
fn learned_upscaling_is_at_its_figures_in_color() {
    assert_at_least("iterative-back-projection", &[(KODAK, 4, [29.92, 26.56])]);
    assert_at_least("learned-upscaling", &[(KODAK, 4, [31.15, 27.41])]);
}
