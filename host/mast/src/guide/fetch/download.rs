//! Downloads. The body is taken as it is: whether it is packed is found out from its bytes, so that a file that is gzip and a file that was
//! compressed on its way are not confused.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mast_model::{ByteSize, DestinationRules, InstanceId, Refused, Secret, UpstreamUrl};
use mast_store::Validator;
use tokio::fs::File;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};
use url::Url;

use super::{FetchError, Fetched, Input, Piece, nameless};
use crate::guide::open::Progress;
use crate::outbound::{Outbound, OutboundError, OutboundRequest, OutboundResponse, Route};

const HEAD: Duration = Duration::from_secs(60);
/// A body that pauses this long is as good as broken.
const PAUSE: Duration = Duration::from_secs(60);
/// All of one download, with every attempt to go on.
const WHOLE: Duration = Duration::from_secs(2 * 3_600);
/// Times that a download goes on after it broke.
const RESUMES: u32 = 8;

/// Downloads guides.
#[derive(Clone)]
pub(in crate::guide) struct Downloads {
    pub(in crate::guide) outbound: Outbound,
    /// Where they are spooled.
    pub(in crate::guide) folder: PathBuf,
    /// Most bytes of one.
    pub(in crate::guide) cap: ByteSize,
    /// Between two attempts; doubles.
    pub(in crate::guide) backoff: Duration,
}

/// What to download, and how.
pub(in crate::guide) struct DownloadRequest {
    pub(in crate::guide) instance: InstanceId,
    pub(in crate::guide) url: UpstreamUrl,
    pub(in crate::guide) rules: DestinationRules,
    pub(in crate::guide) route: Route,
    pub(in crate::guide) headers: Vec<(String, Secret)>,
}

/// One download.
struct Download<'a> {
    downloads: &'a Downloads,
    request: &'a DownloadRequest,
    url: &'a UpstreamUrl,
    progress: &'a Progress,
    file: File,
    length: u64,
    /// Of the version that is being downloaded.
    version: Version,
}

/// What a response head says of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Version {
    etag: Option<String>,
    last_modified: Option<String>,
    charset: Option<String>,
}

/// How a response ended.
enum Ended {
    Whole,
    /// It may go on.
    Broken(FetchError),
}

impl Downloads {
    /// Downloads a guide, unless it is still what `validators` say.
    pub(in crate::guide) async fn fetch(
        &self,
        request: &DownloadRequest,
        validators: &[Validator],
        progress: &Progress,
    ) -> Result<Fetched, FetchError> {
        let url = &request.url;
        let folder = self.folder.clone();
        let file = tokio::task::spawn_blocking(move || nameless(&folder)).await.map_err(std::io::Error::other);
        let file = File::from_std(file.and_then(|made| made).map_err(FetchError::written)?);
        let mut download =
            Download { downloads: self, request, url, progress, file, length: 0, version: Version::default() };
        match timeout(WHOLE, download.run(validators)).await {
            Ok(Ok(true)) => download.finish().await,
            Ok(Ok(false)) => Ok(Fetched::Unchanged),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(FetchError::Slow { host: host(url), minutes: WHOLE.as_secs() / 60 }),
        }
    }
}

impl Download<'_> {
    /// Until the file is whole; false where it did not change.
    async fn run(&mut self, validators: &[Validator]) -> Result<bool, FetchError> {
        let known = validators.iter().find(|known| known.resource == resource(self.url));
        let mut resumes = 0;
        loop {
            let outcome = match self.send(known).await {
                Ok(None) => return Ok(false),
                Ok(Some(response)) => self.take(response).await?,
                Err(FetchError::Outbound(error)) if self.length > 0 => Ended::Broken(error.into()),
                Err(error) => return Err(error),
            };
            let Ended::Broken(error) = outcome else { return Ok(true) };
            if resumes == RESUMES || self.length == 0 {
                return Err(error);
            }
            tracing::debug!(%error, bytes = self.length, "a guide's download broke off and goes on");
            sleep(self.downloads.backoff * (1 << resumes)).await;
            resumes += 1;
        }
    }

    /// The response with the file or its rest; none where it did not change.
    async fn send(&mut self, known: Option<&Validator>) -> Result<Option<OutboundResponse>, FetchError> {
        let mut headers: Vec<(String, String)> =
            self.request.headers.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect();
        let mut add = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
        match (self.version.to_resume(), known) {
            (Some(version), _) if self.length > 0 => {
                add("range", &format!("bytes={}-", self.length));
                add("if-range", version);
            }
            (None, Some(known)) if self.length == 0 => {
                known.etag.iter().for_each(|tag| add("if-none-match", tag));
                known.last_modified.iter().for_each(|at| add("if-modified-since", at));
            }
            _ => {}
        }
        let request = OutboundRequest {
            method: "GET".to_owned(),
            url: self.url.expose().to_owned(),
            headers,
            body: None,
            head_timeout: HEAD,
            decompress: false,
            route: self.request.route.clone(),
        };
        let sent = self.downloads.outbound.send(&self.request.rules, request).await;
        let response = sent.map_err(|error| refused(error, &self.request.instance))?;
        match response.status {
            304 if self.length == 0 && known.is_some() => return Ok(None),
            206 if self.length > 0 && starts_at(&response) == Some(self.length) => {}
            206 => return Err(FetchError::WrongPart { host: host(self.url) }),
            // Another version, or a server that knows no parts: from the beginning.
            200 => self.start_over(&response).await?,
            // There is nothing behind what is there: the next request is for the whole file.
            416 if self.length > 0 => {
                self.restart().await?;
                return Err(FetchError::WrongPart { host: host(self.url) });
            }
            status => {
                let retry_after = field(&response, "retry-after").and_then(|text| text.trim().parse().ok());
                return Err(FetchError::Status { host: host(self.url), status, retry_after });
            }
        }
        let rest = field(&response, "content-length").and_then(|text| text.parse::<u64>().ok());
        self.progress.total.store(rest.map_or(0, |rest| self.length + rest), Ordering::Relaxed);
        Ok(Some(response))
    }

    async fn start_over(&mut self, response: &OutboundResponse) -> Result<(), FetchError> {
        self.restart().await?;
        let text = |name| field(response, name).map(str::to_owned);
        let charset = text("content-type").and_then(|kind| {
            let (_, charset) = kind.split_once("charset=")?;
            Some(charset.split(';').next()?.trim().trim_matches('"').to_owned())
        });
        self.version = Version { etag: text("etag"), last_modified: text("last-modified"), charset };
        Ok(())
    }

    async fn restart(&mut self) -> Result<(), FetchError> {
        self.length = 0;
        self.progress.read.store(0, Ordering::Relaxed);
        self.file.rewind().await.map_err(FetchError::written)?;
        self.file.set_len(0).await.map_err(FetchError::written)
    }

    /// Appends a body to the file.
    async fn take(&mut self, mut response: OutboundResponse) -> Result<Ended, FetchError> {
        let ended = loop {
            match timeout(PAUSE, response.chunk()).await {
                Ok(Ok(Some(bytes))) => {
                    self.length += bytes.len() as u64;
                    if self.length > self.downloads.cap.0 {
                        return Err(FetchError::TooLarge(self.downloads.cap));
                    }
                    self.file.write_all(&bytes).await.map_err(FetchError::written)?;
                    self.progress.read.store(self.length, Ordering::Relaxed);
                }
                Ok(Ok(None)) => break Ended::Whole,
                Ok(Err(error)) => break Ended::Broken(error.into()),
                Err(_) => break Ended::Broken(FetchError::Paused { host: host(self.url), seconds: PAUSE.as_secs() }),
            }
        };
        self.file.flush().await.map_err(FetchError::written)?;
        if self.version.to_resume().is_none() && matches!(ended, Ended::Broken(_)) {
            // Nothing tells whether the rest would belong to it.
            self.restart().await?;
        }
        Ok(ended)
    }

    async fn finish(mut self) -> Result<Fetched, FetchError> {
        self.file.rewind().await.map_err(FetchError::written)?;
        let Version { etag, last_modified, charset } = self.version;
        let validator = Validator { resource: resource(self.url), etag, last_modified };
        let has_version = validator.etag.is_some() || validator.last_modified.is_some();
        let piece =
            Piece { name: host(self.url), file: self.file.into_std().await, length: self.length, charset, stamp: None };
        Ok(Fetched::New(Input {
            pieces: vec![piece],
            validators: has_version.then_some(validator).into_iter().collect(),
        }))
    }
}

impl Version {
    /// What `if-range` may say: a strong tag, or else the date.
    fn to_resume(&self) -> Option<&str> {
        let strong = self.etag.as_deref().filter(|tag| !tag.starts_with("W/"));
        strong.or(self.last_modified.as_deref())
    }
}

fn field<'a>(response: &'a OutboundResponse, name: &str) -> Option<&'a str> {
    response.headers.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
}

/// The first byte of a part.
fn starts_at(response: &OutboundResponse) -> Option<u64> {
    let range = field(response, "content-range")?.trim().strip_prefix("bytes")?.trim_start();
    range.split('-').next()?.parse().ok()
}

/// The URL may hold credentials; its hash does not.
fn resource(url: &UpstreamUrl) -> String {
    blake3::hash(url.expose().as_bytes()).to_hex().to_string()
}

fn host(url: &UpstreamUrl) -> String {
    Url::parse(url.expose()).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

fn refused(error: OutboundError, instance: &InstanceId) -> FetchError {
    let OutboundError::Refused(refused) = error else { return error.into() };
    let advice = match &refused {
        Refused::NotGranted(destination) => format!("add \"{destination}\" to http under [grant] in {instance}.toml"),
        Refused::PrivateAddress(address) => {
            format!("if that is meant, add \"{address}\" to net_allow_private under [grant] in {instance}.toml")
        }
        Refused::Scheme(_) => "guides come over http and https".to_owned(),
    };
    FetchError::Refused { refused, advice }
}
