//! Damaged, cut and lying sets: an error each, without a panic and without memory for what is not
//! there.

use crate::support::{Folder, Member, finish_zip, gz, idx, npy, pgm, read_all, zip, zip64};
use proptest::prelude::*;
use restora_data::{Dataset, DatasetOptions, Limits};
use restora_image::{ErrorKind, Size};

fn kind(folder: &Folder, name: &str, bytes: &[u8]) -> Result<usize, ErrorKind> {
    let set = Dataset::open(&folder.write(name, bytes), &DatasetOptions::default());
    let set = set.map_err(|e| e.kind())?;
    for item in set.iter() {
        item.map_err(|e| e.error.kind())?;
    }
    Ok(set.len())
}

fn float_npy() -> Vec<u8> {
    npy("<f4", false, "(2, 2, 2)", &[0.5f32; 8].map(f32::to_le_bytes).concat())
}

fn wholes() -> Vec<(&'static str, Vec<u8>)> {
    let cifar: Vec<u8> = (0..2).flat_map(|_| [&[3][..], &[7; 3072]].concat()).collect();
    let npz = zip(&[
        Member::deflated("x.npy", &float_npy()),
        Member::stored("y.npy", &npy("|u1", false, "(2,)", &[1, 2])),
    ]);
    let pictures =
        [Member::stored("a/1.pgm", &pgm(3, 2, 0)), Member::deflated("b/2.pgm", &pgm(3, 2, 9))];
    vec![
        ("a.idx", idx(8, &[2, 3, 3], &[5; 18])),
        ("a.idx.gz", gz(&idx(8, &[2, 3, 3], &[5; 18]))),
        ("a.npy", float_npy()),
        ("a.npz", npz),
        ("a.zip", zip(&pictures)),
        ("b.zip", zip64(&pictures)),
        ("a.bin", cifar),
    ]
}

#[test]
fn a_set_cut_anywhere_is_an_error() {
    let folder = Folder::new();
    for (name, bytes) in wholes() {
        assert_eq!(kind(&folder, name, &bytes), Ok(2), "{name}");
        // One record of CIFAR-10 is a set as well as two, and with a byte more one of CIFAR-100.
        for cut in (0..bytes.len()).filter(|cut| name != "a.bin" || cut % 3073 > 1) {
            let kind = kind(&folder, name, &bytes[..cut]);
            let fine = matches!(kind, Err(ErrorKind::Corrupt | ErrorKind::Unsupported));
            assert!(fine, "{name} cut at {cut} of {}: {kind:?}", bytes.len());
        }
    }
}

#[test]
fn a_set_with_bytes_behind_its_end_is_an_error() {
    let folder = Folder::new();
    for (name, mut bytes) in wholes() {
        bytes.push(1);
        assert!(kind(&folder, name, &bytes).is_err(), "{name}");
    }
}

#[test]
fn a_flipped_bit_never_panics_and_never_passes_a_checksum() {
    let folder = Folder::new();
    for (name, bytes) in wholes() {
        let summed = name != "a.idx" && name != "a.npy" && name != "a.bin";
        let whole = contents(&folder, name, &bytes).unwrap();
        for at in (0..bytes.len()).filter(|at| name != "a.bin" || at % 3073 < 2) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            // Dates and versions carry nothing, and a damaged name names no picture any more: what
            // still comes must be what was written.
            if let Ok(got) = contents(&folder, name, &damaged)
                && summed
            {
                assert!(got.iter().all(|picture| whole.contains(picture)), "{name}, byte {at}");
            }
        }
    }
}

fn contents(
    folder: &Folder,
    name: &str,
    bytes: &[u8],
) -> Result<Vec<restora_image::Raster>, String> {
    let set = Dataset::open(&folder.write(name, bytes), &DatasetOptions::default());
    let set = set.map_err(|e| e.to_string())?;
    set.iter().map(|item| item.map(|i| i.raster).map_err(|e| e.to_string())).collect()
}

#[test]
fn headers_that_claim_what_is_not_there_are_refused() {
    let folder = Folder::new();
    let huge = u32::MAX;
    let liars = [
        ("a.idx", idx(8, &[huge, huge, huge], &[0; 64])),
        ("b.idx", idx(8, &[huge, huge], &[0; 64])),
        ("c.idx", idx(8, &[0, 28, 28], &[])),
        ("d.idx", idx(8, &[huge, huge, huge, 0], &[])),
        ("e.idx.gz", gz(&idx(8, &[huge, 28, 28], &[0; 64]))),
        ("a.npy", npy("|u1", false, "(4294967295, 4294967295, 4294967295)", &[0; 64])),
        ("b.npy", npy("<f8", false, "(18446744073709551615, 2)", &[0; 16])),
        ("c.npy", npy("|u1", false, "(9223372036854775807, 2, 0)", &[])),
        ("d.npy", npy("|u1", false, "(0, 28, 28)", &[])),
        ("e.npy", npy("|u1", false, "(-1, 28, 28)", &[0; 784])),
        ("f.npy", npy("|u1", false, "(99999999999999999999, 1)", &[0; 64])),
        ("g.npy", npy("|O", false, "(1, 1)", &[0; 8])),
        ("h.npy", npy("|u1", false, "()", &[0])),
        ("i.npy", [&b"\x93NUMPY\x02\x00\xff\xff\xff\xff"[..], &[b' '; 99]].concat()),
    ];
    for (name, bytes) in liars {
        let kind = kind(&folder, name, &bytes).unwrap_err();
        assert!(matches!(kind, ErrorKind::Corrupt | ErrorKind::Unsupported), "{name}: {kind:?}");
    }
}

#[test]
fn what_unpacks_beyond_the_limit_or_the_header_is_refused() {
    let folder = Folder::new();
    let limits = Limits { max_bytes: 1 << 20, max_file_bytes: 1 << 20, ..Limits::default() };
    let options = DatasetOptions { limits, ..DatasetOptions::default() };
    let open = |name: &str, bytes: &[u8]| {
        let set = Dataset::open(&folder.write(name, bytes), &options).map_err(|e| e.kind())?;
        set.get(0).map(|_| ()).map_err(|e| e.error.kind())
    };
    // 8 MiB of zeros behind a small header: not even unpacked to the limit.
    let long = gz(&idx(8, &[1, 2, 2], &vec![0; 8 << 20]));
    assert_eq!(open("a.idx.gz", &long), Err(ErrorKind::Corrupt));
    let large = gz(&idx(8, &[1, 2048, 4096], &vec![0; 8 << 20]));
    assert_eq!(open("b.idx.gz", &large), Err(ErrorKind::Limit));
    let text = gz("0,".repeat(1 << 20).as_bytes());
    assert_eq!(open("c.csv.gz", &text), Err(ErrorKind::Limit));
    let rows = gz("1\n".repeat(1 << 17).as_bytes());
    assert_eq!(open("r.csv.gz", &rows), Err(ErrorKind::Limit));
    let bomb = Member::deflated("a.pgm", &vec![0; 8 << 20]);
    assert_eq!(open("d.zip", &zip(std::slice::from_ref(&bomb))), Err(ErrorKind::Limit));
    // The same one, lying about its size: not a byte more than promised is kept.
    let liar = Member { size: 1000, ..bomb.clone() };
    assert_eq!(open("e.zip", &zip(&[liar])), Err(ErrorKind::Corrupt));
    let liar = Member { size: 1 << 20, packed: bomb.packed[..100].to_vec(), ..bomb };
    assert_eq!(open("f.zip", &zip(&[liar])), Err(ErrorKind::Corrupt));
}

#[test]
fn zips_that_contradict_themselves_are_refused() {
    let folder = Folder::new();
    let good = Member::deflated("a.pgm", &pgm(3, 2, 0));
    let open = |members: &[Member]| kind(&folder, "a.zip", &zip(members));
    assert_eq!(open(std::slice::from_ref(&good)), Ok(1));
    assert_eq!(open(&[Member { crc: good.crc ^ 1, ..good.clone() }]), Err(ErrorKind::Corrupt));
    assert_eq!(open(&[Member { size: good.size + 1, ..good.clone() }]), Err(ErrorKind::Corrupt));
    assert_eq!(open(&[Member { size: good.size - 1, ..good.clone() }]), Err(ErrorKind::Corrupt));
    assert_eq!(open(&[Member { flags: 1, ..good.clone() }]), Err(ErrorKind::Unsupported));
    assert_eq!(open(&[Member { method: 93, ..good.clone() }]), Err(ErrorKind::Unsupported));
    assert_eq!(open(&[good.clone(), good.clone()]), Err(ErrorKind::Corrupt));
    let trailing = Member { packed: [&good.packed[..], &[0; 9]].concat(), ..good.clone() };
    assert_eq!(open(&[trailing]), Err(ErrorKind::Corrupt));
    // Two names for the same bytes, as in a bomb whose members overlap.
    let other = Member { name: b"b.pgm".to_vec(), ..good.clone() };
    let listing = [good.central(0), other.central(0)].concat();
    let overlap = finish_zip(good.local(), &listing, 2);
    assert_eq!(kind(&folder, "a.zip", &overlap), Err(ErrorKind::Corrupt));
    // A member whose local header is another's.
    let moved = finish_zip(good.local(), &other.central(0), 1);
    assert_eq!(kind(&folder, "a.zip", &moved), Err(ErrorKind::Corrupt));
    // A directory that counts one more, or one less, than it lists.
    for count in [0, 2] {
        let wrong = finish_zip(good.local(), &good.central(0), count);
        assert!(kind(&folder, "a.zip", &wrong).is_err());
    }
    let beyond = finish_zip(good.local(), &good.central(u32::MAX - 1), 1);
    assert_eq!(kind(&folder, "a.zip", &beyond), Err(ErrorKind::Corrupt));
}

#[test]
fn names_that_climb_out_of_an_archive_are_only_names() {
    let folder = Folder::new();
    let names: [&[u8]; 3] = [b"../../etc/x.pgm", b"/abs/\x1b[2Jy.pgm", b"C:\\\xFF.pgm"];
    let members =
        names.map(|name| Member { name: name.to_vec(), ..Member::stored("", &pgm(1, 1, 3)) });
    let path = folder.write("sub/a.zip", zip(&members));
    let set = Dataset::open(&path, &DatasetOptions::default()).unwrap();
    let ids: Vec<_> = set.iter().map(|item| item.unwrap().id).collect();
    assert!(ids.iter().all(|id| !id.contains(char::is_control)), "{ids:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn one_damaged_picture_spoils_its_item_alone() {
    let folder = Folder::new();
    let members = [
        Member::stored("a.pgm", &pgm(2, 2, 0)),
        Member::stored("b.pgm", b"P5 2 2 255\n\0\0"),
        Member::stored("c.pgm", &pgm(2, 2, 8)),
    ];
    let set = Dataset::open(&folder.write("a.zip", zip(&members)), &DatasetOptions::default());
    let set = set.unwrap();
    assert!(set.get(0).is_ok() && set.get(2).is_ok());
    let error = set.get(1).unwrap_err();
    assert_eq!((error.id.as_str(), error.error.kind()), ("b.pgm", ErrorKind::Corrupt));
}

#[test]
fn a_file_of_labels_cut_anywhere_is_an_error() {
    let folder = Folder::new();
    let set = folder.write("set.idx", idx(8, &[3, 1, 1], &[1, 2, 3]));
    for (name, bytes) in [
        ("l.idx", idx(8, &[3], &[4, 5, 6])),
        ("l.gz", gz(&idx(8, &[3], &[4, 5, 6]))),
        ("l.npy", npy("<u2", false, "(3,)", &[4, 0, 5, 0, 6, 0])),
        ("l.txt", b"cat\ndog\nox\n".to_vec()),
    ] {
        let read = |bytes: &[u8]| {
            let labels = Some(folder.write(name, bytes));
            read_all(&set, &DatasetOptions { labels, ..DatasetOptions::default() })
        };
        assert_eq!(read(&bytes), Ok(3), "{name}");
        // Three bytes of anything are three labels; a text may end inside its last word.
        let last = if name == "l.txt" { 8 } else { bytes.len() };
        for cut in (0..last).filter(|cut| *cut != 3) {
            assert!(read(&bytes[..cut]).is_err(), "{name} cut at {cut}");
        }
    }
}

#[test]
fn a_mosaic_that_is_cut_is_an_error() {
    let folder = Folder::new();
    let bytes = pgm(4, 4, 0);
    let cell = Some(Size::new(2, 2));
    let options = DatasetOptions { cell, ..DatasetOptions::default() };
    assert_eq!(read_all(&folder.write("m.pgm", &bytes), &options), Ok(4));
    for cut in 0..bytes.len() {
        assert!(read_all(&folder.write("m.pgm", &bytes[..cut]), &options).is_err(), "{cut}");
    }
}

proptest! {
    /// Whatever follows a valid beginning: an answer or an error, no panic.
    #[test]
    fn random_bytes_behind_a_valid_beginning_never_panic(
        start in 0usize..9,
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        small in proptest::collection::vec(0u8..5, 0..40),
    ) {
        let folder = Folder::new();
        let (name, head): (&str, &[u8]) = [
            ("a.idx", &[0, 0, 8, 3][..]),
            ("a.idx", &[0, 0, 13, 2]),
            ("a.npy", b"\x93NUMPY\x01\x00\x40\x00{'descr': '|u1', 'fortran_order': False, 'shape': ("),
            ("a.npy", b"\x93NUMPY"),
            ("a.zip", b"PK\x03\x04"),
            ("a.zip", b"PK\x05\x06"),
            ("a.idx.gz", &[0x1F, 0x8B, 8]),
            ("a.csv", b"label,p\n"),
            ("a.txt", b""),
        ][start];
        let whole = [head, &small, &bytes].concat();
        let _ = read_all(&folder.write(name, &whole), &DatasetOptions::default());
        // As the end of a zip: the directory is looked for from there.
        let zip = [&b"PK\x03\x04"[..], &bytes, b"PK\x01\x02", &small, b"PK\x05\x06", &[0; 18]].concat();
        let _ = read_all(&folder.write("b.zip", &zip), &DatasetOptions::default());
        let labels = Some(folder.write("labels", &whole));
        let options = DatasetOptions { labels, ..DatasetOptions::default() };
        let _ = read_all(&folder.write("set.npy", float_npy()), &options);
    }

    /// Any digits and separators as a table.
    #[test]
    fn random_tables_never_panic(text in "[0-9eE+.,;\"\t\r\n a-]{0,200}", width in 0u32..5) {
        let folder = Folder::new();
        let width = (width < 4).then_some(width);
        let options = DatasetOptions { width, ..DatasetOptions::default() };
        let _ = read_all(&folder.write("a.csv", text), &options);
    }
}
