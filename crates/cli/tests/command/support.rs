//! What the tests of the command share.

use restora::data::{EncodeOptions, FileMeta, Format};
use restora::image::{ColorSpace, Depth, Image, Raster, Rng, Size};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub fn restora(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_restora"))
        .current_dir(folder)
        .args(args)
        .output()
        .expect("the command starts")
}

pub fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

pub fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn results(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn write(path: &Path, raster: &Raster, format: Format) {
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("folder");
    let meta = FileMeta::new(format, raster.layout, raster.depth());
    let file = std::slice::from_ref(raster);
    restora::data::write_file(path, file, format, &meta, &EncodeOptions::default(), true)
        .expect("written");
}

pub fn write_image(path: &Path, image: &Image, format: Format, depth: Depth) {
    write(path, &Raster::from_image(image, depth).expect("raster"), format);
}

pub fn read(path: &Path) -> Raster {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    restora::data::decode(&bytes, &restora::data::Limits::default())
        .expect("decoded")
        .pages
        .remove(0)
}

/// Every file below a folder with its bytes, sorted by name.
pub fn tree(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).expect("folder") {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path).expect("file");
                files.push((path.strip_prefix(folder).expect("inside").to_owned(), bytes));
            }
        }
    }
    files.sort();
    files
}

/// Size of [`squares`].
pub const SQUARES: Size = Size::new(320, 240);

/// Overlapping bright and dark squares of many sizes, in color.
pub fn squares(seed: u64) -> Image {
    let mut rng = Rng::new(seed, "squares", 0);
    let mut image = Image::zeros(SQUARES, ColorSpace::Srgb);
    let (w, h) = (SQUARES.w(), SQUARES.h());
    for _ in 0..300 {
        let (x, y) = (rng.below(w as u64) as usize, rng.below(h as u64) as usize);
        let side = 5 + rng.below(40) as usize;
        for c in 0..3 {
            let value = 0.1 + 0.8 * rng.uniform() as f32;
            for row in y..(y + side).min(h) {
                image.plane_mut(c)[row * w..][x..(x + side).min(w)].fill(value);
            }
        }
    }
    image
}

/// The picture whose pixel `(x, y)` is that of `image` at `from(x, y)`.
pub fn moved(image: &Image, size: Size, from: impl Fn(usize, usize) -> (usize, usize)) -> Image {
    let mut out = Image::zeros(size, image.space());
    for c in 0..image.channels() {
        for y in 0..size.h() {
            for x in 0..size.w() {
                let (u, v) = from(x, y);
                out.plane_mut(c)[y * size.w() + x] = image.plane(c).at(u, v);
            }
        }
    }
    out
}
