//! EXIF orientation applied to pixels.

use restora_image::{Pixels, Raster, Size};

/// The raster turned and flipped upright, as orientation `1..=8` of EXIF asks.
pub(crate) fn upright(raster: Raster, orientation: u8) -> Raster {
    let Raster { size, layout, pixels } = raster;
    let n = layout.samples();
    let pixels = match pixels {
        Pixels::U8(v) => Pixels::U8(turned(v, size, n, orientation)),
        Pixels::U16(v) => Pixels::U16(turned(v, size, n, orientation)),
        Pixels::F32(v) => Pixels::F32(turned(v, size, n, orientation)),
    };
    let size = if orientation >= 5 { Size::new(size.height, size.width) } else { size };
    Raster { size, layout, pixels }
}

fn turned<T: Copy + Default>(mut v: Vec<T>, size: Size, n: usize, orientation: u8) -> Vec<T> {
    if orientation >= 5 {
        if size_of_val(&v[..]) <= SMALL {
            v = transposed(&v, size, n);
        } else {
            transpose_in_place(&mut v, size, n);
        }
    }
    let size = if orientation >= 5 { Size::new(size.height, size.width) } else { size };
    // What is left after the transposition: 5 nothing, 6 mirror, 7 turn by 180 degrees, 8 flip.
    let (mirror, flip) = match orientation {
        2 | 6 => (true, false),
        3 | 7 => (true, true),
        4 | 8 => (false, true),
        _ => (false, false),
    };
    let row = size.w() * n;
    if flip {
        for y in 0..size.h() / 2 {
            let (top, bottom) = v.split_at_mut((size.h() - 1 - y) * row);
            top[y * row..][..row].swap_with_slice(&mut bottom[..row]);
        }
    }
    if mirror {
        for line in v.chunks_exact_mut(row) {
            line.reverse();
            for pixel in line.chunks_exact_mut(n) {
                pixel.reverse();
            }
        }
    }
    v
}

/// Bytes up to which a second raster is made for turning.
const SMALL: usize = 128 << 20;

/// Exchanges x and y, in blocks that fit the first-level cache.
fn transposed<T: Copy + Default>(v: &[T], size: Size, n: usize) -> Vec<T> {
    const BLOCK: usize = 32;
    let (w, h) = (size.w(), size.h());
    let mut out = vec![T::default(); v.len()];
    for y0 in (0..h).step_by(BLOCK) {
        for x0 in (0..w).step_by(BLOCK) {
            for x in x0..(x0 + BLOCK).min(w) {
                for y in y0..(y0 + BLOCK).min(h) {
                    let (from, to) = ((y * w + x) * n, (x * h + y) * n);
                    out[to..to + n].copy_from_slice(&v[from..from + n]);
                }
            }
        }
    }
    out
}

/// Exchanges x and y within `v`, with room for a few columns: three passes of permutations inside
/// columns and rows (Catanzaro, Keller, Garland, "A decomposition for in-place matrix
/// transposition", `PPoPP` 2014, doi:10.1145/2555243.2555253, algorithm 1). Several times slower than
/// a copy, so only for rasters of which two would be too many.
fn transpose_in_place<T: Copy + Default>(v: &mut [T], size: Size, n: usize) {
    let (rows, columns) = (size.h(), size.w());
    let common = gcd(rows, columns);
    let (a, b) = (rows / common, columns / common);
    let mut scratch = Vec::new();
    if common > 1 {
        permute_columns(v, size, n, &mut scratch, |i, j| (i + j / b) % rows);
    }
    for (i, row) in v.chunks_exact_mut(columns * n).enumerate() {
        scratch.clear();
        scratch.extend_from_slice(row);
        for (j, pixel) in scratch.chunks_exact(n).enumerate() {
            let to = ((i + j / b) % rows + j * rows) % columns;
            row[to * n..][..n].copy_from_slice(pixel);
        }
    }
    permute_columns(v, size, n, &mut scratch, |i, j| (j + i * columns - i / a) % rows);
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Puts at row `i` of each column `j` what stood at row `from(i, j)`; some columns at a time, so
/// that whole cache lines are used.
fn permute_columns<T: Copy>(
    v: &mut [T],
    size: Size,
    n: usize,
    scratch: &mut Vec<T>,
    from: impl Fn(usize, usize) -> usize,
) {
    const GROUP: usize = 64;
    let row = size.w() * n;
    for j0 in (0..size.w()).step_by(GROUP) {
        let j1 = (j0 + GROUP).min(size.w());
        scratch.clear();
        for i in 0..size.h() {
            for j in j0..j1 {
                scratch.extend_from_slice(&v[from(i, j) * row + j * n..][..n]);
            }
        }
        for (i, line) in scratch.chunks_exact((j1 - j0) * n).enumerate() {
            v[i * row + j0 * n..][..line.len()].copy_from_slice(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Layout;

    /// Where the pixel that belongs at `(x, y)` of the upright `width` x `height` picture is stored:
    /// the table of the EXIF standard, read as "row 0 is ..., column 0 is ...".
    fn stored(orientation: u8, x: u32, y: u32, width: u32, height: u32) -> (u32, u32) {
        match orientation {
            1 => (x, y),
            2 => (width - 1 - x, y),
            3 => (width - 1 - x, height - 1 - y),
            4 => (x, height - 1 - y),
            5 => (y, x),
            6 => (y, width - 1 - x),
            7 => (height - 1 - y, width - 1 - x),
            _ => (height - 1 - y, x),
        }
    }

    #[test]
    fn every_orientation_puts_every_pixel_where_the_standard_says() {
        for (w, h) in [(1, 1), (5, 1), (1, 4), (3, 2), (40, 70)] {
            let stored_size = Size::new(w, h);
            let v: Vec<u16> = (0..stored_size.len() as u16 * 3).collect();
            for orientation in 1..=8 {
                let raster = Raster::new(stored_size, Layout::Rgb, Pixels::U16(v.clone())).unwrap();
                let out = upright(raster, orientation);
                let (ow, oh) = (out.size.width, out.size.height);
                assert_eq!((ow, oh), if orientation >= 5 { (h, w) } else { (w, h) });
                let Pixels::U16(got) = &out.pixels else { unreachable!() };
                for y in 0..oh {
                    for x in 0..ow {
                        let (sx, sy) = stored(orientation, x, y, ow, oh);
                        for c in 0..3 {
                            let want = v[((sy * w + sx) * 3 + c) as usize];
                            assert_eq!(got[((y * ow + x) * 3 + c) as usize], want);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn transposing_in_place_equals_transposing_into_a_copy() {
        for (w, h) in
            [(1, 1), (1, 7), (7, 1), (2, 3), (4, 6), (64, 64), (65, 130), (97, 31), (96, 72)]
        {
            for n in 1..=4 {
                let size = Size::new(w, h);
                let v: Vec<u32> = (0..(size.len() * n) as u32).collect();
                let mut turned = v.clone();
                transpose_in_place(&mut turned, size, n);
                assert_eq!(turned, transposed(&v, size, n), "{size} {n}");
            }
        }
    }
}
