//! Movies and series: what each source has, and what of it a line sees. Nothing of it is edited; bouquets decide by source and by the
//! name of the category.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use mast_model::{CategoryId, Episode, InstanceId, Library, MediaFile, Title, TitleId, TitleKind, VodCategory};

/// What one source has. Made once for each refresh.
#[derive(Debug)]
pub(super) struct SourceLibrary {
    source: InstanceId,
    pub(super) categories: Vec<Arc<VodCategory>>,
    pub(super) titles: Vec<Arc<Title>>,
    /// By series, season and number.
    episodes: Vec<Arc<Episode>>,
    episode_by_id: HashMap<TitleId, usize>,
    /// Of everything that viewers see.
    digest: [u8; 32],
}

/// What a line sees of all sources.
#[derive(Debug, Default)]
pub struct OnDemand {
    /// Those that occur, in order.
    pub categories: Vec<Arc<VodCategory>>,
    /// In order.
    pub movies: Vec<Arc<Title>>,
    /// In order.
    pub series: Vec<Arc<Title>>,
    /// Place in `movies` or `series`.
    by_id: HashMap<TitleId, usize>,
    names: HashMap<CategoryId, usize>,
    sources: Vec<Arc<SourceLibrary>>,
    /// As [`super::Lineup::version`].
    pub(super) version: u64,
}

/// A file that a line may play.
#[derive(Debug, Clone)]
pub struct PlayableFile {
    /// The source instance that it came from.
    pub source: InstanceId,
    /// The upstream's own key.
    pub key: String,
    /// The file.
    pub file: MediaFile,
}

impl SourceLibrary {
    pub(super) fn new(source: &InstanceId, library: Library) -> Self {
        let Library { categories, titles, mut episodes } = library;
        episodes.sort_by_key(|one| (one.series, one.season, one.number, one.id));
        let digest = digest(&categories, &titles, &episodes);
        Self {
            source: source.clone(),
            categories: categories.into_iter().map(Arc::new).collect(),
            titles: titles.into_iter().map(Arc::new).collect(),
            episode_by_id: episodes.iter().enumerate().map(|(at, one)| (one.id, at)).collect(),
            episodes: episodes.into_iter().map(Arc::new).collect(),
            digest,
        }
    }

    pub(super) fn episode_count(&self) -> usize {
        self.episodes.len()
    }
}

impl OnDemand {
    /// `sees`: whether a title of this source in a category of this name is sold.
    pub(super) fn new(sources: Vec<Arc<SourceLibrary>>, sees: impl Fn(&InstanceId, Option<&str>) -> bool) -> Self {
        let mut own = Self::default();
        let mut hash = blake3::Hasher::new();
        let mut used = HashSet::new();
        for library in sources.iter().filter(|library| !library.titles.is_empty()) {
            let names: HashMap<CategoryId, &str> =
                library.categories.iter().map(|category| (category.id, category.name.as_str())).collect();
            hash.update(&library.digest);
            for title in &library.titles {
                let category = title.category.and_then(|id| names.get(&id).copied());
                if sees(&title.source, category) {
                    hash.update(&title.id.0.to_le_bytes());
                    used.extend(title.category);
                    let list = if title.kind == TitleKind::Movie { &mut own.movies } else { &mut own.series };
                    own.by_id.insert(title.id, list.len());
                    list.push(Arc::clone(title));
                }
            }
        }
        let all = sources.iter().flat_map(|library| &library.categories);
        own.categories = all.filter(|category| used.contains(&category.id)).map(Arc::clone).collect();
        own.names = own.categories.iter().enumerate().map(|(at, category)| (category.id, at)).collect();
        own.sources = sources;
        let digest = hash.finalize();
        own.version = if own.by_id.is_empty() { 0 } else { super::lineup::first_eight(&digest) };
        own
    }

    /// All titles of a kind, in order.
    pub fn titles(&self, kind: TitleKind) -> &[Arc<Title>] {
        match kind {
            TitleKind::Movie => &self.movies,
            TitleKind::Series => &self.series,
        }
    }

    /// A title, and its place among its like.
    pub fn find(&self, kind: TitleKind, id: TitleId) -> Option<(usize, &Arc<Title>)> {
        let at = *self.by_id.get(&id)?;
        self.titles(kind).get(at).filter(|title| title.id == id).map(|title| (at, title))
    }

    /// Whether the line sees a movie, or the series of an episode.
    pub fn has(&self, id: TitleId) -> bool {
        self.by_id.contains_key(&id) || self.episode(id).is_some()
    }

    /// The name of a title or an episode.
    pub fn name(&self, id: TitleId) -> Option<String> {
        let title = [TitleKind::Movie, TitleKind::Series].iter().find_map(|kind| self.find(*kind, id));
        let title = title.map(|(_, title)| title.name.clone());
        title.or_else(|| self.episode(id).map(|episode| episode.name.clone()))
    }

    /// A category that occurs.
    pub fn category(&self, id: CategoryId) -> Option<&Arc<VodCategory>> {
        self.names.get(&id).map(|at| &self.categories[*at])
    }

    /// Episodes of a series, by season and number.
    pub fn episodes(&self, series: TitleId) -> &[Arc<Episode>] {
        let library = self.find(TitleKind::Series, series).and_then(|(_, title)| self.library(&title.source));
        let Some(library) = library else { return &[] };
        let first = library.episodes.partition_point(|one| one.series < series);
        let count = library.episodes[first..].partition_point(|one| one.series == series);
        &library.episodes[first..first + count]
    }

    /// An episode of a series that the line sees.
    pub fn episode(&self, id: TitleId) -> Option<&Arc<Episode>> {
        let found = self.sources.iter().find_map(|library| {
            let at = *library.episode_by_id.get(&id)?;
            library.episodes.get(at)
        });
        found.filter(|episode| self.find(TitleKind::Series, episode.series).is_some())
    }

    /// The file of a movie.
    pub fn movie_file(&self, id: TitleId) -> Option<PlayableFile> {
        let (_, title) = self.find(TitleKind::Movie, id)?;
        let file = title.file.clone()?;
        Some(PlayableFile { source: title.source.clone(), key: title.key.clone(), file })
    }

    /// The file of an episode.
    pub fn episode_file(&self, id: TitleId) -> Option<PlayableFile> {
        let episode = self.episode(id)?;
        Some(PlayableFile { source: episode.source.clone(), key: episode.key.clone(), file: episode.file.clone() })
    }

    fn library(&self, source: &InstanceId) -> Option<&Arc<SourceLibrary>> {
        self.sources.iter().find(|library| library.source == *source)
    }
}

/// A hash of everything that outputs are shown; upstreams are not.
fn digest(categories: &[VodCategory], titles: &[Title], episodes: &[Episode]) -> [u8; 32] {
    let mut hash = blake3::Hasher::new();
    let mut add = |bytes: &[u8]| {
        hash.update(&(bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    for category in categories {
        add(&category.id.0.to_le_bytes());
        add(category.name.as_bytes());
    }
    for title in titles {
        add(&title.id.0.to_le_bytes());
        add(&title.category.map_or(0, |category| category.0).to_le_bytes());
        add(title.name.as_bytes());
        add(title.poster.as_deref().unwrap_or_default().as_bytes());
        add(title.file.as_ref().map_or("", |file| &file.container).as_bytes());
        add_pairs(&mut add, &title.attrs);
    }
    for episode in episodes {
        add(&episode.id.0.to_le_bytes());
        add(&[episode.season.to_le_bytes(), episode.number.to_le_bytes()].concat());
        add(episode.name.as_bytes());
        add(episode.file.container.as_bytes());
        add_pairs(&mut add, &episode.attrs);
    }
    *hash.finalize().as_bytes()
}

fn add_pairs(add: &mut impl FnMut(&[u8]), pairs: &[(String, String)]) {
    add(&(pairs.len() as u64).to_le_bytes());
    for (key, value) in pairs {
        add(key.as_bytes());
        add(value.as_bytes());
    }
}

#[cfg(test)]
mod tests;
