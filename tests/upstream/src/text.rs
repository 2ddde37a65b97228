//! Texts that change at run time and answer conditional requests: playlists, channels.txt.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;

use bytes::Bytes;
use tokio::sync::watch;

use crate::fault::Fault;

/// A text with its validator.
#[derive(Debug, Clone)]
pub struct Text {
    pub(crate) body: Bytes,
    pub(crate) content_type: String,
    pub(crate) etag: String,
}

impl Text {
    /// A text whose ETag follows from its content.
    pub fn new(content_type: &str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        Self { etag: format!("\"{:016x}\"", hasher.finish()), content_type: content_type.to_owned(), body }
    }

    /// An M3U playlist.
    pub fn m3u(body: impl Into<Bytes>) -> Self {
        Self::new("audio/x-mpegurl", body)
    }

    /// Plain text.
    pub fn plain(body: impl Into<Bytes>) -> Self {
        Self::new("text/plain; charset=utf-8", body)
    }
}

/// A request for a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// What was answered; 0 where a fault kept the answer back.
    pub status: u16,
    /// `If-None-Match` as sent.
    pub if_none_match: Option<String>,
    /// `User-Agent` as sent.
    pub user_agent: Option<String>,
}

/// Hits that are remembered of one text.
const HITS: usize = 1000;

struct Entry {
    text: Text,
    fault: watch::Sender<Option<Fault>>,
    hits: Vec<Hit>,
}

/// All texts, by path.
#[derive(Default)]
pub(crate) struct Texts(Mutex<BTreeMap<String, Entry>>);

impl Texts {
    fn with<R>(&self, path: &str, use_entry: impl FnOnce(&mut Entry) -> R) -> Option<R> {
        self.0.lock().expect("nothing panics while it holds this lock").get_mut(path).map(use_entry)
    }

    pub(crate) fn set(&self, path: &str, text: Text) {
        let changed = self.with(path, |entry| entry.text = text.clone());
        if changed.is_none() {
            let entry = Entry { text, fault: watch::Sender::new(None), hits: Vec::new() };
            self.0.lock().expect("nothing panics while it holds this lock").insert(path.to_owned(), entry);
        }
    }

    pub(crate) fn set_fault(&self, path: &str, fault: Option<Fault>) -> bool {
        self.with(path, |entry| entry.fault.send_replace(fault)).is_some()
    }

    pub(crate) fn find(&self, path: &str) -> Option<(Text, watch::Receiver<Option<Fault>>)> {
        self.with(path, |entry| (entry.text.clone(), entry.fault.subscribe()))
    }

    pub(crate) fn note(&self, path: &str, hit: Hit) {
        self.with(path, |entry| {
            if entry.hits.len() < HITS {
                entry.hits.push(hit);
            }
        });
    }

    pub(crate) fn hits(&self, path: &str) -> Vec<Hit> {
        self.with(path, |entry| entry.hits.clone()).unwrap_or_default()
    }
}
