//! What goes on on one connection, told by its socket, its requests and their responses, so that it is known when nothing does.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

// One task at a time touches a connection; the atomics only let it move between threads.
const ORDER: Ordering = Ordering::Relaxed;

/// What one connection is doing.
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// Requests whose responses were not handed over to the last byte.
    requests: AtomicUsize,
    /// Bytes came that no request was made of yet.
    reading: AtomicBool,
    /// Bytes wait until the peer takes some.
    writing: AtomicBool,
    /// Ever since the last pause a whole head came.
    heard: AtomicBool,
    /// Only whoever reads the connection now knows what comes next on it.
    bound: AtomicBool,
}

impl Activity {
    /// A request came. It goes on until what this returns is dropped.
    pub(super) fn begin(self: &Arc<Self>, has_body: bool) -> Request {
        self.reading.store(false, ORDER);
        self.heard.store(true, ORDER);
        // How much of the body was read when the response ends is not told.
        self.bound.fetch_or(has_body, ORDER);
        self.requests.fetch_add(1, ORDER);
        Request(Arc::clone(self))
    }

    pub(super) fn read(&self) {
        self.reading.store(true, ORDER);
    }

    pub(super) fn wrote(&self, everything: bool) {
        self.writing.store(!everything, ORDER);
    }

    /// Between two requests, and nothing is on its way in or out.
    pub(super) fn idle(&self) -> bool {
        let busy = [&self.reading, &self.writing, &self.bound];
        self.requests.load(ORDER) == 0 && !busy.iter().any(|busy| busy.load(ORDER))
    }

    /// Whether a whole head came since [`Activity::pause`].
    pub(super) fn heard(&self) -> bool {
        self.heard.load(ORDER)
    }

    /// Starts to wait for a head. Whether one came since the last time.
    pub(super) fn pause(&self) -> bool {
        self.heard.swap(false, ORDER)
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct Request(Arc<Activity>);

impl Drop for Request {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, ORDER);
    }
}

/// The body of a response: with it the request ends.
pub(super) struct Answer {
    body: Body,
    _request: Request,
}

impl Request {
    pub(super) fn answer(self, body: Body) -> Answer {
        Answer { body, _request: self }
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
