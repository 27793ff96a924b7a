//! Restoring, damaging, measuring and comparing pictures.

use crate::support::{code, read, restora, results, tree, words, write_image};
use restora::data::{EncodeOptions, FileMeta, Format};
use restora::image::{Depth, Layout, Pixels, Raster, Size};
use restora_testkit::{noisy, psnr, synthetic, synthetic_rgb};
use std::process::Command;

#[test]
fn a_folder_comes_out_restored_with_the_same_names_formats_and_depths() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let size = Size::new(160, 120);
    let (gray, rgb) = (synthetic(size), synthetic_rgb(size));
    write_image(&root.join("clean/a.png"), &gray, Format::Png, Depth::U16);
    write_image(&root.join("clean/deep/er/b.tif"), &rgb, Format::Tiff, Depth::F32);
    write_image(&root.join("clean/c.jpg"), &rgb, Format::Jpeg, Depth::U8);
    write_image(&root.join("in/a.png"), &noisy(&gray, 0.1, 1), Format::Png, Depth::U16);
    write_image(&root.join("in/deep/er/b.tif"), &noisy(&rgb, 0.1, 2), Format::Tiff, Depth::F32);
    write_image(&root.join("in/c.jpg"), &noisy(&rgb, 0.1, 3), Format::Jpeg, Depth::U8);
    let out = restora(
        root,
        &[
            "restore",
            "in",
            "-o",
            "out",
            "--denoise",
            "bm3d",
            "--sigma",
            "0.1",
            "--reference",
            "clean",
            "--json",
            "--sidecar",
            "--report",
            "report.html",
        ],
    );
    assert_eq!(code(&out), 0, "{}", words(&out));
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let items = report["items"].as_array().unwrap();
    assert_eq!(items.len(), 3);
    for item in items {
        let psnr = |when: &str| item["scores"][when]["psnr"].as_f64().unwrap();
        assert!(psnr("after") > psnr("before") + 4.0, "{item}");
        assert_eq!(item["outcome"], "restored");
    }
    assert_eq!(read(&root.join("out/a.png")).depth(), Depth::U16);
    let float = read(&root.join("out/deep/er/b.tif"));
    assert_eq!((float.depth(), float.layout), (Depth::F32, Layout::Rgb));
    assert!(psnr(&rgb, &float.to_image()) > 26.0);
    assert!(root.join("out/c.jpg.restora.json").exists());
    let html = std::fs::read_to_string(root.join("report.html")).unwrap();
    assert!(html.contains("deep/er/b.tif") && html.matches("data:image/jpeg;base64,").count() == 9);
    let names: Vec<_> = tree(&root.join("out")).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), 6, "three pictures and three records, nothing else: {names:?}");
}

#[test]
fn bad_items_are_rows_and_the_run_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let image = synthetic_rgb(Size::new(64, 48));
    write_image(&root.join("in/good.png"), &image, Format::Png, Depth::U8);
    write_image(&root.join("in/cut.jpg"), &image, Format::Jpeg, Depth::U8);
    let bytes = std::fs::read(root.join("in/cut.jpg")).unwrap();
    std::fs::write(root.join("in/cut.jpg"), &bytes[..bytes.len() * 2 / 3]).unwrap();
    std::fs::write(root.join("in/empty.png"), b"").unwrap();
    std::fs::write(root.join("in/words.tif"), b"these are words").unwrap();
    std::fs::copy(root.join("in/good.png"), root.join("in/wrong.jpg")).unwrap();
    let mut bomb = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    bomb.extend(60_000u32.to_be_bytes());
    bomb.extend(60_000u32.to_be_bytes());
    bomb.extend([8, 6, 0, 0, 0, 0, 0, 0, 0]);
    std::fs::write(root.join("in/bomb.png"), bomb).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        std::os::unix::fs::symlink("..", root.join("in/loop")).unwrap();
        let odd = std::ffi::OsStr::from_bytes(b"in/odd\xff.png");
        std::fs::copy(root.join("in/good.png"), root.join(odd)).unwrap();
    }
    let out = restora(root, &["restore", "in", "-o", "out", "-d", "median:radius=1", "--json"]);
    assert_eq!(code(&out), 1, "{}", words(&out));
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let outcome = |id: &str| {
        let items = report["items"].as_array().unwrap();
        let item =
            items.iter().find(|i| i["id"] == id).unwrap_or_else(|| panic!("no row for {id}"));
        (
            item["outcome"].as_str().unwrap().to_owned(),
            item["failure"]["kind"].as_str().unwrap_or("").to_owned(),
        )
    };
    let failed = |kind: &str| ("failed".to_owned(), kind.to_owned());
    assert_eq!(outcome("good.png").0, "restored");
    assert_eq!(outcome("wrong.jpg").0, "restored");
    assert_eq!(outcome("cut.jpg"), failed("corrupt"));
    assert_eq!(outcome("empty.png"), failed("corrupt"));
    assert_eq!(outcome("words.tif"), failed("unsupported"));
    assert_eq!(outcome("bomb.png"), failed("limit"));
    #[cfg(unix)]
    {
        let written = tree(&root.join("out"));
        assert!(written.iter().any(|(name, _)| name.to_string_lossy().contains("odd")));
        assert_eq!(written.len(), 3, "{:?}", written.iter().map(|w| &w.0).collect::<Vec<_>>());
    }
}

#[test]
fn do_nothing_passes_the_file_on_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    write_image(&root.join("in/a.jpg"), &synthetic_rgb(Size::new(64, 64)), Format::Jpeg, Depth::U8);
    let out = restora(root, &["restore", "in", "-o", "out", "--denoise", "none"]);
    assert_eq!(code(&out), 0, "{}", words(&out));
    assert_eq!(tree(&root.join("in")), tree(&root.join("out")));
}

#[test]
fn a_killed_run_resumed_ends_with_the_same_tree() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    for i in 0..12 {
        let image = noisy(&synthetic(Size::new(192, 192)), 0.1, i);
        write_image(&root.join(format!("in/{i:02}.png")), &image, Format::Png, Depth::U8);
    }
    let args = ["restore", "in", "-o", "out", "-d", "bm3d", "-j", "1"];
    let mut child =
        Command::new(env!("CARGO_BIN_EXE_restora")).current_dir(root).args(args).spawn().unwrap();
    // Kill it as soon as some, but not all, pictures are there.
    let out = root.join("out");
    for _ in 0..4000 {
        let written = std::fs::read_dir(&out).map_or(0, |d| {
            d.filter(|e| e.as_ref().is_ok_and(|e| e.path().extension().is_some_and(|x| x == "png")))
                .count()
        });
        if written >= 2 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(out.join(".restora-journal.jsonl").exists(), "killed before its end");
    let refused = restora(root, &args);
    assert_eq!(code(&refused), 2);
    assert!(words(&refused).contains("--resume"), "{}", words(&refused));
    let other = restora(root, &["restore", "in", "-o", "out", "-d", "median", "--resume"]);
    assert_eq!(code(&other), 2, "other options cannot go on: {}", words(&other));
    let resumed = restora(root, &[&args[..], &["--resume"]].concat());
    assert_eq!(code(&resumed), 0, "{}", words(&resumed));
    let whole = restora(root, &["restore", "in", "-o", "whole", "-d", "bm3d", "-j", "2"]);
    assert_eq!(code(&whole), 0);
    assert_eq!(tree(&out), tree(&root.join("whole")));
}

#[test]
fn existing_files_are_kept_unless_told_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    write_image(&root.join("in/a.png"), &synthetic(Size::new(32, 32)), Format::Png, Depth::U8);
    std::fs::create_dir(root.join("out")).unwrap();
    std::fs::write(root.join("out/a.png"), b"precious").unwrap();
    let args = ["restore", "in", "-o", "out", "-d", "median"];
    let refused = restora(root, &args);
    assert_eq!(code(&refused), 1);
    assert!(results(&refused).contains("--overwrite"), "{}", results(&refused));
    assert_eq!(std::fs::read(root.join("out/a.png")).unwrap(), b"precious");
    let kept = restora(root, &[&args[..], &["--resume"]].concat());
    assert_eq!(code(&kept), 0);
    assert_eq!(std::fs::read(root.join("out/a.png")).unwrap(), b"precious");
    let replaced = restora(root, &[&args[..], &["--overwrite"]].concat());
    assert_eq!(code(&replaced), 0);
    assert_eq!(read(&root.join("out/a.png")).size, Size::new(32, 32));
}

#[test]
fn the_input_folder_is_never_the_output_folder() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    write_image(&root.join("in/a.png"), &synthetic(Size::new(32, 32)), Format::Png, Depth::U8);
    for (input, output) in [("in", "in/../in"), ("in/a.png", "in"), ("in/a.png", "in/a.png")] {
        let out = restora(root, &["restore", input, "-o", output, "--overwrite"]);
        assert_eq!(code(&out), 2, "{input} -> {output}");
        assert!(words(&out).contains("originals are never replaced"), "{}", words(&out));
    }
    // A folder inside the input is fine, and is not read again.
    for _ in 0..2 {
        let out = restora(root, &["restore", "in", "-o", "in/out", "--overwrite"]);
        assert_eq!(code(&out), 0, "{}", words(&out));
    }
    assert_eq!(tree(&root.join("in")).len(), 2);
}

#[test]
fn a_second_run_into_the_same_folder_is_refused_while_the_first_writes() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    write_image(&root.join("in/a.png"), &synthetic(Size::new(32, 32)), Format::Png, Depth::U8);
    std::fs::create_dir(root.join("out")).unwrap();
    let lock = std::fs::File::create(root.join("out/.restora-journal.jsonl")).unwrap();
    lock.lock().unwrap();
    let out = restora(root, &["restore", "in", "-o", "out"]);
    assert_eq!(code(&out), 2);
    assert!(words(&out).contains("another run"), "{}", words(&out));
}

#[test]
fn a_dry_run_prints_a_pipeline_that_runs_and_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let image = noisy(&synthetic(Size::new(96, 96)), 0.1, 7);
    write_image(&root.join("in/a.png"), &image, Format::Png, Depth::U8);
    let chain = ["restore", "in", "-d", "median:radius=1", "-d", "gaussian:blur=0.8"];
    let plan = restora(root, &[&chain[..], &["--dry-run"]].concat());
    assert_eq!(code(&plan), 0, "{}", words(&plan));
    assert!(!root.join("out").exists());
    std::fs::write(root.join("plan.json"), &plan.stdout).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&plan.stdout).unwrap();
    assert_eq!(json["items"][0]["steps"].as_array().unwrap().len(), 2);
    let by_plan = restora(root, &["restore", "in", "-o", "by-plan", "--pipeline", "plan.json"]);
    assert_eq!(code(&by_plan), 0, "{}", words(&by_plan));
    let by_name = restora(root, &[&chain[..], &["-o", "by-name"]].concat());
    assert_eq!(code(&by_name), 0);
    assert_eq!(tree(&root.join("by-plan")), tree(&root.join("by-name")));
}

#[test]
fn usage_errors_end_with_2_and_an_empty_folder_with_3() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    std::fs::create_dir(root.join("in")).unwrap();
    assert_eq!(code(&restora(root, &["restore", "in", "-o", "out"])), 3);
    write_image(&root.join("in/a.png"), &synthetic(Size::new(16, 16)), Format::Png, Depth::U8);
    for args in [
        &["restore", "in"][..],
        &["restore", "in", "-o", "out", "-d", "magic"],
        &["restore", "in", "-o", "out", "-d", "median:radius=-1"],
        &["restore", "in", "-o", "out", "--sigma", "x"],
        &["restore", "in", "-o", "out", "-j", "0"],
        &["restore", "in", "-o", "out", "--memory", "-1"],
        &["degrade", "in", "-o", "out", "-d", "jpeg:quality=101"],
        &["compare", "in", "in/a.png"],
    ] {
        let out = restora(root, args);
        assert_eq!(code(&out), 2, "{args:?}: {}", words(&out));
        assert!(!root.join("out/a.png").exists());
    }
    let missing = restora(root, &["restore", "nowhere", "-o", "out"]);
    assert_eq!(code(&missing), 1, "{}", words(&missing));
    assert!(results(&missing).contains("nowhere"), "{}", results(&missing));
}

#[test]
fn damage_is_reproducible_by_its_seed() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    for name in ["a.png", "b.png"] {
        let image = synthetic_rgb(Size::new(64, 48));
        write_image(&root.join("in").join(name), &image, Format::Png, Depth::U8);
    }
    let degrade = |out: &str, seed: &str, threads: &str| {
        let args = [
            "degrade",
            "in",
            "-o",
            out,
            "-d",
            "gaussian-noise:sigma=25/255,salt-and-pepper",
            "-d",
            "missing-pixels",
            "--mask-out",
            "masks",
            "--seed",
            seed,
            "-j",
            threads,
        ];
        let output = restora(root, &args);
        assert_eq!(code(&output), 0, "{}", words(&output));
        let _ = std::fs::remove_dir_all(root.join("masks"));
        tree(&root.join(out))
    };
    let first = degrade("one", "1", "1");
    assert_eq!(first, degrade("again", "1", "2"));
    let other = degrade("two", "2", "2");
    assert_ne!(first[0].1, other[0].1);
    assert_ne!(first[0].1, first[1].1, "each picture its own noise");
}

#[test]
fn compare_prints_pairs_and_means() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let clean = synthetic(Size::new(200, 180));
    write_image(&root.join("ref/a.png"), &clean, Format::Png, Depth::U8);
    write_image(&root.join("ref/b.png"), &clean, Format::Png, Depth::U8);
    write_image(&root.join("dist/a.tif"), &noisy(&clean, 0.1, 1), Format::Tiff, Depth::F32);
    write_image(&root.join("dist/b.png"), &clean, Format::Png, Depth::U8);
    let out = restora(root, &["compare", "ref", "dist", "--json"]);
    assert_eq!(code(&out), 0, "{}", words(&out));
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let a = &report["pairs"][0];
    assert!((a["psnr"].as_f64().unwrap() - 20.0).abs() < 0.3, "{a}");
    assert!(a["ssim"].as_f64().unwrap() < 0.9 && a["ms_ssim"].as_f64().unwrap() < 1.0);
    assert!(a["reference"].as_str().unwrap().ends_with("a.png"));
    assert_eq!(report["pairs"][1]["psnr"], "inf");
    assert_eq!(report["mean"]["psnr"], a["psnr"]);
    let table = restora(root, &["compare", "ref", "dist"]);
    assert!(results(&table).contains("mean"), "{}", results(&table));
}

#[test]
fn compare_scores_by_the_measures_that_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let clean = synthetic(Size::new(200, 180));
    write_image(&root.join("a.png"), &clean, Format::Png, Depth::U8);
    write_image(&root.join("b, \"c\".png"), &noisy(&clean, 0.1, 1), Format::Png, Depth::U8);
    let run = |more: &[&str]| {
        let out = restora(root, &[&["compare", "a.png", "b, \"c\".png"], more].concat());
        assert_eq!(code(&out), 0, "{}", words(&out));
        results(&out)
    };
    let json = run(&["--measures", "haar-psi,gmsd,spectral-angle", "--json"]);
    let keys: Vec<_> =
        ["haar_psi", "gmsd", "spectral_angle"].map(|k| json.find(&format!("\"{k}\""))).into();
    assert!(keys.iter().all(Option::is_some) && keys.is_sorted(), "{json}");
    assert!(json.contains("\"spectral_angle\": null") && !json.contains("psnr"), "{json}");
    let csv = run(&["--measures", "psnr,vif,spectral-angle", "--csv"]);
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(lines[0], "reference,distorted,psnr,vif,spectral_angle");
    assert!(lines[1].starts_with("\"a.png\",\"b, \"\"c\"\".png\",") && lines[1].ends_with(','));
    assert_eq!(run(&["--measures", "gmsd,vif"]).lines().count(), 3);
    let all = run(&["--measures", "all"]);
    for measure in restora::metrics::full_reference::Measure::ALL {
        assert!(all.contains(measure.facts().name), "{all}");
    }
    let wrong = restora(root, &["compare", "a.png", "a.png", "--measures", "psnr,beauty"]);
    assert_eq!(code(&wrong), 2);
    assert!(words(&wrong).contains("`beauty`"), "{}", words(&wrong));
}

#[test]
fn standard_input_to_standard_output_is_a_pipe() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    write_image(&root.join("a.png"), &synthetic(Size::new(40, 30)), Format::Png, Depth::U8);
    let out = Command::new(env!("CARGO_BIN_EXE_restora"))
        .args(["restore", "-", "-o", "-", "-d", "median:radius=1"])
        .stdin(std::fs::File::open(root.join("a.png")).unwrap())
        .output()
        .unwrap();
    assert_eq!(code(&out), 0, "{}", words(&out));
    let decoded = restora::data::decode(&out.stdout, &restora::data::Limits::default()).unwrap();
    assert_eq!(decoded.pages[0].size, Size::new(40, 30));
}

#[test]
fn every_page_of_a_tiff_is_restored() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let pages: Vec<Raster> = (0..3)
        .map(|i| {
            let pixels = (0..40 * 30).map(|p| (p * (i + 3) * 7919 % 256) as u8).collect();
            Raster::new(Size::new(40, 30), Layout::Gray, Pixels::U8(pixels)).unwrap()
        })
        .collect();
    let meta = FileMeta::new(Format::Tiff, Layout::Gray, Depth::U8);
    let path = root.join("a.tif");
    restora::data::write_file(&path, &pages, Format::Tiff, &meta, &EncodeOptions::default(), true)
        .unwrap();
    let out = restora(root, &["restore", "a.tif", "-o", "b.tif", "-d", "median:radius=1"]);
    assert_eq!(code(&out), 0, "{}", words(&out));
    let bytes = std::fs::read(root.join("b.tif")).unwrap();
    let decoded = restora::data::decode(&bytes, &restora::data::Limits::default()).unwrap();
    assert_eq!(decoded.pages.len(), 3);
    assert!(decoded.pages.iter().zip(&pages).all(|(after, before)| after != before));
}
