//! Planted copies among many pictures: `cargo test --release -p restora --test figures_duplicates -- --ignored
//! --nocapture`; `RESTORA_PLANTED=10000` plants as many as that, 2,000 are planted else.

#[path = "support/planting.rs"]
mod planting;

use planting::{KINDS, pictures, plant, stranger, tiles, truth};
use restora::data::Input;
use restora::duplicates::{DuplicateOptions, find_duplicates};
use restora::extractor::{Fit, framed};
use restora::image::{Cancel, Context, Image, Size};
use std::collections::HashMap;

/// Pictures whose set has copies of its own: pairs among them say nothing.
struct Planted {
    doubtful: std::ops::Range<usize>,
}

/// Photographs and portraits with copies of all kinds, a tenth of them small; tiles of other photographs and, as strangers
/// of doubt, pictures of CIFAR-10 beside them.
fn planted(folder: &std::path::Path, total: usize) -> Planted {
    let originals: Vec<Image> = [
        ("train/photos_open.zip", ""),
        ("denoise/CBSD68", ""),
        ("denoise/Kodak24_dev", ""),
        ("small_images/faces/portraits_color128_200.zip", ""),
    ]
    .iter()
    .flat_map(|(name, within)| pictures(name, within))
    .collect();
    let others = pictures("train/BSDS500_color400_jpeg.zip", "");
    let (large, small) = others.split_at(others.len() / 2);
    let cut = |from: &[Image]| -> Vec<Image> { from.iter().flat_map(|p| tiles(p, 160)).collect() };
    let to_small = |p: &Image| framed(p, Size::new(32, 32), Fit::Stretch, &Context::default());
    let small: Vec<Image> = cut(small).iter().map(|p| to_small(p).expect("a picture")).collect();
    // 69 of 100 files are planted ones, of every seventh original a small one.
    let share = total as f64 / 10_000.0;
    let part = |n: usize| (n as f64 * share).round() as usize;
    let every = |set: &[Image], n: usize| -> Vec<Image> {
        (0..n).map(|i| set[i * set.len() / n].clone()).collect()
    };
    let (small_planted, small) = small.split_at(100);
    let with_copies =
        [every(&originals, part(originals.len())), every(small_planted, part(100))].concat();
    let strangers = [every(&cut(large), part(1200)), every(small, part(1100))].concat();
    let mut number = 0;
    for image in &with_copies {
        plant(folder, number, image, 7);
        number += 1;
    }
    for image in &strangers {
        stranger(folder, number, image);
        number += 1;
    }
    let files = 10 * with_copies.len() + strangers.len();
    let first = number;
    let doubtful = pictures("small_images/cifar10/cifar10_test_1500_png.zip", "");
    for image in every(&doubtful, total.saturating_sub(files).min(doubtful.len())) {
        stranger(folder, number, &image);
        number += 1;
    }
    Planted { doubtful: first..number }
}

#[test]
#[ignore = "needs the shared sets"]
fn nine_kinds_of_copy_are_found_among_many_pictures() {
    let total = std::env::var("RESTORA_PLANTED").ok();
    let total = total.map_or(2_000, |n| n.parse().expect("a number of pictures"));
    let folder = tempfile::tempdir().expect("a folder");
    let Planted { doubtful } = planted(folder.path(), total);
    let input = Input::Path(folder.path().into());
    let start = std::time::Instant::now();
    let found =
        find_duplicates(&input, &DuplicateOptions::default(), None, &Cancel::default(), &|| ())
            .expect("duplicates");
    println!("{} pictures in {:.0} s", found.pictures.len(), start.elapsed().as_secs_f64());
    assert!(found.failures.is_empty());
    let of: Vec<_> = found.pictures.iter().map(|p| truth(&p.id)).collect();
    let mut cluster = vec![usize::MAX; of.len()];
    for (n, c) in found.clusters.iter().enumerate() {
        std::iter::once(&c.keeper).chain(&c.copies).for_each(|&i| cluster[i] = n);
    }
    let original: HashMap<usize, usize> =
        of.iter().enumerate().filter(|(_, t)| t.1.is_none()).map(|(i, t)| (t.0, i)).collect();
    // Lost and found, of pictures of more than 32 pixels and of small ones.
    let mut kinds = [[[0usize; 2]; 2]; KINDS.len()];
    for (i, (number, kind)) in of.iter().enumerate() {
        if let Some(kind) = kind {
            let home = cluster[original[number]];
            let small = usize::from(found.pictures[original[number]].width == 32);
            kinds[*kind][small][usize::from(home != usize::MAX && cluster[i] == home)] += 1;
        }
    }
    for (name, [large, small]) in KINDS.iter().zip(kinds) {
        let of = |[lost, found]: [usize; 2]| format!("{found} of {}", lost + found);
        println!("| {name} | {} | {} |", of(large), of(small));
    }
    let [lost, right] = [0, 1].map(|n| kinds.iter().flatten().map(|k| k[n]).sum::<usize>());
    let recall = right as f64 / (lost + right) as f64;
    let in_doubt = |i: usize| doubtful.contains(&of[i].0);
    let (mut same, mut wrong, mut doubt) = (0, 0, 0);
    for pair in &found.pairs {
        if of[pair.first].0 == of[pair.second].0 {
            same += 1;
        } else if in_doubt(pair.first) && in_doubt(pair.second) {
            doubt += 1;
        } else {
            wrong += 1;
            if wrong <= 20 {
                let [a, b] = [pair.first, pair.second].map(|i| &found.pictures[i].id);
                let map = pair.map.as_ref().expect("no two are equal");
                let (p, edges, points) = (pair.probability, map.edges, map.inliers);
                println!("wrong: {a} {b}, said {p:.4}, edges {edges:.2}, {points} keypoints");
            }
        }
    }
    let precision = f64::from(same) / f64::from(same + wrong);
    println!(
        "recall {recall:.4}, precision {precision:.4} of {} pairs; {doubt} more within CIFAR-10",
        same + wrong
    );
    assert!(recall >= 0.95 && precision >= 0.99, "{recall} {precision}");
}
