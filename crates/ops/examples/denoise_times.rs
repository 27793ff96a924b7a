//! CPU milliseconds of the classical denoisers on a 768x512 image, one thread, the least of nine:
//! `cargo run --release -p restora-ops --example denoise_times`. Run the peers beside it.

use restora_image::{Context, Image, OpError, Size};
use restora_ops::denoise::{
    NlMeans, Shifts, TvChambolle, Wavelet, nl_means, tv_chambolle, wavelet,
};
use restora_testkit::{cpu_seconds, noisy, synthetic, synthetic_rgb};

#[expect(clippy::print_stdout, reason = "the times are the result")]
fn main() -> Result<(), OpError> {
    let sigma = 25.0 / 255.0;
    let size = Size::new(768, 512);
    let cx = Context::default();
    let one = Wavelet { shifts: Shifts::One, ..Wavelet::with_sigma(sigma) };
    for (name, clean) in [("gray", synthetic(size)), ("rgb", synthetic_rgb(size))] {
        let image = noisy(&clean, sigma, 1);
        let time = |what: &str, run: &dyn Fn(&Image) -> Result<Image, OpError>| {
            run(&image)?;
            let seconds = cpu_seconds(9, || {
                std::hint::black_box(run(&image).is_ok());
            });
            println!("{what:24} {name:4} {:7.1} ms", 1e3 * seconds);
            Ok::<_, OpError>(())
        };
        time("nl-means", &|i| nl_means(i, &NlMeans::with_sigma(sigma), &cx))?;
        time("tv-chambolle", &|i| tv_chambolle(i, &TvChambolle::with_sigma(sigma), &cx))?;
        time("wavelet, one shift", &|i| wavelet(i, &one, &cx))?;
        time("wavelet, all shifts", &|i| wavelet(i, &Wavelet::with_sigma(sigma), &cx))?;
    }
    Ok(())
}
