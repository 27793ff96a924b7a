//! PSNR and CPU seconds of NL-Ridge and LIChI on a shared set:
//! `nl_ridge_sets METHOD SET SIGMA [EVERY]`, e.g. `lichi denoise/BSD68 25 4`.
#![expect(clippy::print_stdout, reason = "an example prints")]

use restora_image::{Context, Sigma};
use restora_ops::denoise::{Lichi, NlRidge, lichi, nl_ridge};
use restora_testkit::{awgn, cpu_seconds, psnr, set};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number =
        |i: usize, default: f32| arguments.get(i).map_or(default, |a| a.parse().expect("a number"));
    let (sigma, every) = (number(2, 25.0), number(3, 1.0) as usize);
    let (mut decibels, mut seconds, mut count) = (0.0, 0.0, 0.0);
    let known = Sigma::Known(sigma / 255.0);
    for (i, (name, clean)) in set(&arguments[1]).iter().enumerate().step_by(every) {
        let degraded = awgn(clean, sigma, i);
        let mut restored = degraded.clone();
        let cx = Context::default();
        let took = cpu_seconds(1, || {
            restored = match arguments[0].as_str() {
                "nl-ridge" => {
                    nl_ridge(&degraded, &NlRidge { sigma: known, ..NlRidge::default() }, &cx)
                }
                "lichi" => lichi(&degraded, &Lichi { sigma: known, ..Lichi::default() }, &cx),
                other => panic!("no method {other}"),
            }
            .expect("restored");
        });
        let score = psnr(clean, &restored);
        println!("{name} {score:.3} dB {took:.3} s");
        decibels += score;
        seconds += took;
        count += 1.0;
    }
    println!("{arguments:?} mean {:.3} dB {:.3} s", decibels / count, seconds / count);
}
