use super::*;

fn source(name: &str) -> InstanceId {
    InstanceId::new(name).unwrap()
}

fn file() -> MediaFile {
    MediaFile { container: "mkv".to_owned(), upstreams: Vec::new() }
}

fn title(id: u32, kind: TitleKind, category: Option<u32>) -> Title {
    Title {
        id: TitleId(id),
        source: source("s"),
        key: id.to_string(),
        kind,
        name: format!("Title {id}"),
        category: category.map(CategoryId),
        poster: None,
        file: (kind == TitleKind::Movie).then(file),
        attrs: Vec::new(),
    }
}

fn episode(id: u32, series: u32, season: u32, number: u32) -> Episode {
    Episode {
        id: TitleId(id),
        source: source("s"),
        key: id.to_string(),
        series: TitleId(series),
        season,
        number,
        name: format!("Episode {id}"),
        file: file(),
        attrs: Vec::new(),
    }
}

fn category(id: u32, kind: TitleKind, name: &str) -> VodCategory {
    VodCategory { id: CategoryId(id), source: source("s"), key: id.to_string(), kind, name: name.to_owned() }
}

fn library() -> Library {
    Library {
        categories: vec![
            category(1, TitleKind::Movie, "Drama"),
            category(2, TitleKind::Series, "Crime"),
            category(3, TitleKind::Movie, "Empty"),
        ],
        titles: vec![
            title(10, TitleKind::Movie, Some(1)),
            title(11, TitleKind::Movie, None),
            title(20, TitleKind::Series, Some(2)),
            title(21, TitleKind::Series, None),
        ],
        episodes: vec![episode(33, 21, 1, 1), episode(32, 20, 2, 1), episode(31, 20, 1, 2), episode(30, 20, 1, 1)],
    }
}

fn seen(library: Library, sees: impl Fn(&InstanceId, Option<&str>) -> bool) -> OnDemand {
    OnDemand::new(vec![Arc::new(SourceLibrary::new(&source("s"), library))], sees)
}

#[test]
fn everything_is_found_in_its_order() {
    let all = seen(library(), |_, _| true);
    let ids = |titles: &[Arc<Title>]| titles.iter().map(|title| title.id.0).collect::<Vec<_>>();
    assert_eq!((ids(&all.movies), ids(&all.series)), (vec![10, 11], vec![20, 21]));
    assert_eq!(all.categories.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["Drama", "Crime"]);
    let episodes: Vec<u32> = all.episodes(TitleId(20)).iter().map(|one| one.id.0).collect();
    assert_eq!(episodes, [30, 31, 32]);
    assert_eq!(all.find(TitleKind::Series, TitleId(21)).map(|(place, _)| place), Some(1));
    assert!(all.find(TitleKind::Movie, TitleId(20)).is_none() && all.episodes(TitleId(10)).is_empty());
    assert_eq!(all.movie_file(TitleId(10)).map(|file| file.key).as_deref(), Some("10"));
    assert!(all.movie_file(TitleId(20)).is_none() && all.episode_file(TitleId(31)).is_some());
    assert_eq!(all.name(TitleId(33)).as_deref(), Some("Episode 33"));
}

#[test]
fn what_is_not_sold_is_not_there() {
    let drama = seen(library(), |_, category| category == Some("Drama"));
    assert_eq!((drama.movies.len(), drama.series.len(), drama.categories.len()), (1, 0, 1));
    assert!(drama.has(TitleId(10)) && !drama.has(TitleId(11)) && !drama.has(TitleId(30)));
    assert!(drama.episodes(TitleId(20)).is_empty() && drama.episode_file(TitleId(30)).is_none());
}

#[test]
fn the_version_is_that_of_what_viewers_see() {
    let version = |library: Library| seen(library, |_, _| true).version;
    let first = version(library());
    assert_eq!(first, version(library()));
    let mut rotated = library();
    rotated.titles[0].file.as_mut().unwrap().upstreams.push(mast_model::Upstream {
        url: mast_model::UpstreamUrl::new("http://tv.example/new"),
        kind: mast_model::UpstreamKind::Auto,
        headers: Vec::new(),
    });
    assert_eq!(first, version(rotated), "addresses are not shown");
    let mut renamed = library();
    renamed.episodes[0].name.push('!');
    assert_ne!(first, version(renamed));
    assert_ne!(first, seen(library(), |_, category| category.is_some()).version);
    assert_eq!(seen(Library::default(), |_, _| true).version, 0);
}
