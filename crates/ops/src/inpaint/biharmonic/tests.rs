use super::*;
use restora_image::Size;
use restora_testkit::{assert_info_matches, assert_inpaint_contract, synthetic, synthetic_rgb};

#[test]
fn it_keeps_the_contract_of_inpainters() {
    assert_info_matches(&INFO, &Biharmonic::default());
    assert_inpaint_contract(&Biharmonic::default(), &synthetic_rgb(Size::new(90, 70)));
}

#[test]
fn a_cubic_harmonic_surface_goes_through_a_hole_unbroken() {
    // x^3 - 3 x y^2 + x^2 + x y: its bilaplacian is 0, on the grid too.
    let surface = |x: usize, y: usize| {
        let (x, y) = (x as f32 / 30.0 - 1.0, y as f32 / 30.0 - 1.0);
        0.2 * (x * x * x - 3.0 * x * y * y) + 0.3 * x * x + 0.1 * x * y + 0.4
    };
    let image = Image::gray_from_fn(Size::new(60, 60), surface);
    let mask = Mask::from_fn(image.size(), |x, y| {
        (15..40).contains(&x) && (20..45).contains(&y)
            || (x * 5 + y * 3) % 7 == 0 && y > 3 && y < 55 && x > 3 && x < 55
    });
    let out = biharmonic(&image, &mask, &Biharmonic {}, &Context::default()).unwrap();
    let pairs = out.data().iter().zip(image.data());
    let off = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(off < 1e-5, "{off}");
}

/// The system written out: rows of `L L` by applying `L` twice to every unit picture, and Gauss.
fn dense(image: &Image, mask: &Mask) -> Vec<f32> {
    let (w, h) = (image.size().w(), image.size().h());
    let laplace = |u: &[f64]| -> Vec<f64> {
        let at = |x: isize, y: isize| {
            u[y.clamp(0, h as isize - 1) as usize * w + x.clamp(0, w as isize - 1) as usize]
        };
        (0..w * h)
            .map(|i| {
                let (x, y) = ((i % w) as isize, (i / w) as isize);
                at(x - 1, y) + at(x + 1, y) + at(x, y - 1) + at(x, y + 1) - 4.0 * at(x, y)
            })
            .collect()
    };
    let holes: Vec<usize> = (0..w * h).filter(|&i| mask.data()[i]).collect();
    let n = holes.len();
    let known: Vec<f64> =
        (0..w * h).map(|i| if mask.data()[i] { 0.0 } else { f64::from(image.data()[i]) }).collect();
    let right = laplace(&laplace(&known));
    let mut rows: Vec<Vec<f64>> = vec![vec![0.0; n + 1]; n];
    for (j, &hole) in holes.iter().enumerate() {
        let mut unit = vec![0.0; w * h];
        unit[hole] = 1.0;
        let column = laplace(&laplace(&unit));
        for (row, &i) in rows.iter_mut().zip(&holes) {
            row[j] = column[i];
        }
    }
    for (row, &i) in rows.iter_mut().zip(&holes) {
        row[n] = -right[i];
    }
    for k in 0..n {
        let pivot = rows[k].clone();
        for row in rows.iter_mut().skip(k + 1) {
            let factor = row[k] / pivot[k];
            for (v, p) in row.iter_mut().zip(&pivot).skip(k) {
                *v -= factor * p;
            }
        }
    }
    let mut x = vec![0.0; n];
    for k in (0..n).rev() {
        let sum: f64 = (k + 1..n).map(|j| rows[k][j] * x[j]).sum();
        x[k] = (rows[k][n] - sum) / rows[k][k];
    }
    let mut out = image.data().to_vec();
    let known = || (0..w * h).filter(|&i| !mask.data()[i]).map(|i| image.data()[i]);
    let (least, largest) = (known().fold(9.0, f32::min), known().fold(-9.0, f32::max));
    holes.iter().zip(x).for_each(|(&i, v)| out[i] = (v as f32).clamp(least, largest));
    out
}

#[test]
fn it_solves_the_written_out_system_at_every_border() {
    for (width, height) in [(14, 11), (1, 12), (13, 2), (3, 3)] {
        let image = synthetic(Size::new(width, height));
        let mask = Mask::from_fn(image.size(), |x, y| {
            (x + 2 * y) % 3 != 0 || (4..9).contains(&x) && (2..6).contains(&y)
        });
        let out = biharmonic(&image, &mask, &Biharmonic {}, &Context::default()).unwrap();
        let off = out.data().iter().zip(dense(&image, &mask)).map(|(a, b)| (a - b).abs());
        let off = off.fold(0.0, f32::max);
        assert!(off < 1e-5, "{width}x{height}: {off}");
    }
}

#[test]
fn the_steps_needed_do_not_grow_with_the_depth_of_a_hole() {
    let surface =
        |x: usize, y: usize| (x as f32 / 70.0).sin() * (y as f32 / 50.0).cos() * 0.4 + 0.5;
    for (side, hole) in [(60, 40), (120, 90), (330, 300)] {
        let image = Image::gray_from_fn(Size::new(side, side + 1), surface);
        // One hole inside, and one that takes a corner of the image.
        for at in [10, 0] {
            let missing = at..at + hole;
            let mask =
                Mask::from_fn(image.size(), |x, y| missing.contains(&x) && missing.contains(&y));
            let levels = Hierarchy::new(Level::of(&groups(&mask, 2)[0], &mask));
            let level = levels.finest();
            let mut right = vec![0.0; level.len()];
            groups(&mask, 2)[0]
                .pixels()
                .for_each(|p| right[level.cell(p)] = surface(p.0, p.1).into());
            let (_, steps) = levels.solve(right, &Context::default()).unwrap();
            assert!((5..60).contains(&steps), "hole of {hole} at {at}: {steps} steps");
        }
    }
}
