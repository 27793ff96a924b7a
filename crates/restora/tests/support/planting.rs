//! Folders with planted copies: what `restora dedupe` is measured on.

use restora::data::{Dataset, DatasetOptions, EncodeOptions, FileMeta, Format, encode};
use restora::extractor::{Fit, framed};
use restora::image::{Context, Depth, Image, Raster, Rng, Size};
use std::path::Path;

/// The kinds of copy.
pub const KINDS: [&str; 9] =
    ["crop", "mirror", "turn", "tilt", "resize", "recompress", "recolor", "caption", "noise"];
/// JPEG quality of what is not recompressed.
const QUALITY: u8 = 90;

/// The pictures of a set in `shared/data`, or of a part of a zip there.
pub fn pictures(name: &str, within: &str) -> Vec<Image> {
    let path = restora_testkit::shared().join("data").join(name);
    let set = Dataset::open(&path, &DatasetOptions::default()).expect("a set");
    let wanted = (0..set.len()).filter(|&i| set.id(i).starts_with(within));
    wanted.map(|i| set.get(i).expect("a picture").image()).collect()
}

/// Squares of `side` that share no pixel: all that fit.
pub fn tiles(image: &Image, side: usize) -> Vec<Image> {
    let (w, h) = (image.size().w(), image.size().h());
    let places = (0..h / side).flat_map(|y| (0..w / side).map(move |x| (x * side, y * side)));
    let tile = |(x, y)| moved(image, side, side, move |i, j| Some((i + x, j + y)));
    places.map(tile).collect()
}

/// The original as `N.jpg`, and a copy of each kind as `N_KIND.jpg`.
pub fn plant(folder: &Path, number: usize, original: &Image, seed: u64) {
    write(folder, &format!("{number:05}"), original, QUALITY);
    for (k, kind) in KINDS.iter().enumerate() {
        let mut rng = Rng::new(seed, kind, number as u64);
        let quality = if k == 5 { 20 + rng.below(31) as u8 } else { QUALITY };
        write(folder, &format!("{number:05}_{kind}"), &copy(original, k, &mut rng), quality);
    }
}

/// A picture that no other is a copy of.
pub fn stranger(folder: &Path, number: usize, image: &Image) {
    write(folder, &format!("{number:05}"), image, QUALITY);
}

/// Number of the original that a file of the folder is, or was made from, and the kind.
pub fn truth(id: &str) -> (usize, Option<usize>) {
    let stem = id.split('.').next().expect("a name");
    let (number, kind) = stem.split_once('_').unwrap_or((stem, ""));
    (number.parse().expect("a number"), KINDS.iter().position(|k| *k == kind))
}

fn write(folder: &Path, stem: &str, image: &Image, quality: u8) {
    let mut image = image.clone();
    image.data_mut().iter_mut().for_each(|v| *v = v.clamp(0.0, 1.0));
    let raster = Raster::from_image(&image, Depth::U8).expect("a raster");
    let options = EncodeOptions { jpeg_quality: quality, ..EncodeOptions::default() };
    let meta = FileMeta::new(Format::Jpeg, raster.layout, Depth::U8);
    let bytes = encode(&[raster], Format::Jpeg, &meta, &options).expect("a JPEG");
    std::fs::write(folder.join(format!("{stem}.jpg")), bytes).expect("a file");
}

/// The picture whose pixel `(x, y)` is that of `image` at `from(x, y)`, black where there is none.
fn moved(
    image: &Image,
    w: usize,
    h: usize,
    from: impl Fn(usize, usize) -> Option<(usize, usize)>,
) -> Image {
    let mut out = Image::zeros(Size::new(w as u32, h as u32), image.space());
    for c in 0..image.channels() {
        let plane = image.plane(c);
        let to = out.plane_mut(c);
        for y in 0..h {
            for x in 0..w {
                if let Some((u, v)) = from(x, y) {
                    to[y * w + x] = plane.at(u, v);
                }
            }
        }
    }
    out
}

fn copy(image: &Image, kind: usize, rng: &mut Rng) -> Image {
    let (w, h) = (image.size().w(), image.size().h());
    let mut between = |low: f64, high: f64| low + (high - low) * rng.uniform();
    match kind {
        // Half to nine tenths of the area.
        0 => {
            let side = between(0.5, 0.9).sqrt();
            let (cw, ch) = ((w as f64 * side) as usize, (h as f64 * side) as usize);
            let x0 = ((w - cw) as f64 * between(0.0, 1.0)) as usize;
            let y0 = ((h - ch) as f64 * between(0.0, 1.0)) as usize;
            moved(image, cw, ch, |x, y| Some((x + x0, y + y0)))
        }
        1 => moved(image, w, h, |x, y| Some((w - 1 - x, y))),
        2 => match rng.below(3) {
            0 => moved(image, h, w, |x, y| Some((y, h - 1 - x))),
            1 => moved(image, w, h, |x, y| Some((w - 1 - x, h - 1 - y))),
            _ => moved(image, h, w, |x, y| Some((w - 1 - y, x))),
        },
        // By 3 to 30 degrees, black corners.
        3 => {
            let sign = if rng.below(2) == 0 { -1.0 } else { 1.0 };
            tilted(image, sign * (3.0 + 27.0 * rng.uniform()))
        }
        // To 0.4 to 0.8 or 1.3 to 2 times the size, with 10 % of stretch.
        4 => {
            let scale =
                if between(0.0, 1.0) < 0.75 { between(0.4, 0.8) } else { between(1.3, 2.0) };
            let stretch = between(0.9, 1.1);
            let to = |n: usize, s: f64| ((n as f64 * s).round() as u32).max(8);
            let size = Size::new(to(w, scale * stretch), to(h, scale / stretch));
            framed(image, size, Fit::Stretch, &Context::default()).expect("another size")
        }
        5 => image.clone(),
        // Each channel brighter or darker, and a gamma; every fourth gray.
        6 => {
            let mut out = image.clone();
            let gamma = between(0.6, 1.7) as f32;
            let gray = rng.below(4) == 0;
            for plane in out.planes_mut() {
                let gain = 0.75 + 0.4 * rng.uniform() as f32;
                for v in plane.iter_mut() {
                    *v = gain * v.max(0.0).powf(gamma);
                }
            }
            if gray && out.channels() == 3 {
                let luma = restora::image::to_luma(&out).expect("luma");
                out = Image::from_plane(luma);
            }
            out
        }
        7 => captioned(image, rng),
        // Noise of 8 to 20 of 255.
        _ => {
            let sigma = (8.0 + 12.0 * rng.uniform()) as f32 / 255.0;
            let mut out = image.clone();
            out.data_mut().iter_mut().for_each(|v| *v += sigma * rng.normal() as f32);
            out
        }
    }
}

fn tilted(image: &Image, degrees: f64) -> Image {
    let (w, h) = (image.size().w(), image.size().h());
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (cx, cy) = (0.5 * (w as f64 - 1.0), 0.5 * (h as f64 - 1.0));
    let mut out = Image::zeros(image.size(), image.space());
    for c in 0..image.channels() {
        let plane = image.plane(c);
        let to = out.plane_mut(c);
        for y in 0..h {
            for x in 0..w {
                let (dx, dy) = (x as f64 - cx, y as f64 - cy);
                let (u, v) = (cx + cos * dx + sin * dy, cy - sin * dx + cos * dy);
                if u < 0.0 || v < 0.0 || u > (w - 1) as f64 || v > (h - 1) as f64 {
                    continue;
                }
                let (i, j) = (u as usize, v as usize);
                let (fu, fv) = ((u - i as f64) as f32, (v - j as f64) as f32);
                let at = |i: usize, j: usize| plane.at(i.min(w - 1), j.min(h - 1));
                let row = |j| (1.0 - fu) * at(i, j) + fu * at(i + 1, j);
                to[y * w + x] = (1.0 - fv) * row(j) + fv * row(j + 1);
            }
        }
    }
    out
}

/// A bar along the lower edge, a tenth to a sixth of the height, with letters of 3 x 5 blocks in it.
fn captioned(image: &Image, rng: &mut Rng) -> Image {
    let (w, h) = (image.size().w(), image.size().h());
    let bar = ((h as f64 * (0.1 + 0.07 * rng.uniform())) as usize).max(4);
    let dark = rng.below(2) == 0;
    let (paper, ink) = if dark { (0.05, 0.95) } else { (0.97, 0.05) };
    let block = (bar / 7).max(1);
    let mut out = image.clone();
    let letters: Vec<u64> = (0..w / (4 * block)).map(|_| rng.below(1 << 15)).collect();
    for plane in out.planes_mut() {
        for y in h - bar..h {
            for x in 0..w {
                let (column, row) = (x / block, (y - (h - bar)) / block);
                let letter = letters.get(column / 4).copied().unwrap_or(0);
                let inside = column % 4 < 3 && (1..6).contains(&row);
                let on = inside && letter >> (3 * (row - 1) + column % 4) & 1 == 1;
                plane[y * w + x] = if on { ink } else { paper };
            }
        }
    }
    out
}
