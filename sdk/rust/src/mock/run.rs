//! Calling a plugin as the host would: a fresh instance, loaded, then the call.

use super::raw::{ByteSource, CatalogSink, GuideSink, ResponseSink};
use super::{Installed, Line, with};
use crate::auth::{self, Decision, Policy};
use crate::epg::{self, Epg, GuideChannel};
use crate::output::{self, Output};
use crate::source::{self, Category, Channel, Episode, Movie, Resolver, Series, Source, Upstream};
use crate::{Pairs, Result, Summary};

/// What a refresh pushed, in order.
#[derive(Debug, Clone)]
pub struct Refreshed {
    /// What it answered.
    pub summary: Summary,
    /// Categories.
    pub categories: Vec<Category>,
    /// Channels.
    pub channels: Vec<Channel>,
    /// Movies.
    pub movies: Vec<Movie>,
    /// Series.
    pub series: Vec<Series>,
    /// Episodes.
    pub episodes: Vec<Episode>,
    /// Items and what was wrong with them.
    pub warnings: Vec<(String, String)>,
    /// How many records crossed to the host at once, in order.
    pub batches: Vec<usize>,
}

/// What an import pushed, in order.
#[derive(Debug, Clone)]
pub struct Imported {
    /// What it answered.
    pub summary: Summary,
    /// Channels of the guide.
    pub channels: Vec<GuideChannel>,
    /// Programmes.
    pub programmes: Vec<epg::Programme>,
    /// The channels that the host was asked about, in order.
    pub asked: Vec<String>,
    /// Items and what was wrong with them.
    pub warnings: Vec<(String, String)>,
}

/// What an output answered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status; none where the plugin never started its response.
    pub status: Option<u16>,
    /// Header fields.
    pub headers: Pairs,
    /// The body in the pieces in which it crossed to the host, kept fragments included, before it is packed.
    pub writes: Vec<Vec<u8>>,
    /// How the host packs it.
    pub packed: Option<String>,
    /// The fragments that were asked for, in order.
    pub fragments: Vec<Fragment>,
}

/// A fragment that an output asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// The channel whose guide it depends on.
    pub channel: Option<u32>,
    /// Its key.
    pub key: String,
    /// It was there; otherwise the output made it.
    pub kept: bool,
}

impl Reply {
    /// The whole body as text, with a replacement character for what is not UTF-8.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.writes.concat()).into_owned()
    }

    /// The first header field of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        crate::pair(&self.headers, name)
    }
}

impl Installed {
    /// `catalog.refresh`.
    pub fn refresh<P: Source>(&self) -> Result<Refreshed> {
        let sink = CatalogSink::default();
        let summary = source::refresh(&P::load()?, &sink)?;
        Ok(Refreshed {
            summary,
            categories: sink.categories.take(),
            channels: sink.channels.take(),
            movies: sink.movies.take(),
            series: sink.series.take(),
            episodes: sink.episodes.take(),
            warnings: sink.warnings.take(),
            batches: sink.batches.take(),
        })
    }

    /// `resolver.resolve`.
    pub fn resolve<P: Resolver>(&self, key: &str, attempt: u32) -> Result<Upstream> {
        P::load()?.resolve(key, attempt)
    }

    /// `importer.run` on these bytes.
    pub fn import<P: Epg>(&self, guide: impl Into<Vec<u8>>) -> Result<Imported> {
        let input = ByteSource::new(guide.into(), with(|state| state.chunk()), false);
        let sink = GuideSink::default();
        let summary = epg::run(&P::load()?, &mut crate::ByteSource::lent(&input), &sink)?;
        Ok(Imported {
            summary,
            channels: sink.channels.take(),
            programmes: sink.programmes.take(),
            asked: sink.asked.take(),
            warnings: sink.warnings.take(),
        })
    }

    /// `handler.handle`.
    pub fn handle<P: Output>(&self, request: &output::Request, line: Option<&Line>) -> Result<Reply> {
        let sink = ResponseSink::default();
        let line = line.map(super::raw::Line::new);
        output::handle(&P::load()?, request, line.as_ref(), &sink)?;
        let head = sink.head.take();
        let (status, headers) = head.map_or_else(Default::default, |(status, headers)| (Some(status), headers));
        let (packed, fragments) = (sink.packed.take(), sink.fragments.take());
        Ok(Reply { status, headers, writes: sink.writes.take(), packed, fragments })
    }

    /// `policy.decide`, with the fields blanked that the policy does not name.
    pub fn decide<P: Policy>(&self, request: &auth::Request) -> Result<Decision> {
        let plugin = P::load()?;
        let fields = plugin.key_fields();
        let named = |field: &str| fields.iter().any(|known| known == field);
        let mut seen = request.clone();
        if !named("username") {
            seen.username.clear();
        }
        if !named("bouquets") {
            seen.bouquets.clear();
        }
        if !named("action") {
            seen.action.clear();
        }
        if !named("channel") {
            seen.channel = 0;
        }
        if !named("ip") {
            seen.ip.clear();
        }
        if !named("user-agent") {
            seen.user_agent.clear();
        }
        if !named("device") {
            seen.device.clear();
        }
        if !named("attrs") {
            seen.attrs.clear();
        }
        plugin.decide(&seen)
    }
}

/// An output's request for `path` with these query fields; the rest can be filled in afterwards.
impl output::Request {
    /// For tests: a `GET` of a route.
    pub fn test(route: &str, path: &str, query: &[(&str, &str)]) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            route: route.to_owned(),
            method: "GET".to_owned(),
            path: path.to_owned(),
            params: Vec::new(),
            query: query.iter().map(own).collect(),
            headers: Vec::new(),
            body: Vec::new(),
            base_url: "http://tv.example:8080".to_owned(),
            attrs: Vec::new(),
        }
    }
}

impl auth::Request {
    /// For tests: `username` wants to play something from `ip`.
    pub fn test(username: &str, bouquets: &[&str], ip: &str) -> Self {
        Self {
            username: username.to_owned(),
            bouquets: bouquets.iter().map(|&bouquet| bouquet.to_owned()).collect(),
            action: "play".to_owned(),
            channel: 1,
            ip: ip.to_owned(),
            user_agent: "test".to_owned(),
            device: String::new(),
            attrs: Vec::new(),
        }
    }
}
