//! How good a picture looks, measured without its original.

use restora_image::{Image, Raster, Rect};
use restora_metrics::no_reference::{Brisque, Colorfulness, Niqe, brisque, colorfulness, niqe};
use serde::{Deserialize, Serialize};

/// Larger pictures are measured in a window of this many pixels in their middle, as the measures
/// themselves do.
const PIXELS: f64 = 4e6;

/// The measures of a picture that need no original.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Distance from the statistics of sharp photographs: less is better.
    pub niqe: Niqe,
    /// What VIF, GMSD and FSIM would say if they had the original: 0 undamaged, 100 heavily damaged.
    pub brisque: Brisque,
    /// 0 gray, 33 moderately, 59 quite, 109 extremely colorful.
    pub colorfulness: Colorfulness,
}

impl Quality {
    /// Measures a picture of any size.
    pub fn of(page: &Raster) -> Self {
        let n = page.size.len() as f64;
        let share = (PIXELS / n.max(1.0)).min(1.0).sqrt();
        let part = |full: u32| (f64::from(full) * share) as u32;
        let (width, height) = (part(page.size.width), part(page.size.height));
        let (x, y) = ((page.size.width - width) / 2, (page.size.height - height) / 2);
        Self::of_image(&page.tile(Rect { x, y, width, height }))
    }

    /// The same of an image in nominal range.
    pub fn of_image(image: &Image) -> Self {
        Self { niqe: niqe(image), brisque: brisque(image), colorfulness: colorfulness(image) }
    }
}

impl std::fmt::Display for Quality {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sure = |score: f32, confidence: f32| match confidence {
            0.0 => "none".to_owned(),
            c => format!("{score:.1} (confidence {c:.2})"),
        };
        let [niqe, brisque] = [
            sure(self.niqe.score, self.niqe.confidence),
            sure(self.brisque.score, self.brisque.confidence),
        ];
        write!(f, "NIQE {niqe}, BRISQUE {brisque}, colorfulness {:.0}", self.colorfulness.score)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{Depth, Size};
    use restora_testkit::{noisy, synthetic_rgb};

    #[test]
    fn large_pictures_are_measured_in_their_middle() {
        let image = noisy(&synthetic_rgb(Size::new(2600, 1700)), 0.02, 1);
        let page = Raster::from_image(&image, Depth::U8).unwrap();
        let found = Quality::of(&page);
        let share = (4e6_f64 / (2600.0 * 1700.0)).sqrt();
        let (width, height) = ((2600.0 * share) as u32, (1700.0 * share) as u32);
        let (x, y) = ((2600 - width) / 2, (1700 - height) / 2);
        let middle = page.to_image().crop(Rect { x, y, width, height });
        assert_eq!(found, Quality::of_image(&middle));
        assert!(found.to_string().contains("NIQE"), "{found}");
    }

    #[test]
    fn tiny_pictures_have_no_quality_and_do_not_fail() {
        for size in [Size::new(1, 1), Size::new(1, 40), Size::new(40, 1)] {
            let image = synthetic_rgb(size);
            let found = Quality::of(&Raster::from_image(&image, Depth::U8).unwrap());
            assert_eq!((found.niqe.confidence, found.brisque.confidence), (0.0, 0.0));
        }
    }
}
