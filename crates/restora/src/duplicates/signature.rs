//! What is kept of a picture.

use super::{DuplicateOptions, Picture};
use crate::error::Error;
use restora_data::{Entry, Source, decode};
use restora_image::{Context, Image, Pixels, Plane, Raster, Size, to_luma};
use restora_metrics::features::{DescriptorKind, Sift, keypoint_code, sift};

/// Bytes of a code.
pub const CODE: usize = 64;
/// Pictures are reduced to this before keypoints are looked for.
const SIDE: u32 = 512;
/// Largest side of the small gray picture.
const THUMBNAIL: u32 = 64;

/// What is kept of a picture.
pub struct Signature {
    pub entry: Entry,
    pub picture: Picture,
    /// Checksum of the file.
    pub file_sum: u32,
    /// Checksum of the pixels of all pages.
    pub pixel_sum: u32,
    /// The keypoints, in pixels of the picture.
    pub points: Vec<[f64; 2]>,
    /// [`CODE`] bytes for each.
    pub codes: Vec<u8>,
    /// The picture, small and gray.
    pub thumbnail: Plane,
}

impl Signature {
    /// Reads and measures a picture; of several pages the first is looked at.
    pub fn of(entry: &Entry, options: &DuplicateOptions) -> Result<Self, Error> {
        let bytes = entry.read(&options.limits)?;
        let pages = decode(&bytes, &options.limits)?.pages;
        let page = pages.first().ok_or_else(|| Error::Fault("no page".into()))?;
        let luma = to_luma(&page.to_image())?;
        let reduced = reduced(&luma, SIDE);
        let scale = luma.size.w() as f64 / reduced.size.w().max(1) as f64;
        let sift_options = Sift {
            first_octave: 0,
            max_keypoints: options.keypoints,
            descriptor: DescriptorKind::RootSift,
            ..Sift::default()
        };
        let thumbnail = self::reduced(&reduced, THUMBNAIL);
        let found = sift(&Image::from_plane(reduced), &sift_options, &Context::default())?;
        // The center of the first pixel of the small picture is that of the first `scale` pixels.
        let full = |v: f32| (f64::from(v) + 0.5) * scale - 0.5;
        Ok(Self {
            entry: entry.clone(),
            picture: Picture {
                id: entry.id.clone(),
                width: page.size.width,
                height: page.size.height,
                bytes: bytes.len() as u64,
                path: match &entry.source {
                    Source::Path(path) => Some(path.clone()),
                    Source::Stdin => None,
                },
                keypoints: found.keypoints.len(),
            },
            file_sum: crc32fast::hash(&bytes),
            pixel_sum: pixel_sum(&pages),
            points: found.keypoints.iter().map(|k| [full(k.x), full(k.y)]).collect(),
            codes: found.descriptors.iter().flat_map(keypoint_code).collect(),
            thumbnail,
        })
    }
}

fn pixel_sum(pages: &[Raster]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    for page in pages {
        match &page.pixels {
            Pixels::U8(values) => sum.update(values),
            Pixels::U16(values) => values.iter().for_each(|v| sum.update(&v.to_le_bytes())),
            Pixels::F32(values) => values.iter().for_each(|v| sum.update(&v.to_le_bytes())),
        }
    }
    sum.finalize()
}

/// At most `side` pixels in width and height, by area average.
fn reduced(plane: &Plane, side: u32) -> Plane {
    let (w, h) = (plane.size.w(), plane.size.h());
    let factor = f64::from(side) / w.max(h).max(1) as f64;
    if factor >= 1.0 {
        return plane.clone();
    }
    let to = |n: usize| ((n as f64 * factor).round() as usize).max(1);
    let (across, down) = (to(w), to(h));
    let columns = shares(w, across);
    let rows = shares(h, down);
    let mut data = Vec::with_capacity(across * down);
    let mut sums = vec![0.0f32; w];
    for (top, weights) in rows {
        sums.fill(0.0);
        for (dy, weight) in weights.iter().enumerate() {
            for (sum, v) in sums.iter_mut().zip(plane.row(top + dy)) {
                *sum += weight * v;
            }
        }
        data.extend(columns.iter().map(|(left, weights)| {
            weights.iter().zip(&sums[*left..]).map(|(weight, v)| weight * v).sum::<f32>()
        }));
    }
    Plane { size: Size::new(across as u32, down as u32), data }
}

/// For each of `to` equal stretches of `from` pixels: the first pixel, and the share of each in it.
fn shares(from: usize, to: usize) -> Vec<(usize, Vec<f32>)> {
    let width = from as f64 / to as f64;
    (0..to)
        .map(|i| {
            let (start, end) = (i as f64 * width, (i + 1) as f64 * width);
            let first = start.floor() as usize;
            let last = (end.ceil() as usize).min(from);
            let share = |x: usize| {
                let inside = end.min((x + 1) as f64) - start.max(x as f64);
                (inside / width) as f32
            };
            (first, (first..last).map(share).collect())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reducing_keeps_the_mean_and_small_pictures() {
        let plane = Plane::from_fn(Size::new(70, 33), |x, y| ((x * 7 + y * 3) % 11) as f32);
        let small = reduced(&plane, 16);
        assert_eq!(small.size, Size::new(16, 8));
        let mean = |p: &Plane| p.data.iter().sum::<f32>() / p.data.len() as f32;
        assert!((mean(&small) - mean(&plane)).abs() < 1e-4);
        assert_eq!(reduced(&plane, 70), plane);
        let flat = Plane { size: Size::new(1000, 1), data: vec![0.25; 1000] };
        assert_eq!(reduced(&flat, 64).size, Size::new(64, 1));
    }
}
