//! White balance from the command line.

use crate::support::{code, read, restora, results, words, write_image};
use restora::data::Format;
use restora::image::{ColorSpace, Depth, Image, Size, linear_to_srgb, srgb_to_linear};
use restora_testkit::synthetic;

/// A gray picture under a light.
fn cast(gains: [f32; 3]) -> Image {
    let gray = synthetic(Size::new(90, 70));
    let under = |g: f32| move |v: &f32| linear_to_srgb(g * srgb_to_linear(*v));
    let data = gains.iter().flat_map(|g| gray.data().iter().map(under(*g))).collect();
    Image::from_vec(gray.size(), ColorSpace::Srgb, data).expect("three planes")
}

fn most_color(image: &Image) -> f32 {
    let [r, g, b] = [0, 1, 2].map(|c| image.plane_data(c));
    (0..r.len()).map(|i| (r[i] - g[i]).abs().max((b[i] - g[i]).abs())).fold(0.0, f32::max)
}

#[test]
fn a_cast_goes_away_and_a_picture_without_one_passes_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    write_image(&root.join("in/warm.png"), &cast([1.0, 0.6, 0.28]), Format::Png, Depth::U16);
    write_image(&root.join("in/plain.png"), &cast([1.0, 0.98, 0.95]), Format::Png, Depth::U8);
    let gray = synthetic(Size::new(40, 30));
    write_image(&root.join("in/gray.png"), &gray, Format::Png, Depth::U8);
    let out = restora(root, &["restore", "in", "-o", "out", "--color", "white-balance", "--json"]);
    assert_eq!(code(&out), 0, "{}", words(&out));
    let warm = read(&root.join("out/warm.png"));
    assert_eq!(warm.depth(), Depth::U16);
    let (before, after) = (most_color(&cast([1.0, 0.6, 0.28])), most_color(&warm.to_image()));
    assert!(after < 0.35 * before, "{before} to {after}");
    for name in ["plain.png", "gray.png"] {
        let bytes = |folder: &str| std::fs::read(root.join(folder).join(name)).unwrap();
        assert!(bytes("in") == bytes("out"), "{name}");
    }
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    for item in report["items"].as_array().unwrap() {
        let balanced = item["id"] == "warm.png";
        assert_eq!(item["outcome"], if balanced { "restored" } else { "unchanged" }, "{item}");
        assert_eq!(item["steps"].as_array().unwrap().len(), usize::from(balanced), "{item}");
        if balanced {
            assert!(item["steps"][0]["light"][0].as_f64().unwrap() > 1.1, "{item}");
        }
    }
}

#[test]
fn gains_and_temperature_are_taken_and_come_after_denoising() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    write_image(&root.join("a.tif"), &cast([0.5, 0.4, 0.2]), Format::Tiff, Depth::F32);
    let run = |color: &str, out: &str| {
        let args =
            ["restore", "a.tif", "-o", out, "--color", color, "--denoise", "gaussian:blur=0"];
        restora(root, &args)
    };
    let out = run("white-balance:gains=0.8,1,2", "gains.tif");
    assert_eq!(code(&out), 0, "{}", words(&out));
    let said = results(&out);
    assert!(
        said.contains("gaussian:blur=0") && said.contains(" + white-balance:gains=0.8,1,2"),
        "{said}"
    );
    assert!(most_color(&read(&root.join("gains.tif")).to_image()) < 1e-4);
    let out = run("white-balance:temperature=3000,adaptation=bradford,strength=0.5", "kelvin.tif");
    assert_eq!(code(&out), 0, "{}", words(&out));
    let (before, after) = (cast([0.5, 0.4, 0.2]), read(&root.join("kelvin.tif")).to_image());
    assert!(most_color(&after) < most_color(&before));
    for bad in [
        "white-balance:gains=1,2",
        "white-balance:method=gray-wood",
        "white-balance:temperature=3000,gains=1,1,1",
        "white-balance:tint=7",
    ] {
        assert_eq!(code(&run(bad, "bad.tif")), 2, "{bad}");
    }
}

#[test]
fn colors_of_a_reference_are_carried_over_in_every_depth() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    write_image(&root.join("in/a.png"), &cast([1.0, 0.9, 0.8]), Format::Png, Depth::U8);
    write_image(&root.join("in/b.png"), &cast([0.3, 0.4, 0.5]), Format::Png, Depth::U16);
    write_image(&root.join("like.png"), &cast([0.8, 0.5, 0.2]), Format::Png, Depth::U8);
    let means = |image: &Image| {
        [0, 1, 2].map(|c| {
            let plane = image.plane_data(c);
            plane.iter().sum::<f32>() / plane.len() as f32
        })
    };
    let wanted = means(&read(&root.join("like.png")).to_image());
    for method in ["reinhard", "mkl", "histogram", "mkl-histogram", "idt"] {
        let step = format!("color-transfer:reference=like.png:method={method}");
        let args = ["restore", "in", "-o", method, "--color", &step, "--json"];
        let out = restora(root, &args);
        assert_eq!(code(&out), 0, "{}", words(&out));
        let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(report["items"][0]["steps"][0]["reference"], "like.png");
        for (name, depth) in [("a.png", Depth::U8), ("b.png", Depth::U16)] {
            let after = read(&root.join(method).join(name));
            assert_eq!(after.depth(), depth);
            let got = means(&after.to_image());
            // Reinhard's means are of logarithms.
            let most = if method == "reinhard" { 0.06 } else { 0.01 };
            let off = got.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off < most, "{method} {name}: {got:?} {wanted:?}");
        }
    }
    for bad in ["color-transfer", "color-transfer:reference=like.png:strength=2"] {
        let out = restora(root, &["restore", "in", "-o", "bad", "--color", bad]);
        assert_eq!(code(&out), 2, "{bad}: {}", words(&out));
    }
    let step = "color-transfer:reference=none.png";
    let out = restora(root, &["restore", "in", "-o", "bad", "--color", step]);
    assert!(code(&out) != 0 && words(&out).contains("none.png"), "{}", words(&out));
}

#[test]
fn the_pictures_of_a_shoot_are_balanced_as_one() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    // All under one light; the last ones are too dark to tell it.
    let light = [1.0, 0.6, 0.28];
    for i in 0..6 {
        let mut image = cast(light);
        if i > 3 {
            image.data_mut().iter_mut().for_each(|v| *v *= 0.03);
        }
        write_image(&root.join(format!("in/{i}.png")), &image, Format::Png, Depth::U8);
    }
    let lights = |session: &str| {
        let step = format!("white-balance:session={session}");
        let out = restora(root, &["restore", "in", "-o", session, "--color", &step, "--json"]);
        assert_eq!(code(&out), 0, "{}", words(&out));
        let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        let items = report["items"].as_array().unwrap().clone();
        let light = |item: &serde_json::Value| {
            let light = &item["steps"][0]["light"];
            [0, 2].map(|c| light[c].as_f64().unwrap_or(1.0).ln())
        };
        items.iter().map(light).collect::<Vec<_>>()
    };
    let (each, track) = (lights("each"), lights("track"));
    let spread = |all: &[[f64; 2]]| {
        let gap = |p: &[[f64; 2]]| (p[1][0] - p[0][0]).hypot(p[1][1] - p[0][1]);
        all.windows(2).map(gap).fold(0.0, f64::max)
    };
    assert!(spread(&track) < 0.05 && spread(&track) < 0.5 * spread(&each), "{track:?} {each:?}");
    assert!(track.iter().all(|[r, b]| *r > 0.1 && *b < -0.2), "{track:?}");
    let bad = "white-balance:session=track,temperature=4000";
    assert_eq!(code(&restora(root, &["restore", "in", "-o", "x", "--color", bad])), 2);
}

#[test]
fn levels_and_local_contrast_are_the_same_in_every_depth_and_a_full_picture_stays() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let mut faded = cast([1.0, 1.0, 1.0]);
    faded.data_mut().iter_mut().for_each(|v| *v = 0.3 + 0.4 * *v);
    let mut full = cast([1.0, 1.0, 1.0]);
    let n = full.size().len();
    for c in 0..3 {
        full.plane_mut(c)[..n / 10].fill(0.0);
        full.plane_mut(c)[n - n / 10..].fill(1.0);
    }
    write_image(&root.join("in/a.png"), &faded, Format::Png, Depth::U8);
    write_image(&root.join("in/b.png"), &faded, Format::Png, Depth::U16);
    write_image(&root.join("in/full.png"), &full, Format::Png, Depth::U8);
    let run = |step: &str, out: &str| {
        let result = restora(root, &["restore", "in", "-o", out, "--color", step]);
        assert_eq!(code(&result), 0, "{}", words(&result));
        ["a.png", "b.png"].map(|name| read(&root.join(out).join(name)).to_image())
    };
    for (step, out) in [("auto-levels", "levels"), ("clahe:clip-limit=3,tiles=4,4", "clahe")] {
        let [a, b] = run(step, out);
        let off = a.data().iter().zip(b.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off < 0.06, "{step}: {off}");
        let range = |image: &Image| {
            let fold = |f: fn(f32, f32) -> f32, start| image.data().iter().copied().fold(start, f);
            fold(f32::max, 0.0) - fold(f32::min, 1.0)
        };
        assert!(range(&a) > 1.3 * range(&faded), "{step}: {}", range(&a));
    }
    let bytes = |folder: &str| std::fs::read(root.join(folder).join("full.png")).unwrap();
    assert!(bytes("in") == bytes("levels"));
}
