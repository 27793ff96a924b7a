use super::*;
use crate::duplicates::Searcher;
use restora_data::{EncodeOptions, FileMeta, Format, encode};
use restora_image::{Depth, Image, Raster, Rng, Size};

/// Overlapping squares of many sizes.
fn picture(seed: u64) -> Vec<u8> {
    let mut rng = Rng::new(seed, "squares", 0);
    let mut values = vec![0.5f32; 96 * 72];
    for _ in 0..120 {
        let (x, y) = (rng.below(96) as usize, rng.below(72) as usize);
        let (side, value) = (3 + rng.below(15) as usize, rng.uniform() as f32);
        for row in y..(y + side).min(72) {
            values[row * 96 + x..row * 96 + (x + side).min(96)].fill(value);
        }
    }
    let image = Image::gray_from_fn(Size::new(96, 72), |x, y| values[y * 96 + x]);
    let raster = Raster::from_image(&image, Depth::U8).unwrap();
    let meta = FileMeta::new(Format::Png, raster.layout, Depth::U8);
    encode(&[raster], Format::Png, &meta, &EncodeOptions::default()).unwrap()
}

fn folder(seeds: &[(&str, u64)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("in")).unwrap();
    for (name, seed) in seeds {
        std::fs::write(dir.path().join("in").join(name), picture(*seed)).unwrap();
    }
    dir
}

fn update(dir: &Path) -> Result<(PictureIndex, Updated), Error> {
    let input = Input::Path(dir.join("in"));
    let (limits, cancel) = (Limits::default(), Cancel::default());
    PictureIndex::update(&dir.join("index"), &input, 40, &limits, &cancel, &|| ())
}

/// All that is known, without the times, which differ from file to file.
fn known(index: &PictureIndex) -> Vec<Signature> {
    let plain = |s: &Signature| Signature { modified: None, path: None, ..s.clone() };
    index.pictures().iter().map(plain).collect()
}

#[test]
fn an_index_grows_changes_and_shrinks_with_its_folder() {
    let dir = folder(&[("a.png", 1), ("b.png", 2), ("c.png", 3)]);
    let root = dir.path();
    let (mut index, updated) = update(root).unwrap();
    assert_eq!((updated.added, updated.kept, index.len()), (3, 0, 3));
    index.candidates(&Context::default()).unwrap();
    assert!(!index.lists.centers.is_empty());
    std::fs::remove_file(root.join("in/b.png")).unwrap();
    std::fs::write(root.join("in/c.png"), picture(30)).unwrap();
    std::fs::write(root.join("in/aa.png"), picture(4)).unwrap();
    std::fs::write(root.join("in/broken.png"), b"\x89PNG\r\n\x1a\n").unwrap();
    let (mut index, updated) = update(root).unwrap();
    let Updated { added, changed, gone, kept, .. } = updated;
    assert_eq!((added, changed, gone, kept, updated.failures.len()), (1, 1, 1, 1, 1));
    let fresh = folder(&[("a.png", 1), ("aa.png", 4), ("c.png", 30)]);
    let (other, _) = update(fresh.path()).unwrap();
    assert_eq!(known(&index), known(&other));
    // What is new went into the lists there were, and is on the disk.
    index.candidates(&Context::default()).unwrap();
    let again = PictureIndex::open(&root.join("index")).unwrap();
    assert_eq!(again.pictures, index.pictures);
    assert_eq!(again.lists, index.lists);
    assert!(again.lists.labels.iter().zip(&again.pictures).all(|(l, s)| l.len() == s.points.len()));
    let (_, updated) = update(root).unwrap();
    assert_eq!((updated.added, updated.changed, updated.gone, updated.kept), (0, 0, 0, 3));
}

#[test]
fn a_file_cut_short_anywhere_loses_what_was_cut_and_is_made_whole_again() {
    let dir = folder(&[("a.png", 1), ("b.png", 2), ("c.png", 3)]);
    let root = dir.path();
    let (mut index, _) = update(root).unwrap();
    index.candidates(&Context::default()).unwrap();
    let wanted = index.pictures.clone();
    let path = root.join("index");
    let whole = std::fs::read(&path).unwrap();
    for end in (MAGIC.len()..whole.len()).step_by(whole.len() / 23) {
        std::fs::write(&path, &whole[..end]).unwrap();
        let part = PictureIndex::open(&path).unwrap();
        assert!(part.pictures.iter().all(|s| wanted.contains(s)), "{end}");
        let (index, updated) = update(root).unwrap();
        assert_eq!(index.pictures, wanted, "{end}");
        assert_eq!(updated.kept, part.len());
        assert_eq!(PictureIndex::open(&path).unwrap().pictures, wanted);
    }
}

#[test]
fn damage_is_told_with_its_place_and_never_a_panic() {
    let dir = folder(&[("a.png", 1), ("b.png", 2)]);
    let root = dir.path();
    update(root).unwrap();
    let path = root.join("index");
    let whole = std::fs::read(&path).unwrap();
    let middle = whole.len() / 2;
    for (at, byte) in (0..whole.len()).step_by(97).flat_map(|at| [(at, 0u8), (at, 255)]) {
        let mut bytes = whole.clone();
        bytes[at] = byte;
        std::fs::write(&path, &bytes).unwrap();
        let opened = PictureIndex::open(&path);
        assert!(bytes == whole || opened.is_err() || opened.unwrap().len() < 2, "{at}");
    }
    let mut bytes = whole;
    bytes[middle / 2] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let error = PictureIndex::open(&path).err().unwrap().to_string();
    assert!(error.contains("is damaged at byte"), "{error}");
    std::fs::write(&path, b"something else").unwrap();
    let error = PictureIndex::open(&path).err().unwrap().to_string();
    assert!(error.contains("is no index of pictures"), "{error}");
}

#[test]
fn a_search_that_keeps_its_lists_leaves_what_another_run_wrote_meanwhile() {
    let dir = folder(&[("a.png", 1), ("b.png", 2)]);
    let root = dir.path();
    let (mut early, _) = update(root).unwrap();
    std::fs::write(root.join("in/c.png"), picture(3)).unwrap();
    update(root).unwrap();
    let whole = std::fs::read(root.join("index")).unwrap();
    early.candidates(&Context::default()).unwrap();
    assert!(std::fs::read(root.join("index")).unwrap() == whole);
    // Nor does it wait for a writer.
    let _held = lock(&root.join("index")).unwrap();
    let mut late = PictureIndex::open(&root.join("index")).unwrap();
    late.candidates(&Context::default()).unwrap();
    assert!(std::fs::read(root.join("index")).unwrap() == whole);
}

#[test]
fn one_writer_at_a_time_and_one_number_of_keypoints() {
    let dir = folder(&[("a.png", 1)]);
    let root = dir.path();
    update(root).unwrap();
    let held = lock(&root.join("index")).unwrap();
    let error = update(root).err().unwrap().to_string();
    assert!(error.contains("is being written by another run"), "{error}");
    drop(held);
    let input = Input::Path(root.join("in"));
    let other = |keypoints| {
        let (limits, cancel) = (Limits::default(), Cancel::default());
        let path = root.join("index");
        PictureIndex::update(&path, &input, keypoints, &limits, &cancel, &|| ()).err()
    };
    assert!(other(40).is_none());
    let error = other(50).unwrap().to_string();
    assert!(error.contains("was made with 40 keypoints, wanted are 50"), "{error}");
    assert!(other(3).unwrap().to_string().contains("16 to 1000, got 3"));
}

#[test]
fn a_search_in_a_grown_index_finds_what_one_in_a_new_index_finds() {
    let names: Vec<String> = (0..12).map(|i| format!("{i:02}.png")).collect();
    let seeds: Vec<(&str, u64)> = names.iter().map(String::as_str).zip(0..).collect();
    let (small, whole) = (folder(&seeds[..4]), folder(&seeds));
    let (mut index, _) = update(small.path()).unwrap();
    index.candidates(&Context::default()).unwrap();
    for (name, seed) in &seeds[4..] {
        std::fs::write(small.path().join("in").join(name), picture(*seed)).unwrap();
    }
    let (limits, cx) = (Limits::default(), Context::default());
    let found = [small.path(), whole.path()].map(|root| {
        let searcher = Searcher::new(update(root).unwrap().0, &cx).unwrap();
        assert_eq!(searcher.len(), 12);
        let input = Input::Path(whole.path().join("in"));
        walk(&input)
            .map(|entry| {
                let found = searcher.search(&entry.unwrap(), 3, 0.9, &limits).unwrap();
                found.into_iter().map(|f| (f.picture.id, f.likeness)).collect::<Vec<_>>()
            })
            .collect::<Vec<_>>()
    });
    assert_eq!(found[0], found[1]);
    for (name, found) in names.iter().zip(&found[0]) {
        assert_eq!(found[0].0, *name);
        assert_eq!(found[0].1, crate::duplicates::Likeness::SameFile);
    }
}
