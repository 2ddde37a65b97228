//! Routes of output plugins: find the line as the route says, ask the policies, let the plugin write its answer into memory, keep it
//! as long as nothing changes that it depends on.
//!
//! Answers are buffered, not passed on piece by piece: a plugin's deadline must not depend on how fast a viewer takes the
//! bytes, and a plugin that fails halfway yields an error instead of half a playlist. The runtime bounds the size
//! (`[limits] response` of the instance), the semaphore how many are made at once. Fragments, which viewers have in common, are buffered
//! packed and once for all of them, and bounded by `[limits] output_cache`.

mod answer;
mod body;
mod cache;
mod conditional;
mod fragments;
mod packed;
mod request;
mod sink;

pub(super) use cache::OutputCache;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State as AxumState};
use axum::http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use jiff::Timestamp;
use mast_model::{ChannelId, Line};
use mast_plugin::services;

use super::error::DeliveryError;
use super::viewer::Viewer;
use super::{Shared, State, live, respond};
use crate::accounts::Refusal;
use crate::extensions::{LineView, PlaybackUrls, RouteMatch};
use answer::{Answer, Form};
use cache::Key;
use request::Fields;

/// Anything that is no route of the host's own.
pub(super) async fn route(AxumState(shared): State, request: Request) -> Result<Response<Body>, DeliveryError> {
    let (parts, body) = request.into_parts();
    let method = if parts.method == Method::HEAD { Method::GET } else { parts.method.clone() };
    let query = parts.uri.query().unwrap_or_default();
    let Some(found) = shared.deps.extensions.route(method.as_str(), parts.uri.path(), query) else {
        return live::by_short_path(&shared, &parts).await;
    };
    let viewer = Viewer::of(&parts, &shared.http, shared.listening);
    let fields = Fields::read(&parts, body, shared.body_timeout).await?;
    let line = match find_line(&shared, &found, &fields, &viewer).await {
        Ok(line) => line,
        Err(_) if found.route.refused == "plugin" => None,
        Err(error) => return Err(error),
    };
    // As if the output were not there.
    if line.as_ref().is_some_and(|(line, _)| is_barred(line, found.instance.as_str())) {
        return Err(DeliveryError::NotFound);
    }
    // Who is refused gets an answer of the moment.
    let refused = line.is_none() && found.route.line != "public";
    let key = Key::of(&shared, &found, &parts, &fields, &viewer, line.as_ref()).filter(|_| !refused);
    if let Some(key) = &key {
        let (tag, since) = (key.tag(), shared.outputs.first_made(key));
        if let Some(form) = conditional::known(&parts.headers, &tag, since) {
            return Ok(conditional::not_modified(&tag, form, since));
        }
    }
    let answer = match key.as_ref().and_then(|key| shared.outputs.find(key)) {
        Some(answer) => answer,
        None => make(&shared, found, request::record(&parts, fields, &viewer), line, key.as_ref()).await?,
    };
    let form = answer.form(respond::accepts_gzip(&parts.headers));
    let version = key.map(|key| (key.tag(), shared.outputs.first_made(&key)));
    Ok(response(answer, form, version))
}

/// The line that a route's code finds; none for public routes.
async fn find_line(
    shared: &Shared,
    found: &RouteMatch,
    fields: &Fields,
    viewer: &Viewer,
) -> Result<Option<(Arc<Line>, PlaybackUrls)>, DeliveryError> {
    let param = |name: &str| request::find(&found.params, name);
    let (username, password, token) = match found.route.line.as_str() {
        "query-credentials" => (fields.find("username"), fields.find("password"), None),
        "path-credentials" => (param("username"), param("password"), None),
        "query-token" => (None, None, fields.find("token")),
        "path-token" => (None, None, param("token")),
        // Only `public` is left: routes with an unknown code are refused when they are claimed.
        _ => return Ok(None),
    };
    let (line, urls) = match (username, password, token) {
        (Some(username), Some(password), _) => {
            let line = shared.deps.accounts.by_credentials(username, password, viewer.address).await?;
            (line, PlaybackUrls::with_credentials(&viewer.base_url, username, password))
        }
        (_, _, Some(token)) => {
            let line = shared.deps.accounts.by_token(token, viewer.address)?;
            let urls = PlaybackUrls::with_token(&viewer.base_url, &line.token);
            (line, urls)
        }
        _ => return Err(Refusal::BadCredentials.into()),
    };
    live::authorize(shared, &line, ChannelId(0), "playlist", viewer)?;
    Ok(Some((line, urls)))
}

/// Whether a line that a plugin has found by credentials may be had by it: what [`find_line`] and [`route`] ask of the lines that routes name.
pub(super) fn may_have(shared: &Shared, line: &Line, caller: &services::Caller) -> Result<(), &'static str> {
    if is_barred(line, caller.instance.as_str()) {
        return Err("denied");
    }
    let address = caller.client_ip.parse().map_err(|_| "denied")?;
    match live::asked(shared, line, (ChannelId(0), "playlist"), (address, &caller.user_agent)) {
        Ok(_) => Ok(()),
        Err(DeliveryError::Banned(_)) => Err("banned"),
        Err(_) => Err("denied"),
    }
}

/// Whether the line may not use an output.
fn is_barred(line: &Line, instance: &str) -> bool {
    !line.outputs().is_empty() && !line.outputs().iter().any(|one| one == instance)
}

/// Calls the plugin on a thread that may block.
async fn make(
    shared: &Arc<Shared>,
    found: RouteMatch,
    mut request: mast_plugin::records::Request,
    line: Option<(Arc<Line>, PlaybackUrls)>,
    key: Option<&Key>,
) -> Result<Answer, DeliveryError> {
    request.route.clone_from(&found.route.id);
    request.params.clone_from(&found.params);
    let view = line.map(|(line, urls)| {
        let lineup = shared.deps.catalog.lineup(&line);
        let in_use = shared.leases.in_use(line.id);
        let view = LineView::new(line, lineup, shared.deps.guide.clone(), urls, in_use);
        Arc::new(view.with_devices(shared.deps.desk.clone())) as Arc<dyn services::Line>
    });
    let slot = shared.outputs.slot().await.ok_or(DeliveryError::Busy)?;
    let guide = shared.deps.guide.clone();
    let (writer, reader) = sink::pair(sink::Scope {
        fragments: shared.outputs.fragments.clone(),
        instance: found.instance.clone(),
        generation: found.generation,
        version: Box::new(move |channel| match channel {
            Some(channel) => guide.channel_version(ChannelId(channel)),
            None => guide.version(),
        }),
    });
    // Putting a long answer together is no work for a serving thread, either.
    let called = tokio::task::spawn_blocking(move || {
        let _slot = slot;
        found.output.handle(request, view, Box::new(writer)).map(|()| reader.finish())
    });
    let answer = match called.await {
        Ok(Ok(Some(answer))) => answer,
        Ok(Ok(None)) => {
            tracing::warn!(instance = %found.instance, route = found.route.id, "an output answered without starting a response");
            return Err(DeliveryError::Output);
        }
        Ok(Err(error)) => {
            tracing::warn!(%error, "an output did not answer");
            return Err(DeliveryError::Output);
        }
        Err(error) => {
            tracing::error!(%error, "a call of an output panicked in the host");
            return Err(DeliveryError::Output);
        }
    };
    if let Some(key) = key.filter(|_| answer.status == StatusCode::OK) {
        shared.outputs.keep(key, &answer);
    }
    Ok(answer)
}

/// `version`: tag and age, where it has them.
fn response(answer: Answer, form: Form, version: Option<(String, Option<Timestamp>)>) -> Response<Body> {
    let status = answer.status;
    let (headers, body) = answer.into_body(form);
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    let headers = response.headers_mut();
    if form != Form::Only {
        conditional::vary(headers);
    }
    if form == Form::Gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    match version.filter(|_| status == StatusCode::OK) {
        Some((tag, since)) => conditional::tell(headers, &tag, form, since),
        None => {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
    }
    response
}

/// Header fields that the host sets itself (`mast:output/response`).
fn is_hosts(name: &HeaderName) -> bool {
    const HOSTS: [HeaderName; 10] = [
        header::CONTENT_LENGTH,
        header::DATE,
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::CACHE_CONTROL,
        header::ETAG,
        header::LAST_MODIFIED,
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
    ];
    HOSTS.contains(name)
}
