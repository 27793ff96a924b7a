use super::*;
use crate::models::Restorer;
use crate::{Precision, Value};
use restora_image::{Cancel, ColorSpace, Rng, Size};

fn image(w: u32, h: u32, space: ColorSpace, seed: u64) -> Image {
    let mut rng = Rng::new(seed, "image", 0);
    let mut image = Image::zeros(Size::new(w, h), space);
    image.data_mut().iter_mut().for_each(|x| *x = rng.uniform() as f32);
    image
}

fn small(channels: usize) -> Denoiser {
    let model =
        Model::Restorer(Restorer { channels, widths: [8, 12, 20], blocks: [1, 1, 1, 1, 1] });
    let weights = Weights { card: model.card(), tensors: Net::random(model.graph(), 5).tensors() };
    // As from a file.
    Denoiser::new(Weights::from_bytes(&weights.to_bytes(Precision::F32).unwrap()).unwrap()).unwrap()
}

/// The whole image at once, by the layers of the training engine.
fn whole(denoiser: &Denoiser, image: &Image, sigma: Option<f32>) -> Vec<f32> {
    let (w, h) = (image.size().w(), image.size().h());
    let [wide, high] = [w, h].map(|n| n.next_multiple_of(denoiser.align));
    let mut planes = Vec::new();
    let reflect = |i: usize, n: usize| restora_image::Border::Reflect.index(i as isize, n).unwrap();
    for c in 0..image.channels() {
        for y in 0..high {
            let row = &image.plane_data(c)[reflect(y, h) * w..][..w];
            planes.extend((0..wide).map(|x| row[reflect(x, w)]));
        }
    }
    for value in denoiser.model.conditioning().values(sigma) {
        planes.extend(std::iter::repeat_n(value, wide * high));
    }
    let graph = denoiser.model.graph();
    let channels = planes.len() / (wide * high);
    let x = Value::from_planes(1, [channels, high, wide], &planes).unwrap();
    let out = Net::random(graph, 5).forward(x, 1).unwrap().to_planes();
    let mut cut = Vec::new();
    for plane in out.chunks_exact(wide * high) {
        plane.chunks_exact(wide).take(h).for_each(|row| cut.extend_from_slice(&row[..w]));
    }
    cut
}

fn assert_close(came: &[f32], wanted: &[f32], what: &str) {
    assert_eq!(came.len(), wanted.len());
    let scale = wanted.iter().fold(1.0_f32, |m, x| m.max(x.abs()));
    for (i, (c, w)) in came.iter().zip(wanted).enumerate() {
        assert!((c - w).abs() <= 1e-5 * scale, "{what}, element {i}: {c} against {w}");
    }
}

#[test]
fn row_by_row_equals_the_whole_at_any_size() {
    let denoiser = small(1);
    for (w, h) in [(1, 1), (1, 37), (41, 1), (2, 3), (3, 2), (97, 64), (130, 203)] {
        let image = image(w, h, ColorSpace::Gray, 1);
        let came = denoiser.denoise(&image, Some(0.1), &Context::default()).unwrap();
        assert_close(came.data(), &whole(&denoiser, &image, Some(0.1)), &format!("{w}x{h}"));
    }
}

#[test]
fn an_image_cut_into_columns_equals_the_whole() {
    let denoiser = small(3);
    let image = image(481, 45, ColorSpace::Srgb, 2);
    let constants = denoiser.model.conditioning().values(None);
    let planes: Vec<&[f32]> = (0..3).map(|c| image.plane_data(c)).collect();
    let wanted = whole(&denoiser, &image, None);
    let Passes::Cpu(runner) = &denoiser.passes else {
        panic!("no graphics processor was asked for")
    };
    for widest in [481, 100, 7] {
        let mut out = vec![0.0; 3 * 481 * 45];
        let cx = Context::with_threads(2);
        denoiser
            .pass_in_columns(runner, &planes, &constants, [45, 481], &mut out, &cx, widest)
            .unwrap();
        assert_close(&out, &wanted, &format!("columns of {widest}"));
    }
}

#[test]
fn an_image_cut_into_squares_equals_the_whole() {
    let denoiser = small(3);
    let graph = denoiser.model.graph();
    let constants = denoiser.model.conditioning().values(Some(0.2));
    let channels = 3 + constants.len();
    let net = Net::random(graph.clone(), 5);
    let cut = Cut::of(&graph, channels, denoiser.reach, denoiser.align);
    assert!(cut.margin >= denoiser.reach && cut.margin.is_multiple_of(cut.align));
    // The values of a wider net are as large in smaller squares.
    let wide = Model::Restorer(Restorer { channels: 3, ..Restorer::default() }).graph();
    let smaller = Cut::of(&wide, channels, denoiser.reach, denoiser.align).side;
    assert!((64..cut.side).contains(&smaller), "{smaller} and {}", cut.side);
    for (w, h) in [(1, 1), (2, 3), (41, 1), (97, 150)] {
        let image = image(w, h, ColorSpace::Srgb, 2);
        let wanted = whole(&denoiser, &image, Some(0.2));
        let planes: Vec<&[f32]> = (0..3).map(|c| image.plane_data(c)).collect();
        for side in [1024_usize, 40, 8] {
            let cut = Cut { side: side.next_multiple_of(denoiser.align), ..cut };
            let mut out = vec![0.0; image.data().len()];
            let forward = |x: &Value| net.forward(x.clone(), 1);
            let (size, cx) = ([h as usize, w as usize], Context::default());
            cut.pass(forward, &planes, &constants, size, &mut out, &cx).unwrap();
            assert_close(&out, &wanted, &format!("{w}x{h} in squares of {side}"));
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let (denoiser, image) = (small(3), image(321, 481, ColorSpace::Srgb, 3));
    let run = |threads| denoiser.denoise(&image, None, &Context::with_threads(threads)).unwrap();
    let one = run(1);
    assert!(one.data().iter().all(|x| x.is_finite()));
    assert!(run(2) == one && run(5) == one);
}

#[test]
fn gray_and_color_meet_either_net() {
    let gray = image(40, 30, ColorSpace::Gray, 4);
    let color = image(40, 30, ColorSpace::Srgb, 4);
    let cx = Context::default();
    let through_color = small(3).denoise(&gray, None, &cx).unwrap();
    let mut three = Image::zeros(gray.size(), ColorSpace::Srgb);
    three.planes_mut().for_each(|p| p.copy_from_slice(gray.data()));
    let planes = small(3).denoise(&three, None, &cx).unwrap();
    for (i, x) in through_color.data().iter().enumerate() {
        let mean = (0..3).map(|c| planes.plane_data(c)[i]).sum::<f32>() / 3.0;
        assert_eq!(*x, mean);
    }
    let through_gray = small(1).denoise(&color, None, &cx).unwrap();
    let mut red = Image::zeros(gray.size(), ColorSpace::Gray);
    red.data_mut().copy_from_slice(color.plane_data(0));
    let red = small(1).denoise(&red, None, &cx).unwrap();
    assert_eq!(through_gray.plane_data(0), red.data());
    let raw = image(8, 8, ColorSpace::Raw(2), 1);
    assert!(small(3).denoise(&raw, None, &cx).unwrap_err().to_string().contains("got 2"));
}

#[test]
fn a_bad_sigma_is_an_error_and_a_cancelled_run_stops() {
    let (denoiser, image) = (small(1), image(64, 64, ColorSpace::Gray, 4));
    for sigma in [-0.1, f32::NAN, f32::INFINITY] {
        let error = denoiser.denoise(&image, Some(sigma), &Context::default()).unwrap_err();
        assert!(matches!(error, NnError::Param(_)), "{error}");
    }
    let cancel = Cancel::default();
    cancel.cancel();
    let cx = Context { cancel: Some(&cancel), ..Context::default() };
    assert!(matches!(denoiser.denoise(&image, None, &cx), Err(NnError::Cancelled)));
}
