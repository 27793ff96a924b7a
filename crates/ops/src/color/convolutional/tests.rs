use super::fit::tests::pictures;
use super::*;
use restora_image::{ColorSpace, Size};

/// Fitted once for all tests.
fn trained(prior: bool) -> LightModel {
    static BOTH: LazyLock<[LightModel; 2]> = LazyLock::new(|| {
        [false, true].map(|prior| {
            let options = LightFit { prior, steps: 30, ..LightFit::default() };
            fit(&pictures(60), &options, &Context::default()).unwrap()
        })
    });
    BOTH[usize::from(prior)].clone()
}

fn degrees(a: Illuminant, b: Illuminant) -> f64 {
    let cosine: f64 = a.rgb().iter().zip(b.rgb()).map(|(a, b)| a * b).sum();
    cosine.clamp(-1.0, 1.0).acos().to_degrees()
}

/// Grays and reds under a light, in linear RGB.
fn scene(light: [f64; 3], scale: f32) -> Image {
    let size = Size::new(64, 48);
    let mut image = Image::zeros(size, ColorSpace::LinearRgb);
    for i in 0..size.len() {
        let (y, x) = (i / size.w(), i % size.w());
        let gray = 0.1 + 0.004 * y as f32 + if x % 8 < 4 { 0.2 } else { 0.0 };
        let surface =
            if x < 30 { [gray; 3] } else { [1.3 * gray, gray, (0.8 + 0.005 * x as f32) * gray] };
        for c in 0..3 {
            image.plane_mut(c)[i] = scale * surface[c] * light[c] as f32;
        }
    }
    image
}

#[test]
fn a_fitted_model_finds_lights_that_it_was_not_shown() {
    let model = trained(false);
    let all = pictures(120);
    let errors: Vec<f64> = all[60..]
        .iter()
        .map(|(seen, light)| degrees(model.weigh_histograms(seen).light().light, *light))
        .collect();
    let naive = all[60..].iter().map(|(seen, light)| {
        // The mean of the colors, which the red ones pull away.
        let mut mean = [0.0; 2];
        for (i, w) in seen.pixels.iter().enumerate() {
            for (m, k) in mean.iter_mut().zip([i / SIDE, i % SIDE]) {
                let k = k as f64 - if k < SIDE / 2 { 0.0 } else { SIDE as f64 };
                *m += w * k * BIN;
            }
        }
        degrees(Illuminant::from_log_chroma(mean).unwrap(), *light)
    });
    let (mean, naive) = (errors.iter().sum::<f64>() / 60.0, naive.sum::<f64>() / 60.0);
    assert!(mean < 0.5 * naive && mean < 3.0, "{mean} degrees, the mean of the colors {naive}");
}

#[test]
fn the_mean_light_and_the_error_to_expect_are_those_of_the_probabilities() {
    // Two lights, three to one, apart in r/g across the seam of the torus.
    let mut likelihood = vec![-1e9; BINS];
    likelihood[62 * SIDE] = 3.0_f64.ln();
    likelihood[2 * SIDE] = 0.0;
    let near = [0.0, 0.0];
    let found = LightOdds { likelihood: likelihood.clone(), prior: None, near }.light();
    let [x, y] = found.light.log_chroma();
    // Circular, but over four bins of 64 as good as the mean: -2 + 4/4 bins.
    assert!((x + BIN).abs() < 0.02 * BIN && y.abs() < 1e-9, "{x} {y}");
    let at = |bins: f64| Illuminant::from_log_chroma([bins * BIN, 0.0]).unwrap();
    let wanted = 0.75 * degrees(found.light, at(-2.0)) + 0.25 * degrees(found.light, at(2.0));
    assert!((found.expected_error - wanted).abs() < 1e-9, "{found:?} {wanted}");
    // The same bins, meant around the torus.
    let near = [SIDE as f64 * BIN, 0.0];
    let [far, _] =
        LightOdds { likelihood: likelihood.clone(), prior: None, near }.light().light.log_chroma();
    assert!((far - x - SIDE as f64 * BIN).abs() < 1e-9, "{far}");
    // A prior that knows only the second.
    let mut prior = vec![0.0; BINS];
    prior[2 * SIDE] = 1.0;
    let found = LightOdds { likelihood, prior: Some(prior), near: [0.0; 2] }.light();
    assert!((found.light.log_chroma()[0] - 2.0 * BIN).abs() < 1e-9 && found.expected_error < 1e-4);
}

#[test]
fn a_filter_without_a_prior_follows_every_light() {
    let model = trained(false);
    let cx = Context::default();
    let estimate = |light: [f64; 3]| {
        model.weigh(&scene(light, 1.0), Usable::default(), &cx).unwrap().unwrap().light().light
    };
    let plain = estimate([1.0; 3]).log_chroma();
    // Whole bins, so that the torus is shifted exactly; beyond its half, so that aliases are told apart.
    for (r, b) in [(0.5, -0.5), (-1.0, 0.75), (0.25, -1.25)] {
        let cast = estimate([f64::exp(r), 1.0, f64::exp(b)]).log_chroma();
        assert!((cast[0] - plain[0] - r).abs() < 0.03, "{r}: {cast:?} {plain:?}");
        assert!((cast[1] - plain[1] - b).abs() < 0.03, "{b}: {cast:?} {plain:?}");
    }
}

#[test]
fn a_prior_draws_estimates_to_where_lights_are() {
    let (with, without) = (trained(true), trained(false));
    let far = [f64::exp(1.25), 1.0, f64::exp(1.25)];
    let image = scene(far, 0.3);
    let cx = Context::default();
    let light = |model: &LightModel| {
        let odds = model.weigh(&image, Usable::default(), &cx).unwrap().unwrap();
        degrees(odds.light().light, Illuminant::NEUTRAL)
    };
    assert!(light(&with) < light(&without), "{} {}", light(&with), light(&without));
}

#[test]
fn beliefs_weigh_no_cast_by_its_share() {
    let model = trained(false);
    let cx = Context::default();
    let odds =
        |light: [f64; 3]| model.weigh(&scene(light, 1.0), Usable::default(), &cx).unwrap().unwrap();
    let plain = odds([1.0; 3]);
    assert!(plain.belief(0.9).light().is_none(), "{:?}", plain.belief(0.9));
    let cast = odds([1.0, 0.6, 0.3]).belief(0.5);
    let light = cast.light().expect("a cast");
    let truth = Illuminant::new([1.0, 0.6, 0.3]).unwrap();
    assert!(degrees(light, truth) < 6.0, "{cast:?}");
    assert_eq!(plain.belief(0.0).no_cast, 0.0);
    assert_eq!(plain.belief(1.0).no_cast, 1.0);
}

#[test]
fn a_model_is_read_as_it_was_written_and_nothing_else_is_read() {
    for prior in [false, true] {
        let mut card = trained(prior).card().clone();
        card.data = "random colors".into();
        card.scores.insert("here".into(), [2.5, 1.25]);
        let model = trained(prior).with_card(card);
        let text = model.to_json().unwrap();
        let again = LightModel::from_json(&text).unwrap();
        assert_eq!((&again, again.to_json().unwrap()), (&model, text.clone()));
        for bad in [
            "{}".to_owned(),
            "no JSON".to_owned(),
            text.replace("64x64", "32x32"),
            text.replacen("\"pixels\":[", "\"pixels\":[0.5,", 1),
            text.replace("\"card\":", "\"cards\":"),
        ] {
            let error = LightModel::from_json(&bad).unwrap_err();
            assert!(matches!(error, OpError::Param { name: "model", .. }), "{error}");
        }
    }
}

#[test]
fn pictures_that_say_nothing_have_no_odds_and_encoded_ones_are_refused() {
    let (model, cx) = (trained(false), Context::default());
    let black = Image::zeros(Size::new(9, 9), ColorSpace::LinearRgb);
    assert!(model.weigh(&black, Usable::default(), &cx).unwrap().is_none());
    let encoded = Image::zeros(Size::new(9, 9), ColorSpace::Srgb);
    assert!(matches!(
        model.weigh(&encoded, Usable::default(), &cx),
        Err(OpError::WrongSpace { .. })
    ));
}
