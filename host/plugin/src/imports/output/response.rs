//! The response of an output on its way to the host's sink: in the right order, and no more than is allowed.

use std::time::Instant;

use bytes::Bytes;
use mast_model::ByteSize;
use wasmtime::component::Resource;

use crate::bindings::base::mast::base::types::PluginError;
use crate::bindings::output::mast::output::response;
use crate::imports::plugin_error;
use crate::records;
use crate::services::ResponseSink;
use crate::state::State;

/// Bytes of a fragment's key.
const KEY_MAX: usize = 512;
/// Fragments of one response, and bytes of one that is kept.
const FRAGMENTS_MAX: u32 = 262_144;
const FRAGMENT_MAX: u64 = 16 << 20;

/// A response being written.
pub struct ResponseOut {
    sink: Box<dyn ResponseSink>,
    progress: Progress,
    /// Own bytes that still fit.
    left: u64,
    limit: ByteSize,
    fragments_left: u32,
}

/// How far a response is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    New,
    Started,
    /// There is some of the body.
    Own,
    /// In a fragment, which has so many bytes.
    Fragment(u64),
    /// In a fragment that is too large to be kept.
    TooLarge,
}

impl ResponseOut {
    pub(crate) fn new(sink: Box<dyn ResponseSink>, limit: ByteSize) -> Self {
        Self { sink, progress: Progress::New, left: limit.0, limit, fragments_left: FRAGMENTS_MAX }
    }

    fn start(&mut self, status: u16, headers: records::Pairs) -> Result<(), PluginError> {
        if self.progress != Progress::New {
            return Err(plugin_error("internal", "response-sink.start was called twice"));
        }
        self.progress = Progress::Started;
        Ok(self.sink.start(status, headers)?)
    }

    fn started(&self, function: &str) -> Result<(), PluginError> {
        match self.progress {
            Progress::New => Err(plugin_error("internal", format!("response-sink.start must come before {function}"))),
            _ => Ok(()),
        }
    }

    fn write(&mut self, bytes: Vec<u8>) -> Result<(), PluginError> {
        self.started("write")?;
        let added = bytes.len() as u64;
        let (own, progress) = match self.progress {
            Progress::Fragment(before) if before + added > FRAGMENT_MAX => (before + added, Progress::TooLarge),
            Progress::Fragment(before) => (0, Progress::Fragment(before + added)),
            Progress::TooLarge => (added, Progress::TooLarge),
            _ => (added, Progress::Own),
        };
        self.charge(own)?;
        self.progress = progress;
        Ok(self.sink.write(Bytes::from(bytes))?)
    }

    /// Own bytes are counted.
    fn charge(&mut self, own: u64) -> Result<(), PluginError> {
        let limit = self.limit;
        self.left = self.left.checked_sub(own).ok_or_else(|| {
            plugin_error(
                "limit",
                format!("a response of more than {limit}; raise [limits] response if that is expected"),
            )
        })?;
        Ok(())
    }

    fn pack(&mut self, coding: &str) -> Result<(), PluginError> {
        self.started("pack")?;
        if self.progress != Progress::Started {
            return Err(plugin_error("internal", "response-sink.pack must come before the body"));
        }
        Ok(self.sink.pack(coding)?)
    }

    fn fragment(&mut self, channel: Option<u32>, key: &str) -> Result<bool, PluginError> {
        self.started("fragment")?;
        if key.len() > KEY_MAX {
            return Err(plugin_error("limit", format!("a fragment's key of more than {KEY_MAX} bytes")));
        }
        self.fragments_left = self.fragments_left.checked_sub(1).ok_or_else(|| {
            plugin_error("limit", format!("more than {FRAGMENTS_MAX} fragments in one response; make larger ones"))
        })?;
        if let Progress::Fragment(unkept) = self.progress {
            self.charge(unkept)?;
        }
        let sent = self.sink.fragment(channel, key)?;
        self.progress = if sent { Progress::Own } else { Progress::Fragment(0) };
        Ok(sent)
    }

    fn keep(&mut self) -> Result<(), PluginError> {
        match std::mem::replace(&mut self.progress, Progress::Own) {
            Progress::Fragment(_) => Ok(self.sink.keep()?),
            // Nobody else gets it; the sink has it as part of the body.
            Progress::TooLarge => Ok(()),
            before => {
                self.progress = before;
                Err(plugin_error("internal", "response-sink.keep without a fragment to keep"))
            }
        }
    }
}

impl response::Host for State {}

impl State {
    /// What the host does with a response is not the guest's time.
    fn on_response<T>(
        &mut self,
        out: &Resource<ResponseOut>,
        action: impl FnOnce(&mut ResponseOut) -> Result<T, PluginError>,
    ) -> wasmtime::Result<Result<T, PluginError>> {
        let began = Instant::now();
        let done = action(self.table.get_mut(out)?);
        self.call.deadline += began.elapsed();
        Ok(done)
    }
}

impl response::HostResponseSink for State {
    fn start(
        &mut self,
        out: Resource<ResponseOut>,
        status: u16,
        headers: records::Pairs,
    ) -> wasmtime::Result<Result<(), PluginError>> {
        Ok(self.table.get_mut(&out)?.start(status, headers))
    }

    fn write(&mut self, out: Resource<ResponseOut>, bytes: Vec<u8>) -> wasmtime::Result<Result<(), PluginError>> {
        self.on_response(&out, |out| out.write(bytes))
    }

    fn pack(&mut self, out: Resource<ResponseOut>, coding: String) -> wasmtime::Result<Result<(), PluginError>> {
        self.on_response(&out, |out| out.pack(&coding))
    }

    fn fragment(
        &mut self,
        out: Resource<ResponseOut>,
        channel: Option<u32>,
        key: String,
    ) -> wasmtime::Result<Result<bool, PluginError>> {
        if let Some(channel) = channel.filter(|channel| !self.call.lines.iter().any(|line| line.sees(*channel))) {
            return Ok(Err(plugin_error("not-found", format!("this call knows no line that has channel {channel}"))));
        }
        self.on_response(&out, |out| out.fragment(channel, &key))
    }

    fn keep(&mut self, out: Resource<ResponseOut>) -> wasmtime::Result<Result<(), PluginError>> {
        self.on_response(&out, ResponseOut::keep)
    }

    fn drop(&mut self, out: Resource<ResponseOut>) -> wasmtime::Result<()> {
        self.table.delete(out)?;
        Ok(())
    }
}

#[cfg(test)]
#[path = "response/tests.rs"]
mod tests;
