//! Prints the findings that the automatic policy decides by, a line per file.
//!
//! `cargo run --release -p restora --example features -- FILE...`

use restora::data::{Limits, decode};
use restora::diagnose::diagnose;
use restora::image::Context;

#[expect(clippy::print_stdout, reason = "an example")]
fn main() {
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path).expect("readable file");
        let image = decode(&bytes, &Limits::default()).expect("picture").pages[0].to_image();
        let start = std::time::Instant::now();
        let d = diagnose(&image, &Context::default()).expect("not cancelled");
        let ms = start.elapsed().as_millis();
        let (c, n) = (&d.correlation, &d.noise);
        let name = path.rsplit('/').next().unwrap_or_default();
        println!(
            "{name:40.40} white {:4.1} ({:.2}) mid {:4.1} high {:4.1} even {:.2} {:.2} {:.2} rho {:.2} \
             sp {:.3} rv {:.3} ({:.2}) block {:.2} ({:.2}) blur {:.1} ({:.2}) {ms} ms {}",
            255.0 * n.model.sigma(),
            n.confidence,
            255.0 * c.middle,
            255.0 * c.high,
            c.evenness_low,
            c.evenness_wide,
            c.evenness_high,
            c.horizontal,
            d.impulses.salt_and_pepper,
            d.impulses.random_valued,
            d.impulses.confidence,
            255.0 * d.blocking.strength,
            d.blocking.confidence,
            d.blur.sigma,
            d.blur.confidence,
            if d.is_correlated() { "CORRELATED" } else { "" },
        );
    }
}
