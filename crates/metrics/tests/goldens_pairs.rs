//! Every score of the shared pairs that other libraries gave (`shared/goldens/metrics.json`), but
//! for those of `goldens.rs`.

use restora_image::{Context, Image};
use restora_metrics::MetricError;
use restora_metrics::full_reference::{
    BlackPixels, ChannelMean, CompareOptions, Cosine, DeltaE, DeltaEFormula, Ergas, Euclidean,
    GrayConversion, HistogramDistance, HistogramRule, Measure, MsSsim, Pooling, Psnr, PsnrB,
    PsnrHvs, SpectralAngle, SsimBorder, cosine, delta_e, ergas, euclidean, histogram_distance,
    measure, ms_ssim, psnr, psnr_b, psnr_hvs, spectral_angle,
};
use serde_json::Value;
use std::collections::BTreeMap;

type Score = Result<f64, MetricError>;
type Measured = Box<dyn Fn(&Image, &Image) -> Score>;

struct Case {
    /// Key in the file of goldens; `a.b` is `b` inside of `a`.
    key: String,
    score: Measured,
    /// Relative to the golden.
    tolerance: f64,
    /// Absolute, where the golden itself is rounding.
    slack: f64,
}

fn case(key: &str, tolerance: f64, score: impl Fn(&Image, &Image) -> Score + 'static) -> Case {
    Case { key: key.into(), score: Box::new(score), tolerance, slack: 0.0 }
}

/// A measure with its own conventions; gray pairs by Pillow's formula, as in the file.
fn listed(key: &str, which: Measure, tolerance: f64) -> Case {
    let gray = if key.contains("_gray") { GrayConversion::PillowL } else { GrayConversion::None };
    case(key, tolerance, move |x, y| {
        let options = CompareOptions { gray, ..CompareOptions::default() };
        let scores = measure(x, y, &[which], &options, &Context::default())?;
        Ok(scores.get(which).expect("a score"))
    })
}

/// The file of goldens calls piq's `vif_p` and torchmetrics' ERGAS with the reference first, where
/// these take the distorted image.
fn exchanged(case: Case) -> Case {
    Case { score: Box::new(move |x, y| (case.score)(y, x)), ..case }
}

/// Its weights are f32.
fn torchmetrics(key: &str, gray: GrayConversion) -> Case {
    case(key, SINGLE, move |x, y| {
        let options = MsSsim {
            gray,
            pooling: Pooling::Drop,
            coarsest: SsimBorder::Reflect101,
            channels: ChannelMean::Terms,
            ..MsSsim::default()
        };
        ms_ssim(x, y, &options, &Context::default())
    })
}

/// Tolerances: `EXACT` where both compute in `f64` from the same integers. `SINGLE`: ours sums
/// squares and gradients of `f32` rows, or the peer does.
const EXACT: f64 = 1e-9;
const SINGLE: f64 = 1e-6;

fn cases() -> Vec<Case> {
    let mut all = vec![
        listed("nrmse_gray_skimage", Measure::Nrmse, EXACT),
        listed("nmi_gray_skimage", Measure::Nmi, EXACT),
        listed("uqi_gray_torchmetrics", Measure::Uqi, SINGLE),
        exchanged(case("ergas_rgb_torchmetrics", EXACT, |x, y| {
            ergas(x, y, &Ergas::default(), &Context::default())
        })),
        Case {
            // The peer takes angles by `acos`, which is off by up to 2e-8 near 0; its mean over the
            // pixels of the identical pair is 4.3e-9.
            slack: 1e-8,
            ..case("sam_rgb_torchmetrics_nan_if_black_pixel", SINGLE, |x, y| {
                let options = SpectralAngle { black: BlackPixels::Nan, ..SpectralAngle::default() };
                spectral_angle(x, y, &options, &Context::default())
            })
        },
        torchmetrics("ms_ssim_gray_torchmetrics", GrayConversion::PillowL),
        torchmetrics("ms_ssim_rgb_torchmetrics", GrayConversion::None),
        listed("gmsd_gray_piq", Measure::Gmsd, SINGLE),
        // Luma of three channels is rounded to f32 before gradients are taken of it.
        Case { slack: 1e-9, ..listed("gmsd_rgb_piq", Measure::Gmsd, SINGLE) },
        // OpenCV computes in f32 throughout.
        listed("gmsd_gray_cv2quality", Measure::Gmsd, 2e-5),
        listed("ms_gmsd_gray_piq", Measure::MsGmsd, SINGLE),
        exchanged(listed("vif_p_gray_piq", Measure::Vif, EXACT)),
        exchanged(listed("vif_p_rgb_piq", Measure::Vif, EXACT)),
        listed("fsim_gray_piq", Measure::Fsim, SINGLE),
        listed("fsimc_rgb_piq", Measure::Fsimc, SINGLE),
        // The peer was given f32; in f64 it gives ours to 1e-15 on the two pairs furthest off.
        listed("vsi_rgb_piq", Measure::Vsi, 1e-5),
        listed("mdsi_rgb_piq", Measure::Mdsi, SINGLE),
        listed("srsim_gray_piq", Measure::SrSim, SINGLE),
        listed("dss_gray_piq", Measure::Dss, SINGLE),
        listed("haarpsi_gray_piq", Measure::HaarPsi, EXACT),
        listed("haarpsi_rgb_piq", Measure::HaarPsi, EXACT),
    ];
    for (key, formula, max) in [
        ("deltaE76_mean_skimage", DeltaEFormula::Cie1976, false),
        ("deltaE94_mean_skimage", DeltaEFormula::Cie1994, false),
        ("deltaE2000_mean_skimage", DeltaEFormula::Cie2000, false),
        ("deltaE2000_max_skimage", DeltaEFormula::Cie2000, true),
    ] {
        let score = move |x: &Image, y: &Image| {
            let options = DeltaE { formula, ..DeltaE::default() };
            let score = delta_e(x, y, &options, &Context::default())?;
            Ok(if max { score.max } else { score.mean })
        };
        // The peer takes the root of a difference of products for the hue of CIE 1994: its score of
        // the identical pair is 5.6e-8.
        let slack = if formula == DeltaEFormula::Cie1994 { 2e-7 } else { 0.0 };
        all.push(Case { slack, ..case(key, EXACT, score) });
    }
    for (histogram, gray) in [
        ("hist_gray256_counts_cv2", GrayConversion::PillowL),
        ("hist_rgb8x8x8_counts_cv2", GrayConversion::None),
    ] {
        for (key, rule) in [
            ("correlation", HistogramRule::Correlation),
            ("chisqr", HistogramRule::ChiSquare),
            ("chisqr_alt", HistogramRule::ChiSquareAlt),
            ("intersection", HistogramRule::Intersection),
            ("bhattacharyya", HistogramRule::Bhattacharyya),
            ("kl", HistogramRule::KullbackLeibler),
        ] {
            all.push(case(&format!("{histogram}.{key}"), SINGLE, move |x, y| {
                let options = HistogramDistance { gray, rule, ..HistogramDistance::default() };
                histogram_distance(x, y, &options, &Context::default())
            }));
        }
    }
    all
}

fn golden(value: &Value) -> f64 {
    match value {
        Value::String(word) => word.parse().expect("inf or nan"),
        number => number.as_f64().expect("a number"),
    }
}

#[test]
#[ignore = "needs the shared sets"]
fn every_score_of_the_shared_pairs_is_that_of_the_peer() {
    let shared = restora_testkit::shared();
    let text = std::fs::read_to_string(shared.join("goldens/metrics.json")).expect("goldens");
    let goldens: Value = serde_json::from_str(&text).expect("JSON");
    let pairs = goldens["pairs"].as_object().expect("pairs");
    assert_eq!(pairs.len(), 23);
    let cases = cases();
    let (mut gaps, mut wrong) = (BTreeMap::<&str, (f64, &str)>::new(), Vec::new());
    for (name, pair) in pairs {
        let image = |key: &str| {
            let file = pair[key].as_str().expect("file name");
            restora_testkit::read_png(&shared.join("data/metric_pairs").join(file))
        };
        let (x, y) = (image("ref"), image("dist"));
        for case in &cases {
            let values = &pair["values"];
            let value = match case.key.split_once('.') {
                Some((outer, inner)) => &values[outer][inner],
                None => &values[&case.key],
            };
            let (wanted, got) = (golden(value), (case.score)(&x, &y).expect("a score"));
            let same = wanted == got || wanted.is_nan() && got.is_nan();
            let gap = if same { 0.0 } else { (got - wanted).abs() };
            let allowed = case.tolerance * wanted.abs() + case.slack;
            let worst = gaps.entry(&case.key).or_insert((0.0, ""));
            // A NaN on one side only is no small gap.
            if gap > worst.0 || gap.is_nan() {
                *worst = (gap, name);
            }
            if gap > allowed || gap.is_nan() {
                wrong
                    .push(format!("{name} {}: {got}, wanted {wanted}, off by {gap:.1e}", case.key));
            }
        }
    }
    for (key, (gap, name)) in &gaps {
        println!("largest gap {gap:.1e} {key} {name}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn distance_and_angle_of_two_pictures_keep_the_law_of_cosines() {
    let size = restora_image::Size::new(60, 41);
    let x = restora_testkit::synthetic_rgb(size);
    let y = restora_testkit::noisy(&x, 0.2, 4);
    let black = Image::zeros(size, x.space());
    let cx = Context::default();
    let distance = |a: &Image, b: &Image| euclidean(a, b, &Euclidean::default(), &cx).expect("one");
    let (a, b, c) = (distance(&x, &black), distance(&y, &black), distance(&x, &y));
    let wanted = (a * a + b * b - c * c) / (2.0 * a * b);
    let got = cosine(&x, &y, &Cosine::default(), &cx).expect("one");
    assert!((got - wanted).abs() < 1e-6, "{got} {wanted}");
}

#[test]
fn an_offset_costs_psnr_hvs_the_sensitivity_of_the_mean_and_psnr_b_nothing() {
    let x = restora_testkit::synthetic(restora_image::Size::new(64, 48));
    let mut y = x.clone();
    y.data_mut().iter_mut().for_each(|v| *v += 4.0 / 255.0);
    let cx = Context::default();
    let plain = psnr(&x, &y, &Psnr::default(), &cx).expect("one");
    let visible = psnr_hvs(&x, &y, &PsnrHvs::default(), &cx).expect("one");
    assert!((visible - (plain - 20.0 * 1.608_443f64.log10())).abs() < 1e-4);
    assert!(psnr_b(&x, &y, &PsnrB::default(), &cx).expect("one") <= plain + 1e-9);
}
