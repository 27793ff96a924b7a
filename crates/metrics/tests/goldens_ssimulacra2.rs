//! SSIMULACRA 2 on the shared pairs, against its formulas in double precision and against a port of libjxl's program.

use restora_image::Context;
use restora_metrics::full_reference::{Ssimulacra2, ssimulacra2};
use restora_testkit::{read_png, shared};

/// By the formulas: `tools/goldens/ssimulacra2.py`, NumPy in `f64`. By the crate `ssimulacra2` 0.5.1 (BSD-2-Clause):
/// `compute_frame_ssimulacra2(reference, distorted)` of `yuvxyb` 0.4.2's `Rgb` from 8-bit levels over 255, with
/// `TransferCharacteristic::SRGB` and `ColorPrimaries::BT709`; gray files as three equal channels.
const SCORES: [(&str, f64, f64); 23] = [
    ("01_awgn5", 77.410677, 77.434578),
    ("02_awgn15", 22.389272, 22.383531),
    ("03_awgn25", 26.614162, 26.615213),
    ("04_awgn50", -43.849698, -43.852435),
    ("05_blur1", 37.968112, 37.962073),
    ("06_blur3", -20.393716, -20.398932),
    ("07_jpeg10", -14.210663, -14.240740),
    ("08_jpeg30", 51.921057, 51.917286),
    ("09_jpeg80", 77.694616, 77.640851),
    ("10_saltpepper5", -64.792153, -64.793023),
    ("11_gamma07", 25.238948, 25.244313),
    ("12_contrast06", -14.996281, -14.999670),
    ("13_bright20", 48.570588, 48.578009),
    ("14_warmcast", 53.678545, 53.676144),
    ("15_desaturate", 30.040577, 30.044172),
    ("16_swap_rb", -61.956756, -61.958045),
    ("17_shift2px", -57.326252, -57.327317),
    ("18_rotate2", -64.026904, -64.027008),
    ("19_posterize8", -23.180217, -23.186020),
    ("20_median5", 57.719259, 57.692300),
    ("21_down3up", 2.353569, 2.348591),
    ("22_identical", 100.000000, 100.000000),
    ("23_unrelated", -597.687814, -597.789803),
];

#[test]
#[ignore = "needs the shared sets"]
fn ssimulacra2_is_that_of_its_formulas_and_of_the_crate_on_all_pairs() {
    let folder = shared().join("data/metric_pairs");
    let mut furthest = [(0.0, ""); 2];
    for (name, formula, port) in SCORES {
        let file = |part| read_png(&folder.join(format!("{name}_{part}.png")));
        let (x, y) = (file("ref"), file("dist"));
        let got = ssimulacra2(&x, &y, &Ssimulacra2::default(), &Context::default()).expect("score");
        for (furthest, wanted) in furthest.iter_mut().zip([formula, port]) {
            let off = (got - wanted).abs();
            if off > furthest.0 || off.is_nan() {
                *furthest = (off, name);
            }
        }
    }
    println!("furthest from the formulas {:?}, from the crate {:?}", furthest[0], furthest[1]);
    // Ours has maps in `f32`: off by 1e-4 points as measured. The port blurs by a recursion in `f32` and takes
    // variances as differences of such means, so it is itself up to 0.102 points off the formulas (on the
    // last pair, at -598; 0.054 on pairs above 0).
    for ((off, name), tolerance) in furthest.into_iter().zip([1e-3, 0.11]) {
        assert!(off < tolerance, "{name}: {off}");
    }
}
