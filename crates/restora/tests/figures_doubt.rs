//! How many of the true values lie in the 90 % intervals of doubt maps, on pictures and masks that nothing was
//! fitted to: the peers' masks on Kodak500.
//! `RESTORA_SHARED=.. cargo test --release -p restora --test figures_doubt -- --ignored --nocapture`

use restora::Step;
use restora::doubt_map::doubt_map;
use restora_image::{Context, Depth, Image, Mask, Raster, Sample};
use restora_testkit::{read_png, set, shared};

const MASKS: [&str; 5] = ["random50", "random80", "text", "scratch", "block"];

/// Shares of the values inside, mask by mask.
#[expect(clippy::print_stdout, reason = "the figures are the result")]
fn inside(method: &str, pictures: usize) -> [f64; 5] {
    let step = Step::from_text(method).expect("a step");
    let images = set("Kodak500");
    let shares = MASKS.map(|name| {
        let holes = read_png(&shared().join(format!("data/masks/{name}_500.png")));
        let mask = Mask::from_fn(holes.size(), |x, y| holes.plane(0).at(x, y) > 0.5);
        let n = mask.data().len();
        let (mut within, mut all) = (0usize, 0usize);
        for (_, clean) in images.iter().take(pictures) {
            let mut damaged = clean.clone();
            for (i, v) in damaged.data_mut().iter_mut().enumerate() {
                *v = if mask.data()[i % n] { 0.0 } else { *v };
            }
            let mut sample = Sample { mask: Some(mask.clone()), ..Sample::new(damaged) };
            step.operation().apply(&mut sample, &Context::default()).expect("filled");
            let page = Raster::from_image(&sample.image, Depth::U8).expect("rounded");
            let steps = std::slice::from_ref(&step);
            let doubt = doubt_map(&page, &mask, steps, &Context::default()).expect("a map");
            let (filled, half): (Image, Image) = (page.to_image(), doubt.to_image());
            for (i, (a, b)) in filled.data().iter().zip(clean.data()).enumerate() {
                if mask.data()[i % n] {
                    all += 1;
                    within += usize::from((a - b).abs() <= half.data()[i % n]);
                }
            }
        }
        within as f64 / all as f64
    });
    println!("{method}, inside in {MASKS:?}: {shares:.3?}, mean {:.3}", mean(shares));
    shares
}

fn mean(shares: [f64; 5]) -> f64 {
    shares.iter().sum::<f64>() / shares.len() as f64
}

#[test]
#[ignore = "needs the shared sets"]
fn telea() {
    assert!((0.88..=0.92).contains(&mean(inside("telea", 8))));
}

#[test]
#[ignore = "needs the shared sets"]
fn hbe() {
    assert!((0.88..=0.92).contains(&mean(inside("hbe", 2))));
}

#[test]
#[ignore = "needs the shared sets"]
fn learned_inpainting() {
    assert!((0.88..=0.92).contains(&mean(inside("learned-inpainting", 3))));
}
