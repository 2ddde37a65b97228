//! `mast:base/streams.byte-source`: bytes handed out piece by piece, capped. Twice: async for the batch engine; on the hot engine only
//! files are read, and they never wait.

use std::io::{ErrorKind, Read};
use std::sync::Arc;

use bytes::Bytes;
use mast_model::ByteSize;
use wasmtime::component::Resource;

use crate::bindings::base::mast::base::streams;
use crate::bindings::base::mast::base::types::PluginError;
use crate::bindings::hot::mast::base::streams as hot;
use crate::imports::plugin_error;
use crate::services::ByteStream;
use crate::state::State;

const READ_MAX: u32 = 1 << 20;

/// A stream and what is left of its cap.
pub struct ByteSource {
    origin: Origin,
    /// Received and not handed out yet.
    pending: Bytes,
    cap: ByteSize,
    handed_out: u64,
    /// Counts as open as long as it lives.
    _connection: Option<Arc<()>>,
}

enum Origin {
    Stream(Box<dyn ByteStream>),
    File(Box<dyn Read + Send>),
    Empty,
}

impl ByteSource {
    fn new(origin: Origin, cap: ByteSize, connection: Option<Arc<()>>) -> Self {
        Self { origin, pending: Bytes::new(), cap, handed_out: 0, _connection: connection }
    }

    pub(crate) fn stream(stream: Box<dyn ByteStream>, cap: ByteSize) -> Self {
        Self::new(Origin::Stream(stream), cap, None)
    }

    pub(super) fn connection(stream: Box<dyn ByteStream>, cap: ByteSize, connection: Arc<()>) -> Self {
        Self::new(Origin::Stream(stream), cap, Some(connection))
    }

    pub(super) fn file(file: Box<dyn Read + Send>, cap: ByteSize) -> Self {
        Self::new(Origin::File(file), cap, None)
    }

    pub(super) fn empty() -> Self {
        Self::new(Origin::Empty, ByteSize(0), None)
    }

    async fn read(&mut self, max: u32) -> Result<Vec<u8>, PluginError> {
        if let Origin::Stream(stream) = &mut self.origin {
            while self.pending.is_empty() {
                match stream.next().await? {
                    Some(chunk) => self.pending = chunk,
                    None => return Ok(Vec::new()),
                }
            }
        }
        self.read_now(max)
    }

    /// Reads without waiting: from a file, or what a stream has delivered.
    fn read_now(&mut self, max: u32) -> Result<Vec<u8>, PluginError> {
        let max = max.clamp(1, READ_MAX) as usize;
        let bytes = match &mut self.origin {
            Origin::File(file) => read_file(file, max)?,
            Origin::Stream(_) | Origin::Empty => self.pending.split_to(max.min(self.pending.len())).to_vec(),
        };
        self.handed_out += bytes.len() as u64;
        if self.handed_out > self.cap.0 {
            let cap = self.cap;
            return Err(plugin_error(
                "limit",
                format!("more than {cap} of input; raise [limits] input if that is expected"),
            ));
        }
        Ok(bytes)
    }
}

fn read_file(file: &mut impl Read, max: usize) -> Result<Vec<u8>, PluginError> {
    let mut bytes = Vec::with_capacity(max);
    file.take(max as u64).read_to_end(&mut bytes).map_err(|error| match error.kind() {
        ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::UnexpectedEof => {
            plugin_error("malformed", format!("the file's gzip data is damaged: {error}"))
        }
        _ => plugin_error("unavailable", format!("reading the file failed: {error}")),
    })?;
    Ok(bytes)
}

impl streams::Host for State {}

impl streams::HostByteSource for State {
    async fn read(&mut self, source: Resource<ByteSource>, max: u32) -> wasmtime::Result<Result<Vec<u8>, PluginError>> {
        Ok(self.table.get_mut(&source)?.read(max).await)
    }

    async fn drop(&mut self, source: Resource<ByteSource>) -> wasmtime::Result<()> {
        self.table.delete(source)?;
        Ok(())
    }
}

impl hot::Host for State {}

impl hot::HostByteSource for State {
    fn read(&mut self, source: Resource<ByteSource>, max: u32) -> wasmtime::Result<Result<Vec<u8>, PluginError>> {
        Ok(self.table.get_mut(&source)?.read_now(max))
    }

    fn drop(&mut self, source: Resource<ByteSource>) -> wasmtime::Result<()> {
        self.table.delete(source)?;
        Ok(())
    }
}
