//! The requests of ACME, through `outbound`.

use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use mast_model::{Destination, DestinationRules};

use super::super::super::config::AcmeConfig;
use crate::outbound::{Outbound, OutboundRequest, OutboundResponse, Route};

/// Heads and bodies, each.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The longest answer of an authority that is read.
const LONGEST: usize = 1024 * 1024;

/// Asks one authority.
#[derive(Clone)]
pub(super) struct Transport {
    outbound: Outbound,
    rules: DestinationRules,
    ca: Option<PathBuf>,
}

impl Transport {
    pub(super) fn new(outbound: Outbound, settings: &AcmeConfig) -> Self {
        // The operator named this one host, so it may be anywhere.
        let anywhere = [IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default())];
        let rules = DestinationRules {
            allow: Destination::of(&settings.directory).into_iter().collect(),
            allow_private: anywhere.to_vec(),
            any_http: false,
        };
        Self { outbound, rules, ca: settings.ca.clone() }
    }

    async fn send(self, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, Error> {
        let (parts, body) = request.into_parts();
        let body = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(impossible) => match impossible {},
        };
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let request = OutboundRequest {
            method: parts.method.as_str().to_owned(),
            url: parts.uri.to_string(),
            headers: parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect(),
            body: (!body.is_empty()).then(|| body.to_vec()),
            head_timeout: TIMEOUT,
            decompress: false,
            route: Route { ca: self.ca, ..Route::default() },
        };
        let mut answer = self.outbound.send(&self.rules, request).await.map_err(other)?;
        let body = tokio::time::timeout(TIMEOUT, read(&mut answer)).await.map_err(other)??;
        let mut response = http::Response::builder().status(answer.status);
        for (name, value) in &answer.headers {
            response = response.header(name, value);
        }
        let (parts, ()) = response.body(()).map_err(other)?.into_parts();
        Ok(BytesResponse { parts, body: Box::new(Bytes::from(body)) })
    }
}

async fn read(answer: &mut OutboundResponse) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    while let Some(bytes) = answer.chunk().await.map_err(other)? {
        if body.len() + bytes.len() > LONGEST {
            return Err(Error::Str("the authority's answer is too long"));
        }
        body.extend_from_slice(&bytes);
    }
    Ok(body)
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Other(Box::new(error))
}

impl HttpClient for Transport {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        Box::pin(self.clone().send(request))
    }
}
