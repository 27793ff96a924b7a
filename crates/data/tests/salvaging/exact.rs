//! Whole files, files cut anywhere, and what can be mended, to the bit.

use crate::support::{JPEGS, Jpeg, Whole, jpeg, middle, photograph, seeds};
use restora_data::{Format, Limits, Salvaged, decode, salvage, salvage_header};
use restora_image::{Pixels, Raster, Rng};

/// Asserts that every pixel that is not missing has its value, and returns how many are.
fn missing(whole: &Raster, saved: &Salvaged, what: &str) -> usize {
    let page = &saved.decoded.pages[0];
    assert_eq!((page.size, page.layout, saved.mask.size()), (whole.size, whole.layout, whole.size));
    assert_eq!(saved.damage.missing_pixels, saved.mask.count() as u64, "{what}");
    let n = whole.layout.samples();
    for (i, missing) in saved.mask.data().iter().enumerate() {
        let same = match (&whole.pixels, &page.pixels) {
            (Pixels::U8(a), Pixels::U8(b)) => a[i * n..][..n] == b[i * n..][..n],
            (Pixels::U16(a), Pixels::U16(b)) => a[i * n..][..n] == b[i * n..][..n],
            _ => panic!("{what}: other depth"),
        };
        let (x, y) = (i % whole.size.w(), i / whole.size.w());
        assert!(same || *missing, "{what}: ({x}, {y}) is wrong and not marked");
    }
    saved.mask.count()
}

#[test]
fn a_whole_file_is_salvaged_to_the_bit() {
    for (name, bytes) in [seeds(Format::Jpeg), seeds(Format::Png)].concat() {
        let mut whole = decode(&bytes, &Limits::default()).unwrap();
        let saved = salvage(&bytes, &Limits::default()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(missing(&whole.pages[0], &saved, &name), 0);
        assert_eq!((saved.damage.doubtful_pixels, saved.damage.missing_rows), (0, 0), "{name}");
        assert!(saved.damage.found.is_empty(), "{name}: {:?}", saved.damage);
        whole.meta.notes.retain(|note| !note.contains("animated"));
        assert_eq!(whole.meta, saved.decoded.meta, "{name}");
    }
}

#[test]
fn a_file_cut_anywhere_keeps_what_came_before_and_marks_the_rest() {
    for (name, bytes) in [seeds(Format::Jpeg), seeds(Format::Png)].concat() {
        let whole = Whole::of(&name, bytes.clone());
        let (mut last, mut saved_any) = (usize::MAX, false);
        for cut in 0..bytes.len() {
            let Ok(saved) = salvage(&bytes[..cut], &Limits::default()) else {
                assert!(!saved_any, "{name}: {cut} bytes are too few, less were not");
                continue;
            };
            saved_any = true;
            // What comes late in a progressive picture is detail.
            if saved.damage.doubtful_pixels > 0 {
                assert!(name.contains("progressive"), "{name} {cut}: {:?}", saved.damage);
                continue;
            }
            let now = missing(&whole.raster, &saved, &format!("{name} cut at {cut}"));
            assert!(now <= last, "{name}: {cut} bytes show less than fewer do");
            last = now;
        }
        assert_eq!(last, 0, "{name}: all but the last byte show everything");
    }
}

#[test]
fn one_wrong_byte_anywhere_in_a_png_is_mended() {
    for (name, bytes) in seeds(Format::Png) {
        let whole = Whole::of(&name, bytes.clone());
        let animated = name.contains("animated");
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            let saved = salvage(&damaged, &Limits::default());
            let saved = saved.unwrap_or_else(|e| panic!("{name}, byte {at}: {e}"));
            let left = missing(&whole.raster, &saved, &format!("{name}, byte {at}"));
            assert!(left == 0 || animated, "{name}, byte {at}: {left} {:?}", saved.damage);
        }
    }
}

#[test]
fn the_missing_part_of_a_jpeg_is_made_of_whole_blocks() {
    let photo = middle(&photograph("kitten.png"), 200, 152);
    for (how, block) in [(JPEGS[1], (8, 8)), (JPEGS[4], (8, 8)), (JPEGS[0], (16, 16))] {
        let whole = Whole::of("kitten", jpeg(&photo, how));
        let cut = whole.bytes.len() / 2;
        let saved = salvage(&whole.bytes[..cut], &Limits::default()).unwrap();
        let part = missing(&whole.raster, &saved, "kitten") as f64 / whole.raster.size.len() as f64;
        assert!((0.2..0.8).contains(&part), "{part}");
        // The first missing block, and in it the last pixel; one more where chroma is interpolated.
        let fringe = usize::from(block.0 == 16);
        let first = saved.mask.data().iter().position(|m| *m).unwrap();
        let (x, y) = (first % 200, first / 200);
        assert_eq!(((x + fringe) % block.0, (y + fringe) % block.1), (0, 0), "{how:?}");
        for y in y..152 {
            assert!(saved.mask.at(199, y), "the row ends missing, and all below is");
        }
    }
}

#[test]
fn restart_markers_limit_the_damage_to_their_interval() {
    let photo = middle(&photograph("spices.png"), 256, 192);
    let how = Jpeg { restart: 16, ..JPEGS[1] };
    let whole = Whole::of("spices", jpeg(&photo, how));
    let mut damaged = whole.bytes.clone();
    let at = damaged.len() / 2;
    damaged[at..at + 200].fill(0);
    let saved = salvage(&damaged, &Limits::default()).unwrap();
    let n = whole.raster.size.len();
    let wrong =
        |i: &usize| crate::support::difference(&whole.raster, &saved.decoded.pages[0], *i) > 0;
    let kept = (0..n).filter(|i| !saved.mask.data()[*i] && !wrong(i)).count();
    assert!(kept as f64 > 0.93 * n as f64, "{kept} of {n}: {:?}", saved.damage);
    let (first, last) = ((0..n).find(wrong).unwrap(), (0..n).rfind(wrong).unwrap());
    assert!(first > n / 4 && last < 3 * n / 4, "rows {} to {}", first / 256, last / 256);
}

#[test]
fn the_mask_is_turned_with_the_picture() {
    for name in ["jpeg-orientation6.jpg", "jpeg-orientation7.jpg"] {
        let bytes = seeds(Format::Jpeg).into_iter().find(|s| s.0 == name).unwrap().1;
        let whole = Whole::of(name, bytes.clone());
        let cuts = (0..bytes.len()).rev().step_by(3);
        let partly = cuts.filter_map(|cut| salvage(&bytes[..cut], &Limits::default()).ok());
        let shown = partly.filter(|saved| missing(&whole.raster, saved, name) > 0).count();
        assert!(shown > 3, "{name}: {shown}");
    }
}

#[test]
fn one_scan_per_component_shows_the_same_as_one_for_all() {
    let photo = middle(&photograph("dandelion.png"), 320, 240);
    for how in [JPEGS[0], JPEGS[2], JPEGS[3]] {
        let apart = Whole::of("apart", jpeg(&photo, Jpeg { optimized: true, ..how }));
        let together = Whole::of("together", jpeg(&photo, Jpeg { optimized: false, ..how }));
        assert_eq!(apart.raster, together.raster, "{how:?}");
    }
}

#[test]
fn a_header_is_found_wherever_it_is() {
    let photo = middle(&photograph("dandelion.png"), 64, 48);
    let mut bytes = jpeg(&photo, JPEGS[0]);
    // The length of the first segment leads astray.
    bytes[5] ^= 0x40;
    assert!(decode(&bytes, &Limits::default()).is_err());
    assert_eq!(salvage_header(&bytes, &Limits::default()).unwrap().size, photo.size);
    let saved = salvage(&bytes, &Limits::default()).unwrap();
    assert_eq!(saved.mask.count(), 0);
}

/// Damage of all kinds, derived from a counter, with limits as small as a server would set.
#[test]
fn no_damage_makes_salvage_panic_run_away_or_contradict_itself() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let limits = Limits { max_pixels: 1_000_000, max_bytes: 8_000_000, max_file_bytes: 1 << 20 };
    let mut gave_up = Vec::new();
    for (name, bytes) in [seeds(Format::Jpeg), seeds(Format::Png)].concat() {
        for case in 0..200u64 {
            let mut rng = Rng::new(case, &name, 1);
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
                    _ => {
                        let head = at % damaged.len().min(64);
                        damaged[head] = draw(256) as u8;
                    }
                }
            }
            match salvage(&damaged, &limits) {
                Ok(saved) => {
                    let page = &saved.decoded.pages[0];
                    assert_eq!(saved.mask.size(), page.size, "{name} {case}");
                    assert!(page.size.pixels() <= limits.max_pixels, "{name} {case}");
                    let missing = saved.mask.count() as u64;
                    assert!(100 * (page.size.pixels() - missing) >= page.size.pixels());
                    assert!(saved.damage.doubtful_pixels + missing <= page.size.pixels());
                }
                Err(e) if e.to_string().contains("gave up") => {
                    gave_up.push(format!("{name} {case}: {e}"));
                }
                Err(_) => {}
            }
        }
    }
    std::panic::set_hook(hook);
    assert!(gave_up.is_empty(), "{gave_up:#?}");
}
