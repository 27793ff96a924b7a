//! Memory of a training run, measured on the whole process: a file of its own, and so a process.

use restora_image::Rng;
use restora_nn::Value;
use restora_nn::models::{Architecture, Restorer};
use restora_nn::train::{Batch, Optimizer, Trainer, TrainerOptions};

#[test]
#[cfg(target_os = "linux")]
fn three_hundred_steps_take_no_more_memory_than_thirty() {
    let resident = || -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse().unwrap()
    };
    let net = Restorer { widths: [16, 24, 32], ..Restorer::default() }.start(1);
    let options = TrainerOptions {
        optimizer: Optimizer::Muon { weight_decay: 0.0 },
        ..TrainerOptions::default()
    };
    let mut trainer = Trainer::new(net, options).unwrap();
    let mut rng = Rng::new(1, "pixels", 0);
    let mut batch = |channels: usize| {
        let planes: Vec<f32> = (0..4 * channels * 32 * 32).map(|_| rng.uniform() as f32).collect();
        Value::from_planes(4, [channels, 32, 32], &planes).unwrap()
    };
    let mut early = 0;
    for step in 0..300 {
        trainer.step(Batch { input: batch(3), target: batch(1) }, 2).unwrap();
        if step == 30 {
            early = resident();
        }
    }
    let grown = resident().saturating_sub(early);
    // A batch that is kept every step would be 13 MiB by now.
    assert!(grown < 4 << 10, "grown by {grown} KiB from {early} KiB");
}
