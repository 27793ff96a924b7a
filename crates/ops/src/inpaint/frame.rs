//! What the inpainters share: checks, and the picture with a rim, so that no loop asks where the
//! picture ends.

use restora_image::{Image, Mask, OpError, Operation, Sample, Size};

/// Checks image and mask.
///
/// # Errors
/// [`OpError::SizeMismatch`] if they differ in size; [`OpError::Input`] if no pixel is known.
pub(super) fn holes<'a>(input: &Image, mask: &'a Mask) -> Result<Option<&'a Mask>, OpError> {
    if mask.size() != input.size() {
        let (wanted, got) = (input.size(), mask.size());
        return Err(OpError::SizeMismatch { what: "mask", wanted, got });
    }
    match mask.count() {
        0 => Ok(None),
        n if n == mask.data().len() => {
            let message = format!("the mask marks all {n} pixels: nothing to fill from");
            Err(OpError::Input(message))
        }
        _ => Ok(Some(mask)),
    }
}

/// Runs an inpainter on a sample, whose mask stays: it tells which pixels were made up.
///
/// # Errors
/// [`OpError::Input`] if the sample has no mask; those of `fill`.
pub(super) fn fill_sample(
    op: &dyn Operation,
    sample: &mut Sample,
    fill: impl FnOnce(&Image, &Mask) -> Result<Image, OpError>,
) -> Result<(), OpError> {
    let Some(mask) = &sample.mask else {
        let id = op.info().id;
        return Err(OpError::Input(format!(
            "{id} fills missing pixels and needs a mask that marks them; none was given"
        )));
    };
    sample.image = fill(&sample.image, mask)?;
    Ok(())
}

/// `C` planes with a rim of `pad` pixels on every side, pixel by pixel.
pub(super) struct Frame<const C: usize> {
    size: Size,
    pad: usize,
    /// Pixels per row, rim included.
    pub width: usize,
    /// The colors.
    pub pixels: Vec<[f32; C]>,
    /// May the pixel be read? Not if it is missing or belongs to the rim.
    pub known: Vec<bool>,
    /// Indices of the missing pixels, in order.
    pub missing: Vec<u32>,
    lost: Vec<bool>,
}

impl<const C: usize> Frame<C> {
    /// Planes `first..first + C` of an image.
    pub fn new(input: &Image, mask: &Mask, first: usize, pad: usize) -> Self {
        let size = input.size();
        let width = size.w() + 2 * pad;
        let n = width * (size.h() + 2 * pad);
        let mut pixels = vec![[0.0; C]; n];
        let mut known = vec![false; n];
        let mut missing = Vec::new();
        let mut lost = vec![false; n];
        for y in 0..size.h() {
            let start = (y + pad) * width + pad;
            for c in 0..C {
                let row = input.plane(first + c);
                for (pixel, v) in pixels[start..].iter_mut().zip(row.row(y)) {
                    pixel[c] = *v;
                }
            }
            let row = &mask.data()[y * size.w()..][..size.w()];
            for (x, (known, missed)) in known[start..].iter_mut().zip(row).enumerate() {
                *known = !missed;
                lost[start + x] = *missed;
                if *missed {
                    missing.push((start + x) as u32);
                }
            }
        }
        Self { size, pad, width, pixels, known, missing, lost }
    }

    /// Was the pixel missing?
    pub fn is_missing(&self, i: usize) -> bool {
        self.lost[i]
    }

    /// The known pixels that have a missing one beside them.
    pub fn rim(&self) -> Vec<u32> {
        let mut rim = Vec::new();
        for &i in &self.missing {
            let i = i as usize;
            let beside = [i - self.width, i - 1, i + 1, i + self.width];
            rim.extend(beside.into_iter().filter(|&j| self.known[j]).map(|j| j as u32));
        }
        rim.sort_unstable();
        rim.dedup();
        rim
    }

    /// Writes the missing pixels, and no others, into planes `first..first + C`.
    pub fn write_missing(&self, out: &mut Image, first: usize) {
        for c in 0..C {
            let plane = out.plane_mut(first + c);
            for &i in &self.missing {
                let (x, y) =
                    (i as usize % self.width - self.pad, i as usize / self.width - self.pad);
                plane[y * self.size.w() + x] = self.pixels[i as usize][c];
            }
        }
    }
}
