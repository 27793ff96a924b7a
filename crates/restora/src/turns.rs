//! The eight flips and turns of a picture: nets that see another one each time share no preferred direction.

use restora_image::{Image, Size};

/// Number of flips and turns.
pub const TURNS: u32 = 8;

/// One of the eight flips and turns: transposed where `how` has bit 4, then flipped where it has 1 and 2.
pub fn turned(image: &Image, how: u32) -> Image {
    flipped(if how & 4 == 0 { image.clone() } else { transposed(image) }, how)
}

/// Undoes [`turned`].
pub fn turned_back(image: Image, how: u32) -> Image {
    let image = flipped(image, how);
    if how & 4 == 0 { image } else { transposed(&image) }
}

fn flipped(mut image: Image, how: u32) -> Image {
    let w = image.size().w().max(1);
    for plane in image.planes_mut() {
        if how & 1 != 0 {
            // All values backward, and each row backward again: the rows backward.
            plane.reverse();
            plane.chunks_exact_mut(w).for_each(<[f32]>::reverse);
        }
        if how & 2 != 0 {
            plane.chunks_exact_mut(w).for_each(<[f32]>::reverse);
        }
    }
    image
}

fn transposed(image: &Image) -> Image {
    let Size { width, height } = image.size();
    let mut out = Image::zeros(Size::new(height, width), image.space());
    for c in 0..image.channels() {
        let from = image.plane(c);
        for (x, row) in out.plane_mut(c).chunks_exact_mut(height.max(1) as usize).enumerate() {
            row.iter_mut().enumerate().for_each(|(y, v)| *v = from.at(x, y));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_testkit::synthetic_rgb;

    #[test]
    fn turns_are_undone_and_differ() {
        let image = synthetic_rgb(Size::new(7, 5));
        for how in 0..TURNS {
            assert!(turned_back(turned(&image, how), how) == image, "{how}");
            for other in 0..how {
                assert!(turned(&image, how) != turned(&image, other));
            }
        }
        assert_eq!(turned(&image, 1).plane(2).at(3, 4), image.plane(2).at(3, 0));
        assert_eq!(turned(&image, 2).plane(0).at(6, 1), image.plane(0).at(0, 1));
    }
}
