use super::*;
use crate::kernels::levels;
use proptest::prelude::*;

fn numbers(n: usize, id: &str) -> Vec<f32> {
    let mut rng = restora_image::Rng::new(5, id, 0);
    (0..n).map(|_| rng.uniform() as f32 - 0.5).collect()
}

/// Calls `f(output pixel, input pixel, tap)` for every product of a zero-padded 3x3 convolution.
fn taps(at: Geometry, mut f: impl FnMut(usize, usize, usize)) {
    for n in 0..at.n {
        for y in 0..at.h {
            for x in 0..at.w {
                for (ky, kx) in (0..9).map(|k| (k / 3, k % 3)) {
                    let (iy, ix) = (y + ky, x + kx);
                    if iy >= 1 && ix >= 1 && iy <= at.h && ix <= at.w {
                        let pixel = |y: usize, x: usize| (n * at.h + y) * at.w + x;
                        f(pixel(y, x), pixel(iy - 1, ix - 1), ky * 3 + kx);
                    }
                }
            }
        }
    }
}

fn assert_close(came: &[f32], wanted: &[f64], tolerance: f64, what: &str) {
    for (i, (&c, w)) in came.iter().zip(wanted).enumerate() {
        assert!((f64::from(c) - w).abs() < tolerance, "{what}, element {i}: {c} against {w}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_level_agrees_with_the_plain_sum(
        n in 1_usize..3, h in 1_usize..14, w in 1_usize..23,
        ci in 1_usize..40, co in 1_usize..40,
        relu in any::<bool>(), add in any::<bool>(), accumulate in any::<bool>(),
    ) {
        let at = Geometry { n, h, w };
        let (x, dy) = (numbers(at.pixels() * ci, "x"), numbers(at.pixels() * co, "dy"));
        let (weights, bias) = (numbers(9 * ci * co, "w"), numbers(co, "b"));
        let before = numbers(at.pixels() * co, "y");
        let f = f64::from;
        let mut forward: Vec<f64> = (0..at.pixels() * co).map(|i| {
            f(bias[i % co]) + if add { f(dy[i]) } else { 0.0 } + if accumulate { f(before[i]) } else { 0.0 }
        }).collect();
        let mut input_gradient = vec![0.0; at.pixels() * ci];
        let mut filter_gradient = vec![0.0; weights.len()];
        taps(at, |to, from, tap| for i in 0..ci { for o in 0..co {
            let weight = (tap * ci + i) * co + o;
            forward[to * co + o] += f(x[from * ci + i]) * f(weights[weight]);
            input_gradient[from * ci + i] += f(dy[to * co + o]) * f(weights[weight]);
            filter_gradient[weight] += f(x[from * ci + i]) * f(dy[to * co + o]);
        }});
        if relu {
            for v in &mut forward {
                *v = v.max(0.0);
            }
        }
        let convolution = Winograd::new(&weights, ci, co);
        let backward = Winograd::backward(&weights, ci, co);
        for level in levels() {
            let mut y = before.clone();
            let epilogue = Epilogue { bias: Some(&bias), add: add.then_some(&dy), accumulate, relu };
            convolution.apply_at(level, &x, at, epilogue, &mut y, 1);
            assert_close(&y, &forward, 4e-5, "forward");
            let mut dx = vec![0.0; x.len()];
            backward.apply_at(level, &dy, at, Epilogue::default(), &mut dx, 1);
            assert_close(&dx, &input_gradient, 4e-5, "input gradient");
            let dw = Winograd::filter_gradient_at(level, &x, &dy, at, [ci, co], 1);
            assert_close(&dw, &filter_gradient, 4e-4, "filter gradient");
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let at = Geometry { n: 3, h: 61, w: 67 };
    let (x, dy) = (numbers(at.pixels() * 16, "x"), numbers(at.pixels() * 20, "dy"));
    let convolution = Winograd::new(&numbers(9 * 16 * 20, "w"), 16, 20);
    let run = |threads| {
        let mut y = vec![0.0; dy.len()];
        convolution.apply(&x, at, Epilogue::default(), &mut y, threads);
        (y, Winograd::filter_gradient(&x, &dy, at, [16, 20], threads))
    };
    assert_eq!(run(1), run(4));
}

#[test]
fn bands_give_the_same_bytes_as_the_whole_at_every_level() {
    let (h, w, ci, co) = (23, 18, 20, 24);
    let at = Geometry { n: 1, h, w };
    let (x, add) = (numbers(h * w * ci, "x"), numbers(h * w * co, "add"));
    let bias = numbers(co, "b");
    let convolution = Winograd::new(&numbers(9 * ci * co, "w"), ci, co);
    let epilogue =
        |add| Epilogue { bias: Some(&bias), add: Some(add), accumulate: false, relu: true };
    for level in levels() {
        let mut whole = vec![0.0; h * w * co];
        convolution.apply_at(level, &x, at, epilogue(&add), &mut whole, 1);
        for (from, to) in [(0_usize, 4_usize), (4, 16), (16, 23), (0, 23)] {
            let x_from = from.saturating_sub(2);
            let band = Band { h, w, from, to, x_from, add_from: from / 2 };
            let mut y = vec![0.0; (to - from) * w * co];
            let (x, add) = (&x[x_from * w * ci..], &add[from / 2 * w * co..]);
            convolution.apply_band_at(level, x, &band, epilogue(add), &mut y, 2);
            assert!(y == whole[from * w * co..to * w * co], "{level:?} {from}..{to}");
        }
    }
}
