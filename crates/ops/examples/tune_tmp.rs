#![allow(missing_docs)]
use restora_image::*;
use restora_ops::denoise::*;
use restora_testkit::*;
fn main() {
    let which = std::env::args().nth(1).unwrap();
    let imgs: Vec<Image> = if which == "tune" {
        let mut p: Vec<_> =
            std::fs::read_dir("/tmp/dn/tune").unwrap().map(|e| e.unwrap().path()).collect();
        p.sort();
        p.iter().map(|p| read_png(p)).collect()
    } else {
        set(&format!("denoise/{which}")).into_iter().map(|x| x.1).collect()
    };
    let nums = |i: usize| -> Vec<f32> {
        std::env::args().nth(i).unwrap().split(',').map(|v| v.parse().unwrap()).collect()
    };
    let (hs, rs, ss, sigs) = (nums(2), nums(3), nums(4), nums(5));
    let big = noisy(&synthetic(Size::new(768, 512)), 0.1, 1);
    for &r in &rs {
        for &s in &ss {
            let o = NlMeans {
                patch_radius: r as u32,
                search_radius: s as u32,
                ..NlMeans::with_sigma(0.1)
            };
            let ms = 1e3
                * cpu_seconds(3, || {
                    nl_means(&big, &o, &Context::default()).unwrap();
                });
            println!("r {r} s {s} {ms:.1} ms");
            for &sig in &sigs {
                let noisy: Vec<_> = imgs.iter().enumerate().map(|(i, c)| awgn(c, sig, i)).collect();
                print!("  sigma {sig}:");
                for &h in &hs {
                    let o = NlMeans {
                        h: Some(h * sig / 255.0),
                        sigma: Sigma::Known(sig / 255.0),
                        ..o.clone()
                    };
                    let p: f64 = noisy
                        .iter()
                        .zip(&imgs)
                        .map(|(n, c)| psnr(c, &nl_means(n, &o, &Context::default()).unwrap()))
                        .sum();
                    print!(" {h}: {:.3}", p / imgs.len() as f64);
                }
                println!();
            }
        }
    }
}
