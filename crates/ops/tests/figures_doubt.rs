//! Does doubt rise with the error? On strokes and scattered pixels that Telea's method filled.
//! `RESTORA_SHARED=.. cargo test --release -p restora-ops --test figures_doubt -- --ignored --nocapture`

use restora_image::{Context, Mask};
use restora_ops::inpaint::doubt::{DoubtModel, doubt};
use restora_ops::inpaint::{Telea, telea};
use restora_testkit::{read_png, set, shared};

#[test]
#[ignore = "needs the shared sets"]
fn the_most_doubtful_quarter_is_off_several_times_as_far_as_the_least() {
    let model = DoubtModel { coefficients: [0.6084, 0.4522, -0.0182, 0.6244, 0.3622, -0.5805] };
    for name in ["random80", "scratch"] {
        let holes = read_png(&shared().join(format!("data/masks/{name}_500.png")));
        let mask = Mask::from_fn(holes.size(), |x, y| holes.plane(0).at(x, y) > 0.5);
        let mut pairs = Vec::new();
        for (_, clean) in set("Kodak500").iter().take(4) {
            let cx = Context::default();
            let filled = telea(clean, &mask, &Telea::default(), &cx).expect("filled");
            let half = doubt(&filled, &mask, &model, &cx).expect("doubt");
            for (i, (h, missing)) in half.data.iter().zip(mask.data()).enumerate() {
                if *missing {
                    pairs.push((*h, (filled.data()[i] - clean.data()[i]).abs()));
                }
            }
        }
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let quarter = pairs.len() / 4;
        let mean = |part: &[(f32, f32)]| part.iter().map(|p| p.1).sum::<f32>() / quarter as f32;
        let (least, most) = (mean(&pairs[..quarter]), mean(&pairs[pairs.len() - quarter..]));
        println!("{name}: error {:.1} to {:.1} of 255", 255.0 * least, 255.0 * most);
        assert!(most > 3.0 * least, "{name}: {least} {most}");
    }
}
