//! Prepared nets on 512x512 gray, one thread: our restorer and `DnCNN`-17.

use restora_nn::models::{Architecture, DnCnn, Restorer};
use restora_nn::{Net, Runner};

fn main() {
    divan::main();
}

#[divan::bench(args = ["restorer", "dncnn-17"], sample_count = 5, sample_size = 1)]
fn gray_512(bencher: divan::Bencher, net: &str) {
    let graph =
        if net == "restorer" { Restorer::default().graph() } else { DnCnn::default().graph() };
    let channels = if net == "restorer" { 3 } else { 1 };
    let runner = Runner::new(&Net::random(graph, 1));
    let planes: Vec<f32> = (0..channels * 512 * 512).map(|i| (i % 251) as f32 / 251.0).collect();
    bencher.bench(|| runner.run([channels, 512, 512], &planes, 1));
}
