//! What every estimator of the light says of pictures under casts: the numbers that the prior of white
//! balance (`crates/ops/src/color/cast_prior.rs`) is fitted to.
//!
//! `cargo run --release -p restora --example light_features -- FOLDER < gains > features`
//!
//! Each line of the input is `name r g b`: a file in the folder and factors of its linear red, green and
//! blue; the product is cut to [0, 1] and rounded to 8 bits of sRGB, as a camera would. The output
//! repeats the line and adds `ln r/g`, `ln b/g` of each method, in the order of the methods; `nan` where
//! a method finds nothing.

#![expect(clippy::print_stdout, reason = "prints a table")]

use restora::data::Limits;
use restora::image::{Context, Depth, Image, Raster};
use restora::ops::color::{
    Encoding, Highlights, Illuminant, LightMethod, WhiteBalance, overview, overview_factor,
    white_balance,
};
use restora::pairs::read_page;
use std::collections::HashMap;
use std::io::BufRead;

const METHODS: [LightMethod; 6] = [
    LightMethod::GrayWorld,
    LightMethod::WhitePatch,
    LightMethod::ShadesOfGray,
    LightMethod::GrayEdge,
    LightMethod::GrayEdge2,
    LightMethod::BrightDarkPca,
];

fn main() {
    let folder = std::env::args().nth(1).expect("a folder");
    let cx = Context::with_threads(1);
    let mut read: HashMap<String, Image> = HashMap::new();
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("text");
        let words: Vec<&str> = line.split_whitespace().collect();
        let gains = [1, 2, 3].map(|i| words[i].parse().expect("a factor"));
        let clean = read.entry(words[0].to_owned()).or_insert_with(|| {
            let path = std::path::Path::new(&folder).join(words[0]);
            read_page(&path, &Limits::default()).expect("a picture").to_image()
        });
        let options = WhiteBalance {
            gains: Some(gains),
            highlights: Highlights::Scaled,
            ..WhiteBalance::default()
        };
        let cast = white_balance(clean, &options, &cx).expect("a cast");
        let cast = Raster::from_image(&cast, Depth::U8).expect("RGB").to_image();
        let factor = overview_factor(cast.size());
        let linear = overview(&cast, Encoding::Srgb, factor, &cx).expect("RGB");
        print!("{line}");
        for method in METHODS {
            let light = method.estimate(&linear, &cx).expect("linear RGB");
            let [r, b] = light.map_or([f64::NAN; 2], Illuminant::log_chroma);
            print!(" {r:.5} {b:.5}");
        }
        println!();
    }
}
