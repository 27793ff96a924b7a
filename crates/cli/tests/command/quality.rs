//! `inspect --quality` and `compare --perceptual`.

use crate::support::{code, restora, results, words, write_image};
use restora::data::Format;
use restora::image::{Depth, Size};
use restora_testkit::{noisy, synthetic_rgb};

#[test]
fn inspect_tells_the_quality_where_it_is_asked_for_and_noise_is_worse() {
    let folder = tempfile::tempdir().expect("folder");
    let clean = noisy(&synthetic_rgb(Size::new(200, 200)), 0.01, 1);
    write_image(&folder.path().join("in/a.png"), &clean, Format::Png, Depth::U8);
    write_image(&folder.path().join("in/b.png"), &noisy(&clean, 0.15, 2), Format::Png, Depth::U8);
    let tiny = synthetic_rgb(Size::new(20, 20));
    write_image(&folder.path().join("in/c.png"), &tiny, Format::Png, Depth::U8);

    let plain = restora(folder.path(), &["inspect", "in", "--json"]);
    assert!(!results(&plain).contains("brisque"), "{}", results(&plain));
    let output = restora(folder.path(), &["inspect", "in", "--json", "--quality"]);
    assert_eq!(code(&output), 0, "{}", words(&output));
    let items: serde_json::Value = serde_json::from_str(&results(&output)).expect("JSON");
    let number = |item: usize, measure: &str, key: &str| {
        items[item]["diagnosis"]["quality"][measure][key].as_f64().expect("a number")
    };
    for measure in ["niqe", "brisque"] {
        assert!(number(0, measure, "confidence") > 0.0, "{measure}");
        assert_eq!(number(2, measure, "confidence"), 0.0, "{measure}");
    }
    assert!(number(0, "brisque", "score") + 20.0 < number(1, "brisque", "score"));
    assert!(number(0, "niqe", "score") > 1.0);
    assert!(number(0, "colorfulness", "score") > 1.0);

    let table = results(&restora(folder.path(), &["inspect", "in", "--quality"]));
    let head = table.lines().next().expect("a head");
    assert!(["NIQE", "BRISQUE", "colorful"].iter().all(|name| head.contains(name)), "{table}");
    assert!(!results(&restora(folder.path(), &["inspect", "in"])).contains("NIQE"));
}

#[test]
fn compare_says_which_weights_a_learned_measure_wants() {
    let folder = tempfile::tempdir().expect("folder");
    let picture = synthetic_rgb(Size::new(40, 40));
    write_image(&folder.path().join("a.png"), &picture, Format::Png, Depth::U8);
    for (measure, told) in [
        ("lpips", "`backbone` is missing"),
        ("dists:backbone=a.png", "`weights` is missing"),
        ("lpips:backbone=a.png,linear=a.png", "wanted a safetensors or PyTorch file"),
    ] {
        let output =
            restora(folder.path(), &["compare", "a.png", "a.png", "--perceptual", measure]);
        assert_eq!(code(&output), 2, "{}", words(&output));
        assert!(words(&output).contains(told), "{}", words(&output));
    }
}
