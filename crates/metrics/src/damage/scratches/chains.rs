//! Center lines of ridges, chained into curves over short gaps.

use super::evidence::FLANK;
use super::ridges::{ORIENTATIONS, Ridges, direction, step};
use std::collections::BTreeMap;

/// Shortest piece of a curve, in pixels.
const PIECE: usize = 8;
/// Longest gap that a curve jumps, in pixels.
const GAP: f32 = 24.0;
/// A gap is jumped by a curve that bends by less than 20 degrees at either side, and whose tone
/// changes by less than 30 (of 255).
const BEND: f32 = 0.94;
const TONE: f32 = 30.0;
/// Pieces that all but touch may turn by 32 degrees.
const TOUCH: (f32, f32) = (3.0, 0.85);
/// Neighbors in the half plane that comes later, two pixels far.
const NEIGHBORS: [(i32, i32); 10] =
    [(1, 0), (0, 1), (1, 1), (-1, 1), (2, 0), (0, 2), (2, 1), (1, 2), (-1, 2), (-2, 1)];

/// A pixel of a center line: column, row, orientation.
pub type Link = (u32, u32, u8);

/// A curve: pieces of center lines, and the gaps between those that were joined.
#[derive(Default)]
pub struct Curve {
    pub links: Vec<Link>,
    pub gaps: Vec<[(u32, u32); 2]>,
}

/// Sets that are joined.
struct Sets(Vec<u32>);

impl Sets {
    fn new(n: usize) -> Self {
        Self((0..n as u32).collect())
    }

    fn root(&mut self, mut i: usize) -> usize {
        while self.0[i] as usize != i {
            self.0[i] = self.0[self.0[i] as usize];
            i = self.0[i] as usize;
        }
        i
    }

    /// The smaller root becomes the root of both.
    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b) as u32;
    }
}

/// Pieces of center lines of a polarity, where the response is above `low`.
pub fn pieces(ridges: &Ridges, polarity: usize, low: u8) -> Vec<Vec<Link>> {
    let (w, h) = (ridges.size.w() as i32, ridges.size.h() as i32);
    let (response, orientation) = (&ridges.response[polarity], &ridges.orientation[polarity]);
    let at = |x: i32, y: i32| {
        if (0..w).contains(&x) && (0..h).contains(&y) { response[(y * w + x) as usize] } else { 0 }
    };
    let mut links: Vec<Link> = Vec::new();
    let mut number = vec![u32::MAX; ridges.size.len()];
    for y in 0..h {
        let row = &response[(y * w) as usize..][..w as usize];
        for (x, _) in row.iter().enumerate().filter(|(_, r)| **r > low) {
            let x = x as i32;
            let i = (y * w + x) as usize;
            let along = direction(orientation[i]);
            let normal = (-along.1, along.0);
            // What lies along the border of a picture is its frame: both flanks must be seen.
            let (dx, dy) = step(normal, FLANK);
            let seen = |x: i32, y: i32| (0..w).contains(&x) && (0..h).contains(&y);
            if !seen(x + dx, y + dy) || !seen(x - dx, y - dy) {
                continue;
            }
            let (dx, dy) = step(normal, 1.0);
            if response[i] >= at(x + dx, y + dy) && response[i] > at(x - dx, y - dy) {
                number[i] = links.len() as u32;
                links.push((x as u32, y as u32, orientation[i]));
            }
        }
    }
    let mut sets = Sets::new(links.len());
    for (i, &(x, y, k)) in links.iter().enumerate() {
        for (dx, dy) in NEIGHBORS {
            let (nx, ny) = (x as i32 + dx, y as i32 + dy);
            if (0..w).contains(&nx) && ny < h {
                let j = number[(ny * w + nx) as usize];
                if j != u32::MAX && turn(k, links[j as usize].2) <= 2 {
                    sets.join(i, j as usize);
                }
            }
        }
    }
    grouped(&mut sets, links.len(), |group| group.iter().map(|&i| links[i]).collect())
        .into_iter()
        .filter(|piece: &Vec<Link>| piece.len() >= PIECE)
        .collect()
}

/// The sets, in the order of their first members, each through `make`.
fn grouped<T>(sets: &mut Sets, n: usize, make: impl Fn(&[usize]) -> T) -> Vec<T> {
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for i in 0..n {
        members.entry(sets.root(i)).or_default().push(i);
    }
    members.values().map(|group| make(group)).collect()
}

/// Difference of two orientations, in steps.
pub fn turn(a: u8, b: u8) -> usize {
    let d = usize::from(a.abs_diff(b));
    d.min(ORIENTATIONS - d)
}

/// The axis of a piece, its links in order along it.
pub fn ordered(links: &[Link]) -> Vec<Link> {
    let axis = axis(links);
    let mut out = links.to_vec();
    let along = |l: &Link| l.0 as f32 * axis.0 + l.1 as f32 * axis.1;
    out.sort_by(|a, b| along(a).total_cmp(&along(b)).then(a.cmp(b)));
    out
}

/// The direction in which links are spread most.
fn axis(links: &[Link]) -> (f32, f32) {
    let n = links.len().max(1) as f32;
    let sum = links.iter().fold((0.0, 0.0), |s, l| (s.0 + l.0 as f32, s.1 + l.1 as f32));
    let center = (sum.0 / n, sum.1 / n);
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for l in links {
        let (x, y) = (l.0 as f32 - center.0, l.1 as f32 - center.1);
        (xx, xy, yy) = (xx + x * x, xy + x * y, yy + y * y);
    }
    let angle = 0.5 * (2.0 * xy).atan2(xx - yy);
    (angle.cos(), angle.sin())
}

/// One end of a piece: where it is, and where to it points.
struct End {
    piece: usize,
    at: (u32, u32),
    out: (f32, f32),
}

fn ends(piece: usize, links: &[Link]) -> [End; 2] {
    let axis = axis(links);
    let links = ordered(links);
    let end = |part: &[Link], at: Link, sign: f32| {
        let (x, y) = self::axis(part);
        let sign = if sign * (x * axis.0 + y * axis.1) < 0.0 { -1.0 } else { 1.0 };
        End { piece, at: (at.0, at.1), out: (sign * x, sign * y) }
    };
    let n = links.len();
    [
        end(&links[..PIECE.min(n)], links[0], -1.0),
        end(&links[n - PIECE.min(n)..], links[n - 1], 1.0),
    ]
}

/// Joins pieces whose ends point at each other, the nearest first. `tones` are those of the pieces.
pub fn curves(pieces: &[Vec<Link>], tones: &[f32]) -> Vec<Curve> {
    let ends: Vec<End> = pieces.iter().enumerate().flat_map(|(i, p)| ends(i, p)).collect();
    let cell = |v: u32| v / GAP as u32;
    let mut cells: BTreeMap<(u32, u32), Vec<usize>> = BTreeMap::new();
    for (i, end) in ends.iter().enumerate() {
        cells.entry((cell(end.at.0), cell(end.at.1))).or_default().push(i);
    }
    let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
    for (i, a) in ends.iter().enumerate() {
        let (cx, cy) = (cell(a.at.0), cell(a.at.1));
        for y in cy.saturating_sub(1)..=cy + 1 {
            for x in cx.saturating_sub(1)..=cx + 1 {
                for &j in cells.get(&(x, y)).map_or(&[][..], |c| c) {
                    let b = &ends[j];
                    if j > i
                        && a.piece != b.piece
                        && (tones[a.piece] - tones[b.piece]).abs() <= TONE
                        && let Some(gap) = facing(a, b)
                    {
                        pairs.push((gap, i, j));
                    }
                }
            }
        }
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let mut sets = Sets::new(pieces.len());
    let mut used = vec![false; ends.len()];
    let mut joints = Vec::new();
    for (_, i, j) in pairs {
        let (a, b) = (ends[i].piece, ends[j].piece);
        if !used[i] && !used[j] && sets.root(a) != sets.root(b) {
            (used[i], used[j]) = (true, true);
            sets.join(a, b);
            joints.push((a, [ends[i].at, ends[j].at]));
        }
    }
    let mut gaps: BTreeMap<usize, Vec<[(u32, u32); 2]>> = BTreeMap::new();
    for (piece, gap) in joints {
        gaps.entry(sets.root(piece)).or_default().push(gap);
    }
    grouped(&mut sets, pieces.len(), |group| Curve {
        links: group.iter().flat_map(|&i| pieces[i].iter().copied()).collect(),
        gaps: gaps.get(&group[0]).cloned().unwrap_or_default(),
    })
}

/// The gap between two ends that point at each other.
fn facing(a: &End, b: &End) -> Option<f32> {
    let (dx, dy) = (b.at.0 as f32 - a.at.0 as f32, b.at.1 as f32 - a.at.1 as f32);
    let gap = dx.hypot(dy);
    if gap == 0.0 || gap > GAP {
        return None;
    }
    let to_b = (dx * a.out.0 + dy * a.out.1) / gap;
    let to_a = -(dx * b.out.0 + dy * b.out.1) / gap;
    let against = -(a.out.0 * b.out.0 + a.out.1 * b.out.1);
    let on = (to_b > BEND && to_a > BEND) || (gap <= TOUCH.0 && against > TOUCH.1);
    on.then_some(gap)
}
