//! Hashes of the shared pairs against those of imagehash 4.3.2 with Pillow 13.0.0
//! (`shared/goldens/metrics.json`).

use restora_metrics::features::hashes::HashKind;
use serde_json::Value;

#[test]
#[ignore = "needs the shared sets"]
fn hashes_of_the_shared_pairs_are_those_of_imagehash() {
    let shared = restora_testkit::shared();
    let text = std::fs::read_to_string(shared.join("goldens/metrics.json")).expect("goldens");
    let goldens: Value = serde_json::from_str(&text).expect("JSON");
    let pairs = goldens["pairs"].as_object().expect("pairs");
    assert_eq!(pairs.len(), 23);
    let keys = ["ahash", "phash", "dhash", "dhash_vertical", "whash"];
    let mut wrong = Vec::new();
    for (name, pair) in pairs {
        for (kind, key) in HashKind::ALL.into_iter().zip(keys) {
            let golden = &pair["values"][format!("{key}_imagehash")];
            let hash = |which: &str| {
                let file = pair[which].as_str().expect("file name");
                let image = restora_testkit::read_png(&shared.join("data/metric_pairs").join(file));
                let hash = kind.of(&image).expect("a hash");
                if hash.to_string() != golden[which].as_str().expect("a hash") {
                    wrong.push(format!("{name} {key} {which}: {hash}, wanted {}", golden[which]));
                }
                hash
            };
            let [a, b] = ["ref", "dist"].map(hash);
            assert_eq!(u64::from(a.distance(b)), golden["hamming"].as_u64().expect("a count"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
