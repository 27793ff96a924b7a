//! The pixels that both sides work on.

use crate::shell::root;
use anyhow::{Context, Result, ensure};
use restora_image::{
    Border, ColorSpace, Depth, Image, Layout, Mask, Pixels, Raster, Rect, Rng, Size, to_luma,
};
use restora_testkit::noisy;
use std::path::{Path, PathBuf};

/// Noise level of the denoising cases, nominal range.
pub const SIGMA: f32 = 25.0 / 255.0;
const SIZE: Size = Size { width: 768, height: 512 };
/// The square of the slow cases, 256 a side, in the middle.
const SMALL: Rect = Rect { x: 256, y: 128, width: 256, height: 256 };
/// The photographs tried in turn, and the set that lies beside a checkout.
const PHOTOGRAPHS: [&str; 2] =
    ["assets/samples/clean/colosseum.png", "assets/samples/clean/kitten.png"];

pub struct Pictures {
    pub name: String,
    pub rgb: Image,
    pub gray: Image,
    pub noisy: Image,
    pub noisy_rgb: Image,
    pub small: Image,
    pub small_rgb: Image,
    pub small_noisy: Image,
    pub small_noisy_rgb: Image,
    /// Missing pixels: every second by chance, crossing strokes six pixels wide, blocks up to 60 wide.
    pub half: Mask,
    pub strokes: Mask,
    pub blocks: Mask,
}

impl Pictures {
    /// From a photograph, continued by reflection to 768x512, 8-bit values throughout; the noisy ones
    /// carry white noise of 25/255 from a fixed seed and are not clipped.
    pub fn load(path: Option<&Path>) -> Result<Self> {
        let path = path.map_or_else(photograph, |p| Ok(p.to_path_buf()))?;
        let photo = restora_testkit::read_png(&path);
        ensure!(photo.space() == ColorSpace::Srgb, "{} is not RGB", path.display());
        let (w, h) = (photo.size().w(), photo.size().h());
        let mut rgb = Image::zeros(SIZE, ColorSpace::Srgb);
        for c in 0..3 {
            let (from, to) = (photo.plane(c), rgb.plane_mut(c));
            for (i, v) in to.iter_mut().enumerate() {
                let at = |x: usize, n| Border::Reflect.index(x.cast_signed(), n).unwrap_or(0);
                *v = from.at(at(i % SIZE.w(), w), at(i / SIZE.w(), h));
            }
        }
        let gray = as_u8(&Image::from_plane(to_luma(&rgb)?))?.to_image();
        let (degraded, degraded_rgb) = (noisy(&gray, SIGMA, 1), noisy(&rgb, SIGMA, 2));
        Ok(Self {
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            small: gray.crop(SMALL),
            small_rgb: rgb.crop(SMALL),
            small_noisy: degraded.crop(SMALL),
            small_noisy_rgb: degraded_rgb.crop(SMALL),
            noisy: degraded,
            noisy_rgb: degraded_rgb,
            half: half(),
            strokes: Mask::from_fn(SIZE, |x, y| {
                (x + 2 * y) % 90 < 6 || (3 * x + 4 * (512 - y)) % 600 < 30
            }),
            blocks: Mask::from_fn(SIZE, |x, y| {
                [(100, 80, 60, 50), (420, 200, 30, 30), (600, 400, 30, 40)].iter().any(
                    |(left, top, w, h)| {
                        (*left..left + w).contains(&x) && (*top..top + h).contains(&y)
                    },
                )
            }),
            rgb,
            gray,
        })
    }

    /// Writes what the peers read.
    pub fn write(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder)?;
        let mut inputs = serde_json::Map::new();
        let mut put = |name: &str, raster: &Raster| -> Result<()> {
            let (bytes, kind) = match &raster.pixels {
                Pixels::U8(v) => (v.clone(), "uint8"),
                Pixels::U16(_) => unreachable!("pictures are 8-bit or float"),
                Pixels::F32(v) => (v.iter().flat_map(|s| s.to_le_bytes()).collect(), "float32"),
            };
            let file = format!("{name}.raw");
            std::fs::write(folder.join(&file), bytes)?;
            let mut shape = vec![raster.size.height, raster.size.width];
            shape.extend((raster.layout == Layout::Rgb).then_some(3));
            inputs.insert(name.into(), serde_json::json!([file, kind, shape]));
            Ok(())
        };
        for (name, image) in [
            ("gray", &self.gray),
            ("noisy", &self.noisy),
            ("noisy_rgb", &self.noisy_rgb),
            ("small_noisy", &self.small_noisy),
            ("small_noisy_rgb", &self.small_noisy_rgb),
        ] {
            put(name, &Raster::from_image(image, Depth::F32)?)?;
        }
        for (name, image) in [
            ("gray_u8", &self.gray),
            ("rgb_u8", &self.rgb),
            ("noisy_u8", &self.noisy),
            ("noisy_rgb_u8", &self.noisy_rgb),
        ] {
            put(name, &as_u8(image)?)?;
        }
        for (name, mask) in
            [("half_u8", &self.half), ("strokes_u8", &self.strokes), ("blocks_u8", &self.blocks)]
        {
            let white = mask.data().iter().map(|m| if *m { 255 } else { 0 }).collect();
            put(name, &Raster::new(mask.size(), Layout::Gray, Pixels::U8(white))?)?;
        }
        std::fs::write(folder.join("inputs.json"), serde_json::to_string(&inputs)?)?;
        Ok(())
    }
}

fn half() -> Mask {
    let mut rng = Rng::new(0, "half", 0);
    Mask::from_fn(SIZE, |_, _| rng.uniform() < 0.5)
}

/// Rounded and clamped to 8 bits.
pub fn as_u8(image: &Image) -> Result<Raster> {
    Ok(Raster::from_image(image, Depth::U8)?)
}

fn photograph() -> Result<PathBuf> {
    let shared = std::env::var_os("RESTORA_SHARED").map_or(root().join("../shared"), PathBuf::from);
    PHOTOGRAPHS
        .iter()
        .map(|p| root().join(p))
        .chain([shared.join("data/samples_open/lake.png")])
        .find(|p| p.is_file())
        .context("no photograph: name one with --image")
}
