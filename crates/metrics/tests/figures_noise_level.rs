//! Blind noise level on CBSD68, against the recipe's sigma.

use restora_metrics::no_reference::noise_level;
use restora_testkit::{awgn, set};

#[test]
#[ignore = "needs the shared sets"]
fn level_is_within_five_percent_at_every_sigma_on_cbsd68() {
    let images = set("denoise/CBSD68");
    for sigma in [5.0f32, 10.0, 15.0, 25.0, 35.0, 50.0, 75.0] {
        let (mut off, mut bias, mut worst, mut n) = (0.0f32, 0.0f32, 0.0f32, 0);
        for (i, (_, clean)) in images.iter().enumerate().step_by(2) {
            for c in noise_level(&awgn(clean, sigma, i)).model.channels {
                let e = c.sigma * 255.0 / sigma - 1.0;
                off += e.abs();
                bias += e;
                worst = worst.max(e.abs());
                n += 1;
            }
        }
        let percent = 100.0 / n as f32;
        let (off, bias) = (off * percent, bias * percent);
        eprintln!("sigma {sigma}: off {off:.2} %, bias {bias:+.2} %, worst {:.1} %", 100.0 * worst);
        assert!(off < 5.0, "sigma {sigma}: {off} %");
    }
}

#[test]
#[ignore = "needs the shared sets"]
fn level_survives_eight_bits_and_reads_near_zero_on_clean_photographs() {
    for sigma in [5.0f32, 10.0, 25.0, 50.0] {
        let (mut off, mut n) = (0.0f32, 0);
        for (i, (_, clean)) in set("denoise/CBSD68").iter().enumerate().step_by(4) {
            let mut image = awgn(clean, sigma, i);
            for v in image.data_mut() {
                *v = (v.clamp(0.0, 1.0) * 255.0).round() / 255.0;
            }
            for c in noise_level(&image).model.channels {
                off += (c.sigma * 255.0 / sigma - 1.0).abs();
                n += 1;
            }
        }
        let off = 100.0 * off / n as f32;
        eprintln!("8 bits, sigma {sigma}: off {off:.2} %");
        assert!(off < 5.0, "sigma {sigma}: {off} %");
    }
    for (name, clean) in set("denoise/Kodak24_dev") {
        let found = noise_level(&clean);
        let sigma = found.model.sigma() * 255.0;
        eprintln!("{name}: {sigma:.2}/255, confidence {:.2}", found.confidence);
        assert!(sigma < 2.0, "{name}: {sigma}");
    }
}
