//! The host's side: one URL, one lineup.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use mast_model::{DestinationRules, InstanceId};
use mast_plugin::records::{
    Category, Channel, Episode, Filter, GuideChannel, GuideProgramme, LineInfo, LineupCategory, LineupChannel, Movie,
    Pairs, Programme, Series,
};
use mast_plugin::services::{
    Accounts, BoxFuture, ByteStream, Caller, CatalogSink, Cursor, Found, GuideSink, Http, HttpRequest, HttpResponse,
    Kv, Line, ResponseSink, ServiceError, Services,
};

pub(crate) fn services(web: Web) -> Services {
    Services { http: Arc::new(web), kv: Arc::new(Values::default()), accounts: Arc::new(Nobody) }
}

/// What the one URL answers.
#[derive(Clone, Default)]
pub(crate) struct Answer {
    status: u16,
    body: Bytes,
    lost: bool,
}

impl Answer {
    pub(crate) fn ok(body: &str) -> Self {
        Self { status: 200, body: Bytes::copy_from_slice(body.as_bytes()), lost: false }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// The connection is lost behind the body's last byte.
    pub(crate) fn lost(self) -> Self {
        Self { lost: true, ..self }
    }
}

/// What is behind the one URL; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Web(Arc<Mutex<(String, Answer)>>);

impl Web {
    pub(crate) fn new(url: &str, answer: Answer) -> Self {
        Self(Arc::new(Mutex::new((url.to_owned(), answer))))
    }

    pub(crate) fn set(&self, answer: Answer) {
        self.0.lock().unwrap().1 = answer;
    }
}

impl Http for Web {
    fn fetch<'a>(
        &'a self,
        _: &'a InstanceId,
        _: &'a DestinationRules,
        request: HttpRequest,
    ) -> BoxFuture<'a, Result<HttpResponse, ServiceError>> {
        let (url, Answer { status, body, lost }) = self.0.lock().unwrap().clone();
        assert_eq!(request.url, url);
        // Pieces of an odd size, so that lines and characters are cut.
        let mut pieces: VecDeque<_> = body.chunks(7_001).map(|piece| Ok(body.slice_ref(piece))).collect();
        if lost {
            pieces.push_back(Err(ServiceError { code: "unavailable", message: "the connection was lost".to_owned() }));
        }
        let response = HttpResponse { status, headers: Vec::new(), url: request.url, body: Box::new(Pieces(pieces)) };
        Box::pin(async move { Ok(response) })
    }
}

pub(crate) struct Pieces(pub(crate) VecDeque<Result<Bytes, ServiceError>>);

impl ByteStream for Pieces {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, ServiceError>> {
        let next = self.0.pop_front().transpose();
        Box::pin(async move { next })
    }
}

#[derive(Default)]
struct Values(Mutex<BTreeMap<String, Vec<u8>>>);

impl Kv for Values {
    fn get(&self, _: &InstanceId, key: &str) -> Result<Option<Vec<u8>>, ServiceError> {
        Ok(self.0.lock().unwrap().get(key).cloned())
    }

    fn set(&self, _: &InstanceId, key: &str, value: &[u8], _: u64) -> Result<(), ServiceError> {
        self.0.lock().unwrap().insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    fn delete(&self, _: &InstanceId, key: &str) -> Result<(), ServiceError> {
        self.0.lock().unwrap().remove(key);
        Ok(())
    }

    fn list_keys(&self, _: &InstanceId, _: &str, _: Option<&str>, _: usize) -> Result<Vec<String>, ServiceError> {
        Ok(self.0.lock().unwrap().keys().cloned().collect())
    }
}

struct Nobody;

impl Accounts for Nobody {
    fn authenticate(&self, _: &Caller, _: &str, _: &str) -> Found {
        Err("credentials")
    }

    fn by_token(&self, _: &Caller, _: &str) -> Found {
        Err("credentials")
    }

    fn by_device(&self, _: &Caller, _: &str) -> Found {
        Err("credentials")
    }
}

/// What a source pushed; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Collected(Arc<Mutex<Pushed>>);

#[derive(Default)]
pub(crate) struct Pushed {
    pub(crate) categories: Vec<Category>,
    pub(crate) channels: Vec<Channel>,
    pub(crate) movies: Vec<Movie>,
    pub(crate) series: Vec<Series>,
    pub(crate) episodes: Vec<Episode>,
    pub(crate) warnings: Vec<(String, String)>,
}

impl Collected {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Pushed> {
        self.0.lock().unwrap()
    }
}

impl CatalogSink for Collected {
    fn categories(&mut self, batch: Vec<Category>) -> Result<(), ServiceError> {
        self.lock().categories.extend(batch);
        Ok(())
    }

    fn channels(&mut self, batch: Vec<Channel>) -> Result<(), ServiceError> {
        self.lock().channels.extend(batch);
        Ok(())
    }

    fn movies(&mut self, batch: Vec<Movie>) -> Result<(), ServiceError> {
        self.lock().movies.extend(batch);
        Ok(())
    }

    fn series(&mut self, batch: Vec<Series>) -> Result<(), ServiceError> {
        self.lock().series.extend(batch);
        Ok(())
    }

    fn episodes(&mut self, batch: Vec<Episode>) -> Result<(), ServiceError> {
        self.lock().episodes.extend(batch);
        Ok(())
    }

    fn warn(&mut self, item: String, message: String) {
        self.lock().warnings.push((item, message));
    }
}

/// What a guide importer pushed; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Imported(Arc<Mutex<Guide>>);

#[derive(Default)]
pub(crate) struct Guide {
    pub(crate) channels: Vec<GuideChannel>,
    pub(crate) programmes: Vec<GuideProgramme>,
    pub(crate) warnings: Vec<(String, String)>,
    /// Programmes of no other channels are wanted, where this is set.
    pub(crate) only: Option<BTreeSet<String>>,
}

impl Imported {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Guide> {
        self.0.lock().unwrap()
    }
}

impl GuideSink for Imported {
    fn channels(&mut self, batch: Vec<GuideChannel>) -> Result<(), ServiceError> {
        self.lock().channels.extend(batch);
        Ok(())
    }

    fn programmes(&mut self, batch: Vec<GuideProgramme>) -> Result<(), ServiceError> {
        self.lock().programmes.extend(batch);
        Ok(())
    }

    fn wanted(&mut self, channels: &[String]) -> Vec<bool> {
        let guide = self.lock();
        channels.iter().map(|id| guide.only.as_ref().is_none_or(|only| only.contains(id))).collect()
    }

    fn warn(&mut self, item: String, message: String) {
        self.lock().warnings.push((item, message));
    }
}

/// A line with so many channels, and as many programmes on each of the first hundred.
pub(crate) struct Lineup(pub(crate) u32);

/// Programmes of an hour from a time on, channel by channel.
struct Hours {
    next: u32,
    end: u32,
    each: u32,
    start: u64,
}

impl Cursor<Programme> for Hours {
    fn next(&mut self, max: usize) -> Vec<Programme> {
        let end = (self.next + max as u32).min(self.end);
        let batch = (self.next..end).map(|number| {
            let hour = number % self.each;
            let start = self.start + u64::from(hour) * 3600;
            Programme {
                channel: 1 + number / self.each,
                start,
                stop: start + 3600,
                title: format!("Programme {hour} & more"),
                sub_title: String::new(),
                description: "What happens in it, at some length, for a screen with room for more than a title."
                    .to_owned(),
                attrs: vec![("category".to_owned(), "News".to_owned())],
            }
        });
        let batch = batch.collect();
        self.next = end;
        batch
    }
}

struct Channels {
    next: u32,
    last: u32,
    format: String,
}

impl Cursor<LineupChannel> for Channels {
    fn next(&mut self, max: usize) -> Vec<LineupChannel> {
        let end = (self.next + max as u32 - 1).min(self.last);
        let batch = (self.next..=end).map(|id| LineupChannel {
            id,
            number: id,
            name: format!("Channel {id}"),
            category: id % 100,
            category_name: format!("Category {}", id % 100),
            logo: format!("http://logos.example/channels/{id}.png"),
            epg_id: format!("c{id}.example"),
            catch_up_days: 0,
            playback: format!("http://tv.example:8080/live/anna/PASSWORD/{id}.{}", self.format),
            attrs: Vec::new(),
        });
        let batch = batch.collect();
        self.next = end + 1;
        batch
    }
}

impl Line for Lineup {
    fn info(&self) -> LineInfo {
        LineInfo {
            username: "anna".to_owned(),
            expires: None,
            max_connections: 1,
            active_connections: 0,
            created: 0,
            attrs: Vec::new(),
        }
    }

    fn categories(&self, _: &str) -> Vec<LineupCategory> {
        Vec::new()
    }

    fn lineup(&self, filter: Filter) -> Box<dyn Cursor<LineupChannel>> {
        if filter.content != "live" {
            return Box::new(Vec::new());
        }
        Box::new(Channels { next: 1, last: self.0, format: filter.playback.unwrap_or_default() })
    }

    fn guide(&self, channel: Option<u32>, start: u64, stop: u64) -> Box<dyn Cursor<Programme>> {
        let (each, last) = (((stop - start) / 3600) as u32, self.0.min(100));
        let channels = channel.map_or(0..last, |channel| (channel - 1).min(last)..channel.min(last));
        Box::new(Hours { next: channels.start * each, end: channels.end * each, each, start })
    }

    fn playback(&self, channel: u32, format: &str) -> Option<String> {
        Some(format!("http://tv.example:8080/live/anna/PASSWORD/{channel}.{format}"))
    }

    fn sees(&self, channel: u32) -> bool {
        (1..=self.0).contains(&channel)
    }
}

/// A response; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Received(Arc<Mutex<(u16, Vec<u8>)>>);

impl Received {
    pub(crate) fn bytes(&self) -> (u16, Vec<u8>) {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    pub(crate) fn take(&self) -> (u16, String) {
        let (status, body) = self.bytes();
        (status, String::from_utf8(body).unwrap())
    }
}

impl ResponseSink for Received {
    fn start(&mut self, status: u16, _: Pairs) -> Result<(), ServiceError> {
        self.0.lock().unwrap().0 = status;
        Ok(())
    }

    fn write(&mut self, bytes: Bytes) -> Result<(), ServiceError> {
        self.0.lock().unwrap().1.extend(bytes);
        Ok(())
    }

    fn pack(&mut self, _: &str) -> Result<(), ServiceError> {
        Ok(())
    }
}
