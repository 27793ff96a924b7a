use super::*;
use restora_image::{Context, Rng};

/// Weights of He's size, and biases that are not 0.
fn weights(kind: BackboneKind) -> Tensors {
    let one = |(name, shape): (String, Vec<usize>)| {
        let mut rng = Rng::new(5, &name, 0);
        let bound = match shape[..] {
            [_, inputs, k, _] => (6.0 / (inputs * k * k) as f64).sqrt(),
            _ => 0.1,
        };
        let numbers = (0..shape.iter().product::<usize>())
            .map(|_| ((2.0 * rng.uniform() - 1.0) * bound) as f32)
            .collect();
        (name, Tensor::new(shape, numbers).unwrap())
    };
    kind.parameters().into_iter().map(one).collect()
}

/// A map `[c][y][x]` in `f64`.
struct Map {
    c: usize,
    h: usize,
    w: usize,
    data: Vec<f64>,
}

impl Map {
    fn at(&self, c: usize, y: i64, x: i64) -> Option<f64> {
        let inside = y >= 0 && x >= 0 && y < self.h as i64 && x < self.w as i64;
        inside.then(|| self.data[(c * self.h + y as usize) * self.w + x as usize])
    }

    fn conv(
        &self,
        tensors: &Tensors,
        name: &str,
        kernel: usize,
        stride: usize,
        pad: usize,
    ) -> Self {
        let weights = tensors[&format!("{name}.weight")].data();
        let bias = tensors[&format!("{name}.bias")].data();
        let side = |n: usize| (n + 2 * pad - kernel) / stride + 1;
        let (h, w) = (side(self.h), side(self.w));
        let mut data = Vec::with_capacity(bias.len() * h * w);
        for (o, bias) in bias.iter().enumerate() {
            for (y, x) in (0..h).flat_map(|y| (0..w).map(move |x| (y, x))) {
                let mut sum = f64::from(*bias);
                for c in 0..self.c {
                    for (ky, kx) in (0..kernel).flat_map(|ky| (0..kernel).map(move |kx| (ky, kx))) {
                        let (sy, sx) = (y * stride + ky, x * stride + kx);
                        let v = self.at(c, sy as i64 - pad as i64, sx as i64 - pad as i64);
                        let weight = weights[((o * self.c + c) * kernel + ky) * kernel + kx];
                        sum += f64::from(weight) * v.unwrap_or(0.0);
                    }
                }
                data.push(sum.max(0.0));
            }
        }
        Self { c: bias.len(), h, w, data }
    }

    fn pool(&self, kernel: usize, ceil: bool, pooling: BackbonePooling) -> Self {
        let l2 = pooling == BackbonePooling::L2;
        let side = |n: usize| match (l2, ceil) {
            (true, _) => n.div_ceil(2),
            (false, true) => (n - kernel).div_ceil(2) + 1,
            (false, false) => (n - kernel) / 2 + 1,
        };
        let (h, w) = (side(self.h), side(self.w));
        let mut data = Vec::new();
        for c in 0..self.c {
            for (y, x) in (0..h).flat_map(|y| (0..w).map(move |x| (2 * y as i64, 2 * x as i64))) {
                data.push(if l2 {
                    let tap = |d: i64| if d == 0 { 0.5 } else { 0.25 };
                    let square = |(dy, dx): (i64, i64)| {
                        let v = self.at(c, y + dy, x + dx).unwrap_or(0.0);
                        tap(dy) * tap(dx) * v * v
                    };
                    let window = (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dy, dx)));
                    (window.map(square).sum::<f64>() + 1e-12).sqrt()
                } else {
                    let k = kernel as i64;
                    let window = (0..k).flat_map(|dy| (0..k).map(move |dx| (dy, dx)));
                    window
                        .filter_map(|(dy, dx)| self.at(c, y + dy, x + dx))
                        .fold(f64::NEG_INFINITY, f64::max)
                });
            }
        }
        Self { c: self.c, h, w, data }
    }
}

/// The taps straight from the definition.
fn oracle(tensors: &Tensors, kind: BackboneKind, pooling: BackbonePooling, image: Map) -> Vec<Map> {
    let mut map = image;
    let mut taps = Vec::new();
    for plan in kind.plan() {
        map = match plan {
            Plan::Conv { index, kernel, stride, pad, .. } => {
                map.conv(tensors, &format!("features.{index}"), kernel, stride, pad)
            }
            Plan::Fire { index, .. } => {
                let name = |part: &str| format!("features.{index}.{part}");
                let squeezed = map.conv(tensors, &name("squeeze"), 1, 1, 0);
                let mut one = squeezed.conv(tensors, &name("expand1x1"), 1, 1, 0);
                let three = squeezed.conv(tensors, &name("expand3x3"), 3, 1, 1);
                one.data.extend(three.data);
                Map { c: one.c + three.c, ..one }
            }
            Plan::Pool { kernel, ceil } => map.pool(kernel, ceil, pooling),
            Plan::Tap => {
                let Map { c, h, w, ref data } = map;
                taps.push(Map { c, h, w, data: data.clone() });
                map
            }
        };
    }
    taps
}

#[test]
fn the_taps_are_those_of_the_definition() {
    for (kind, pooling, [h, w]) in [
        (BackboneKind::AlexNet, BackbonePooling::Max, [31, 43]),
        (BackboneKind::SqueezeNet, BackbonePooling::Max, [25, 38]),
        (BackboneKind::Vgg16, BackbonePooling::Max, [16, 19]),
        (BackboneKind::Vgg16, BackbonePooling::L2, [17, 16]),
    ] {
        let tensors = weights(kind);
        let mut rng = Rng::new(1, "image", 0);
        let planes: Vec<f32> = (0..3 * h * w).map(|_| rng.normal() as f32).collect();
        let net = Backbone::new(&tensors, pooling).unwrap();
        assert_eq!(net.kind(), kind);
        let got = net.taps(&planes, [h, w], &Context::default()).unwrap();
        let data = planes.iter().map(|v| f64::from(*v)).collect();
        let wanted = oracle(&tensors, kind, pooling, Map { c: 3, h, w, data });
        assert_eq!(got.len(), wanted.len());
        for ((got, wanted), channels) in got.iter().zip(&wanted).zip(kind.channels()) {
            assert_eq!((got.channels, got.height, got.width), (wanted.c, wanted.h, wanted.w));
            assert_eq!(got.channels, *channels);
            let largest = wanted.data.iter().copied().fold(0.0, f64::max);
            for (i, v) in got.data.iter().enumerate() {
                let wanted =
                    wanted.data[i % got.channels * got.height * got.width + i / got.channels];
                assert!((f64::from(*v) - wanted).abs() < 1e-5 * largest, "{kind}: {v} {wanted}");
            }
        }
        let three = net.taps(&planes, [h, w], &Context::with_threads(3)).unwrap();
        assert_eq!(three, got, "{kind}");
    }
}

#[test]
fn a_classifier_is_passed_over_and_what_does_not_fit_is_listed() {
    let mut tensors = weights(BackboneKind::SqueezeNet);
    tensors.insert("classifier.1.bias".into(), Tensor::zeros(&[1000]));
    assert!(Backbone::new(&tensors, BackbonePooling::Max).is_ok());
    tensors.insert("features.13.weight".into(), Tensor::zeros(&[1]));
    tensors.insert("features.6.squeeze.bias".into(), Tensor::zeros(&[31]));
    tensors.remove("features.0.bias");
    let error = Backbone::new(&tensors, BackbonePooling::Max).unwrap_err().to_string();
    for words in [
        "`features.13.weight` is not part",
        "`features.6.squeeze.bias` is [31], wanted [32]",
        "`features.0.bias` is missing",
    ] {
        assert!(error.contains(words), "{error}");
    }
    let other: Tensors = [("net.0.weight".to_owned(), Tensor::zeros(&[1]))].into();
    let error = Backbone::new(&other, BackbonePooling::Max).unwrap_err().to_string();
    assert!(error.contains("squeezenet1_1"), "{error}");
    assert!(Backbone::new(&weights(BackboneKind::AlexNet), BackbonePooling::L2).is_err());
}

#[test]
fn too_small_pictures_are_refused_and_the_least_are_not() {
    for kind in BackboneKind::ALL {
        let net = Backbone::new(&weights(kind), BackbonePooling::Max).unwrap();
        let least = kind.least_side();
        let taps = |n: usize| net.taps(&vec![0.1; 3 * n * n], [n, n], &Context::default());
        assert!(taps(least - 1).is_err(), "{kind}");
        assert!(taps(least).unwrap().iter().all(|m| !m.data.is_empty()), "{kind}");
    }
}
