//! `Idempotency-Key`: a request that changes something is done once, however often it is sent within a day. The room that does it writes a
//! mark in the transaction of the change (`mast_store::Once`); here the answer is added, and repeated. An answer that holds a secret is
//! not kept.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use mast_store::{Answer, Done, Once, StateStore};

use super::{AdminError, Context, IMPORT_LIMIT};
use crate::operators::Identity;

const FIELD: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer is repeated.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// Longer answers are not kept.
const ANSWER_LIMIT: usize = 256 * 1024;

/// Put into a response that holds a secret.
#[derive(Debug, Clone, Copy)]
pub(super) struct Confidential;

/// Requests that are being done.
#[derive(Default)]
pub(super) struct InFlight(Mutex<HashSet<(String, String)>>);

/// One of them; it is not any more when this is dropped.
struct Doing<'a> {
    all: &'a InFlight,
    which: (String, String),
}

impl InFlight {
    fn enter(&self, once: &Once) -> Option<Doing<'_>> {
        let which = (once.principal.clone(), once.key.clone());
        let entered = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(which.clone());
        entered.then_some(Doing { all: self, which })
    }
}

impl Drop for Doing<'_> {
    fn drop(&mut self) {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.which);
    }
}

/// Runs between access and the handlers.
pub(super) async fn layer(State(context): State<Arc<Context>>, request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let (Some(field), Some(identity), false) =
        (request.headers().get(&FIELD).cloned(), request.extensions().get::<Identity>().cloned(), safe)
    else {
        return next.run(request).await;
    };
    match run(&context, &field, &identity, request, next).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn run(
    context: &Context,
    field: &HeaderValue,
    identity: &Identity,
    request: Request,
    next: Next,
) -> Result<Response, AdminError> {
    let key = field.to_str().ok().filter(|key| (1..=255).contains(&key.len()));
    let key = key.ok_or_else(|| AdminError::Invalid("Idempotency-Key has 1 to 255 visible characters".to_owned()))?;
    let (mut parts, body) = request.into_parts();
    let body = to_bytes(body, IMPORT_LIMIT).await.map_err(|_| AdminError::TooLarge)?;
    let mut fingerprint = blake3::Hasher::new();
    for part in [parts.method.as_str().as_bytes(), parts.uri.to_string().as_bytes(), &body] {
        fingerprint.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    let once = Once {
        principal: identity.principal(),
        key: key.to_owned(),
        fingerprint: fingerprint.finalize().to_hex().to_string(),
    };
    let _doing = context.in_flight.enter(&once).ok_or(AdminError::InProgress)?;
    let store = Arc::clone(&context.deps.store);
    if let Some(done) = blocking(&store, &once, |store, once| once.find(store)).await? {
        return repeat(&once, done);
    }
    parts.extensions.insert(once.clone());
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    if !response.status().is_success() || response.extensions().get::<Confidential>().is_some() {
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else { return Err(AdminError::AnswerNotKept) };
    if let (true, Ok(text)) = (body.len() <= ANSWER_LIMIT, std::str::from_utf8(&body)) {
        let answer = Answer { status: parts.status.as_u16(), headers: kept(&parts.headers), body: text.to_owned() };
        let keep = blocking(&store, &once, move |store, once| once.answered(store, &answer)).await;
        if let Err(error) = keep {
            // It was done, and it is answered; only a repetition will not be.
            tracing::warn!(%error, "an answer was not kept");
        }
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

async fn blocking<T: Send + 'static>(
    store: &Arc<dyn StateStore>,
    once: &Once,
    work: impl FnOnce(&dyn StateStore, &Once) -> Result<T, mast_store::StoreError> + Send + 'static,
) -> Result<T, AdminError> {
    let (store, once) = (Arc::clone(store), once.clone());
    match tokio::task::spawn_blocking(move || work(&*store, &once)).await {
        Ok(done) => Ok(done?),
        Err(error) => Err(crate::accounts::AccountsError::Interrupted(error.to_string()).into()),
    }
}

fn repeat(once: &Once, done: Done) -> Result<Response, AdminError> {
    if done.fingerprint != once.fingerprint {
        return Err(AdminError::KeyReused);
    }
    let answer = done.answer.ok_or(AdminError::AnswerNotKept)?;
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

fn kept(headers: &HeaderMap) -> Vec<(String, String)> {
    let wanted = [header::CONTENT_TYPE, header::ETAG, header::LOCATION];
    let found = wanted.iter().filter_map(|name| Some((name.to_string(), headers.get(name)?.to_str().ok()?.to_owned())));
    found.collect()
}
