//! Requests for plugins.

use std::time::Duration;

use bytes::Bytes;
use mast_model::{DestinationRules, InstanceId, Refused};
use mast_plugin::services::{BoxFuture, ByteStream, Http, HttpRequest, HttpResponse, ServiceError};

use super::gunzip::Gunzip;
use crate::outbound::{Outbound, OutboundError, OutboundRequest, OutboundResponse, Route};

/// A body that pauses this long is given up.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Requests through the outbound room.
pub(super) struct HttpService {
    outbound: Outbound,
    longest_pause: Duration,
}

impl HttpService {
    pub(super) fn new(outbound: Outbound) -> Self {
        Self { outbound, longest_pause: LONGEST_PAUSE }
    }
}

impl Http for HttpService {
    fn fetch<'a>(
        &'a self,
        instance: &'a InstanceId,
        rules: &'a DestinationRules,
        request: HttpRequest,
    ) -> BoxFuture<'a, Result<HttpResponse, ServiceError>> {
        let request = OutboundRequest {
            method: request.method,
            url: request.url,
            headers: request.headers,
            body: request.body,
            head_timeout: request.timeout,
            decompress: true,
            route: Route::default(),
        };
        Box::pin(async move {
            let mut response =
                self.outbound.send(rules, request).await.map_err(|error| service_error(instance, &error))?;
            Ok(HttpResponse {
                status: response.status,
                headers: std::mem::take(&mut response.headers),
                url: std::mem::take(&mut response.url),
                body: Box::new(Body {
                    instance: instance.clone(),
                    response,
                    gunzip: Some(Gunzip::default()),
                    longest_pause: self.longest_pause,
                }),
            })
        })
    }
}

struct Body {
    instance: InstanceId,
    response: OutboundResponse,
    /// None after the end.
    gunzip: Option<Gunzip>,
    longest_pause: Duration,
}

impl Body {
    async fn read(&mut self) -> Result<Option<Bytes>, ServiceError> {
        while let Some(gunzip) = &mut self.gunzip {
            // What one network chunk unpacks to is handed out piece by piece.
            if let Some(bytes) = gunzip.pull().map_err(malformed)? {
                return Ok(Some(bytes));
            }
            let chunk = tokio::time::timeout(self.longest_pause, self.response.chunk()).await.map_err(|_| {
                let message = format!("the answer paused for more than {:?}", self.longest_pause);
                ServiceError { code: "unavailable", message }
            })?;
            match chunk.map_err(|error| service_error(&self.instance, &error))? {
                Some(bytes) => gunzip.push(bytes),
                None => {
                    let last = gunzip.finish().map_err(malformed)?;
                    self.gunzip = None;
                    return Ok(last);
                }
            }
        }
        Ok(None)
    }
}

impl ByteStream for Body {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, ServiceError>> {
        Box::pin(self.read())
    }
}

fn malformed(error: std::io::Error) -> ServiceError {
    ServiceError { code: "malformed", message: format!("the answer is broken gzip: {error}") }
}

/// The code and the sentence for the operator; a refusal says what to write where.
fn service_error(instance: &InstanceId, error: &OutboundError) -> ServiceError {
    let code = match error {
        OutboundError::Refused(Refused::Scheme(_)) | OutboundError::InvalidUrl | OutboundError::InvalidRequest(_) => {
            "malformed"
        }
        OutboundError::Refused(_) => "not-granted",
        _ => "unavailable",
    };
    let file = format!("{instance}.toml");
    let message = match error {
        OutboundError::Refused(Refused::NotGranted(destination)) => {
            format!("{error}; add \"{destination}\" to http under [grant] in {file}")
        }
        OutboundError::Refused(Refused::PrivateAddress(address)) => format!(
            "{address} is a private or reserved address; if that is meant, add \"{address}\" to net_allow_private under \
             [grant] in {file}"
        ),
        _ => error.to_string(),
    };
    ServiceError { code, message }
}

/// No requests.
pub(super) struct NoHttp;

impl Http for NoHttp {
    fn fetch<'a>(
        &'a self,
        _instance: &'a InstanceId,
        _rules: &'a DestinationRules,
        _request: HttpRequest,
    ) -> BoxFuture<'a, Result<HttpResponse, ServiceError>> {
        let message = "no requests are made while a configuration is checked".to_owned();
        Box::pin(std::future::ready(Err(ServiceError { code: "unavailable", message })))
    }
}

#[cfg(test)]
#[path = "http/tests.rs"]
mod tests;
