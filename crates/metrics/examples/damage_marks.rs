//! What the detectors mark, counted: shares of the picture, and where there is a truth, precision and
//! recall to one pixel.
//!
//! `cargo run --release -p restora-metrics --example damage_marks -- DETECTOR[=auto|RATE] [--out FOLDER] PNG...`
//!
//! DETECTOR is scratches, dust, text or lines. The truth of NAME.damaged.png is NAME.mask.png beside
//! it. With --out the pictures are written there with marks in red.

#![expect(clippy::print_stdout, reason = "prints a table")]

use restora_image::{Context, Image, Mask};
use restora_metrics::damage::{
    DeadLines, Dust, Scratches, Significance, Text, dead_lines, dust, scratches, text,
};
use restora_testkit::{cpu_seconds, read_png};
use std::path::{Path, PathBuf};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let detector = arguments.next().expect("a detector");
    let mut files: Vec<String> = arguments.collect();
    let mut out = None;
    if files.first().is_some_and(|f| f == "--out") {
        out = Some(PathBuf::from(&files[1]));
        files.drain(..2);
    }
    let (mut pixels, mut marked, mut marked_right, mut drawn, mut drawn_found) = (0, 0, 0, 0, 0);
    let mut seconds = 0.0;
    for file in &files {
        let image = read_png(Path::new(file));
        let mut mask = Mask::empty(image.size());
        seconds += cpu_seconds(1, || mask = found(&detector, &image));
        let mut note = String::new();
        if file.contains(".damaged.") {
            let truth = read_png(Path::new(&file.replace(".damaged.", ".mask.")));
            let truth = Mask::from_fn(image.size(), |x, y| truth.plane(0).at(x, y) > 0.5);
            let (right, hit) = (agreeing(&mask, &truth), agreeing(&truth, &mask));
            note = format!(
                ", precision {:.3}, recall {:.3}",
                right as f64 / mask.count().max(1) as f64,
                hit as f64 / truth.count().max(1) as f64
            );
            marked_right += right;
            drawn += truth.count();
            drawn_found += hit;
        }
        pixels += image.size().len();
        marked += mask.count();
        println!("{:.4} %{note}  {file}", 100.0 * mask.count() as f64 / image.size().len() as f64);
        if let Some(folder) = &out {
            let name = Path::new(file).file_name().expect("a name");
            write(&image, &mask, &folder.join(name).with_extension("ppm"));
        }
    }
    println!(
        "{:.5} % of {:.1} megapixels marked, {:.1} megapixels a CPU second",
        100.0 * marked as f64 / pixels as f64,
        pixels as f64 / 1e6,
        pixels as f64 / 1e6 / seconds
    );
    if drawn > 0 {
        let (p, r) =
            (marked_right as f64 / marked.max(1) as f64, drawn_found as f64 / drawn as f64);
        println!("precision {p:.3}, recall {r:.3}");
    }
}

fn found(detector: &str, image: &Image) -> Mask {
    let (name, rate) = detector.split_once('=').map_or((detector, None), |(n, r)| (n, Some(r)));
    let significance = match rate {
        None => Significance::ASKED,
        Some("auto") => Significance::UNASKED,
        Some(rate) => Significance::FalseMarks(rate.parse().expect("a number")),
    };
    let cx = Context::default();
    match name {
        "scratches" => scratches(image, &Scratches { significance }, &cx),
        "dust" => dust(image, &Dust { significance }, &cx),
        "text" => text(image, &Text::default(), &cx),
        _ => dead_lines(image, &DeadLines::default(), &cx),
    }
    .expect("a mask")
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

/// The picture with the marks in red, as PPM.
fn write(image: &Image, mask: &Mask, path: &Path) {
    let plane = |c: usize| image.plane_data(c.min(image.channels() - 1));
    let mut bytes = format!("P6 {} {} 255\n", image.size().width, image.size().height).into_bytes();
    for i in 0..image.size().len() {
        for c in 0..3 {
            let v = if mask.data()[i] { [1.0, 0.0, 0.0][c] } else { plane(c)[i] };
            bytes.push((v * 255.0).round().clamp(0.0, 255.0) as u8);
        }
    }
    std::fs::write(path, bytes).expect("a file");
}
