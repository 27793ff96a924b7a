//! Sets of linear raw thumbnails with measured illuminants, from NPZ.

use crate::shared;
use restora_image::{ColorSpace, Image, Size};
use std::io::Read;

/// Pictures in linear RGB with the color of their light.
pub type LightSet = Vec<(Image, [f64; 3])>;

/// A set of `shared/data/color_constancy`, by the name of its file without `.npz`.
///
/// # Panics
/// If it is not there, or not of the expected form.
pub fn light_set(name: &str) -> LightSet {
    let path = shared().join("data/color_constancy").join(format!("{name}.npz"));
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let images = member(&bytes, "images_u16.npy");
    let lights = member(&bytes, "illuminant_rgb_l2.npy");
    let lights: Vec<f64> = lights
        .chunks_exact(8)
        .map(|b| f64::from_le_bytes(b.try_into().expect("8 bytes")))
        .collect();
    let size = Size::new(64, 64);
    let one = |pixels: &[u8]| {
        let value = |i: usize| f32::from(u16::from_le_bytes([pixels[2 * i], pixels[2 * i + 1]]));
        let planes = (0..3).flat_map(|c| (0..size.len()).map(move |i| 3 * i + c));
        let data = planes.map(|i| value(i) / 65_535.0).collect();
        Image::from_vec(size, ColorSpace::LinearRgb, data).expect("64 x 64 pixels")
    };
    let images = images.chunks_exact(6 * size.len()).map(one);
    let lights = lights.chunks_exact(3).map(|l| [l[0], l[1], l[2]]);
    assert_eq!(images.len(), lights.len(), "{name}");
    images.zip(lights).collect()
}

/// The values of one array, without its header.
fn member(zip: &[u8], name: &str) -> Vec<u8> {
    let u16_at = |at: usize| usize::from(u16::from_le_bytes([zip[at], zip[at + 1]]));
    let u32_at = |at: usize| u16_at(at) | u16_at(at + 2) << 16;
    // The central directory has the sizes; entries begin with PK\1\2.
    let entry = (0..zip.len() - 46)
        .filter(|at| zip[*at..].starts_with(b"PK\x01\x02"))
        .find(|at| zip[at + 46..].starts_with(name.as_bytes()) && u16_at(at + 28) == name.len())
        .unwrap_or_else(|| panic!("no `{name}` in the file"));
    let local = u32_at(entry + 42);
    let start = local + 30 + u16_at(local + 26) + u16_at(local + 28);
    let packed = &zip[start..start + u32_at(entry + 20)];
    let mut array = Vec::new();
    match u16_at(entry + 10) {
        0 => array.extend_from_slice(packed),
        _ => drop(
            flate2::read::DeflateDecoder::new(packed).read_to_end(&mut array).expect("deflate"),
        ),
    }
    let header = 10 + usize::from(u16::from_le_bytes([array[8], array[9]]));
    array.split_off(header)
}
