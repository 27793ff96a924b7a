//! Real JPEGs: every whole one decodes, every cut one is an error.

use restora_data::{Input, Limits, decode, sniff, walk};
use restora_image::ErrorKind;
use std::path::PathBuf;

fn jpegs() -> Vec<(PathBuf, Vec<u8>)> {
    let root = restora_testkit::shared().join("data");
    ["denoise/PolyU_dev", "denoise/RNI15", "duplicates/imagededup_tests", "real_damage", "geometry"]
        .iter()
        .flat_map(|folder| walk(&Input::Path(root.join(folder))))
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let bytes = entry.read(&Limits::default()).ok()?;
            let is_jpeg = sniff(&bytes) == Some(restora_data::Format::Jpeg);
            is_jpeg.then(|| (root.join(&entry.relative), bytes))
        })
        .collect()
}

#[test]
#[ignore = "needs the shared sets"]
fn every_real_jpeg_is_found_complete() {
    let files = jpegs();
    assert!(files.len() > 100, "{}", files.len());
    for (path, bytes) in files {
        if let Err(e) = decode(&bytes, &Limits::default()) {
            panic!("{}: {e}", path.display());
        }
    }
}

#[test]
#[ignore = "needs the shared sets"]
fn no_real_jpeg_passes_once_it_is_cut() {
    for (path, bytes) in jpegs() {
        let end = bytes.windows(2).rposition(|w| w == [0xFF, 0xD9]).unwrap();
        for cut in [end, end - 1, end - 2, end - 3, end * 9 / 10, end / 2, end / 3] {
            for tail in [&[][..], &[0xFF, 0xD9]] {
                if cut == end && !tail.is_empty() {
                    continue;
                }
                let mut cut_bytes = bytes[..cut].to_vec();
                cut_bytes.extend_from_slice(tail);
                match decode(&cut_bytes, &Limits::default()) {
                    Err(e) => assert_eq!(e.kind(), ErrorKind::Corrupt, "{} {e}", path.display()),
                    Ok(_) => panic!("{}: cut at {cut} of {end} passes", path.display()),
                }
            }
        }
    }
}
