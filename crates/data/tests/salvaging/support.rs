//! Files to damage, and damage.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use restora_data::{EncodeOptions, FileMeta, Format, Limits, decode, encode, sniff};
use restora_image::{Depth, Pixels, Raster, Rng, Size};
use std::path::PathBuf;

/// A sound file and its picture.
pub struct Whole {
    pub name: String,
    pub bytes: Vec<u8>,
    pub raster: Raster,
}

impl Whole {
    pub fn of(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        let raster = decode(&bytes, &Limits::default()).unwrap().pages.remove(0);
        Self { name: name.into(), bytes, raster }
    }
}

/// A photograph that comes with the project.
pub fn photograph(name: &str) -> Raster {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../assets/samples/clean");
    let bytes = std::fs::read(root.join(name)).unwrap();
    decode(&bytes, &Limits::default()).unwrap().pages.remove(0)
}

pub const PHOTOGRAPHS: [&str; 5] =
    ["colosseum.png", "dandelion.png", "kitten.png", "shrine_path.png", "spices.png"];

/// The middle of a picture.
pub fn middle(raster: &Raster, width: usize, height: usize) -> Raster {
    let Pixels::U8(pixels) = &raster.pixels else { panic!() };
    let n = raster.layout.samples();
    let (x0, y0) = ((raster.size.w() - width) / 2, (raster.size.h() - height) / 2);
    let row = |y: usize| pixels[((y0 + y) * raster.size.w() + x0) * n..][..width * n].to_vec();
    let size = Size::new(width as u32, height as u32);
    Raster::new(size, raster.layout, Pixels::U8((0..height).flat_map(row).collect())).unwrap()
}

/// How a JPEG is made.
#[derive(Clone, Copy, Debug)]
pub struct Jpeg {
    pub sampling: SamplingFactor,
    pub progressive: bool,
    pub restart: u16,
    pub quality: u8,
    pub optimized: bool,
    pub gray: bool,
}

/// Kinds of JPEG that cameras and programs write.
pub const JPEGS: [Jpeg; 10] = {
    use SamplingFactor::{R_4_2_0, R_4_2_2, R_4_4_0, R_4_4_4};
    let plain = Jpeg {
        sampling: R_4_2_0,
        progressive: false,
        restart: 0,
        quality: 85,
        optimized: false,
        gray: false,
    };
    [
        plain,
        Jpeg { sampling: R_4_4_4, quality: 92, ..plain },
        Jpeg { sampling: R_4_2_2, optimized: true, ..plain },
        Jpeg { sampling: R_4_4_0, quality: 75, ..plain },
        Jpeg { gray: true, ..plain },
        Jpeg { restart: 4, ..plain },
        Jpeg { restart: 30, quality: 60, ..plain },
        Jpeg { progressive: true, optimized: true, ..plain },
        Jpeg { progressive: true, sampling: R_4_4_4, restart: 16, ..plain },
        Jpeg { optimized: true, quality: 50, ..plain },
    ]
};

pub fn jpeg(raster: &Raster, how: Jpeg) -> Vec<u8> {
    let Pixels::U8(pixels) = &raster.pixels else { panic!() };
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, how.quality);
    encoder.set_sampling_factor(how.sampling);
    encoder.set_progressive(how.progressive);
    encoder.set_optimized_huffman_tables(how.optimized);
    if how.restart > 0 {
        encoder.set_restart_interval(how.restart);
    }
    let (w, h) = (raster.size.width as u16, raster.size.height as u16);
    if how.gray {
        let gray: Vec<u8> = pixels.chunks_exact(raster.layout.samples()).map(|p| p[1]).collect();
        encoder.encode(&gray, w, h, ColorType::Luma).unwrap();
    } else {
        encoder.encode(pixels, w, h, ColorType::Rgb).unwrap();
    }
    out
}

pub fn png(raster: &Raster) -> Vec<u8> {
    let meta = FileMeta::new(Format::Png, raster.layout, Depth::U8);
    let pages = std::slice::from_ref(raster);
    encode(pages, Format::Png, &meta, &EncodeOptions::default()).unwrap()
}

/// What happens to files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// The end is missing.
    Cut,
    /// The end is there, in length only.
    Zeroed,
    /// One bit.
    Bit,
    /// One byte.
    Byte,
    /// Three bits in different places.
    Bits,
    /// Sixteen bytes in a row.
    Burst,
}

pub const HARMS: [Harm; 6] =
    [Harm::Cut, Harm::Zeroed, Harm::Bit, Harm::Byte, Harm::Bits, Harm::Burst];

/// Damages a file at a random place behind its first `spared` bytes; returns the first one harmed.
pub fn harm(bytes: &mut Vec<u8>, harm: Harm, spared: usize, rng: &mut Rng) -> usize {
    let len = bytes.len();
    let mut place = || spared + (rng.next_u64() % (len - spared) as u64) as usize;
    let at = place();
    let more = [place(), place()];
    match harm {
        Harm::Cut => bytes.truncate(at),
        Harm::Zeroed => bytes[at..].fill(0),
        Harm::Bit => bytes[at] ^= 1 << (rng.next_u64() % 8),
        Harm::Byte => bytes[at] ^= (rng.next_u64() % 255 + 1) as u8,
        Harm::Bits => {
            for at in [at, more[0], more[1]] {
                bytes[at] ^= 1 << (rng.next_u64() % 8);
            }
            return at.min(more[0]).min(more[1]);
        }
        Harm::Burst => {
            for byte in bytes.iter_mut().skip(at).take(16) {
                *byte = rng.next_u64() as u8;
            }
        }
    }
    at
}

/// Largest difference of two pixels of 8-bit rasters.
pub fn difference(a: &Raster, b: &Raster, pixel: usize) -> u8 {
    let (Pixels::U8(p), Pixels::U8(q)) = (&a.pixels, &b.pixels) else { panic!() };
    let n = a.layout.samples();
    let (p, q) = (&p[pixel * n..][..n], &q[pixel * n..][..n]);
    p.iter().zip(q).map(|(p, q)| p.abs_diff(*q)).max().unwrap()
}

/// The small files of a format that other people's software wrote.
pub fn seeds(format: Format) -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/seeds");
    let mut seeds: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.to_string_lossy().ends_with(".ref.png"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(path).unwrap())
        })
        .filter(|(_, bytes)| sniff(bytes) == Some(format))
        .collect();
    seeds.sort();
    seeds
}
