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
