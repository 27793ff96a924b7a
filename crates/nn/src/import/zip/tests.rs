use super::*;

/// Entries with their contents, stored; `edit` may spoil each entry in the list.
fn zip(entries: &[(&str, &[u8])], edit: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let (mut out, mut list) = (Vec::new(), Vec::new());
    for (name, data) in entries {
        let at = out.len() as u32;
        let size = (data.len() as u32).to_le_bytes();
        let crc = crc32fast::hash(data).to_le_bytes();
        let lengths = [(name.len() as u16).to_le_bytes(), [0, 0]].concat();
        let common = [&[0; 6][..], &[0; 4], &crc, &size, &size, &lengths].concat();
        out.extend([LOCAL, &[20, 0], &common[2..], name.as_bytes(), data].concat());
        let tail = [&[0; 10][..], &at.to_le_bytes()].concat();
        let mut entry =
            [CENTRAL, &[20, 0], &[20, 0], &common[2..], &tail, name.as_bytes()].concat();
        edit(&mut entry);
        list.extend(entry);
    }
    let (at, n) = (out.len() as u32, (entries.len() as u16).to_le_bytes());
    out.extend(&list);
    let length = (list.len() as u32).to_le_bytes();
    out.extend([END, &[0; 4], &n, &n, &length, &at.to_le_bytes(), &[0, 0]].concat());
    out
}

fn error(bytes: &[u8]) -> String {
    Zip::open(bytes).and_then(|z| z.get("a").map(|_| ())).unwrap_err().to_string()
}

#[test]
fn stored_entries_come_out_and_unknown_names_are_absent() {
    let bytes = zip(&[("a", b"hello"), ("b/c", b"")], |_| {});
    let zip = Zip::open(&bytes).unwrap();
    assert_eq!(zip.get("a").unwrap(), Some(&b"hello"[..]));
    assert_eq!(zip.get("b/c").unwrap(), Some(&b""[..]));
    assert_eq!(zip.get("c").unwrap(), None);
    assert_eq!(zip.names().collect::<Vec<_>>(), ["a", "b/c"]);
}

#[test]
fn long_numbers_are_found_in_the_zip64_field() {
    let wide = |entry: &mut Vec<u8>| {
        let offset = entry[42..46].to_vec();
        for at in [20, 24, 42] {
            entry[at..at + 4].fill(0xff);
        }
        let field = [
            &[9, 9, 1, 0, 7, 1, 0, 24, 0][..],
            &5_u64.to_le_bytes(),
            &5_u64.to_le_bytes(),
            &offset,
            &[0; 4],
        ];
        let field = field.concat();
        entry[30] = field.len() as u8;
        entry.extend(field);
    };
    let bytes = zip(&[("a", b"hello"), ("b", b"world")], wide);
    // The first field is another program's: id 0x0909, 1 byte.
    assert_eq!(Zip::open(&bytes).unwrap().get("b").unwrap(), Some(&b"world"[..]));
}

#[test]
fn damage_is_named() {
    let with = |at: usize, value: u8| error(&zip(&[("a", b"hello")], |e| e[at] = value));
    assert!(with(16, 1).contains("checksum"));
    assert!(with(8, 1).contains("encrypted"));
    assert!(with(10, 8).contains("`a` is compressed (method 8)"));
    assert!(with(20, 6).contains("6 bytes are not 5"));
    assert!(with(43, 9).contains("no local header at byte 2304"));
    assert!(with(0, 0).contains("no entry in the list"));
    assert!(with(28, 200).contains("it ends in the list"));
    assert!(with(46, 0xff).contains("not UTF-8"));
    let large = |e: &mut Vec<u8>| {
        for at in [20, 24] {
            e[at..at + 4].copy_from_slice(&[0xff, 0xff, 0xff, 0x7f]);
        }
    };
    assert!(error(&zip(&[("a", b"hello")], large)).contains("`a` leaves the file"));
    let full = |e: &mut Vec<u8>| e[20..28].fill(0xff);
    assert!(error(&zip(&[("a", b"hello")], full)).contains("ends too early"));
    assert!(error(&zip(&[("a", b"1"), ("a", b"2")], |_| {})).contains("`a` is there twice"));
    assert!(error(b"PK\x03\x04").contains("no end record"));
}
