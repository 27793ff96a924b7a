//! Every feature of a 768 x 512 color picture, one thread; a net of others where the shared sets have one.

use divan::{Bencher, counter::ItemsCount};
use restora::Extractor;
use restora::image::{Context, Size};
use std::path::PathBuf;

fn main() {
    divan::main();
}

fn names() -> Vec<String> {
    let shared = std::env::var_os("RESTORA_SHARED").map_or("../../../shared".into(), PathBuf::from);
    let squeezenet = shared.join("data/weights/squeezenet_imagenet_fp16.onnx");
    let ids = Extractor::catalog().into_iter().map(|info| info.id.to_owned());
    let mut names: Vec<_> = ids.filter(|id| id != "model").collect();
    names.extend(squeezenet.is_file().then(|| format!("model={}", squeezenet.display())));
    names
}

#[divan::bench(args = names())]
fn extract_color(bencher: Bencher, name: &str) {
    let extractor = Extractor::parse(name).expect("a feature");
    let image = restora_testkit::synthetic_rgb(Size::new(768, 512));
    bencher
        .counter(ItemsCount::new(image.size().pixels()))
        .bench(|| extractor.extract(&image, &Context::default()).expect("numbers"));
}
