//! Reading what the host hands out piece by piece.

use std::io::{self, BufRead, Read};

use crate::raw::{self, Handle};
use crate::{Error, Result};

/// How many bytes are asked for at once.
pub const CHUNK: u32 = 64 * 1024;

/// Bytes from the host: a response body, a file, a guide. Already decompressed. It buffers, so it needs no `BufReader` around it.
pub struct ByteSource<'a> {
    raw: Handle<'a, raw::ByteSource>,
    chunk: Vec<u8>,
    taken: usize,
    ended: bool,
}

impl<'a> ByteSource<'a> {
    pub(crate) fn owned(raw: raw::ByteSource) -> Self {
        Self::new(Handle::Owned(raw))
    }

    #[cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "the mock host owns its sources"))]
    pub(crate) fn lent(raw: &'a raw::ByteSource) -> Self {
        Self::new(Handle::Lent(raw))
    }

    fn new(raw: Handle<'a, raw::ByteSource>) -> Self {
        Self { raw, chunk: Vec::new(), taken: 0, ended: false }
    }

    /// Everything to the end, refused with `limit` when it is more than `most` bytes.
    pub fn read_all(&mut self, most: usize) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        self.take(most as u64 + 1).read_to_end(&mut all)?;
        if all.len() > most {
            return Err(Error::new(crate::Code::Limit, format!("more than {most} bytes, which is not expected here")));
        }
        Ok(all)
    }
}

impl BufRead for ByteSource<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.taken == self.chunk.len() && !self.ended {
            self.chunk = self.raw.read(CHUNK).map_err(Error::from)?;
            self.taken = 0;
            self.ended = self.chunk.is_empty();
        }
        Ok(&self.chunk[self.taken..])
    }

    fn consume(&mut self, amount: usize) {
        self.taken = (self.taken + amount).min(self.chunk.len());
    }
}

impl Read for ByteSource<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut available = self.fill_buf()?;
        let count = available.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}
