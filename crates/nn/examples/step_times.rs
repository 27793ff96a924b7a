//! Our side of `tools/peers/torch_steps.py`: each line of standard input, `NET STEPS`, trains a net for so many
//! steps and prints their mean wall and CPU seconds, and the number of its weights. A step is forward, loss (squared error), backward and
//! Adam, on one batch again and again. The argument is the number of threads.

use restora_nn::models::{
    Architecture, ConvDenoisingAutoencoder, DenseAutoencoder, DenseDenoisingAutoencoder, DnCnn,
    UNet,
};
use restora_nn::train::{Batch, Trainer, TrainerOptions};
use restora_nn::{Net, NnError, Shape, Value};
use std::collections::HashMap;
use std::time::Instant;

/// A net that starts, and its batch: as in the list `NETS` on the other side.
fn start(name: &str) -> Option<(Net, usize, Shape)> {
    let faces = DenseAutoencoder {
        shape: [1, 32, 32],
        hidden: vec![512],
        code: 32,
        ..DenseAutoencoder::default()
    };
    let digits = DenseDenoisingAutoencoder::default();
    let conv = ConvDenoisingAutoencoder { channels: 3, ..ConvDenoisingAutoencoder::default() };
    let unet = UNet { channels: 3, ..UNet::default() };
    let dncnn = DnCnn { batch_norm: true, ..DnCnn::default() };
    Some(match name {
        "dense-faces" => (faces.start(1), 64, [1, 32, 32]),
        "dense-digits" => (digits.start(1), 64, [1, 28, 28]),
        "conv" => (conv.start(1), 16, [3, 64, 64]),
        "unet" => (unet.start(1), 16, [3, 64, 64]),
        "dncnn" => (dncnn.start(1), 32, [1, 40, 40]),
        _ => return None,
    })
}

/// A net with its batch.
struct Case {
    trainer: Trainer,
    batch: Batch,
}

impl Case {
    fn new(name: &str) -> Result<Self, NnError> {
        let unknown = || NnError::Input(format!("no net is called `{name}`"));
        let (net, n, shape) = start(name).ok_or_else(unknown)?;
        let options = TrainerOptions { clip: 0.0, ema: 0.0, ..TrainerOptions::default() };
        let len = n * shape.iter().product::<usize>();
        let planes: Vec<f32> = (0..len).map(|i| ((i * 7919) % 1000) as f32 / 1000.0).collect();
        let input = Value::from_planes(n, shape, &planes)?;
        let batch = Batch { target: input.clone(), input };
        Ok(Self { trainer: Trainer::new(net, options)?, batch })
    }

    /// Mean wall and CPU seconds of a step, each with the copy of its batch.
    fn steps(&mut self, count: usize, threads: usize) -> Result<[f64; 2], NnError> {
        let Self { trainer, batch } = self;
        let mut done = Ok(());
        let start = Instant::now();
        let cpu = restora_testkit::cpu_seconds(1, || {
            done = (0..count).try_for_each(|_| trainer.step(batch.clone(), threads).map(drop));
        });
        let wall = start.elapsed().as_secs_f64();
        done.map(|()| [wall, cpu].map(|seconds| seconds / count.max(1) as f64))
    }
}

#[expect(clippy::print_stdout, reason = "the answer to a line")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let threads = std::env::args().nth(1).map_or(Ok(2), |n| n.parse())?;
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    let mut cases = HashMap::new();
    for line in std::io::stdin().lines() {
        let line = line?;
        let (name, steps) = line.split_once(' ').ok_or("wanted: NET STEPS")?;
        if !cases.contains_key(name) {
            cases.insert(name.to_owned(), Case::new(name)?);
        }
        if let Some(case) = cases.get_mut(name) {
            let [wall, cpu] = case.steps(steps.parse()?, threads)?;
            println!("{wall} {cpu} {}", case.trainer.net().trained_numbers());
        }
    }
    Ok(())
}
