//! `mast:base/http-client`: requests that the host makes for sources and guides. Outputs and policies cannot make any: a viewer
//! would wait for them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::Resource;

use crate::bindings::base::mast::base::http_client;
use crate::bindings::base::mast::base::types::PluginError;
use crate::bindings::hot::mast::base::http_client as hot;
use crate::imports::{ByteSource, plugin_error};
use crate::records::Pairs;
use crate::services::{ByteStream, HttpRequest, Validator};
use crate::state::{CallScope, State};

/// Responses and bodies that one call may hold open.
const CONNECTIONS_MAX: usize = 16;
const BODY_MAX: usize = 1 << 20;
const HEADERS_MAX: usize = 64;
const URL_MAX: usize = 16 << 10;
/// Resources whose validators one refresh may leave behind.
const VALIDATORS_MAX: usize = 1_024;

/// Fields that the host sets itself.
const OWN_HEADERS: [&str; 7] =
    ["host", "connection", "content-length", "accept-encoding", "transfer-encoding", "te", "upgrade"];
const CONDITIONAL_HEADERS: [&str; 2] = ["if-none-match", "if-modified-since"];

/// A response head, and its body until it is taken.
pub struct Response {
    status: u16,
    headers: Pairs,
    url: String,
    body: Option<Box<dyn ByteStream>>,
    connection: Arc<()>,
}

impl CallScope {
    /// Keeps what was seen of a resource, for the next refresh.
    pub(super) fn note(&mut self, validator: Validator) {
        if self.seen.len() < VALIDATORS_MAX || self.seen.contains_key(&validator.resource) {
            self.seen.insert(validator.resource.clone(), validator);
        }
    }

    fn known(&self, resource: &str) -> Option<&Validator> {
        self.validators.iter().find(|known| known.resource == resource)
    }

    /// Until the response head is there: what the plugin asked for, within what is left of the call.
    fn timeout(&self, attrs: &[(String, String)]) -> Duration {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let asked = attrs.iter().find(|(key, _)| key == "timeout-ms").and_then(|(_, value)| value.parse().ok());
        asked.map_or(left, |asked| left.min(Duration::from_millis(asked)))
    }
}

impl State {
    fn checked(&self, request: http_client::Request, resource: &str) -> Result<HttpRequest, PluginError> {
        let limit = |what: &str| plugin_error("limit", format!("the request's {what}"));
        if request.url.len() > URL_MAX {
            return Err(limit("URL is longer than 16 KiB"));
        }
        if request.headers.len() > HEADERS_MAX {
            return Err(limit("header has more than 64 fields"));
        }
        if request.body.as_ref().is_some_and(|body| body.len() > BODY_MAX) {
            return Err(limit("body is larger than 1 MiB"));
        }
        let conditional = request.only_if_changed;
        let mut headers = request.headers;
        headers.retain(|(name, _)| {
            let listed = |list: &[&str]| list.iter().any(|own| name.eq_ignore_ascii_case(own));
            !(listed(&OWN_HEADERS) || conditional && listed(&CONDITIONAL_HEADERS))
        });
        if let Some(known) = self.call.known(resource).filter(|_| conditional) {
            headers.extend(known.etag.iter().map(|etag| ("if-none-match".to_owned(), etag.clone())));
            headers.extend(known.last_modified.iter().map(|at| ("if-modified-since".to_owned(), at.clone())));
        }
        let timeout = self.call.timeout(&request.attrs);
        Ok(HttpRequest {
            method: request.method.to_ascii_uppercase(),
            url: request.url,
            headers,
            body: request.body,
            timeout,
        })
    }

    async fn fetched(&mut self, request: http_client::Request) -> Result<Response, PluginError> {
        let resource = blake3::hash(request.url.as_bytes()).to_hex().to_string();
        let request = self.checked(request, &resource)?;
        let connection = Arc::clone(&self.call.connections);
        // Besides this one there is the scope's own.
        if Arc::strong_count(&connection) - 1 > CONNECTIONS_MAX {
            let message = format!("{CONNECTIONS_MAX} responses are open already; drop those that were read");
            return Err(plugin_error("limit", message));
        }
        let (timeout, is_get) = (request.timeout, request.method == "GET");
        let instance = &self.instance;
        let fetch = instance.services.http.fetch(&instance.id, &instance.grants.http, request);
        let late = || plugin_error("unavailable", format!("no answer within {timeout:?}"));
        let response = tokio::time::timeout(timeout, fetch).await.map_err(|_| late())??;
        match response.status {
            304 => {
                if let Some(known) = self.call.known(&resource).cloned() {
                    self.call.note(known);
                }
            }
            200 if is_get => {
                if let Some(validator) = validator(resource, &response.headers) {
                    self.call.note(validator);
                }
            }
            _ => {}
        }
        Ok(Response {
            status: response.status,
            headers: response.headers,
            url: response.url,
            body: Some(response.body),
            connection,
        })
    }

    fn taken_body(
        &mut self,
        response: &Resource<Response>,
    ) -> wasmtime::Result<Result<Resource<ByteSource>, PluginError>> {
        let response = self.table.get_mut(response)?;
        let source = match response.body.take() {
            None => return Ok(Err(plugin_error("limit", "the body was taken already"))),
            Some(_) if response.status == 304 => ByteSource::empty(),
            Some(body) => ByteSource::connection(body, self.instance.limits.input, Arc::clone(&response.connection)),
        };
        Ok(Ok(self.table.push(source)?))
    }
}

fn validator(resource: String, headers: &[(String, String)]) -> Option<Validator> {
    let field = |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    let (etag, last_modified) = (field("etag"), field("last-modified"));
    (etag.is_some() || last_modified.is_some()).then_some(Validator { resource, etag, last_modified })
}

impl http_client::Host for State {
    async fn fetch(
        &mut self,
        request: http_client::Request,
    ) -> wasmtime::Result<Result<Resource<Response>, PluginError>> {
        match self.fetched(request).await {
            Ok(response) => Ok(Ok(self.table.push(response)?)),
            Err(error) => Ok(Err(error)),
        }
    }
}

impl hot::Host for State {
    fn fetch(&mut self, _: hot::Request) -> wasmtime::Result<Result<Resource<Response>, PluginError>> {
        Ok(Err(plugin_error(
            "not-granted",
            "outputs and policies cannot make HTTP requests, because a viewer would wait for them; move the request to a source",
        )))
    }
}

macro_rules! response_methods {
    ($($module:ident),*) => {$(
        impl $module::HostResponse for State {
            fn status(&mut self, response: Resource<Response>) -> wasmtime::Result<u16> {
                Ok(self.table.get(&response)?.status)
            }

            fn headers(&mut self, response: Resource<Response>) -> wasmtime::Result<Pairs> {
                Ok(self.table.get(&response)?.headers.clone())
            }

            fn url(&mut self, response: Resource<Response>) -> wasmtime::Result<String> {
                Ok(self.table.get(&response)?.url.clone())
            }

            fn body(
                &mut self,
                response: Resource<Response>,
            ) -> wasmtime::Result<Result<Resource<ByteSource>, PluginError>> {
                self.taken_body(&response)
            }

            fn drop(&mut self, response: Resource<Response>) -> wasmtime::Result<()> {
                self.table.delete(response)?;
                Ok(())
            }
        }
    )*};
}

response_methods!(http_client, hot);
