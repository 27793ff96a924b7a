//! Training, and the commands that use what was trained, as a user meets them.

use crate::support::{code, restora, results, tree, words, write_image};
use restora::data::Format;
use restora::image::{Depth, Image, Size};
use restora_testkit::{synthetic, synthetic_rgb};
use std::path::Path;
use std::process::Command;

/// A restorer of a few hundred weights.
const TINY: &str = "restorer:widths=4,4,4:blocks=0,0,1,0,0";

/// Pictures of their own content each.
fn pictures(folder: &Path, count: usize, size: Size) {
    for i in 0..count {
        let image = synthetic(Size { width: size.width + i as u32, ..size });
        let crop = |c: &Image| {
            let plane = c.plane_data(0).chunks(c.size().width as usize);
            plane.flat_map(|row| row[i..i + size.width as usize].to_vec()).collect()
        };
        let image =
            Image::from_vec(size, restora::image::ColorSpace::Gray, crop(&image)).expect("image");
        write_image(&folder.join(format!("{i:02}.png")), &image, Format::Png, Depth::U8);
    }
}

/// The words of a run of a tiny net that takes no time.
fn tiny<'a>(output: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let base = [
        "train",
        TINY,
        "--data",
        "in",
        "-o",
        output,
        "--patch",
        "16",
        "--batch",
        "4",
        "--steps",
        "30",
        "--validate-every",
        "10",
    ];
    [&base[..], more].concat()
}

#[test]
fn a_denoiser_is_trained_and_says_how_it_went() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    pictures(&root.join("in"), 8, Size::new(40, 32));
    let more = ["--save-recipe", "recipe.json", "--learning-rate", "0.01", "--ema", "0.5"];
    let out = restora(root, &tiny("new/net.safetensors", &more));
    assert_eq!(code(&out), 0, "{}", words(&out));
    let lines: Vec<_> = words(&out).lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[2].starts_with("step 30/30  loss ") && lines[2].contains("PSNR"), "{lines:?}");
    assert!(results(&out).contains("30 steps"), "{}", results(&out));
    let names: Vec<_> = tree(&root.join("new")).into_iter().map(|f| f.0).collect();
    let wanted = ["net.history.json", "net.html", "net.safetensors"];
    assert_eq!(names, wanted.map(std::path::PathBuf::from));
    let page = std::fs::read_to_string(root.join("new/net.html")).unwrap();
    for part in ["Learning rate", "PSNR on the validation set", "restored", "--save-recipe"] {
        assert!(page.contains(part), "{part}");
    }
    let history = std::fs::read(root.join("new/net.history.json")).unwrap();
    let history: serde_json::Value = serde_json::from_slice(&history).unwrap();
    assert_eq!(history.as_array().unwrap().len(), 3);
    let loaded = restora::model::read(&root.join("new/net.safetensors")).unwrap();
    assert_eq!(loaded.card.recipe["trainer"]["steps"], 30);
    assert!(loaded.card.scores["validation PSNR, dB"] > 10.0);
    // The recipe that was saved gives the same weights again, without any other option.
    let again = ["train", "--recipe", "recipe.json", "--data", "in", "-o", "again.safetensors"];
    let out = restora(root, &[&again[..], &["--quiet", "--report", "none", "-j", "1"]].concat());
    assert_eq!((code(&out), words(&out), results(&out)), (0, String::new(), String::new()));
    let bytes = |name: &str| std::fs::read(root.join(name)).unwrap();
    assert!(bytes("new/net.safetensors") == bytes("again.safetensors"));
}

#[test]
fn a_killed_run_resumed_writes_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    pictures(&root.join("in"), 8, Size::new(40, 32));
    // Checkpoints come between validations too, at no round step.
    let more = ["--steps", "400", "--validate-every", "150", "--patience", "50", "-j", "1"];
    let args = tiny("net.safetensors", &more);
    let often = [&args[..], &["--checkpoint-every", "0.001"]].concat();
    let mut child = Command::new(env!("CARGO_BIN_EXE_restora"))
        .current_dir(root)
        .args(often)
        .arg("--quiet")
        .spawn()
        .unwrap();
    let checkpoint = root.join("net.checkpoint");
    for _ in 0..6000 {
        if checkpoint.exists() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    std::thread::sleep(std::time::Duration::from_millis(30));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!root.join("net.safetensors").exists(), "killed before its end");
    let refused = restora(root, &args);
    assert_eq!(code(&refused), 2);
    assert!(words(&refused).contains("--resume"), "{}", words(&refused));
    let other = restora(root, &[&args[..], &["--resume", "--learning-rate", "0.5"]].concat());
    assert_eq!(code(&other), 2);
    assert!(words(&other).contains("other options"), "{}", words(&other));
    let resume = ["train", "--resume", "--data", "in", "-o", "net.safetensors", "--report", "none"];
    let resumed = restora(root, &resume);
    assert_eq!(code(&resumed), 0, "{}", words(&resumed));
    assert!(!checkpoint.exists());
    let whole: Vec<_> = args
        .iter()
        .map(|a| if *a == "net.safetensors" { "whole.safetensors" } else { a })
        .collect();
    assert_eq!(code(&restora(root, &whole)), 0);
    let bytes = |name: &str| std::fs::read(root.join(name)).unwrap();
    assert!(bytes("net.safetensors") == bytes("whole.safetensors"));
    let finished = restora(root, &resume);
    assert_eq!(code(&finished), 2, "there is nothing to resume: {}", words(&finished));
}

#[test]
#[cfg(unix)]
fn an_interrupted_run_leaves_a_checkpoint_and_says_how_to_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    pictures(&root.join("in"), 8, Size::new(40, 32));
    let args = [
        "train",
        TINY,
        "--data",
        "in",
        "-o",
        "net.safetensors",
        "--patch",
        "16",
        "--steps",
        "10000000",
        "--validate-every",
        "5",
        "--report",
        "none",
    ];
    let child = Command::new(env!("CARGO_BIN_EXE_restora"))
        .current_dir(root)
        .args(args)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    for _ in 0..6000 {
        if root.join("net.checkpoint").exists() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    let out = child.wait_with_output().unwrap();
    assert_eq!(code(&out), 130, "{}", words(&out));
    let told = "restora train --resume --data in -o net.safetensors";
    assert!(words(&out).contains(told), "{}", words(&out));
    assert!(root.join("net.checkpoint").exists() && !root.join("net.safetensors").exists());
    // What is left is good enough to start another net from.
    let start = tiny("other.safetensors", &["--start", "net.checkpoint"]);
    let out = restora(root, &start);
    assert_eq!(code(&out), 0, "{}", words(&out));
}

#[test]
fn a_run_that_diverges_names_the_last_good_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    pictures(&root.join("in"), 4, Size::new(32, 32));
    let args = [
        "train",
        TINY,
        "--data",
        "in",
        "-o",
        "net.safetensors",
        "--patch",
        "16",
        "--batch",
        "2",
        "--steps",
        "2000",
        "--validate-every",
        "1",
        "--optimizer",
        "sgd",
        "--momentum",
        "0",
        "--learning-rate",
        "3",
        "--clip",
        "0",
        "--warm-up",
        "0",
        "--loss",
        "mse",
        "--ema",
        "0",
        "--schedule",
        "constant",
        "--report",
        "none",
        "--quiet",
    ];
    let out = restora(root, &args);
    assert_eq!(code(&out), 1, "{}", words(&out));
    let told = words(&out);
    assert!(told.contains("diverged") && told.contains("--start net.checkpoint"), "{told}");
    assert!(root.join("net.checkpoint").exists() && !root.join("net.safetensors").exists());
}

#[test]
fn pictures_that_cannot_be_used_are_named_and_the_run_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    pictures(&root.join("in"), 6, Size::new(40, 32));
    write_image(&root.join("in/small.png"), &synthetic(Size::new(8, 8)), Format::Png, Depth::U8);
    let color = synthetic_rgb(Size::new(32, 32));
    write_image(&root.join("in/color.png"), &color, Format::Png, Depth::U8);
    let good = std::fs::read(root.join("in/00.png")).unwrap();
    std::fs::write(root.join("in/cut.png"), &good[..good.len() / 2]).unwrap();
    let out = restora(root, &tiny("net.safetensors", &["--validation", "0.4"]));
    assert_eq!(code(&out), 1, "{}", words(&out));
    let told = words(&out);
    assert!(told.contains("2 pictures could not be used"), "{told}");
    assert!(told.contains("small.png: is 8x8, smaller than the patch of 16x16"), "{told}");
    assert!(told.contains("cut.png: damaged"), "{told}");
    assert!(root.join("net.safetensors").exists());
    std::fs::remove_file(root.join("in/color.png")).unwrap();
    for i in 0..6 {
        std::fs::remove_file(root.join(format!("in/{i:02}.png"))).unwrap();
    }
    let none = restora(root, &tiny("none.safetensors", &[]));
    assert_eq!(code(&none), 1);
    assert!(words(&none).contains("no usable picture"), "{}", words(&none));
}

#[test]
fn wrong_options_end_with_2_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    pictures(&root.join("in"), 4, Size::new(32, 32));
    std::fs::write(root.join("bad.json"), "{\"bacth\": 3}").unwrap();
    std::fs::write(root.join("cut.json"), "{\"batch\":").unwrap();
    for (more, word) in [
        (&["--patch", "15"][..], "multiple of 8"),
        (&["--batch", "0"], "batch"),
        (&["--learning-rate", "0"], "learning rate"),
        (&["--learning-rate=-1"], "learning"),
        (&["--ema", "1"], "ema"),
        (&["--clip=-1"], "clip"),
        (&["--validation", "1"], "validation"),
        (&["--blind", "2"], "blind"),
        (&["--damage", "fog"], "fog"),
        (&["--damage", "0*clean"], "weight"),
        (&["--loss", "love"], "charbonnier"),
        (&["--optimizer", "adam", "--momentum", "0.5"], "momentum"),
        (&["--optimizer", "sgd", "--momentum", "1.5"], "momentum"),
        (&["--recipe", "bad.json"], "bacth"),
        (&["--recipe", "cut.json"], "cut.json"),
        (&["--epochs", "3"], "--steps"),
        (&["--cell", "8x8"], "cell"),
        (&["--cell", "8"], "WIDTHxHEIGHT"),
        (&["--patience", "3", "--validation", "0"], "validation"),
        (&["--checkpoint-every", "0"], "checkpoint-every"),
        (&["--overwrite", "--resume"], "resume"),
    ] {
        let out = restora(root, &tiny("out/net.safetensors", more));
        assert_eq!(code(&out), 2, "{more:?}: {}", words(&out));
        assert!(words(&out).contains(word), "{more:?}: {}", words(&out));
        assert!(!root.join("out").exists(), "{more:?}");
    }
    let bare = ["train", "--data", "in", "-o", "net.safetensors"];
    assert!(words(&restora(root, &bare)).contains("MODEL"));
    let unknown = restora(root, &[&bare[..], &["oracle"]].concat());
    assert_eq!(code(&unknown), 2);
    assert!(words(&unknown).contains("restorer"), "{}", words(&unknown));
}

#[test]
fn the_output_is_tried_before_training_and_kept_if_it_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    pictures(&root.join("in"), 4, Size::new(32, 32));
    std::fs::write(root.join("net.safetensors"), b"precious").unwrap();
    let refused = restora(root, &tiny("net.safetensors", &[]));
    assert_eq!(code(&refused), 2);
    assert!(words(&refused).contains("--overwrite"), "{}", words(&refused));
    assert_eq!(std::fs::read(root.join("net.safetensors")).unwrap(), b"precious");
    // A file where a folder would have to be.
    let below = restora(root, &tiny("net.safetensors/a.safetensors", &[]));
    assert_eq!(code(&below), 1, "{}", words(&below));
    assert!(!words(&below).contains("step"), "{}", words(&below));
    let replaced = restora(root, &tiny("net.safetensors", &["--overwrite"]));
    assert_eq!(code(&replaced), 0, "{}", words(&replaced));
    restora::model::read(&root.join("net.safetensors")).unwrap();
}

#[test]
fn weights_to_start_from_are_checked_against_the_net() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    pictures(&root.join("in"), 4, Size::new(32, 32));
    assert_eq!(code(&restora(root, &tiny("a.safetensors", &[]))), 0);
    let fits = restora(root, &tiny("b.safetensors", &["--start", "a.safetensors", "--seed", "5"]));
    assert_eq!(code(&fits), 0, "{}", words(&fits));
    let mut other = tiny("c.safetensors", &["--start", "a.safetensors"]);
    other[1] = "restorer:widths=8,4,4:blocks=0,0,1,0,0";
    let out = restora(root, &other);
    assert_eq!(code(&out), 1);
    assert!(words(&out).contains("a.safetensors") && words(&out).contains("head.weight"));
    std::fs::write(root.join("words.safetensors"), b"these are words").unwrap();
    let hostile = restora(root, &tiny("d.safetensors", &["--start", "words.safetensors"]));
    assert_eq!(code(&hostile), 1, "{}", words(&hostile));
    assert!(words(&hostile).contains("words.safetensors"), "{}", words(&hostile));
}

#[test]
fn flips_change_what_is_learned_but_not_from_run_to_run() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    pictures(&root.join("in"), 6, Size::new(24, 20));
    let learned = |flips: &str, file: &str| {
        let more = ["--flips", flips, "--report", "none", "--steps", "5", "--quiet"];
        let out = restora(root, &tiny(file, &more));
        assert_eq!(code(&out), 0, "{}", words(&out));
        restora::model::read(&root.join(file)).unwrap().net.tensors()
    };
    let [none, horizontal, all] =
        ["none", "horizontal", "all"].map(|which| learned(which, &format!("{which}.safetensors")));
    assert!(none != horizontal && horizontal != all && all != none);
    assert!(learned("all", "again.safetensors") == all);
    assert_eq!(code(&restora(root, &tiny("net.safetensors", &["--flips", "vertical"]))), 2);
}
