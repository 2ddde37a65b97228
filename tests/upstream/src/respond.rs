//! Requests in, responses out.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH, LOCATION, RANGE, USER_AGENT,
};
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode};
use hyper::body::{Frame, Incoming};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};

use crate::fault::Fault;
use crate::feed;
use crate::hls::{self, Content};
use crate::server::{Channel, Reading, State};
use crate::text::{Hit, Text};

/// The connection ends here, improperly.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("broken off as the fault says")
    }
}

impl std::error::Error for Broken {}

/// A second handle of a connection's socket.
#[derive(Clone)]
pub(crate) struct Socket(pub(crate) Arc<TcpStream>);

impl Socket {
    /// Turns the coming close into a reset.
    pub(crate) fn reset_on_close(&self) {
        // A socket that is gone already needs no reset.
        let _ = self.0.set_zero_linger();
    }
}

/// A response body.
pub(crate) enum Body {
    /// Known from the start.
    Whole(Option<Bytes>),
    /// Comes piece by piece; the client counts as reading as long as the body lives.
    Pieces { pieces: mpsc::Receiver<Result<Bytes, Broken>>, _reading: Option<Reading> },
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Pieces { pieces, .. } => pieces.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data))),
        }
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        match self {
            Self::Whole(bytes) => hyper::body::SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Pieces { .. } => hyper::body::SizeHint::default(),
        }
    }
}

type Answer = Result<Response<Body>, Broken>;

const HTML: &str = "<!DOCTYPE html><html><head><title>Service unavailable</title></head>\
                    <body><h1>We will be right back</h1></body></html>\n";

fn answer(status: u16, headers: &[(HeaderName, &str)], body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Body::Whole(Some(body.into())));
    *response.status_mut() = StatusCode::from_u16(status).map_err(|_| Broken)?;
    for (name, value) in headers {
        response.headers_mut().insert(name, value.parse().map_err(|_| Broken)?);
    }
    Ok(response)
}

fn pieces(
    headers: &[(HeaderName, &str)],
    pieces: mpsc::Receiver<Result<Bytes, Broken>>,
    reading: Option<Reading>,
) -> Answer {
    let mut response = answer(200, headers, Bytes::new())?;
    *response.body_mut() = Body::Pieces { pieces, _reading: reading };
    Ok(response)
}

/// Answers one request; an error closes the connection without an answer.
pub(crate) async fn respond(state: Arc<State>, request: Request<Incoming>, socket: Socket) -> Answer {
    let path = request.uri().path().to_owned();
    if let Some(order) = path.strip_prefix("/_control") {
        return control(&state, request.method(), order);
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return answer(405, &[], "GET or HEAD, please\n");
    }
    let channel = path.strip_prefix('/').and_then(|name| name.strip_suffix(".ts")).and_then(|name| state.channel(name));
    if let Some(channel) = channel {
        return serve_channel(&state, channel, &request, socket).await;
    }
    if let Some((channel, asset)) = hls::asset(&path).and_then(|(name, asset)| Some((state.channel(name)?, asset))) {
        return serve_hls(&state, channel, asset, &request, socket).await;
    }
    serve_text(&state, &path, request.headers(), socket).await
}

/// What a fault answers instead of content; none where content follows.
async fn faulty_answer(fault: &Fault, path: &str, host: &str, socket: &Socket) -> Option<Answer> {
    let answer = match fault {
        Fault::Reset => {
            socket.reset_on_close();
            Err(Broken)
        }
        Fault::HangBeforeHead => {
            // The caller stops waiting when the fault changes.
            std::future::pending::<Infallible>().await;
            Err(Broken)
        }
        Fault::Status(code) => answer(*code, &[], format!("fault {code}\n")),
        Fault::RedirectLoop => answer(302, &[(LOCATION, &format!("http://{host}{path}"))], ""),
        Fault::RedirectTo(url) => answer(302, &[(LOCATION, url)], ""),
        Fault::Html => answer(200, &[(CONTENT_TYPE, "text/html")], HTML),
        Fault::Empty => answer(200, &[], ""),
        Fault::HangAfterHead
        | Fault::Garbage
        | Fault::Truncate
        | Fault::Stall
        | Fault::Close
        | Fault::NullFlood
        | Fault::PtsJump(_)
        | Fault::Hls(_) => return None,
    };
    Some(answer)
}

fn host_of(headers: &HeaderMap) -> &str {
    headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost")
}

async fn changed<T>(receiver: &mut watch::Receiver<T>) {
    // The sender lives as long as the server; when it is gone, so is the wait.
    let _ = receiver.changed().await;
}

async fn serve_channel(state: &State, channel: Arc<Channel>, request: &Request<Incoming>, socket: Socket) -> Answer {
    let head = [(CONTENT_TYPE, "video/mp2t")];
    if request.method() == Method::HEAD {
        return answer(200, &head, "");
    }
    let reading = channel.start_reading();
    let mut condition = channel.condition.subscribe();
    let fault = condition.borrow_and_update().fault.clone();
    if let Some(fault) = fault {
        let host = host_of(request.headers());
        tokio::select! {
            faulty = faulty_answer(&fault, request.uri().path(), host, &socket) => {
                if let Some(faulty) = faulty { return faulty; }
            }
            () = changed(&mut condition) => return Err(Broken),
        }
    }
    let (sender, receiver) = mpsc::channel(8);
    state.tasks.spawn({
        let stop = state.stop.clone();
        async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = feed::feed(channel, sender, socket) => {}
            }
        }
    });
    pieces(&head, receiver, Some(reading))
}

async fn serve_hls(
    state: &State,
    channel: Arc<Channel>,
    asset: hls::Asset,
    request: &Request<Incoming>,
    socket: Socket,
) -> Answer {
    let reading = channel.start_reading();
    let mut condition = channel.condition.subscribe();
    let fault = condition.borrow_and_update().fault.clone();
    if let Some(fault) = &fault {
        tokio::select! {
            faulty = faulty_answer(fault, request.uri().path(), host_of(request.headers()), &socket) => {
                if let Some(faulty) = faulty { return faulty; }
            }
            () = changed(&mut condition) => return Err(Broken),
        }
    }
    let Some(content) = hls::content(&channel, asset) else { return answer(404, &[], "no such segment\n") };
    let Content { bytes, content_type, is_segment, over } = content;
    match fault.filter(|_| is_segment) {
        Some(Fault::Garbage) => answer(200, &[], feed::garbage(0)),
        Some(Fault::Close) => answer(200, &[(CONTENT_TYPE, content_type)], bytes.slice(..bytes.len() / 2)),
        Some(Fault::Truncate | Fault::Stall | Fault::HangAfterHead) => {
            let ends = channel.condition.borrow().fault == Some(Fault::Truncate);
            cut(state, &bytes, content_type, ends, condition)
        }
        _ if over.is_zero() => answer(200, &[(CONTENT_TYPE, content_type)], bytes),
        _ => slowly(state, bytes, content_type, over, reading),
    }
}

/// The whole body, piece by piece.
fn slowly(state: &State, bytes: Bytes, content_type: &str, over: Duration, reading: Reading) -> Answer {
    const PIECES: usize = 10;
    let (sender, receiver) = mpsc::channel(1);
    let stop = state.stop.clone();
    let length = bytes.len().to_string();
    state.tasks.spawn(stop.run_until_cancelled_owned(async move {
        for piece in bytes.chunks(bytes.len().div_ceil(PIECES)) {
            tokio::time::sleep(over / PIECES as u32).await;
            if sender.send(Ok(bytes.slice_ref(piece))).await.is_err() {
                return;
            }
        }
    }));
    pieces(&[(CONTENT_TYPE, content_type), (CONTENT_LENGTH, &length)], receiver, Some(reading))
}

async fn serve_text(state: &State, path: &str, headers: &HeaderMap, socket: Socket) -> Answer {
    let Some((text, mut fault)) = state.texts.find(path) else {
        if let Some(file) = state.file(path)
            && let Ok(bytes) = tokio::fs::read(file).await
        {
            return answer(200, &[(CONTENT_TYPE, "application/octet-stream")], bytes);
        }
        return answer(404, &[], "no such channel or text\n");
    };
    let field = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let if_none_match = field(IF_NONE_MATCH);
    let current = fault.borrow_and_update().clone();
    let answer = match &current {
        None => Some(plain_text(&text, if_none_match.as_deref(), field(RANGE).as_deref())),
        Some(current) => tokio::select! {
            faulty = faulty_answer(current, path, host_of(headers), &socket) => faulty,
            () = changed(&mut fault) => Some(Err(Broken)),
        },
    };
    let answer = match answer {
        Some(answer) => answer,
        None if matches!(current, Some(Fault::Hls(_))) => plain_text(&text, if_none_match.as_deref(), None),
        None => cut(state, &text.body, &text.content_type, current == Some(Fault::Truncate), fault),
    };
    let status = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
    state.texts.note(path, Hit { status, if_none_match, user_agent: field(USER_AGENT) });
    answer
}

fn plain_text(text: &Text, if_none_match: Option<&str>, range: Option<&str>) -> Answer {
    let headers = [(CONTENT_TYPE, text.content_type.as_str()), (ETAG, text.etag.as_str())];
    if if_none_match == Some(text.etag.as_str()) {
        return answer(304, &headers, "");
    }
    let length = text.body.len();
    let bounds = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    let bounds = bounds.and_then(|(first, last)| match (first.parse::<usize>(), last) {
        (Ok(first), "") => Some((first, length)),
        (Ok(first), last) => Some((first, length.min(last.parse::<usize>().ok()? + 1))),
        (Err(_), last) => Some((length.saturating_sub(last.parse().ok()?), length)),
    });
    let Some((first, end)) = bounds else { return answer(200, &headers, text.body.clone()) };
    if first >= end {
        return answer(416, &[(CONTENT_RANGE, &format!("bytes */{length}"))], "");
    }
    let range = format!("bytes {first}-{}/{length}", end - 1);
    let [kind, tag] = headers;
    answer(206, &[kind, tag, (CONTENT_RANGE, &range)], text.body.slice(first..end))
}

/// Half of a body with the length of the whole, then an end or, for the other faults, nothing until the fault changes.
fn cut<T: Send + Sync + 'static>(
    state: &State,
    body: &Bytes,
    content_type: &str,
    ends: bool,
    mut fault: watch::Receiver<T>,
) -> Answer {
    let (sender, receiver) = mpsc::channel(2);
    let half = body.slice(..body.len() / 2);
    let stop = state.stop.clone();
    state.tasks.spawn(async move {
        let left = sender.clone();
        let _ = sender.send(Ok(half)).await;
        if !ends {
            tokio::select! {
                () = changed(&mut fault) => {}
                () = left.closed() => {}
                () = stop.cancelled() => {}
            }
        }
        feed::break_off(&sender).await;
    });
    let length = body.len().to_string();
    pieces(&[(CONTENT_TYPE, content_type), (CONTENT_LENGTH, &length)], receiver, None)
}

fn control(state: &State, method: &Method, order: &str) -> Answer {
    if method == Method::GET {
        let lines = state.channels.values().map(|channel| {
            let connections = channel.connections();
            let fault = channel.condition.borrow().fault.as_ref().map_or("none".to_owned(), Fault::to_string);
            format!("{} current={} total={} fault={fault}\n", channel.spec.name, connections.current, connections.total)
        });
        return answer(200, &[], lines.collect::<String>());
    }
    let Some((name, fault)) = order.trim_start_matches('/').split_once('/') else {
        return answer(404, &[], "POST /_control/{name}/{fault}, or none as the fault\n");
    };
    let fault = match fault {
        "none" => None,
        fault => match fault.parse::<Fault>() {
            Ok(fault) => Some(fault),
            Err(error) => return answer(400, &[], format!("{error}\n")),
        },
    };
    let known = state.set_fault(name, fault.clone()) || state.set_fault(&format!("/{name}"), fault);
    if known { answer(200, &[], "done\n") } else { answer(404, &[], "no such channel or text\n") }
}

impl Channel {
    /// Counts a connection until the answer to this call is dropped.
    fn start_reading(self: &Arc<Self>) -> Reading {
        self.total.fetch_add(1, Ordering::Relaxed);
        self.current.fetch_add(1, Ordering::Relaxed);
        Reading(self.clone())
    }
}
