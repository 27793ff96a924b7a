//! Files of data sets, built byte by byte from their specifications.

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use restora_data::{Dataset, DatasetOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

pub fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut out = DeflateEncoder::new(Vec::new(), Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

pub fn idx(kind: u8, dims: &[u32], data: &[u8]) -> Vec<u8> {
    let mut out = vec![0, 0, kind, dims.len() as u8];
    out.extend(dims.iter().flat_map(|d| d.to_be_bytes()));
    out.extend(data);
    out
}

pub fn npy(descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let mut header =
        format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}");
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend((header.len() as u16).to_le_bytes());
    out.extend(header.as_bytes());
    out.extend(data);
    out
}

/// A member of [`zip`], with the fields that tests tell lies in.
#[derive(Clone)]
pub struct Member {
    pub name: Vec<u8>,
    pub method: u16,
    pub flags: u16,
    pub crc: u32,
    pub size: u32,
    pub packed: Vec<u8>,
}

impl Member {
    pub fn stored(name: &str, bytes: &[u8]) -> Self {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        let (crc, size) = (crc.sum(), bytes.len() as u32);
        Self { name: name.into(), method: 0, flags: 0, crc, size, packed: bytes.to_vec() }
    }

    pub fn deflated(name: &str, bytes: &[u8]) -> Self {
        Self { method: 8, packed: deflate(bytes), ..Self::stored(name, bytes) }
    }

    fn fields(&self) -> Vec<u8> {
        let mut out = vec![20, 0];
        out.extend(self.flags.to_le_bytes());
        out.extend(self.method.to_le_bytes());
        out.extend([0; 4]);
        out.extend(self.crc.to_le_bytes());
        out.extend((self.packed.len() as u32).to_le_bytes());
        out.extend(self.size.to_le_bytes());
        out.extend((self.name.len() as u16).to_le_bytes());
        out.extend([0; 2]);
        out
    }

    pub fn local(&self) -> Vec<u8> {
        [&b"PK\x03\x04"[..], &self.fields(), &self.name, &self.packed].concat()
    }

    pub fn central(&self, at: u32) -> Vec<u8> {
        let mut out = b"PK\x01\x02\x14\x00".to_vec();
        out.extend(self.fields());
        out.extend([0; 10]);
        out.extend(at.to_le_bytes());
        out.extend(&self.name);
        out
    }
}

pub fn zip(members: &[Member]) -> Vec<u8> {
    let (mut out, mut listing) = (Vec::new(), Vec::new());
    for member in members {
        listing.extend(member.central(out.len() as u32));
        out.extend(member.local());
    }
    finish_zip(out, &listing, members.len() as u16)
}

pub fn finish_zip(mut out: Vec<u8>, listing: &[u8], count: u16) -> Vec<u8> {
    let at = out.len() as u32;
    out.extend(listing);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend((listing.len() as u32).to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0; 2]);
    out
}

/// As [`zip`], with every number that can be in the fields of the 64-bit extension.
pub fn zip64(members: &[Member]) -> Vec<u8> {
    let (mut out, mut listing) = (Vec::new(), Vec::new());
    for member in members {
        let mut entry = member.central(u32::MAX);
        entry[20..28].fill(0xFF);
        entry[30] = 28;
        entry.extend([1, 0, 24, 0]);
        for value in [u64::from(member.size), member.packed.len() as u64, out.len() as u64] {
            entry.extend(value.to_le_bytes());
        }
        listing.extend(entry);
        out.extend(member.local());
    }
    let (at, count) = (out.len() as u64, members.len() as u64);
    out.extend(&listing);
    let record = out.len() as u64;
    out.extend([&b"PK\x06\x06"[..], &44u64.to_le_bytes(), &[45, 0, 45, 0], &[0; 8]].concat());
    for value in [count, count, listing.len() as u64, at] {
        out.extend(value.to_le_bytes());
    }
    out.extend([&b"PK\x06\x07\0\0\0\0"[..], &record.to_le_bytes(), &[1, 0, 0, 0]].concat());
    out.extend([&b"PK\x05\x06\0\0\0\0"[..], &[0xFF; 12], &[0; 2]].concat());
    out
}

/// A gray PGM whose pixels are `first`, `first + 1`, ...
pub fn pgm(width: u8, height: u8, first: u8) -> Vec<u8> {
    let pixels = (0..width * height).map(|k| first.wrapping_add(k));
    format!("P5 {width} {height} 255\n").into_bytes().into_iter().chain(pixels).collect()
}

/// A folder that is removed in the end.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// Everything that a set holds, or the first error, as text.
pub fn read_all(path: &Path, options: &DatasetOptions) -> Result<usize, String> {
    let set = Dataset::open(path, options).map_err(|e| format!("open: {e}"))?;
    for item in set.iter() {
        item.map_err(|e| format!("item: {e}"))?;
    }
    Ok(set.len())
}
