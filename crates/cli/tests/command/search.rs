//! `restora index` and `restora search`.

use crate::support::{SQUARES, code, moved, restora, results, squares, words, write_image};
use restora::data::Format;
use restora::image::{Depth, Image, Size};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

fn json(output: &std::process::Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn png(path: &Path, image: &Image) {
    write_image(path, image, Format::Png, Depth::U8);
}

#[test]
fn copies_of_a_picture_are_found_in_an_index_that_grew() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    for seed in 1..5 {
        png(&root.join(format!("in/{seed}.png")), &squares(seed));
    }
    let out = restora(root, &["index", "in", "-o", "in.index"]);
    assert_eq!(code(&out), 0, "{}", words(&out));
    assert_eq!(results(&out), "in.index: 4 pictures (4 new)\n");
    let part = moved(&squares(2), Size::new(200, 160), |x, y| (x + 90, y + 50));
    png(&root.join("asked/part.png"), &part);
    png(&root.join("asked/stranger.png"), &squares(90));
    let out = restora(root, &["search", "asked", "--in", "in.index", "--json"]);
    assert_eq!(code(&out), 0, "{}", words(&out));
    let found = json(&out);
    assert_eq!(found[0]["asked"], "part.png");
    assert_eq!(found[0]["found"].as_array().unwrap().len(), 1);
    assert_eq!(found[0]["found"][0]["id"], "2.png");
    assert!(found[0]["found"][0]["probability"].as_f64().unwrap() > 0.99);
    assert_eq!(found[1]["found"].as_array().unwrap().len(), 0);
    // The stranger and a mirrored copy come in, one leaves.
    png(&root.join("in/90.png"), &squares(90));
    let mirrored = moved(&squares(2), SQUARES, |x, y| (SQUARES.w() - 1 - x, y));
    png(&root.join("in/mirrored.png"), &mirrored);
    std::fs::remove_file(root.join("in/4.png")).unwrap();
    let out = restora(root, &["index", "in", "-o", "in.index", "--json"]);
    assert_eq!(json(&out)["pictures"], 5);
    assert_eq!(json(&out)["updated"]["added"], 2);
    assert_eq!(json(&out)["updated"]["gone"], 1);
    assert_eq!(json(&out)["updated"]["kept"], 3);
    let out = restora(root, &["search", "asked", "--in", "in.index"]);
    let text = results(&out);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.iter().any(|l| l.contains("2.png")), "{text}");
    assert!(lines.iter().any(|l| l.contains("mirrored.png") && l.contains("mirrored")), "{text}");
    assert!(lines.iter().any(|l| l.contains("90.png") && l.contains("the same file")), "{text}");
}

#[test]
fn an_index_that_was_killed_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    for seed in 0..60 {
        png(&root.join(format!("in/{seed:02}.png")), &squares(seed));
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_restora"))
        .current_dir(root)
        .args(["index", "in", "-o", "in.index", "-j", "1", "-q"])
        .stdout(Stdio::null())
        .spawn()
        .expect("the command starts");
    // Killed as soon as something is written down.
    let size = || std::fs::metadata(root.join("in.index")).map_or(0, |m| m.len());
    while size() < 40_000 && child.try_wait().expect("a child").is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    let out = restora(root, &["index", "in", "-o", "in.index", "--json"]);
    assert_eq!(code(&out), 0, "{}", words(&out));
    let (kept, added) = (&json(&out)["updated"]["kept"], &json(&out)["updated"]["added"]);
    let (kept, added) = (kept.as_u64().unwrap(), added.as_u64().unwrap());
    assert_eq!(kept + added, 60);
    assert!(kept >= 1, "{kept} kept");
    let out = restora(root, &["search", "in", "--in", "in.index", "--json"]);
    for asked in json(&out).as_array().unwrap() {
        assert_eq!(asked["found"][0]["id"], asked["asked"]);
        assert_eq!(asked["found"][0]["likeness"], "same-file");
    }
}

#[test]
fn the_nearest_rows_of_a_table_of_features_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    for seed in 1..6 {
        png(&root.join(format!("in/{seed}.png")), &squares(seed));
    }
    let features = ["--features", "hog", "--features", "color-histogram"];
    for table in ["t.csv", "t.npy"] {
        let out = restora(root, &[&["features", "in", "-o", table][..], &features].concat());
        assert_eq!(code(&out), 0, "{}", words(&out));
        let search = ["search", "in/3.png", "--in", table, "--most", "2", "--json"];
        let out = restora(root, &[&search[..], &features].concat());
        assert_eq!(code(&out), 0, "{}", words(&out));
        let found = &json(&out)[0]["found"];
        assert_eq!(found.as_array().unwrap().len(), 2);
        assert_eq!(found[0]["row"], 2);
        assert!(found[0]["distance"].as_f64().unwrap() < 1e-4, "{found}");
        assert!(found[1]["distance"].as_f64().unwrap() > 0.1, "{found}");
        assert_eq!(found[0]["id"], if table == "t.csv" { "3.png".into() } else { Value::Null });
    }
}

#[test]
fn what_cannot_be_searched_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    png(&root.join("a.png"), &squares(1));
    std::fs::write(root.join("no.index"), "something else").unwrap();
    std::fs::write(root.join("t.csv"), "id,u,v\na,1,2\n").unwrap();
    for (arguments, status, wanted) in [
        (&["--in", "none.index"][..], 1, "none.index"),
        (&["--in", "no.index"], 1, "no.index is no index of pictures"),
        (&["--in", "t.csv"], 2, "t.csv is a table: say which --features it holds"),
        (&["--in", "no.index", "--features", "hog"], 2, "no.index is no table"),
        (&["--in", "t.csv", "--features", "hog"], 1, "rows of 2 numbers"),
        (&["--in", "t.csv", "--features", "hog", "--distance", "far"], 2, "got `far`"),
    ] {
        let out = restora(root, &[&["search", "a.png"][..], arguments].concat());
        assert_eq!(code(&out), status, "{arguments:?}: {}", words(&out));
        assert!(words(&out).contains(wanted), "{arguments:?}: {}", words(&out));
    }
    restora(root, &["index", "a.png", "-o", "a.index"]);
    let out = restora(root, &["search", "a.png", "--in", "a.index", "--probability", "1"]);
    assert_eq!(code(&out), 2, "{}", words(&out));
    std::fs::create_dir(root.join("empty")).unwrap();
    assert_eq!(code(&restora(root, &["index", "empty", "-o", "e.index"])), 3);
    assert_eq!(code(&restora(root, &["search", "empty", "--in", "a.index"])), 3);
}
