//! Peak memory and time of one large file: encode and decode in separate processes.
//!
//! ```text
//! cargo run --release -p restora-data --example roundtrip -- make FORMAT FILE [WIDTH HEIGHT]
//! cargo run --release -p restora-data --example roundtrip -- read FILE
//! cargo run --release -p restora-data --example roundtrip -- copy FILE OUTPUT
//! ```
//! Prints CPU seconds and, on Linux, the peak resident set in MB.

#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use restora_data::{
    EncodeOptions, FileMeta, Format, Input, Limits, decode, read_header, walk, write_file,
};
use restora_image::{Depth, Layout, Pixels, Raster, Size};
use std::path::Path;

/// Shading, edges and a little noise: compresses about as a photograph does.
fn picture(size: Size) -> Raster {
    let mut raster = Raster::zeros(size, Layout::Rgb, Depth::U8);
    let Pixels::U8(v) = &mut raster.pixels else { return raster };
    let mut state = 1u32;
    for (i, pixel) in v.chunks_exact_mut(3).enumerate() {
        let (x, y) = ((i % size.w()) as f32, (i / size.w()) as f32);
        let base = 120.0 + 60.0 * (x / 170.0).sin() * (y / 130.0).cos();
        let edge = if (x / 90.0).sin() * (y / 110.0).sin() > 0.4 { 40.0 } else { 0.0 };
        for (c, s) in pixel.iter_mut().enumerate() {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (state >> 24) as f32 / 32.0 - 4.0;
            *s = (base + edge + 9.0 * c as f32 + noise) as u8;
        }
    }
    raster
}

fn peak_megabytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kb| kb / 1024)
}

fn seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<f64> = stat.split_whitespace().map(|f| f.parse().unwrap_or(0.0)).collect();
    // User and system time in hundredths of a second.
    fields.get(13).zip(fields.get(14)).map_or(0.0, |(u, s)| (u + s) / 100.0)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let options = EncodeOptions::default();
    let start;
    match words[..] {
        ["make", format, path, ref size @ ..] => {
            let format = Format::from_extension(format).ok_or("no such format")?;
            let side = |i: usize| size.get(i).map_or(Ok(10_000), |s| s.parse());
            let raster = picture(Size::new(side(0)?, side(1)?));
            let meta = FileMeta::new(format, raster.layout, raster.depth());
            start = seconds();
            write_file(Path::new(path), &[raster], format, &meta, &options, true)?;
        }
        ["read", path] => {
            let entry = walk(&Input::Path(path.into())).next().ok_or("nothing there")??;
            let bytes = entry.read(&Limits::default())?;
            start = seconds();
            println!("{:?}", read_header(&bytes, &Limits::default())?);
            decode(&bytes, &Limits::default())?;
        }
        ["copy", from, to] => {
            let entry = walk(&Input::Path(from.into())).next().ok_or("nothing there")??;
            let bytes = entry.read(&Limits::default())?;
            start = seconds();
            let decoded = decode(&bytes, &Limits::default())?;
            drop(bytes);
            let format = decoded.meta.format;
            write_file(Path::new(to), &decoded.pages, format, &decoded.meta, &options, true)?;
        }
        _ => return Err("make FORMAT FILE [WIDTH HEIGHT] | read FILE | copy FILE OUTPUT".into()),
    }
    println!("{:.2} CPU s, peak {} MB", seconds() - start, peak_megabytes().unwrap_or(0));
    Ok(())
}
