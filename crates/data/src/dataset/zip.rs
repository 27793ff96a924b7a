//! Zip archives, stored or deflated, with the 64-bit extension; read on demand.
//!
//! A member is read by what the directory at the end says of it, and only if nothing contradicts it:
//! the directory lies where it says and is complete, names are unique, no two members share bytes
//! (so that a small archive cannot unpack into an endless one), each unpacks to exactly the size and
//! the checksum promised. Member names are labels here, never paths.
//!
//! Reference: PKWARE, APPNOTE.TXT 6.3.10; on overlap: D. Fifield, "A better zip bomb", WOOT 2019.

use crate::bytes::Bytes;
use crate::limits::check;
use crate::walk::push_escaped;
use crate::{DataError, Limits};
use flate2::Crc;
use flate2::bufread::DeflateDecoder;
use std::collections::HashSet;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::sync::{Mutex, PoisonError};

const STORED: u16 = 0;
const DEFLATED: u16 = 8;
const END_LEN: u64 = 22;
const LOCAL_LEN: u64 = 30;
/// Encryption, patch data, strong encryption, masked headers.
const NOT_READ: u16 = 1 | 1 << 5 | 1 << 6 | 1 << 13;
/// A deflated byte yields at most so many (a match of 258 bytes in two bits).
const MOST_PER_BYTE: u64 = 1032;

struct Member {
    name: Vec<u8>,
    flags: u16,
    method: u16,
    crc: u32,
    packed: u64,
    size: u64,
    /// Where its local header is.
    at: u64,
    /// Where the next thing in the file begins.
    end: u64,
}

pub(super) struct Archive<R> {
    source: Mutex<R>,
    members: Vec<Member>,
}

fn corrupt(detail: impl std::fmt::Display) -> DataError {
    DataError::damaged("zip", detail)
}

fn read_at(source: &mut (impl Read + Seek), at: u64, len: u64) -> Result<Vec<u8>, DataError> {
    source.seek(SeekFrom::Start(at))?;
    // Callers ask for what lies inside the file, so this is never more than is there.
    let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
    source.by_ref().take(len).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == len { Ok(bytes) } else { Err(corrupt("it ends in the middle")) }
}

fn little(data: &[u8]) -> Bytes<'_> {
    Bytes::new(data, false)
}

/// The directory: how many members, where it begins and ends.
struct Directory {
    count: u64,
    at: u64,
    end: u64,
}

fn directory(source: &mut (impl Read + Seek), len: u64) -> Result<Directory, DataError> {
    let tail_len = len.min(END_LEN + u64::from(u16::MAX));
    let tail_at = len - tail_len;
    let tail = read_at(source, tail_at, tail_len)?;
    // The end record is the last one whose comment reaches exactly to the end of the file.
    let fits = |at: &usize| {
        let b = little(&tail[*at..]);
        tail[*at..].starts_with(b"PK\x05\x06")
            && b.u16(20).map(|c| END_LEN + u64::from(c)) == Some(tail_len - *at as u64)
    };
    let start = (0..tail.len().saturating_sub(END_LEN as usize - 1)).rev().find(fits);
    let Some(start) = start else {
        return Err(corrupt("its directory is missing (it is cut, or no zip)"));
    };
    let b = little(&tail[start..]);
    let narrow = |at: u64| b.u16(at).map_or(0, u64::from);
    let wide = |at: u64| b.u32(at).map_or(0, u64::from);
    let (disk, disk_of_directory, here) = (narrow(4), narrow(6), narrow(8));
    let (mut count, mut size, mut at) = (narrow(10), wide(12), wide(16));
    let mut end = tail_at + start as u64;
    if count == 0xFFFF || size == 0xFFFF_FFFF || at == 0xFFFF_FFFF {
        // Without the locator of a 64-bit record the numbers are meant as they are.
        let locator = end.checked_sub(20).map(|at| read_at(source, at, 20)).transpose()?;
        if let Some(locator) = locator.filter(|l| l.starts_with(b"PK\x06\x07")) {
            let record_at = little(&locator).u64(8).unwrap_or(0);
            if record_at.checked_add(56).is_none_or(|e| e > end - 20) {
                return Err(corrupt("its 64-bit directory record is not where it says"));
            }
            let record = read_at(source, record_at, 56)?;
            if !record.starts_with(b"PK\x06\x06") {
                return Err(corrupt("its 64-bit directory record is not where it says"));
            }
            let b = little(&record);
            let word = |at| b.u64(at).unwrap_or(0);
            (count, size, at) = (word(32), word(40), word(48));
            end = record_at;
        }
    } else if disk != 0 || disk_of_directory != 0 || here != count {
        return Err(DataError::Unsupported("a zip in several parts".into()));
    }
    if at.checked_add(size) != Some(end) {
        return Err(corrupt("its directory is not where it says"));
    }
    if count > size / 46 {
        return Err(corrupt(format!("a directory of {size} bytes cannot list {count} members")));
    }
    Ok(Directory { count, at, end })
}

/// Reads one entry of the directory; returns it and its length.
fn member(entry: &[u8]) -> Option<(Member, usize)> {
    let b = little(entry);
    if !entry.starts_with(b"PK\x01\x02") {
        return None;
    }
    let (name_len, extra_len, comment_len) = (b.u16(28)?, b.u16(30)?, b.u16(32)?);
    let name = b.slice(46, name_len.into())?.to_vec();
    let extra = b.slice(46 + u64::from(name_len), extra_len.into())?;
    let len = 46 + u64::from(name_len) + u64::from(extra_len) + u64::from(comment_len);
    b.slice(0, len)?;
    let (mut packed, mut size, mut at) =
        (u64::from(b.u32(20)?), u64::from(b.u32(24)?), u64::from(b.u32(42)?));
    // The 64-bit field holds, in this order, those of the three that do not fit.
    if let Some(field) = extra_field(extra, 1) {
        let b = little(field);
        let mut next = 0;
        for value in [&mut size, &mut packed, &mut at] {
            if *value == 0xFFFF_FFFF {
                *value = b.u64(next)?;
                next += 8;
            }
        }
    }
    let (flags, method, crc) = (b.u16(8)?, b.u16(10)?, b.u32(16)?);
    Some((Member { name, flags, method, crc, packed, size, at, end: 0 }, len as usize))
}

fn extra_field(extra: &[u8], wanted: u16) -> Option<&[u8]> {
    let b = little(extra);
    let mut at = 0;
    while let (Some(id), Some(len)) = (b.u16(at), b.u16(at + 2)) {
        if id == wanted {
            return b.slice(at + 4, len.into());
        }
        at += 4 + u64::from(len);
    }
    None
}

impl<R: Read + Seek> Archive<R> {
    /// Reads the directory of an archive of `len` bytes.
    pub fn open(mut source: R, len: u64, limits: &Limits) -> Result<Self, DataError> {
        let Directory { count, at, end } = directory(&mut source, len)?;
        check("zip directory in bytes", end - at, limits.max_file_bytes)?;
        let listing = read_at(&mut source, at, end - at)?;
        let mut rest = listing.as_slice();
        let mut members = Vec::with_capacity(count as usize);
        for i in 0..count {
            let (found, len) = member(rest)
                .ok_or_else(|| corrupt(format!("entry {i} of its directory is not readable")))?;
            members.push(found);
            rest = &rest[len..];
        }
        if !rest.is_empty() {
            return Err(corrupt("its directory lists more members than it says"));
        }
        Self::check_apart(&mut members, at)?;
        let mut names = HashSet::with_capacity(members.len());
        if let Some(twice) = members.iter().find(|member| !names.insert(&member.name)) {
            return Err(corrupt(format!("two members are named {}", readable(&twice.name))));
        }
        drop(names);
        Ok(Self { source: Mutex::new(source), members })
    }

    /// No member may reach into the next one, or into the directory at `directory`.
    fn check_apart(members: &mut [Member], directory: u64) -> Result<(), DataError> {
        let mut order: Vec<usize> = (0..members.len()).collect();
        order.sort_unstable_by_key(|i| members[*i].at);
        let mut end = directory;
        for i in order.into_iter().rev() {
            let member = &mut members[i];
            let header = LOCAL_LEN + member.name.len() as u64;
            let least = member.at.checked_add(header).and_then(|v| v.checked_add(member.packed));
            if least.is_none_or(|least| least > end) {
                let name = readable(&member.name);
                return Err(corrupt(format!("{name} reaches into what follows it")));
            }
            (member.end, end) = (end, member.at);
        }
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// The name as the archive has it, folders with a `/` at the end.
    pub fn raw_name(&self, i: usize) -> &[u8] {
        &self.members[i].name
    }

    /// The name as text, for messages.
    pub fn name(&self, i: usize) -> String {
        readable(&self.members[i].name)
    }

    /// Unpacks a member.
    pub fn read(&self, i: usize, limits: &Limits) -> Result<Vec<u8>, DataError> {
        let member = &self.members[i];
        if member.flags & NOT_READ != 0 {
            return Err(DataError::Unsupported("an encrypted or patched member of a zip".into()));
        }
        check("unpacked size in bytes", member.size, limits.max_file_bytes)?;
        let most = match member.method {
            STORED => member.packed,
            DEFLATED => member.packed.saturating_mul(MOST_PER_BYTE),
            method => {
                return Err(DataError::Unsupported(format!(
                    "a zip member with compression method {method} (stored and deflated are read)"
                )));
            }
        };
        if member.size > most {
            let (packed, size) = (member.packed, member.size);
            return Err(corrupt(format!("{packed} packed bytes cannot hold {size}")));
        }
        let packed = self.packed(member, member.packed)?;
        let bytes = match member.method {
            STORED => packed,
            _ => inflate(&packed, member.size)?,
        };
        if bytes.len() as u64 != member.size {
            return Err(corrupt(format!("{} bytes wanted, {} there", member.size, bytes.len())));
        }
        let mut crc = Crc::new();
        crc.update(&bytes);
        if crc.sum() != member.crc {
            return Err(corrupt("the checksum of a member is wrong"));
        }
        Ok(bytes)
    }

    /// The first bytes of a member, at most `len`, as far as they can be unpacked. Not checked:
    /// only good to choose a member by.
    pub fn head(&self, i: usize, len: u64) -> Result<Vec<u8>, DataError> {
        let member = &self.members[i];
        let packed = self.packed(member, member.packed.min(len))?;
        let mut head = Vec::new();
        match member.method {
            STORED => head = packed,
            // Packed bytes beyond what was read are missed, which is no matter here.
            _ => _ = DeflateDecoder::new(packed.as_slice()).take(len).read_to_end(&mut head),
        }
        Ok(head)
    }

    /// The first `len` bytes of a member as they are in the file.
    fn packed(&self, member: &Member, len: u64) -> Result<Vec<u8>, DataError> {
        // Every use begins with a seek: what another thread left behind does not matter.
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        let header_len = LOCAL_LEN + member.name.len() as u64;
        let header = read_at(&mut *source, member.at, header_len)?;
        let b = little(&header);
        let same = header.starts_with(b"PK\x03\x04")
            && b.u16(8) == Some(member.method)
            && b.u16(26).map(usize::from) == Some(member.name.len())
            && header[LOCAL_LEN as usize..] == member.name;
        if !same {
            return Err(corrupt("a member's header contradicts the directory"));
        }
        let start = member.at + header_len + b.u16(28).map_or(0, u64::from);
        if start.checked_add(member.packed).is_none_or(|end| end > member.end) {
            return Err(corrupt("a member reaches into what follows it"));
        }
        read_at(&mut *source, start, len)
    }
}

fn inflate(packed: &[u8], size: u64) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    let mut decoder = DeflateDecoder::new(packed);
    decoder.by_ref().take(size.saturating_add(1)).read_to_end(&mut bytes).map_err(|e| {
        match e.kind() {
            ErrorKind::UnexpectedEof => corrupt("a deflated member ends in the middle"),
            _ => corrupt(format!("a deflated member: {e}")),
        }
    })?;
    if bytes.len() as u64 == size && !decoder.into_inner().is_empty() {
        return Err(corrupt("bytes follow the end of a deflated member"));
    }
    Ok(bytes)
}

fn readable(name: &[u8]) -> String {
    let mut text = String::new();
    push_escaped(&mut text, name);
    if text.contains(char::is_control) {
        text = text
            .chars()
            .flat_map(|c| {
                let escape = c.is_control().then(|| c.escape_default());
                let plain = (!c.is_control()).then_some(c);
                escape.into_iter().flatten().chain(plain)
            })
            .collect();
    }
    text
}
