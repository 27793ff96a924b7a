//! The quality of pictures that other programs saved.
//! `RESTORA_SHARED=.. cargo test --release -p restora-metrics --test figures_jpeg_quality -- --ignored`

use restora_metrics::no_reference::{blockiness, jpeg_quality};
use restora_testkit::{read_png, shared};

#[test]
#[ignore = "needs the shared sets"]
fn the_quality_is_found_and_pictures_with_other_damage_have_none() {
    for (name, wanted) in [
        ("07_jpeg10_dist", 10),
        ("08_jpeg30_dist", 30),
        ("09_jpeg80_dist", 80),
        ("03_awgn25_dist", 0),
        ("05_blur1_dist", 0),
        ("18_rotate2_dist", 0),
    ] {
        let image = read_png(&shared().join(format!("data/metric_pairs/{name}.png")));
        let found = jpeg_quality(&image, &blockiness(&image));
        let quality = if found.confidence < 0.2 { 0 } else { found.quality };
        assert_eq!(quality, wanted, "{name}: {found:?}");
    }
}
