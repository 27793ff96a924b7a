//! `--device`: where nets are computed.
//!
//! With the feature `gpu` the tests need a graphics processor, or Debian's `mesa-vulkan-drivers` and
//! the variable `RESTORA_SOFTWARE_GPU=1`, so they are not part of every run.

use crate::support::{code, words, write_image};
use restora::data::Format;
use restora::image::{Depth, Size};
use restora_testkit::{noisy, synthetic};
use std::path::Path;

/// Pictures to train with, and the commands that have a net to compute.
const COMMANDS: [&[&str]; 5] = [
    &[
        "train",
        "conv-denoising-autoencoder:channels=1:widths=4,6",
        "--data",
        "in",
        "-o",
        "net.safetensors",
        "--patch",
        "16",
        "--batch",
        "4",
        "--steps",
        "6",
        "--report",
        "none",
        "--quiet",
    ],
    &["restore", "in", "-o", "out", "--denoise", "learned:sigma=25/255"],
    &["reconstruct", "-m", "code.safetensors", "in", "-o", "made"],
    &["encode", "-m", "code.safetensors", "--data", "in", "-o", "codes.csv"],
    &["anomaly", "-m", "code.safetensors", "--data", "in", "-o", "errors.csv"],
];

fn pictures(root: &Path) {
    for i in 0..4 {
        let image = noisy(&synthetic(Size::new(40, 32)), 0.1, i);
        write_image(&root.join(format!("in/{i}.png")), &image, Format::Png, Depth::U8);
    }
}

/// Runs a command on the device; `software` lets a software driver stand in.
fn on(device: &str, root: &Path, args: &[&str], software: bool) -> std::process::Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_restora"));
    command.current_dir(root).args(args).args(["--device", device]);
    if !software {
        command.env_remove(restora::nn::SOFTWARE);
    }
    command.output().expect("the command starts")
}

#[cfg(not(feature = "gpu"))]
#[test]
fn a_build_without_support_says_how_to_get_one_that_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    pictures(root);
    for args in COMMANDS {
        let out = on("gpu", root, args, false);
        assert_eq!(code(&out), 2, "{args:?}: {}", words(&out));
        let told = words(&out);
        assert!(told.contains("--device gpu") && told.contains("--features gpu"), "{told}");
    }
    let left: Vec<_> = std::fs::read_dir(root).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing was written");
    let out = on("cpu", root, &["restore", "in", "-o", "out", "--denoise", "none"], false);
    assert_eq!(code(&out), 0, "{}", words(&out));
}

#[cfg(feature = "gpu")]
mod gpu {
    use super::*;
    use crate::support::{read, restora, tree};

    #[test]
    #[ignore = "starts a graphics driver"]
    fn where_there_is_none_it_is_said_and_nothing_is_begun() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        pictures(root);
        for args in COMMANDS {
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_restora"));
            // No driver, and nobody who said that software will do.
            command.env("VK_DRIVER_FILES", "/nonexistent").env_remove(restora::nn::SOFTWARE);
            let out = command.current_dir(root).args(args).args(["--device", "gpu"]).output();
            let out = out.expect("the command starts");
            assert_eq!(code(&out), 2, "{args:?}: {}", words(&out));
            assert!(words(&out).contains("none answers"), "{}", words(&out));
        }
        assert_eq!(std::fs::read_dir(root).unwrap().count(), 1);
    }

    /// Numbers of a table of text, line by line.
    fn numbers(file: &Path) -> Vec<f64> {
        let text = std::fs::read_to_string(file).expect("the table");
        text.split([',', '\n']).filter_map(|word| word.parse().ok()).collect()
    }

    #[test]
    #[ignore = "needs a graphics processor or a software driver"]
    fn every_command_does_there_what_it_does_on_the_cpu() {
        let dir = tempfile::tempdir().unwrap();
        let [here, there] = ["cpu", "gpu"].map(|device| {
            let root = dir.path().join(device);
            pictures(&root);
            let net = "conv-autoencoder:shape=1,32,40:code=5:widths=4,6";
            let more = ["--data", "in", "-o", "code.safetensors", "--steps", "10", "--quiet"];
            let out = restora(&root, &[&["train", net][..], &more].concat());
            assert_eq!(code(&out), 0, "{}", words(&out));
            for args in COMMANDS {
                let out = on(device, &root, args, true);
                assert_eq!(code(&out), 0, "{device}, {args:?}: {}", words(&out));
            }
            root
        });
        // Pictures: a value that lies between two steps of 8 bits may be rounded to the other one.
        for folder in ["out", "made"] {
            let files = tree(&here.join(folder));
            assert_eq!(files.len(), 4, "{folder}");
            for (file, _) in files {
                let [a, b] = [&here, &there].map(|r| read(&r.join(folder).join(&file)).to_image());
                let all = a.data().iter().zip(b.data()).map(|(a, b)| 255.0 * (a - b).abs());
                let others = all.clone().filter(|d| *d > 0.01).count();
                assert!(all.fold(0.0, f32::max) < 1.01, "{folder}/{}", file.display());
                assert!(100 * others <= a.data().len(), "{folder}/{}: {others}", file.display());
            }
        }
        // Tables.
        for file in ["codes.csv", "errors.csv"] {
            let [a, b] = [&here, &there].map(|root| numbers(&root.join(file)));
            assert!(a.len() == b.len() && a.len() >= 8, "{file}: {a:?}, {b:?}");
            for (a, b) in a.iter().zip(&b) {
                assert!((a - b).abs() <= 1e-4 * a.abs().max(1.0), "{file}: {a} against {b}");
            }
        }
        // Weights.
        let [a, b] = [&here, &there].map(|root| {
            let bytes = std::fs::read(root.join("net.safetensors")).unwrap();
            restora::nn::Weights::from_bytes(&bytes).unwrap().tensors
        });
        for (name, tensor) in &a {
            for (a, b) in tensor.data().iter().zip(b[name].data()) {
                assert!((a - b).abs() <= 1e-3, "{name}: {a} against {b}");
            }
        }
    }
}
