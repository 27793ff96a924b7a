use super::*;
use restora_image::{ColorSpace, Size};
use restora_testkit::{assert_info_matches, noisy, synthetic, synthetic_rgb};

fn score(x: &Image, y: &Image) -> f64 {
    ssimulacra2(x, y, &Ssimulacra2::default(), &Context::default()).unwrap()
}

#[test]
fn the_taps_are_those_of_the_truncated_cosine_functions() {
    let (sigma, n) = (1.5_f64, 5.0_f64);
    assert_eq!((3.2795 * sigma + 0.2546).round(), n);
    let w = [1.0, 3.0, 5.0].map(|k| k * std::f64::consts::PI / (2.0 * n));
    let p = [0, 1, 2].map(|k| [1.0, -1.0, 1.0][k] / (0.5 * w[k]).tan());
    let r = [0, 1, 2].map(|k| [1.0, -1.0, 1.0][k] * p[k] * p[k] / w[k].sin());
    let rho = w.map(|w| (-0.5 * sigma * sigma * w * w).exp() / n);
    let across = |i: usize, j: usize| p[i] * r[j] - r[i] * p[j];
    let zeta = [across(1, 2) / across(0, 1), across(2, 0) / across(0, 1)];
    let a = nalgebra::Matrix3::new(p[0], p[1], p[2], r[0], r[1], r[2], zeta[0], zeta[1], 1.0);
    let c = nalgebra::Vector3::new(
        1.0,
        n * n - sigma * sigma,
        zeta[0] * rho[0] + zeta[1] * rho[1] + rho[2],
    );
    let b = a.lu().solve(&c).unwrap();
    let tap = |m: f64| (0..3).map(|k| b[k] * (w[k] * m).cos()).sum::<f64>();
    for (m, got) in TAPS.iter().enumerate() {
        assert!((f64::from(*got) - tap(m as f64)).abs() < 1e-8, "{m}");
    }
    assert!(tap(5.0).abs() < 1e-15);
}

#[test]
fn roots_and_light_are_those_of_the_formulas() {
    for i in 0..=2000 {
        let v = i as f32 / 1000.0;
        assert!((cube_root(v) - v.cbrt()).abs() < 3e-7, "{v}");
        let exact = restora_image::srgb_to_linear(v);
        assert!((to_linear(v) - exact).abs() < 3e-7 * exact.max(1.0), "{v}");
    }
}

/// Straight from the published formulas in `f64`; the images are of one size, above `8 x 8`.
fn oracle(x: &Image, y: &Image) -> f64 {
    type Plane = Vec<f64>;
    let linear = |image: &Image| -> Vec<Plane> {
        let decode = |v: &f32| {
            let v = f64::from(*v);
            if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        };
        (0..3)
            .map(|c| image.plane_data(c % image.channels()).iter().map(decode).collect())
            .collect()
    };
    let xyb = |rgb: &[Plane]| -> Vec<Plane> {
        let bias = 0.0037930734_f64;
        let matrix = [
            [0.3, 0.622, 0.078],
            [0.23, 0.692, 0.078],
            [0.24342269, 0.20476745, 1.0 - 0.24342269 - 0.20476745],
        ];
        let cone = |i: usize, m: [f64; 3]| {
            let sum = m[0] * rgb[0][i] + m[1] * rgb[1][i] + m[2] * rgb[2][i] + bias;
            sum.max(0.0).cbrt() - bias.cbrt()
        };
        let mut out = vec![Vec::new(), Vec::new(), Vec::new()];
        for i in 0..rgb[0].len() {
            let [l, m, s] = matrix.map(|row| cone(i, row));
            let (x, y) = (0.5 * (l - m), 0.5 * (l + m));
            for (out, v) in out.iter_mut().zip([14.0 * x + 0.42, y + 0.01, s - y + 0.55]) {
                out.push(v);
            }
        }
        out
    };
    let blur = |plane: &Plane, w: usize, h: usize| -> Plane {
        let at = |x: i64, y: i64| {
            let inside = x >= 0 && y >= 0 && x < w as i64 && y < h as i64;
            if inside { plane[y as usize * w + x as usize] } else { 0.0 }
        };
        let tap = |d: i64| f64::from(TAPS[d.unsigned_abs() as usize]);
        let place = |i: usize| ((i % w) as i64, (i / w) as i64);
        let sum = |i: usize| {
            let (x, y) = place(i);
            (-4..=4)
                .flat_map(|dy| (-4..=4).map(move |dx| (dx, dy)))
                .map(|(dx, dy)| tap(dx) * tap(dy) * at(x + dx, y + dy))
                .sum()
        };
        (0..w * h).map(sum).collect()
    };
    let (mut w, mut h) = (x.size().w(), x.size().h());
    let (mut a, mut b) = (linear(x), linear(y));
    let mut scales = Vec::new();
    for scale in 0..6 {
        if w < 8 || h < 8 {
            break;
        }
        if scale > 0 {
            let (hw, hh) = (w.div_ceil(2), h.div_ceil(2));
            let half = |p: &Plane| -> Plane {
                let at = |x: usize, y: usize| p[y.min(h - 1) * w + x.min(w - 1)];
                (0..hw * hh)
                    .map(|i| (2 * (i % hw), 2 * (i / hw)))
                    .map(|(x, y)| at(x, y) + at(x + 1, y) + at(x, y + 1) + at(x + 1, y + 1))
                    .map(|sum| sum / 4.0)
                    .collect()
            };
            (a, b) = (a.iter().map(half).collect(), b.iter().map(half).collect());
            (w, h) = (hw, hh);
        }
        let (p, q) = (xyb(&a), xyb(&b));
        let mut norms = Vec::new();
        for c in 0..3 {
            let times =
                |u: &Plane, v: &Plane| -> Plane { u.iter().zip(v).map(|(u, v)| u * v).collect() };
            let of = |plane: &Plane| blur(plane, w, h);
            let (mp, mq) = (of(&p[c]), of(&q[c]));
            let [pp, qq, pq] =
                [of(&times(&p[c], &p[c])), of(&times(&q[c], &q[c])), of(&times(&p[c], &q[c]))];
            let mut sums = [[0.0; 2]; 3];
            for i in 0..w * h {
                let structure = (2.0 * (pq[i] - mp[i] * mq[i]) + 0.0009)
                    / (pp[i] - mp[i] * mp[i] + qq[i] - mq[i] * mq[i] + 0.0009);
                let d = 1.0 - (1.0 - (mp[i] - mq[i]).powi(2)) * structure;
                let change =
                    (1.0 + (q[c][i] - mq[i]).abs()) / (1.0 + (p[c][i] - mp[i]).abs()) - 1.0;
                for (sums, v) in sums.iter_mut().zip([d, change, -change]) {
                    sums[0] += v.max(0.0);
                    sums[1] += v.max(0.0).powi(4);
                }
            }
            let n = (w * h) as f64;
            norms.push(
                [0, 1].map(|k| sums.map(|s| if k == 0 { s[0] / n } else { (s[1] / n).powf(0.25) })),
            );
        }
        scales.push(norms);
    }
    let weights: Vec<f64> = WEIGHTS.as_flattened().to_vec();
    let mut weights = weights.iter();
    let mut sum = 0.0;
    for c in 0..3 {
        for scale in &scales {
            for n in 0..2 {
                for map in 0..3 {
                    sum += weights.next().unwrap() * scale[c][n][map];
                }
            }
        }
    }
    to_score(sum)
}

#[test]
fn a_score_is_that_of_the_formula() {
    for (w, h) in [(8, 8), (9, 13), (70, 33), (130, 67)] {
        let size = Size::new(w, h);
        for x in [synthetic(size), synthetic_rgb(size)] {
            for level in [0.01, 0.1] {
                let y = noisy(&x, level, 3);
                let (got, wanted) = (score(&x, &y), oracle(&x, &y));
                assert!((got - wanted).abs() < 2e-3, "{w}x{h} {level}: {got} {wanted}");
            }
        }
    }
}

#[test]
fn identical_images_score_100_to_the_bit_and_three_equal_channels_are_gray() {
    let gray = synthetic(Size::new(60, 50));
    let mut color = Image::zeros(gray.size(), ColorSpace::Srgb);
    for plane in color.planes_mut() {
        plane.copy_from_slice(gray.plane_data(0));
    }
    assert_eq!(score(&gray, &gray), 100.0);
    let noise = noisy(&gray, 0.1, 3);
    let mut noisy_color = color.clone();
    for plane in noisy_color.planes_mut() {
        plane.copy_from_slice(noise.plane_data(0));
    }
    assert_eq!(score(&color, &noisy_color), score(&gray, &noise));
}

#[test]
fn other_color_spaces_are_refused_and_options_are_listed() {
    let x = Image::zeros(Size::new(20, 20), ColorSpace::Lab);
    let got = ssimulacra2(&x, &x, &Ssimulacra2::default(), &Context::default());
    assert!(matches!(got, Err(MetricError::Image(OpError::WrongSpace { .. }))), "{got:?}");
    assert_info_matches(&Ssimulacra2::INFO, &Ssimulacra2::default());
}
