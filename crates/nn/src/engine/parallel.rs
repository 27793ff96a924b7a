//! Work spread over threads in parts that do not depend on their number.

use rayon::prelude::*;

/// Numbers in one part of an element-wise pass.
const PART: usize = 1 << 14;
/// Rows in one part of a sum.
const ROWS: usize = 512;

/// Runs `f` for `0..count`.
pub fn for_each(count: usize, threads: usize, f: impl Fn(usize) + Sync + Send) {
    if threads > 1 && count > 1 {
        (0..count).into_par_iter().for_each(f);
    } else {
        (0..count).for_each(f);
    }
}

/// The results of `f` for `0..count`, in order.
pub fn map<R: Send>(count: usize, threads: usize, f: impl Fn(usize) -> R + Sync + Send) -> Vec<R> {
    if threads > 1 && count > 1 {
        (0..count).into_par_iter().map(f).collect()
    } else {
        (0..count).map(f).collect()
    }
}

/// `f(part of y, its first element)`, for parts of a multiple of `unit` numbers.
pub fn parts(
    y: &mut [f32],
    unit: usize,
    threads: usize,
    f: impl Fn(&mut [f32], usize) + Sync + Send,
) {
    let part = PART.div_ceil(unit.max(1)) * unit.max(1);
    if threads > 1 && y.len() > part {
        y.par_chunks_mut(part).enumerate().for_each(|(i, y)| f(y, i * part));
    } else {
        y.chunks_mut(part).enumerate().for_each(|(i, y)| f(y, i * part));
    }
}

/// Adds up `f(part of y, its first element)` over parts of a multiple of `unit` numbers, in order.
pub fn parts_sum(
    y: &mut [f32],
    unit: usize,
    f: impl Fn(&mut [f32], usize) -> f64 + Sync + Send,
) -> f64 {
    let part = PART.div_ceil(unit.max(1)) * unit.max(1);
    if y.len() <= part {
        return f(y, 0);
    }
    let sums: Vec<f64> = y.par_chunks_mut(part).enumerate().map(|(i, y)| f(y, i * part)).collect();
    sums.iter().sum()
}

/// The sum of the squares, in double precision.
pub fn squares(x: &[f32]) -> f64 {
    let sums: Vec<f64> = x
        .par_chunks(PART)
        .map(|x| {
            restora_image::simd(
                #[inline(always)]
                || {
                    lanes(x, |x| {
                        let x = f64::from(x);
                        x * x
                    })
                },
            )
        })
        .collect();
    sums.iter().sum()
}

/// The sum of `f` of every number, eight sums side by side.
#[inline(always)]
pub fn lanes(x: &[f32], f: impl Fn(f32) -> f64) -> f64 {
    let mut sums = [0.0; 8];
    let (whole, rest) = x.as_chunks::<8>();
    for x in whole {
        for (sum, &x) in sums.iter_mut().zip(x) {
            *sum += f(x);
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|&x| f(x)).sum::<f64>()
}

/// `y[i] = f(y[i], x[i])`.
pub fn zip(
    y: &mut [f32],
    x: &[f32],
    threads: usize,
    f: impl Fn(f32, f32) -> f32 + Sync + Send + Copy,
) {
    parts(y, 1, threads, |y, from| {
        let x = &x[from..from + y.len()];
        restora_image::simd(
            #[inline(always)]
            || y.iter_mut().zip(x).for_each(|(y, &x)| *y = f(*y, x)),
        );
    });
}

/// Adds up `f(rows)`, each giving `len` numbers, over bands of rows added in order.
pub fn sum(
    rows: usize,
    len: usize,
    threads: usize,
    f: impl Fn(std::ops::Range<usize>, &mut [f32]) + Sync + Send,
) -> Vec<f32> {
    let bands = map(rows.div_ceil(ROWS), threads, |band| {
        let mut sum = vec![0.0; len];
        f(band * ROWS..rows.min((band + 1) * ROWS), &mut sum);
        sum
    });
    let mut total = vec![0.0; len];
    for band in bands {
        total.iter_mut().zip(&band).for_each(|(t, b)| *t += b);
    }
    total
}
