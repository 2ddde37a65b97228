//! Upstreams as the catalogue lists them, under the rules of their source; after a channel's own those of its backups.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use mast_ffmpeg::{HttpRequest, Input, Transport};
use mast_model::{Channel, ChannelId, InstanceId, Upstream, UpstreamKind};

use super::fetched::Fetched;
use super::{Claim, Container, Fetcher, OpenUpstream, Slot, Slots, UpstreamBytes, Upstreams, file, udp};
use crate::catalog::{Catalog, ResolveError};
use crate::extensions::Extensions;
use crate::extensions::config::{ProfileChoice, UpstreamConfig};
use crate::outbound::Outbound;
use crate::tuner::config::ChannelConfig;
use crate::tuner::fault::{Failure, UpstreamFault};
use crate::tuner::playout::{self, Playouts};
use crate::tuner::transcoder::{Transcoded, Transcoder};

/// The profile that changes nothing.
const COPY: &str = "copy";

/// The real upstreams.
#[derive(Clone)]
pub struct CatalogUpstreams {
    /// Looks channels up at every start, so that a refreshed URL is used from the next attempt on.
    pub catalog: Catalog,
    /// Knows what a source is granted.
    pub extensions: Extensions,
    /// Makes the requests.
    pub outbound: Outbound,
    /// The connections that providers allow.
    pub slots: Slots,
    /// Until the response head is there.
    pub connect_timeout: Duration,
    /// Runs FFmpeg for what needs it.
    pub transcoder: Transcoder,
    /// How long an upstream may have nothing new.
    pub stall_timeout: Duration,
    /// What the operator wants of single channels.
    pub channels: Arc<BTreeMap<ChannelId, ChannelConfig>>,
    /// The operator's own channels.
    pub playouts: Playouts,
    /// The slate of channels that have none of their own.
    pub slate: Option<PathBuf>,
}

impl Upstreams for CatalogUpstreams {
    fn count(&self, channel: ChannelId) -> usize {
        self.members(channel).iter().map(|member| self.catalog.upstream_count(member)).sum()
    }

    fn open(&self, channel: ChannelId, turn: u32, claim: Claim) -> BoxFuture<'static, Result<OpenUpstream, Failure>> {
        let this = self.clone();
        Box::pin(async move {
            let (member, attempt) = this.turn(channel, turn).ok_or(UpstreamFault::NoUpstream)?;
            let upstream = this.catalog.resolve(&member, attempt).await.map_err(unresolved)?;
            let own = this.is_own(&member);
            let config = match own {
                true => Arc::default(),
                false => this.extensions.upstream(&member.source).ok_or(UpstreamFault::SourceGone)?,
            };
            let slot = this.slot(&member.source, &config, claim).await?;
            let profile = this.profile(channel, &member, &config);
            let transcoder = this.transcoder.clone();
            let Transcoded { pieces, rungs } = match own {
                true => this.through(this.playouts.open(&member.key).await?, &profile).await?,
                false => this.pieces(&upstream, config, &profile).await?,
            };
            let names = transcoder.names_of(&profile, &rungs);
            Ok(OpenUpstream { pieces, slot, rungs, names })
        })
    }

    fn names(&self, channel: ChannelId) -> Vec<Vec<Arc<str>>> {
        let names = |member: &Arc<Channel>| {
            let own = self.is_own(member).then(Arc::default);
            let config = own.or_else(|| self.extensions.upstream(&member.source))?;
            Some(self.transcoder.names(&self.profile(channel, member, &config)))
        };
        self.members(channel).iter().filter_map(names).collect()
    }

    fn redacted(&self, channel: ChannelId, place: usize) -> Option<String> {
        let (member, attempt) = self.turn(channel, u32::try_from(place).ok()?)?;
        let stored = usize::try_from(attempt).ok().and_then(|attempt| member.upstreams.get(attempt));
        Some(stored.map_or_else(|| format!("made by source {}", member.source), |upstream| upstream.url.redacted()))
    }

    fn slate(&self, channel: ChannelId) -> Option<BoxFuture<'static, Result<OpenUpstream, Failure>>> {
        let own = self.channels.get(&channel).and_then(|config| config.slate.clone());
        let path = own.or_else(|| self.slate.clone())?;
        Some(Box::pin(async move { Ok(OpenUpstream::single(file::play(&path).await?, None)) }))
    }
}

impl CatalogUpstreams {
    /// The channel and its backups, as far as they are in the catalogue.
    fn members(&self, channel: ChannelId) -> Vec<Arc<Channel>> {
        let configured = || self.channels.get(&channel).map(|config| config.backups.clone()).unwrap_or_default();
        let backups = self.catalog.backups(channel).unwrap_or_else(configured);
        std::iter::once(&channel).chain(&backups).filter_map(|id| self.catalog.channel(*id)).collect()
    }

    /// Whether a channel is one of the operator's own.
    fn is_own(&self, member: &Channel) -> bool {
        !self.playouts.is_empty() && member.source.as_str() == playout::SOURCE
    }

    /// Whose upstream a turn means, and which attempt at it this is.
    fn turn(&self, channel: ChannelId, turn: u32) -> Option<(Arc<Channel>, u32)> {
        let members = self.members(channel);
        let count = |member: &Arc<Channel>| u32::try_from(self.catalog.upstream_count(member)).unwrap_or_default();
        let all: u32 = members.iter().map(count).sum();
        let (round, mut place) = (turn.checked_div(all)?, turn.checked_rem(all)?);
        for member in members {
            let own = count(&member);
            if place < own {
                return Some((member, round.saturating_mul(own).saturating_add(place)));
            }
            place -= own;
        }
        None
    }

    /// The profile or ladder that a channel is to have: its own, its source's, or what the source says of it.
    fn profile(&self, channel: ChannelId, member: &Channel, config: &UpstreamConfig) -> String {
        // An edit may name one that is gone from mast.toml since.
        let edited =
            self.catalog.profile(channel).filter(|name| name == COPY || self.transcoder.output(name).is_some());
        let configured = || self.channels.get(&channel).and_then(|config| config.profile.clone());
        if let Some(own) = edited.or_else(configured) {
            return own;
        }
        match &config.profile {
            ProfileChoice::Copy => COPY.to_owned(),
            ProfileChoice::Named(name) => name.clone(),
            ProfileChoice::Channel => {
                let quality = member.attrs.iter().find(|(name, _)| name == "quality").map(|(_, quality)| quality);
                let known = quality.map(|quality| quality.trim().to_ascii_lowercase());
                known.filter(|name| self.transcoder.output(name).is_some()).unwrap_or_else(|| COPY.to_owned())
            }
        }
    }

    async fn pieces(
        self,
        upstream: &Upstream,
        config: Arc<UpstreamConfig>,
        profile: &str,
    ) -> Result<Transcoded, Failure> {
        let url = upstream.url.expose().to_owned();
        let output = self.transcoder.output(profile).ok_or(UpstreamFault::NoProfile)?;
        let pieces = match kind(upstream) {
            UpstreamKind::Auto | UpstreamKind::Mpegts | UpstreamKind::Hls => {
                let fetcher = Fetcher::new(self.outbound.clone(), config, upstream, self.connect_timeout);
                let way = Fetched { fetcher, url, patience: self.stall_timeout, transcoder: self.transcoder.clone() };
                return if profile == COPY { way.copied(output).await } else { way.transcoded(output).await };
            }
            UpstreamKind::Udp | UpstreamKind::Rtp => udp::open(&url, &config.rules, config.route.bind)?,
            UpstreamKind::File => file::open(&url, &config.files).await?,
            kind => {
                let input = input(kind, url).ok_or(UpstreamFault::UnsupportedKind)?;
                self.outbound.check(&config.rules, upstream.url.expose()).await?;
                return self.transcoder.open(input, output).await;
            }
        };
        self.through(pieces, profile).await
    }

    /// MPEG-TS as it is, or through FFmpeg.
    async fn through(&self, pieces: UpstreamBytes, profile: &str) -> Result<Transcoded, Failure> {
        if profile == COPY {
            return Ok(Transcoded { pieces, rungs: Vec::new() });
        }
        let output = self.transcoder.output(profile).ok_or(UpstreamFault::NoProfile)?;
        self.transcoder.pipe(pieces, Container::MpegTs, output, self.stall_timeout).await
    }

    async fn slot(&self, source: &InstanceId, config: &UpstreamConfig, claim: Claim) -> Result<Option<Slot>, Failure> {
        let limit = config.max_connections.or_else(|| self.catalog.provider_connections(source));
        let Some(limit) = limit else { return Ok(None) };
        let patience = config.connect_timeout.unwrap_or(self.connect_timeout);
        let taken = tokio::time::timeout(patience, self.slots.take(source, limit, claim)).await;
        match taken.ok().flatten() {
            Some(slot) => Ok(Some(slot)),
            None => Err(UpstreamFault::NoSlot.into()),
        }
    }
}

/// What FFmpeg opens itself.
fn input(kind: UpstreamKind, url: String) -> Option<Input> {
    Some(match kind {
        UpstreamKind::Rtsp => Input::Rtsp { url, transport: Transport::default() },
        UpstreamKind::Rtmp => Input::Rtmp { url },
        UpstreamKind::Srt => Input::Srt { url },
        UpstreamKind::Dash => Input::Dash { url, request: HttpRequest::default() },
        _ => return None,
    })
}

/// How an upstream is spoken: as the source says, else as its scheme does.
fn kind(upstream: &Upstream) -> UpstreamKind {
    if upstream.kind != UpstreamKind::Auto {
        return upstream.kind;
    }
    let scheme = upstream.url.expose().split(':').next().unwrap_or_default().to_ascii_lowercase();
    match scheme.as_str() {
        "udp" => UpstreamKind::Udp,
        "rtp" => UpstreamKind::Rtp,
        "file" => UpstreamKind::File,
        "rtsp" | "rtsps" => UpstreamKind::Rtsp,
        "rtmp" | "rtmps" => UpstreamKind::Rtmp,
        "srt" => UpstreamKind::Srt,
        _ => UpstreamKind::Auto,
    }
}

fn unresolved(error: ResolveError) -> Failure {
    match error {
        ResolveError::None { .. } => UpstreamFault::NoUpstream.into(),
        ResolveError::Failed(_) => Failure { fault: UpstreamFault::Unresolved, detail: error.to_string() },
    }
}
