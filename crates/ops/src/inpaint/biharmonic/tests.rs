use super::level::Level;
use super::solve::Hierarchy;
use super::strips::fill_in_strips;
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
fn factoring_and_steps_find_the_same() {
    let cx = Context::default();
    let image = synthetic(Size::new(97, 83));
    let stroke = |x: usize, y: usize| (x + 2 * y) % 40 < 6 || (3 * x + 4 * y) % 150 < 20;
    let scattered = |x: usize, y: usize| ((x * 7919 + y * 104_729) % 13).is_multiple_of(2);
    let block = |x: usize, y: usize| x < 20 && y > 60 || x.abs_diff(60) < 9 && y.abs_diff(40) < 8;
    let shapes: [&dyn Fn(usize, usize) -> bool; 3] = [&stroke, &scattered, &block];
    for (shape, missing) in shapes.iter().enumerate() {
        let mask = Mask::from_fn(image.size(), missing);
        for group in &groups(&mask, 2) {
            let factor = Factor::of(group, mask.size(), Plan::default().cost, &cx)
                .unwrap()
                .expect("cheap enough");
            let direct = factor.solve(group, image.data(), 0.5);
            let steps = Steps::of(group, mask.size());
            let steps = steps.solve(group, image.data(), 0.5, &cx).unwrap();
            let off = direct.iter().zip(&steps).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(off < 5e-6, "shape {shape}: {off}");
        }
    }
}

#[test]
fn wide_holes_are_left_to_steps() {
    let cx = Context::default();
    let mask = Mask::from_fn(Size::new(400, 400), |x, y| x.max(y) < 390);
    assert!(
        Factor::of(&groups(&mask, 2)[0], mask.size(), Plan::default().cost, &cx).unwrap().is_none()
    );
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
            let levels = Hierarchy::new(Level::of(&groups(&mask, 2)[0], mask.size()));
            let level = levels.finest();
            let mut right = vec![0.0; level.len()];
            groups(&mask, 2)[0]
                .pixels()
                .for_each(|p| right[level.cell(p)] = surface(p.0, p.1).into());
            let steps = levels.solve(right, None, &Context::default()).unwrap().steps;
            assert!((5..60).contains(&steps), "hole of {hole} at {at}: {steps} steps");
        }
    }
}

#[test]
fn a_large_group_is_filled_in_strips_as_at_once() {
    let cx = Context::default();
    let image = synthetic_rgb(Size::new(90, 400));
    let scattered = |x: usize, y: usize| ((x * 7919 + y * 104_729) % 13).is_multiple_of(2);
    let block = |x: usize, y: usize| x.abs_diff(40) < 20 && y.abs_diff(110) < 20;
    let wide = |x: usize, y: usize| x < 60 && y.abs_diff(200) < 150;
    // Strips that overlap enough, blocks on their edge, and a hole that no strip holds.
    let shapes: [&dyn Fn(usize, usize) -> bool; 3] =
        [&scattered, &|x, y| scattered(x, y) || block(x, y), &|x, y| scattered(x, y) || wide(x, y)];
    for (shape, missing) in shapes.iter().enumerate() {
        let mask = Mask::from_fn(image.size(), missing);
        let group = &groups(&mask, 2)[0];
        assert_eq!(group.len(), mask.count());
        let wanted = biharmonic(&image, &mask, &Biharmonic {}, &cx).unwrap();
        let mut broken = image.clone();
        // What holes hold is never read.
        for plane in broken.planes_mut() {
            group.pixels().for_each(|(x, y)| plane[y * 90 + x] = f32::NAN);
        }
        // By factors, and by steps alone.
        for cost in [Plan::default().cost, 0.0] {
            let plan = Plan { strip: 90 * 100, cost };
            let mut out = broken.clone();
            fill_in_strips(group, plan, &mut out, &mask, &cx).unwrap();
            let off = out.data().iter().zip(wanted.data()).map(|(a, b)| (a - b).abs());
            let off = off.fold(0.0, |a, b| if b <= a { a } else { b });
            assert!(off < 5e-6, "shape {shape}, cost {cost}: {off}");
            let mut again = broken.clone();
            fill_in_strips(group, plan, &mut again, &mask, &Context::with_threads(4)).unwrap();
            assert_eq!(again.data(), out.data());
        }
    }
}
