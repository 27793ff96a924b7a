//! Files in the forms of `torch.save` (`tools/goldens/make_torch_files.py`), and the shared files of
//! trained nets against outputs computed from them with ONNX Runtime.

use restora_image::ErrorKind;
use restora_nn::import::{self, SubImages};
use restora_nn::models::{self, Architecture};
use restora_nn::weights::safetensors;
use restora_nn::{Graph, Net, NnError, Precision, Tensors, Value};
use std::path::Path;

fn seed(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seeds").join(name))
        .expect("a file of the repository")
}

/// As `values` in the script.
fn values(t: usize, n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7 + t * 3) % 23) as f32 - 11.0).collect()
}

fn assert_state(tensors: &Tensors, parameter: bool) {
    let kinds = ["Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char"];
    for (t, kind) in kinds.into_iter().enumerate() {
        let tensor = &tensors[&format!("{kind}.weight")];
        assert_eq!((tensor.shape(), tensor.data()), (&[2, 3][..], &values(t, 6)[..]), "{kind}");
    }
    let shared = values(20, 24);
    assert_eq!(tensors["shared.a"].data(), &shared[4..10]);
    let transposed = &tensors["shared.transposed"];
    assert_eq!(transposed.shape(), [4, 3, 2]);
    for (i, v) in transposed.data().iter().enumerate() {
        assert_eq!(*v, shared[i / 6 + i / 2 % 3 * 4 + i % 2 * 12]);
    }
    assert_eq!(tensors["shared.column"].data(), [2, 6, 10, 14, 18].map(|i| shared[i]));
    assert_eq!((tensors["scalar"].shape(), tensors["scalar"].data()), (&[][..], &[5.0][..]));
    assert_eq!(tensors["empty"].shape(), [0, 2]);
    assert_eq!(tensors.len(), 13 + usize::from(parameter));
    if parameter {
        assert_eq!(tensors["parameter"].data(), values(21, 4));
    }
}

#[test]
fn every_form_of_a_state_dict_gives_its_tensors() {
    assert_state(&import::read(&seed("zip_protocol_2.pth")).unwrap(), true);
    // The optimizer's NaN is none of our business.
    assert_state(&import::read(&seed("zip_protocol_4_checkpoint.pth")).unwrap(), true);
    assert_state(&import::read(&seed("legacy.pth")).unwrap(), false);
}

#[test]
fn what_is_no_state_dict_is_refused_by_name() {
    let refused = |name: &str, parts: &[&str]| {
        let error = import::read(&seed(name)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        for part in parts {
            assert!(error.to_string().contains(part), "{name}: {error}");
        }
    };
    refused("zip_evil.pth", &["refused", "system"]);
    refused("legacy_evil.pth", &["refused", "system"]);
    refused("zip_model.pth", &["refused", "nets.Model"]);
    refused("zip_deflated.pth", &["is compressed (method 8)"]);
    refused("zip_big_endian.pth", &["big endian"]);
    assert!(import::read(b"GIF89a").unwrap_err().to_string().contains("begins with"));
    assert!(import::read(b"").is_err());
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    for name in ["zip_protocol_2.pth", "legacy.pth"] {
        let bytes = seed(name);
        for end in 0..bytes.len() {
            assert!(import::read(&bytes[..end]).is_err(), "{name} cut at {end}");
        }
    }
}

#[test]
fn any_changed_byte_is_an_error_or_other_numbers_but_never_a_panic() {
    for name in ["zip_protocol_2.pth", "zip_protocol_4_checkpoint.pth", "legacy.pth"] {
        let bytes = seed(name);
        for at in 0..bytes.len() {
            for value in [0, 1, 0x2e, 0x52, 0x7f, 0xff, bytes[at].wrapping_add(1)] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                let _ = import::read(&damaged);
            }
        }
    }
}

fn shared(path: &str) -> Vec<u8> {
    std::fs::read(restora_testkit::shared().join("data/weights").join(path)).expect("a shared file")
}

fn npy(name: &str) -> Vec<f32> {
    let bytes = shared(&format!("parity/{name}.npy"));
    bytes[128..].chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

fn run(graph: Graph, tensors: Tensors, shape: [usize; 3], planes: &[f32]) -> Vec<f32> {
    let net = Net::new(graph, tensors).expect("weights of the net");
    let x = Value::from_planes(1, shape, planes).expect("planes of the shape");
    net.forward(x, 2).expect("an input of the net").to_planes()
}

fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
#[ignore = "needs the shared sets"]
fn imported_dncnn_reproduces_the_reference_gray_and_color() {
    for (file, name, shape, layers) in [
        ("dncnn_gray_sigma25", "dncnn_gray", [1, 96, 96], 17),
        ("dncnn_color_blind", "dncnn_color", [3, 64, 64], 20),
    ] {
        let tensors = import::read(&shared(&format!("{file}.safetensors"))).unwrap();
        let (config, tensors) = import::dncnn(tensors).unwrap();
        assert_eq!((config.channels, config.layers, config.batch_norm), (shape[0], layers, false));
        let noisy = npy(&format!("{name}_in"));
        // The reference's output is the noise.
        let noise = npy(&format!("{name}_out"));
        let wanted: Vec<f32> = noisy.iter().zip(&noise).map(|(y, v)| y - v).collect();
        for (precision, bound) in
            [(Precision::F32, 1e-4), (Precision::F16, 2e-3), (Precision::Int8, 5e-2)]
        {
            let bytes =
                safetensors::write(&tensors, precision, &safetensors::Metadata::new()).unwrap();
            let (stored, _) = safetensors::read(&bytes).unwrap();
            let restored = run(config.graph(), stored, shape, &noisy);
            let worst = difference(&restored, &wanted);
            println!("{file} {precision:?}: {} bytes, largest difference {worst:.2e}", bytes.len());
            assert!(worst <= bound, "{file} {precision:?}: {worst}");
        }
    }
}

#[test]
#[ignore = "needs the shared sets"]
fn imported_ffdnet_reproduces_the_reference() {
    let tensors = import::read(&shared("ffdnet_gray.safetensors")).unwrap();
    let noisy = npy("ffdnet_gray_in_sigma25");
    let input = [noisy, vec![25.0 / 255.0; 96 * 96]].concat();
    let worst = |order| {
        let (config, tensors) = import::ffdnet(tensors.clone(), order).unwrap();
        assert_eq!((config.channels, config.layers, config.features), (1, 15, 64));
        let restored = run(config.graph(), tensors, [2, 96, 96], &input);
        difference(&restored, &npy("ffdnet_gray_out"))
    };
    let (right, wrong) = (worst(SubImages::ColumnMajor), worst(SubImages::RowMajor));
    println!(
        "ffdnet_gray: largest difference {right:.2e}; sub-images in the wrong order {wrong:.2e}"
    );
    assert!(right <= 1e-4 && wrong > 1e-2, "{right} {wrong}");
}

#[test]
#[ignore = "needs the shared sets"]
fn old_file_with_batch_norm_denoises_and_folds_to_the_same_net() {
    let tensors = import::read(&shared("dncnn_s25_saoyan.pth")).unwrap();
    assert!(tensors.contains_key("module.dncnn.0.weight"));
    let (config, tensors) = import::dncnn(tensors).unwrap();
    assert_eq!((config.layers, config.features, config.batch_norm), (17, 64, true));
    let graph = config.graph();
    let (folded, numbers) = import::fold_batch_norm(&graph, &tensors).unwrap();
    let plain = models::DnCnn { batch_norm: false, ..config };
    assert_eq!(folded, plain.graph());
    // The shared input is a picture with noise of sigma 25; the authors' net says what it is.
    let noisy = npy("dncnn_gray_in");
    let restored = run(graph, tensors, [1, 96, 96], &noisy);
    let again = run(folded, numbers, [1, 96, 96], &noisy);
    let noise = npy("dncnn_gray_out");
    let authors: Vec<f32> = noisy.iter().zip(&noise).map(|(y, v)| y - v).collect();
    let rms = |a: &[f32]| {
        let sum: f32 = a.iter().zip(&authors).map(|(a, b)| (a - b).powi(2)).sum();
        (sum / authors.len() as f32).sqrt()
    };
    let worst = difference(&restored, &again);
    println!(
        "saoyan: folded differs by {worst:.2e}; from the authors' net {:.4} rms, the noise {:.4}",
        rms(&restored),
        rms(&noisy)
    );
    assert!(worst <= 1e-4, "{worst}");
    assert!(rms(&restored) < 0.15 * rms(&noisy));
}

#[test]
#[ignore = "needs the shared sets"]
fn other_old_files_are_read() {
    for (file, tensors, numbers) in [
        ("lpips_lin_v0.0_alex.pth", 5, 64 + 192 + 384 + 256 + 256),
        ("lpips_lin_v0.1_vgg.pth", 5, 64 + 128 + 256 + 512 + 512),
        ("dists_alpha_beta.pt", 2, 2 * 1475),
    ] {
        let read = import::read(&shared(file)).unwrap();
        assert_eq!(read.len(), tensors, "{file}");
        assert_eq!(read.values().map(|t| t.data().len()).sum::<usize>(), numbers, "{file}");
    }
}

#[test]
#[ignore = "needs the shared sets"]
fn a_net_of_another_kind_is_refused_with_every_name() {
    let tensors = import::read(&shared("dncnn_gray_sigma25.safetensors")).unwrap();
    let graph = models::DnCnn { layers: 18, ..models::DnCnn::default() }.graph();
    let error = restora_nn::weights::check(&tensors, &graph).unwrap_err();
    let NnError::Input(text) = &error else { panic!("{error}") };
    assert!(text.contains("`conv17.weight` [1, 64, 3, 3] is missing"), "{text}");
    assert!(
        text.contains("`conv16.weight` has shape [1, 64, 3, 3], wanted [64, 64, 3, 3]"),
        "{text}"
    );
}
