use super::*;
use crate::MetricError;
use restora_image::{ColorSpace, Image, Size};
use restora_testkit::{noisy, synthetic, synthetic_rgb};

#[test]
fn a_hash_reads_as_it_is_shown() {
    let hash = PerceptualHash::of_bits((0..64).map(|i| i % 3 == 0));
    assert_eq!(hash.to_string(), "9249249249249249");
    assert_eq!(hash.to_string().parse(), Ok(hash));
    assert_eq!(hash.distance(PerceptualHash(!hash.0)), 64);
    for wrong in ["", "924924924924924", "+249249249249249", "924924924924924g"] {
        assert!(wrong.parse::<PerceptualHash>().is_err(), "{wrong}");
    }
}

#[test]
fn a_little_noise_or_another_size_moves_few_bits_and_a_mirror_many() {
    let x = synthetic_rgb(Size::new(200, 160));
    let y = noisy(&x, 0.02, 1);
    let mut mirrored = x.clone();
    for plane in mirrored.planes_mut() {
        plane.chunks_exact_mut(200).for_each(<[f32]>::reverse);
    }
    for kind in HashKind::ALL {
        let hash = |i: &Image| kind.of(i).unwrap();
        let (near, far) = (hash(&x).distance(hash(&y)), hash(&x).distance(hash(&mirrored)));
        assert!(near <= 6 && far > near + 4, "{kind:?}: {near} {far}");
    }
}

#[test]
fn tiny_images_have_a_hash_and_empty_ones_an_error() {
    for (w, h) in [(1, 1), (1, 7), (9, 1), (2, 3), (700, 3)] {
        for kind in HashKind::ALL {
            assert!(kind.of(&synthetic(Size::new(w, h))).is_ok(), "{kind:?} {w}x{h}");
        }
    }
    for kind in HashKind::ALL {
        let empty = Image::zeros(Size::new(0, 4), ColorSpace::Srgb);
        assert!(matches!(kind.of(&empty), Err(MetricError::TooSmall { .. })));
        let lab = Image::zeros(Size::new(4, 4), ColorSpace::Lab);
        assert!(matches!(kind.of(&lab), Err(MetricError::Image(_))));
    }
}

type Distance = fn(&Image, &Image) -> f64;

#[test]
fn hashes_of_opencv_know_a_noisy_copy_from_a_mirrored_one_and_take_any_size() {
    let x = synthetic_rgb(Size::new(200, 160));
    let y = noisy(&x, 0.02, 1);
    let mut mirrored = x.clone();
    for plane in mirrored.planes_mut() {
        plane.chunks_exact_mut(200).for_each(<[f32]>::reverse);
    }
    let kinds: [(Distance, f64); 5] = [
        (|a, b| f64::from(a_hash_opencv(a).unwrap().distance(a_hash_opencv(b).unwrap())), 64.0),
        (|a, b| f64::from(p_hash_opencv(a).unwrap().distance(p_hash_opencv(b).unwrap())), 64.0),
        (|a, b| f64::from(block_mean(a).unwrap().distance(block_mean(b).unwrap())), 256.0),
        (|a, b| f64::from(marr_hildreth(a).unwrap().distance(marr_hildreth(b).unwrap())), 576.0),
        (|a, b| 1.0 - radial_variance(a).unwrap().similarity(radial_variance(b).unwrap()), 1.0),
    ];
    for (k, (distance, most)) in kinds.into_iter().enumerate() {
        assert!(distance(&x, &x).abs() < 1e-12, "{k}");
        let (near, far) = (distance(&x, &y) / most, distance(&x, &mirrored) / most);
        assert!(near < 0.2 && near < far, "{k}: {near} {far}");
        for (w, h) in [(1, 1), (1, 7), (9, 1), (2, 3), (700, 3)] {
            let tiny = synthetic(Size::new(w, h));
            assert!(distance(&tiny, &tiny) <= 1.0, "{k} {w}x{h}");
        }
    }
    let empty = Image::zeros(Size::new(0, 4), ColorSpace::Srgb);
    assert!(matches!(marr_hildreth(&empty), Err(MetricError::TooSmall { .. })));
    let lab = Image::zeros(Size::new(4, 4), ColorSpace::Lab);
    assert!(matches!(block_mean(&lab), Err(MetricError::Image(_))));
}
