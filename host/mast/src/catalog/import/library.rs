//! Staging of movies, series and episodes; the rules are those of channels.

use std::collections::HashSet;

use mast_model::{MediaFile, TitleKind};
use mast_plugin::records;
use mast_plugin::services::ServiceError;
use mast_store::{ImportedCategory, ImportedEpisode, ImportedLibrary, ImportedTitle};

use super::{
    MAX_CATEGORIES, MAX_RECORD, Staged, given, limit, named_category, pairs, shown, text_of_upstreams, upstream,
};

const MAX_TITLES: usize = 500_000;
const MAX_EPISODES: usize = 2_000_000;
/// What stands for a file name extension that says nothing.
const CONTAINER: &str = "mp4";

/// What was pushed so far.
#[derive(Default)]
pub(super) struct StagedLibrary {
    /// With the position that the source gives, if any.
    categories: Vec<(Option<u32>, TitleKind, ImportedCategory)>,
    category_keys: HashSet<(TitleKind, String)>,
    titles: Vec<ImportedTitle>,
    title_keys: HashSet<(TitleKind, String)>,
    episodes: Vec<ImportedEpisode>,
    episode_keys: HashSet<String>,
}

/// A record's own text.
struct Text<'a> {
    what: &'static str,
    key: &'a str,
    name: &'a str,
    bytes: usize,
}

/// What a category holds, where that is no channels.
pub(super) fn kind(content: &str) -> Option<TitleKind> {
    match content {
        "movie" => Some(TitleKind::Movie),
        "series" => Some(TitleKind::Series),
        _ => None,
    }
}

impl StagedLibrary {
    pub(super) fn add_category(&mut self, kind: TitleKind, order: Option<u32>, category: ImportedCategory) {
        if self.categories.len() < MAX_CATEGORIES && self.category_keys.insert((kind, category.key.clone())) {
            self.categories.push((order, kind, category));
        }
    }

    pub(super) fn take(mut self) -> ImportedLibrary {
        self.add_missing_categories();
        // Stable: those without a position keep their order of arrival, behind those with one.
        self.categories.sort_by_key(|(order, _, _)| order.unwrap_or(u32::MAX));
        ImportedLibrary {
            categories: self.categories.into_iter().map(|(_, kind, category)| (kind, category)).collect(),
            titles: self.titles,
            episodes: self.episodes,
        }
    }

    /// A category that titles name but nobody described is made from its key.
    fn add_missing_categories(&mut self) {
        let mut known: HashSet<(TitleKind, &str)> =
            self.categories.iter().map(|(_, kind, category)| (*kind, category.key.as_str())).collect();
        let mut missing = Vec::new();
        for title in &self.titles {
            if let Some(key) = title.category.as_deref().filter(|key| known.insert((title.kind, key))) {
                missing.push((None, title.kind, named_category(key.to_owned(), key)));
            }
        }
        self.categories.extend(missing);
    }
}

impl Staged {
    pub(super) fn add_movie(&mut self, movie: records::Movie) -> Result<(), ServiceError> {
        let bytes = text_of_upstreams(&movie.upstreams) + pairs(&movie.attrs);
        let without = (movie.upstreams.is_empty() && !self.resolves).then_some("has no upstream");
        let text = Text { what: "movie", key: &movie.key, name: &movie.name, bytes };
        if !self.takes_title(TitleKind::Movie, &text, without)? {
            return Ok(());
        }
        self.library.titles.push(ImportedTitle {
            kind: TitleKind::Movie,
            key: movie.key,
            name: movie.name.trim().to_owned(),
            category: given(movie.category),
            poster: given(movie.poster),
            file: Some(file(&movie.container, movie.upstreams)),
            attrs: movie.attrs,
        });
        Ok(())
    }

    pub(super) fn add_series(&mut self, series: records::Series) -> Result<(), ServiceError> {
        let text = Text { what: "series", key: &series.key, name: &series.name, bytes: pairs(&series.attrs) };
        if !self.takes_title(TitleKind::Series, &text, None)? {
            return Ok(());
        }
        self.library.titles.push(ImportedTitle {
            kind: TitleKind::Series,
            key: series.key,
            name: series.name.trim().to_owned(),
            category: given(series.category),
            poster: given(series.poster),
            file: None,
            attrs: series.attrs,
        });
        Ok(())
    }

    pub(super) fn add_episode(&mut self, episode: records::Episode) -> Result<(), ServiceError> {
        if self.library.episodes.len() == MAX_EPISODES {
            return Err(limit(format!("more than {MAX_EPISODES} episodes in one catalogue")));
        }
        let bytes = text_of_upstreams(&episode.upstreams) + pairs(&episode.attrs) + episode.series.len();
        let problem = if !self.library.title_keys.contains(&(TitleKind::Series, episode.series.clone())) {
            Some("belongs to a series that was not delivered before it")
        } else if episode.upstreams.is_empty() && !self.resolves {
            Some("has no upstream")
        } else if self.library.episode_keys.contains(&episode.key) {
            Some("comes twice with the same key; the first is kept")
        } else {
            None
        };
        let text = Text { what: "episode", key: &episode.key, name: &episode.name, bytes };
        if !self.takes(&text, problem)? {
            return Ok(());
        }
        self.library.episode_keys.insert(episode.key.clone());
        self.library.episodes.push(ImportedEpisode {
            key: episode.key,
            series: episode.series,
            season: episode.season,
            number: episode.number,
            name: episode.name.trim().to_owned(),
            file: file(&episode.container, episode.upstreams),
            attrs: episode.attrs,
        });
        Ok(())
    }

    fn takes_title(
        &mut self,
        kind: TitleKind,
        text: &Text<'_>,
        problem: Option<&'static str>,
    ) -> Result<bool, ServiceError> {
        if self.library.titles.len() == MAX_TITLES {
            return Err(limit(format!("more than {MAX_TITLES} movies and series in one catalogue")));
        }
        let twice = self.library.title_keys.contains(&(kind, text.key.to_owned()));
        let taken =
            self.takes(text, problem.or(twice.then_some("comes twice with the same key; the first is kept")))?;
        if taken {
            self.library.title_keys.insert((kind, text.key.to_owned()));
        }
        Ok(taken)
    }

    /// Whether a record is kept; what is wrong with it is noted.
    fn takes(&mut self, text: &Text<'_>, problem: Option<&'static str>) -> Result<bool, ServiceError> {
        let bytes = text.key.len() + text.name.len() + text.bytes;
        self.count(bytes)?;
        let problem = if text.name.trim().is_empty() {
            Some("has no name")
        } else if text.key.is_empty() {
            Some("has no key")
        } else if bytes > MAX_RECORD {
            Some("is larger than 64 KiB")
        } else {
            problem
        };
        if let Some(problem) = problem {
            let name = if text.name.trim().is_empty() { text.key } else { text.name };
            self.remarks.warn(&format!("{} \"{}\"", text.what, shown(name)), problem);
        }
        Ok(problem.is_none())
    }
}

/// The extension stands in URLs of this host, therefore it is letters and digits.
fn file(container: &str, upstreams: Vec<records::Upstream>) -> MediaFile {
    let container = container.trim().trim_start_matches('.').to_ascii_lowercase();
    let plain = (1..=8).contains(&container.len())
        && container.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    MediaFile {
        container: if plain { container } else { CONTAINER.to_owned() },
        upstreams: upstreams.into_iter().map(upstream).collect(),
    }
}
