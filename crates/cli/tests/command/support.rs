//! What the tests of the command share.

use restora::data::{EncodeOptions, FileMeta, Format};
use restora::image::{Depth, Image, Raster};
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
