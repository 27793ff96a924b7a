use super::*;

const TRUE: [[f64; 3]; 3] = [[0.92, -0.18, 60.0], [0.15, 0.95, -20.0], [1.2e-4, -8e-5, 1.0]];

fn truth() -> Matrix3<f64> {
    Matrix3::from_fn(|r, c| TRUE[r][c])
}

/// `good` matches with errors of `sigma`, `bad` random ones.
fn points(good: usize, bad: usize, sigma: f64, m: &Matrix3<f64>) -> [Vec<[f64; 2]>; 2] {
    let mut rng = Rng::new(7, "points", 0);
    let mut draw = || [rng.uniform() * 499.0, rng.uniform() * 499.0];
    let from: Vec<_> = (0..good + bad).map(|_| draw()).collect();
    let mut to: Vec<_> = (0..good + bad).map(|_| draw()).collect();
    for i in 0..good {
        let [x, y] = project(m, from[i]);
        to[i] = [x + sigma * rng.normal(), y + sigma * rng.normal()];
    }
    [from, to]
}

fn corner_error(fit: &HomographyFit, m: &Matrix3<f64>) -> f64 {
    let corners = [[0.0, 0.0], [499.0, 0.0], [499.0, 499.0], [0.0, 499.0]];
    let gap = |c: [f64; 2]| {
        let ([x, y], [u, v]) = (fit.apply(c), project(m, c));
        (x - u).hypot(y - v)
    };
    corners.map(gap).iter().sum::<f64>() / 4.0
}

#[test]
fn exact_matches_among_as_many_wrong_ones_give_the_exact_homography() {
    let [from, to] = points(100, 100, 0.0, &truth());
    let options = Homography::default();
    let fit = homography(&from, &to, &options, &Context::default()).unwrap().unwrap();
    assert!(corner_error(&fit, &truth()) < 1e-6);
    assert!(fit.inliers[..100].iter().all(|i| *i) && fit.inlier_count() <= 103);
    assert!(fit.log10_false_alarms < -200.0);
}

#[test]
fn noise_of_half_a_pixel_averages_out() {
    let [from, to] = points(400, 300, 0.5, &truth());
    let fit = homography(&from, &to, &Homography::default(), &Context::default());
    let gap = corner_error(&fit.unwrap().unwrap(), &truth());
    assert!(gap < 0.3, "{gap}");
}

#[test]
fn a_mirrored_picture_is_found() {
    let mirror = Matrix3::new(-1.0, 0.0, 499.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0);
    let [from, to] = points(30, 30, 0.3, &mirror);
    let fit = homography(&from, &to, &Homography::default(), &Context::default());
    assert!(corner_error(&fit.unwrap().unwrap(), &mirror) < 1.0);
}

#[test]
fn random_points_have_no_homography_whatever_the_seed() {
    for seed in 0..20 {
        let [from, to] = points(0, 40 + seed as usize, 0.0, &truth());
        let cx = Context { seed, ..Context::default() };
        assert_eq!(homography(&from, &to, &Homography::default(), &cx), Ok(None));
    }
}

#[test]
fn many_matches_to_one_point_prove_nothing() {
    let [from, mut to] = points(0, 80, 0.0, &truth());
    for to in &mut to[..40] {
        *to = [200.0 + to[0] / 400.0, 100.0 + to[1] / 400.0];
    }
    let got = homography(&from, &to, &Homography::default(), &Context::default());
    assert_eq!(got, Ok(None));
}

#[test]
fn points_on_one_line_or_too_few_have_none() {
    let line: Vec<_> = (0..50).map(|i| [f64::from(i), 2.0 * f64::from(i)]).collect();
    for points in [&line[..], &line[..4], &[], &[[1.0, 1.0]; 9]] {
        let got = homography(points, points, &Homography::default(), &Context::default());
        assert_eq!(got, Ok(None));
    }
}

#[test]
fn bad_input_is_refused_by_name() {
    let run = |from: &[[f64; 2]], to: &[[f64; 2]], options: Homography| {
        homography(from, to, &options, &Context::default()).unwrap_err().to_string()
    };
    let good = Homography::default();
    assert!(run(&[[0.0; 2]], &[], good).contains("in pairs, got 1 of the first"));
    assert!(run(&[[f64::NAN; 2]], &[[0.0; 2]], good).contains("not finite"));
    assert!(run(&[], &[], Homography { threshold: 0.0, ..good }).contains("`threshold`"));
    assert!(run(&[], &[], Homography { confidence: 1.0, ..good }).contains("`confidence`"));
    assert!(run(&[], &[], Homography { max_draws: 0, ..good }).contains("`max_draws`"));
}
