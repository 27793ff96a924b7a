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

fn gradient_of_filter(
    level: Level,
    x: &[f32],
    gradient: &[f32],
    at: Geometry,
    io: [usize; 2],
    threads: usize,
) -> Vec<f32> {
    // What the room holds must not matter.
    let mut room = vec![f32::NAN; Winograd::gradient_room(at, io)];
    let mut taps = vec![f32::NAN; 9 * io[0] * io[1]];
    let arguments = Operands { level, x, gradient, at, io };
    Winograd::filter_gradient_at(&arguments, &mut room, &mut taps, threads);
    taps
}

#[test]
fn filters_are_those_of_the_formula() {
    let (ci, co) = (37, 23);
    let weights = numbers(9 * ci * co, "w");
    // `G g G^T` for one pair of channels, in the order of the kernel and so to the last bit.
    let formula = |g: [f32; 9]| -> Vec<f32> {
        let row = |i: usize, x: usize| G[i][0] * g[x] + G[i][1] * g[3 + x] + G[i][2] * g[6 + x];
        let all = (0..6).flat_map(|i| (0..6).map(move |j| (i, j)));
        all.map(|(i, j)| G[j][0] * row(i, 0) + G[j][1] * row(i, 1) + G[j][2] * row(i, 2)).collect()
    };
    let forward = Winograd::new(&weights, ci, co);
    let backward = Winograd::backward_in(Aligned::from(&[f32::NAN; 7][..]), &weights, [ci, co], 2);
    for (i, o) in (0..ci).flat_map(|i| (0..co).map(move |o| (i, o))) {
        let taps: [f32; 9] = std::array::from_fn(|k| weights[(k * ci + i) * co + o]);
        let turned: [f32; 9] = std::array::from_fn(|k| taps[8 - k]);
        for (e, (f, b)) in formula(taps).into_iter().zip(formula(turned)).enumerate() {
            assert_eq!(forward.filter[(e * ci + i) * co + o], f);
            assert_eq!(backward.filter[(e * co + o) * ci + i], b);
        }
    }
}

#[test]
fn an_image_of_its_own_and_one_among_zeros_give_the_same_bytes() {
    let (h, w, ci, co) = (9, 14, 19, 17);
    let x = numbers(h * w * ci, "x");
    let convolution = Winograd::new(&numbers(9 * ci * co, "w"), ci, co);
    // A whole tile of zeros around it: no window of the image reaches the border.
    let [high, wide] = [h, w].map(|side: usize| side.next_multiple_of(4) + 8);
    let mut among = vec![0.0; high * wide * ci];
    for (y, row) in x.chunks_exact(w * ci).enumerate() {
        among[((y + 4) * wide + 4) * ci..][..w * ci].copy_from_slice(row);
    }
    for level in levels() {
        let (mut own, mut large) = (vec![0.0; h * w * co], vec![0.0; high * wide * co]);
        let none = Epilogue::default();
        convolution.apply_at(level, &x, Geometry { n: 1, h, w }, none, &mut own, 1);
        let at = Geometry { n: 1, h: high, w: wide };
        convolution.apply_at(level, &among, at, none, &mut large, 1);
        for (y, row) in own.chunks_exact(w * co).enumerate() {
            assert!(*row == large[((y + 4) * wide + 4) * co..][..w * co], "{level:?}, row {y}");
        }
    }
}

#[test]
fn few_tiles_of_many_channels_are_divided_among_threads_without_a_trace() {
    let (at, io) = (Geometry { n: 2, h: 8, w: 8 }, [100, 96]);
    let (x, dy) = (numbers(at.pixels() * io[0], "x"), numbers(at.pixels() * io[1], "dy"));
    let alone = gradient_of_filter(level(), &x, &dy, at, io, 1);
    assert_eq!(alone, gradient_of_filter(level(), &x, &dy, at, io, 2));
    // Against the sum over each pair of channels alone, which is not divided.
    for (i, o) in [(0, 0), (99, 95), (17, 20)] {
        let column = |from: &[f32], channels: usize, c: usize| -> Vec<f32> {
            from.iter().skip(c).step_by(channels).copied().collect()
        };
        let (x, dy) = (column(&x, io[0], i), column(&dy, io[1], o));
        let single = gradient_of_filter(level(), &x, &dy, at, [1, 1], 1);
        for (tap, wanted) in single.iter().enumerate() {
            let came = alone[(tap * io[0] + i) * io[1] + o];
            assert!((came - wanted).abs() < 1e-3, "{came} against {wanted}");
        }
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
        let backward = Winograd::backward_in(Aligned::default(), &weights, [ci, co], 2);
        for level in levels() {
            let mut y = before.clone();
            let epilogue = Epilogue { bias: Some(&bias), add: add.then_some(&dy), accumulate, relu };
            convolution.apply_at(level, &x, at, epilogue, &mut y, 1);
            // Winograd in single precision over up to 40 channels: single draws reach 5e-5.
            assert_close(&y, &forward, 8e-5, "forward");
            let mut dx = vec![0.0; x.len()];
            backward.apply_at(level, &dy, at, Epilogue::default(), &mut dx, 1);
            assert_close(&dx, &input_gradient, 8e-5, "input gradient");
            let dw = gradient_of_filter(level, &x, &dy, at, [ci, co], 1);
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
        (y, gradient_of_filter(level(), &x, &dy, at, [16, 20], threads))
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
