//! Scores of other implementations: of pairs made by formula (`goldens/metrics_synthetic.json`,
//! made by `tools/goldens/metrics.py`), and of the shared photographs (`shared/goldens`).

use restora_image::{ColorSpace, Context, Image, Size};
use restora_metrics::full_reference::{
    CompareOptions, Comparison, GrayConversion, SsimBorder, Unit, Window, compare,
};
use serde_json::Value;

/// Both channels of conventions at once: the goldens' names and the options that stand for them.
fn scores(reference: &Image, distorted: &Image, tag: &str) -> Vec<(String, Option<f64>, f64)> {
    let gray = if tag == "gray" { GrayConversion::PillowL } else { GrayConversion::None };
    let options = CompareOptions { gray, unit: Unit::EightBit, ..CompareOptions::default() };
    let run = |o: CompareOptions| -> Comparison {
        compare(reference, distorted, &o, &Context::default()).expect("scores")
    };
    let paper = run(options);
    let uniform = run(CompareOptions { window: Window::Uniform, ..options });
    let full = run(CompareOptions { border: SsimBorder::Reflect101, ..options });
    // Tolerances: pixels are f32 here, f64 in the peers. piq's window is f64, pytorch-msssim's f32
    // (it differs from piq by 4e-6 itself). OpenCV computes in f32 throughout.
    vec![
        (format!("mse_{tag}"), Some(paper.mse), 1e-6),
        (format!("mae_{tag}"), Some(paper.mae), 1e-6),
        (format!("psnr_{tag}"), Some(paper.psnr), 1e-6),
        (format!("ssim_gauss_{tag}_skimage"), paper.ssim, 1e-6),
        (format!("ssim_gauss_{tag}"), paper.ssim, 1e-6),
        (format!("ssim_matlab_{tag}"), paper.ssim, 1e-6),
        (format!("ssim_{tag}_piq_nodown"), paper.ssim, 1e-6),
        (format!("ssim_uniform7_{tag}_skimage"), uniform.ssim, 1e-6),
        (format!("ssim_uniform7_{tag}"), uniform.ssim, 1e-6),
        (format!("ssim_{tag}_cv2quality"), full.ssim, 1e-5),
        (format!("ms_ssim_{tag}"), paper.ms_ssim, 1e-6),
        (format!("ms_ssim_{tag}_piq"), paper.ms_ssim, 5e-6),
        (format!("ms_ssim_{tag}_pytorch_msssim"), paper.ms_ssim, 1e-5),
    ]
}

/// Compares with every golden that the pair has; returns how many, and the largest gap per name.
fn check(name: &str, reference: &Image, distorted: &Image, values: &Value) -> (usize, Vec<String>) {
    let (mut checked, mut gaps) = (0, Vec::new());
    for tag in ["rgb", "gray"] {
        for (key, got, tolerance) in scores(reference, distorted, tag) {
            let Some(wanted) = values.get(&key) else { continue };
            let got = got.unwrap_or_else(|| panic!("{name}: no {key}"));
            checked += 1;
            if wanted == "inf" {
                assert_eq!(got, f64::INFINITY, "{name} {key}");
                continue;
            }
            let wanted = wanted.as_f64().expect("a number");
            let gap = (got - wanted).abs();
            gaps.push(format!("{gap:.1e} {name} {key}"));
            assert!(gap <= tolerance, "{name} {key}: {got}, wanted {wanted}, off by {gap:e}");
        }
    }
    (checked, gaps)
}

fn json(path: &std::path::Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

/// As `pair` in `tools/goldens/metrics.py`.
fn synthetic_pair(width: i64, height: i64, amplitude: i64) -> (Image, Image) {
    let size = Size::new(width as u32, height as u32);
    let mut reference = Image::zeros(size, ColorSpace::Srgb);
    let mut distorted = reference.clone();
    for c in 0..3 {
        for y in 0..height {
            for x in 0..width {
                let shade = (x * (2 + c) + y * (3 - c)) / 4 % 180;
                let bars = if (x / 11 + y / 17) % 3 == c { 40 } else { 0 };
                let (dx, dy) = (x - 60 - 8 * c, y - 70);
                let disc = if dx * dx + dy * dy < 45 * 45 { 35 } else { 0 };
                let value = shade + bars + disc;
                let h = (x * 7349 + y * 9151 + c * 3571 + 17) % 65521;
                let noise = h * h % 65521 % (2 * amplitude + 1) - amplitude;
                let shift = if c == 0 { 6 } else { 0 };
                let i = (y * width + x) as usize;
                reference.plane_mut(c as usize)[i] = value as f32 / 255.0;
                let other = (value + noise + shift).clamp(0, 255);
                distorted.plane_mut(c as usize)[i] = other as f32 / 255.0;
            }
        }
    }
    (reference, distorted)
}

#[test]
fn scores_of_pairs_made_by_formula_equal_scikit_image_and_opencv() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let goldens = json(&root.join("goldens/metrics_synthetic.json"));
    let mut checked = 0;
    for pair in goldens["pairs"].as_array().expect("pairs") {
        let of = |key: &str| pair[key].as_i64().expect("integer");
        let (reference, distorted) = synthetic_pair(of("width"), of("height"), of("amplitude"));
        let name = format!("{}x{}", of("width"), of("height"));
        let (count, _) = check(&name, &reference, &distorted, &pair["values"]);
        assert_eq!(count, pair["values"].as_object().expect("values").len(), "{name}");
        checked += count;
    }
    assert_eq!(checked, 61);
}

#[test]
#[ignore = "needs the shared sets"]
fn scores_of_the_shared_pairs_equal_the_peers() {
    let shared = restora_testkit::shared();
    let goldens = json(&shared.join("goldens/metrics.json"));
    let pairs = goldens["pairs"].as_object().expect("pairs");
    assert_eq!(pairs.len(), 23);
    let mut worst = Vec::new();
    for (name, pair) in pairs {
        let image = |key: &str| {
            let file = pair[key].as_str().expect("file name");
            restora_testkit::read_png(&shared.join("data/metric_pairs").join(file))
        };
        let (count, gaps) = check(name, &image("ref"), &image("dist"), &pair["values"]);
        // 8 of each of gray and RGB, and MATLAB's and OpenCV's gray SSIM.
        assert_eq!(count, 18, "{name}");
        worst.extend(gaps);
    }
    worst.sort_by(|a, b| {
        let gap = |s: &str| s.split(' ').next().and_then(|g| g.parse().ok()).unwrap_or(0.0f64);
        gap(b).total_cmp(&gap(a))
    });
    for name in ["mse", "mae", "psnr", "skimage", "piq", "pytorch", "cv2quality"] {
        println!("worst {name}: {}", worst.iter().find(|g| g.contains(name)).expect("some"));
    }
}
