//! What the inpainters share: checks, and a group of holes with its surroundings, so that no loop
//! asks where the picture ends.

use super::groups::{Group, for_each_group, groups};
use restora_image::{Context, Image, Mask, OpError, Operation, Sample};

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

/// An inpainter that fills holes from their rim inward.
pub(super) trait FromRim: Sync {
    /// Pixels around a missing one that its color depends on, at least 1.
    fn radius(&self) -> usize;

    /// Fills [`Frame::missing`].
    fn fill<const C: usize>(&self, frame: &mut Frame<C>, cx: &Context) -> Result<(), OpError>;
}

/// Fills the holes of an image group by group, three planes at a time where there are three.
///
/// # Errors
/// Those of [`holes`] and of the inpainter.
pub(super) fn fill_from_rim(
    inpainter: &impl FromRim,
    input: &Image,
    mask: &Mask,
    cx: &Context,
) -> Result<Image, OpError> {
    cx.check()?;
    let Some(mask) = holes(input, mask)? else { return Ok(input.clone()) };
    // Around a known pixel that two groups read, both find the same.
    let groups = groups(mask, 2 * inpainter.radius() + 2);
    let mut out = input.clone();
    let mut first = 0;
    while first < input.channels() {
        if input.channels() - first >= 3 {
            fill_planes::<3>(inpainter, &groups, mask, first, &mut out, cx)?;
            first += 3;
        } else {
            fill_planes::<1>(inpainter, &groups, mask, first, &mut out, cx)?;
            first += 1;
        }
    }
    Ok(out)
}

fn fill_planes<const C: usize>(
    inpainter: &impl FromRim,
    groups: &[Group],
    mask: &Mask,
    first: usize,
    out: &mut Image,
    cx: &Context,
) -> Result<(), OpError> {
    let filled = for_each_group(groups, cx, |group| {
        let mut frame = Frame::<C>::new(out, mask, group, first, inpainter.radius());
        inpainter.fill(&mut frame, cx)?;
        Ok(frame.missing.iter().map(|&i| frame.pixels[i as usize]).collect::<Vec<_>>())
    })?;
    let w = mask.size().w();
    for c in 0..C {
        let plane = out.plane_mut(first + c);
        for (group, filled) in groups.iter().zip(&filled) {
            for ((x, y), pixel) in group.pixels().zip(filled) {
                plane[y * w + x] = pixel[c];
            }
        }
    }
    Ok(())
}

/// `C` planes of the surroundings of a group, pixel by pixel.
pub(super) struct Frame<const C: usize> {
    /// Pixels per row.
    pub width: usize,
    /// The colors.
    pub pixels: Vec<[f32; C]>,
    /// May the pixel be read? Not if it is missing or lies outside the image; the outermost never.
    pub known: Vec<bool>,
    /// Indices of the missing pixels of the group, in order.
    pub missing: Vec<u32>,
    lost: Vec<bool>,
}

impl<const C: usize> Frame<C> {
    /// A group with the pixels at most `radius + 1` away, and a rim of one more that nobody knows.
    fn new(input: &Image, mask: &Mask, group: &Group, first: usize, radius: usize) -> Self {
        let size = input.size();
        let pad = radius + 2;
        let (left, top, w, h) = group.bounds();
        let width = w + 2 * pad;
        let n = width * (h + 2 * pad);
        let (mut pixels, mut known) = (vec![[0.0; C]; n], vec![false; n]);
        let x0 = left.saturating_sub(radius + 1);
        let x1 = (left + w + radius + 1).min(size.w());
        for y in top.saturating_sub(radius + 1)..(top + h + radius + 1).min(size.h()) {
            let start = (y + pad - top) * width + x0 + pad - left;
            for c in 0..C {
                let row = &input.plane(first + c).row(y)[x0..x1];
                for (pixel, v) in pixels[start..].iter_mut().zip(row) {
                    pixel[c] = *v;
                }
            }
            let row = &mask.data()[y * size.w()..][x0..x1];
            for (known, missing) in known[start..].iter_mut().zip(row) {
                *known = !missing;
            }
        }
        let mut lost = vec![false; n];
        let mut missing = Vec::new();
        for (x, y) in group.pixels() {
            let i = (y + pad - top) * width + x + pad - left;
            missing.push(i as u32);
            lost[i] = true;
        }
        Self { width, pixels, known, missing, lost }
    }

    /// Was the pixel missing?
    pub fn is_missing(&self, i: usize) -> bool {
        self.lost[i]
    }

    /// The pixels beside, above and below one.
    pub fn beside(&self, i: usize) -> [usize; 4] {
        [i - self.width, i - 1, i + 1, i + self.width]
    }

    /// The known pixels that have a missing one of the group beside them.
    pub fn rim(&self) -> Vec<u32> {
        let mut rim = Vec::new();
        for &i in &self.missing {
            let beside = self.beside(i as usize);
            rim.extend(beside.into_iter().filter(|&j| self.known[j]).map(|j| j as u32));
        }
        rim.sort_unstable();
        rim.dedup();
        rim
    }
}
