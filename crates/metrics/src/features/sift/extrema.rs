//! Extrema of the differences of Gaussians, refined below the pixel (section 3.1 and 4 of the paper).

use super::Sift;
use super::scale_space::Octave;
use crate::MetricError;
use nalgebra::{Matrix3, Vector3};
use restora_image::{Context, Plane, map_bands, simd};

/// Pixels at the edge where no extremum is looked for.
const EDGE: usize = 5;
/// Steps of the refinement before an extremum that runs away is given up.
const STEPS: usize = 5;

/// An extremum that passed all tests, in pixels of its octave.
pub(super) struct Extremum {
    pub x: f64,
    pub y: f64,
    /// Layer, with its fraction.
    pub layer: f64,
    /// `|D|` at the extremum.
    pub response: f64,
}

impl Extremum {
    /// Scale in pixels of the octave.
    pub(super) fn scale(&self, options: &Sift) -> f64 {
        options.sigma * 2f64.powf(self.layer / f64::from(options.layers))
    }
}

/// All extrema of an octave, ordered by layer and place.
pub(super) fn extrema(
    octave: &Octave,
    options: &Sift,
    cx: &Context,
) -> Result<Vec<Extremum>, MetricError> {
    let size = octave.differences[0].size;
    if size.w() <= 2 * EDGE || size.h() <= 2 * EDGE {
        return Ok(Vec::new());
    }
    let mut cells = Vec::new();
    for layer in 1..=options.layers as usize {
        let planes: &[Plane; 3] = octave.differences[layer - 1..][..3].try_into().expect("three");
        let found = map_bands(size.h() - 2 * EDGE, 32, cx, |band| {
            let mut marks = vec![0u8; size.w()];
            let mut found = Vec::new();
            for y in band.start + EDGE..band.end + EDGE {
                let threshold = (0.5 * options.contrast()) as f32;
                simd(
                    #[inline(always)]
                    || mark_row(planes, y, threshold, &mut marks),
                );
                for x in (EDGE..size.w() - EDGE).filter(|&x| marks[x] != 0) {
                    if is_extremum(planes, x, y) {
                        found.extend(refined(octave, options, [x, y, layer]));
                    }
                }
            }
            Ok(found)
        })?;
        cells.extend(found.into_iter().flatten());
    }
    // Two neighbors may run to the same extremum.
    cells.sort_by_key(|(cell, _)| [cell[2], cell[1], cell[0]]);
    cells.dedup_by_key(|(cell, _)| *cell);
    Ok(cells.into_iter().map(|(_, extremum)| extremum).collect())
}

/// Marks the pixels of row `y` that are large enough and above (or below) five of their neighbors:
/// the few that are left are tested one by one.
#[inline(always)]
fn mark_row(planes: &[Plane; 3], y: usize, threshold: f32, marks: &mut [u8]) {
    let [below, here, above] = planes;
    let n = marks.len() - 2;
    let (center, left, right) = (&here.row(y)[1..][..n], here.row(y), &here.row(y)[2..][..n]);
    let (up, down) = (&here.row(y - 1)[1..][..n], &here.row(y + 1)[1..][..n]);
    let (under, over) = (&below.row(y)[1..][..n], &above.row(y)[1..][..n]);
    let left = &left[..n];
    let marks = &mut marks[1..][..n];
    for i in 0..n {
        let v = center[i];
        let top = left[i].max(right[i]).max(up[i]).max(down[i]).max(under[i]).max(over[i]);
        let low = left[i].min(right[i]).min(up[i]).min(down[i]).min(under[i]).min(over[i]);
        let highest = u8::from(v > threshold) & u8::from(v >= top);
        let lowest = u8::from(v < -threshold) & u8::from(v <= low);
        marks[i] = highest | lowest;
    }
}

fn is_extremum(planes: &[Plane; 3], x: usize, y: usize) -> bool {
    let v = planes[1].row(y)[x];
    let mut around =
        planes.iter().flat_map(|p| [y - 1, y, y + 1].map(|y| &p.row(y)[x - 1..=x + 1])).flatten();
    if v > 0.0 { around.all(|other| v >= *other) } else { around.all(|other| v <= *other) }
}

/// The extremum of the quadratic through the neighbors of a cell (Brown and Lowe), or `None` if it
/// runs away, is faint, or lies on an edge; with the cell it was found in.
fn refined(
    octave: &Octave,
    options: &Sift,
    mut cell: [usize; 3],
) -> Option<([usize; 3], Extremum)> {
    let size = octave.differences[0].size;
    for _ in 0..STEPS {
        let [x, y, layer] = cell;
        let at = |dx: isize, dy: isize, dl: isize| {
            let plane = &octave.differences[layer.wrapping_add_signed(dl)];
            f64::from(plane.row(y.wrapping_add_signed(dy))[x.wrapping_add_signed(dx)])
        };
        let v = at(0, 0, 0);
        let gradient = 0.5
            * Vector3::new(
                at(1, 0, 0) - at(-1, 0, 0),
                at(0, 1, 0) - at(0, -1, 0),
                at(0, 0, 1) - at(0, 0, -1),
            );
        let (xx, yy) = (at(1, 0, 0) + at(-1, 0, 0) - 2.0 * v, at(0, 1, 0) + at(0, -1, 0) - 2.0 * v);
        let ll = at(0, 0, 1) + at(0, 0, -1) - 2.0 * v;
        let xy = 0.25 * (at(1, 1, 0) - at(-1, 1, 0) - at(1, -1, 0) + at(-1, -1, 0));
        let xl = 0.25 * (at(1, 0, 1) - at(-1, 0, 1) - at(1, 0, -1) + at(-1, 0, -1));
        let yl = 0.25 * (at(0, 1, 1) - at(0, -1, 1) - at(0, 1, -1) + at(0, -1, -1));
        let hessian = Matrix3::new(xx, xy, xl, xy, yy, yl, xl, yl, ll);
        let offset = -(hessian.lu().solve(&gradient)?);
        if offset.iter().all(|o| o.abs() < 0.5) {
            let response = (v + 0.5 * gradient.dot(&offset)).abs();
            let (trace, determinant) = (xx + yy, xx * yy - xy * xy);
            let r = options.edge_threshold;
            let on_edge =
                determinant <= 0.0 || trace * trace * r >= (r + 1.0) * (r + 1.0) * determinant;
            if response < options.contrast() || on_edge {
                return None;
            }
            let [x, y, layer] = [0, 1, 2].map(|i| cell[i] as f64 + offset[i]);
            return Some((cell, Extremum { x, y, layer, response }));
        }
        let ends = [size.w() - EDGE, size.h() - EDGE, options.layers as usize + 1];
        for (i, (first, end)) in [EDGE, EDGE, 1].into_iter().zip(ends).enumerate() {
            let moved = cell[i] as f64 + offset[i].round();
            if !(first as f64..end as f64).contains(&moved) {
                return None;
            }
            cell[i] = moved as usize;
        }
    }
    None
}
