use super::*;
use restora_image::{Cancel, ColorSpace, Size};
use restora_testkit::{assert_info_matches, noisy, synthetic, synthetic_rgb};

fn scores(x: &Image, y: &Image) -> Scores {
    measure(x, y, Measure::ALL, &CompareOptions::default(), &Context::default()).unwrap()
}

fn pictures() -> [Image; 2] {
    let size = Size::new(181, 167);
    [synthetic(size), synthetic_rgb(size)]
}

#[test]
fn identical_images_score_what_the_list_says() {
    for x in pictures() {
        for (measure, score) in scores(&x, &x).list {
            let facts = measure.facts();
            let Some(score) = score else {
                assert!(!facts.gray && x.space() == ColorSpace::Gray, "{}", facts.name);
                continue;
            };
            if let Some(wanted) = facts.identical {
                assert!(
                    score == wanted || (score - wanted).abs() < 1e-6,
                    "{}: {score}",
                    facts.name
                );
            }
        }
    }
}

#[test]
fn no_measure_finds_a_noisy_image_better_than_the_reference_and_more_noise_is_worse() {
    for x in pictures() {
        let levels: Vec<_> =
            [0.0, 0.03, 0.1, 0.3].map(|sigma| scores(&x, &noisy(&x, sigma, 5))).into();
        // Noise moves pixels between bins; that a histogram is further from the first than another
        // is not said by that.
        for measure in Measure::ALL.iter().filter(|m| m.histogram().is_none()) {
            let facts = measure.facts();
            let all: Vec<f64> = levels.iter().filter_map(|s| s.get(*measure)).collect();
            let worse = |a: &f64, b: &f64| match facts.direction {
                Direction::Higher => b < a,
                Direction::Lower => b > a,
            };
            assert!(all.is_sorted_by(worse), "{}: {all:?}", facts.name);
        }
    }
}

#[test]
fn the_symmetric_measures_are_those_that_do_not_change_with_the_order() {
    let mut changed = std::collections::BTreeSet::new();
    for x in pictures() {
        let y = noisy(&x, 0.1, 7);
        let (there, back) = (scores(&x, &y), scores(&y, &x));
        for measure in Measure::ALL {
            let (Some(a), Some(b)) = (there.get(*measure), back.get(*measure)) else { continue };
            // FSIM transforms both in one go, in `f32`.
            if (a - b).abs() > 1e-6 * a.abs() {
                changed.insert(*measure);
            }
        }
    }
    for measure in Measure::ALL {
        let wanted = !measure.facts().symmetric;
        assert_eq!(changed.contains(measure), wanted, "{}", measure.facts().name);
    }
}

#[test]
fn scores_are_the_same_bytes_for_any_number_of_threads() {
    for x in pictures() {
        let y = noisy(&x, 0.1, 7);
        let options = CompareOptions::default();
        let threads = |n| {
            let scores = measure(&x, &y, Measure::ALL, &options, &Context::with_threads(n));
            serde_json::to_string(&scores.unwrap()).unwrap()
        };
        assert_eq!(threads(1), threads(3));
    }
}

#[test]
fn tiny_images_have_scores_or_none_and_a_cancelled_call_says_so() {
    for size in [(1, 1), (1, 9), (9, 1), (2, 3), (17, 8), (33, 40)] {
        for x in [synthetic(Size::new(size.0, size.1)), synthetic_rgb(Size::new(size.0, size.1))] {
            let y = noisy(&x, 0.1, 7);
            for (measure, score) in scores(&x, &y).list {
                let infinite = score.is_some_and(|s| !s.is_finite());
                assert!(!infinite, "{} of {size:?}: {score:?}", measure.facts().name);
            }
        }
    }
    let x = synthetic(Size::new(200, 200));
    let cancel = Cancel::default();
    cancel.cancel();
    let cx = Context { cancel: Some(&cancel), ..Context::default() };
    for one in Measure::ALL.iter().filter(|m| m.facts().gray) {
        let got = measure(&x, &x, &[*one], &CompareOptions::default(), &cx);
        assert_eq!(got, Err(MetricError::Cancelled), "{}", one.facts().name);
    }
}

#[test]
fn a_pixel_that_is_not_a_number_gives_no_good_score() {
    let x = synthetic(Size::new(181, 167));
    let mut y = x.clone();
    y.data_mut()[80 * 181 + 80] = f32::NAN;
    for (measure, score) in scores(&x, &y).list {
        // A histogram has a bin for every pixel.
        if measure.histogram().is_none() && measure.facts().gray {
            assert!(score.unwrap().is_nan(), "{}: {score:?}", measure.facts().name);
        }
    }
}

#[test]
fn names_are_unique_and_are_found_again() {
    for measure in Measure::ALL {
        assert_eq!(Measure::from_name(measure.facts().name), Ok(*measure));
        assert_eq!(Measure::from_name(&measure.key()), Ok(*measure));
        assert_eq!(serde_json::to_value(measure).unwrap(), measure.facts().name);
    }
    let error = Measure::from_name("fid").unwrap_err().to_string();
    assert!(error.contains("`fid`") && error.contains("ms-ssim"), "{error}");
}

#[test]
fn the_quick_measures_are_those_of_compare() {
    let [_, x] = pictures();
    let y = noisy(&x, 0.1, 7);
    let (options, cx) = (CompareOptions::default(), Context::default());
    let all = measure(&x, &y, &Measure::QUICK, &options, &cx).unwrap();
    let wanted = crate::full_reference::compare(&x, &y, &options, &cx).unwrap();
    assert_eq!(serde_json::to_string(&all).unwrap(), serde_json::to_string(&wanted).unwrap());
}

#[test]
fn means_leave_out_what_is_infinite_unless_all_is() {
    let of =
        |psnr: f64, ssim| Scores { list: vec![(Measure::Psnr, Some(psnr)), (Measure::Ssim, ssim)] };
    let (a, b) = (of(30.0, Some(0.5)), of(f64::INFINITY, None));
    assert_eq!(Scores::mean([&a, &b]), Some(a.clone()));
    assert_eq!(Scores::mean([&b]), Some(b.clone()));
    assert_eq!(Scores::mean([]), None);
    assert_eq!(serde_json::to_string(&b).unwrap(), r#"{"psnr":"inf","ssim":null}"#);
}

#[test]
fn infos_list_every_option_with_its_default() {
    assert_info_matches(&Cosine::INFO, &Cosine::default());
    assert_info_matches(&DeltaE::INFO, &DeltaE::default());
    assert_info_matches(&Ergas::INFO, &Ergas::default());
    assert_info_matches(&Euclidean::INFO, &Euclidean::default());
    assert_info_matches(&Gmsd::INFO, &Gmsd::default());
    assert_info_matches(&HaarPsi::INFO, &HaarPsi::default());
    assert_info_matches(&HistogramDistance::INFO, &HistogramDistance::default());
    assert_info_matches(&MsGmsd::INFO, &MsGmsd::default());
    assert_info_matches(&Nmi::INFO, &Nmi::default());
    assert_info_matches(&Nrmse::INFO, &Nrmse::default());
    assert_info_matches(&SpectralAngle::INFO, &SpectralAngle::default());
    assert_info_matches(&Uqi::INFO, &Uqi::default());
    assert_info_matches(&Dss::INFO, &Dss::default());
    assert_info_matches(&Fsim::INFO, &Fsim::default());
    assert_info_matches(&Mdsi::INFO, &Mdsi::default());
    assert_info_matches(&PsnrB::INFO, &PsnrB::default());
    assert_info_matches(&PsnrHvs::INFO, &PsnrHvs::default());
    assert_info_matches(&SrSim::INFO, &SrSim::default());
    assert_info_matches(&Vsi::INFO, &Vsi::default());
    assert_info_matches(&Vif::INFO, &Vif::default());
}
