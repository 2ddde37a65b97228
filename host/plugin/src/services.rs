//! What the host lends to plugins, as traits that the host's rooms implement. A fake of each serves the runtime's own tests.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mast_model::guide::packed::PackedProgrammes;
use mast_model::{DestinationRules, InstanceId};

use crate::records::{
    Category, Channel, DeviceEvent, Episode, Filter, GuideChannel, GuideProgramme, LineInfo, LineupCategory,
    LineupChannel, LineupEpisode, Movie, Pairs, Programme, Series,
};

/// A boxed future.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Everything a plugin can reach through the host, in one list.
#[derive(Clone)]
pub struct Services {
    /// HTTP requests.
    pub http: Arc<dyn Http>,
    /// Key-value storage.
    pub kv: Arc<dyn Kv>,
    /// Lines by credentials, for outputs.
    pub accounts: Arc<dyn Accounts>,
}

/// An error of a service; becomes a `plugin-error` for the guest. No credentials in the message.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("{message}")]
pub struct ServiceError {
    /// See `mast:base/types.plugin-error`.
    pub code: &'static str,
    /// One sentence.
    pub message: String,
}

/// What identifies the version of a resource (see the store's type of the same name).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validator {
    /// Hash of URL or path, hexadecimal.
    pub resource: String,
    /// ETag.
    pub etag: Option<String>,
    /// Last-Modified, or modification time and size of a file.
    pub last_modified: Option<String>,
}

/// A request that the host makes for a plugin. The runtime has added validators to `headers` where the plugin asked for it.
pub struct HttpRequest {
    /// Upper case.
    pub method: String,
    /// Not yet checked.
    pub url: String,
    /// Header fields.
    pub headers: Pairs,
    /// Body.
    pub body: Option<Vec<u8>>,
    /// Until the response head is there.
    pub timeout: Duration,
}

/// A response head and a body to be read.
pub struct HttpResponse {
    /// Status code.
    pub status: u16,
    /// Names in lower case.
    pub headers: Pairs,
    /// After redirects.
    pub url: String,
    /// The body, content encoding and gzip (by content) already taken off. Chunks of any size; none is the end.
    pub body: Box<dyn ByteStream>,
}

/// Bytes that arrive over time.
pub trait ByteStream: Send {
    /// The next bytes, or none at the end. An early end (connection lost before `content-length`) is an error.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, ServiceError>>;
}

/// HTTP requests. The implementation checks `rules` for the URL, for every address after DNS and for every redirect; a refusal is
/// code `not-granted` and names what to add to which key of which file.
pub trait Http: Send + Sync + 'static {
    /// Sends a request and waits for the response head.
    fn fetch<'a>(
        &'a self,
        instance: &'a InstanceId,
        rules: &'a DestinationRules,
        request: HttpRequest,
    ) -> BoxFuture<'a, Result<HttpResponse, ServiceError>>;
}

/// Key-value storage; blocking.
pub trait Kv: Send + Sync + 'static {
    /// The value.
    fn get(&self, instance: &InstanceId, key: &str) -> Result<Option<Vec<u8>>, ServiceError>;
    /// Stores a value within `quota` bytes.
    fn set(&self, instance: &InstanceId, key: &str, value: &[u8], quota: u64) -> Result<(), ServiceError>;
    /// Removes a value.
    fn delete(&self, instance: &InstanceId, key: &str) -> Result<(), ServiceError>;
    /// Keys with a prefix.
    fn list_keys(
        &self,
        instance: &InstanceId,
        prefix: &str,
        after: Option<&str>,
        max: usize,
    ) -> Result<Vec<String>, ServiceError>;
}

/// The request on whose behalf an output looks for a line.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The output.
    pub instance: InstanceId,
    /// The viewer's address; empty where there is none.
    pub client_ip: String,
    /// What the viewer's device calls itself.
    pub user_agent: String,
    /// Where the viewer reaches the host: scheme and authority, no slash at the end.
    pub base_url: String,
}

/// A line, or one of the codes of `mast:output/accounts`.
pub type Found = Result<Arc<dyn Line>, &'static str>;

/// Finding lines for outputs; blocking (may hash a password).
pub trait Accounts: Send + Sync + 'static {
    /// By credentials.
    fn authenticate(&self, caller: &Caller, username: &str, password: &str) -> Found;
    /// By token.
    fn by_token(&self, caller: &Caller, token: &str) -> Found;
    /// By MAC address.
    fn by_device(&self, caller: &Caller, device: &str) -> Found;
}

/// One authenticated line as an output sees it; memory only, never blocks on I/O but to bind a device.
pub trait Line: Send + Sync + 'static {
    /// Who it is.
    fn info(&self) -> LineInfo;
    /// Its categories.
    fn categories(&self, content: &str) -> Vec<LineupCategory>;
    /// Its channels, movies or series.
    fn lineup(&self, filter: Filter) -> Box<dyn Cursor<LineupChannel>>;
    /// One channel, movie or series.
    fn find(&self, _id: u32, _filter: Filter) -> Option<LineupChannel> {
        None
    }
    /// Episodes of a series.
    fn episodes(&self, _series: u32) -> Box<dyn Cursor<LineupEpisode>> {
        Box::new(Vec::new())
    }
    /// Its guide.
    fn guide(&self, channel: Option<u32>, start: u64, stop: u64) -> Box<dyn Cursor<Programme>>;
    /// A playback URL.
    fn playback(&self, id: u32, format: &str) -> Option<String>;
    /// Binds a device; the runtime has checked that this is granted. Blocks.
    fn bind(&self, _device: &str) -> Result<(), ServiceError> {
        Err(ServiceError { code: "unavailable", message: "this host binds no devices".to_owned() })
    }
    /// The oldest event that waits for a device.
    fn next_event(&self, _device: &str) -> Option<DeviceEvent> {
        None
    }
    /// The device has it.
    fn confirm_event(&self, _device: &str, _event: u64) {}
    /// Whether a channel is in its lineup.
    fn sees(&self, channel: u32) -> bool;
}

/// Records handed out in batches.
pub trait Cursor<T>: Send {
    /// At most `max` records; empty at the end.
    fn next(&mut self, max: usize) -> Vec<T>;
}

/// Few records, all there already.
impl<T: Send> Cursor<T> for Vec<T> {
    fn next(&mut self, max: usize) -> Vec<T> {
        let rest = self.split_off(max.min(self.len()));
        std::mem::replace(self, rest)
    }
}

/// Collects a refresh. A push blocks briefly at most.
pub trait CatalogSink: Send + 'static {
    /// Adds categories.
    fn categories(&mut self, batch: Vec<Category>) -> Result<(), ServiceError>;
    /// Adds channels.
    fn channels(&mut self, batch: Vec<Channel>) -> Result<(), ServiceError>;
    /// Adds movies.
    fn movies(&mut self, batch: Vec<Movie>) -> Result<(), ServiceError>;
    /// Adds series.
    fn series(&mut self, batch: Vec<Series>) -> Result<(), ServiceError>;
    /// Adds episodes.
    fn episodes(&mut self, batch: Vec<Episode>) -> Result<(), ServiceError>;
    /// Notes an item that was left out or mended.
    fn warn(&mut self, item: String, message: String);
}

/// Collects an import of a guide. A push blocks briefly at most.
pub trait GuideSink: Send + 'static {
    /// Adds channels.
    fn channels(&mut self, batch: Vec<GuideChannel>) -> Result<(), ServiceError>;
    /// Adds programmes, in any order.
    fn programmes(&mut self, batch: Vec<GuideProgramme>) -> Result<(), ServiceError>;
    /// Adds programmes that are packed, in any order. A sink that keeps bytes takes them as they are.
    fn packed(&mut self, batch: PackedProgrammes) -> Result<(), ServiceError> {
        self.programmes(GuideProgramme::unpack(&batch))
    }
    /// Whether programmes of these guide channels are kept, one answer for each; `true` for a channel that was never added.
    fn wanted(&mut self, channels: &[String]) -> Vec<bool> {
        vec![true; channels.len()]
    }
    /// Notes an item that was left out or mended.
    fn warn(&mut self, item: String, message: String);
}

/// Receives one response; may block while the viewer is slow, with a deadline.
pub trait ResponseSink: Send + 'static {
    /// Status and header fields.
    fn start(&mut self, status: u16, headers: Pairs) -> Result<(), ServiceError>;
    /// Some of the body.
    fn write(&mut self, bytes: Bytes) -> Result<(), ServiceError>;
    /// The body is to be packed like this before it is sent. Called before any part of the body.
    fn pack(&mut self, coding: &str) -> Result<(), ServiceError> {
        Err(ServiceError { code: "not-found", message: format!("the host packs nothing as {}", coding.escape_debug()) })
    }
    /// Adds what is kept under this key; where nothing is, what is written until `keep` is to be kept under it, and without a `keep`
    /// (another fragment begins, or the response ends) it is part of the body and nothing else. The runtime has checked that the call may see
    /// the channel. May block while somebody else makes the same fragment.
    fn fragment(&mut self, channel: Option<u32>, key: &str) -> Result<bool, ServiceError> {
        let _ = (channel, key);
        Ok(false)
    }
    /// The end of what is to be kept.
    fn keep(&mut self) -> Result<(), ServiceError> {
        Ok(())
    }
}
