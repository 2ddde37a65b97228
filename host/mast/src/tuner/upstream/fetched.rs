//! What is fetched over HTTP, with FFmpeg where it is needed: for a profile, or because the upstream turns out to be HLS in something
//! else than MPEG-TS. Then the host still makes every request, and FFmpeg reads from a pipe. Only HLS whose sound is in a playlist of its
//! own is fetched by FFmpeg, which alone can put the two together: the host has looked at both playlists before, and resolved and checked where
//! they lie; where a proxy or a local address is wanted it stays refused.

use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use mast_ffmpeg::{HttpRequest, Input, Output};

use super::{Accepts, Container, Fetcher, Piece, UpstreamBytes, http};
use crate::tuner::fault::{Failure, UpstreamFault};
use crate::tuner::transcoder::{Transcoded, Transcoder};

/// One upstream over HTTP.
#[derive(Clone)]
pub(super) struct Fetched {
    pub(super) fetcher: Fetcher,
    pub(super) url: String,
    /// How long it may have nothing new.
    pub(super) patience: Duration,
    pub(super) transcoder: Transcoder,
}

impl Fetched {
    /// As it is; through FFmpeg without encoding anything where it is not MPEG-TS.
    pub(super) async fn copied(self, copy: &Output) -> Result<Transcoded, Failure> {
        let pieces = self.open(Accepts::MpegTs).await?;
        let run = Run { pieces, otherwise: Some((self, copy.clone())) };
        let pieces = stream::try_unfold(run, async |mut run: Run| Ok(run.next().await?.map(|piece| (piece, run))));
        Ok(Transcoded { pieces: pieces.boxed(), rungs: Vec::new() })
    }

    /// Through FFmpeg.
    pub(super) async fn transcoded(self, output: &Output) -> Result<Transcoded, Failure> {
        let pieces = self.open(Accepts::MpegTs).await?;
        match self.transcoder.pipe(pieces, Container::MpegTs, output, self.patience).await {
            Err(failure) if is_for_ffmpeg(failure.fault) => self.otherwise(failure, output).await,
            other => other,
        }
    }

    /// What FFmpeg makes of an upstream that failed like this.
    async fn otherwise(&self, failure: Failure, output: &Output) -> Result<Transcoded, Failure> {
        match failure.fault {
            UpstreamFault::SeparateAudio => self.joined(failure, output).await,
            _ => self.repacked(output).await,
        }
    }

    async fn joined(&self, failure: Failure, output: &Output) -> Result<Transcoded, Failure> {
        let route = &self.fetcher.config().route;
        if route.proxy.is_some() || route.bind.is_some() || !route.verify_tls {
            let detail = "FFmpeg would fetch it, without proxy, bind and verify_tls of [upstream]".to_owned();
            return Err(Failure { detail, ..failure });
        }
        self.fetcher.check(&self.url).await?;
        let request = HttpRequest { user_agent: self.fetcher.user_agent(), ..HttpRequest::default() };
        self.transcoder.open(Input::Http { url: self.url.clone(), request }, output).await
    }

    async fn repacked(&self, output: &Output) -> Result<Transcoded, Failure> {
        let pieces = self.open(Accepts::Anything).await?;
        self.transcoder.pipe(pieces, Container::Mp4, output, self.patience).await
    }

    async fn open(&self, accepts: Accepts) -> Result<UpstreamBytes, Failure> {
        http::open(self.fetcher.clone(), &self.url, self.patience, accepts).await
    }
}

fn is_for_ffmpeg(fault: UpstreamFault) -> bool {
    matches!(fault, UpstreamFault::NeedsFfmpeg | UpstreamFault::SeparateAudio)
}

/// A run that goes over to FFmpeg if it has to.
struct Run {
    pieces: UpstreamBytes,
    otherwise: Option<(Fetched, Output)>,
}

impl Run {
    async fn next(&mut self) -> Result<Option<Piece>, Failure> {
        match self.pieces.next().await.transpose() {
            Err(failure) if is_for_ffmpeg(failure.fault) => {
                let Some((fetched, copy)) = self.otherwise.take() else { return Err(failure) };
                self.pieces = fetched.otherwise(failure, &copy).await?.pieces;
                Ok(Some(Piece::Break))
            }
            other => other,
        }
    }
}
