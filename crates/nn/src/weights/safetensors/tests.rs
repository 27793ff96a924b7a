use super::*;
use crate::NnError;
use restora_image::ErrorKind::{Corrupt, Limit, Unsupported};

/// A file with this header and these data bytes.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    let mut out = (header.len() as u64).to_le_bytes().to_vec();
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(data);
    out
}

fn small() -> Tensors {
    Tensors::from([
        (
            "a.weight".to_owned(),
            Tensor::new(vec![2, 3], vec![1.0, -2.5, 0.0, 4.0, 0.1, 6e-5]).unwrap(),
        ),
        ("a.bias".to_owned(), Tensor::new(vec![2], vec![0.3, -0.7]).unwrap()),
        ("empty".to_owned(), Tensor::new(vec![0, 4], vec![]).unwrap()),
        ("one \"number\"\n".to_owned(), Tensor::new(vec![], vec![7.0]).unwrap()),
    ])
}

#[track_caller]
fn refused(bytes: &[u8], kind: restora_image::ErrorKind, part: &str) {
    let error = read(bytes).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(part), "{error}");
}

#[test]
fn what_is_written_comes_back_and_again_the_same_bytes() {
    let metadata = Metadata::from([("k".to_owned(), "v \u{e9}\"".to_owned())]);
    for precision in [Precision::F32, Precision::F16, Precision::Int8] {
        let bytes = write(&small(), precision, &metadata).unwrap();
        let (tensors, texts) = read(&bytes).unwrap();
        assert_eq!(texts, metadata);
        assert_eq!(write(&tensors, precision, &texts).unwrap(), bytes, "{precision:?}");
        for (name, tensor) in &small() {
            let back = &tensors[name];
            assert_eq!(back.shape(), tensor.shape());
            let error =
                if tensor.shape().len() < 2 { 0.0 } else { [0.0, 1e-4, 0.016][precision as usize] };
            for (a, b) in tensor.data().iter().zip(back.data()) {
                assert!((a - b).abs() <= error, "{precision:?} {name}: {a} became {b}");
            }
        }
        assert_eq!(tensors.len(), 4);
    }
}

#[test]
fn data_begins_at_a_multiple_of_eight() {
    for length in 1..20 {
        let tensors =
            Tensors::from([("x".repeat(length), Tensor::new(vec![1], vec![1.0]).unwrap())]);
        let bytes = write(&tensors, Precision::F32, &Metadata::new()).unwrap();
        assert_eq!((bytes.len() - 4) % 8, 0);
    }
}

#[test]
fn a_file_cut_anywhere_or_with_a_byte_too_many_is_refused() {
    let mut bytes = write(&small(), Precision::Int8, &Metadata::new()).unwrap();
    for end in 0..bytes.len() {
        assert!(read(&bytes[..end]).is_err(), "cut at {end}");
    }
    bytes.push(0);
    refused(&bytes, Corrupt, "the file has");
}

#[test]
fn a_header_longer_than_the_file_or_the_format_allows_is_refused() {
    let mut bytes = u64::MAX.to_le_bytes().to_vec();
    bytes.extend_from_slice(b"{}");
    refused(&bytes, Corrupt, "18446744073709551615 bytes, 2 follow");
    let long = vec![b' '; 100_000_010];
    let mut bytes = 100_000_001_u64.to_le_bytes().to_vec();
    bytes.extend_from_slice(&long);
    refused(&bytes, Limit, "100000001");
}

#[test]
fn offsets_with_gap_overlap_reversal_or_beyond_the_end_are_refused() {
    let two = |a: &str, b: &str| {
        let t = |o: &str| format!(r#"{{"dtype":"U8","shape":[4],"data_offsets":{o}}}"#);
        file(&format!(r#"{{"a":{},"b":{}}}"#, t(a), t(b)), &[0; 8])
    };
    assert!(read(&two("[0,4]", "[4,8]")).is_ok());
    assert!(read(&two("[4,8]", "[0,4]")).is_ok());
    refused(&two("[0,4]", "[0,4]"), Corrupt, "an overlap: tensor `b`");
    refused(&two("[0,4]", "[3,7]"), Corrupt, "an overlap: tensor `b` begins at 3, wanted 4");
    refused(&two("[0,4]", "[5,9]"), Corrupt, "a gap: tensor `b` begins at 5, wanted 4");
    refused(&two("[4,8]", "[8,12]"), Corrupt, "a gap: tensor `a`");
    refused(&two("[0,4]", "[8,4]"), Corrupt, "tensor `b`");
    refused(&two("[0,4]", "[4,7]"), Corrupt, "tensor `b`");
    refused(&two("[0,4]", "[4,-8]"), Corrupt, "tensor `b`");
    refused(&two("[0,4]", "[18446744073709551612,18446744073709551616]"), Corrupt, "tensor `b`");
}

#[test]
fn shapes_whose_product_overflows_or_that_have_too_many_axes_are_refused() {
    let with = |shape: &str| {
        file(&format!(r#"{{"a":{{"dtype":"F32","shape":{shape},"data_offsets":[0,0]}}}}"#), &[])
    };
    refused(&with("[4294967296,4294967296]"), Corrupt, "tensor `a`");
    refused(&with("[9223372036854775808,2]"), Corrupt, "tensor `a`");
    refused(&with("[1000000000]"), Corrupt, "does not fit into the bytes 0..0");
    refused(&with("[0,1,1,1,1,1,1,1,1]"), Limit, "9 axes");
    assert!(read(&with("[0,18446744073709551615]")).is_ok());
}

#[test]
fn unknown_formats_repeated_names_foreign_fields_and_deep_json_are_refused() {
    let one = r#"{"dtype":"U8","shape":[1],"data_offsets":[0,1]}"#;
    let float8 = format!(r#"{{"a":{}}}"#, one.replace("U8", "F8_E4M3"));
    refused(&file(&float8, &[0]), Unsupported, "F8_E4M3");
    refused(&file(&format!(r#"{{"a":{one},"a":{one}}}"#), &[0]), Corrupt, "`a` is there twice");
    let twice = r#"{"__metadata__":{"k":"1","k":"2"}}"#;
    refused(&file(twice, &[]), Corrupt, "metadata `k` is there twice");
    let twice = r#"{"__metadata__":{},"__metadata__":{}}"#;
    refused(&file(twice, &[]), Corrupt, "`__metadata__` is there twice");
    let foreign = r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"strides":[1]}}"#;
    refused(&file(foreign, &[0]), Corrupt, "strides");
    refused(&file(&"[".repeat(100_000), &[]), Corrupt, "`{`");
    refused(
        &file(&format!(r#"{{"__metadata__":{}"#, "{\"a\":".repeat(100_000)), &[]),
        Corrupt,
        "header",
    );
    refused(&file(&format!(r#"{{"a":{}"#, "[".repeat(100_000)), &[]), Corrupt, "tensor `a`");
    refused(&file("{", &[]), Corrupt, "header");
    refused(&file("", &[]), Corrupt, "`{`");
    refused(&file("{\"\u{0}\":3}", &[]), Corrupt, "header");
}

#[test]
fn numbers_of_every_format_become_single_precision() {
    let cases: [(&str, Vec<u8>, f32); 13] = [
        ("F64", (-0.1_f64).to_le_bytes().into(), -0.1),
        ("F32", 0.3_f32.to_le_bytes().into(), 0.3),
        ("F16", 0x3555_u16.to_le_bytes().into(), 0.333_251_95),
        ("BF16", 0xc049_u16.to_le_bytes().into(), -3.140_625),
        ("I64", (-5_i64).to_le_bytes().into(), -5.0),
        ("U64", u64::MAX.to_le_bytes().into(), 18_446_744_073_709_551_615.0),
        ("I32", (-70_000_i32).to_le_bytes().into(), -70_000.0),
        ("U32", 3_000_000_000_u32.to_le_bytes().into(), 3e9),
        ("I16", (-300_i16).to_le_bytes().into(), -300.0),
        ("U16", 65_535_u16.to_le_bytes().into(), 65_535.0),
        ("I8", vec![0x80], -128.0),
        ("U8", vec![200], 200.0),
        ("BOOL", vec![1], 1.0),
    ];
    for (dtype, data, wanted) in cases {
        let n = data.len();
        let header =
            format!(r#"{{"a":{{"dtype":"{dtype}","shape":[1],"data_offsets":[0,{n}]}}}}  "#);
        assert_eq!(read(&file(&header, &data)).unwrap().0["a"].data(), [wanted], "{dtype}");
    }
}

#[test]
fn nan_and_infinity_are_refused_by_name_in_both_directions() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let header = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
        let data = [0.0_f32.to_le_bytes(), value.to_le_bytes()].concat();
        refused(&file(header, &data), Corrupt, "tensor `a` holds");
        let tensors = Tensors::from([("a".to_owned(), Tensor::new(vec![1], vec![value]).unwrap())]);
        let error = write(&tensors, Precision::F32, &Metadata::new()).unwrap_err();
        assert!(matches!(&error, NnError::Input(m) if m.contains("`a`")), "{error}");
    }
    // A double that single precision cannot hold is an infinity for us.
    let header = r#"{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}"#;
    refused(&file(header, &1e300_f64.to_le_bytes()), Corrupt, "inf");
}

#[test]
fn what_half_precision_cannot_hold_is_refused() {
    let tensors =
        Tensors::from([("w".to_owned(), Tensor::new(vec![1, 1], vec![70_000.0]).unwrap())]);
    let error = write(&tensors, Precision::F16, &Metadata::new()).unwrap_err().to_string();
    assert!(error.contains("`w` holds 70000"), "{error}");
}

#[test]
fn scales_must_fit_their_weights_and_names_must_not_clash() {
    let header = |rows: usize| {
        let end = 4 + 4 * rows;
        format!(
            r#"{{"w":{{"dtype":"I8","shape":[2,2],"data_offsets":[0,4]}},"w.scale":{{"dtype":"F32","shape":[{rows}],"data_offsets":[4,{end}]}}}}"#
        )
    };
    let data = |scales: &[f32]| {
        let mut out = vec![1, 2, 3, 0xfc];
        out.extend(scales.iter().flat_map(|s| s.to_le_bytes()));
        out
    };
    let (tensors, _) = read(&file(&header(2), &data(&[0.5, 2.0]))).unwrap();
    assert_eq!(tensors["w"].data(), [0.5, 1.0, 6.0, -8.0]);
    assert_eq!(tensors.len(), 1);
    refused(&file(&header(3), &data(&[1.0; 3])), Corrupt, "`w.scale` has shape [3], wanted [2]");
    refused(&file(&header(2), &data(&[1.0, f32::MAX])), Corrupt, "overflow");
    let t = |shape: Vec<usize>| Tensor::new(shape, vec![1.0; 2]).unwrap();
    let both = Tensors::from([("w".to_owned(), t(vec![2, 1])), ("w.scale".to_owned(), t(vec![2]))]);
    let error = write(&both, Precision::Int8, &Metadata::new()).unwrap_err().to_string();
    assert!(error.contains("`w.scale`"), "{error}");
}

proptest::proptest! {
    #[test]
    fn any_damage_to_a_file_is_an_error_or_other_numbers_but_never_a_panic(
        at in 0_usize..400, value: u8, cut in 0_usize..400
    ) {
        let mut bytes = write(&small(), Precision::Int8, &Metadata::new()).unwrap();
        let n = bytes.len();
        bytes[at % n] = value;
        let _ = read(&bytes);
        let _ = read(&bytes[..cut % n]);
    }
}
