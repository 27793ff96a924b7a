//! The figure: 200 JPEG and PNG files, cut or hit at random places. No panic, no hang, every
//! decodable row kept.

use crate::support::{
    HARMS, Harm, JPEGS, PHOTOGRAPHS, Whole, difference, harm, jpeg, middle, photograph, png,
};
use restora_data::{Limits, Salvaged, decode, salvage};
use restora_image::{ErrorKind, Rng};

const FILES: usize = 200;

fn files() -> Vec<Whole> {
    let mut files = Vec::new();
    for (i, name) in PHOTOGRAPHS.iter().enumerate() {
        let photo = middle(&photograph(name), 304, 200 + 8 * i);
        for how in JPEGS.iter().skip(i % 2).step_by(2) {
            files.push(Whole::of(format!("{name} {how:?}"), jpeg(&photo, *how)));
        }
        for _ in 0..3 {
            files.push(Whole::of(format!("{name} PNG"), png(&photo)));
        }
    }
    files
}

/// Rows without a missing pixel in which everything is as in the undamaged file.
fn exact_rows(whole: &Whole, saved: &Salvaged) -> Vec<bool> {
    let width = whole.raster.size.w();
    let exact = |i: usize| difference(&whole.raster, &saved.decoded.pages[0], i) == 0;
    (0..whole.raster.size.h())
        .map(|y| (y * width..(y + 1) * width).all(|i| !saved.mask.data()[i] && exact(i)))
        .collect()
}

#[test]
fn of_200_damaged_files_every_decodable_row_is_kept() {
    let files = files();
    let (mut done, mut kept, mut undetected) = (0, 0, 0);
    let (mut missing, mut doubtful, mut wrong, mut pixels) = (0, 0, 0, 0);
    for case in 0.. {
        if done == FILES {
            break;
        }
        let whole = &files[case % files.len()];
        let kind = HARMS[case / files.len() % HARMS.len()];
        let mut rng = Rng::new(case as u64, "two hundred", 0);
        let mut bytes = whole.bytes.clone();
        // Only the first bytes, which say what it is, are spared.
        let at = harm(&mut bytes, kind, 16, &mut rng);
        let what =
            format!("case {case}: {kind:?} at {at} of {}, {}", whole.bytes.len(), whole.name);
        match decode(&bytes, &Limits::default()) {
            // Not all damage of a JPEG can be seen; such files do not come to be salvaged.
            Ok(_) => {
                undetected += 1;
                continue;
            }
            Err(e) => assert_ne!(e.kind(), ErrorKind::Limit, "{what}"),
        }
        done += 1;
        // All that can be known of the file up to the first byte that was hit.
        let before = salvage(&whole.bytes[..at], &Limits::default());
        let saved = match salvage(&bytes, &Limits::default()) {
            Ok(saved) => saved,
            Err(e) => {
                assert!(before.is_err() || in_header(whole, at), "{what}: {e}, and more was left");
                continue;
            }
        };
        if in_header(whole, at) {
            // The size itself may be wrong.
            continue;
        }
        kept += 1;
        assert_eq!(saved.mask.size(), whole.raster.size, "{what}");
        if let Ok(before) = &before {
            let (then, now) = (exact_rows(whole, before), exact_rows(whole, &saved));
            for (y, (then, now)) in then.iter().zip(&now).enumerate() {
                assert!(*now || !then, "{what}: row {y} was there; {:?}", saved.damage);
            }
            if kind == Harm::Cut {
                assert_eq!(saved.mask, before.mask, "{what}");
            }
        }
        let n = whole.raster.size.len();
        let differs = |i: &usize| difference(&whole.raster, &saved.decoded.pages[0], *i) > 8;
        let unmarked = (0..n).filter(|i| !saved.mask.data()[*i]).filter(differs).count();
        missing += saved.mask.count();
        doubtful += saved.damage.doubtful_pixels as usize;
        // Beyond those that are declared to be doubtful.
        wrong += unmarked.saturating_sub(saved.damage.doubtful_pixels as usize);
        pixels += n;
    }
    let percent = |part: usize| 100.0 * part as f64 / pixels as f64;
    println!(
        "{FILES} damaged files ({undetected} more whose damage does not show): {kept} salvaged; of \
         their pixels {:.2} % missing, {:.2} % doubtful, {:.3} % wrong by more than 8 and neither",
        percent(missing),
        percent(doubtful),
        percent(wrong)
    );
    assert!(kept >= FILES * 9 / 10, "{kept}");
    assert!(percent(wrong) < 0.2, "{}", percent(wrong));
}

/// Does byte `at` lie before the first pixel data?
fn in_header(whole: &Whole, at: usize) -> bool {
    let start: &[u8] = if whole.bytes[0] == 0xFF { &[0xFF, 0xDA] } else { b"IDAT" };
    whole.bytes.windows(start.len()).position(|w| w == start).is_some_and(|p| at < p + 14)
}
