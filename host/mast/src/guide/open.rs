//! From the file that was fetched to the text that an importer reads: packing taken off by what the bytes are, not by what they are
//! called, every charset to UTF-8, sizes and ratios capped. Works through the file once, on a blocking thread, a few chunks ahead of the
//! importer.
//!
//! What is in the text is not its business, apart from what can be no guide at all: nothing, and HTML pages.
//!
//! Invariant: an importer that takes a broken input for its end changes nothing, because [`Opened::failure`] remembers.

mod charset;
mod unpack;
mod zipped;
mod zstandard;

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use mast_model::ByteSize;
use mast_plugin::services::{BoxFuture, ByteStream, ServiceError};
use tokio::sync::mpsc;

use charset::Utf8;
use unpack::Unpacked;

/// Chunks that are ready before they are wanted; of 128 KiB each.
const AHEAD: usize = 4;

/// Why a file cannot be a guide. Completes "the guide …".
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub(super) enum Unusable {
    #[error("is empty")]
    Empty,
    #[error("is an HTML page; check the URL, and whether the account behind it still works")]
    Html,
    #[error("unpacks to more than {0}; raise input under [limits] if that is expected")]
    TooLarge(ByteSize),
    #[error("unpacks to more than {0} times its size, as no guide does, and was given up")]
    Bomb(u64),
    #[error("is packed more than twice")]
    TooDeep,
    #[error("is a zip file inside of another packed file; unpack one of them")]
    InnerZip,
    #[error("is a zip file without a file in it")]
    EmptyZip,
    #[error("is a zip file in which {entry:?} is {how}; pack it with deflate and without a password")]
    Entry { entry: String, how: &'static str },
    #[error("is damaged or cut off: {0}")]
    Damaged(String),
    #[error("could not be read: {0}")]
    Unreadable(String),
}

impl From<Unusable> for io::Error {
    fn from(why: Unusable) -> Self {
        Self::other(why)
    }
}

impl From<io::Error> for Unusable {
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Self>()) {
            Some(why) => why.clone(),
            // What the system says has a number; the rest comes from decoders.
            None if error.raw_os_error().is_some() => Self::Unreadable(error.to_string()),
            None => Self::Damaged(error.to_string()),
        }
    }
}

/// How far the file was read.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Bytes taken from the file.
    pub(super) read: AtomicU64,
    /// Bytes that there are to take.
    pub(super) total: AtomicU64,
    /// Bytes of text handed on.
    pub(super) text: AtomicU64,
}

/// What is known of a file besides its bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct Hint {
    /// Charset of the response that it came in.
    pub(super) charset: Option<String>,
    /// Most bytes after unpacking.
    pub(super) cap: ByteSizeCap,
}

/// See [`Hint::cap`].
#[derive(Debug, Clone, Copy)]
pub(super) struct ByteSizeCap(pub(super) ByteSize);

impl Default for ByteSizeCap {
    fn default() -> Self {
        Self(ByteSize(u64::MAX))
    }
}

/// The text of a guide, for an importer.
pub(super) struct Opened {
    chunks: mpsc::Receiver<Step>,
    ended: bool,
    failure: Arc<OnceLock<Unusable>>,
}

enum Step {
    Chunk(Bytes),
    End,
}

/// Starts reading. `failure` is filled before the importer sees that something is wrong.
pub(super) fn open(file: File, hint: Hint, progress: Arc<Progress>, failure: Arc<OnceLock<Unusable>>) -> Opened {
    let (sender, chunks) = mpsc::channel(AHEAD);
    let noted = Arc::clone(&failure);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = read(file, &hint, &progress, &sender) {
            // Dropping the sender without an end is the importer's error; this is the reason.
            let _ = noted.set(error);
        }
    });
    Opened { chunks, ended: false, failure }
}

fn read(file: File, hint: &Hint, progress: &Arc<Progress>, sender: &mpsc::Sender<Step>) -> Result<(), Unusable> {
    let unpacked = Unpacked::open(file, hint.cap.0, Arc::clone(progress))?;
    for note in &unpacked.notes {
        tracing::info!("the guide {note}");
    }
    let mut text = Utf8::new(unpacked.reader, hint.charset.as_deref());
    let mut first = true;
    while let Some(chunk) = text.next()? {
        if std::mem::take(&mut first) && is_html(&chunk) {
            return Err(Unusable::Html);
        }
        progress.text.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        if sender.blocking_send(Step::Chunk(chunk.into())).is_err() {
            // The importer has seen enough.
            return Ok(());
        }
    }
    if first {
        return Err(Unusable::Empty);
    }
    let _ = sender.blocking_send(Step::End);
    Ok(())
}

/// Whether a text begins as HTML does, also behind an XML declaration and comments.
fn is_html(text: &[u8]) -> bool {
    let mut rest = text.trim_ascii_start();
    loop {
        let end: &[u8] = match rest {
            [b'<', b'?', ..] => b"?>",
            [b'<', b'!', b'-', b'-', ..] => b"-->",
            _ => break,
        };
        let Some(at) = rest.windows(end.len()).position(|window| window == end) else { break };
        rest = rest[at + end.len()..].trim_ascii_start();
    }
    let begins = |with: &str| rest.get(..with.len()).is_some_and(|head| head.eq_ignore_ascii_case(with.as_bytes()));
    begins("<!doctype html") || begins("<html")
}

impl Opened {
    async fn pull(&mut self) -> Result<Option<Bytes>, ServiceError> {
        if self.ended {
            return Ok(None);
        }
        match self.chunks.recv().await {
            Some(Step::Chunk(bytes)) => Ok(Some(bytes)),
            Some(Step::End) => {
                self.ended = true;
                Ok(None)
            }
            None => {
                let stopped = || Unusable::Unreadable("reading stopped".to_owned());
                let why = self.failure.get_or_init(stopped);
                Err(ServiceError { code: "malformed", message: format!("the guide {why}") })
            }
        }
    }
}

impl ByteStream for Opened {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, ServiceError>> {
        Box::pin(self.pull())
    }
}

#[cfg(test)]
mod tests;
