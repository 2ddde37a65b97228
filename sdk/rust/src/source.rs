//! Sources: where channels, movies and series come from.

pub use crate::bindings::host::mast::source::types::{CatchUp, Category, Channel, Episode, Movie, Series, Upstream};
use crate::{BATCH, Error, Result, Summary, raw};

/// A source. Export it with `export_plugin!(MySource: source)`.
pub trait Source: Sized + 'static {
    /// Reads and checks the settings; no requests. Runs when the operator's file is checked and once on every fresh instance.
    fn load() -> Result<Self>;

    /// Reads the upstream's whole catalogue into `out`. What ends too early must be an error: half a lineup is worse than
    /// yesterday's. What is still gathered in `out` is handed over when this returns without an error.
    fn refresh(&self, out: &mut Catalog<'_>) -> Result<Summary>;
}

/// A source whose upstream URLs are temporary. Export it with `export_plugin!(MySource: source, resolver)`.
pub trait Resolver: Source {
    /// The upstream for the channel with this key; `attempt` counts from 0 while tuning fails.
    fn resolve(&self, key: &str, attempt: u32) -> Result<Upstream>;
}

/// Collects one refresh in batches of [`BATCH`] records.
pub struct Catalog<'a> {
    raw: &'a raw::CatalogSink,
    categories: Vec<Category>,
    channels: Vec<Channel>,
    movies: Vec<Movie>,
    series: Vec<Series>,
    episodes: Vec<Episode>,
}

impl<'a> Catalog<'a> {
    pub(crate) fn new(raw: &'a raw::CatalogSink) -> Self {
        Self {
            raw,
            categories: Vec::new(),
            channels: Vec::new(),
            movies: Vec::new(),
            series: Vec::new(),
            episodes: Vec::new(),
        }
    }

    /// Adds a category.
    pub fn category(&mut self, category: Category) -> Result<()> {
        self.categories.push(category);
        if self.categories.len() < BATCH { Ok(()) } else { self.flush_categories() }
    }

    /// Adds a channel, in lineup order.
    pub fn channel(&mut self, channel: Channel) -> Result<()> {
        self.channels.push(channel);
        if self.channels.len() < BATCH { Ok(()) } else { self.flush() }
    }

    /// Adds a movie.
    pub fn movie(&mut self, movie: Movie) -> Result<()> {
        self.movies.push(movie);
        if self.movies.len() < BATCH { Ok(()) } else { self.flush() }
    }

    /// Adds a series.
    pub fn series(&mut self, series: Series) -> Result<()> {
        self.series.push(series);
        if self.series.len() < BATCH { Ok(()) } else { self.flush() }
    }

    /// Adds an episode of a series added before.
    pub fn episode(&mut self, episode: Episode) -> Result<()> {
        self.episodes.push(episode);
        if self.episodes.len() < BATCH { Ok(()) } else { self.flush() }
    }

    /// Reports an item that was left out or mended: `line 12`, `no URL after #EXTINF`. The host shows the first hundred.
    pub fn warn(&mut self, item: &str, message: &str) {
        self.raw.warn(item, message);
    }

    fn flush_categories(&mut self) -> Result<()> {
        if !self.categories.is_empty() {
            self.raw.categories(&self.categories)?;
            self.categories.clear();
        }
        Ok(())
    }

    /// Hands over what is gathered: categories before what belongs to them, series before their episodes.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.flush_categories()?;
        if !self.channels.is_empty() {
            self.raw.channels(&self.channels)?;
            self.channels.clear();
        }
        if !self.movies.is_empty() {
            self.raw.movies(&self.movies)?;
            self.movies.clear();
        }
        if !self.series.is_empty() {
            self.raw.series(&self.series)?;
            self.series.clear();
        }
        if !self.episodes.is_empty() {
            self.raw.episodes(&self.episodes)?;
            self.episodes.clear();
        }
        Ok(())
    }
}

/// One refresh, from the settings to the last batch; what the host's call and the mock's both run.
pub(crate) fn refresh<P: Source>(plugin: &P, sink: &raw::CatalogSink) -> Result<Summary, Error> {
    let mut out = Catalog::new(sink);
    let summary = plugin.refresh(&mut out)?;
    if !summary.unchanged {
        out.flush()?;
    }
    Ok(summary)
}

impl Channel {
    /// A channel with nothing but a key and a name; fill in the rest.
    pub fn new(key: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            name: name.into(),
            number: None,
            category: None,
            logo: None,
            epg_id: None,
            upstreams: Vec::new(),
            catch_up: None,
            attrs: Vec::new(),
        }
    }
}

impl Upstream {
    /// An address whose kind the host finds out.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), kind: "auto".to_owned(), headers: Vec::new(), expires: None, attrs: Vec::new() }
    }
}

impl Category {
    /// A category of live channels.
    pub fn live(key: impl Into<String>, name: impl Into<String>) -> Self {
        Self { key: key.into(), name: name.into(), content: "live".to_owned(), order: None, attrs: Vec::new() }
    }
}
