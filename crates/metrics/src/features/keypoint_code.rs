//! Keypoint code: a SIFT descriptor in half the bytes, for indexes of many pictures.
//!
//! ```text
//! code(cell, k) = (d(cell, 2k - 1) + 2 d(cell, 2k) + d(cell, 2k + 1)) / 2,  cut at 255      k = 0 .. 3
//! ```
//!
//! Four smoothed directions per cell in place of eight. Each is centered on an even direction, so that
//! the code of a mirrored picture is a permutation ([`mirrored`]): the keypoint turns over about its own
//! orientation, which exchanges the rows of cells and the directions that turn left and right.
//!
//! Reference: none for the halving, which is a choice; the descriptor is that of D. G. Lowe,
//! doi:10.1023/B:VISI.0000029664.99615.94.

/// The code of a descriptor of [`sift()`](super::sift()).
pub fn keypoint_code(descriptor: &[u8; 128]) -> [u8; 64] {
    std::array::from_fn(|i| {
        let (cell, k) = (i / 4 * 8, i % 4 * 2);
        let at = |d: usize| u32::from(descriptor[cell + d % 8]);
        ((at(k + 7) + 2 * at(k) + at(k + 1)).div_ceil(2)).min(255) as u8
    })
}

/// The code that the same keypoint has in a mirrored picture.
pub fn mirrored(code: &[u8; 64]) -> [u8; 64] {
    std::array::from_fn(|i| {
        let (row, column, k) = (i / 16, i / 4 % 4, i % 4);
        code[(3 - row) * 16 + column * 4 + (4 - k) % 4]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{Sift, sift};
    use restora_image::{ColorSpace, Context, Image, Rng, Size};

    #[test]
    fn the_code_of_a_mirrored_picture_is_the_mirrored_code() {
        let mut rng = Rng::new(9, "blobs", 0);
        let size = Size::new(128, 96);
        let mut image = Image::zeros(size, ColorSpace::Gray);
        for _ in 0..60 {
            let (x, y) = (128.0 * rng.uniform(), 96.0 * rng.uniform());
            let (s, height) = (2.0 + 4.0 * rng.uniform(), rng.uniform() - 0.5);
            for (i, v) in image.data_mut().iter_mut().enumerate() {
                let (dx, dy) = ((i % 128) as f64 - x, (i / 128) as f64 - y);
                *v += (height * (-0.5 * (dx * dx + dy * dy) / (s * s)).exp()) as f32;
            }
        }
        let flipped = Image::gray_from_fn(size, |x, y| image.plane(0).at(127 - x, y));
        let options = Sift { first_octave: 0, ..Sift::default() };
        let run = |i: &Image| sift(i, &options, &Context::default()).unwrap();
        let (a, b) = (run(&image), run(&flipped));
        let gap = |p: &[u8; 64], q: &[u8; 64]| {
            p.iter().zip(q).map(|(p, q)| u32::from(p.abs_diff(*q)).pow(2)).sum::<u32>()
        };
        let mut compared = 0;
        for (k, d) in a.keypoints.iter().zip(&a.descriptors) {
            let wanted = mirrored(&keypoint_code(d));
            let same_place = b.keypoints.iter().zip(&b.descriptors).filter(|(other, _)| {
                (other.x - (127.0 - k.x)).hypot(other.y - k.y) < 0.1
                    && (other.scale / k.scale - 1.0).abs() < 0.01
            });
            let Some(nearest) = same_place.map(|(_, e)| gap(&wanted, &keypoint_code(e))).min()
            else {
                continue;
            };
            compared += 1;
            assert!(nearest < 80 * 80, "{k:?}: {nearest}");
            assert_eq!(mirrored(&wanted), keypoint_code(d));
        }
        assert!(compared >= 10, "{compared}");
    }
}
