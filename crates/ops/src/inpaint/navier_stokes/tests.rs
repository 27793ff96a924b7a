use super::*;
use crate::inpaint::{Biharmonic, biharmonic};
use restora_image::Size;
use restora_testkit::{assert_info_matches, assert_inpaint_contract, synthetic, synthetic_rgb};

#[test]
fn it_keeps_the_contract_of_inpainters() {
    assert_info_matches(&INFO, &NavierStokes::default());
    assert_inpaint_contract(&NavierStokes::default(), &synthetic_rgb(Size::new(90, 70)));
}

#[test]
fn without_flow_it_goes_to_the_biharmonic_surface() {
    let image = synthetic(Size::new(40, 30));
    // Inside, at an edge and in a corner.
    let mask = Mask::from_fn(image.size(), |x, y| {
        (12..20).contains(&x) && (10..17).contains(&y) || x < 4 && y > 20 || x > 36 && y < 3
    });
    let cx = Context::default();
    let still = NavierStokes { viscosity: 1e6, steps: 3000, ..NavierStokes::default() };
    let (ours, exact) = (
        navier_stokes(&image, &mask, &still, &cx).unwrap(),
        biharmonic(&image, &mask, &Biharmonic {}, &cx).unwrap(),
    );
    let known = || (0..1200).filter(|&i| !mask.data()[i]).map(|i| image.data()[i]);
    let (least, largest) = (known().fold(9.0, f32::min), known().fold(-9.0, f32::max));
    for (i, (a, b)) in ours.data().iter().zip(exact.data()).enumerate() {
        // The biharmonic surface is clipped to what is known around a group.
        if *b > least && *b < largest {
            assert!((a - b).abs() < 0.02, "{a} {b} at {i}");
        }
    }
    let off = |image: &Image| {
        let pairs = image.data().iter().zip(exact.data());
        pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>()
    };
    let first = NavierStokes { steps: 0, ..still };
    assert!(off(&ours) < 0.2 * off(&navier_stokes(&image, &mask, &first, &cx).unwrap()));
}

/// The largest that (6) is off at a missing pixel, written out.
fn residual(image: &Image, mask: &Mask, options: &NavierStokes) -> f32 {
    let plane = image.plane(0);
    let w = |x: usize, y: usize| {
        plane.at(x - 1, y) + plane.at(x + 1, y) + plane.at(x, y - 1) + plane.at(x, y + 1)
            - 4.0 * plane.at(x, y)
    };
    let mut worst = 0.0_f32;
    for y in 2..image.size().h() - 2 {
        for x in 2..image.size().w() - 2 {
            if !mask.data()[y * image.size().w() + x] {
                continue;
            }
            let vx = -(plane.at(x, y + 1) - plane.at(x, y - 1)) / 2.0;
            let vy = (plane.at(x + 1, y) - plane.at(x - 1, y)) / 2.0;
            let wx = if vx > 0.0 { w(x, y) - w(x - 1, y) } else { w(x + 1, y) - w(x, y) };
            let wy = if vy > 0.0 { w(x, y) - w(x, y - 1) } else { w(x, y + 1) - w(x, y) };
            let beside = [w(x - 1, y), w(x + 1, y), w(x, y - 1), w(x, y + 1)];
            let g = |d: f32| 1.0 / (1.0 + (d / options.k).powi(2));
            let diffused: f32 = beside.iter().map(|v| g(v - w(x, y)) * (v - w(x, y))).sum();
            worst = worst.max((vx * wx + vy * wy - options.viscosity * diffused).abs());
        }
    }
    worst
}

#[test]
fn the_flow_comes_to_rest_in_the_written_out_equation() {
    let image = synthetic(Size::new(40, 30));
    let mask = Mask::from_fn(image.size(), |x, y| {
        (12..22).contains(&x) && (10..17).contains(&y) || y == 24 && (5..35).contains(&x)
    });
    let rest = NavierStokes { viscosity: 0.2, k: 0.5, steps: 2000 };
    let run = |o: &NavierStokes| navier_stokes(&image, &mask, o, &Context::default()).unwrap();
    let begun = residual(&run(&NavierStokes { steps: 0, ..rest.clone() }), &mask, &rest);
    let ended = residual(&run(&rest), &mask, &rest);
    assert!(ended < 1e-3 * begun, "{begun} {ended}");
    // And the flow matters.
    let still = run(&NavierStokes { viscosity: 1e6, ..rest.clone() });
    let pairs =
        run(&rest).data().iter().zip(still.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(pairs > 0.001, "{pairs}");
}

#[test]
fn options_out_of_range_are_refused() {
    let all = NavierStokes::default();
    for (name, bad) in [
        ("viscosity", NavierStokes { viscosity: 0.0, ..all.clone() }),
        ("viscosity", NavierStokes { viscosity: f32::NAN, ..all.clone() }),
        ("k", NavierStokes { k: -1.0, ..all.clone() }),
        ("steps", NavierStokes { steps: 10_001, ..all.clone() }),
    ] {
        let error = bad.validate().unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}
