//! What is left of damaged files is shown, the rest is filled, and both are told.

use crate::support::{code, read, restora, results, words, write_image};
use restora::data::Format;
use restora::image::{Depth, Pixels, Raster, Size};
use restora_testkit::synthetic_rgb;
use std::path::Path;

const SIZE: Size = Size::new(96, 64);

/// Writes `cut.png`, `torn.jpg` and `hit.png` beside the whole ones.
fn damaged(root: &Path) {
    let image = synthetic_rgb(SIZE);
    std::fs::create_dir(root.join("broken")).expect("a file of the test");
    for (name, left, format) in
        [("whole.png", "cut.png", Format::Png), ("whole.jpg", "torn.jpg", Format::Jpeg)]
    {
        write_image(&root.join(name), &image, format, Depth::U8);
        let bytes = std::fs::read(root.join(name)).expect("a file of the test");
        let cut = root.join("broken").join(left);
        std::fs::write(cut, &bytes[..bytes.len() * 2 / 3]).expect("a file of the test");
        if format == Format::Png {
            let mut hit = bytes;
            let at = hit.len() / 2;
            hit[at] ^= 0x10;
            std::fs::write(root.join("broken/hit.png"), hit).expect("a file of the test");
        }
    }
}

fn bytes(raster: &Raster) -> &[u8] {
    let Pixels::U8(v) = &raster.pixels else { panic!("{:?}", raster.depth()) };
    v
}

#[test]
fn without_the_flag_damaged_files_fail() {
    let dir = tempfile::tempdir().expect("a file of the test");
    damaged(dir.path());
    let out = restora(dir.path(), &["restore", "broken", "-o", "out", "--denoise", "none"]);
    assert_eq!(code(&out), 1, "{}", words(&out));
    assert_eq!(std::fs::read_dir(dir.path().join("out")).expect("a file of the test").count(), 0);
    assert!(results(&out).contains("3 failed"), "{}", results(&out));
}

#[test]
fn salvage_keeps_what_is_there_fills_the_rest_and_says_so() {
    let dir = tempfile::tempdir().expect("a file of the test");
    let root = dir.path();
    damaged(root);
    let line = "restore broken -o out --salvage --denoise none --mask-out invented --sidecar \
                --report report.html";
    let out = restora(root, &line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(code(&out), 0, "{} {}", words(&out), results(&out));
    assert!(results(&out).contains("3 of them salvaged"), "{}", results(&out));
    for name in ["cut.png", "torn.jpg", "hit.png"] {
        assert!(words(&out).contains(&format!("{name}: salvaged: ")), "{}", words(&out));
    }
    assert!(words(&out).contains("filled with invention"), "{}", words(&out));

    // One wrong byte of a PNG is no loss at all.
    let whole = read(&root.join("whole.png"));
    assert_eq!(read(&root.join("out/hit.png")), whole);

    let (cut, mask) = (read(&root.join("out/cut.png")), read(&root.join("invented/cut.png")));
    let missing = bytes(&mask).iter().filter(|m| **m > 127).count();
    assert!(missing > SIZE.len() / 10 && missing < SIZE.len() / 2, "{missing}");
    for (i, invented) in bytes(&mask).iter().enumerate() {
        let same = bytes(&cut)[3 * i..3 * i + 3] == bytes(&whole)[3 * i..3 * i + 3];
        assert!(same || *invented == 255, "pixel {i}");
    }
    let record =
        std::fs::read_to_string(root.join("out/cut.png.restora.json")).expect("a file of the test");
    let record: serde_json::Value = serde_json::from_str(&record).expect("a file of the test");
    assert_eq!(record["damage"]["missing_pixels"], missing, "{record}");
    assert_eq!(record["steps"][0]["op"], "hbe", "{record}");
    let page = std::fs::read_to_string(root.join("report.html")).expect("a file of the test");
    assert!(page.contains("of them salvaged") && page.contains("filled with invention"));
}

#[test]
fn the_method_that_fills_can_be_chosen_and_sound_files_pass_beside() {
    let dir = tempfile::tempdir().expect("a file of the test");
    let root = dir.path();
    damaged(root);
    std::fs::copy(root.join("whole.png"), root.join("broken/whole.png"))
        .expect("a file of the test");
    let line = "restore broken -o out --salvage --inpaint telea:radius=2 --json";
    let out = restora(root, &line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(code(&out), 0, "{}", words(&out));
    let report: serde_json::Value =
        serde_json::from_str(&results(&out)).expect("a file of the test");
    let item = |id: &str| {
        let items = report["items"].as_array().expect("a file of the test");
        items.iter().find(|item| item["id"] == id).expect("a file of the test").clone()
    };
    assert_eq!(item("torn.jpg")["steps"][0]["radius"], 2);
    assert_eq!(item("whole.png")["outcome"], "unchanged");
    let given = std::fs::read(root.join("whole.png")).expect("a file of the test");
    assert_eq!(std::fs::read(root.join("out/whole.png")).expect("a file of the test"), given);
}

#[test]
fn inspect_tells_what_is_lost() {
    let dir = tempfile::tempdir().expect("a file of the test");
    damaged(dir.path());
    let out = restora(dir.path(), &["inspect", "broken/torn.jpg", "--salvage"]);
    assert_eq!(code(&out), 0, "{}", words(&out));
    let told = words(&out);
    assert!(told.contains("salvaged: ") && told.contains("rows are lost"), "{told}");
    let out = restora(dir.path(), &["inspect", "broken/torn.jpg"]);
    assert_eq!(code(&out), 1, "{}", words(&out));
}
