//! Holes that lie near each other: what is filled together, and apart from all others.

use rayon::prelude::*;
use restora_image::{Context, Mask, OpError};

/// Missing pixels `x0..x1` of row `y`: small, as scattered pixels are millions of runs.
#[derive(Clone, Copy, Debug)]
struct Run {
    y: u32,
    x0: u32,
    x1: u32,
}

/// Holes near each other.
pub(super) struct Group {
    runs: Vec<Run>,
}

/// The groups of a mask, in the order of their first pixel. Two missing pixels that are no more than
/// `reach` columns and rows apart are of one group.
pub(super) fn groups(mask: &Mask, reach: usize) -> Vec<Group> {
    let runs = runs(mask);
    let mut parent: Vec<u32> = (0..runs.len() as u32).collect();
    let h = mask.size().h();
    let reach_x = reach as u32;
    let row_start: Vec<usize> =
        (0..=h).map(|y| runs.partition_point(|run| (run.y as usize) < y)).collect();
    for y in 0..h {
        for above in y.saturating_sub(reach)..=y {
            let mut j = row_start[above];
            for i in row_start[y]..row_start[y + 1] {
                while j < row_start[above + 1] && runs[j].x1 + reach_x <= runs[i].x0 {
                    j += 1;
                }
                let near = runs[j..row_start[above + 1]].iter();
                let near = near.take_while(|run| run.x0 < runs[i].x1 + reach_x).count();
                (j..j + near).for_each(|k| join(&mut parent, i, k));
            }
        }
    }
    let mut number = vec![u32::MAX; runs.len()];
    let mut groups: Vec<Group> = Vec::new();
    for (i, run) in runs.iter().enumerate() {
        let root = root(&mut parent, i);
        if number[root] == u32::MAX {
            number[root] = groups.len() as u32;
            groups.push(Group { runs: Vec::new() });
        }
        groups[number[root] as usize].runs.push(*run);
    }
    groups
}

fn root(parent: &mut [u32], mut i: usize) -> usize {
    while parent[i] as usize != i {
        parent[i] = parent[parent[i] as usize];
        i = parent[i] as usize;
    }
    i
}

/// Joins two sets under the smaller root.
fn join(parent: &mut [u32], a: usize, b: usize) {
    let (a, b) = (root(parent, a), root(parent, b));
    parent[a.max(b)] = a.min(b) as u32;
}

/// Runs of missing pixels, row by row.
fn runs(mask: &Mask) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (y, row) in mask.data().chunks_exact(mask.size().w()).enumerate() {
        let mut x = 0;
        while let Some(x0) = row[x..].iter().position(|m| *m).map(|i| x + i) {
            x = row[x0..].iter().position(|m| !*m).map_or(row.len(), |i| x0 + i);
            runs.push(Run { y: y as u32, x0: x0 as u32, x1: x as u32 });
        }
    }
    runs
}

impl Group {
    /// Left and top pixel, width and height of what it lies in.
    pub fn bounds(&self) -> (usize, usize, usize, usize) {
        let x0 = self.runs.iter().map(|r| r.x0).min().unwrap_or(0) as usize;
        let x1 = self.runs.iter().map(|r| r.x1).max().unwrap_or(0) as usize;
        let y0 = self.runs.first().map_or(0, |r| r.y) as usize;
        let y1 = self.runs.last().map_or(0, |r| r.y + 1) as usize;
        (x0, y0, x1 - x0, y1 - y0)
    }

    /// Its missing pixels.
    pub fn len(&self) -> usize {
        self.runs.iter().map(|r| (r.x1 - r.x0) as usize).sum()
    }

    /// What of it lies in some rows.
    pub fn in_rows(&self, rows: std::ops::Range<usize>) -> Self {
        let before = |y: usize| self.runs.partition_point(|run| (run.y as usize) < y);
        Self { runs: self.runs[before(rows.start)..before(rows.end)].to_vec() }
    }

    /// Its runs of missing pixels: columns and row, row by row.
    pub fn runs(&self) -> impl Iterator<Item = (std::ops::Range<usize>, usize)> + '_ {
        self.runs.iter().map(|r| (r.x0 as usize..r.x1 as usize, r.y as usize))
    }

    /// Column and row of its missing pixels, row by row.
    pub fn pixels(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.runs().flat_map(|(columns, y)| columns.map(move |x| (x, y)))
    }
}

/// What `fill` gives for each group, in order; in parallel if wanted.
///
/// # Errors
/// The first error.
pub(super) fn for_each_group<T: Send>(
    groups: &[Group],
    cx: &Context,
    fill: impl Fn(&Group) -> Result<T, OpError> + Sync,
) -> Result<Vec<T>, OpError> {
    if cx.threads > 1 && groups.len() > 1 {
        groups.par_iter().map(&fill).collect()
    } else {
        groups.iter().map(fill).collect()
    }
}
