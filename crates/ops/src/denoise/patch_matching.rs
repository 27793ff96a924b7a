//! Block matching: the patches most similar to every reference patch, by squared distance on a guide
//! plane. Shared by the denoisers that work on groups.
//!
//! For one row of reference patches and one displacement, the squared differences of two rows of
//! pixels are summed down the patch, then across it, which gives the distances of all its patches:
//! `2 p` operations per pixel and displacement instead of `p^2` per patch, all on whole vectors.
//! Sums are formed in the same order everywhere, so a patch pair has the same distance in every tile.

use super::patch_groups::{BAND, Grid, LANES, MAX_PATCH};
use restora_image::{Context, OpError, PlaneRef, map_bands, simd};

/// Reference patches that are matched together: bounds the memory, and keeps it in cache.
const TOGETHER: usize = 128;

/// The groups of an image: for every reference patch the displacements of its patches.
#[derive(Debug, Default)]
pub(crate) struct Matches {
    /// One entry per [`BAND`] rows of reference patches.
    pub bands: Vec<BandMatches>,
}

#[derive(Debug, Default)]
pub(crate) struct BandMatches {
    /// Displacements of all groups, as index into the window in raster order.
    pub displacements: Vec<u16>,
    /// Number of displacements of each group.
    pub counts: Vec<u16>,
}

impl Matches {
    /// Finds the groups of `guide`.
    pub fn find(guide: PlaneRef<'_>, grid: &Grid, cx: &Context) -> Result<Self, OpError> {
        let (xs, ys) = (grid.positions(guide.width()), grid.positions(guide.height()));
        let bands = map_bands(ys.len(), BAND, cx, |rows| {
            let mut matcher = Matcher::new(grid);
            let mut found = BandMatches::default();
            for &y in &ys[rows] {
                cx.check()?;
                for xs in xs.chunks(TOGETHER) {
                    matcher.distances(guide, grid, xs, y);
                    matcher.select(grid, xs.len(), &mut found);
                }
            }
            Ok(found)
        })?;
        Ok(Self { bands })
    }
}

/// Memory for matching some reference patches of one row.
struct Matcher {
    /// Squared distances, `[dy][reference][dx]`; not finite outside the image.
    distances: Vec<f32>,
    columns: Vec<f32>,
    keys: Vec<u64>,
}

impl Matcher {
    fn new(grid: &Grid) -> Self {
        let side = 2 * grid.radius + 1;
        Self {
            distances: Vec::new(),
            columns: vec![0.0; 2 * (TOGETHER * grid.step + grid.patch)],
            keys: Vec::with_capacity(side * side),
        }
    }

    /// Distances of the reference patches at `xs` of row `y` to all displaced patches.
    fn distances(&mut self, guide: PlaneRef<'_>, grid: &Grid, xs: &[usize], y: usize) {
        let (w, h, p, r) = (guide.width(), guide.height(), grid.patch, grid.radius);
        let side = 2 * r + 1;
        // Columns that the reference patches cover.
        let (left, right) = (xs[0], xs[xs.len() - 1] + p);
        self.distances.clear();
        self.distances.resize(side * side * xs.len(), f32::INFINITY);
        let half = self.columns.len() / 2;
        simd(
            #[inline(always)]
            || {
                let mut a = [&[][..]; MAX_PATCH];
                for (i, a) in a[..p].iter_mut().enumerate() {
                    *a = guide.row(y + i);
                }
                for iy in (r - r.min(y))..=(r + r.min(h - p - y)) {
                    let other = y + iy - r;
                    for ix in 0..side {
                        // Columns x of the reference whose displaced x + ix - r is inside.
                        let x0 = left.max(r.saturating_sub(ix));
                        let x1 = (w + r).saturating_sub(ix).min(right);
                        if x1 < x0 + p {
                            continue;
                        }
                        let len = x1 - x0;
                        let (sums, boxes) = self.columns.split_at_mut(half);
                        let (sums, boxes) = (&mut sums[..len], &mut boxes[..=len - p]);
                        let a = &a[..p];
                        let mut b = [&[][..]; MAX_PATCH];
                        for (i, b) in b[..p].iter_mut().enumerate() {
                            *b = &guide.row(other + i)[x0 + ix - r..][..len];
                        }
                        box_distances(sums, boxes, a, x0, &b[..p]);
                        let first = xs.partition_point(|&x| x < x0);
                        let end = xs.partition_point(|&x| x + p <= x1);
                        let rows = self.distances[iy * xs.len() * side..].chunks_exact_mut(side);
                        for (row, &x) in rows.zip(&xs[..end]).skip(first) {
                            row[ix] = boxes[x - x0];
                        }
                    }
                }
            },
        );
    }

    /// The most similar patches of every reference patch.
    fn select(&mut self, grid: &Grid, references: usize, found: &mut BandMatches) {
        let side = 2 * grid.radius + 1;
        let own = (grid.radius * side + grid.radius) as u32;
        for reference in 0..references {
            self.keys.clear();
            let rows = self.distances.chunks_exact(side).skip(reference).step_by(references);
            for (row, first) in rows.zip((0..).step_by(side)) {
                // Distances are not negative, so their bits sort like them.
                let finite = row.iter().zip(first..).filter(|(d, _)| d.is_finite());
                self.keys.extend(finite.map(|(d, i)| (u64::from(d.to_bits()) << 32) | i));
            }
            // The reference patch comes first whatever else is at distance 0.
            if let Some(key) = self.keys.iter_mut().find(|key| **key as u32 == own) {
                *key = 0;
            }
            let count = grid.count.min(self.keys.len());
            if count < self.keys.len() {
                self.keys.select_nth_unstable(count);
            }
            let chosen = self.keys[..count].iter();
            found
                .displacements
                .extend(chosen.map(|key| if *key == 0 { own } else { *key as u32 } as u16));
            found.counts.push(count as u16);
        }
    }
}

/// `columns[x] = sum over rows (a[x0 + x] - b[x])^2`,
/// `boxes[x] = columns[x] + .. + columns[x + p - 1]`.
#[inline(always)]
fn box_distances(columns: &mut [f32], boxes: &mut [f32], a: &[&[f32]], x0: usize, b: &[&[f32]]) {
    match a.len() {
        6 => unrolled::<6>(columns, boxes, a, x0, b),
        7 => unrolled::<7>(columns, boxes, a, x0, b),
        9 => unrolled::<9>(columns, boxes, a, x0, b),
        11 => unrolled::<11>(columns, boxes, a, x0, b),
        p => any(columns, boxes, (a, x0, b), p),
    }
}

/// [`any`] with the number of rows known to the compiler: twice as fast.
#[inline(always)]
fn unrolled<const P: usize>(
    columns: &mut [f32],
    boxes: &mut [f32],
    a: &[&[f32]],
    x0: usize,
    b: &[&[f32]],
) {
    any(columns, boxes, (&a[..P], x0, &b[..P]), P);
}

#[inline(always)]
fn any(
    columns: &mut [f32],
    boxes: &mut [f32],
    (a, x0, b): (&[&[f32]], usize, &[&[f32]]),
    p: usize,
) {
    let len = columns.len();
    let mut rows = [(&[][..], &[][..]); MAX_PATCH];
    for i in 0..p {
        rows[i] = (&a[i][x0..][..len], &b[i][..len]);
    }
    let mut x = 0;
    while x + LANES <= len {
        let mut acc = [0.0; LANES];
        for i in 0..p {
            let (a, b) = (&rows[i].0[x..x + LANES], &rows[i].1[x..x + LANES]);
            for l in 0..LANES {
                let d = a[l] - b[l];
                acc[l] += d * d;
            }
        }
        columns[x..x + LANES].copy_from_slice(&acc);
        x += LANES;
    }
    for x in x..len {
        columns[x] = 0.0;
        for i in 0..p {
            let d = rows[i].0[x] - rows[i].1[x];
            columns[x] += d * d;
        }
    }
    let len = boxes.len();
    let mut x = 0;
    while x + LANES <= len {
        let mut acc = [0.0; LANES];
        let window = &columns[x..x + p - 1 + LANES];
        for i in 0..p {
            for l in 0..LANES {
                acc[l] += window[i + l];
            }
        }
        boxes[x..x + LANES].copy_from_slice(&acc);
        x += LANES;
    }
    for x in x..len {
        boxes[x] = 0.0;
        for v in &columns[x..x + p] {
            boxes[x] += v;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{Image, Size};
    use restora_testkit::{noisy, synthetic};

    /// The groups by the definition, in `f64`: distances in order.
    fn naive(image: &Image, grid: &Grid, x: usize, y: usize) -> Vec<f64> {
        let plane = image.plane(0);
        let (p, r) = (grid.patch as i64, grid.radius as i64);
        let mut all = Vec::new();
        for v in (y as i64 - r).max(0)..=(y as i64 + r).min(i64::from(image.size().height) - p) {
            for u in (x as i64 - r).max(0)..=(x as i64 + r).min(i64::from(image.size().width) - p) {
                let mut sum = 0.0;
                for (i, j) in (0..p).flat_map(|i| (0..p).map(move |j| (i as usize, j as usize))) {
                    let a = plane.at(x + j, y + i);
                    let b = plane.at(u as usize + j, v as usize + i);
                    sum += f64::from(a - b).powi(2);
                }
                all.push(sum);
            }
        }
        all.sort_by(f64::total_cmp);
        all.truncate(grid.count);
        all
    }

    #[test]
    fn groups_are_the_most_similar_patches_of_the_window() {
        for (width, height, patch) in [(300, 21, 6), (23, 40, 7), (17, 19, 5), (9, 3, 8)] {
            let image = noisy(&synthetic(Size::new(width, height)), 0.1, 1);
            let grid = Grid::new(image.size(), patch, 3, 15, 16);
            let (xs, ys) = (grid.positions(width as usize), grid.positions(height as usize));
            let matches = Matches::find(image.plane(0), &grid, &Context::default()).unwrap();
            let mut all = matches.bands.iter().flat_map(|b| &b.displacements);
            let mut counts = matches.bands.iter().flat_map(|b| &b.counts);
            let side = 2 * grid.radius + 1;
            for (&y, &x) in ys.iter().flat_map(|y| xs.iter().map(move |x| (y, x))) {
                let want = naive(&image, &grid, x, y);
                let count = usize::from(*counts.next().unwrap());
                assert_eq!(count, want.len());
                let mut got = Vec::new();
                let mut own = false;
                for d in all.by_ref().take(count) {
                    let (v, u) = (usize::from(*d) / side, usize::from(*d) % side);
                    let (v, u) = (y + v - grid.radius, x + u - grid.radius);
                    own |= (u, v) == (x, y);
                    let mut sum = 0.0;
                    for i in 0..grid.patch {
                        for j in 0..grid.patch {
                            let a = image.plane(0).at(x + j, y + i);
                            sum += f64::from(a - image.plane(0).at(u + j, v + i)).powi(2);
                        }
                    }
                    got.push(sum);
                }
                assert!(own, "the reference patch is missing");
                got.sort_by(f64::total_cmp);
                for (a, b) in got.iter().zip(&want) {
                    assert!((a - b).abs() < 1e-5, "{a} {b}");
                }
            }
            assert!(all.next().is_none() && counts.next().is_none());
        }
    }

    #[test]
    fn a_reference_patch_belongs_to_its_group_even_among_equals() {
        let flat = Image::zeros(Size::new(60, 50), restora_image::ColorSpace::Gray);
        let grid = Grid::new(flat.size(), 6, 3, 15, 4);
        let matches = Matches::find(flat.plane(0), &grid, &Context::default()).unwrap();
        let own = (grid.radius * 15 + grid.radius) as u16;
        for band in &matches.bands {
            assert!(band.displacements.chunks(4).all(|group| group.contains(&own)));
        }
    }
}
