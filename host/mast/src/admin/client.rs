//! Requests to the control socket of a running server, for the command line.

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::body::Body;
use http::{Method, Request};
use http_body_util::{BodyExt, Limited};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::error::{ErrorBody, ErrorView};
use super::socket::{self, ControlSocket};

/// Hashing a password may have to wait for others.
const PATIENCE: Duration = Duration::from_secs(30);
/// Room for a few hundred thousand lines.
const ANSWER_LIMIT: usize = 256 << 20;

/// Why a running server did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server said no.
    #[error("{}", .0.message)]
    Refused(ErrorView),
    /// There is no answer, or none that makes sense.
    #[error("the server on {file} did not answer properly: {cause}")]
    Broken {
        /// The socket.
        file: PathBuf,
        /// What went wrong.
        cause: String,
    },
}

/// A server that answers on its control socket.
pub struct Client {
    data_dir: PathBuf,
}

impl Client {
    /// The server of a data folder; none where nobody answers.
    pub async fn find(data_dir: &Path) -> Option<Self> {
        socket::connect(data_dir).await.ok().map(|_| Self { data_dir: data_dir.to_owned() })
    }

    /// Asks for something.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.request(Method::GET, path, None::<&()>).await
    }

    /// Does something.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: Option<&impl Serialize>) -> Result<T, ClientError> {
        self.request(Method::POST, path, body).await
    }

    async fn request<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, ClientError> {
        let broken = |cause: String| ClientError::Broken { file: ControlSocket::path(&self.data_dir), cause };
        let body = match body {
            Some(body) => serde_json::to_vec(body).map_err(|error| broken(error.to_string()))?,
            None => Vec::new(),
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(Body::from(body))
            .map_err(|error| broken(error.to_string()))?;
        let stream = socket::connect(&self.data_dir).await.map_err(|error| broken(error.to_string()))?;
        let answer = tokio::time::timeout(PATIENCE, exchange(stream, request)).await;
        let answer = answer.map_err(|_| broken(format!("no answer within {PATIENCE:?}")))?;
        let (succeeded, bytes) = answer.map_err(broken)?;
        if succeeded {
            return serde_json::from_slice(&bytes).map_err(|error| broken(error.to_string()));
        }
        match serde_json::from_slice::<ErrorBody>(&bytes) {
            Ok(body) => Err(ClientError::Refused(body.error)),
            Err(error) => Err(broken(error.to_string())),
        }
    }
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
