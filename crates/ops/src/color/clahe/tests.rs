use super::*;
use restora_testkit::{assert_contract, assert_info_matches, synthetic, synthetic_rgb};

fn levels(image: &Image) -> Vec<u8> {
    image.data().iter().map(|v| (v.clamp(0.0, 1.0) * 255.0).round() as u8).collect()
}

/// As the definition has it, with integers, for 8-bit gray: OpenCV's steps one by one.
fn oracle(image: &Image, clip_limit: f64, across: usize, down: usize) -> Vec<u8> {
    let (w, h) = (image.size().w(), image.size().h());
    let v = levels(image);
    let (mut pw, mut ph) = (w, h);
    if w % across != 0 || h % down != 0 {
        (pw, ph) = (w + across - w % across, h + down - h % down);
    }
    let mirror = |i: usize, n: usize| if i < n { i } else { 2 * n - 2 - i };
    let (tw, th) = (pw / across, ph / down);
    let area = tw * th;
    let mut tables = vec![[0_u8; 256]; across * down];
    for (t, table) in tables.iter_mut().enumerate() {
        let mut counts = [0_i64; 256];
        for y in (t / across) * th..(t / across + 1) * th {
            for x in (t % across) * tw..(t % across + 1) * tw {
                counts[usize::from(v[mirror(y, h) * w + mirror(x, w)])] += 1;
            }
        }
        let limit = ((clip_limit * area as f64 / 256.0) as i64).max(1);
        let mut clipped = 0;
        for c in &mut counts {
            if *c > limit {
                clipped += *c - limit;
                *c = limit;
            }
        }
        let batch = clipped / 256;
        let mut residual = clipped - batch * 256;
        for c in &mut counts {
            *c += batch;
        }
        if residual != 0 {
            let step = (256 / residual).max(1) as usize;
            let mut i = 0;
            while i < 256 && residual > 0 {
                counts[i] += 1;
                i += step;
                residual -= 1;
            }
        }
        let mut sum = 0;
        for (entry, c) in table.iter_mut().zip(counts) {
            sum += c;
            *entry = (sum as f64 * 255.0 / area as f64).round() as u8;
        }
    }
    let place = |i: usize, tile: usize, tiles: usize| {
        let at = i as f64 / tile as f64 - 0.5;
        let low = at.floor();
        let inside = |t: f64| (t.max(0.0) as usize).min(tiles - 1);
        (inside(low), inside(low + 1.0), at - low)
    };
    let mut out = Vec::new();
    for y in 0..h {
        let (y0, y1, fy) = place(y, th, down);
        for x in 0..w {
            let (x0, x1, fx) = place(x, tw, across);
            let of =
                |r: usize, c: usize| f64::from(tables[r * across + c][usize::from(v[y * w + x])]);
            let above = of(y0, x0) * (1.0 - fx) + of(y0, x1) * fx;
            let below = of(y1, x0) * (1.0 - fx) + of(y1, x1) * fx;
            out.push((above * (1.0 - fy) + below * fy).round() as u8);
        }
    }
    out
}

fn stepped(mut image: Image) -> Image {
    image.data_mut().iter_mut().for_each(|v| *v = (v.clamp(0.0, 1.0) * 255.0).round() / 255.0);
    image
}

#[test]
fn gray_of_8_bits_is_the_integer_algorithm_to_one_level() {
    for (width, height, tiles, limit) in [
        (96, 64, [8, 8], 2.0),
        (97, 61, [8, 8], 4.0),
        (80, 61, [4, 3], 40.0),
        (33, 20, [1, 2], 1.0),
    ] {
        let image = stepped(synthetic(Size::new(width, height)));
        let options = Clahe { clip_limit: limit, tiles, ..Clahe::default() };
        let out = levels(&clahe(&image, &options, &Context::default()).unwrap());
        let [across, down] = tiles.map(|n| n as usize);
        let wanted = oracle(&image, f64::from(limit), across, down);
        let off = out.iter().zip(&wanted).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(off <= 1, "{width}x{height} {tiles:?}: {off}");
        let changed = wanted.iter().zip(levels(&image)).filter(|(a, b)| *a != b).count();
        assert!(changed > wanted.len() / 4);
    }
}

#[test]
fn color_keeps_its_a_and_b_and_gray_in_color_is_gray_in_lightness() {
    let image = synthetic_rgb(Size::new(90, 70));
    let out = clahe(&image, &Clahe::default(), &Context::default()).unwrap();
    let roots = |image: &Image, i: usize| {
        let [x, y, z] = [0, 1, 2].map(|c| decoded(image.plane_data(c)[i]));
        [0, 1, 2].map(|k| root(row(k, x, y, z)))
    };
    for i in (0..6300).step_by(37) {
        let (before, after) = (roots(&image, i), roots(&out, i));
        for k in [0, 2] {
            let off = (after[k] - after[1]) - (before[k] - before[1]);
            assert!(off.abs() < 1e-4, "{i}: {off}");
        }
    }
    let gray = synthetic(Size::new(60, 60));
    let three = Image::from_vec(gray.size(), ColorSpace::Srgb, gray.data().repeat(3)).unwrap();
    let out = clahe(&three, &Clahe::default(), &Context::default()).unwrap();
    for i in 0..3600 {
        let [r, g, b] = [0, 1, 2].map(|c| out.plane_data(c)[i]);
        assert!((r - g).abs() < 1e-4 && (b - g).abs() < 1e-4, "{r} {g} {b}");
    }
}

#[test]
fn parts_placed_by_their_origin_are_parts_of_the_whole() {
    let cx = Context::default();
    let image = synthetic_rgb(Size::new(130, 90));
    let read = |rect| Ok(image.crop(rect));
    let settled = Clahe::default().settled(image.size(), &read, &cx).unwrap();
    let whole = clahe(&image, &Clahe::default(), &cx).unwrap();
    for (x, y) in [(0, 0), (40, 0), (17, 33), (90, 50)] {
        let rect = Rect { x, y, width: 40, height: 40 };
        let mut sample = Sample::new(image.crop(rect));
        sample.origin = (x, y);
        settled.apply(&mut sample, &cx).unwrap();
        assert!(sample.image == whole.crop(rect), "{x} {y}");
    }
    assert_eq!(settled.as_asked(), Clahe::default());
}

#[test]
fn contrast_grows_with_the_limit_and_strength_is_its_share() {
    let cx = Context::default();
    let mut image = synthetic(Size::new(120, 120));
    image.data_mut().iter_mut().for_each(|v| *v = 0.4 + 0.2 * *v);
    let spread = |image: &Image| {
        let n = image.data().len() as f64;
        let mean = image.data().iter().map(|v| f64::from(*v)).sum::<f64>() / n;
        image.data().iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n
    };
    let run = |clip_limit, strength| {
        clahe(&image, &Clahe { clip_limit, strength, ..Clahe::default() }, &cx).unwrap()
    };
    let [mild, strong, none] = [1.5, 6.0, 0.0].map(|limit| spread(&run(limit, 1.0)));
    assert!(spread(&image) < mild && mild < strong && strong < none);
    assert_eq!(run(2.0, 0.0), image);
    let (whole, half) = (run(2.0, 1.0), run(2.0, 0.5));
    for ((h, w), f) in half.data().iter().zip(whole.data()).zip(image.data()) {
        assert!((h - 0.5 * (w + f)).abs() < 1e-5);
    }
}

#[test]
fn hidden_pixels_are_not_counted() {
    let cx = Context::default();
    let mut image = synthetic(Size::new(64, 64));
    let alpha =
        restora_image::Plane::from_fn(image.size(), |x, _| if x % 3 == 0 { 0.0 } else { 1.0 });
    let mut hidden = image.clone();
    (0..4096).filter(|i| alpha.data[*i] == 0.0).for_each(|i| hidden.data_mut()[i] = 1.0);
    image.alpha = Some(alpha.clone());
    hidden.alpha = Some(alpha.clone());
    let [a, b] = [&image, &hidden].map(|i| clahe(i, &Clahe::default(), &cx).unwrap());
    for i in (0..4096).filter(|i| alpha.data[*i] > 0.0) {
        assert_eq!(a.data()[i], b.data()[i]);
    }
    let mut none = image.clone();
    none.alpha = Some(restora_image::Plane::zeros(none.size()));
    let same = clahe(&none, &Clahe::default(), &cx).unwrap();
    let off = same.data().iter().zip(none.data()).map(|(a, b)| (a - b).abs());
    assert!(off.fold(0.0, f32::max) < 1e-6);
}

#[test]
fn clahe_keeps_the_contract_and_refuses_bad_options() {
    assert_contract(&Clahe::default(), &synthetic_rgb(Size::new(80, 90)));
    assert_contract(&Clahe::default(), &synthetic(Size::new(80, 90)));
    assert_info_matches(&INFO, &Clahe::default());
    for bad in [
        Clahe { clip_limit: -1.0, ..Clahe::default() },
        Clahe { tiles: [0, 8], ..Clahe::default() },
        Clahe { tiles: [8, 65], ..Clahe::default() },
        Clahe { strength: 2.0, ..Clahe::default() },
    ] {
        assert!(matches!(bad.validate(), Err(OpError::Param { .. })), "{bad:?}");
    }
    let lab = Image::zeros(Size::new(3, 3), ColorSpace::Lab);
    assert!(clahe(&lab, &Clahe::default(), &Context::default()).is_err());
}
