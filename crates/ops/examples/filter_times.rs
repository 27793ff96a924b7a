//! CPU milliseconds of the local filters on one PNG file (least of many runs, one thread):
//! `cargo run --release -p restora-ops --example filter_times -- image.png`.

#![expect(clippy::print_stdout, reason = "the table is the output")]

use restora_image::{Context, Image, OpError};
use restora_ops::filter;
use restora_testkit::cpu_seconds;

fn main() {
    let path = std::env::args().nth(1).expect("usage: filter_times image.png [name]");
    let wanted = std::env::args().nth(2).unwrap_or_default();
    let image = restora_testkit::read_png(path.as_ref());
    let cx = Context::default();
    let time = |name: &str, run: &dyn Fn() -> Result<Image, OpError>| {
        if name.contains(&wanted) {
            let seconds = cpu_seconds(30, || {
                std::hint::black_box(run()).expect("filter");
            });
            println!("{name}: {:.3} ms", 1e3 * seconds);
        }
    };
    for blur in [0.8, 2.0, 10.0] {
        let options = filter::Gaussian::with_blur(blur);
        time(&format!("gaussian {blur}"), &|| filter::gaussian(&image, &options, &cx));
    }
    let options = filter::Gaussian {
        sigma: restora_image::Sigma::Known(25.0 / 255.0),
        ..filter::Gaussian::default()
    };
    time("gaussian, blur chosen", &|| filter::gaussian(&image, &options, &cx));
    for radius in [1, 2, 3, 4, 7, 15, 31] {
        let options = filter::Median { radius, ..filter::Median::default() };
        time(&format!("median {radius} 8-bit"), &|| filter::median(&image, &options, &cx));
    }
    let options = filter::AdaptiveMedian::default();
    time("adaptive median", &|| filter::adaptive_median(&image, &options, &cx));
    for guide_blur in [0.0, 0.8] {
        let options = filter::Bilateral {
            sigma_space: Some(1.5),
            sigma_range: Some(75.0 / 255.0),
            guide_blur: Some(guide_blur),
            radius: Some(4),
            ..filter::Bilateral::default()
        };
        let name = format!("bilateral d9, guide blur {guide_blur}");
        time(&name, &|| filter::bilateral(&image, &options, &cx));
    }
    let options = filter::Guided { radius: 8, eps: Some(0.0015), ..filter::Guided::default() };
    time("guided 8", &|| filter::guided(&image, &options, &cx));
    let mut degraded = image.clone();
    let mut rng = restora_image::Rng::new(1, "impulses", 0);
    for v in degraded.data_mut() {
        let u = rng.uniform();
        *v = if u < 0.15 {
            0.0
        } else if u >= 0.85 {
            1.0
        } else {
            *v
        };
    }
    let options = restora_ops::denoise::Impulse::default();
    time("impulse 30 %", &|| restora_ops::denoise::impulse(&degraded, &options, &cx));
}
