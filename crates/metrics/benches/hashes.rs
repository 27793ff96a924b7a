//! Hashes of a 768 x 512 RGB picture.

use divan::Bencher;
use restora_image::Size;
use restora_metrics::features::hashes::{HashKind, block_mean, marr_hildreth, radial_variance};

fn main() {
    divan::main();
}

#[divan::bench(args = ["a-hash", "p-hash", "d-hash", "d-hash-vertical", "w-hash"])]
fn hash(bencher: Bencher, name: &str) {
    let kind: HashKind = serde_json::from_value(name.into()).expect("a kind");
    let image = restora_testkit::synthetic_rgb(Size::new(768, 512));
    bencher.bench(|| kind.of(&image).expect("a hash"));
}

#[divan::bench(args = ["block-mean", "marr-hildreth", "radial-variance"])]
fn opencv(bencher: Bencher, name: &str) {
    let image = restora_testkit::synthetic_rgb(Size::new(768, 512));
    bencher.bench(|| match name {
        "block-mean" => block_mean(&image).expect("a hash").0[0],
        "marr-hildreth" => marr_hildreth(&image).expect("a hash").0[0],
        _ => radial_variance(&image).expect("a hash").0[0],
    });
}
