//! A host for tests: everything a plugin can reach, made of plain values, on the thread of the test.
//!
//! ```
//! use mast_sdk::mock::{Answer, Host};
//!
//! let host = Host::new()
//!     .config(serde_json::json!({ "url": "https://tv.example/list" }))
//!     .http("https://tv.example/list", Answer::ok("one|First"))
//!     .install();
//! // let catalogue = host.refresh::<MySource>()?;
//! # drop(host);
//! ```
//!
//! It answers at once and grants everything it knows; limits, deadlines and grants are the real host's business.

mod lines;
pub(crate) mod raw;
mod run;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

pub use lines::Line;
pub use run::{Fragment, Imported, Refreshed, Reply};

use crate::bindings::host::mast::base::http_client::Request;
use crate::bindings::host::mast::output::types::DeviceEvent;
use crate::log::Level;
use crate::{CHUNK, Error, Pairs};

/// A mock host being put together.
#[derive(Default)]
pub struct Host {
    state: State,
}

/// What is behind the mocked functions.
#[derive(Default)]
pub(crate) struct State {
    config: Option<serde_json::Value>,
    answers: BTreeMap<String, VecDeque<Answer>>,
    files: BTreeMap<String, File>,
    secrets: BTreeMap<String, String>,
    kv: BTreeMap<String, Vec<u8>>,
    kv_quota: Option<usize>,
    now: u64,
    random: u64,
    chunk: Option<usize>,
    lines: Vec<(String, String, Line)>,
    devices: Vec<(String, Line)>,
    events: Vec<(String, DeviceEvent)>,
    unwanted: Vec<String>,
    fragments: BTreeMap<(Option<u32>, String), Vec<u8>>,
    log: Vec<(Level, String)>,
    requests: Vec<Request>,
}

#[derive(Clone)]
struct File {
    content: Vec<u8>,
    unchanged: bool,
}

thread_local! {
    static STATE: RefCell<Option<State>> = const { RefCell::new(None) };
}

/// An installed mock host. Dropping it takes it away again.
pub struct Installed {
    // Not Send: the host belongs to this thread.
    _thread: std::marker::PhantomData<*const ()>,
}

/// What an upstream answers.
#[derive(Debug, Clone)]
pub struct Answer {
    status: u16,
    headers: Pairs,
    body: Vec<u8>,
    ends_early: bool,
    error: Option<Error>,
}

impl Answer {
    /// 200 with a body.
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.into(), ends_early: false, error: None }
    }

    /// Another status, no body.
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::ok("") }
    }

    /// No answer at all but this error: a refused connection, a missing grant.
    pub fn error(error: Error) -> Self {
        Self { error: Some(error), ..Self::ok("") }
    }

    /// Adds a header field; the name in lower case.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Loses the connection after the body's last byte, before the end that was announced.
    #[must_use]
    pub fn ends_early(mut self) -> Self {
        self.ends_early = true;
        self
    }
}

impl Host {
    /// A host that knows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The instance's `[config]`, with the defaults of the schema filled in as the real host would.
    #[must_use]
    pub fn config(mut self, config: serde_json::Value) -> Self {
        self.state.config = Some(config);
        self
    }

    /// What `url` answers. Called again for the same URL it adds the next answer; the last one stays.
    #[must_use]
    pub fn http(mut self, url: &str, answer: Answer) -> Self {
        self.state.answers.entry(url.to_owned()).or_default().push_back(answer);
        self
    }

    /// A granted file.
    #[must_use]
    pub fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.state.files.insert(path.to_owned(), File { content: content.into(), unchanged: false });
        self
    }

    /// A granted file that has not changed since the last import.
    #[must_use]
    pub fn unchanged_file(mut self, path: &str) -> Self {
        self.state.files.insert(path.to_owned(), File { content: Vec::new(), unchanged: true });
        self
    }

    /// A granted secret.
    #[must_use]
    pub fn secret(mut self, name: &str, value: &str) -> Self {
        self.state.secrets.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A stored value.
    #[must_use]
    pub fn kv(mut self, key: &str, value: impl Into<Vec<u8>>) -> Self {
        self.state.kv.insert(key.to_owned(), value.into());
        self
    }

    /// How many bytes of keys and values may be stored; 0 means that storage is not granted.
    #[must_use]
    pub fn kv_quota(mut self, bytes: usize) -> Self {
        self.state.kv_quota = Some(bytes);
        self
    }

    /// The wall clock, seconds since 1970; it stands still.
    #[must_use]
    pub fn now(mut self, seconds: u64) -> Self {
        self.state.now = seconds;
        self
    }

    /// The largest piece in which bytes are handed out, to move the seams between pieces (default [`CHUNK`]).
    #[must_use]
    pub fn chunk(mut self, bytes: usize) -> Self {
        self.state.chunk = Some(bytes.max(1));
        self
    }

    /// A line that [`crate::output::authenticate`] finds, and [`crate::output::by_token`] by `TOKEN-` and the username.
    #[must_use]
    pub fn line(mut self, username: &str, password: &str, line: Line) -> Self {
        self.state.lines.push((username.to_owned(), password.to_owned(), line));
        self
    }

    /// A line that [`crate::output::by_device`] finds.
    #[must_use]
    pub fn device(mut self, device: &str, line: Line) -> Self {
        self.state.devices.push((device.to_owned(), line));
        self
    }

    /// An event that waits for a device.
    #[must_use]
    pub fn event(mut self, device: &str, event: DeviceEvent) -> Self {
        self.state.events.push((device.to_owned(), event));
        self
    }

    /// A guide channel whose programmes the host does not keep, once it was pushed. All others are wanted.
    #[must_use]
    pub fn unwanted(mut self, channel: &str) -> Self {
        self.state.unwanted.push(channel.to_owned());
        self
    }

    /// Makes this the host of the current thread, until the answer is dropped.
    ///
    /// # Panics
    /// Where another mock host is installed on this thread.
    pub fn install(self) -> Installed {
        STATE.with_borrow_mut(|state| {
            assert!(state.is_none(), "a mock host is installed on this thread already; drop it first");
            *state = Some(self.state);
        });
        Installed { _thread: std::marker::PhantomData }
    }
}

impl Installed {
    /// The log so far.
    pub fn log(&self) -> Vec<(Level, String)> {
        with(|state| state.log.clone())
    }

    /// The HTTP requests so far.
    pub fn requests(&self) -> Vec<Request> {
        with(|state| state.requests.clone())
    }

    /// The guide of a channel changed: its fragments are forgotten, and those of no channel.
    pub fn guide_changed(&self, channel: u32) {
        with(|state| state.fragments.retain(|(of, _), _| of.is_some_and(|of| of != channel)));
    }

    /// The username of the line that a device is bound to.
    pub fn bound(&self, device: &str) -> Option<String> {
        with(|state| {
            let found = state.devices.iter().find(|(name, _)| name.eq_ignore_ascii_case(device));
            found.map(|(_, line)| line.username().to_owned())
        })
    }

    /// Moves the wall clock.
    pub fn set_now(&self, seconds: u64) {
        with(|state| state.now = seconds);
    }

    /// Another answer of `url`, as [`Host::http`] adds it, in place of those before it.
    pub fn answer(&self, url: &str, answer: Answer) {
        with(|state| state.answers.insert(url.to_owned(), VecDeque::from([answer])));
    }

    /// A stored value.
    pub fn kv(&self, key: &str) -> Option<Vec<u8>> {
        with(|state| state.kv.get(key).cloned())
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        STATE.with_borrow_mut(|state| *state = None);
    }
}

fn with<R>(use_state: impl FnOnce(&mut State) -> R) -> R {
    STATE.with_borrow_mut(|state| {
        use_state(
            state.as_mut().expect("outside of Mast a plugin needs a mock host: mast_sdk::mock::Host::new().install()"),
        )
    })
}

impl State {
    fn chunk(&self) -> usize {
        self.chunk.unwrap_or(CHUNK as usize)
    }
}
