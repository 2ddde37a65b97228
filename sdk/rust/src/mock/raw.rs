//! The functions of `crate::raw` on plain values. Names and signatures are those of the generated bindings.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use super::run::Fragment;
use super::with;
use crate::bindings::host::mast::base::types::PluginError;
use crate::bindings::host::mast::epg::types::{GuideChannel, Programme as GuideProgramme};
use crate::bindings::host::mast::output::types::{Channel as LineupChannel, Episode as LineupEpisode, Programme};
use crate::bindings::host::mast::source::types::{Category, Channel, Episode, Movie, Series};
use crate::{Code, Error, Pairs};

pub(crate) use super::lines::Raw as Line;

pub(crate) struct ByteSource {
    chunks: RefCell<VecDeque<u8>>,
    chunk: usize,
    ends_early: Cell<bool>,
}

impl ByteSource {
    pub(super) fn new(content: Vec<u8>, chunk: usize, ends_early: bool) -> Self {
        Self { chunks: RefCell::new(content.into()), chunk, ends_early: Cell::new(ends_early) }
    }

    pub(crate) fn read(&self, max: u32) -> Result<Vec<u8>, PluginError> {
        let mut rest = self.chunks.borrow_mut();
        if rest.is_empty() && self.ends_early.replace(false) {
            return Err(Error::unavailable("the connection was lost before the end of the body").into());
        }
        let count = rest.len().min(max as usize).min(self.chunk);
        Ok(rest.drain(..count).collect())
    }
}

pub(crate) mod log {
    use crate::log::Level;

    pub(crate) fn write(level: Level, message: &str) {
        super::with(|state| state.log.push((level, message.to_owned())));
    }
}

pub(crate) mod config {
    pub(crate) fn document() -> String {
        super::with(|state| state.config.as_ref().map_or_else(|| "{}".to_owned(), ToString::to_string))
    }
}

pub(crate) mod secrets {
    use super::{Code, Error, PluginError};

    pub(crate) fn get(name: &str) -> Result<String, PluginError> {
        let found = super::with(|state| state.secrets.get(name).cloned());
        found.ok_or_else(|| Error::new(Code::NotGranted, format!("secret {name} is not granted")).into())
    }
}

pub(crate) mod kv {
    use super::{Code, Error, PluginError};
    use crate::mock::State;

    fn granted<R>(call: impl FnOnce(&mut State) -> Result<R, Error>) -> Result<R, PluginError> {
        Ok(super::with(|state| match state.kv_quota {
            Some(0) => Err(Error::new(Code::NotGranted, "storage is not granted")),
            _ => call(state),
        })?)
    }

    pub(crate) fn get(key: &str) -> Result<Option<Vec<u8>>, PluginError> {
        granted(|state| Ok(state.kv.get(key).cloned()))
    }

    pub(crate) fn set(key: &str, value: &[u8]) -> Result<(), PluginError> {
        granted(|state| {
            let others = state.kv.iter().filter(|(other, _)| *other != key);
            let used: usize = others.map(|(other, value)| other.len() + value.len()).sum();
            if state.kv_quota.is_some_and(|quota| used + key.len() + value.len() > quota) {
                return Err(Error::new(Code::Limit, "the storage is full"));
            }
            state.kv.insert(key.to_owned(), value.to_owned());
            Ok(())
        })
    }

    pub(crate) fn delete(key: &str) -> Result<(), PluginError> {
        granted(|state| {
            state.kv.remove(key);
            Ok(())
        })
    }

    pub(crate) fn list_keys(prefix: &str, after: Option<&str>, max: u32) -> Result<Vec<String>, PluginError> {
        granted(|state| {
            let keys =
                state.kv.keys().filter(|key| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after));
            Ok(keys.take(max as usize).cloned().collect())
        })
    }
}

pub(crate) mod clock {
    pub(crate) fn now() -> u64 {
        super::with(|state| state.now)
    }

    pub(crate) fn monotonic_ms() -> u64 {
        super::with(|state| state.now * 1000)
    }
}

pub(crate) mod random {
    /// Never the same twice, always the same in the next test.
    pub(crate) fn bytes(count: u32) -> Vec<u8> {
        super::with(|state| {
            state.random = state.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let first = state.random.to_be_bytes();
            (0..count.min(1_024) as usize).map(|at| first[at % 8].wrapping_add((at / 8) as u8)).collect()
        })
    }
}

pub(crate) mod http_client {
    use super::{ByteSource, Code, Error, Pairs, PluginError};
    use crate::bindings::host::mast::base::http_client::Request;
    use crate::mock::Answer;

    pub(crate) struct Response {
        url: String,
        answer: Answer,
        chunk: usize,
    }

    impl Response {
        pub(crate) fn status(&self) -> u16 {
            self.answer.status
        }

        pub(crate) fn headers(&self) -> Pairs {
            self.answer.headers.clone()
        }

        pub(crate) fn url(&self) -> String {
            self.url.clone()
        }

        pub(crate) fn body(&self) -> Result<ByteSource, PluginError> {
            Ok(ByteSource::new(self.answer.body.clone(), self.chunk, self.answer.ends_early))
        }
    }

    pub(crate) fn fetch(request: &Request) -> Result<Response, PluginError> {
        let (answer, chunk) = super::with(|state| {
            state.requests.push(request.clone());
            let answers = state.answers.get_mut(&request.url);
            let next = answers.and_then(|all| if all.len() > 1 { all.pop_front() } else { all.front().cloned() });
            (next, state.chunk())
        });
        let Some(answer) = answer else {
            return Err(Error::new(Code::NotGranted, "the mock host has no answer for this URL").into());
        };
        match answer.error {
            Some(error) => Err(error.into()),
            None => Ok(Response { url: request.url.clone(), answer, chunk }),
        }
    }
}

pub(crate) mod files {
    use super::{ByteSource, Code, Error, PluginError};

    pub(crate) fn open(path: &str, only_if_changed: bool) -> Result<Option<ByteSource>, PluginError> {
        let (file, chunk) = super::with(|state| (state.files.get(path).cloned(), state.chunk()));
        let Some(file) = file else {
            return Err(Error::new(Code::NotGranted, format!("the file {path} is not granted")).into());
        };
        Ok((!only_if_changed || !file.unchanged).then(|| ByteSource::new(file.content, chunk, false)))
    }
}

pub(crate) mod accounts {
    use super::Line;

    pub(crate) fn authenticate(username: &str, password: &str) -> Result<Line, String> {
        super::with(|state| {
            let found = state.lines.iter().find(|(name, secret, _)| name == username && secret == password);
            found.map_or_else(|| Err("credentials".to_owned()), |(_, _, line)| Line::found(line))
        })
    }

    /// `TOKEN-` and the username.
    pub(crate) fn by_token(token: &str) -> Result<Line, String> {
        super::with(|state| {
            let found = state.lines.iter().find(|(name, _, _)| token.strip_prefix("TOKEN-") == Some(name));
            found.map_or_else(|| Err("credentials".to_owned()), |(_, _, line)| Line::found(line))
        })
    }

    pub(crate) fn by_device(device: &str) -> Result<Line, String> {
        super::with(|state| {
            let found = state.devices.iter().find(|(name, _)| name.eq_ignore_ascii_case(device));
            found.map_or_else(|| Err("credentials".to_owned()), |(_, line)| Line::found(line))
        })
    }
}

pub(crate) mod devices {
    use super::{Code, Error, Line, PluginError};
    use crate::bindings::host::mast::output::types::DeviceEvent;

    pub(crate) fn bind(line: &Line, device: &str) -> Result<(), PluginError> {
        super::with(|state| {
            let bound = state.devices.iter().find(|(name, _)| name.eq_ignore_ascii_case(device));
            if bound.is_some_and(|(_, other)| other.username() != line.info().username) {
                return Err(Error::new(Code::Conflict, "the device is bound to another line").into());
            }
            if bound.is_none() {
                state.devices.push((device.to_owned(), line.line().clone()));
            }
            Ok(())
        })
    }

    pub(crate) fn next_event(_line: &Line, device: &str) -> Option<DeviceEvent> {
        super::with(|state| {
            state.events.iter().find(|(name, _)| name.eq_ignore_ascii_case(device)).map(|(_, event)| event.clone())
        })
    }

    pub(crate) fn confirm_event(_line: &Line, device: &str, event: u64) {
        super::with(|state| {
            state.events.retain(|(name, known)| !(name.eq_ignore_ascii_case(device) && known.id == event));
        });
    }
}

/// Refuses what the real host refuses.
fn batch<T: Clone>(kept: &RefCell<Vec<T>>, batch: &[T]) -> Result<(), PluginError> {
    const MOST: usize = 4096;
    if batch.len() > MOST {
        return Err(Error::new(Code::Limit, format!("{} records in one batch; {MOST} are allowed", batch.len())).into());
    }
    kept.borrow_mut().extend_from_slice(batch);
    Ok(())
}

#[derive(Default)]
pub(crate) struct CatalogSink {
    pub(super) categories: RefCell<Vec<Category>>,
    pub(super) channels: RefCell<Vec<Channel>>,
    pub(super) movies: RefCell<Vec<Movie>>,
    pub(super) series: RefCell<Vec<Series>>,
    pub(super) episodes: RefCell<Vec<Episode>>,
    pub(super) warnings: RefCell<Vec<(String, String)>>,
    pub(super) batches: RefCell<Vec<usize>>,
}

impl CatalogSink {
    fn keep<T: Clone>(&self, kept: &RefCell<Vec<T>>, records: &[T]) -> Result<(), PluginError> {
        self.batches.borrow_mut().push(records.len());
        batch(kept, records)
    }

    pub(crate) fn categories(&self, records: &[Category]) -> Result<(), PluginError> {
        self.keep(&self.categories, records)
    }

    pub(crate) fn channels(&self, records: &[Channel]) -> Result<(), PluginError> {
        self.keep(&self.channels, records)
    }

    pub(crate) fn movies(&self, records: &[Movie]) -> Result<(), PluginError> {
        self.keep(&self.movies, records)
    }

    pub(crate) fn series(&self, records: &[Series]) -> Result<(), PluginError> {
        self.keep(&self.series, records)
    }

    pub(crate) fn episodes(&self, records: &[Episode]) -> Result<(), PluginError> {
        self.keep(&self.episodes, records)
    }

    pub(crate) fn warn(&self, item: &str, message: &str) {
        self.warnings.borrow_mut().push((item.to_owned(), message.to_owned()));
    }
}

#[derive(Default)]
pub(crate) struct GuideSink {
    pub(super) channels: RefCell<Vec<GuideChannel>>,
    pub(super) programmes: RefCell<Vec<GuideProgramme>>,
    pub(super) asked: RefCell<Vec<String>>,
    pub(super) warnings: RefCell<Vec<(String, String)>>,
}

impl GuideSink {
    pub(crate) fn channels(&self, records: &[GuideChannel]) -> Result<(), PluginError> {
        batch(&self.channels, records)
    }

    pub(crate) fn packed(&self, bytes: &[u8]) -> Result<(), PluginError> {
        const MOST: usize = 4 << 20;
        if bytes.len() > MOST {
            return Err(
                Error::new(Code::Limit, format!("{} bytes in one batch; {MOST} are allowed", bytes.len())).into()
            );
        }
        batch(&self.programmes, &crate::epg::unpack(bytes))
    }

    pub(crate) fn wanted(&self, channels: &[String]) -> Vec<bool> {
        self.asked.borrow_mut().extend_from_slice(channels);
        let pushed = self.channels.borrow();
        let is_pushed = |id: &String| pushed.iter().any(|known| known.id == *id);
        let unwanted = |id: &String| with(|state| state.unwanted.contains(id)) && is_pushed(id);
        channels.iter().map(|id| !unwanted(id)).collect()
    }

    pub(crate) fn warn(&self, item: &str, message: &str) {
        self.warnings.borrow_mut().push((item.to_owned(), message.to_owned()));
    }
}

/// Records that are handed out in batches.
pub(crate) struct Records<T>(RefCell<VecDeque<T>>);

pub(crate) type Cursor = Records<LineupChannel>;
pub(crate) type EpisodeCursor = Records<LineupEpisode>;
pub(crate) type ProgrammeCursor = Records<Programme>;

impl<T> Records<T> {
    pub(super) fn new(records: impl IntoIterator<Item = T>) -> Self {
        Self(RefCell::new(records.into_iter().collect()))
    }

    pub(crate) fn next(&self, max: u32) -> Vec<T> {
        let mut rest = self.0.borrow_mut();
        let count = rest.len().min(max as usize).min(1024);
        rest.drain(..count).collect()
    }
}

#[derive(Default)]
pub(crate) struct ResponseSink {
    pub(super) head: RefCell<Option<(u16, Pairs)>>,
    pub(super) writes: RefCell<Vec<Vec<u8>>>,
    pub(super) packed: RefCell<Option<String>>,
    pub(super) fragments: RefCell<Vec<Fragment>>,
    /// The fragment that is being written, and how many writes were before it.
    open: RefCell<Option<(Option<u32>, String, usize)>>,
}

impl ResponseSink {
    pub(crate) fn start(&self, status: u16, headers: &[(String, String)]) -> Result<(), PluginError> {
        let before = self.head.replace(Some((status, headers.to_vec())));
        if before.is_some() { Err(Error::internal("the response was started before").into()) } else { Ok(()) }
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), PluginError> {
        if self.head.borrow().is_none() {
            return Err(Error::internal("the response has not been started; call start before write").into());
        }
        self.writes.borrow_mut().push(bytes.to_vec());
        Ok(())
    }

    pub(crate) fn pack(&self, coding: &str) -> Result<(), PluginError> {
        if coding != "gzip" {
            return Err(Error::not_found(format!("the host packs nothing as {coding}")).into());
        }
        if self.head.borrow().is_none() || !self.writes.borrow().is_empty() || !self.fragments.borrow().is_empty() {
            return Err(Error::internal("pack comes after start and before the body").into());
        }
        self.packed.replace(Some(coding.to_owned()));
        Ok(())
    }

    pub(crate) fn fragment(&self, channel: Option<u32>, key: &str) -> Result<bool, PluginError> {
        if self.head.borrow().is_none() {
            return Err(Error::internal("the response has not been started; call start before fragment").into());
        }
        if key.len() > 512 {
            return Err(Error::new(Code::Limit, "a fragment's key of more than 512 bytes").into());
        }
        let kept = with(|state| state.fragments.get(&(channel, key.to_owned())).cloned());
        self.fragments.borrow_mut().push(Fragment { channel, key: key.to_owned(), kept: kept.is_some() });
        let before = self.writes.borrow().len();
        self.open.replace(kept.is_none().then(|| (channel, key.to_owned(), before)));
        self.writes.borrow_mut().extend(kept.clone());
        Ok(kept.is_some())
    }

    pub(crate) fn keep(&self) -> Result<(), PluginError> {
        let Some((channel, key, before)) = self.open.take() else {
            return Err(Error::internal("there is no fragment to keep").into());
        };
        let bytes = self.writes.borrow()[before..].concat();
        with(|state| state.fragments.insert((channel, key), bytes));
        Ok(())
    }
}
