//! Programmes in the packed form of `mast:epg`: many of them in one piece of memory, as an importer in the sandbox handed them over.
//! `wit/epg` documents the layout.
//!
//! They are checked once, from the first byte to the last, and stay bytes until somebody wants to read one.
//!
//! Invariant: the details of every programme are what [`details::get`] reads; nothing of a batch that is broken anywhere is kept.

use std::ops::Range;

use super::bytes::Reader;
use super::details;

/// The layout that is known.
const VERSION: u8 = 1;
/// Bytes of one batch.
pub const BYTES_MAX: usize = 4 << 20;
/// Programmes in one batch.
pub const PROGRAMMES_MAX: usize = 4_096;

/// Why a batch is refused. Completes "the batch …".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PackedError {
    /// It is of a later contract than this host's.
    #[error("is of version {0} of the packed form, and this host knows version {VERSION}; push it with `programmes`")]
    Version(u8),
    /// Too many bytes.
    #[error("has {0} bytes; {BYTES_MAX} are allowed")]
    Bytes(usize),
    /// Too many programmes.
    #[error("has more than {PROGRAMMES_MAX} programmes")]
    Programmes,
    /// It is not of this form.
    #[error("is broken in or before programme {0}, counted from 1")]
    Broken(usize),
}

/// A batch of programmes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackedProgrammes {
    bytes: Vec<u8>,
    programmes: Vec<Place>,
}

/// A programme, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    channel: Range<usize>,
    start: u64,
    stop: Option<u64>,
    details: Range<usize>,
    titled: bool,
}

/// A programme of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackedProgramme<'a> {
    /// The id of its guide channel.
    pub channel: &'a str,
    /// When it starts, Unix seconds.
    pub start: u64,
    /// When it ends, Unix seconds, where the importer knows; it may be any number.
    pub stop: Option<u64>,
    /// For [`details::get`].
    pub details: &'a [u8],
    /// It has a title that is not empty.
    pub titled: bool,
}

impl PackedProgrammes {
    /// Checks everything. The bytes come from a plugin and are not trusted.
    pub fn read(bytes: Vec<u8>) -> Result<Self, PackedError> {
        let Some((&version, records)) = bytes.split_first() else { return Err(PackedError::Broken(1)) };
        if version != VERSION {
            return Err(PackedError::Version(version));
        }
        if bytes.len() > BYTES_MAX {
            return Err(PackedError::Bytes(bytes.len()));
        }
        let mut programmes = Vec::new();
        let mut reader = Reader::new(records);
        while !reader.is_empty() {
            if programmes.len() == PROGRAMMES_MAX {
                return Err(PackedError::Programmes);
            }
            let broken = PackedError::Broken(programmes.len() + 1);
            let record = reader.bytes().ok_or(broken)?;
            programmes.push(Place::read(record, bytes.len() - reader.rest.len()).ok_or(broken)?);
        }
        Ok(Self { bytes, programmes })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.programmes.len()
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.programmes.is_empty()
    }

    /// Drops those of channels that `keep` does not want. It is asked once for neighbours of one channel.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        let bytes = &self.bytes;
        let mut last: Option<(&str, bool)> = None;
        self.programmes.retain(|place| {
            let channel = text(bytes, &place.channel);
            if let Some((known, kept)) = last
                && known == channel
            {
                return kept;
            }
            let kept = keep(channel);
            last = Some((channel, kept));
            kept
        });
    }

    /// Moves all times.
    pub fn shift(&mut self, seconds: i64) {
        for place in &mut self.programmes {
            place.start = place.start.saturating_add_signed(seconds);
            place.stop = place.stop.map(|stop| stop.saturating_add_signed(seconds));
        }
    }

    /// The programmes, in the order in which they were pushed.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = PackedProgramme<'_>> {
        self.programmes.iter().map(|place| PackedProgramme {
            channel: text(&self.bytes, &place.channel),
            start: place.start,
            stop: place.stop,
            details: &self.bytes[place.details.clone()],
            titled: place.titled,
        })
    }
}

impl Place {
    /// `end` is where the record ends in its batch.
    fn read(record: &[u8], end: usize) -> Option<Self> {
        let mut reader = Reader::new(record);
        let channel = reader.text()?.len();
        let channel_end = end - reader.rest.len();
        let start = reader.number()?;
        let stop = Some(reader.number()?).filter(|stop| *stop > 0);
        let details = end - reader.rest.len();
        let titled = details::check(&mut reader)?;
        // What is behind the details belongs to a later contract.
        let details = details..end - reader.rest.len();
        Some(Self { channel: channel_end - channel..channel_end, start, stop, details, titled })
    }
}

fn text<'a>(bytes: &'a [u8], place: &Range<usize>) -> &'a str {
    std::str::from_utf8(&bytes[place.clone()]).expect("it was checked when the batch was read")
}

#[cfg(test)]
mod tests;
