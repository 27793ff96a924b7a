//! Going on behind damage in the first scan of a band of AC coefficients.
//!
//! These coefficients are coded without reference to other blocks, so that behind damage only their
//! place is off, by as many blocks as there are too many or too few. Coefficients in their place
//! make blocks continue each other better, coefficients out of place worse:
//!
//! ```text
//!  d(p)  misfit of block p to its neighbors with the band, less the same without it
//!  k, j  minimize  sum over p < k of d as decoded  +  sum over p >= j of d shifted,  k <= j
//! ```

use super::bits::{Bits, Block};
use super::blocks::Blocks;
use super::edges::{Edges, step};
use super::fit::Gap;
use super::scan::{Carried, Scan, Stretch};

/// The most that one block may say.
const MOST: f32 = 2.0;

/// The bands of a stretch, decoded to the last bit: no more than could be put in place.
fn decode(scan: &Scan, data: &[u8], count: usize) -> Vec<Block> {
    let mut out = Vec::new();
    let mut bits = Bits::new(data);
    let mut carried = Carried::default();
    while out.len() < 2 * count {
        let start = bits.position();
        let mut block = [0; 64];
        let idle = carried.run == 0;
        if scan.block(&mut bits, 0, &mut carried, &mut block).is_ok() {
            out.push(block);
        } else if start + 1 < 8 * data.len() && idle {
            bits = Bits::from_bit(data, start + 1);
        } else {
            break;
        }
    }
    out
}

/// What is lost of a stretch, and the band for each of its blocks that is known, with whether it
/// was put there by inference.
pub(super) fn realign(
    scan: &Scan,
    data: &[u8],
    stretch: &Stretch,
    planes: &[Blocks],
    tables: &[[u16; 64]],
) -> (Gap, Vec<Option<(Block, bool)>>) {
    let (first, count) = (stretch.first, stretch.count);
    let decoded = decode(scan, &data[stretch.bytes.clone()], count);
    let told = count as isize - decoded.len() as isize;
    let part = scan.parts[0].index;
    let (plane, table) = (&planes[part], &tables[part]);
    let band = scan.precision().0;
    let plain = |place: usize| {
        let mcu = first + place;
        let mut block = *plane.get(mcu % scan.columns, mcu / scan.columns)?;
        block[band.clone()].fill(0);
        Some(block)
    };
    let with = |place: usize, shift: isize| {
        let mut block = plain(place)?;
        let own = decoded.get(usize::try_from(place as isize - shift).ok()?)?;
        block[band.clone()].copy_from_slice(&own[band.clone()]);
        Some(Edges::of(&block, table))
    };
    let without: Vec<Option<Edges>> =
        (0..count).map(|place| Some(Edges::of(&plain(place)?, table))).collect();
    // For each place, what the band says as decoded and shifted.
    let says = |shift: isize| -> Vec<f32> {
        let edges: Vec<Option<Edges>> = (0..count).map(|place| with(place, shift)).collect();
        let misfit = |edges: &[Option<Edges>], place: usize| -> Option<f32> {
            let own = edges[place]?;
            let left = !(first + place).is_multiple_of(scan.columns);
            let beside = (left && place > 0).then(|| edges[place - 1]).flatten();
            let above = place.checked_sub(scan.columns).and_then(|above| edges[above]);
            let expected = 2.0 + 0.2 * without[place]?.activity;
            let beside = beside.map_or(0.0, |a| step(&a.right, &own.left, 0.0).1);
            let above = above.map_or(0.0, |a| step(&a.bottom, &own.top, 0.0).1);
            Some((beside + above) / expected)
        };
        let both = |place| Some(misfit(&edges, place)? - misfit(&without, place)?);
        (0..count).map(|place| both(place).unwrap_or(0.0).clamp(-MOST, MOST)).collect()
    };
    let (straight, shifted) = (says(0), says(told));
    let straight_end = decoded.len().min(count);
    // Sums of what stands behind each place.
    let mut behind = vec![0f32; count + 1];
    for place in (0..count).rev() {
        behind[place] = behind[place + 1] + shifted[place];
    }
    let (mut sum, mut least, mut good) = (0f32, 0f32, 0);
    let (mut best, mut gap) = (f32::INFINITY, Gap { good: 0, from: count });
    for place in 0..=count {
        if sum < least && place <= straight_end {
            (least, good) = (sum, place);
        }
        let total = least + behind[place];
        if total < best {
            (best, gap) = (total, Gap { good, from: place });
        }
        sum += straight.get(place).copied().unwrap_or(0.0);
    }
    let places = (0..count).map(|place| {
        let shift = match place {
            _ if place < gap.good => 0,
            _ if place >= gap.from => told,
            _ => return None,
        };
        let decoded = decoded.get(usize::try_from(place as isize - shift).ok()?)?;
        Some((*decoded, place >= gap.from))
    });
    let places = places.collect();
    (gap, places)
}
