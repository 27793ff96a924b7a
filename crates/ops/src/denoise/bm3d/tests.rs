use super::collaborative::{Workspace, analyze};
use super::transforms::{AREA, Transform, haar_gain};
use super::*;
use restora_image::{ChannelNoise, Plane, PlaneRef, Rng};
use restora_testkit::{
    assert_contract, assert_info_matches, noisy, psnr, synthetic, synthetic_rgb,
};

/// An orthonormal DCT-II from its definition, `[frequency][position]`, and its inverse.
fn dct_matrices() -> ([[f64; 8]; 8], [[f64; 8]; 8]) {
    let forward: [[f64; 8]; 8] = std::array::from_fn(|u| {
        std::array::from_fn(|i| {
            let scale = if u == 0 { (1.0_f64 / 8.0).sqrt() } else { 0.5 };
            scale * (std::f64::consts::PI * (2.0 * i as f64 + 1.0) * u as f64 / 16.0).cos()
        })
    });
    (forward, std::array::from_fn(|i| std::array::from_fn(|u| forward[u][i])))
}

/// The periodic filter bank of the biorthogonal wavelet 1.5 from its taps, rows of unit length, and
/// the inverse of that matrix by Gauss-Jordan elimination.
fn bior_matrices() -> ([[f64; 8]; 8], [[f64; 8]; 8]) {
    let low = [3.0, -3.0, -22.0, 22.0, 128.0, 128.0, 22.0, -22.0, -3.0, 3.0].map(|t| t / 256.0);
    let analyze = |x: [f64; 8]| {
        let (mut x, mut y, mut n) = (x.to_vec(), [0.0; 8], 8);
        while n > 1 {
            let at = |k: usize, j: isize| x[(2 * k as isize + j).rem_euclid(n as isize) as usize];
            let smooth = (0..n / 2).map(|k| (0..10).map(|j| low[j] * at(k, j as isize - 4)).sum());
            let smooth: Vec<f64> = smooth.collect();
            for k in 0..n / 2 {
                y[n / 2 + k] = at(k, 1) - at(k, 0);
            }
            (x, n) = (smooth, n / 2);
        }
        y[0] = x[0];
        y
    };
    let mut forward = [[0.0; 8]; 8];
    for i in 0..8 {
        let column = analyze(std::array::from_fn(|j| f64::from(u8::from(i == j))));
        for u in 0..8 {
            forward[u][i] = column[u];
        }
    }
    for row in &mut forward {
        let length = row.iter().map(|v| v * v).sum::<f64>().sqrt();
        for v in row.iter_mut() {
            *v /= length;
        }
    }
    let (mut a, mut inverse) = (forward, [[0.0; 8]; 8]);
    for i in 0..8 {
        inverse[i][i] = 1.0;
    }
    for i in 0..8 {
        let pivot = (i..8).max_by(|p, q| a[*p][i].abs().total_cmp(&a[*q][i].abs())).unwrap();
        a.swap(i, pivot);
        inverse.swap(i, pivot);
        let scale = a[i][i];
        for j in 0..8 {
            a[i][j] /= scale;
            inverse[i][j] /= scale;
        }
        for k in (0..8).filter(|k| *k != i) {
            let factor = a[k][i];
            for j in 0..8 {
                a[k][j] -= factor * a[i][j];
                inverse[k][j] -= factor * inverse[i][j];
            }
        }
    }
    (forward, inverse)
}

/// Is `T` the matrix up to the length of its rows, with an inverse that undoes it?
fn assert_is<T: Transform>(matrix: &[[f64; 8]; 8]) {
    let lengths = transforms::autocorrelations::<T>()[0];
    let x: [f32; 8] = [0.3, -0.7, 1.1, 0.2, 0.9, -0.4, 0.5, 0.8];
    let y = T::forward(x);
    for u in 0..8 {
        let expected: f64 = (0..8).map(|i| matrix[u][i] * f64::from(x[i])).sum();
        let got = f64::from(y[u]) / lengths[u].sqrt();
        assert!((got - expected).abs() < 1e-6, "coefficient {u}: {got} against {expected}");
    }
    let mut scaled = y;
    for u in 0..8 {
        if T::TRANSPOSED {
            scaled[u] /= lengths[u] as f32;
        }
    }
    for (a, b) in T::inverse(scaled).iter().zip(x) {
        assert!((a - b).abs() < 1e-6, "inverse: {a} against {b}");
    }
}

#[test]
fn fast_transforms_are_the_matrices_of_their_definitions() {
    assert_is::<Dct8>(&dct_matrices().0);
    assert_is::<Bior15>(&bior_matrices().0);
}

fn noise_image(width: u32, height: u32) -> Image {
    noisy(&synthetic(Size::new(width, height)), 0.1, 7)
}

fn block_distance(plane: PlaneRef<'_>, p: (usize, usize), q: (usize, usize)) -> f64 {
    let at = |(x, y): (usize, usize), i: usize| f64::from(plane.at(x + i % SIDE, y + i / SIDE));
    (0..AREA).map(|i| (at(p, i) - at(q, i)).powi(2)).sum()
}

#[test]
fn matching_finds_the_nearest_blocks_for_every_step() {
    let image = noise_image(45, 38);
    let plane = image.plane(0);
    for (step, radius, capacity) in [(1, 2, 16), (2, 6, 32), (3, 5, 16), (4, 9, 16), (4, 22, 32)] {
        let limit = 1.6_f32;
        let search = Search::new(step, radius, capacity, limit);
        let (y, rows) = (step, 3);
        let matches = search.band(plane, y, rows);
        let r = radius as usize;
        for row in 0..rows {
            for (column, x) in reference_positions(45, step).into_iter().enumerate() {
                let here = (x, y + row * step);
                let mut expected = vec![];
                for by in here.1.saturating_sub(r)..=(here.1 + r).min(38 - SIDE) {
                    for bx in here.0.saturating_sub(r)..=(here.0 + r).min(45 - SIDE) {
                        expected.push(block_distance(plane, here, (bx, by)));
                    }
                }
                expected.sort_by(f64::total_cmp);
                expected.retain(|d| *d < f64::from(limit) * 0.999);
                expected.truncate(capacity);
                let group: Vec<_> = matches.group(row, column).collect();
                assert!(group.len() >= expected.len(), "step {step} at {here:?}");
                let mut seen = std::collections::HashSet::new();
                for (i, key) in group.iter().enumerate() {
                    let block = search.block(*key, here, image.size()).unwrap();
                    assert!(seen.insert(block), "the same block twice");
                    let d = block_distance(plane, here, block);
                    let wanted = expected.get(i).copied().unwrap_or(d);
                    // Keys have 12 bits of mantissa.
                    assert!((d - wanted).abs() <= wanted / 2048.0 + 1e-6, "{d} against {wanted}");
                }
                assert_eq!(search.block(group[0], here, image.size()), Some(here));
            }
        }
    }
}

/// Variance of every coefficient by pushing each pixel's impulse through the transform.
#[test]
fn group_variances_are_exact_for_overlapping_blocks() {
    let blocks = [(3, 4), (4, 4), (3, 6), (12, 1), (5, 9), (3, 3), (11, 2), (0, 12)];
    let n = blocks.len();
    let tables = Tables::new::<Bior15>(1.0, 16);
    let mut space = Workspace::default();
    tables.noise(&blocks, &mut space);
    assert_eq!(space.noise[0], 0.0);
    space.noise[0] = space.mean_noise;
    let mut expected = vec![0.0_f64; n * AREA];
    let size = Size::new(20, 20);
    for pixel in 0..size.len() {
        let mut plane = Plane::zeros(size);
        plane.data[pixel] = 1.0;
        let mut a = vec![0.0; n * AREA];
        let mut b = a.clone();
        collaborative::gather(plane.as_ref(), &blocks, &mut a);
        analyze::<Bior15>(&mut a, &mut b, n);
        for (e, c) in expected.iter_mut().zip(&b) {
            *e += f64::from(*c).powi(2);
        }
    }
    for (i, (got, expected)) in space.noise.iter().zip(&expected).enumerate() {
        assert!(
            (f64::from(*got) - expected).abs() < 1e-4 * (1.0 + expected),
            "{i}: {got} {expected}"
        );
    }
    assert_eq!([0, 1, 2, 3, 4, 7].map(|slot| haar_gain(slot, 8)), [8, 8, 4, 4, 2, 2]);
}

/// Haar along the group as an orthonormal matrix on blocks in order of similarity.
fn haar_matrix(n: usize) -> Vec<Vec<f64>> {
    let mut rows = vec![vec![1.0 / (n as f64).sqrt(); n]];
    let mut size = n;
    while size > 1 {
        for start in (0..n).step_by(size) {
            let scale = 1.0 / (size as f64).sqrt();
            let value = |j: usize| match j.checked_sub(start) {
                Some(k) if k < size / 2 => scale,
                Some(k) if k < size => -scale,
                _ => 0.0,
            };
            rows.push((0..n).map(value).collect());
        }
        size /= 2;
    }
    rows
}

/// One step straight from the formulas, in `f64`, with dense matrices.
fn naive(noisy: &Image, pilot: Option<&Image>, search: &Search, sigma: f64) -> Vec<f64> {
    let (forward, inverse) = if pilot.is_some() { dct_matrices() } else { bior_matrices() };
    let size = noisy.size();
    let (w, h) = (size.w(), size.h());
    let guide = pilot.unwrap_or(noisy).plane(0);
    let window = transforms::kaiser(BETA).map(f64::from);
    let (mut sum, mut weights) = (vec![0.0; w * h], vec![0.0; w * h]);
    for y in reference_positions(h, search.step) {
        let matches = search.band(guide, y, 1);
        for (column, x) in reference_positions(w, search.step).into_iter().enumerate() {
            let keys = matches.group(0, column);
            let mut blocks: Vec<_> =
                keys.filter_map(|key| search.block(key, (x, y), size)).collect();
            let n = 1 << blocks.len().ilog2();
            blocks.truncate(n);
            let haar = haar_matrix(n);
            // Basis function of coefficient (k, v, u): a weight per block and pixel.
            let spectrum = |image: &Image, k: usize, v: usize, u: usize| {
                let mut c = 0.0;
                for (j, (bx, by)) in blocks.iter().enumerate() {
                    for i in 0..AREA {
                        let basis = forward[v][i / SIDE] * forward[u][i % SIDE];
                        let value = f64::from(image.plane(0).at(bx + i % SIDE, by + i / SIDE));
                        c += haar[k][j] * basis * value;
                    }
                }
                c
            };
            let mut estimates = vec![[0.0; AREA]; n];
            let mut kept = 0.0;
            for k in 0..n {
                for (v, u) in (0..AREA).map(|i| (i / SIDE, i % SIDE)) {
                    // The noise of a coefficient: squared sum of what it takes of every pixel.
                    let mut taken = vec![0.0; w * h];
                    for (j, (bx, by)) in blocks.iter().enumerate() {
                        for i in 0..AREA {
                            taken[(by + i / SIDE) * w + bx + i % SIDE] +=
                                haar[k][j] * forward[v][i / SIDE] * forward[u][i % SIDE];
                        }
                    }
                    let gain: f64 = taken.iter().map(|t| t * t).sum();
                    let variance = sigma * sigma * gain;
                    let c = spectrum(noisy, k, v, u);
                    let factor = match pilot {
                        _ if (k, v, u) == (0, 0, 0) => 1.0,
                        None => f64::from(u8::from(c * c > LAMBDA * LAMBDA * variance)),
                        Some(pilot) => {
                            let p = spectrum(pilot, k, v, u);
                            p * p / (p * p + MU_SQUARED * variance)
                        }
                    };
                    kept += factor * factor * gain;
                    for (j, estimate) in estimates.iter_mut().enumerate() {
                        for i in 0..AREA {
                            estimate[i] += haar[k][j]
                                * inverse[i / SIDE][v]
                                * inverse[i % SIDE][u]
                                * (factor * c);
                        }
                    }
                }
            }
            let weight = 1.0 / kept.max(1.0);
            for ((bx, by), estimate) in blocks.iter().zip(&estimates) {
                for i in 0..AREA {
                    let at = (by + i / SIDE) * w + bx + i % SIDE;
                    let k = weight * window[i / SIDE] * window[i % SIDE];
                    sum[at] += k * estimate[i];
                    weights[at] += k;
                }
            }
        }
    }
    sum.iter().zip(&weights).map(|(s, w)| s / w).collect()
}

#[test]
fn both_steps_agree_with_the_formulas() {
    let sigma = f64::from(0.1_f32);
    let image = noise_image(19, 17);
    let options = Bm3d { step: 3, search_radius: 4, ..Bm3d::with_sigma(0.1) };
    let cx = Context::default();
    let compare = |got: &Image, expected: &[f64], step: &str| {
        for (i, (g, e)) in got.data().iter().zip(expected).enumerate() {
            assert!((f64::from(*g) - e).abs() < 1e-5, "{step} step, pixel {i}: {g} against {e}");
        }
    };
    let hard = Stage::hard(&options, sigma);
    let basic = run(&image, None, &hard, &cx).unwrap();
    compare(&basic, &naive(&image, None, &hard.search, sigma), "first");
    let second = Stage::wiener(&options, sigma);
    let last = run(&image, Some(&basic), &second, &cx).unwrap();
    compare(&last, &naive(&image, Some(&basic), &second.search, sigma), "second");
    assert_eq!(last, bm3d(&image, &options, &cx).unwrap());
}

#[test]
fn options_keep_every_promise_of_an_operation() {
    let size = Size::new(190, 250);
    let small = Bm3d { search_radius: 3, ..Bm3d::with_sigma(0.1) };
    assert_eq!((small.reach(), small.alignment()), (Some(40), 48));
    assert_contract(&small, &noisy(&synthetic(size), 0.1, 1));
    assert_contract(&small, &noisy(&synthetic_rgb(size), 0.1, 2));
    let first = Bm3d { stages: Bm3dStages::HardThreshold, ..small };
    assert_contract(&first, &noisy(&synthetic(size), 0.1, 3));
    assert_info_matches(&INFO, &Bm3d::default());
}

#[test]
fn noise_goes_and_the_picture_stays() {
    let size = Size::new(96, 80);
    let cx = Context::default();
    let gain = |clean: &Image, sigma: f32, options: &Bm3d| {
        let noisy = noisy(clean, sigma, 5);
        let restored = bm3d(&noisy, options, &cx).unwrap();
        let mean = |i: &Image| i.data().iter().sum::<f32>() / i.data().len() as f32;
        assert!((mean(&restored) - mean(&noisy)).abs() < 2e-3);
        psnr(clean, &restored) - psnr(clean, &noisy)
    };
    let gray = synthetic(size);
    let both = gain(&gray, 0.1, &Bm3d::with_sigma(0.1));
    let first =
        gain(&gray, 0.1, &Bm3d { stages: Bm3dStages::HardThreshold, ..Bm3d::with_sigma(0.1) });
    let high = gain(&gray, 0.25, &Bm3d::with_sigma(0.25));
    let color = gain(&synthetic_rgb(size), 0.1, &Bm3d::with_sigma(0.1));
    assert!(both > 12.5, "both steps: {both}");
    assert!(first > 11.5 && first < both, "first step: {first}");
    assert!(high > 12.0, "high noise: {high}");
    assert!(color > 12.5, "color: {color}");
}

#[test]
fn a_constant_stays_and_no_noise_changes_nothing() {
    let flat = Image::gray_from_fn(Size::new(30, 21), |_, _| 0.37);
    let cx = Context::default();
    for v in bm3d(&flat, &Bm3d::with_sigma(0.1), &cx).unwrap().data() {
        assert!((v - 0.37).abs() < 1e-5, "{v}");
    }
    let image = noise_image(30, 21);
    assert_eq!(bm3d(&image, &Bm3d::with_sigma(0.0), &cx).unwrap(), image);
}

#[test]
fn options_and_images_out_of_range_are_errors() {
    let image = noise_image(16, 16);
    let cx = Context::default();
    let good = Bm3d::with_sigma(0.1);
    for bad in [
        Bm3d { sigma: Sigma::Auto, ..good.clone() },
        Bm3d::with_sigma(f32::NAN),
        Bm3d::with_sigma(-0.1),
        Bm3d { step: 0, ..good.clone() },
        Bm3d { step: 5, ..good.clone() },
        Bm3d { search_radius: 0, ..good.clone() },
        Bm3d { search_radius: 23, ..good.clone() },
    ] {
        assert!(matches!(bm3d(&image, &bad, &cx), Err(OpError::Param { .. })), "{bad:?}");
    }
    let lab = Image::zeros(Size::new(9, 9), ColorSpace::Lab);
    assert!(matches!(bm3d(&lab, &good, &cx), Err(OpError::WrongSpace { .. })));
}

#[test]
fn absurd_values_and_noise_levels_do_not_panic() {
    let cx = Context::default();
    for value in [1e9, -1e9, 3e38, f32::INFINITY, f32::NAN, -f32::NAN] {
        for sigma in [1e-30, 1e-5, 0.1, 1e10, 1e30, f32::MAX] {
            let mut image = noise_image(24, 20);
            image.data_mut()[37..90].fill(value);
            let options = Bm3d { search_radius: 5, ..Bm3d::with_sigma(sigma) };
            assert_eq!(bm3d(&image, &options, &cx).unwrap().size(), image.size());
            let clean = bm3d(&noise_image(24, 20), &options, &cx).unwrap();
            assert!(clean.data().iter().all(|v| v.is_finite()), "sigma {sigma}");
        }
    }
}

#[test]
fn shot_noise_is_removed_better_by_its_own_model() {
    let (a, b) = (1e-4, 0.02);
    let clean = synthetic(Size::new(96, 80));
    let mut rng = Rng::new(11, "shot", 0);
    let mut sample = Sample::new(clean.clone());
    for v in sample.image.data_mut() {
        let signal = f64::from(*v);
        *v = (b * rng.poisson(signal / b) + f64::sqrt(a) * rng.normal()) as f32;
    }
    let mean = clean.data().iter().sum::<f32>() / clean.data().len() as f32;
    let channel =
        ChannelNoise { a: a as f32, b: b as f32, sigma: (a as f32 + b as f32 * mean).sqrt() };
    sample.noise = Some(NoiseModel { channels: vec![channel], correlation: 0.0 });
    let score = |noise: NoiseKind| {
        let mut restored = sample.clone();
        Bm3d { noise, ..Bm3d::default() }.apply(&mut restored, &Context::default()).unwrap();
        psnr(&clean, &restored.image)
    };
    let (white, own) = (score(NoiseKind::White), score(NoiseKind::SignalDependent));
    assert!(own > white + 0.1, "white {white:.2} dB, signal-dependent {own:.2} dB");
    assert!(own > psnr(&clean, &sample.image) + 10.0, "{own:.2} dB");
}
