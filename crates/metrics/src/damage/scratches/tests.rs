use super::*;
use restora_image::{Cancel, ColorSpace, Size};
use restora_testkit::{noisy, synthetic, synthetic_rgb};

fn found(image: &Image, false_marks: f32) -> Mask {
    let options = Scratches { significance: Significance::FalseMarks(false_marks) };
    scratches(image, &options, &Context::default()).unwrap()
}

/// A picture with a line or arc of a tone and a width over it, and the truth.
fn scratched(clean: &Image, tone: f32, width: f32, bend: f32) -> (Image, Mask) {
    let size = clean.size();
    let (w, mut out) = (size.w(), clean.clone());
    let cover = |x: usize, y: usize| {
        let (x, y) = (x as f32, y as f32);
        let line = 0.4 * x + 40.0 + bend * (x / 60.0).sin();
        let slope = (0.4 + bend / 60.0 * (x / 60.0).cos()).hypot(1.0);
        (0.5 * width + 0.5 - (y - line).abs() / slope).clamp(0.0, 1.0)
    };
    for plane in out.planes_mut() {
        for (i, v) in plane.iter_mut().enumerate() {
            *v += cover(i % w, i / w) * (tone - *v);
        }
    }
    (out, Mask::from_fn(size, |x, y| cover(x, y) > 0.0))
}

/// Parts of `a` that lie within a pixel of `b`.
fn within(a: &Mask, b: &Mask) -> f32 {
    let (w, h) = (a.size().w(), a.size().h());
    let near = |x: usize, y: usize| {
        (y.saturating_sub(1)..(y + 2).min(h))
            .any(|j| (x.saturating_sub(1)..(x + 2).min(w)).any(|i| b.at(i, j)))
    };
    let hit = (0..w * h).filter(|i| a.data()[*i] && near(i % w, i / w)).count();
    hit as f32 / a.count().max(1) as f32
}

#[test]
fn lines_and_arcs_are_marked_as_wide_as_they_are() {
    let clean = noisy(&synthetic_rgb(Size::new(240, 200)), 0.01, 1);
    for (tone, width, bend) in
        [(1.0, 1.5, 0.0), (0.0, 1.5, 12.0), (0.95, 3.0, 12.0), (0.05, 4.0, 0.0)]
    {
        let (image, truth) = scratched(&clean, tone, width, bend);
        let mask = found(&image, 10.0);
        let (right, hit) = (within(&mask, &truth), within(&truth, &mask));
        assert!(right > 0.9, "{tone}, {width}, {bend}: {right} of the marks are right");
        assert!(hit > 0.85, "{tone}, {width}, {bend}: {hit} of the scratch is marked");
    }
}

#[test]
fn edges_stripes_and_frames_of_the_scene_are_left() {
    let size = Size::new(240, 200);
    let disk = |x: usize, y: usize| (x as f32 - 120.0).hypot(y as f32 - 100.0);
    let pictures = [
        noisy(&synthetic(size), 0.02, 2),
        Image::gray_from_fn(size, |x, y| if disk(x, y) < 60.0 { 0.9 } else { 0.2 }),
        Image::gray_from_fn(size, |x, _| 0.5 + 0.3 * (x as f32 * 0.8).sin()),
        Image::gray_from_fn(size, |x, y| if x < 3 || y < 3 || x > 236 { 1.0 } else { 0.4 }),
        Image::zeros(size, ColorSpace::Srgb),
    ];
    for (i, picture) in pictures.iter().enumerate() {
        assert_eq!(found(picture, 1.0).count(), 0, "picture {i}");
    }
}

#[test]
fn more_is_marked_where_more_wrong_marks_are_allowed() {
    let (image, _) = scratched(&noisy(&synthetic(Size::new(240, 200)), 0.02, 3), 0.8, 1.0, 8.0);
    let counts = [0.1, 1.0, 10.0, 100.0].map(|rate| found(&image, rate).count());
    assert!(counts.is_sorted() && counts[0] < counts[3], "{counts:?}");
}

#[test]
fn one_scratch_is_marked_where_it_is_asked_for_and_four_where_three_are_wanted() {
    let (one, _) = scratched(&noisy(&synthetic_rgb(Size::new(240, 200)), 0.01, 1), 1.0, 2.0, 0.0);
    let marked = |image: &Image, significance| {
        scratches(image, &Scratches { significance }, &Context::default()).unwrap().count()
    };
    assert!(marked(&one, Significance::ASKED) > 300);
    assert_eq!(marked(&one, Significance::UNASKED), 0);
    let four = one.planes().flat_map(|p| (0..800).flat_map(move |y| p.row(y % 200).to_vec()));
    let four = Image::from_vec(Size::new(240, 800), ColorSpace::Srgb, four.collect()).unwrap();
    let share = |share, least| Significance::FalseShare { share, least };
    assert!(marked(&four, share(0.1, 3)) > 1200);
    assert_eq!(marked(&four, share(0.1, 1000)), 0);
}

#[test]
fn threads_change_nothing() {
    let (image, _) = scratched(&noisy(&synthetic_rgb(Size::new(180, 150)), 0.01, 1), 1.0, 2.0, 0.0);
    let one = found(&image, 100.0);
    let options = Scratches { significance: Significance::FalseMarks(100.0) };
    assert_eq!(scratches(&image, &options, &Context::with_threads(4)).unwrap(), one);
}

#[test]
fn any_size_is_looked_at_and_errors_say_why() {
    for (w, h) in [(0, 0), (1, 1), (1, 40), (40, 1), (2, 3), (17, 9)] {
        assert_eq!(found(&synthetic_rgb(Size::new(w, h)), 100.0).count(), 0, "{w}x{h}");
    }
    let image = synthetic(Size::new(8, 8));
    for false_marks in [0.0, 101.0, f32::NAN] {
        let options = Scratches { significance: Significance::FalseMarks(false_marks) };
        let result = scratches(&image, &options, &Context::default());
        assert!(matches!(result, Err(OpError::Param { name: "false_marks", .. })));
    }
    let cancel = Cancel::default();
    cancel.cancel();
    let cx = Context { cancel: Some(&cancel), ..Context::default() };
    assert_eq!(scratches(&image, &Scratches::default(), &cx), Err(OpError::Cancelled));
}
