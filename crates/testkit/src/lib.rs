//! Test kit: the shared test sets, the peers' noise recipe, CPU time. Never shipped.
//!
//! The sets are not part of the repository. [`shared`] finds them through `RESTORA_SHARED`, or as
//! `shared` beside the repository; tests that need them are `#[ignore = "needs the shared sets"]`
//! and run by `.ci/run`.

mod contract;
mod npz;

pub use contract::{
    assert_contract, assert_contract_within, assert_info_matches, assert_inpaint_contract,
    assert_inpaint_contract_within,
};
pub use npz::{LightSet, light_set};

use restora_image::{ColorSpace, Image, Layout, Pixels, Raster, Size};
use std::path::{Path, PathBuf};

/// The folder of shared sets.
///
/// # Panics
/// If it is not there: the caller is a test that was asked for explicitly.
pub fn shared() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let root = std::env::var_os("RESTORA_SHARED").map_or(beside, PathBuf::from);
    assert!(root.join("data").is_dir(), "no shared sets at {}: set RESTORA_SHARED", root.display());
    root
}

/// Reads an 8-bit PNG into nominal range.
///
/// # Panics
/// If the file cannot be read.
pub fn read_png(path: &Path) -> Image {
    let file = std::fs::File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut decoder = png::Decoder::new(std::io::BufReader::new(file));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().expect("PNG header");
    let mut bytes = vec![0; reader.output_buffer_size().expect("PNG size")];
    let info = reader.next_frame(&mut bytes).expect("PNG pixels");
    bytes.truncate(info.buffer_size());
    let layout = match info.color_type {
        png::ColorType::Grayscale => Layout::Gray,
        png::ColorType::GrayscaleAlpha => Layout::GrayAlpha,
        png::ColorType::Rgb | png::ColorType::Indexed => Layout::Rgb,
        png::ColorType::Rgba => Layout::Rgba,
    };
    Raster::new(Size::new(info.width, info.height), layout, Pixels::U8(bytes))
        .expect("size")
        .to_image()
}

/// The PNG files of a folder under `shared/data`, sorted by name, with their clean images.
///
/// # Panics
/// If the folder is not there.
pub fn set(folder: &str) -> Vec<(String, Image)> {
    let folder = shared().join("data").join(folder);
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.expect("folder entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "png"))
        .collect();
    paths.sort();
    let name = |p: &Path| p.file_stem().expect("name").to_string_lossy().into_owned();
    paths.iter().map(|p| (name(p), read_png(p))).collect()
}

/// One of the two shared 1024x1024 fields: `normal` or `uniform`.
fn field(name: &str) -> Vec<f32> {
    let path = shared().join("data/noise").join(format!("{name}_f32_1024.npy"));
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    bytes[128..].chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

fn windows(field: &[f32], index: usize, size: Size, channels: usize) -> Vec<f32> {
    let (w, h) = (size.w(), size.h());
    let mut out = Vec::with_capacity(w * h * channels);
    for c in 0..channels {
        let y0 = (37 * index + 101 * c) % (1025 - h);
        let x0 = (61 * index + 211 * c) % (1025 - w);
        for y in 0..h {
            out.extend_from_slice(&field[(y0 + y) * 1024 + x0..][..w]);
        }
    }
    out
}

/// The peers' white Gaussian noise of `sigma` (in 8-bit units, e.g. 25) on image number `index` of
/// its set: unclipped, in nominal range.
///
/// # Panics
/// If the shared sets are not there, or the image is larger than 1024x1024.
pub fn awgn(clean: &Image, sigma: f32, index: usize) -> Image {
    let noise = windows(&field("normal"), index, clean.size(), clean.channels());
    let data =
        clean.data().iter().zip(&noise).map(|(v, n)| ((v * 255.0).round() + sigma * n) / 255.0);
    Image::from_vec(clean.size(), clean.space(), data.collect()).expect("same size")
}

/// The peers' salt-and-pepper noise with density `p` on image number `index` of its set.
///
/// # Panics
/// If the shared sets are not there, or the image is larger than 1024x1024.
pub fn salt_and_pepper(clean: &Image, p: f32, index: usize) -> Image {
    let noise = windows(&field("uniform"), index, clean.size(), clean.channels());
    let data = clean.data().iter().zip(&noise).map(|(v, u)| {
        if *u < p / 2.0 {
            0.0
        } else if *u >= 1.0 - p / 2.0 {
            1.0
        } else {
            *v
        }
    });
    Image::from_vec(clean.size(), clean.space(), data.collect()).expect("same size")
}

/// PSNR in dB for nominal range, of `restored` clipped to it, in `f64`: the peers' score.
///
/// # Panics
/// If the images differ in size or number of planes.
pub fn psnr(clean: &Image, restored: &Image) -> f64 {
    assert_eq!(clean.data().len(), restored.data().len());
    let sum: f64 = clean
        .data()
        .iter()
        .zip(restored.data())
        .map(|(a, b)| (f64::from(*a) - f64::from(b.clamp(0.0, 1.0))).powi(2))
        .sum();
    -10.0 * (sum / clean.data().len() as f64).log10()
}

/// A picture for tests without files: smooth shading, edges, a texture, in `[0.1, 0.9]`.
pub fn synthetic(size: Size) -> Image {
    Image::gray_from_fn(size, |x, y| {
        let (x, y) = (x as f32, y as f32);
        let shading = 0.5 + 0.2 * (x / 37.0).sin() * (y / 29.0).cos();
        let edge = if ((x - 20.0).powi(2) + (y - 24.0).powi(2)).sqrt() < 14.0 { 0.15 } else { 0.0 };
        let texture = if x > y { 0.05 * (x * 0.9 + y * 0.4).sin() } else { 0.0 };
        shading + edge + texture
    })
}

/// As [`synthetic`], in color: three differently weighted and shifted copies.
pub fn synthetic_rgb(size: Size) -> Image {
    let gray = synthetic(size);
    let (w, h) = (size.w(), size.h());
    let mut image = Image::zeros(size, ColorSpace::Srgb);
    for c in 0..3 {
        let plane = image.plane_mut(c);
        for y in 0..h {
            for x in 0..w {
                let shifted = gray.plane(0).at((x + c).min(w - 1), y);
                plane[y * w + x] = 0.1 * c as f32 + (1.0 - 0.15 * c as f32) * (shifted - 0.05);
            }
        }
    }
    image
}

/// Adds seeded white Gaussian noise, not clipped.
pub fn noisy(clean: &Image, sigma: f32, seed: u64) -> Image {
    let mut rng = restora_image::Rng::new(seed, "testkit", 0);
    let mut out = clean.clone();
    for v in out.data_mut() {
        *v += sigma * rng.normal() as f32;
    }
    out
}

/// CPU seconds (all threads of the process) that `f` took, the least of `runs` runs.
pub fn cpu_seconds(runs: usize, mut f: impl FnMut()) -> f64 {
    (0..runs.max(1))
        .map(|_| {
            let start = cpu_time::ProcessTime::now();
            f();
            start.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min)
}
