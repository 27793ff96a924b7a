//! Tables of codes, read back by other means than they were written.

use crate::support::Folder;
use restora_data::{Dataset, DatasetOptions, TableFormat, TableLabels, TableWriter};
use restora_image::{ErrorKind, Pixels, Size};
use std::collections::BTreeMap;
use std::path::Path;

/// A value of Thrift's compact protocol.
#[derive(Debug)]
enum Value {
    Int(i64),
    Text(Vec<u8>),
    List(Vec<Value>),
    Struct(BTreeMap<i64, Value>),
}

impl Value {
    fn get(&self, id: i64) -> &Value {
        match self {
            Self::Struct(fields) => &fields[&id],
            other => panic!("{other:?} is no struct"),
        }
    }

    fn int(&self, id: i64) -> i64 {
        match self.get(id) {
            Self::Int(value) => *value,
            other => panic!("{other:?} is no integer"),
        }
    }

    fn list(&self, id: i64) -> &[Value] {
        match self.get(id) {
            Self::List(values) => values,
            other => panic!("{other:?} is no list"),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Text(bytes) => std::str::from_utf8(bytes).unwrap(),
            other => panic!("{other:?} is no text"),
        }
    }
}

fn byte(from: &mut &[u8]) -> u8 {
    let (first, rest) = from.split_first().unwrap();
    *from = rest;
    *first
}

fn varint(from: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let b = byte(from);
        value |= u64::from(b & 0x7F) << shift;
        shift += 7;
        if b < 0x80 {
            return value;
        }
    }
}

fn signed(from: &mut &[u8]) -> i64 {
    let value = varint(from);
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

fn thrift(from: &mut &[u8], kind: u8) -> Value {
    match kind {
        5 | 6 => Value::Int(signed(from)),
        8 => {
            let len = varint(from) as usize;
            let (text, rest) = from.split_at(len);
            *from = rest;
            Value::Text(text.to_vec())
        }
        9 => {
            let head = byte(from);
            let len = if head >> 4 == 15 { varint(from) } else { (head >> 4).into() };
            Value::List((0..len).map(|_| thrift(from, head & 15)).collect())
        }
        12 => {
            let (mut fields, mut id) = (BTreeMap::new(), 0);
            loop {
                let head = byte(from);
                if head == 0 {
                    return Value::Struct(fields);
                }
                id = if head >> 4 == 0 { signed(from) } else { id + i64::from(head >> 4) };
                assert!(fields.insert(id, thrift(from, head & 15)).is_none());
            }
        }
        other => panic!("kind {other}"),
    }
}

/// The bytes of each value of a column, where there is one.
type Column = Vec<Option<Vec<u8>>>;

/// The columns of a file, names and values, and its metadata.
fn parquet(bytes: &[u8]) -> (Vec<String>, Vec<Column>, Value) {
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    let end = bytes.len() - 8;
    let len = u32::from_le_bytes(bytes[end..end + 4].try_into().unwrap()) as usize;
    let mut footer = &bytes[end - len..end];
    let meta = thrift(&mut footer, 12);
    assert!(footer.is_empty());
    let schema = meta.list(2);
    assert_eq!(schema[0].int(5) as usize, schema.len() - 1);
    let names: Vec<String> = schema[1..].iter().map(|s| s.get(4).text().to_string()).collect();
    let mut columns = vec![Vec::new(); names.len()];
    let mut next = 4;
    for group in meta.list(4) {
        let begin = next;
        for (c, chunk) in group.list(1).iter().enumerate() {
            let (element, meta) = (&schema[c + 1], chunk.get(3));
            assert_eq!(meta.list(3)[0].text(), names[c]);
            assert_eq!((meta.int(1), meta.int(4)), (element.int(1), 0));
            assert_eq!(meta.int(9), next, "chunks follow each other");
            let mut at = &bytes[next as usize..];
            let before = at.len();
            let header = thrift(&mut at, 12);
            let (page, rest) = at.split_at(header.int(3) as usize);
            next += (before - rest.len()) as i64;
            assert_eq!(meta.int(7), (before - rest.len()) as i64);
            let rows = header.get(5).int(1);
            assert_eq!((rows, rows), (group.int(3), meta.int(5)));
            columns[c].extend(values(page, element, rows as usize));
        }
        assert_eq!(group.int(2), next - begin);
    }
    assert_eq!(next as usize, end - len);
    (names, columns, meta)
}

fn values(mut page: &[u8], element: &Value, rows: usize) -> Column {
    let mut present = vec![true; rows];
    if element.int(3) == 1 {
        let (len, rest) = page.split_at(4);
        let (mut runs, rest) = rest.split_at(u32::from_le_bytes(len.try_into().unwrap()) as usize);
        present.clear();
        while !runs.is_empty() {
            let run = varint(&mut runs);
            assert_eq!(run & 1, 0, "a run, not packed bits");
            let is = byte(&mut runs) == 1;
            present.extend((0..run >> 1).map(|_| is));
        }
        assert_eq!(present.len(), rows);
        page = rest;
    }
    let mut take = |n: usize| {
        let (value, rest) = page.split_at(n);
        page = rest;
        value.to_vec()
    };
    let values = present
        .into_iter()
        .map(|is| {
            is.then(|| match element.int(1) {
                6 => {
                    let len = u32::from_le_bytes(take(4).try_into().unwrap());
                    take(len as usize)
                }
                _ => take(4),
            })
        })
        .collect();
    assert!(page.is_empty());
    values
}

fn code(row: usize, columns: usize) -> Vec<f32> {
    (0..columns).map(|c| (row as f32 + 0.1) * (c as f32 - 2.5) * 1e-3).collect()
}

fn write(
    path: &Path,
    format: TableFormat,
    (rows, columns): (usize, usize),
    labels: TableLabels,
    label: impl Fn(usize) -> Option<u32>,
) {
    let mut table = TableWriter::create(path, format, columns, labels, false).unwrap();
    for row in 0..rows {
        table.push(&format!("a/ü,{row}.png"), label(row), &code(row, columns)).unwrap();
    }
    assert_eq!(table.rows(), rows as u64);
    table.commit().unwrap();
}

#[test]
fn an_npy_of_codes_is_read_back_as_a_set_to_the_bit() {
    let folder = Folder::new();
    let path = folder.path().join("codes.npy");
    write(&path, TableFormat::Npy, (7, 5), TableLabels::None, |_| None);
    let set = Dataset::open(&path, &DatasetOptions::default()).unwrap();
    assert_eq!((set.len(), set.shape().unwrap().0), (7, Size::new(5, 1)));
    for (row, item) in set.iter().enumerate() {
        assert_eq!(item.unwrap().raster.pixels, Pixels::F32(code(row, 5)));
    }
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 128 + 7 * 5 * 4);
}

#[test]
fn a_csv_of_codes_is_read_back_as_a_set_to_the_bit() {
    let folder = Folder::new();
    let path = folder.path().join("codes.csv");
    let names = TableLabels::Names(vec!["a \"cat\"".into(), "dog, big".into()]);
    write(&path, TableFormat::Csv, (4, 3), names, |row| Some(row as u32 % 2));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(
        text.starts_with("id,label,c0,c1,c2\n\"a/ü,0.png\",\"a \"\"cat\"\"\",-0.00025,"),
        "{text}"
    );
    let set = Dataset::open(&path, &DatasetOptions::default()).unwrap();
    assert_eq!((set.labels().unwrap(), set.classes()[1].as_str()), (&[0, 1, 0, 1][..], "dog, big"));
    for (row, item) in set.iter().enumerate() {
        assert_eq!(item.unwrap().raster.pixels, Pixels::F32(code(row, 3)));
    }
    let mut table =
        TableWriter::create(&path, TableFormat::Csv, 5, TableLabels::None, true).unwrap();
    table.push("x", None, &[0.0, f32::NAN, f32::INFINITY, 1e-30, -3e20]).unwrap();
    table.commit().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().nth(1), Some("x,0,NaN,inf,1e-30,-3e20"));
}

#[test]
fn parquet_holds_every_row_in_every_group_with_and_without_labels() {
    let folder = Folder::new();
    // A group holds 65,536 rows, or 32 MiB of numbers: 1024 rows of 8192.
    for (name, rows, columns, groups) in
        [("small", 5, 3, 1), ("none", 0, 2, 0), ("long", 70_000, 2, 2), ("wide", 1030, 8192, 2)]
    {
        let path = folder.path().join(format!("{name}.parquet"));
        write(&path, TableFormat::Parquet, (rows, columns), TableLabels::Numbers, |row| {
            (row % 3 != 1).then_some(row as u32)
        });
        let (names, table, meta) = parquet(&std::fs::read(&path).unwrap());
        assert_eq!(names[..3], ["id", "label", "c0"]);
        assert_eq!((names.len(), meta.int(3) as usize), (columns + 2, rows));
        assert_eq!(meta.list(4).len(), groups);
        // Every row of short tables, and those around the border of two groups.
        for row in (0..rows).filter(|row| *row < 9 || (1020..1030).contains(row) || *row > 65_530) {
            assert_eq!(table[0][row].as_deref(), Some(format!("a/ü,{row}.png").as_bytes()));
            let label = (row % 3 != 1).then(|| (row as u32).to_le_bytes().to_vec());
            assert_eq!(table[1][row], label);
            for (c, value) in code(row, columns).iter().enumerate() {
                assert_eq!(table[c + 2][row].as_deref(), Some(&value.to_le_bytes()[..]));
            }
        }
    }
    let path = folder.path().join("named.parquet");
    let names = TableLabels::Names(vec!["cat".into(), "dög".into()]);
    write(&path, TableFormat::Parquet, (3, 1), names, |row| [Some(1), None, Some(0)][row]);
    let (_, table, meta) = parquet(&std::fs::read(&path).unwrap());
    let wanted = [Some("dög"), None, Some("cat")].map(|v| v.map(|v| v.as_bytes().to_vec()));
    assert_eq!(table[1], wanted);
    assert_eq!(meta.list(2)[2].int(6), 0, "UTF8");
    write(&folder.path().join("p"), TableFormat::Parquet, (2, 1), TableLabels::None, |_| None);
    let (names, ..) = parquet(&std::fs::read(folder.path().join("p")).unwrap());
    assert_eq!(names, ["id", "c0"]);
}

#[test]
fn rows_that_do_not_fit_are_refused_and_leave_the_table_whole() {
    let folder = Folder::new();
    let path = folder.path().join("a.csv");
    let names = TableLabels::Names(vec!["cat".into()]);
    let mut table = TableWriter::create(&path, TableFormat::Csv, 2, names, false).unwrap();
    for (id, label, code) in [
        ("x".to_string(), None, &[1.0][..]),
        ("x".to_string(), Some(1), &[1.0, 2.0]),
        ("x".repeat((1 << 20) + 1), None, &[1.0, 2.0]),
    ] {
        assert_eq!(table.push(&id, label, code).unwrap_err().kind(), ErrorKind::Param);
    }
    table.push("x", Some(0), &[1.0, 2.0]).unwrap();
    assert!(!path.exists(), "not before it is complete");
    table.commit().unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "id,label,c0,c1\nx,cat,1,2\n");
    for columns in [0, (1 << 20) + 1] {
        let table = TableWriter::create(&path, TableFormat::Npy, columns, TableLabels::None, true);
        assert_eq!(table.unwrap_err().kind(), ErrorKind::Param);
    }
    let dropped = folder.path().join("dropped.parquet");
    drop(TableWriter::create(&dropped, TableFormat::Parquet, 1, TableLabels::None, false).unwrap());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left of it");
    assert_eq!(TableFormat::from_path(Path::new("x/Y.PARQUET")), Some(TableFormat::Parquet));
    assert_eq!(TableFormat::from_path(Path::new("x/npy")), None);
}
