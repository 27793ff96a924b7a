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
    let (c, w) = (x.c, x.w);
    let (out_w, from) = (y.w, &x.data);
    let area = x.h * x.w * c;
    items(y, threads, |item, y| {
        let x = &from[item * area..][..area];
        for (pixel, y) in y.chunks_exact_mut(c).enumerate() {
            let at = |k: usize| ((pixel / out_w * 2 + k / 2) * w + pixel % out_w * 2 + k % 2) * c;
            for (c, y) in y.iter_mut().enumerate() {
                *y = (1..4).fold(x[at(0) + c], |m, k| m.max(x[at(k) + c]));
            }
        }
    });
}

/// Adds the gradient of a 2x2 maximum to that of its input: it goes to the first largest of the four.
pub fn max_pool_gradient(x: &Value, gradient: &Value, to: &mut Value, threads: usize) {
    let (c, w, out_w) = (x.c, x.w, gradient.w);
    let (area, out_area) = (x.h * x.w * c, gradient.h * gradient.w * c);
    items(to, threads, |item, to| {
        let x = &x.data[item * area..][..area];
        let gradient = &gradient.data[item * out_area..][..out_area];
        for (pixel, g) in gradient.chunks_exact(c).enumerate() {
            let at = |k: usize| ((pixel / out_w * 2 + k / 2) * w + pixel % out_w * 2 + k % 2) * c;
            for (c, g) in g.iter().enumerate() {
                let best = (1..4).fold(0, |b, k| if x[at(k) + c] > x[at(b) + c] { k } else { b });
                to[at(best) + c] += g;
            }
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

/// Channels last to `[c][y][x]` per item (`planar`), or back.
pub fn transpose(x: &[f32], y: &mut [f32], [c, h, w]: [usize; 3], planar: bool) {
    let area = h * w;
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
