//! Zip files: which entry is the guide, and where its bytes are. Reads the central directory and one entry, and no more: a crate that reads
//! all of zip would change the features that wasmtime's dependencies are compiled with.
//!
//! Section numbers are those of APPNOTE.TXT 6.3.10.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use flate2::Crc;

use super::Unusable;
use super::unpack::Packing;

/// The end record and the longest comment (4.3.16).
const TAIL: u64 = 22 + 65_535;
/// A directory larger than this is not that of a guide.
const DIRECTORY: u64 = 16 << 20;
/// What stands in fields that are too small for their value (4.4.1.4).
const ELSEWHERE: u64 = 0xffff_ffff;

/// The entry that is read.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) deflated: bool,
    /// Bytes in the archive.
    pub(super) packed: u64,
    pub(super) crc32: u32,
    pub(super) data: io::Take<File>,
}

/// An entry of the central directory (4.3.12).
struct Listed {
    name: String,
    encrypted: bool,
    method: u16,
    crc32: u32,
    packed: u64,
    size: u64,
    header: u64,
}

/// Looks at the first bytes and goes back.
pub(super) fn is_zip(file: &mut File) -> io::Result<bool> {
    let mut head = Vec::with_capacity(4);
    file.by_ref().take(4).read_to_end(&mut head)?;
    file.rewind()?;
    Ok(Packing::of(&head) == Some(Packing::Zip))
}

/// The largest entry that is called XML, packed once more or not; the largest of all where none is.
pub(super) fn open(mut file: File) -> io::Result<Entry> {
    let directory = directory(&mut file)?;
    let files = entries(&directory)?.into_iter().filter(|entry| !entry.name.ends_with('/'));
    let entry = files.max_by_key(|entry| (is_xml(&entry.name), entry.size)).ok_or(Unusable::EmptyZip)?;
    let deflated = match entry.method {
        _ if entry.encrypted => return Err(Unusable::Entry { entry: entry.name, how: "encrypted" }.into()),
        0 => false,
        8 => true,
        _ => return Err(Unusable::Entry { entry: entry.name, how: "packed in an unusual way" }.into()),
    };
    // The local header has lengths of its own (4.3.7).
    let local = part(&mut file, entry.header, 30)?;
    if !local.starts_with(b"PK\x03\x04") {
        return Err(damaged());
    }
    let start = entry.header + 30 + u64::from(short(&local, 26)?) + u64::from(short(&local, 28)?);
    file.seek(SeekFrom::Start(start))?;
    Ok(Entry { name: entry.name, deflated, packed: entry.packed, crc32: entry.crc32, data: file.take(entry.packed) })
}

fn is_xml(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let unpacked = [".gz", ".xz", ".zst"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
    unpacked.ends_with(".xml") || unpacked.ends_with(".xmltv")
}

/// The bytes of the central directory.
fn directory(file: &mut File) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    let from = length.saturating_sub(TAIL);
    let tail = part(file, from, length - from)?;
    let at = tail.windows(4).rposition(|window| window == b"PK\x05\x06").ok_or_else(damaged)?;
    let (mut size, mut offset) = (u64::from(long(&tail, at + 12)?), u64::from(long(&tail, at + 16)?));
    if size == ELSEWHERE || offset == ELSEWHERE {
        // The locator stands before, and says where the larger record is (4.3.14, 4.3.15).
        let locator = at.checked_sub(20).ok_or_else(damaged)?;
        let record = part(file, longer(&tail, locator + 8)?, 56)?;
        (size, offset) = (longer(&record, 40)?, longer(&record, 48)?);
    }
    if size > DIRECTORY {
        return Err(damaged());
    }
    part(file, offset, size)
}

fn entries(directory: &[u8]) -> io::Result<Vec<Listed>> {
    let (mut found, mut at) = (Vec::new(), 0);
    while directory.get(at..at + 4) == Some(b"PK\x01\x02") {
        let (name, extra) = (usize::from(short(directory, at + 28)?), usize::from(short(directory, at + 30)?));
        let text = directory.get(at + 46..at + 46 + name).ok_or_else(damaged)?;
        let mut entry = Listed {
            name: String::from_utf8_lossy(text).into_owned(),
            encrypted: short(directory, at + 8)? & 1 == 1,
            method: short(directory, at + 10)?,
            crc32: long(directory, at + 16)?,
            packed: long(directory, at + 20)?.into(),
            size: long(directory, at + 24)?.into(),
            header: long(directory, at + 42)?.into(),
        };
        let extra_at = at + 46 + name;
        entry.widen(directory.get(extra_at..extra_at + extra).ok_or_else(damaged)?)?;
        found.push(entry);
        at = extra_at + extra + usize::from(short(directory, at + 32)?);
    }
    Ok(found)
}

impl Listed {
    /// Takes what is larger than 32 bits from the extra field (4.5.3).
    fn widen(&mut self, mut extra: &[u8]) -> io::Result<()> {
        while extra.len() >= 4 {
            let (id, length) = (short(extra, 0)?, usize::from(short(extra, 2)?));
            let field = extra.get(4..4 + length).ok_or_else(damaged)?;
            if id == 1 {
                let mut at = 0;
                for value in [&mut self.size, &mut self.packed, &mut self.header] {
                    if *value == ELSEWHERE {
                        *value = longer(field, at)?;
                        at += 8;
                    }
                }
            }
            extra = &extra[4 + length..];
        }
        Ok(())
    }
}

fn damaged() -> io::Error {
    Unusable::Damaged("its list of files cannot be read".to_owned()).into()
}

fn part(file: &mut File, from: u64, length: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.by_ref().take(length).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < length { Err(damaged()) } else { Ok(bytes) }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> io::Result<[u8; N]> {
    bytes.get(at..at + N).and_then(|part| part.try_into().ok()).ok_or_else(damaged)
}

fn short(bytes: &[u8], at: usize) -> io::Result<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

fn long(bytes: &[u8], at: usize) -> io::Result<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

fn longer(bytes: &[u8], at: usize) -> io::Result<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}

/// Compares what was unpacked with the archive's checksum, at the end.
pub(super) struct Checked<R> {
    inner: R,
    crc: Crc,
    expected: u32,
}

impl<R> Checked<R> {
    pub(super) fn new(inner: R, expected: u32) -> Self {
        Self { inner, crc: Crc::new(), expected }
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.crc.update(&buffer[..count]);
        if count == 0 && !buffer.is_empty() && self.crc.sum() != self.expected {
            return Err(Unusable::Damaged("its checksum is another".to_owned()).into());
        }
        Ok(count)
    }
}
