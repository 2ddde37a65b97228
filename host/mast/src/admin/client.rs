//! Requests to the admin API for the command line: over the control socket of a running server, or to a router of its own on the store,
//! where none runs. Both are the same API.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::request::Builder;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tower::ServiceExt;

use super::error::{ErrorView, Problem};
use super::page::Page;
use super::socket::{self, ControlSocket};
use super::{Admin, LineView};
use crate::accounts::password;

/// Hashing a password may have to wait for others.
const PATIENCE: Duration = Duration::from_secs(30);
/// Writing everything into a file takes as long as there is much.
const LONG_PATIENCE: Duration = Duration::from_secs(3_600);
/// Room for a few hundred thousand lines.
const ANSWER_LIMIT: usize = 256 << 20;

/// Why a running server did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server said no.
    #[error("{}", .0.message)]
    Refused(ErrorView),
    /// There is no answer, or none that makes sense.
    #[error("{file} did not answer properly: {cause}")]
    Broken {
        /// The socket.
        file: PathBuf,
        /// What went wrong.
        cause: String,
    },
}

/// Whoever answers.
pub struct Client {
    transport: Transport,
    patience: Duration,
}

enum Transport {
    /// A server, on the control socket of its data folder.
    Socket(PathBuf),
    /// This process, with the store open.
    Own(Router),
}

impl Client {
    /// The server of a data folder; none where nobody answers.
    pub async fn find(data_dir: &Path) -> Option<Self> {
        let found = socket::connect(data_dir).await.ok();
        found.map(|_| Self { transport: Transport::Socket(data_dir.to_owned()), patience: PATIENCE })
    }

    /// This process.
    pub fn own(admin: &Admin) -> Self {
        Self { transport: Transport::Own(admin.machine()), patience: PATIENCE }
    }

    /// Whether it is a running server.
    pub fn is_server(&self) -> bool {
        matches!(self.transport, Transport::Socket(_))
    }

    /// One that waits for what takes long.
    pub fn patient(self) -> Self {
        Self { patience: LONG_PATIENCE, ..self }
    }

    fn broken(&self, cause: String) -> ClientError {
        let file = match &self.transport {
            Transport::Socket(data_dir) => ControlSocket::path(data_dir),
            Transport::Own(_) => "this process".into(),
        };
        ClientError::Broken { file, cause }
    }

    /// Writes an answer to `sink` as it comes, however long it is.
    pub async fn download(&self, path: &str, sink: &mut dyn Write) -> Result<(), ClientError> {
        let request = Request::get(path).header("host", "localhost").body(Body::empty());
        let request = request.map_err(|error| self.broken(error.to_string()))?;
        let download = async {
            match &self.transport {
                Transport::Socket(data_dir) => {
                    let stream = socket::connect(data_dir).await.map_err(|error| error.to_string())?;
                    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
                    let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
                    // The connection ends when its sender is dropped.
                    let copying = async move {
                        let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
                        write_body(answer.map(Body::new), sink).await
                    };
                    let (copied, ended) = tokio::join!(copying, connection);
                    copied.and_then(|()| ended.map_err(|error| error.to_string()))
                }
                Transport::Own(router) => {
                    let answer = router.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
                    write_body(answer, sink).await
                }
            }
        };
        let done = tokio::time::timeout(self.patience, download).await;
        let done = done.map_err(|_| self.broken(format!("not done within {:?}", self.patience)))?;
        done.map_err(|cause| self.broken(cause))
    }

    /// Asks for something.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.request(Method::GET, path, None::<&()>, None).await
    }

    /// Everything in a list, a page at a time.
    pub async fn all<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, ClientError> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let page: Page<T> = self.get(&format!("{path}?limit=1000{cursor}")).await?;
            all.extend(page.items);
            match page.next {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(all),
            }
        }
    }

    /// Moves credits. The request has a key of its own: each command is another request.
    pub async fn pay<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        let key = password::random::<16>().map(|bytes| blake3::hash(&bytes).to_hex().to_string());
        let key = key.map_err(|error| self.broken(error.to_string()))?;
        self.request(Method::POST, path, Some(body), Some(&key)).await
    }

    /// Does something.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: Option<&impl Serialize>) -> Result<T, ClientError> {
        self.request(Method::POST, path, body, None).await
    }

    /// Changes something.
    pub async fn patch<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        self.request(Method::PATCH, path, Some(body), None).await
    }

    /// Says something anew.
    pub async fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        self.request(Method::PUT, path, Some(body), None).await
    }

    /// Sends a file.
    pub async fn upload<T: DeserializeOwned>(&self, path: &str, kind: &str, file: Vec<u8>) -> Result<T, ClientError> {
        self.send(Request::post(path).header("content-type", kind), file).await
    }

    /// Removes something.
    pub async fn delete(&self, path: &str) -> Result<(), ClientError> {
        self.request(Method::DELETE, path, None::<&()>, None).await
    }

    /// Every line, a page at a time.
    pub async fn lines(&self) -> Result<Vec<LineView>, ClientError> {
        self.all("/api/v1/lines").await
    }

    async fn request<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
        key: Option<&str>,
    ) -> Result<T, ClientError> {
        let body = match body {
            Some(body) => serde_json::to_vec(body).map_err(|error| self.broken(error.to_string()))?,
            None => Vec::new(),
        };
        let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        self.send(request, body).await
    }

    async fn send<T: DeserializeOwned>(&self, request: Builder, body: Vec<u8>) -> Result<T, ClientError> {
        let broken = |cause: String| self.broken(cause);
        let request = request.header("host", "localhost").body(Body::from(body));
        let request = request.map_err(|error| broken(error.to_string()))?;
        let answer = async {
            match &self.transport {
                Transport::Socket(data_dir) => {
                    let stream = socket::connect(data_dir).await.map_err(|error| error.to_string())?;
                    exchange(stream, request).await
                }
                Transport::Own(router) => {
                    let answer = router.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
                    let succeeded = answer.status().is_success();
                    let body = Limited::new(answer.into_body(), ANSWER_LIMIT).collect().await;
                    Ok((succeeded, body.map_err(|error| error.to_string())?.to_bytes().to_vec()))
                }
            }
        };
        let answer = tokio::time::timeout(self.patience, answer).await;
        let answer = answer.map_err(|_| broken(format!("no answer within {:?}", self.patience)))?;
        let (succeeded, bytes) = answer.map_err(broken)?;
        if succeeded {
            // Nothing to say is said with an empty body.
            let bytes = if bytes.is_empty() { b"null".as_slice() } else { &bytes };
            return serde_json::from_slice(bytes).map_err(|error| broken(error.to_string()));
        }
        match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) => Err(ClientError::Refused(problem.into())),
            Err(error) => Err(broken(error.to_string())),
        }
    }
}

async fn write_body(answer: Response<Body>, sink: &mut dyn Write) -> Result<(), String> {
    let status = answer.status();
    let mut body = answer.into_body();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| error.to_string())?;
        let Some(bytes) = frame.data_ref() else { continue };
        if !status.is_success() {
            return Err(format!("{status}: {}", String::from_utf8_lossy(bytes)));
        }
        sink.write_all(bytes).map_err(|error| error.to_string())?;
    }
    if status.is_success() { Ok(()) } else { Err(status.to_string()) }
}

/// One request on a connection of its own: whether it succeeded, and the body of the answer.
async fn exchange(stream: UnixStream, request: Request<Body>) -> Result<(bool, Vec<u8>), String> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let succeeded = answer.status().is_success();
        let body = Limited::new(answer.into_body(), ANSWER_LIMIT).collect().await.map_err(|error| error.to_string())?;
        Ok((succeeded, body.to_bytes().to_vec()))
    };
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        biased;
        answer = &mut exchange => answer,
        // The end of the connection may come with the last bytes of the answer.
        ended = connection => match ended {
            Ok(()) => exchange.await,
            Err(error) => Err(error.to_string()),
        },
    }
}
