//! Answers of outputs, kept while nothing changed that they depend on. The key holds the version of everything, so nothing is ever dropped
//! by hand: a changed lineup makes another key, and the old answer falls out.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Method, StatusCode, request::Parts};
use bytes::Bytes;
use futures_util::stream;
use http_body_util::StreamBody;
use mast_model::Line;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::super::Shared;
use super::super::viewer::Viewer;
use super::request::Fields;
use crate::extensions::{PlaybackUrls, RouteMatch};

/// Bytes of answers kept, over all outputs.
const BUDGET: u64 = 64 << 20;
/// Answers expected at most; only sizes the table.
const ENTRIES: usize = 4096;
/// Calls of outputs at once; more wait.
const CALLS: usize = 16;
/// How long a request waits for its turn.
const TURN: Duration = Duration::from_secs(10);

/// A whole answer of an output.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) pieces: Vec<Bytes>,
}

impl Answer {
    /// Bytes of the body.
    fn len(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.len() as u64).sum()
    }

    /// The body; the pieces are shared, not copied.
    pub(super) fn body(&self) -> Body {
        match self.pieces.as_slice() {
            [] => Body::empty(),
            [piece] => Body::from(piece.clone()),
            pieces => {
                let frames =
                    pieces.iter().cloned().map(|piece| Ok::<_, std::convert::Infallible>(http_body_frame(piece)));
                let frames: Vec<_> = frames.collect();
                Body::new(Sized { length: self.len(), inner: StreamBody::new(stream::iter(frames)) })
            }
        }
    }
}

fn http_body_frame(piece: Bytes) -> hyper::body::Frame<Bytes> {
    hyper::body::Frame::data(piece)
}

/// A body that tells its length, so that the response carries `content-length`.
struct Sized<B> {
    length: u64,
    inner: B,
}

impl<B: hyper::body::Body + Unpin> hyper::body::Body for Sized<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<B::Data>, B::Error>>> {
        std::pin::Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        hyper::body::SizeHint::with_exact(self.length)
    }
}

/// Everything that an answer depends on, hashed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key([u8; 32]);

impl Key {
    /// The key of a request; none where its answer must not be kept.
    pub(super) fn of(
        shared: &Shared,
        found: &RouteMatch,
        parts: &Parts,
        fields: &Fields,
        viewer: &Viewer,
        line: Option<&(Arc<Line>, PlaybackUrls)>,
    ) -> Option<Self> {
        let known = |code: &String| matches!(code.as_str(), "lineup" | "line" | "request" | "guide");
        let depends = &found.route.depends;
        if depends.is_empty() || !depends.iter().all(known) || !matches!(parts.method, Method::GET | Method::HEAD) {
            return None;
        }
        let mut hasher = blake3::Hasher::new();
        let mut add = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        add(found.instance.as_str().as_bytes());
        add(found.route.id.as_bytes());
        // A reloaded instance may answer otherwise. What it was loaded from is counted since the start, so tags end with it.
        add(&shared.outputs.run);
        add(&shared.deps.extensions.changes().borrow().to_le_bytes());
        add(viewer.base_url.as_bytes());
        add(parts.uri.path().as_bytes());
        for (name, value) in &fields.pairs {
            add(name.as_bytes());
            add(value.as_bytes());
        }
        if let Some((line, _)) = line {
            add(&line.id.0.to_le_bytes());
            add(&line.revision.to_le_bytes());
            add(&shared.deps.catalog.lineup(line).version.to_le_bytes());
        }
        if depends.iter().any(|code| code == "guide") {
            add(&shared.deps.guide.version().to_le_bytes());
        }
        Some(Self(*hasher.finalize().as_bytes()))
    }

    /// The entity tag, quoted.
    pub(super) fn tag(&self) -> String {
        format!("\"{}\"", hex::encode(&self.0[..12]))
    }
}

#[derive(Clone)]
struct Size;

impl Weighter<Key, Arc<Answer>> for Size {
    fn weight(&self, _key: &Key, answer: &Arc<Answer>) -> u64 {
        answer.len() + 512
    }
}

/// Kept answers, and turns for making new ones.
pub(in super::super) struct OutputCache {
    answers: Cache<Key, Arc<Answer>, Size>,
    calls: Arc<Semaphore>,
    /// This run of the host.
    run: [u8; 16],
}

impl OutputCache {
    pub(in super::super) fn new() -> Self {
        let mut run = [0; 16];
        // Without randomness a viewer may be told "not modified" once too often after a restart.
        let _ = getrandom::fill(&mut run);
        // Each shard has its part of the budget, and one answer may be a third of it.
        let options = OptionsBuilder::new()
            .estimated_items_capacity(ENTRIES)
            .weight_capacity(BUDGET)
            .shards(1)
            .build()
            .expect("both capacities are set");
        let answers = Cache::with_options(options, Size, DefaultHashBuilder::default(), DefaultLifecycle::default());
        Self { answers, calls: Arc::new(Semaphore::new(CALLS)), run }
    }

    pub(super) fn find(&self, key: &Key) -> Option<Arc<Answer>> {
        self.answers.get(key)
    }

    pub(super) fn keep(&self, key: Key, answer: &Arc<Answer>) {
        self.answers.insert(key, Arc::clone(answer));
    }

    /// A turn to call an output; none when it takes too long.
    pub(super) async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        tokio::time::timeout(TURN, Arc::clone(&self.calls).acquire_owned()).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_a_third_of_the_budget_is_kept() {
        let cache = OutputCache::new();
        let piece = Bytes::from(vec![0; (BUDGET / 3) as usize - 1024]);
        let answer = Answer { status: StatusCode::OK, headers: HeaderMap::new(), pieces: vec![piece] };
        cache.keep(Key([1; 32]), &Arc::new(answer));
        assert!(cache.find(&Key([1; 32])).is_some());
    }
}
