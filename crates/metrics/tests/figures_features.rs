//! Features on the shared sets, against the peers' rows.
//! `RESTORA_SHARED=.. cargo test --release -p restora-metrics --test figures_features -- --ignored --nocapture`

use restora_image::{Context, Image};
use restora_metrics::features::{
    Gabor, Hog, Homography, HomographyFit, Lbp, Matching, Sift, SiftFeatures, gabor, hog,
    homography, lbp, matching, sift,
};
use restora_testkit::{read_png, shared};

fn found(image: &Image, options: &Sift) -> SiftFeatures {
    sift(image, options, &Context::default()).expect("features")
}

/// Matched points, first to second picture.
fn matched(a: &SiftFeatures, b: &SiftFeatures) -> [Vec<[f64; 2]>; 2] {
    let cx = Context::default();
    let matches =
        matching(&a.descriptors, &b.descriptors, &Matching::default(), &cx).expect("matches");
    let place = |f: &SiftFeatures, i: u32| {
        let k = f.keypoints[i as usize];
        [f64::from(k.x), f64::from(k.y)]
    };
    [
        matches.iter().map(|m| place(a, m.a)).collect(),
        matches.iter().map(|m| place(b, m.b)).collect(),
    ]
}

fn truth(matrix: [[f64; 3]; 3]) -> HomographyFit {
    HomographyFit { matrix, inliers: Vec::new(), log10_false_alarms: -1.0 }
}

fn gap([x, y]: [f64; 2], [u, v]: [f64; 2]) -> f64 {
    (x - u).hypot(y - v)
}

/// Mean distance of the four corners of a picture under two homographies.
fn corner_error(a: &HomographyFit, b: &HomographyFit, image: &Image) -> f64 {
    let (w, h) = (f64::from(image.size().width - 1), f64::from(image.size().height - 1));
    let corners = [[0.0, 0.0], [w, 0.0], [w, h], [0.0, h]];
    corners.map(|c| gap(a.apply(c), b.apply(c))).iter().sum::<f64>() / 4.0
}

#[test]
#[ignore = "needs the shared sets"]
fn sift_matching_and_homography_on_the_feature_pair() {
    let root = shared().join("data/feature_pair");
    let (first, second) = (read_png(&root.join("a.png")), read_png(&root.join("b.png")));
    let text = std::fs::read_to_string(root.join("homography.json")).expect("truth");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let entry = |r: usize, c: usize| json["a_to_b"][r][c].as_f64().expect("number");
    let truth = truth([0, 1, 2].map(|r| [0, 1, 2].map(|c| entry(r, c))));
    for descriptor in ["sift", "root-sift"] {
        let options: Sift =
            serde_json::from_value(serde_json::json!({ "descriptor": descriptor })).expect("name");
        let (a, b) = (found(&first, &options), found(&second, &options));
        let [from, to] = matched(&a, &b);
        let correct =
            from.iter().zip(&to).filter(|(p, q)| gap(truth.apply(**p), **q) < 3.0).count();
        let fit = homography(&from, &to, &Homography::default(), &Context::default())
            .expect("points")
            .expect("found");
        let corners = corner_error(&fit, &truth, &first);
        println!(
            "{descriptor}: {} and {} keypoints, {} matches, {correct} correct, {} inliers, \
             corner error {corners:.4} px",
            a.keypoints.len(),
            b.keypoints.len(),
            from.len(),
            fit.inlier_count()
        );
        // OpenCV: 997 of 1141, 0.089 px.
        assert!(correct >= 950 && from.len() >= 1100, "{descriptor}");
        assert!(corners <= 0.10, "{descriptor}");
    }
}

#[test]
#[ignore = "needs the shared sets"]
fn sift_finds_the_wall_of_graf_from_another_side() {
    let root = shared().join("data/geometry/opencv");
    let (first, third) = (read_png(&root.join("graf1.png")), read_png(&root.join("graf3.png")));
    let text = std::fs::read_to_string(root.join("H1to3p.xml")).expect("truth");
    let data = text.split("<data>").nth(1).and_then(|t| t.split("</data>").next()).expect("data");
    let numbers: Vec<f64> = data.split_whitespace().map(|n| n.parse().expect("a number")).collect();
    let truth = truth([0, 1, 2].map(|r| [0, 1, 2].map(|c| numbers[3 * r + c])));
    let (a, b) = (found(&first, &Sift::default()), found(&third, &Sift::default()));
    let [from, to] = matched(&a, &b);
    let fit = homography(&from, &to, &Homography::default(), &Context::default())
        .expect("points")
        .expect("found");
    let corners = corner_error(&fit, &truth, &first);
    println!(
        "graf 1 to 3: {} matches, {} inliers, log10 NFA {:.0}, corner error {corners:.2} px",
        from.len(),
        fit.inlier_count(),
        fit.log10_false_alarms
    );
    assert!(corners < 5.0);
    // The same wall does not lie in a picture of something else.
    let other = found(&read_png(&root.join("box_in_scene.png")), &Sift::default());
    let [from, to] = matched(&a, &other);
    let none = homography(&from, &to, &Homography::default(), &Context::default());
    assert_eq!(none, Ok(None));
}

fn peers() -> serde_json::Value {
    let path = shared().join("peers/results/features.json");
    let text = std::fs::read_to_string(path).expect("peers");
    serde_json::from_str(&text).expect("JSON")
}

fn number(value: &serde_json::Value) -> f64 {
    value.as_f64().expect("number")
}

#[test]
#[ignore = "needs the shared sets"]
fn gabor_energies_equal_scikit_image() {
    let image = read_png(&shared().join("data/feature_pair/a.png"));
    let run = gabor(&image, &Gabor::default(), &Context::default()).expect("energies");
    let peers = &peers()["gabor_skimage"];
    for found in run {
        let degrees = found.orientation.to_degrees().round();
        let peer = &peers["bank"][format!("f{}_t{degrees}", found.frequency)];
        let gap = (found.mean_energy / number(&peer["mean_energy"]) - 1.0).abs();
        // The peer's figures have eight decimals.
        assert!(gap < 1e-3, "{found:?}: {peer}");
        assert!((found.mean_real - number(&peer["mean_real"])).abs() < 1e-6, "{found:?}: {peer}");
        assert!((found.variance_real - number(&peer["var_real"])).abs() < 1e-6, "{found:?}");
    }
}

#[test]
#[ignore = "needs the shared sets"]
fn hog_and_lbp_equal_scikit_image() {
    let image = read_png(&shared().join("data/feature_pair/a.png"));
    let peers = peers();
    let found = hog(&image, &Hog::default(), &Context::default()).expect("blocks");
    let peer = &peers["hog_skimage"];
    assert_eq!(found.len() as u64, peer["len"].as_u64().expect("length"));
    let sum: f64 = found.iter().map(|v| f64::from(*v)).sum();
    let gap = sum - number(&peer["sum"]);
    println!("HOG: sum {sum:.4}, gap {gap:.1e}");
    assert!(gap.abs() < 1e-2);
    for (v, wanted) in found.iter().zip(peer["first9"].as_array().expect("nine")) {
        assert!((f64::from(*v) - number(wanted)).abs() < 1e-6, "{v}, wanted {wanted}");
    }
    let counts = lbp(&image, &Lbp::default(), &Context::default()).expect("counts");
    let wanted = peers["lbp_skimage_uniform_8_1_hist"].as_array().expect("ten");
    let wanted: Vec<u64> = wanted.iter().map(|v| v.as_u64().expect("count")).collect();
    assert_eq!(counts, wanted);
}
