//! Missing blocks: rectangles of pixels are lost, and known to be.
//!
//! ```text
//! pixel = 0 in all channels inside of each rectangle, marked in the mask
//! ```
//!
//! The test case of filling holes. Each rectangle is placed at random wholly inside of the image; its
//! sides are drawn between half of the longest and the longest. Opacity is kept.
//!
//! Reference: A. Criminisi, P. Perez, K. Toyama, "Region filling and object removal by exemplar-based
//! image inpainting", IEEE TIP 13(9), 2004, doi:10.1109/TIP.2004.833105.

use restora_image::{Context, Image, Mask, OpError, OpInfo, Operation, ParamInfo, Rng, Sample};
use serde::{Deserialize, Serialize};

/// Options of [`missing_blocks`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MissingBlocks {
    /// Number of blocks, `0..=10000`.
    pub count: u32,
    /// Longest side in pixels, `1..=10000`; the shortest is half of it. Blocks end at the borders of the
    /// image.
    pub side: u32,
}

impl Default for MissingBlocks {
    fn default() -> Self {
        Self { count: 3, side: 40 }
    }
}

/// Name, paper and parameters of [`missing_blocks`].
pub const INFO: OpInfo = OpInfo {
    id: "missing-blocks",
    title: "Missing blocks",
    family: "degrade",
    paper: "A. Criminisi, P. Perez, K. Toyama, Region filling and object removal by exemplar-based \
            image inpainting, IEEE TIP 13(9), 2004, doi:10.1109/TIP.2004.833105",
    params: &[
        ParamInfo {
            name: "count",
            symbol: "",
            unit: "",
            range: "0..=10000",
            default: "3",
            doc: "number of blocks",
        },
        ParamInfo {
            name: "side",
            symbol: "",
            unit: "pixels",
            range: "1..=10000",
            default: "40",
            doc: "longest side of a block; the shortest is half of it",
        },
    ],
};

/// Loses rectangles as drawn from `rng`; the mask marks them.
///
/// # Errors
/// [`OpError::Param`] if an option is out of range; [`OpError::Cancelled`].
pub fn missing_blocks(
    image: &Image,
    options: &MissingBlocks,
    rng: &Rng,
    cx: &Context,
) -> Result<(Image, Mask), OpError> {
    options.validate()?;
    let (w, h) = (image.size().w(), image.size().h());
    let mut mask = Mask::empty(image.size());
    let mut out = image.clone();
    for i in 0..options.count {
        cx.check()?;
        let mut rng = rng.child(u64::from(i));
        let mut drawn = |room: usize| {
            let longest = u64::from(options.side);
            let length = longest - rng.below(longest / 2 + 1);
            let length = (length as usize).min(room);
            (rng.below((room - length) as u64 + 1) as usize, length)
        };
        let ((x, width), (y, height)) = (drawn(w), drawn(h));
        for y in y..y + height {
            (x..x + width).for_each(|x| mask.set(x, y, true));
            for plane in out.planes_mut() {
                plane[y * w + x..][..width].fill(0.0);
            }
        }
    }
    Ok((out, mask))
}

impl Operation for MissingBlocks {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        if self.count > 10_000 {
            return Err(OpError::param("count", "in 0..=10000", self.count));
        }
        if !(1..=10_000).contains(&self.side) {
            return Err(OpError::param("side", "in 1..=10000", self.side));
        }
        Ok(())
    }

    /// The random numbers belong to places of the whole image.
    fn reach(&self) -> Option<u32> {
        None
    }

    /// Adds to the mask of the sample.
    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        let rng = cx.rng(&sample.meta.id, INFO.stream());
        let (image, mut mask) = missing_blocks(&sample.image, self, &rng, cx)?;
        if let Some(earlier) = &sample.mask {
            mask.add(earlier)?;
        }
        sample.image = image;
        sample.mask = Some(mask);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Size;
    use restora_testkit::{assert_contract, assert_info_matches, synthetic_rgb};

    #[test]
    fn missing_blocks_keeps_the_contract() {
        assert_contract(&MissingBlocks::default(), &synthetic_rgb(Size::new(50, 40)));
        assert_info_matches(&INFO, &MissingBlocks::default());
    }

    #[test]
    fn one_block_is_one_rectangle_within_its_sides_and_nothing_else_changes() {
        let image = synthetic_rgb(Size::new(90, 70));
        for seed in 0..20 {
            let options = MissingBlocks { count: 1, side: 30 };
            let rng = Rng::new(seed, "blocks", 0);
            let (out, mask) = missing_blocks(&image, &options, &rng, &Context::default()).unwrap();
            let lost: Vec<usize> = (0..90 * 70).filter(|&i| mask.data()[i]).collect();
            let columns = lost.iter().map(|i| i % 90);
            let (left, right) = (columns.clone().min().unwrap(), columns.max().unwrap());
            let (width, height) =
                (right - left + 1, (lost[lost.len() - 1] / 90) - lost[0] / 90 + 1);
            assert_eq!(lost.len(), width * height);
            assert!((15..=30).contains(&width) && (15..=30).contains(&height));
            for (i, (new, old)) in out.data().iter().zip(image.data()).enumerate() {
                let wanted = if mask.data()[i % (90 * 70)] { 0.0 } else { *old };
                assert_eq!(new.to_bits(), wanted.to_bits());
            }
        }
    }

    #[test]
    fn options_out_of_range_are_refused() {
        for (options, name) in [
            (MissingBlocks { count: 10_001, side: 5 }, "count"),
            (MissingBlocks { count: 1, side: 0 }, "side"),
        ] {
            assert!(options.validate().unwrap_err().to_string().contains(name));
        }
    }
}
