//! Our side of `tools/peers/inference.py`: for each line of standard input, one pass of `DnCNN`-17 over 512x512
//! gray. Prints wall and CPU seconds. The argument is the number of threads.

use restora_nn::models::{Architecture, DnCnn};
use restora_nn::{Net, Runner};

#[expect(clippy::print_stdout, reason = "the answer to a line")]
fn main() {
    let threads = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(2);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    let runner = Runner::new(&Net::random(DnCnn::default().graph(), 1));
    let planes: Vec<f32> = (0..512 * 512).map(|i| (i % 251) as f32 / 251.0).collect();
    for _ in std::io::stdin().lines() {
        let start = std::time::Instant::now();
        let cpu = restora_testkit::cpu_seconds(1, || {
            pool.install(|| runner.run([1, 512, 512], &planes, threads)).expect("it fits");
        });
        println!("{} {cpu}", start.elapsed().as_secs_f64());
    }
}
