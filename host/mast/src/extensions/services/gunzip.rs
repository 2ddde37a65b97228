//! Takes gzip off a body, told by its first two bytes: playlists and guides are often served as `.gz` files without a content
//! encoding. Anything else passes unchanged.

use std::io::{self, Write};

use bytes::{Bytes, BytesMut};
use flate2::write::MultiGzDecoder;

/// RFC 1952, section 2.3.1.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Packed bytes taken at a time; at deflate's limit of about 1:1000 they unpack to 4 MiB.
const STEP: usize = 4096;

/// Bytes in through `push`, bytes out through `pull` until it gives none, `finish` at the end.
#[derive(Default)]
pub(super) struct Gunzip {
    input: BytesMut,
    mode: Mode,
}

#[derive(Default)]
enum Mode {
    /// Fewer than two bytes so far.
    #[default]
    Unknown,
    Plain,
    Packed(Box<MultiGzDecoder<Vec<u8>>>),
}

impl Gunzip {
    pub(super) fn push(&mut self, bytes: Bytes) {
        self.input.extend_from_slice(&bytes);
        if matches!(self.mode, Mode::Unknown) && self.input.len() >= MAGIC.len() {
            self.mode = if self.input.starts_with(&MAGIC) {
                Mode::Packed(Box::new(MultiGzDecoder::new(Vec::new())))
            } else {
                Mode::Plain
            };
        }
    }

    /// Bytes that are ready; none where more must be pushed.
    pub(super) fn pull(&mut self) -> io::Result<Option<Bytes>> {
        match &mut self.mode {
            Mode::Unknown => Ok(None),
            Mode::Plain => Ok(some(self.input.split().freeze())),
            Mode::Packed(decoder) => {
                while !self.input.is_empty() {
                    let step = self.input.split_to(self.input.len().min(STEP));
                    decoder.write_all(&step)?;
                    if !decoder.get_ref().is_empty() {
                        return Ok(some(std::mem::take(decoder.get_mut()).into()));
                    }
                }
                Ok(None)
            }
        }
    }

    /// What is left; an error where the packed data ends too early. Only after `pull` gave none.
    pub(super) fn finish(&mut self) -> io::Result<Option<Bytes>> {
        match &mut self.mode {
            Mode::Unknown | Mode::Plain => Ok(some(self.input.split().freeze())),
            Mode::Packed(decoder) => {
                decoder.try_finish().map_err(|_| io::Error::new(io::ErrorKind::UnexpectedEof, "it ends too early"))?;
                Ok(some(std::mem::take(decoder.get_mut()).into()))
            }
        }
    }
}

fn some(bytes: Bytes) -> Option<Bytes> {
    Some(bytes).filter(|bytes| !bytes.is_empty())
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    fn pack(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn through(bytes: &[u8], chunk: usize) -> io::Result<Vec<u8>> {
        let (mut gunzip, mut out) = (Gunzip::default(), Vec::new());
        for chunk in bytes.chunks(chunk) {
            gunzip.push(Bytes::copy_from_slice(chunk));
            while let Some(bytes) = gunzip.pull()? {
                out.extend_from_slice(&bytes);
            }
        }
        out.extend_from_slice(&gunzip.finish()?.unwrap_or_default());
        Ok(out)
    }

    proptest! {
        #[test]
        fn plain_passes_and_packed_is_unpacked(
            bytes in prop::collection::vec(any::<u8>(), 0..2000),
            chunk in 1_usize..300,
        ) {
            prop_assume!(!bytes.starts_with(&MAGIC));
            prop_assert_eq!(&through(&bytes, chunk).unwrap(), &bytes);
            prop_assert_eq!(&through(&pack(&bytes), chunk).unwrap(), &bytes);
            // Several members one after the other are one stream (RFC 1952, section 2.2).
            let twice = [pack(&bytes), pack(&bytes)].concat();
            prop_assert_eq!(&through(&twice, chunk).unwrap(), &bytes.repeat(2));
        }

        #[test]
        fn an_early_end_is_an_error(
            bytes in prop::collection::vec(any::<u8>(), 0..500),
            chunk in 1_usize..300,
            cut in 1_usize..20,
        ) {
            let packed = pack(&bytes);
            prop_assert!(through(&packed[..packed.len() - cut.min(packed.len() - 2)], chunk).is_err());
        }
    }

    #[test]
    fn a_bomb_is_handed_out_in_pieces() {
        let packed = pack(&vec![0; 64 << 20]);
        let mut gunzip = Gunzip::default();
        gunzip.push(packed.into());
        let mut total = 0;
        while let Some(bytes) = gunzip.pull().unwrap() {
            assert!(bytes.len() <= 8 << 20, "{}", bytes.len());
            total += bytes.len();
        }
        total += gunzip.finish().unwrap().unwrap_or_default().len();
        assert_eq!(total, 64 << 20);
    }
}
