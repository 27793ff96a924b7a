//! Trains a recipe on the SMILEs faces and says the error on the faces kept out:
//! `RESTORA_SHARED=<sets> cargo run --release -p restora --example faces -- smiles_autoencoder_32 [steps]`.

#[path = "../tests/support/faces.rs"]
mod faces;

use std::time::Instant;

#[expect(clippy::print_stdout, reason = "the errors are the result")]
fn main() -> Result<(), restora::Error> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "smiles_autoencoder_32".to_owned());
    let mut options = faces::recipe(&name);
    if let Some(steps) = arguments.next().and_then(|s| s.parse().ok()) {
        options.trainer.steps = steps;
    }
    let set = faces::open(&restora_testkit::shared());
    let start = Instant::now();
    let mut weights = None;
    let cpu = restora_testkit::cpu_seconds(1, || {
        weights = Some(faces::run(&set, &options, |step, loss, held| {
            let seconds = start.elapsed().as_secs_f64();
            println!("step {step}: loss {loss:.6}, 64 faces kept out {held:.6}, {seconds:.0} s");
        }));
    });
    if let Some(weights) = weights {
        let [error, before] = faces::errors(&set, &options, &weights)?;
        println!("{name}: test MSE {error:.6} (given: {before:.6}), {cpu:.1} CPU s");
    }
    Ok(())
}
