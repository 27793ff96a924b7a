//! Layers that only move numbers: shuffles, pooling, joining and cutting channels.

use super::Value;
use super::conv::items;
use super::parallel::parts;

/// Depth to space (`up`) or space to depth by `factor`; channel `c * f * f + dy * f + dx` of the small map is
/// channel `c` of pixel `(dy, dx)` in a block.
pub fn shuffle(x: &Value, y: &mut Value, factor: usize, up: bool, threads: usize) {
    let f = factor;
    let (small, large) = if up { (x.shape(), y.shape()) } else { (y.shape(), x.shape()) };
    let ([cs, h, w], cl) = (small, large[0]);
    let from = &x.data;
    items(y, threads, |item, y| {
        let x = &from[item * y.len()..][..y.len()];
        for row in 0..h {
            for column in 0..w {
                let at = (row * w + column) * cs;
                for dy in 0..f {
                    for dx in 0..f {
                        let big = ((row * f + dy) * w * f + column * f + dx) * cl;
                        for c in 0..cl {
                            let little = at + c * f * f + dy * f + dx;
                            if up {
                                y[big + c] = x[little];
                            } else {
                                y[little] = x[big + c];
                            }
                        }
                    }
                }
            }
        }
    });
}

/// 2x2 maximum with stride 2.
pub fn max_pool(x: &Value, y: &mut Value, threads: usize) {
    let (c, row) = (x.c, y.w * x.c);
    let from = &x.data;
    parts(&mut y.data, row, threads, |part, start| {
        for (k, y) in part.chunks_exact_mut(row).enumerate() {
            let (above, below) = from[(start / row + k) * 4 * row..][..4 * row].split_at(2 * row);
            restora_image::simd(
                #[inline(always)]
                || {
                    for (pixel, y) in y.chunks_exact_mut(c).enumerate() {
                        let at = pixel * 2 * c;
                        let (p, q) = (&above[at..][..c], &above[at + c..][..c]);
                        let (r, s) = (&below[at..][..c], &below[at + c..][..c]);
                        for i in 0..c {
                            y[i] = p[i].max(q[i]).max(r[i].max(s[i]));
                        }
                    }
                },
            );
        }
    });
}

/// The gradient of a 2x2 maximum goes to the first largest of the four; it is added to `to`, or written.
pub fn max_pool_gradient(x: &Value, gradient: &Value, to: &mut Value, add: bool, threads: usize) {
    let (c, row) = (x.c, gradient.w * x.c);
    parts(&mut to.data, 4 * row, threads, |part, start| {
        for (k, to) in part.chunks_exact_mut(4 * row).enumerate() {
            let index = start / (4 * row) + k;
            let (above, below) = x.data[index * 4 * row..][..4 * row].split_at(2 * row);
            let g = &gradient.data[index * row..][..row];
            let (to_above, to_below) = to.split_at_mut(2 * row);
            restora_image::simd(
                #[inline(always)]
                || {
                    for (pixel, g) in g.chunks_exact(c).enumerate() {
                        let at = pixel * 2 * c;
                        let (p, q) = (&above[at..][..c], &above[at + c..][..c]);
                        let (r, s) = (&below[at..][..c], &below[at + c..][..c]);
                        let (to_p, to_q) = to_above[at..][..2 * c].split_at_mut(c);
                        let (to_r, to_s) = to_below[at..][..2 * c].split_at_mut(c);
                        let (to_q, to_s) = (&mut to_q[..c], &mut to_s[..c]);
                        for i in 0..c {
                            let largest = p[i].max(q[i]).max(r[i].max(s[i]));
                            // Without branches, of which a vector has none: what one takes the next lack.
                            let take = |left: f32, x: f32| if x == largest { left } else { 0.0 };
                            let first = take(g[i], p[i]);
                            let second = take(g[i] - first, q[i]);
                            let third = take(g[i] - first - second, r[i]);
                            let fourth = g[i] - first - second - third;
                            let old = |t: f32| if add { t } else { 0.0 };
                            to_p[i] = old(to_p[i]) + first;
                            to_q[i] = old(to_q[i]) + second;
                            to_r[i] = old(to_r[i]) + third;
                            to_s[i] = old(to_s[i]) + fourth;
                        }
                    }
                },
            );
        }
    });
}

/// Every pixel becomes 2x2.
pub fn upsample2(x: &Value, y: &mut Value, threads: usize) {
    let (c, w, from) = (x.c, x.w, &x.data);
    let (area, out_w) = (x.h * x.w * c, y.w);
    items(y, threads, |item, y| {
        let x = &from[item * area..][..area];
        for (pixel, y) in y.chunks_exact_mut(c).enumerate() {
            let at = (pixel / out_w / 2 * w + pixel % out_w / 2) * c;
            y.copy_from_slice(&x[at..at + c]);
        }
    });
}

/// Adds the gradient of [`upsample2`] to that of its input.
pub fn upsample2_gradient(gradient: &Value, to: &mut Value, threads: usize) {
    let (c, w, out_w) = (gradient.c, to.w, gradient.w);
    let out_area = gradient.h * gradient.w * c;
    items(to, threads, |item, to| {
        for (pixel, g) in gradient.data[item * out_area..][..out_area].chunks_exact(c).enumerate() {
            let at = (pixel / out_w / 2 * w + pixel % out_w / 2) * c;
            to[at..at + c].iter_mut().zip(g).for_each(|(t, g)| *t += g);
        }
    });
}

/// Copies `count` channels of `x` from channel `from` to channel `to` of `y`, or adds them.
pub fn channels(
    x: &Value,
    from: usize,
    y: &mut Value,
    to: usize,
    count: usize,
    add: bool,
    threads: usize,
) {
    let (cx, cy, data) = (x.c, y.c, &x.data);
    parts(&mut y.data, cy, threads, |part, start| {
        let x = data[start / cy * cx..].chunks_exact(cx);
        for (y, x) in part.chunks_exact_mut(cy).zip(x) {
            let (y, x) = (&mut y[to..to + count], &x[from..from + count]);
            if add {
                y.iter_mut().zip(x).for_each(|(y, x)| *y += x);
            } else {
                y.copy_from_slice(x);
            }
        }
    });
}

/// Turns a matrix of rows of `columns` numbers into `to`, or adds it there.
pub fn turn(from: &[f32], columns: usize, to: &mut [f32], add: bool, threads: usize) {
    const SIDE: usize = 16;
    let rows = from.len() / columns.max(1);
    // Blocks of 16x16 are read and written by cache lines.
    parts(to, SIDE * rows, threads, |part, start| {
        let first = start / rows.max(1);
        for (k, band) in part.chunks_mut(SIDE * rows).enumerate() {
            let (j, count) = (first + k * SIDE, band.len() / rows);
            for i in (0..rows).step_by(SIDE) {
                let height = SIDE.min(rows - i);
                let mut block = [[0.0; SIDE]; SIDE];
                for r in 0..height {
                    let line = &from[(i + r) * columns + j..][..count];
                    for (column, &x) in block.iter_mut().zip(line) {
                        column[r] = x;
                    }
                }
                for (column, to) in block.iter().zip(band.chunks_exact_mut(rows)) {
                    let (column, to) = (&column[..height], &mut to[i..i + height]);
                    if add {
                        to.iter_mut().zip(column).for_each(|(t, x)| *t += x);
                    } else {
                        to.copy_from_slice(column);
                    }
                }
            }
        }
    });
}

/// Channels last to `[c][y][x]` per item (`planar`), or back.
pub fn transpose(x: &[f32], y: &mut [f32], [c, h, w]: [usize; 3], planar: bool) {
    let area = h * w;
    if c == 1 || area == 1 {
        y.copy_from_slice(x);
        return;
    }
    for (x, y) in x.chunks_exact(c * area).zip(y.chunks_exact_mut(c * area)) {
        for pixel in 0..area {
            for channel in 0..c {
                let (last, first) = (pixel * c + channel, channel * area + pixel);
                if planar {
                    y[first] = x[last];
                } else {
                    y[last] = x[first];
                }
            }
        }
    }
}
