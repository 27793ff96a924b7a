//! CPU milliseconds of the local filters on one PNG file (least of many runs, one thread):
//! `cargo run --release -p restora-ops --example filter_times -- image.png`.

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
    for radius in [1, 2, 3, 4, 7, 15, 31] {
        let options = filter::Median { radius, ..filter::Median::default() };
        time(&format!("median {radius} 8-bit"), &|| filter::median(&image, &options, &cx));
    }
}
