//! What the detectors of damage mark on undamaged photographs, and of drawn damage.
//! `RESTORA_SHARED=.. cargo test --release -p restora-metrics --test figures_damage -- --ignored --nocapture`

use restora_image::{Context, Image, Mask, OpError};
use restora_metrics::damage::{
    DeadLines, Dust, Scratches, Significance, Text, dead_lines, dust, scratches, text,
};
use restora_testkit::{read_png, set, shared};

type Detect = fn(&Image, &Context) -> Result<Mask, OpError>;

const UNASKED: [(&str, Detect); 2] = [
    ("scratches", |x, cx| scratches(x, &Scratches { significance: Significance::UNASKED }, cx)),
    ("dust", |x, cx| dust(x, &Dust { significance: Significance::UNASKED }, cx)),
];
const ASKED: [(&str, Detect); 4] = [
    ("scratches", |x, cx| scratches(x, &Scratches::default(), cx)),
    ("dust", |x, cx| dust(x, &Dust::default(), cx)),
    ("text", |x, cx| text(x, &Text::default(), cx)),
    ("dead lines", |x, cx| dead_lines(x, &DeadLines::default(), cx)),
];

fn found(detect: Detect, image: &Image) -> Mask {
    detect(image, &Context::default()).expect("a mask")
}

/// The part of 10,000 pixels that is marked, and the number of pictures in which something is.
fn marked(detect: Detect, pictures: &[(String, Image)]) -> (f64, usize) {
    let counts: Vec<usize> =
        pictures.iter().map(|(_, image)| found(detect, image).count()).collect();
    let pixels: usize = pictures.iter().map(|(_, image)| image.size().len()).sum();
    let all = counts.iter().sum::<usize>() as f64;
    (1e4 * all / pixels as f64, counts.iter().filter(|n| **n > 0).count())
}

#[test]
#[ignore = "needs the shared sets"]
fn few_pixels_of_undamaged_photographs_are_marked() {
    // Most that may be marked: asked for each detector, unasked for scratches and dust.
    for (folder, asked, unasked) in [
        ("denoise/Kodak24_dev", [3.2, 0.05, 0.0, 0.0], [2.1, 0.0]),
        ("denoise/BSD68", [2.1, 0.0, 0.0, 0.0], [0.0, 0.0]),
        ("samples_open", [0.0, 8.7, 0.0, 0.0], [0.0, 0.0]),
        ("Kodak500", [8.5, 0.06, 0.0, 0.0], [0.0, 0.0]),
    ] {
        let pictures = set(folder);
        let asked = ASKED.into_iter().zip(asked).map(|d| (d, "asked"));
        let unasked = UNASKED.into_iter().zip(unasked).map(|d| (d, "unasked"));
        for (((name, detect), most), how) in asked.chain(unasked) {
            let (share, hit) = marked(detect, &pictures);
            let all = pictures.len();
            println!(
                "{folder}, {name}, {how}: {share:.2} of 10,000 pixels, {hit} of {all} pictures"
            );
            assert!(share <= most, "{folder}, {name}, {how}: {share:.2}");
        }
    }
}

/// How many marks of one mask have a mark of the other within a pixel.
fn agreeing(marks: &Mask, other: &Mask) -> usize {
    let (w, h) = (marks.size().w(), marks.size().h());
    let near = |x: usize, y: usize| {
        (y.saturating_sub(1)..(y + 2).min(h))
            .any(|j| (x.saturating_sub(1)..(x + 2).min(w)).any(|i| other.at(i, j)))
    };
    (0..w * h).filter(|i| marks.data()[*i] && near(i % w, i / w)).count()
}

/// The Kodak crops with the pixels of a shared mask in a color.
fn painted(mask: &str, color: [f32; 3]) -> impl Iterator<Item = (Image, Mask)> + use<> {
    let mask = read_png(&shared().join(format!("data/masks/{mask}_500.png")));
    let truth = Mask::from_fn(mask.size(), |x, y| mask.plane(0).at(x, y) > 0.5);
    set("Kodak500").into_iter().map(move |(_, mut image)| {
        for (plane, value) in image.planes_mut().zip(color) {
            for (v, _) in plane.iter_mut().zip(truth.data()).filter(|(_, m)| **m) {
                *v = value;
            }
        }
        (image, truth.clone())
    })
}

#[test]
#[ignore = "needs the shared sets"]
fn the_shared_scratches_and_text_are_found() {
    let (white, black, orange) = ([1.0; 3], [0.0; 3], [1.0, 0.55, 0.0]);
    for (mask, color, (name, detect), least) in [
        ("scratch", white, ASKED[0], (0.92, 0.91)),
        ("scratch", black, ASKED[0], (0.91, 0.89)),
        ("scratch", white, ("scratches, unasked", UNASKED[0].1), (0.96, 0.72)),
        ("scratch", black, ("scratches, unasked", UNASKED[0].1), (0.95, 0.68)),
        // As many marks lie away from the text as when a border was marked around these hard letters (0.98, 0.96), but
        // half as many on it.
        ("text", white, ASKED[2], (0.96, 0.93)),
        ("text", black, ASKED[2], (0.93, 0.93)),
        ("text", orange, ASKED[2], (0.99, 0.96)),
    ] {
        let (mut marked, mut right, mut drawn, mut hit) = (0, 0, 0, 0);
        for (image, truth) in painted(mask, color) {
            let mask = found(detect, &image);
            marked += mask.count();
            right += agreeing(&mask, &truth);
            drawn += truth.count();
            hit += agreeing(&truth, &mask);
        }
        let (precision, recall) = (right as f64 / marked.max(1) as f64, hit as f64 / drawn as f64);
        println!("{mask} in {color:?}, {name}: precision {precision:.3}, recall {recall:.3}");
        assert!(precision >= least.0 && recall >= least.1, "{precision:.3} {recall:.3}");
    }
}
