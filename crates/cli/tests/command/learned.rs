//! The commands that use what was trained.

use crate::support::{code, read, restora, results, tree, words, write_image};
use restora::data::Format;
use restora::image::{Depth, Plane, Size};
use restora_testkit::{noisy, synthetic, synthetic_rgb};
use std::path::Path;

/// A folder of smooth small pictures, and one of other ones, with an autoencoder of the first.
fn trained(root: &Path) {
    for i in 0..24 {
        let image = noisy(&synthetic(Size::new(16, 16)), 0.02, i);
        let file = root.join(format!("set/normal/{i:02}.png"));
        write_image(&file, &image, Format::Png, Depth::U8);
    }
    for i in 0..6 {
        let image = noisy(&synthetic(Size::new(16, 16)), 0.5, 100 + i);
        let file = root.join(format!("set/odd/{i:02}.png"));
        write_image(&file, &image, Format::Png, Depth::U8);
    }
    let net = "dense-autoencoder:code=4:hidden=32,";
    let out = restora(
        root,
        &[
            "train",
            net,
            "--data",
            "set/normal",
            "-o",
            "net.safetensors",
            "--steps",
            "200",
            "--quiet",
        ],
    );
    assert_eq!(code(&out), 0, "{}", words(&out));
}

fn json(output: &std::process::Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn an_autoencoder_is_trained_shown_and_used() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    trained(root);
    let page = std::fs::read_to_string(root.join("net.html")).unwrap();
    for part in ["Latent map", "reconstruction", "PCA", "Learning rate"] {
        assert!(page.contains(part), "the page has no `{part}`");
    }
    // Reconstructions, one beside each picture.
    let out =
        restora(root, &["reconstruct", "-m", "net.safetensors", "set", "-o", "out", "--json"]);
    assert_eq!(code(&out), 0, "{}", words(&out));
    let items = json(&out)["items"].as_array().unwrap().clone();
    assert_eq!((items.len(), tree(&root.join("out")).len()), (30, 30));
    let mse = |id: &str| items.iter().find(|i| i["id"] == id).unwrap()["mse"].as_f64().unwrap();
    assert!(mse("normal/00.png") < 0.01, "{}", mse("normal/00.png"));
    assert!(mse("odd/00.png") > 2.0 * mse("normal/00.png"));
    assert_eq!(read(&root.join("out/odd/00.png")).size, Size::new(16, 16));
    let again = restora(root, &["reconstruct", "-m", "net.safetensors", "set", "-o", "out"]);
    assert_eq!(code(&again), 1, "files that are there are kept");
    let onto = ["reconstruct", "-m", "net.safetensors", "set", "-o", "set", "--overwrite"];
    assert_eq!(code(&restora(root, &onto)), 2);
    // Codes in the three forms.
    for file in ["codes.csv", "codes.npy", "codes.parquet"] {
        let args = ["encode", "-m", "net.safetensors", "--data", "set", "-o", file];
        let out = restora(root, &args);
        assert_eq!(
            (code(&out), results(&out)),
            (0, format!("{file}: 30 codes\n")),
            "{}",
            words(&out)
        );
    }
    let text = std::fs::read_to_string(root.join("codes.csv")).unwrap();
    assert!(text.starts_with("id,label,c0,c1,c2,c3\n"), "{text}");
    assert_eq!((text.lines().count(), text.matches(",odd,").count()), (31, 6));
    // The card.
    let out = restora(root, &["model", "show", "net.safetensors"]);
    assert_eq!(code(&out), 0, "{}", words(&out));
    for part in ["dense-autoencoder:", "multiply-adds", "pictures of 16x16", "tensor"] {
        assert!(results(&out).contains(part), "{part}: {}", results(&out));
    }
}

#[test]
fn anomalies_come_first_and_labels_give_the_area_under_the_curve() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    trained(root);
    let base = ["anomaly", "-m", "net.safetensors", "--data", "set"];
    let more = ["--normal", "normal", "-o", "scores.csv", "--report", "page.html", "--json"];
    let out = restora(root, &[&base[..], &more].concat());
    assert_eq!(code(&out), 0, "{}", words(&out));
    let found = json(&out);
    assert_eq!(found["auc"], 1.0);
    let ids = found["items"].as_array().unwrap().iter().map(|i| i["id"].as_str().unwrap());
    assert!(ids.clone().take(6).all(|id| id.starts_with("odd/")));
    assert_eq!(ids.count(), 30);
    let scores = std::fs::read_to_string(root.join("scores.csv")).unwrap();
    assert!(scores.starts_with("id,label,mse,psnr\nodd/") && scores.lines().count() == 31);
    let page = std::fs::read_to_string(root.join("page.html")).unwrap();
    assert!(page.contains("ROC curve, area 1.0000") && page.contains("Reproduced worst"));
    // Without a word on what is normal there is no area, and it is said why.
    let out = restora(root, &base);
    assert!(!results(&out).contains("ROC-AUC") && words(&out).contains("--normal"));
    let unknown = restora(root, &[&base[..], &["--normal", "fine"]].concat());
    assert_eq!(code(&unknown), 2, "{}", words(&unknown));
    // Labels of 0 and 1 from a file say it themselves.
    let labels: String = (0..30).map(|i| if i < 24 { "0\n" } else { "1\n" }).collect();
    std::fs::write(root.join("labels.txt"), labels).unwrap();
    let out = restora(root, &[&base[..], &["--labels", "labels.txt"]].concat());
    assert!(results(&out).contains("ROC-AUC 1.0000 over 30 pictures"), "{}", results(&out));
}

#[test]
fn a_picture_of_another_size_is_told_the_size_that_is_wanted_and_the_run_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    trained(root);
    let large = synthetic_rgb(Size::new(20, 16));
    write_image(&root.join("set/odd/large.png"), &large, Format::Png, Depth::U8);
    std::fs::write(root.join("set/odd/words.png"), b"these are words").unwrap();
    for args in [
        &["reconstruct", "-m", "net.safetensors", "set", "-o", "out"][..],
        &["encode", "-m", "net.safetensors", "--data", "set", "-o", "codes.csv"],
        &["anomaly", "-m", "net.safetensors", "--data", "set", "--normal", "normal"],
    ] {
        let out = restora(root, args);
        assert_eq!(code(&out), 1, "{args:?}: {}", words(&out));
        let told = words(&out);
        assert!(
            told.contains("odd/large.png: is 20x16, this net takes pictures of 16x16 only"),
            "{told}"
        );
        assert!(told.contains("odd/words.png: "), "{told}");
    }
    assert_eq!(tree(&root.join("out")).len(), 30);
    assert_eq!(std::fs::read_to_string(root.join("codes.csv")).unwrap().lines().count(), 31);
}

#[test]
fn a_denoiser_takes_pictures_of_any_size_and_is_told_the_noise() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    for (i, size) in [Size::new(40, 33), Size::new(37, 48)].into_iter().enumerate() {
        let file = root.join(format!("in/{i}.png"));
        write_image(&file, &synthetic(size), Format::Png, Depth::U16);
    }
    let nets = ["restorer:widths=4,4,4:blocks=0,0,0,0,0", "ffdnet:layers=3:features=4"];
    for (net, file) in nets.into_iter().zip(["a.safetensors", "b.safetensors"]) {
        let args = [
            "train",
            net,
            "--data",
            "in",
            "-o",
            file,
            "--patch",
            "16",
            "--steps",
            "5",
            "--batch",
            "2",
            "--report",
            "none",
            "--quiet",
            "--validation",
            "0",
        ];
        let out = restora(root, &args);
        assert_eq!(code(&out), 0, "{}", words(&out));
    }
    let out = restora(root, &["reconstruct", "-m", "a.safetensors", "in", "-o", "out"]);
    assert_eq!(code(&out), 0, "{}", words(&out));
    let back = read(&root.join("out/0.png"));
    assert_eq!((back.size, back.depth()), (Size::new(40, 33), Depth::U16));
    let silent = restora(root, &["reconstruct", "-m", "b.safetensors", "in", "-o", "told"]);
    assert_eq!(code(&silent), 2);
    assert!(words(&silent).contains("--sigma"), "{}", words(&silent));
    let args = ["reconstruct", "-m", "b.safetensors", "in", "-o", "told", "--sigma", "25/255"];
    assert_eq!(code(&restora(root, &args)), 0);
    let none = restora(root, &["encode", "-m", "a.safetensors", "--data", "in", "-o", "c.csv"]);
    assert_eq!(code(&none), 2);
    assert!(words(&none).contains("no code"), "{}", words(&none));
}

#[test]
fn weights_go_out_at_other_precisions_and_as_onnx_and_come_in_from_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    trained(root);
    let export = |to: &str, precision: &str| {
        restora(root, &["model", "export", "net.safetensors", "-o", to, "--precision", precision])
    };
    for (to, precision) in [("h.safetensors", "f16"), ("i.safetensors", "int8"), ("n.onnx", "f32")]
    {
        let out = export(to, precision);
        assert_eq!(code(&out), 0, "{}", words(&out));
    }
    let length = |name: &str| std::fs::metadata(root.join(name)).unwrap().len();
    assert!(length("i.safetensors") < length("h.safetensors"));
    assert!(length("h.safetensors") < length("net.safetensors"));
    let used = restora(root, &["reconstruct", "-m", "i.safetensors", "set", "-o", "int8", "-q"]);
    assert_eq!(code(&used), 0, "{}", words(&used));
    assert_eq!(code(&export("n.txt", "f32")), 2);
    assert_eq!(code(&export("m.onnx", "f16")), 2);
    assert_eq!(code(&export("n.onnx", "f32")), 1, "a file that is there is kept");
    let carded = |card: &str| {
        let args = ["model", "export", "net.safetensors", "-o", "c.safetensors", "--card", card];
        restora(root, &args)
    };
    assert_eq!(code(&carded("version=7, mended")), 0);
    let card = restora::model::read_weights(&root.join("c.safetensors")).unwrap().card;
    assert_eq!(card.version, "7, mended");
    assert_eq!(code(&carded("colour=red")), 2);
    // Names of elsewhere, by a map.
    let loaded = restora::model::read_weights(&root.join("net.safetensors")).unwrap();
    let foreign: restora::nn::Tensors =
        loaded.tensors.iter().map(|(n, t)| (format!("module.{n}"), t.clone())).collect();
    let bytes = restora::nn::weights::safetensors::write(
        &foreign,
        restora::nn::Precision::F32,
        &restora::nn::weights::safetensors::Metadata::new(),
    );
    std::fs::write(root.join("foreign.safetensors"), bytes.unwrap()).unwrap();
    std::fs::write(root.join("map.txt"), "module.=\n").unwrap();
    let net = "dense-autoencoder:shape=1,16,16:code=4:hidden=32,";
    let base = ["model", "import", "foreign.safetensors", "-o", "home.safetensors", "-a", net];
    let unmapped = restora(root, &base);
    assert_eq!(code(&unmapped), 1);
    assert!(words(&unmapped).contains("foreign.safetensors"), "{}", words(&unmapped));
    let out = restora(root, &[&base[..], &["--key-map", "map.txt"]].concat());
    assert_eq!(code(&out), 0, "{}", words(&out));
    let home = restora::model::read_weights(&root.join("home.safetensors")).unwrap();
    assert_eq!(home.tensors, loaded.tensors);
    // Ours without a card is told what to do.
    let show = restora(root, &["model", "show", "foreign.safetensors"]);
    assert_eq!(code(&show), 1);
    assert!(words(&show).contains("foreign.safetensors"), "{}", words(&show));
}

#[test]
fn hostile_files_of_weights_are_refused_by_every_command() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    trained(root);
    let good = std::fs::read(root.join("net.safetensors")).unwrap();
    std::fs::write(root.join("cut.safetensors"), &good[..good.len() / 2]).unwrap();
    std::fs::write(root.join("empty.safetensors"), b"").unwrap();
    std::fs::write(root.join("words.safetensors"), b"these are words").unwrap();
    // A card that claims a net of many gigabytes.
    let text = String::from_utf8_lossy(&good[8..]).into_owned();
    assert!(text.contains("\\\"code\\\":4"));
    let huge = good.clone();
    let at = huge.windows(10).position(|w| w == b"\\\"code\\\":4").unwrap();
    let (head, tail) = (&huge[8..at], &huge[at + 10..]);
    let n = u64::from_le_bytes(good[..8].try_into().unwrap()) + 4;
    let bytes = [&n.to_le_bytes()[..], head, b"\\\"code\\\":65536", tail].concat();
    std::fs::write(root.join("huge.safetensors"), bytes).unwrap();
    for file in ["cut", "empty", "words", "huge", "missing"] {
        let file = format!("{file}.safetensors");
        for args in [
            &["reconstruct", "-m", &file, "set", "-o", "out"][..],
            &["encode", "-m", &file, "--data", "set", "-o", "c.csv"],
            &["anomaly", "-m", &file, "--data", "set"],
            &["model", "show", &file],
            &["model", "export", &file, "-o", "x.onnx"],
            &["model", "import", &file, "-o", "x.safetensors", "-a", "dncnn"],
        ] {
            let out = restora(root, args);
            assert_eq!(code(&out), 1, "{args:?}: {}", words(&out));
            assert!(words(&out).contains(file.as_str()), "{args:?}: {}", words(&out));
            assert!(results(&out).is_empty());
        }
    }
    assert!(!root.join("out").exists() && !root.join("c.csv").exists());
}

#[test]
fn the_net_that_comes_along_denoises_and_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let size = Size::new(120, 90);
    let (gray, rgb) = (synthetic(size), synthetic_rgb(size));
    let mut seen_through = noisy(&rgb, 0.1, 2);
    let alpha = Plane::from_fn(size, |x, y| ((x + 3 * y) % 7) as f32 / 7.0);
    seen_through.alpha = Some(alpha);
    write_image(&root.join("clean/a.png"), &gray, Format::Png, Depth::U8);
    write_image(&root.join("clean/b.png"), &rgb, Format::Png, Depth::U16);
    write_image(&root.join("in/a.png"), &noisy(&gray, 0.1, 1), Format::Png, Depth::U8);
    write_image(&root.join("in/b.png"), &seen_through, Format::Png, Depth::U16);
    let out = restora(
        root,
        &[
            "restore",
            "in",
            "-o",
            "out",
            "-d",
            "learned",
            "--reference",
            "clean",
            "--sidecar",
            "--json",
        ],
    );
    assert_eq!(code(&out), 0, "{}", words(&out));
    let report = json(&out);
    for (i, channels) in [(0, 1), (1, 3)] {
        let item = &report["items"][i];
        let weights = &item["weights"][0];
        assert_eq!(
            (&weights["architecture"], &weights["channels"]),
            (&"restorer".into(), &channels.into())
        );
        assert_eq!(weights["crc32"].as_str().unwrap().len(), 8, "{weights}");
        assert!(!weights["version"].as_str().unwrap().is_empty());
        let psnr = |when: &str| item["scores"][when]["psnr"].as_f64().unwrap();
        assert!(psnr("after") > psnr("before") + 8.0, "{} to {}", psnr("before"), psnr("after"));
        let sidecar = root.join(format!("out/{}.restora.json", item["id"].as_str().unwrap()));
        let sidecar: serde_json::Value =
            serde_json::from_slice(&std::fs::read(sidecar).unwrap()).unwrap();
        assert_eq!(sidecar["weights"][0], *weights);
    }
    let (before, after) = (read(&root.join("in/b.png")), read(&root.join("out/b.png")));
    assert_eq!((after.depth(), after.layout), (Depth::U16, before.layout));
    assert_eq!(after.to_image().alpha, before.to_image().alpha);

    let methods = restora(root, &["methods", "learned"]);
    assert!(results(&methods).contains("restorer (color), version"), "{}", results(&methods));
    let missing =
        restora(root, &["restore", "in", "-o", "x", "-d", "learned:model=no.safetensors"]);
    assert_eq!(code(&missing), 1);
    assert!(words(&missing).contains("no.safetensors"), "{}", words(&missing));
}
