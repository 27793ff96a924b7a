use super::*;
use restora_data::{Dataset, DatasetOptions};
use restora_image::{Cancel, ColorSpace, ErrorKind};
use restora_testkit::{synthetic, synthetic_rgb};
use std::path::Path;

/// All that need no file.
fn all() -> impl Iterator<Item = &'static OpInfo> {
    Extractor::catalog().into_iter().filter(|info| info.id != "model")
}

#[test]
fn every_extractor_makes_vectors_of_one_length_of_any_picture() {
    for info in all() {
        let extractor = Extractor::parse(info.id).unwrap();
        assert_eq!(extractor.name(), info.id);
        for size in [Size::new(97, 61), Size::new(20, 130), Size::new(33, 33)] {
            for image in [synthetic(size), synthetic_rgb(size)] {
                let one = extractor.extract(&image, &Context::default()).unwrap();
                assert_eq!(one.len(), extractor.dimensions(), "{} of {size}", info.id);
                let many = extractor.extract(&image, &Context::with_threads(3)).unwrap();
                assert_eq!(one, many, "{}", info.id);
            }
        }
    }
}

#[test]
fn names_hold_what_differs_from_the_defaults_and_are_read_again() {
    for (text, name, dimensions) in [
        ("gabor", "gabor", 24),
        (
            "gabor:frequencies=0.25:orientations=6,size=64",
            "gabor:size=64:frequencies=0.25:orientations=6",
            12,
        ),
        ("gabor:frequencies=0.1,0.3", "gabor:frequencies=0.1,0.3", 16),
        ("hog", "hog", 7 * 7 * 36),
        ("hog:cell=16,size=128,fit=crop", "hog:fit=crop:size=128:cell=16", 7 * 7 * 36),
        ("hog:size=64,orientations=9", "hog", 1764),
        ("color-histogram:space=lab,bins=4", "color-histogram:bins=4:space=lab", 64),
        (
            "color-histogram:channels=separate,levels=2",
            "color-histogram:channels=separate:levels=2",
            504,
        ),
        ("gist", "gist", 512),
        ("gist:orientations=8,8,4,color=rgb", "gist:color=rgb:orientations=8,8,4", 960),
        ("lbp:points=12,radius=2.5", "lbp:points=12:radius=2.5", 14),
        ("p-hash", "p-hash", 64),
    ] {
        let extractor = Extractor::parse(text).unwrap();
        assert_eq!((extractor.name().as_str(), extractor.dimensions()), (name, dimensions));
        assert_eq!(Extractor::parse(name).unwrap().name(), name);
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (text, word) in [
        ("sift", "hog"),
        ("hog:cells=8", "cells"),
        ("hog:cell=0", "cell"),
        ("hog:size=0", "size"),
        ("hog:size=8", "size"),
        ("gabor:size=5000", "size"),
        ("gabor:fit=crop", "fit"),
        ("gabor:size=32,fit=pad", "stretch"),
        ("p-hash:bits=256", "bits"),
        ("lbp:points", "key=value"),
        ("model", "model="),
        ("model=", "file"),
        ("model:file=a.onnx", "model="),
    ] {
        let error = Extractor::parse(text).unwrap_err();
        assert!(error.to_string().contains(word), "{text}: {error}");
        assert_eq!(error.kind(), ErrorKind::Param, "{text}");
    }
}

#[test]
fn vectors_are_those_of_the_features() {
    let image = synthetic_rgb(Size::new(80, 50));
    let of =
        |text: &str| Extractor::parse(text).unwrap().extract(&image, &Context::default()).unwrap();
    let energies = gabor(&image, &Gabor::default(), &Context::default()).unwrap();
    assert_eq!(
        of("gabor")[6..8],
        [energies[3].mean_energy as f32, energies[3].variance_energy as f32]
    );
    let hash = HashKind::DHash.of(&image).unwrap().0;
    let bits = of("d-hash").iter().fold(0u64, |hash, bit| hash << 1 | *bit as u64);
    assert_eq!(bits, hash);
    assert!((of("lbp").iter().sum::<f32>() - 1.0).abs() < 1e-6);
    // Pictures of the frame's size and shape are not touched.
    let square = synthetic(Size::new(64, 64));
    let plain = hog(&square, &Hog::default(), &Context::default()).unwrap();
    let framed = Extractor::parse("hog").unwrap().extract(&square, &Context::default()).unwrap();
    assert_eq!(plain, framed);
}

#[test]
fn nets_of_ours_give_their_codes_and_layers_from_either_kind_of_file() {
    use restora_nn::models::{Architecture, DenseAutoencoder};
    let dir = tempfile::tempdir().unwrap();
    let options = DenseAutoencoder {
        shape: [3, 16, 24],
        code: 6,
        hidden: vec![20],
        ..DenseAutoencoder::default()
    };
    let net = options.start(1);
    let card = restora_nn::Model::DenseAutoencoder(options).card();
    let shape = [3, 16, 24];
    let onnx = restora_nn::onnx::export(net.graph(), &net.tensors(), shape, Some(&card)).unwrap();
    let weights = restora_nn::Weights { card, tensors: net.tensors() };
    let bytes = weights.to_bytes(restora_nn::Precision::F32).unwrap();
    // A comma in a name is no option.
    let paths = ["a,b.safetensors", "net.onnx"].map(|name| dir.path().join(name));
    std::fs::write(&paths[0], bytes).unwrap();
    std::fs::write(&paths[1], onnx).unwrap();
    let image = synthetic_rgb(Size::new(60, 50));
    let parse =
        |path: &Path, rest: &str| Extractor::parse(&format!("model={}{rest}", path.display()));
    let run = |path: &Path, rest: &str| {
        let extractor = parse(path, rest).unwrap();
        let numbers = extractor.extract(&image, &Context::default()).unwrap();
        assert_eq!(numbers.len(), extractor.dimensions());
        (extractor.name(), numbers)
    };
    let (name, code) = run(&paths[0], ",fit=stretch");
    assert_eq!((name.as_str(), code.len()), ("model=a,b.safetensors,fit=stretch", 6));
    let (name, same) = run(&paths[1], ", layer=code, fit=stretch");
    assert_eq!(name, "model=net.onnx,layer=code,fit=stretch");
    let gap = code.iter().zip(&same).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(gap < 1e-5, "{code:?} {same:?}");
    assert_ne!(code, run(&paths[0], "").1);
    assert_ne!(code, run(&paths[0], ",fit=stretch,order=bgr").1);
    let scaled = run(&paths[0], ",fit=stretch,range=255,mean=0,std=255").1;
    assert!(code.iter().zip(&scaled).all(|(a, b)| (a - b).abs() < 1e-4));
    let layer = net.graph().layers().next().unwrap().to_owned();
    assert!(run(&paths[0], &format!(",layer={layer}")).1.len() > 6);
    assert_eq!(run(&paths[0], ",output=result").1.len(), 3);
    let odds = run(&paths[1], ",output=probabilities").1;
    assert!((odds.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    for (path, rest, word) in [
        (&paths[0], ",layer=fc9", "fc9"),
        (&paths[1], ",layer=fc9", "fc9"),
        (&paths[0], ",output=probabilities", "classifiers"),
        (&paths[0], ",output=code", "embedding"),
        (&paths[0], ",size=32", "size"),
        (&paths[1], ",mean=1,2", "mean"),
        (&paths[1], ",std=0", "std"),
        (&paths[1], ",range=0", "range"),
        (&paths[1], ",widht=3", "widht"),
        (&paths[1], ",layer=code,output=result", "not both"),
    ] {
        let error = parse(path, rest).unwrap_err();
        assert!(error.to_string().contains(word), "{rest}: {error}");
    }
    std::fs::write(&paths[1], b"no net at all").unwrap();
    let error = parse(&paths[1], "").unwrap_err();
    assert!(error.to_string().contains("net.onnx"), "{error}");
    assert!(parse(&dir.path().join("none.onnx"), "").is_err());
}

#[test]
fn pictures_without_pixels_or_with_broken_ones_are_refused() {
    for info in all() {
        let extractor = Extractor::parse(info.id).unwrap();
        let empty = Image::zeros(Size::new(0, 3), ColorSpace::Gray);
        let error = extractor.extract(&empty, &Context::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input, "{}", info.id);
        let other = Image::zeros(Size::new(32, 32), ColorSpace::Raw(2));
        assert!(extractor.extract(&other, &Context::default()).is_err(), "{}", info.id);
    }
    let mut broken = synthetic(Size::new(40, 40));
    broken.data_mut()[77] = f32::NAN;
    let error = Extractor::parse("gabor").unwrap().extract(&broken, &Context::default());
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Input);
}

/// A folder of pictures of several sizes, one of which is none.
fn folder(dir: &Path) -> Dataset {
    for i in 0..40u32 {
        let image = synthetic_rgb(Size::new(30 + i, 50 - i));
        let raster = restora_image::Raster::from_image(&image, restora_image::Depth::U8).unwrap();
        let format = restora_data::Format::Png;
        let meta = restora_data::FileMeta::new(format, raster.layout, raster.depth());
        let path = dir.join(format!("{i:02}.png"));
        let options = restora_data::EncodeOptions::default();
        restora_data::write_file(&path, &[raster], format, &meta, &options, false).unwrap();
    }
    std::fs::write(dir.join("17.png"), b"no picture").unwrap();
    Dataset::open(dir, &DatasetOptions::default()).unwrap()
}

#[test]
fn a_set_is_walked_in_order_and_a_bad_picture_does_not_stop_it() {
    let dir = tempfile::tempdir().unwrap();
    let set = folder(dir.path());
    let extractors = [Extractor::parse("lbp").unwrap(), Extractor::parse("a-hash").unwrap()];
    let run = |threads| {
        let mut rows = Vec::new();
        extract_all(&set, &extractors, &Context::with_threads(threads), &mut |told| {
            rows.push((told.index, told.id, told.label, told.vector.ok()));
            Ok(())
        })
        .unwrap();
        rows
    };
    let rows = run(1);
    assert_eq!(rows, run(3));
    assert_eq!(rows.len(), 40);
    for (i, (index, id, label, vector)) in rows.iter().enumerate() {
        assert_eq!((*index, id.as_str(), *label), (i, format!("{i:02}.png").as_str(), None));
        assert_eq!(vector.as_ref().map(Vec::len), (i != 17).then_some(74), "{id}");
    }
    let image = set.get(20).unwrap().image();
    let alone = extractors[1].extract(&image, &Context::default()).unwrap();
    assert_eq!(rows[20].3.as_ref().unwrap()[10..], alone);
}

#[test]
fn a_walk_ends_where_it_is_cancelled_or_the_teller_fails() {
    let dir = tempfile::tempdir().unwrap();
    let set = folder(dir.path());
    let extractors = [Extractor::parse("lbp").unwrap()];
    let cancel = Cancel::default();
    let cx = Context { cancel: Some(&cancel), ..Context::with_threads(2) };
    let mut seen = 0;
    let error = extract_all(&set, &extractors, &cx, &mut |_| {
        seen += 1;
        if seen == 5 {
            cancel.cancel();
        }
        Ok(())
    })
    .unwrap_err();
    assert_eq!((seen, error.kind()), (5, ErrorKind::Cancelled));
    let mut seen = 0;
    let error = extract_all(&set, &extractors, &Context::default(), &mut |told| {
        seen += 1;
        if told.index == 3 { Err(Error::Usage("full".into())) } else { Ok(()) }
    })
    .unwrap_err();
    assert_eq!((seen, error.to_string().as_str()), (4, "full"));
}
