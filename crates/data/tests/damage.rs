//! Damaged, cut, lying and foreign files: an error each, at once, without a panic and without
//! memory for pixels that are not there.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use restora_data::{DataError, Format, Limits, decode, read_header, sniff};
use restora_image::ErrorKind;
use std::path::PathBuf;

fn seeds() -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/seeds");
    let mut seeds: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.to_string_lossy().ends_with(".ref.png"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect();
    seeds.sort();
    assert!(seeds.len() > 80);
    seeds
}

/// How many bytes at the end of a seed a reader can do without: nothing but an optional end.
fn dispensable(name: &str, bytes: &[u8]) -> usize {
    let format = sniff(bytes).unwrap();
    match format {
        // Padding of the last row; the end marker of run lengths; a profile that nobody misses.
        Format::Bmp => 4,
        // The last sample of a text is complete without its line end, and so are its first digits.
        Format::Pnm if matches!(bytes[1], b'1'..=b'3') => 6,
        // Directories and their values may stand before or behind the pixels; the padding of the
        // last tile, or a byte that evens out the length, may be missing.
        Format::Tiff if name.contains("tile") || name.contains("deflate") => 8,
        // The last page shares values with the one before it and does not use its own.
        Format::Tiff if name.contains("pages") => 22,
        Format::Tiff => 3,
        _ => 0,
    }
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    for (name, bytes) in seeds() {
        assert!(decode(&bytes, &Limits::default()).is_ok(), "{name}");
        let last = bytes.len() - dispensable(&name, &bytes);
        for cut in 0..last {
            let Err(error) = decode(&bytes[..cut], &Limits::default()) else {
                panic!("{name}: {cut} of {} bytes pass", bytes.len());
            };
            // Before the first bytes say what it is, it is something unknown.
            let foreign = sniff(&bytes[..cut]).is_none() && cut > 0;
            let kind = if foreign { ErrorKind::Unsupported } else { ErrorKind::Corrupt };
            assert_eq!(error.kind(), kind, "{name} cut at {cut}: {error}");
        }
    }
}

#[test]
fn a_jpeg_cut_anywhere_and_ended_properly_is_an_error_too() {
    for (name, bytes) in seeds() {
        if sniff(&bytes) != Some(Format::Jpeg) {
            continue;
        }
        for cut in 3..bytes.len() - 2 {
            let mut cut_bytes = bytes[..cut].to_vec();
            cut_bytes.extend([0xFF, 0xD9]);
            match decode(&cut_bytes, &Limits::default()) {
                Err(e) => assert_eq!(e.kind(), ErrorKind::Corrupt, "{name} cut at {cut}: {e}"),
                Ok(_) => panic!("{name}: {cut} of {} bytes and an end pass", bytes.len()),
            }
        }
    }
}

#[test]
fn a_flipped_bit_in_the_pixels_of_a_png_is_an_error() {
    for (name, bytes) in seeds() {
        if sniff(&bytes) != Some(Format::Png) {
            continue;
        }
        for at in 8..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            // Every byte behind the signature is under some checksum, or is one.
            assert!(decode(&damaged, &Limits::default()).is_err(), "{name}: byte {at}");
        }
    }
}

/// Headers of a few bytes that claim 60,000 x 60,000 pixels, one for every format.
fn liars() -> Vec<(Format, Vec<u8>)> {
    let big = 60_000u32;
    let be = big.to_be_bytes();
    let le = big.to_le_bytes();
    let (be16, le16) = ((big as u16).to_be_bytes(), (big as u16).to_le_bytes());
    let jpeg = [&[0xFF, 0xD8, 0xFF, 0xC0, 0, 11, 8][..], &be16, &be16, &[1, 1, 0x11, 0]].concat();
    let png = [&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], &be, &be, &[8, 2, 0, 0, 0]].concat();
    let mut webp = b"RIFF\x12\0\0\0WEBPVP8L\x05\0\0\0\x2f".to_vec();
    // 14 bits each: about the most that lossless WebP can claim; its canvas can claim more.
    webp.extend((0x3FFEu32 | 0x3FFE << 14).to_le_bytes());
    webp.push(0);
    let vp8x = [
        &b"RIFF\x24\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0"[..],
        &(big - 1).to_le_bytes()[..3],
        &(big - 1).to_le_bytes()[..3],
        b"VP8L\x05\0\0\0\x2f\xff\xff\xff\x0f\0",
    ]
    .concat();
    let mut tiff = b"II\x2a\0\x08\0\0\0\x05\0".to_vec();
    for (tag, value) in [(256u16, big), (257, big), (258, 8), (273, 8), (279, 9)] {
        tiff.extend(tag.to_le_bytes());
        tiff.extend([4, 0, 1, 0, 0, 0]);
        tiff.extend(value.to_le_bytes());
    }
    tiff.extend([0; 4]);
    let mut bmp = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    bmp.extend([le, le].concat());
    bmp.extend([1, 0, 24, 0]);
    bmp.resize(54, 0);
    let qoi = [&b"qoif"[..], &be, &be, &[3, 0]].concat();
    let gif = [&b"GIF89a"[..], &le16, &le16, &[0, 0, 0, 0x3B]].concat();
    vec![
        (Format::Jpeg, jpeg),
        (Format::Png, png),
        (Format::WebP, webp),
        (Format::WebP, vp8x),
        (Format::Tiff, tiff),
        (Format::Bmp, bmp),
        (Format::Pnm, b"P6 60000 60000 255\n".to_vec()),
        (Format::Pnm, b"Pf 60000 60000 1.0\n".to_vec()),
        (Format::Qoi, qoi),
        (Format::Gif, gif),
    ]
}

#[test]
fn a_tiny_file_that_claims_a_huge_picture_is_refused() {
    // 16383 x 16383, the most of lossless WebP, is below the default limit.
    let limits = Limits { max_pixels: 100_000_000, ..Limits::default() };
    for (format, bytes) in liars() {
        let error = decode(&bytes, &limits).unwrap_err();
        assert!(matches!(error, DataError::Limit { .. }), "{format:?}: {error}");
        // Without limits it is what it is: a file that cannot hold what it claims.
        if format != Format::WebP {
            let error = decode(&bytes, &Limits::NONE).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{format:?}: {error}");
        }
    }
}

#[test]
fn limits_hold_at_their_exact_values() {
    for (name, bytes) in seeds() {
        let header = read_header(&bytes, &Limits::default()).unwrap();
        let len = bytes.len() as u64;
        let exact =
            Limits { max_pixels: header.pixels, max_bytes: header.bytes, max_file_bytes: len };
        assert!(decode(&bytes, &exact).is_ok(), "{name}");
        for tight in [
            Limits { max_pixels: header.pixels - 1, ..exact },
            Limits { max_bytes: header.bytes - 1, ..exact },
            Limits { max_file_bytes: len - 1, ..exact },
        ] {
            assert_eq!(decode(&bytes, &tight).unwrap_err().kind(), ErrorKind::Limit, "{name}");
        }
    }
}

#[test]
fn what_is_no_image_says_so() {
    let error = decode(b"", &Limits::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("empty"), "{error}");
    for text in [&b"hello"[..], b"P5", b"BM", b"<svg/>", &[0; 64], b"GIF88a....."] {
        assert_eq!(decode(text, &Limits::default()).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}

/// Damage of all kinds, derived from a counter: flipped bytes, cut and doubled pieces, extreme
/// values. Whatever comes out, it comes without a panic.
#[test]
fn no_damage_makes_a_decoder_panic() {
    let hook = std::panic::take_hook();
    // A decoder of another crate may panic inside; that is contained, and need not be printed.
    std::panic::set_hook(Box::new(|_| {}));
    let limits = Limits { max_pixels: 4_000_000, max_bytes: 32_000_000, max_file_bytes: 1 << 20 };
    let mut gave_up = Vec::new();
    for (name, bytes) in seeds() {
        for case in 0..300u64 {
            let mut rng = restora_image::Rng::new(case, &name, 0);
            let mut draw = |n: usize| (rng.next_u64() % n.max(1) as u64) as usize;
            let mut damaged = bytes.clone();
            for _ in 0..=draw(4) {
                let at = draw(damaged.len());
                match draw(6) {
                    0 => damaged[at] ^= 1 << draw(8),
                    1 => damaged[at] = [0, 0xFF, 0x7F, 0x80][draw(4)],
                    2 => damaged[at] = draw(256) as u8,
                    3 => damaged.truncate(at.max(12)),
                    4 => {
                        let piece = damaged[at..(at + draw(40)).min(damaged.len())].to_vec();
                        let to = draw(damaged.len());
                        damaged.splice(to..to, piece);
                    }
                    // Most headers are at the start.
                    _ => {
                        let head = at % damaged.len().min(64);
                        damaged[head] = draw(256) as u8;
                    }
                }
            }
            if let Err(e) = decode(&damaged, &limits)
                && e.to_string().contains("gave up")
            {
                gave_up.push(format!("{name} {case}: {e}"));
            }
        }
    }
    std::panic::set_hook(hook);
    // Contained or not, none is known: a new one is worth a look.
    assert!(gave_up.is_empty(), "{gave_up:#?}");
}
