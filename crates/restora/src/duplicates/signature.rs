//! What is kept of a picture.

use super::Picture;
use super::look::look;
use crate::error::Error;
use restora_data::{Entry, Limits, Source, decode};
use restora_image::{Context, Image, Pixels, Plane, Raster, Size, to_luma};
use restora_metrics::features::{DescriptorKind, Sift, SiftFeatures, keypoint_code, sift};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Bytes of a code.
pub const CODE: usize = 64;
/// Pictures are reduced to this before keypoints are looked for.
const SIDE: u32 = 512;
/// Pictures up to this side are doubled, for the fine half of the keypoints.
const SMALL: u32 = 256;
/// Keypoints of smaller scale show in the doubled picture alone.
const FINE: f32 = 1.6;
/// Largest side of the small gray picture.
const THUMBNAIL: u32 = 64;

/// What is kept of a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signature {
    /// Its name below the folder.
    pub id: String,
    /// Where it is, if it is a file.
    pub path: Option<PathBuf>,
    pub width: u32,
    pub height: u32,
    /// Bytes of the file.
    pub bytes: u64,
    /// Nanoseconds since 1970 at which the file was last changed.
    pub modified: Option<u64>,
    /// Checksum of the file.
    pub file_sum: u32,
    /// Checksum of the pixels of all pages.
    pub pixel_sum: u32,
    /// The keypoints, in pixels of the picture.
    pub points: Vec<[f32; 2]>,
    /// [`CODE`] bytes for each.
    pub codes: Vec<u8>,
    /// The lowest frequencies of the picture; `None` of a flat one.
    pub look: Option<Vec<u8>>,
    /// The picture, small and gray.
    pub thumbnail: Thumbnail,
}

/// A small gray picture of bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thumbnail {
    pub width: u8,
    pub height: u8,
    pub values: Vec<u8>,
}

impl Thumbnail {
    fn of(plane: &Plane) -> Self {
        let small = reduced(plane, THUMBNAIL);
        let byte = |v: &f32| (255.0 * v.clamp(0.0, 1.0)).round() as u8;
        Self {
            width: small.size.width as u8,
            height: small.size.height as u8,
            values: small.data.iter().map(byte).collect(),
        }
    }

    /// With white as 1.
    pub fn plane(&self) -> Plane {
        let size = Size::new(self.width.into(), self.height.into());
        Plane { size, data: self.values.iter().map(|v| f32::from(*v) / 255.0).collect() }
    }

    fn is_whole(&self) -> bool {
        self.values.len() == usize::from(self.width) * usize::from(self.height)
    }
}

/// Size and time of the last change, if it is a file: what tells whether it has to be looked at again.
pub fn stamp(entry: &Entry) -> (Option<u64>, Option<u64>) {
    let Source::Path(path) = &entry.source else { return (None, None) };
    let Ok(data) = std::fs::metadata(path) else { return (None, None) };
    let since = data.modified().ok().and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
    (Some(data.len()), since.map(|d| d.as_nanos() as u64))
}

impl Signature {
    /// Reads and measures a picture; of several pages the first is looked at.
    pub fn of(entry: &Entry, keypoints: u32, limits: &Limits) -> Result<Self, Error> {
        // Before it is read: what changes meanwhile is looked at again.
        let modified = stamp(entry).1;
        let bytes = entry.read(limits)?;
        let pages = decode(&bytes, limits)?.pages;
        let page = pages.first().ok_or_else(|| Error::Fault("no page".into()))?;
        let luma = to_luma(&page.to_image())?;
        let size = luma.size;
        let reduced = reduced(&luma, SIDE);
        drop(luma);
        let scale = size.w() as f64 / reduced.size.w().max(1) as f64;
        let thumbnail = Thumbnail::of(&reduced);
        let found = strongest(&Image::from_plane(reduced), keypoints)?;
        // The center of the first pixel of the small picture is that of the first `scale` pixels.
        let full = |v: f32| ((f64::from(v) + 0.5) * scale - 0.5) as f32;
        let path = match &entry.source {
            Source::Path(path) => Some(std::path::absolute(path).unwrap_or_else(|_| path.clone())),
            Source::Stdin => None,
        };
        Ok(Self {
            id: entry.id.clone(),
            path,
            width: size.width,
            height: size.height,
            bytes: bytes.len() as u64,
            modified,
            file_sum: crc32fast::hash(&bytes),
            pixel_sum: pixel_sum(&pages),
            points: found.keypoints.iter().map(|k| [full(k.x), full(k.y)]).collect(),
            codes: found.descriptors.iter().flat_map(keypoint_code).collect(),
            look: look(&thumbnail.plane()),
            thumbnail,
        })
    }

    /// Do its parts fit each other? What comes from a file may not.
    pub fn is_whole(&self) -> bool {
        self.codes.len() == CODE * self.points.len()
            && self.look.as_ref().is_none_or(|look| look.len() == CODE)
            && self.thumbnail.is_whole()
            && self.width > 0
            && self.height > 0
    }

    /// Where the keypoint is.
    pub fn point(&self, keypoint: usize) -> [f64; 2] {
        self.points[keypoint].map(f64::from)
    }

    /// All bytes of the file, if it is still the one that was looked at.
    pub fn read(&self, limits: &Limits) -> Option<Vec<u8>> {
        let path: &Path = self.path.as_ref()?;
        if std::fs::metadata(path).ok()?.len() > limits.max_file_bytes {
            return None;
        }
        let bytes = std::fs::read(path).ok()?;
        (crc32fast::hash(&bytes) == self.file_sum).then_some(bytes)
    }
}

impl Picture {
    pub(super) fn of(signature: &Signature) -> Self {
        Self {
            id: signature.id.clone(),
            width: signature.width,
            height: signature.height,
            bytes: signature.bytes,
            path: signature.path.clone(),
            keypoints: signature.points.len(),
        }
    }
}

/// The `most` keypoints of highest contrast. Of a small picture half of them are fine ones, which only its double
/// shows: the coarse half is what it has in common with larger copies, the fine half is many where it is tiny.
fn strongest(image: &Image, most: u32) -> Result<SiftFeatures, Error> {
    let small = image.size().width.max(image.size().height) <= SMALL;
    let found = |first_octave: i32, max_keypoints: u32| {
        let descriptor = DescriptorKind::RootSift;
        let options = Sift { first_octave, max_keypoints, descriptor, ..Sift::default() };
        sift(image, &options, &Context::default())
    };
    if !small {
        return Ok(found(0, most)?);
    }
    let mut all = found(0, most.div_ceil(2))?;
    let doubled = found(-1, most)?;
    let left = most as usize - all.keypoints.len();
    let pairs = doubled.keypoints.into_iter().zip(doubled.descriptors);
    for (keypoint, descriptor) in pairs.filter(|(k, _)| k.scale < FINE).take(left) {
        all.keypoints.push(keypoint);
        all.descriptors.push(descriptor);
    }
    Ok(all)
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
    let to = |n: usize| ((n as f64 * factor).round() as u32).max(1);
    averaged(plane, Size::new(to(w), to(h)))
}

/// The picture at another size: each new pixel is the mean of its part of the old ones.
pub fn averaged(plane: &Plane, size: Size) -> Plane {
    let w = plane.size.w();
    let columns = shares(w, size.w());
    let rows = shares(plane.size.h(), size.h());
    let mut data = Vec::with_capacity(size.len());
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
    Plane { size, data }
}

/// For each of `to` equal stretches of `from` pixels: the first pixel, and the share of each in it.
fn shares(from: usize, to: usize) -> Vec<(usize, Vec<f32>)> {
    let width = from as f64 / to as f64;
    (0..to)
        .map(|i| {
            let (start, end) = (i as f64 * width, (i + 1) as f64 * width);
            let first = (start.floor() as usize).min(from - 1);
            let last = (end.ceil() as usize).clamp(first + 1, from);
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
        let large = averaged(&small, Size::new(40, 40));
        assert!((mean(&large) - mean(&plane)).abs() < 1e-3);
    }
}
