use super::*;

#[test]
fn filters_are_those_of_the_definition_in_every_quadrant() {
    for (w, h) in [(8, 6), (7, 9), (9, 8)] {
        let filters = Filters::new(w, h, &Fourier::new(w, h));
        let (across, down) = (frequencies(w), frequencies(h));
        for u in 0..w {
            for v in 0..h {
                let theta = (-across[u]).atan2(down[v]);
                let at = u * h + v;
                if at == 0 {
                    assert!(filters.radial.iter().all(|r| r[0] == 0.0));
                    continue;
                }
                for k in 0..ORIENTATIONS {
                    let turn = theta - k as f64 * FRAC_PI_4;
                    let turn = turn.sin().atan2(turn.cos());
                    let wanted = (-turn * turn / (2.0 * THETA_SIGMA * THETA_SIGMA)).exp();
                    let got = f64::from(filters.column(u, 0, k).1[v]);
                    assert!((got - wanted).abs() < 1e-6, "{w}x{h} {u},{v} {k}: {got} {wanted}");
                }
                for s in 0..SCALES {
                    let radius = across[u].hypot(down[v]);
                    let center = 1.0 / (FINEST * f64::from(1 << s));
                    let band =
                        (-(radius / center).ln().powi(2) / (2.0 * SIGMA_F.ln().powi(2))).exp();
                    let wanted = band / (1.0 + (radius / 0.45).powi(30));
                    assert!((f64::from(filters.column(u, s, 0).0[v]) - wanted).abs() < 1e-6);
                }
            }
        }
    }
}

#[test]
fn the_median_is_that_of_sorting() {
    let mut rng = restora_image::Rng::new(4, "median", 0);
    for n in [1usize, 2, 3, 10, 1001, 4096, 4097, 30_000] {
        for kind in 0..4 {
            let mut draw = |i: usize| match kind {
                0 => rng.uniform() as f32,
                1 => (9.0 * rng.normal()).exp() as f32,
                2 => rng.below(3) as f32,
                // What a sample sees is not what there is.
                _ => (i * 1024 % n < 1024) as u8 as f32 + 0.1 * rng.uniform() as f32,
            };
            let values: Vec<f32> = (0..n).map(&mut draw).collect();
            let mut sorted = values.clone();
            sorted.sort_by(f32::total_cmp);
            assert_eq!(median(&values), sorted[(n - 1) / 2], "{n} {kind}");
        }
    }
    assert!(median(&[f32::NAN; 3]).is_nan());
}

#[test]
fn the_spectra_of_a_pair_are_those_of_each() {
    let cx = Context::default();
    let (w, h) = (10, 7);
    let map = |f: fn(usize) -> usize| {
        Map::build(w, h, &cx, |y, row| {
            row.iter_mut().enumerate().for_each(|(x, v)| *v = f(13 * x + 7 * y) as f64);
        })
        .unwrap()
    };
    let (x, y) = (map(|i| i * i % 31), map(|i| i * i * i % 29));
    let fourier = Fourier::<f32>::new(w, h);
    let both = spectra(&x, &y, &fourier);
    for (map, got) in [&x, &y].into_iter().zip(both) {
        let mean = map.data.iter().sum::<f64>() / 70.0;
        let plane = map.data.iter().map(|v| Complex::new((v - mean) as f32, 0.0)).collect();
        let wanted = fourier.forward(plane);
        assert!(got.iter().zip(&wanted).all(|(g, w)| (g - w / 70.0).norm() < 1e-5));
    }
}
