//! Takes packing off, told by magic bytes, at most twice: a download that was compressed on its way may hold a file that was packed before.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use mast_model::ByteSize;

use super::{Progress, Unusable, zipped, zstandard};

/// Read from the file at a time.
const BUFFER: usize = 128 << 10;
const LAYERS: usize = 2;
/// A guide shrinks to a tenth, one that repeats itself to a fiftieth; deflate reaches a thousandth with what says nothing.
const RATIO: u64 = 400;
/// Below this much text any ratio is harmless.
const FREE: u64 = 64 << 20;
/// What a decoder of xz may hold: `xz -9` needs 65 MiB.
const XZ_KIB: u32 = 128 << 10;

pub(super) type Input = Box<dyn BufRead + Send>;

/// The bytes without packing.
pub(super) struct Unpacked {
    pub(super) reader: Input,
    /// What was found on the way, worth a line in the log. Completes "the guide …".
    pub(super) notes: Vec<String>,
}

impl Unpacked {
    /// Looks at the first bytes; the rest is unpacked as it is read.
    pub(super) fn open(mut file: File, cap: ByteSize, progress: Arc<Progress>) -> io::Result<Self> {
        let mut notes = Vec::new();
        progress.total.store(file.metadata()?.len(), Ordering::Relaxed);
        let mut reader: Input = if zipped::is_zip(&mut file)? {
            let entry = zipped::open(file)?;
            progress.total.store(entry.packed, Ordering::Relaxed);
            notes.push(format!("is a zip file, of which {:?} is read", entry.name));
            let data = metered(entry.data, &progress);
            let unpacked: Box<dyn Read + Send> = match entry.deflated {
                true => Box::new(flate2::bufread::DeflateDecoder::new(data)),
                false => Box::new(data),
            };
            capped(zipped::Checked::new(unpacked, entry.crc32), cap, &progress)
        } else {
            Box::new(metered(file, &progress))
        };
        for layer in notes.len()..=LAYERS {
            let (peeked, packing) = peek(reader)?;
            let Some(packing) = packing else { return Ok(Self { reader: Box::new(peeked), notes }) };
            if layer == LAYERS {
                break;
            }
            reader = match packing {
                Packing::Gzip => capped(MultiGzDecoder::new(peeked), cap, &progress),
                Packing::Xz => capped(XzReader::new_mem_limit(peeked, true, XZ_KIB), cap, &progress),
                Packing::Zstandard => capped(zstandard::Frames::new(peeked), cap, &progress),
                Packing::Zip => return Err(Unusable::InnerZip.into()),
            };
        }
        Err(Unusable::TooDeep.into())
    }
}

fn metered<R: Read>(inner: R, progress: &Arc<Progress>) -> BufReader<Metered<R>> {
    BufReader::with_capacity(BUFFER, Metered { inner, progress: Arc::clone(progress) })
}

fn capped<R: Read + Send + 'static>(inner: R, cap: ByteSize, progress: &Arc<Progress>) -> Input {
    let capped = Capped { inner, unpacked: 0, cap, progress: Arc::clone(progress) };
    Box::new(BufReader::with_capacity(BUFFER, capped))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Xz,
    Zstandard,
    Zip,
}

impl Packing {
    /// RFC 1952, 2.3.1; the .xz file format, 2.1.1.1; RFC 8878, 3.1.1 and 3.1.2; APPNOTE of zip, 4.3.7.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstandard),
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Self::Zip),
            _ => None,
        }
    }
}

/// Bytes that were looked at, and what follows them.
type Peeked = Chain<Cursor<Vec<u8>>, Input>;

fn peek(mut reader: Input) -> io::Result<(Peeked, Option<Packing>)> {
    let mut head = Vec::with_capacity(6);
    reader.by_ref().take(6).read_to_end(&mut head)?;
    let packing = Packing::of(&head);
    Ok((Cursor::new(head).chain(reader), packing))
}

/// Counts what is taken from the file.
struct Metered<R> {
    inner: R,
    progress: Arc<Progress>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.progress.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Ends a layer that unpacks to too much.
struct Capped<R> {
    inner: R,
    unpacked: u64,
    cap: ByteSize,
    progress: Arc<Progress>,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.unpacked += count as u64;
        if self.unpacked > self.cap.0 {
            return Err(Unusable::TooLarge(self.cap).into());
        }
        let packed = self.progress.read.load(Ordering::Relaxed);
        if self.unpacked > FREE && self.unpacked / RATIO > packed {
            return Err(Unusable::Bomb(RATIO).into());
        }
        Ok(count)
    }
}
