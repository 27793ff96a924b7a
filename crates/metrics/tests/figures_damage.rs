//! What the detectors of damage mark on undamaged photographs.
//! `RESTORA_SHARED=.. cargo test --release -p restora-metrics --test figures_damage -- --ignored --nocapture`

use restora_image::{Context, Image, Mask, OpError};
use restora_metrics::damage::{
    DeadLines, Dust, Scratches, Text, dead_lines, dust, scratches, text,
};
use restora_testkit::set;

type Detect = fn(&Image, &Context) -> Result<Mask, OpError>;

#[test]
#[ignore = "needs the shared sets"]
fn few_pixels_of_undamaged_photographs_are_marked() {
    // Parts in 10,000 of the pixels.
    let detectors: [(&str, Detect, [f64; 3]); 4] = [
        ("scratches", |x, cx| scratches(x, &Scratches::default(), cx), [65.0, 30.0, 70.0]),
        ("dust", |x, cx| dust(x, &Dust::default(), cx), [2.5, 0.6, 9.0]),
        ("text", |x, cx| text(x, &Text::default(), cx), [0.0; 3]),
        ("dead lines", |x, cx| dead_lines(x, &DeadLines::default(), cx), [0.0; 3]),
    ];
    for (i, folder) in ["denoise/Kodak24_dev", "denoise/BSD68", "samples_open"].iter().enumerate() {
        let pictures = set(folder);
        for (name, detect, most) in detectors {
            let (mut marked, mut pixels, mut hit) = (0, 0, 0);
            for (_, image) in &pictures {
                let count = detect(image, &Context::default()).expect("a mask").count();
                marked += count;
                hit += usize::from(count > 0);
                pixels += image.size().len();
            }
            let share = 1e4 * marked as f64 / pixels as f64;
            println!("{folder}, {name}: {share:.2} of 10,000 pixels, {hit} of {}", pictures.len());
            assert!(share <= most[i], "{folder}, {name}: {share:.2}");
        }
    }
}
