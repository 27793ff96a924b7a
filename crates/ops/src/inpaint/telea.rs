//! Telea's inpainting: the hole is filled from its rim inward, each pixel by a weighted mean of what
//! its known neighbors predict for it.
//!
//! ```text
//! I(p) = sum_q w(p, q) (I(q) + grad I(q) . (p - q)) / sum_q w(p, q),   q known, |p - q| <= r   (2)
//! w = dir * dst * lev:   dir = |(p - q) / |p - q| . N(p)|,   dst = 1 / |p - q|^2,
//!                        lev = 1 / (1 + |T(p) - T(q)|),   N = grad T / |grad T|                (3)
//! ```
//!
//! `T` is the distance to the rim by fast marching, negative outside. A filled color
//! depends on the pixels around its hole only.
//!
//! Beside the paper: slopes are those of given pixels, never of filled ones, and are multiplied by
//! `1 / depth` of the hole at that place, since a slope carried through a deep hole is noise made large;
//! `dir` is at least 0.3, so that neighbors along the front count where there are no others. Both, and the
//! default radius, were chosen on training photographs (`docs/inpainting.md`). Border: pixels outside the
//! image are not known. Groups of holes far apart are filled at the same time.
//!
//! Reference: A. Telea, "An image inpainting technique based on the fast marching method", Journal of
//! Graphics Tools 9(1), 2004, doi:10.1080/10867651.2004.10487596.

use super::fast_marching::march;
use super::frame::{Frame, FromRim, fill_from_rim, fill_sample};
use restora_image::{Context, Image, Mask, OpError, OpInfo, Operation, ParamInfo, Sample};
use serde::{Deserialize, Serialize};

/// Options of [`telea`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Telea {
    /// Radius of the neighborhood in pixels, `1..=50`.
    pub radius: u32,
}

impl Default for Telea {
    fn default() -> Self {
        Self { radius: 4 }
    }
}

/// Name, paper and parameters of [`telea`].
pub const INFO: OpInfo = OpInfo {
    id: "telea",
    title: "Inpainting by fast marching (Telea)",
    family: "inpaint",
    paper: "A. Telea, An image inpainting technique based on the fast marching method, Journal of \
            Graphics Tools 9(1), 2004, doi:10.1080/10867651.2004.10487596",
    params: &[ParamInfo {
        name: "radius",
        symbol: "epsilon",
        unit: "pixels",
        range: "1..=50",
        default: "4",
        doc: "Radius of the neighborhood a missing pixel is filled from",
    }],
};

/// Least weight of a direction: of neighbors on the same level as the pixel.
const ALONG: f32 = 0.3;
/// Pixels between two looks at whether the caller cancelled.
const CHECK: usize = 1 << 13;

/// Fills the missing pixels of an image.
///
/// # Errors
/// [`OpError::Param`] if the radius is out of range; [`OpError::SizeMismatch`] if the mask does not
/// fit; [`OpError::Input`] if no pixel is known; [`OpError::Cancelled`].
pub fn telea(input: &Image, mask: &Mask, options: &Telea, cx: &Context) -> Result<Image, OpError> {
    options.validate()?;
    fill_from_rim(options, input, mask, cx)
}

impl FromRim for Telea {
    fn radius(&self) -> usize {
        self.radius as usize
    }

    fn fill<const C: usize>(&self, frame: &mut Frame<C>, cx: &Context) -> Result<(), OpError> {
        let width = frame.width;
        let mut t = vec![f32::INFINITY; frame.known.len()];
        let rim = frame.rim();
        for &i in &rim {
            t[i as usize] = 0.0;
        }
        let limit = self.radius as f32;
        // One more than the radius: marched distances are a little long.
        let behind = march(&mut t, width, &rim, limit + 1.0, cx, |i| frame.known[i])?;
        for (t, known) in t.iter_mut().zip(&frame.known) {
            if *known {
                *t = -t.min(limit);
            }
        }
        // The rim has distance 0 and everything else known lies behind it: no way leads there.
        let order = march(&mut t, width, &rim, f32::INFINITY, cx, |i| frame.is_missing(i))?;
        let trust = trust(&order, &t, width);
        let mut gradients = vec![[[0.0; C]; 2]; t.len()];
        for &q in rim.iter().chain(&behind) {
            let q = q as usize;
            gradients[q] = [gradient(frame, q, 1), gradient(frame, q, width)];
        }
        let neighbors = neighbors(self.radius as i32, width);
        for (k, (&p, trust)) in order.iter().zip(trust).enumerate() {
            let p = p as usize;
            frame.pixels[p] = predicted(frame, &t, &gradients, p, trust, &neighbors);
            frame.known[p] = true;
            if k % CHECK == 0 {
                cx.check()?;
            }
        }
        Ok(())
    }
}

/// How far the slope of the picture is trusted at each pixel of `order`: the inverse of the largest
/// distance that the front reaches past it.
fn trust(order: &[u32], t: &[f32], width: usize) -> Vec<f32> {
    let mut depth: Vec<f32> = t.to_vec();
    for &i in order.iter().rev() {
        let i = i as usize;
        let before = [i - width, i - 1, i + 1, i + width];
        let from = before.into_iter().min_by(|a, b| t[*a].total_cmp(&t[*b])).unwrap_or(i);
        depth[from] = depth[from].max(depth[i]);
    }
    order.iter().map(|&i| 1.0 / depth[i as usize].max(1.0)).collect()
}

fn neighbors(r: i32, width: usize) -> Vec<Neighbor> {
    let square = (-r..=r).flat_map(|dy| (-r..=r).map(move |dx| (dx, dy)));
    let disk = square.filter(|&(dx, dy)| (dx, dy) != (0, 0) && dx * dx + dy * dy <= r * r);
    disk.map(|(dx, dy)| Neighbor::new(dx, dy, width)).collect()
}

/// A place of the neighborhood.
struct Neighbor {
    /// From the pixel to it, as an index.
    offset: isize,
    /// From it to the pixel: `p - q`.
    x: f32,
    y: f32,
    /// `dst / |p - q|`.
    weight: f32,
}

impl Neighbor {
    fn new(dx: i32, dy: i32, width: usize) -> Self {
        let (x, y) = (-dx as f32, -dy as f32);
        let d2 = x * x + y * y;
        let offset = dy as isize * width as isize + dx as isize;
        Self { offset, x, y, weight: 1.0 / (d2 * d2.sqrt()) }
    }
}

fn predicted<const C: usize>(
    frame: &Frame<C>,
    t: &[f32],
    gradients: &[[[f32; C]; 2]],
    p: usize,
    trust: f32,
    neighbors: &[Neighbor],
) -> [f32; C] {
    let (nx, ny) = (slope(frame, t, p, 1), slope(frame, t, p, frame.width));
    let length = (nx * nx + ny * ny).sqrt().max(1e-6);
    let (nx, ny) = (nx / length, ny / length);
    let mut sum = [0.0; C];
    let mut weights = 0.0;
    for n in neighbors {
        let q = p.wrapping_add_signed(n.offset);
        if !frame.known[q] {
            continue;
        }
        let dir = (n.x * nx + n.y * ny).abs().max(ALONG);
        let w = dir * n.weight / (1.0 + (t[p] - t[q]).abs());
        weights += w;
        for (sum, v) in sum.iter_mut().zip(frame.pixels[q]) {
            *sum += w * v;
        }
        if t[q] <= 0.0 {
            let [gx, gy] = &gradients[q];
            for c in 0..C {
                sum[c] += w * trust * (gx[c] * n.x + gy[c] * n.y);
            }
        }
    }
    sum.map(|s| s / weights)
}

/// Derivative of the distance along the axis whose neighbors are `step` apart.
fn slope<const C: usize>(frame: &Frame<C>, t: &[f32], p: usize, step: usize) -> f32 {
    match (frame.known[p - step], frame.known[p + step]) {
        (true, true) => 0.5 * (t[p + step] - t[p - step]),
        (true, false) => t[p] - t[p - step],
        (false, true) => t[p + step] - t[p],
        (false, false) => 0.0,
    }
}

/// Derivative of the colors along the axis whose neighbors are `step` apart, from given pixels: none is
/// filled yet.
fn gradient<const C: usize>(frame: &Frame<C>, q: usize, step: usize) -> [f32; C] {
    let (low, high, half) = match (frame.known[q - step], frame.known[q + step]) {
        (true, true) => (q - step, q + step, 0.5),
        (true, false) => (q - step, q, 1.0),
        (false, true) => (q, q + step, 1.0),
        (false, false) => return [0.0; C],
    };
    std::array::from_fn(|c| half * (frame.pixels[high][c] - frame.pixels[low][c]))
}

impl Operation for Telea {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        match self.radius {
            1..=50 => Ok(()),
            r => Err(OpError::param("radius", "in 1..=50", r)),
        }
    }

    /// A hole is filled from its rim, however far away that is.
    fn reach(&self) -> Option<u32> {
        None
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        fill_sample(self, sample, |image, mask| telea(image, mask, self, cx))
    }
}

#[cfg(test)]
mod tests;
