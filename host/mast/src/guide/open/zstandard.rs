//! Zstandard files, which are one frame after the other; some of them are to be skipped (RFC 8878, section 3.1).

use std::io::{self, Chain, Cursor, Read};

use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

use super::Unusable;

/// What a decoder may hold: `zstd --long=27` needs as much.
const WINDOW: u64 = 128 << 20;

/// All frames of a file as one.
pub(super) struct Frames<R: Read> {
    state: State<R>,
}

/// A frame, its magic number put back before the rest.
type Frame<R> = StreamingDecoder<Chain<Cursor<[u8; 4]>, R>, FrameDecoder>;

enum State<R: Read> {
    Between(R),
    Inside(Box<Frame<R>>),
    Over,
}

impl<R: Read> Frames<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { state: State::Between(reader) }
    }
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match std::mem::replace(&mut self.state, State::Over) {
                State::Over => return Ok(0),
                State::Between(reader) => self.state = next(reader)?,
                State::Inside(mut frame) => match frame.read(buffer)? {
                    0 => {
                        check(&frame.decoder)?;
                        self.state = State::Between(frame.into_inner().into_inner().1);
                    }
                    count => {
                        self.state = State::Inside(frame);
                        return Ok(count);
                    }
                },
            }
        }
    }
}

/// What comes behind the frame before.
fn next<R: Read>(mut reader: R) -> io::Result<State<R>> {
    let mut magic = [0; 4];
    // An end is only in order before the first byte.
    if reader.read(&mut magic[..1])? == 0 {
        return Ok(State::Over);
    }
    reader.read_exact(&mut magic[1..])?;
    if matches!(magic, [0x50..=0x5f, 0x2a, 0x4d, 0x18]) {
        let mut length = [0; 4];
        reader.read_exact(&mut length)?;
        let length = u64::from(u32::from_le_bytes(length));
        if io::copy(&mut reader.by_ref().take(length), &mut io::sink())? < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        return Ok(State::Between(reader));
    }
    let frame = StreamingDecoder::new_with_max_window_size(Cursor::new(magic).chain(reader), WINDOW);
    Ok(State::Inside(Box::new(frame.map_err(io::Error::other)?)))
}

fn check(frame: &FrameDecoder) -> io::Result<()> {
    let (expected, found) = (frame.get_checksum_from_data(), frame.get_calculated_checksum());
    if expected.is_some() && expected != found {
        return Err(Unusable::Damaged("its checksum is another".to_owned()).into());
    }
    Ok(())
}
