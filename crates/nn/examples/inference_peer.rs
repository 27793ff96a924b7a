//! Our side of `tools/peers/inference.py`: for each line of standard input, the name of a net, one pass over
//! 512x512 by the net prepared for inference. Prints wall and CPU seconds. The argument is the number of
//! threads.

use restora_nn::models::{Architecture, DnCnn, Restorer};
use restora_nn::{Net, NnError, Runner};
use std::collections::HashMap;
use std::time::Instant;

/// A net with its planes of input.
fn case(name: &str) -> Result<(Runner, usize), NnError> {
    let (graph, channels) = match name {
        "dncnn-17" => (DnCnn::default().graph(), 1),
        // The nets that are shipped: image, noise level, and whether it is known.
        "restorer-gray" => (Restorer::default().graph(), 3),
        "restorer-color" => (Restorer { channels: 3, ..Restorer::default() }.graph(), 5),
        _ => return Err(NnError::Input(format!("no net is called `{name}`"))),
    };
    Ok((Runner::new(&Net::random(graph, 1)), channels))
}

#[expect(clippy::print_stdout, reason = "the answer to a line")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let threads = std::env::args().nth(1).map_or(Ok(2), |n| n.parse())?;
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    let planes: Vec<f32> = (0..5 * 512 * 512).map(|i| (i % 251) as f32 / 251.0).collect();
    let mut cases = HashMap::new();
    for name in std::io::stdin().lines() {
        let name = name?;
        if !cases.contains_key(&name) {
            cases.insert(name.clone(), case(&name)?);
        }
        let (runner, channels) = &cases[&name];
        let shape = [*channels, 512, 512];
        let mut done = Ok(());
        let start = Instant::now();
        let cpu = restora_testkit::cpu_seconds(1, || {
            done = runner.run(shape, &planes[..channels * 512 * 512], threads).map(drop);
        });
        done?;
        println!("{} {cpu}", start.elapsed().as_secs_f64());
    }
    Ok(())
}
