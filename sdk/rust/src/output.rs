//! Outputs: the formats that players and devices speak.

pub use crate::bindings::host::mast::output::types::{
    Category, Channel, DeviceEvent, Episode, Filter, LineInfo, Programme, Request, Route,
};
use crate::raw::{self, Handle};
use crate::{BATCH, Error, Result, pair};

/// An output. Export it with `export_plugin!(MyOutput: output)`.
pub trait Output: Sized + 'static {
    /// Reads and checks the settings; no requests. Runs when the operator's file is checked and once on every fresh instance.
    fn load() -> Result<Self>;

    /// The routes it answers.
    fn routes(&self) -> Vec<Route>;

    /// Answers a request. `line` is there unless the route is public or its `refused` is `plugin`. An error before
    /// [`Response::start`] becomes a 502 with one sentence; after it the response is cut off.
    fn handle(&self, request: &Request, line: Option<&Line<'_>>, response: &mut Response<'_>) -> Result<()>;
}

/// An authenticated line; all that can be seen through it is its own.
pub struct Line<'a>(Handle<'a, raw::Line>);

/// The line with these credentials, or why there is none: `credentials`, `expired`, `disabled`, `banned`, `denied`, `throttled`; treat
/// an unknown code as `denied`. Attempts are throttled.
pub fn authenticate(username: &str, password: &str) -> Result<Line<'static>, String> {
    raw::accounts::authenticate(username, password).map(|line| Line(Handle::Owned(line)))
}

/// The line with this token, the one of `path-token`; as [`authenticate`].
pub fn by_token(token: &str) -> Result<Line<'static>, String> {
    raw::accounts::by_token(token).map(|line| Line(Handle::Owned(line)))
}

/// The line that a device (a MAC address, any notation) is bound to; as [`authenticate`].
pub fn by_device(device: &str) -> Result<Line<'static>, String> {
    raw::accounts::by_device(device).map(|line| Line(Handle::Owned(line)))
}

impl<'a> Line<'a> {
    pub(crate) fn lent(raw: &'a raw::Line) -> Self {
        Self(Handle::Lent(raw))
    }

    /// Who it is.
    pub fn info(&self) -> LineInfo {
        self.0.info()
    }

    /// Its categories of this content (`live`, `movie`, `series`), in order.
    pub fn categories(&self, content: &str) -> Vec<Category> {
        self.0.categories(content)
    }

    /// Its channels, in order, all of one version of the lineup.
    pub fn lineup(&self, filter: &Filter) -> Batches<Channel> {
        Batches { cursor: Box::new(self.0.lineup(filter)) }
    }

    /// Programmes of a channel, or of the whole lineup, that overlap `[start, stop)`, by channel and start.
    pub fn guide(&self, channel: Option<u32>, start: u64, stop: u64) -> Batches<Programme> {
        Batches { cursor: Box::new(self.0.guide(channel, start, stop)) }
    }

    /// One channel, movie or series, as [`Line::lineup`] would list it; the filter's category does not count.
    pub fn find(&self, id: u32, filter: &Filter) -> Option<Channel> {
        self.0.find(id, filter)
    }

    /// Episodes of a series, by season and number, each with a URL that plays it.
    pub fn episodes(&self, series: u32) -> Batches<Episode> {
        Batches { cursor: Box::new(self.0.episodes(series)) }
    }

    /// A URL that plays the channel for this line, as `hls` or `mpegts`, or the file of a `movie` or an `episode` with this id. In lists,
    /// [`Filter::playback`] saves a call for each.
    pub fn playback(&self, id: u32, format: &str) -> Result<String> {
        Ok(self.0.playback(id, format)?)
    }

    /// Binds a device (a MAC address, any notation) to this line, which this call has found by credentials. Needs `[grant] devices`.
    pub fn bind_device(&self, device: &str) -> Result<()> {
        Ok(raw::devices::bind(&self.0, device)?)
    }

    /// The oldest event that waits for this device; notes that the device is there.
    pub fn next_event(&self, device: &str) -> Option<DeviceEvent> {
        raw::devices::next_event(&self.0, device)
    }

    /// The device has got the event; it does not come again.
    pub fn confirm_event(&self, device: &str, event: u64) {
        raw::devices::confirm_event(&self.0, device, event);
    }
}

trait Cursor<T> {
    fn next(&self, max: u32) -> Vec<T>;
}

impl Cursor<Channel> for raw::Cursor {
    fn next(&self, max: u32) -> Vec<Channel> {
        Self::next(self, max)
    }
}

impl Cursor<Episode> for raw::EpisodeCursor {
    fn next(&self, max: u32) -> Vec<Episode> {
        Self::next(self, max)
    }
}

impl Cursor<Programme> for raw::ProgrammeCursor {
    fn next(&self, max: u32) -> Vec<Programme> {
        Self::next(self, max)
    }
}

/// Batches of at most [`BATCH`] records; the iterator ends where the list does.
pub struct Batches<T> {
    cursor: Box<dyn Cursor<T>>,
}

impl<T> Iterator for Batches<T> {
    type Item = Vec<T>;

    fn next(&mut self) -> Option<Vec<T>> {
        let batch = self.cursor.next(BATCH as u32);
        (!batch.is_empty()).then_some(batch)
    }
}

/// The answer being written. What is written gathers and crosses to the host in pieces of about 64 KiB.
pub struct Response<'a> {
    raw: &'a raw::ResponseSink,
    buffer: Vec<u8>,
}

impl<'a> Response<'a> {
    /// Gathered bytes beyond this are handed over.
    const FULL: usize = 64 * 1024;

    pub(crate) fn new(raw: &'a raw::ResponseSink) -> Self {
        Self { raw, buffer: Vec::new() }
    }

    /// Status and header fields; once, before the first byte. The host sets `content-length`, `date`, CORS and caching fields.
    pub fn start(&mut self, status: u16, headers: &[(&str, &str)]) -> Result<()> {
        let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Ok(self.raw.start(status, &headers)?)
    }

    /// The host packs the body: the viewer gets a file that is packed like this (`gzip`), whatever it accepts. After
    /// [`Response::start`], before the first byte.
    pub fn pack(&mut self, coding: &str) -> Result<()> {
        Ok(self.raw.pack(coding)?)
    }

    /// Sends a part of the body that many answers have in common: what the host keeps under `key` of this instance, or, where it keeps
    /// nothing, what `make` writes, which is then kept (with a key of at most 512 bytes). The key names everything that the part depends on but for the
    /// guide of `channel` (none: of all channels): when that changes, the host forgets the part. It must hold nothing that one line may see
    /// and another may not. Parts of some 10 KiB to 1 MiB are good; one beyond 16 MiB is sent but not kept. Fragments do not nest.
    pub fn fragment(
        &mut self,
        channel: Option<u32>,
        key: &str,
        make: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        self.flush()?;
        // A key that the host would not take: what it names is sent and not kept.
        if key.len() > 512 {
            return make(self);
        }
        if self.raw.fragment(channel, key)? {
            return Ok(());
        }
        make(self)?;
        self.flush()?;
        Ok(self.raw.keep()?)
    }

    /// A whole short answer as text.
    pub fn text(&mut self, status: u16, body: &str) -> Result<()> {
        self.start(status, &[("content-type", "text/plain; charset=utf-8")])?;
        self.write(body.as_bytes())
    }

    /// Some bytes of the body.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.buffer.extend_from_slice(bytes);
        self.flush_full()
    }

    /// The gathered bytes, to append a whole record to; call [`Response::flush_full`] after it.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        if self.buffer.capacity() == 0 {
            self.buffer.reserve_exact(Self::FULL + Self::FULL / 4);
        }
        &mut self.buffer
    }

    /// Hands the gathered bytes over if there are enough of them.
    pub fn flush_full(&mut self) -> Result<()> {
        if self.buffer.len() < Self::FULL { Ok(()) } else { self.flush() }
    }

    pub(crate) fn flush(&mut self) -> Result<()> {
        if !self.buffer.is_empty() {
            self.raw.write(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }
}

pub(crate) fn handle<P: Output>(
    plugin: &P,
    request: &Request,
    line: Option<&raw::Line>,
    sink: &raw::ResponseSink,
) -> Result<(), Error> {
    let mut response = Response::new(sink);
    plugin.handle(request, line.map(Line::lent).as_ref(), &mut response)?;
    response.flush()
}

impl Request {
    /// The first value of a query or form field.
    pub fn query(&self, name: &str) -> Option<&str> {
        pair(&self.query, name)
    }

    /// The value of a `{name}` segment of the route's path.
    pub fn param(&self, name: &str) -> Option<&str> {
        pair(&self.params, name)
    }

    /// A header field, by its name in lower case; only those that `wit/output` names are there.
    pub fn header(&self, name: &str) -> Option<&str> {
        pair(&self.headers, name)
    }
}

impl Route {
    /// A `GET` route whose refusals the host answers and whose responses are not cached.
    pub fn get(id: &str, path: &str, line: &str) -> Self {
        Self {
            id: id.to_owned(),
            method: "GET".to_owned(),
            path: path.to_owned(),
            line: line.to_owned(),
            refused: "host".to_owned(),
            depends: Vec::new(),
            attrs: Vec::new(),
        }
    }

    /// The same route for another method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    /// The plugin itself answers where no line is found, for protocols that say so with a 200.
    #[must_use]
    pub fn refused_by_plugin(mut self) -> Self {
        "plugin".clone_into(&mut self.refused);
        self
    }

    /// Only requests whose query has the field with one of these values, without regard to case; other routes may share the path.
    #[must_use]
    pub fn when(mut self, field: &str, values: &[&str]) -> Self {
        self.attrs.push(("when".to_owned(), format!("{field}={}", values.join("|"))));
        self
    }

    /// What a response depends on, so that the host can cache it.
    #[must_use]
    pub fn depends(mut self, on: &[&str]) -> Self {
        self.depends = on.iter().map(|&on| on.to_owned()).collect();
        self
    }
}

impl Filter {
    /// All channels of this content, each with a playback URL of this format.
    pub fn playable(content: &str, format: &str) -> Self {
        Self { playback: Some(format.to_owned()), ..Self::of(content) }
    }

    /// All channels of this content (`live`, `movie`, `series`), without playback URLs.
    pub fn of(content: &str) -> Self {
        Self { content: content.to_owned(), category: None, playback: None, attrs: Vec::new() }
    }

    /// Only this category, where there is one.
    #[must_use]
    pub fn category(mut self, category: Option<u32>) -> Self {
        self.category = category;
        self
    }
}
