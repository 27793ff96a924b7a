//! Every form of a data set, built here, read back value by value.

use crate::support::{Folder, Member, gz, idx, npy, pgm, zip};
use restora_data::{Axes, Dataset, DatasetOptions, Limits, SetFormat, npz_numbers};
use restora_image::{ErrorKind, Layout, Pixels, Size};

fn open(path: &std::path::Path) -> Dataset {
    Dataset::open(path, &DatasetOptions::default()).unwrap()
}

fn bytes_of(set: &Dataset, i: usize) -> Vec<u8> {
    match set.get(i).unwrap().raster.pixels {
        Pixels::U8(v) => v,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_folder_and_its_zip_are_the_same_set_with_the_same_labels() {
    let folder = Folder::new();
    let names = ["b/2.pgm", "b/10.pgm", "a-/x.pgm", "a/z.pgm", "a/deep/b/0.pgm", "a/.hidden.pgm"];
    let mut members = Vec::new();
    for (k, name) in names.iter().enumerate() {
        let bytes = pgm(3, 2, k as u8 * 10);
        folder.write(&format!("set/{name}"), &bytes);
        members.push(if k % 2 == 0 {
            Member::stored(name, &bytes)
        } else {
            Member::deflated(name, &bytes)
        });
    }
    folder.write("set/notes.txt", "not a picture");
    members.push(Member::stored("notes.txt", b"not a picture"));
    members.push(Member::stored("a/", b""));
    members.push(Member::stored("__MACOSX/b/2.pgm", b"resource fork"));
    let files = open(&folder.path().join("set"));
    let zipped = open(&folder.write("set.zip", zip(&members)));
    assert_eq!((files.format(), zipped.format()), (SetFormat::Files, SetFormat::Zip));
    assert_eq!((files.len(), files.skipped(), zipped.skipped()), (5, 2, 3));
    let ids: Vec<_> = (0..5).map(|i| files.id(i)).collect();
    assert_eq!(ids, ["a/deep/b/0.pgm", "a/z.pgm", "a-/x.pgm", "b/10.pgm", "b/2.pgm"]);
    assert_eq!(files.classes(), ["a", "a-", "b"]);
    assert_eq!(files.labels().unwrap(), [2, 0, 1, 2, 2]);
    assert_eq!(zipped.classes(), files.classes());
    for i in 0..5 {
        assert_eq!(files.get(i).unwrap(), zipped.get(i).unwrap());
    }
    assert_eq!(bytes_of(&files, 4), [0, 1, 2, 3, 4, 5]);
    let image = files.get(3).unwrap().image();
    assert_eq!(image.data()[1], 11.0 / 255.0);
}

#[test]
fn pictures_in_one_folder_or_beside_folders_have_no_labels() {
    let folder = Folder::new();
    folder.write("one/a/1.pgm", pgm(1, 1, 0));
    folder.write("one/a/2.pgm", pgm(1, 1, 0));
    assert!(open(&folder.path().join("one")).labels().is_none());
    folder.write("one/b/1.pgm", pgm(1, 1, 0));
    assert!(open(&folder.path().join("one")).labels().is_some());
    folder.write("one/outside.pgm", pgm(1, 1, 0));
    assert!(open(&folder.path().join("one")).labels().is_none());
}

#[test]
fn patterns_lists_and_single_files_are_sets_too() {
    let folder = Folder::new();
    let a = folder.write("cat/1.pgm", pgm(2, 1, 0));
    let b = folder.write("dog/1.pgm", pgm(2, 1, 5));
    let set = open(&folder.path().join("*/1.pgm"));
    assert_eq!(set.classes(), ["cat", "dog"]);
    let list = folder.write("list", format!("{}\n{}\n", b.display(), a.display()));
    let set = open(format!("@{}", list.display()).as_ref());
    assert_eq!((set.len(), bytes_of(&set, 0)), (2, vec![5, 6]));
    assert_eq!(open(&a).len(), 1);
}

#[test]
fn idx_pictures_find_their_labels_packed_or_not() {
    let folder = Folder::new();
    let images = idx(8, &[3, 2, 2], &(0..12).collect::<Vec<u8>>());
    let labels = idx(8, &[3], &[7, 0, 9]);
    folder.write("train-images-idx3-ubyte.gz", gz(&images));
    folder.write("train-labels-idx1-ubyte", &labels);
    let t10k = folder.write("t10k-images.idx3-ubyte", idx(8, &[1, 2, 2], &[9, 9, 9, 9]));
    folder.write("t10k-labels.idx1-ubyte.gz", gz(&idx(8, &[1], &[4])));
    let set = open(folder.path());
    assert_eq!((set.format(), set.len()), (SetFormat::Idx, 3));
    assert_eq!(set.shape(), Some((Size::new(2, 2), Layout::Gray)));
    assert_eq!((set.labels().unwrap(), set.classes().len()), (&[7, 0, 9][..], 0));
    let item = set.get(2).unwrap();
    assert_eq!((item.id.as_str(), item.label), ("train-images-idx3-ubyte.gz[2]", Some(9)));
    assert_eq!(bytes_of(&set, 2), [8, 9, 10, 11]);
    assert_eq!(open(&t10k).labels().unwrap(), [4]);
    // A labels file of the wrong length is an error, not a set half labeled.
    folder.write("t10k-labels.idx1-ubyte.gz", gz(&idx(8, &[2], &[4, 4])));
    assert!(Dataset::open(&t10k, &DatasetOptions::default()).is_err());
}

#[test]
fn a_mosaic_is_cut_row_by_row_up_to_the_count() {
    let folder = Folder::new();
    let path = folder.write("m.pgm", pgm(6, 4, 0));
    let cell = Some(Size::new(2, 2));
    let options = DatasetOptions { cell, count: Some(5), ..DatasetOptions::default() };
    let set = Dataset::open(&path, &options).unwrap();
    assert_eq!((set.len(), set.format()), (5, SetFormat::Mosaic));
    assert_eq!(bytes_of(&set, 0), [0, 1, 6, 7]);
    assert_eq!(bytes_of(&set, 2), [4, 5, 10, 11]);
    assert_eq!(bytes_of(&set, 3), [12, 13, 18, 19]);
    assert_eq!(set.get(5).unwrap_err().error.kind(), ErrorKind::Param);
    for wrong in [Size::new(4, 2), Size::new(2, 3), Size::new(0, 2), Size::new(12, 8)] {
        let options = DatasetOptions { cell: Some(wrong), ..DatasetOptions::default() };
        assert_eq!(Dataset::open(&path, &options).unwrap_err().kind(), ErrorKind::Param);
    }
    for count in [0, 7] {
        let options = DatasetOptions { cell, count: Some(count), ..DatasetOptions::default() };
        assert_eq!(Dataset::open(&path, &options).unwrap_err().kind(), ErrorKind::Param);
    }
}

/// A number in the bytes of some kind.
type Bytes = fn(u16) -> Vec<u8>;

#[test]
fn npy_of_every_kind_order_and_endianness_gives_the_same_pictures() {
    let folder = Folder::new();
    let c_order: Vec<u16> = (0..12).collect();
    // Element (i, y, x) of the C order is at i + 2 y + 4 x.
    let f_order: Vec<u16> = (0..12).map(|k| 6 * (k % 2) + 3 * (k / 2 % 2) + k / 4).collect();
    for (fortran, values) in [(false, c_order), (true, f_order)] {
        let kinds: [(&str, Bytes); 7] = [
            ("|u1", |v| vec![v as u8]),
            ("<u2", |v| v.to_le_bytes().to_vec()),
            (">u2", |v| v.to_be_bytes().to_vec()),
            ("<f4", |v| f32::from(v).to_le_bytes().to_vec()),
            (">f4", |v| f32::from(v).to_be_bytes().to_vec()),
            ("<f8", |v| f64::from(v).to_le_bytes().to_vec()),
            (">f8", |v| f64::from(v).to_be_bytes().to_vec()),
        ];
        for (descr, bytes) in kinds {
            let data: Vec<u8> = values.iter().flat_map(|v| bytes(*v)).collect();
            let path = folder.write("a.npy", npy(descr, fortran, "(2, 2, 3)", &data));
            let set = open(&path);
            assert_eq!(set.shape(), Some((Size::new(3, 2), Layout::Gray)));
            let raster = set.get(1).unwrap().raster;
            let got: Vec<u16> = match raster.pixels {
                Pixels::U8(v) => v.into_iter().map(u16::from).collect(),
                Pixels::U16(v) => v,
                Pixels::F32(v) => v.into_iter().map(|v| v as u16).collect(),
            };
            assert_eq!(got, [6, 7, 8, 9, 10, 11], "{descr} {fortran}");
        }
    }
    let path = folder.write("b.npy", npy("|b1", false, "(1, 1, 2)", &[0, 1]));
    assert_eq!(bytes_of(&open(&path), 0), [0, 255]);
}

#[test]
fn channels_are_found_on_either_side_and_asked_for_where_the_shape_is_open() {
    let folder = Folder::new();
    let data: Vec<u8> = (0..30).collect();
    let last = open(&folder.write("l.npy", npy("|u1", false, "(1, 2, 5, 3)", &data)));
    assert_eq!(last.shape(), Some((Size::new(5, 2), Layout::Rgb)));
    assert_eq!(bytes_of(&last, 0), data);
    let first = open(&folder.write("f.npy", npy("|u1", false, "(1, 3, 2, 5)", &data)));
    assert_eq!(first.shape(), Some((Size::new(5, 2), Layout::Rgb)));
    assert_eq!(bytes_of(&first, 0)[..6], [0, 10, 20, 1, 11, 21]);
    let open_shape = folder.write("o.npy", npy("|u1", false, "(1, 3, 5, 1)", &data[..15]));
    let error = Dataset::open(&open_shape, &DatasetOptions::default()).unwrap_err();
    assert!(error.to_string().contains("axes"), "{error}");
    for (axes, size) in
        [(Axes::ChannelsFirst, Size::new(1, 5)), (Axes::ChannelsLast, Size::new(5, 3))]
    {
        let options = DatasetOptions { axes: Some(axes), ..DatasetOptions::default() };
        assert_eq!(Dataset::open(&open_shape, &options).unwrap().shape().unwrap().0, size);
    }
    let seven = folder.write("7.npy", npy("|u1", false, "(1, 2, 2, 7)", &data[..28]));
    let error = Dataset::open(&seven, &DatasetOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn plain_lists_become_squares_rows_or_what_the_width_says() {
    let folder = Folder::new();
    let data: Vec<u8> = (0..24).collect();
    let wide = folder.write("w.npy", npy("|u1", false, "(2, 12)", &data));
    assert_eq!(open(&wide).shape().unwrap().0, Size::new(12, 1));
    let options = DatasetOptions { width: Some(4), ..DatasetOptions::default() };
    let set = Dataset::open(&wide, &options).unwrap();
    assert_eq!(set.shape().unwrap().0, Size::new(4, 3));
    assert_eq!(bytes_of(&set, 1), data[12..]);
    let fortran = folder.write("s.npy", npy("|u1", true, "(6, 4)", &data));
    let set = open(&fortran);
    assert_eq!(set.shape().unwrap().0, Size::new(2, 2));
    assert_eq!(bytes_of(&set, 5), [5, 11, 17, 23]);
    let options = DatasetOptions { width: Some(5), ..DatasetOptions::default() };
    assert_eq!(Dataset::open(&wide, &options).unwrap_err().kind(), ErrorKind::Param);
}

#[test]
fn npz_arrays_are_chosen_by_key_or_by_their_usual_names() {
    let folder = Folder::new();
    let images = npy("|u1", false, "(2, 1, 2)", &[1, 2, 3, 4]);
    let other = npy("<f4", false, "(1, 1, 1)", &0.5f32.to_le_bytes());
    let labels = npy("<i8", false, "(2,)", &[3i64, 1].map(i64::to_le_bytes).concat());
    let members = [
        Member::deflated("x_train.npy", &images),
        Member::stored("y_train.npy", &labels),
        Member::stored("other.npy", &other),
    ];
    let path = folder.write("a.npz", zip(&members));
    let set = open(&path);
    assert_eq!((set.format(), set.labels().unwrap()), (SetFormat::Npz, &[3, 1][..]));
    assert_eq!((set.id(1).as_str(), bytes_of(&set, 1)), ("a.npz:x_train[1]", vec![3, 4]));
    let options = DatasetOptions { key: Some("other".into()), ..DatasetOptions::default() };
    assert!(Dataset::open(&path, &options).unwrap_err().to_string().contains("2 labels for 1"));
    let options = DatasetOptions { key: Some("none".into()), ..DatasetOptions::default() };
    let error = Dataset::open(&path, &options).unwrap_err().to_string();
    assert!(error.contains("x_train, y_train, other"), "{error}");
    // The only one with three dimensions needs no key; a table of names beside it is no matter.
    let names = npy("<U3", false, "(2,)", &[0; 24]);
    let members = [Member::stored("names.npy", &names), Member::deflated("faces.npy", &images)];
    assert_eq!(open(&folder.write("b.npz", zip(&members))).len(), 2);
    let members = [Member::stored("p.npy", &images), Member::stored("q.npy", &images)];
    let path = folder.write("c.npz", zip(&members));
    assert_eq!(
        Dataset::open(&path, &DatasetOptions::default()).unwrap_err().kind(),
        ErrorKind::Param
    );
}

#[test]
fn arrays_beside_the_pictures_are_read_as_numbers() {
    let folder = Folder::new();
    let images = npy("|u1", false, "(2, 1, 2)", &[1, 2, 3, 4]);
    let lights = [0.5, 0.25, 1.0, 2.0, -3.0, 1e-3];
    let wide = npy("<f8", false, "(2, 3)", &lights.map(f64::to_le_bytes).concat());
    let big = npy(">i2", false, "(3,)", &[1i16, -2, 3].map(i16::to_be_bytes).concat());
    let turned = npy("<f8", true, "(2, 3)", &lights.map(f64::to_le_bytes).concat());
    let members = [
        Member::deflated("images.npy", &images),
        Member::deflated("lights.npy", &wide),
        Member::stored("big.npy", &big),
        Member::stored("turned.npy", &turned),
    ];
    let path = folder.write("a.npz", zip(&members));
    let read = |keys: &[&str]| npz_numbers(&path, keys, &Limits::default());
    let found = read(&["absent", "lights", "big"]).unwrap().unwrap();
    assert_eq!((found.key.as_str(), &found.shape[..]), ("lights", &[2, 3][..]));
    assert_eq!(found.values, lights);
    assert_eq!(read(&["big"]).unwrap().unwrap().values, [1.0, -2.0, 3.0]);
    assert_eq!(read(&["absent"]).unwrap(), None);
    assert_eq!(read(&["turned"]).unwrap_err().kind(), ErrorKind::Unsupported);
    let plain = folder.write("a.npy", images);
    assert!(npz_numbers(&plain, &["a"], &Limits::default()).is_err());
}

#[test]
fn values_that_are_not_finite_spoil_their_item_alone() {
    let folder = Folder::new();
    let data = [0.5, 1.0, f64::NAN, 1e300].map(f64::to_le_bytes).concat();
    let set = open(&folder.write("a.npy", npy("<f8", false, "(4, 1, 1)", &data)));
    assert!(set.get(0).is_ok() && set.get(1).is_ok());
    for i in [2, 3] {
        let error = set.get(i).unwrap_err();
        assert_eq!((error.id, error.error.kind()), (format!("a.npy[{i}]"), ErrorKind::Corrupt));
    }
}

#[test]
fn cifar_batches_of_both_kinds_are_read_alone_and_as_a_folder() {
    let folder = Folder::new();
    let record = |labels: &[u8], value: u8| {
        let plane = |c: u8| (0..1024).map(move |k| (k as u8).wrapping_mul(value).wrapping_add(c));
        labels.iter().copied().chain((0..3).flat_map(plane)).collect::<Vec<u8>>()
    };
    folder.write("ten/data_batch_1.bin", [record(&[3], 1), record(&[9], 2)].concat());
    folder.write("ten/data_batch_2.bin", record(&[0], 3));
    let test = folder.write("ten/test_batch.bin", record(&[1], 4));
    folder.write("ten/batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
    let set = open(&folder.path().join("ten"));
    assert_eq!((set.format(), set.labels().unwrap()), (SetFormat::Cifar, &[3, 9, 0][..]));
    assert_eq!(set.classes()[3], "d");
    assert_eq!(set.id(2), "data_batch_2.bin[0]");
    assert_eq!(bytes_of(&set, 2)[..9], [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(open(&test).labels().unwrap(), [1]);
    folder.write("hundred/train.bin", [record(&[19, 99], 1), record(&[0, 5], 1)].concat());
    let set = open(&folder.path().join("hundred"));
    assert_eq!(set.labels().unwrap(), [99, 5]);
    let bad = folder.write("bad.bin", record(&[10], 1));
    let error = Dataset::open(&bad, &DatasetOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[test]
fn tables_of_pixels_come_with_and_without_names_labels_and_other_separators() {
    let folder = Folder::new();
    let set = open(&folder.write("k.csv", "label,p0,p1,p2,p3\n5,0,128,255,1\n2,9,8,7,6\n"));
    assert_eq!((set.format(), set.labels().unwrap()), (SetFormat::Csv, &[5, 2][..]));
    assert_eq!(set.shape().unwrap().0, Size::new(2, 2));
    assert_eq!(bytes_of(&set, 0), [0, 128, 255, 1]);
    // Without names: five columns are a label and a square.
    let set = open(&folder.write("n.csv.gz", gz(b"5,0,128,255,1\r\n2,9,8,7,6")));
    assert_eq!((set.labels().unwrap(), bytes_of(&set, 1)), (&[5, 2][..], vec![9, 8, 7, 6]));
    let set = open(&folder.write("s.txt", "1 2 3 4\n5 6 7 8\n"));
    assert!(set.labels().is_none());
    let set = open(&folder.write("t.tsv", "\"\"\ta\tclass\n0\t0.25\tcat\n1\t-1e-3\tan \"ox\"\n"));
    assert_eq!(
        (set.classes(), set.labels().unwrap()),
        (&["an \"ox\"".to_string(), "cat".into()][..], &[1, 0][..])
    );
    assert_eq!(set.get(1).unwrap().raster.pixels, Pixels::F32(vec![-1e-3]));
    let set = open(&folder.write("u.csv", "0;65535\n1;2\n"));
    assert_eq!(set.get(0).unwrap().raster.pixels, Pixels::U16(vec![0, 65535]));
    let set = open(&folder.write("binary.csv", "0,1\n1,1\n"));
    assert_eq!(set.get(0).unwrap().raster.pixels, Pixels::F32(vec![0.0, 1.0]));
    for (name, text) in [
        ("ragged.csv", "1,2,3,4\n1,2,3\n"),
        ("words.csv", "1,2,3,4\n1,2,x,4\n"),
        ("nan.csv", "1,2,3,4\n1,2,nan,4\n"),
        ("empty.csv", ""),
        ("names.csv", "label,p0\n"),
    ] {
        let error = Dataset::open(&folder.write(name, text), &DatasetOptions::default());
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Corrupt, "{name}");
    }
}

#[test]
fn labels_come_from_a_file_of_any_usual_kind() {
    let folder = Folder::new();
    let set = folder.write("a.npy", npy("|u1", false, "(3, 1, 1)", &[1, 2, 3]));
    let read = |file: &std::path::Path| {
        let labels = Some(file.to_path_buf());
        Dataset::open(&set, &DatasetOptions { labels, ..DatasetOptions::default() })
    };
    let int32 = npy("<i4", false, "(3, 1)", &[4i32, 5, 6].map(i32::to_le_bytes).concat());
    for (name, bytes) in [
        ("l.u8", vec![4, 5, 6]),
        ("l-idx1-ubyte.gz", gz(&idx(8, &[3], &[4, 5, 6]))),
        ("l.npy", int32),
        ("l.txt", b"4\n5\n6\n".to_vec()),
        ("l", b"4\n5\n6\n".to_vec()),
        ("l.csv", b"id,label\n0,4\n1,5\n2,6\n".to_vec()),
    ] {
        assert_eq!(
            read(&folder.write(name, bytes)).unwrap().labels().unwrap(),
            [4, 5, 6],
            "{name}"
        );
    }
    let named = read(&folder.write("n.txt", "dog\ncat\ndog\n")).unwrap();
    assert_eq!((named.labels().unwrap(), named.classes()[0].as_str()), (&[1, 0, 1][..], "cat"));
    for (name, bytes, kind) in [
        ("few.txt", &b"1\n2\n"[..], ErrorKind::Param),
        ("few.u8", &[200, 201], ErrorKind::Unsupported),
        ("negative.npy", &npy("|i1", false, "(3,)", &[1, 2, 255]), ErrorKind::Corrupt),
        ("float.npy", &npy("<f4", false, "(3,)", &[0; 12]), ErrorKind::Unsupported),
        ("two.csv", b"1,2\n3,4\n5,6\n", ErrorKind::Unsupported),
    ] {
        assert_eq!(read(&folder.write(name, bytes)).unwrap_err().kind(), kind, "{name}");
    }
    assert_eq!(read(&folder.path().join("missing")).unwrap_err().kind(), ErrorKind::Io);
}

#[test]
fn an_option_the_format_has_no_use_for_is_refused() {
    let folder = Folder::new();
    let npy = folder.write("a.npy", npy("|u1", false, "(3, 1, 1)", &[1, 2, 3]));
    folder.write("set/a.pgm", pgm(2, 2, 0));
    let set = folder.path().join("set");
    let default = DatasetOptions::default;
    for (path, options) in [
        (&npy, DatasetOptions { key: Some("x".into()), ..default() }),
        (&npy, DatasetOptions { width: Some(1), ..default() }),
        (&npy, DatasetOptions { axes: Some(Axes::ChannelsLast), ..default() }),
        (&set, DatasetOptions { width: Some(2), ..default() }),
        (&set, DatasetOptions { cell: Some(Size::new(1, 1)), ..default() }),
    ] {
        let error = Dataset::open(path, &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Param, "{options:?}");
    }
    folder.write("none/readme.txt", "nothing");
    let error = Dataset::open(&folder.path().join("none"), &default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let error = Dataset::open(&folder.path().join("missing"), &default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
}
