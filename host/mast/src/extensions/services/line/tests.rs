use mast_model::{Category, CategoryId, Channel, InstanceId, LineRecord, LineToken, Secret};
use mast_plugin::services::Line as _;

use super::*;

fn channel(id: u32, category: Option<u32>) -> Arc<Channel> {
    Arc::new(Channel {
        id: ChannelId(id),
        source: InstanceId::new("s").unwrap(),
        key: id.to_string(),
        name: format!("Channel {id}"),
        number: None,
        category: category.map(CategoryId),
        logo: (id == 1).then(|| "http://logo.example/1.png".to_owned()),
        epg_id: None,
        upstreams: Vec::new(),
        catch_up: (id <= 2).then(|| mast_model::CatchUp {
            mode: if id == 1 { "shift" } else { "unheard-of" }.to_owned(),
            days: 7,
            template: None,
            attrs: Vec::new(),
        }),
        attrs: vec![("radio".to_owned(), "true".to_owned())],
    })
}

fn view(urls: PlaybackUrls) -> LineView {
    let source = InstanceId::new("s").unwrap();
    let category = Category { id: CategoryId(9), source, key: "news".to_owned(), name: "News".to_owned(), order: 0 };
    let channels = (1..=1500).map(|id| channel(id, (id % 2 == 0).then_some(9))).collect();
    let mut record = LineRecord::new("me", Secret::new("$argon2id$..."), LineToken::from_bytes([7; 32]));
    record.max_connections = 2;
    record.expires = Some(Timestamp::from_second(5_000).unwrap());
    record.created = Timestamp::from_second(1_000).unwrap();
    let line = record.line(Arc::default());
    LineView::new(Arc::new(line), Arc::new(Lineup::new(channels, [Arc::new(category)])), None, urls, 1)
}

fn token_urls() -> PlaybackUrls {
    PlaybackUrls::with_token("http://tv.example:8080", &LineToken::from_bytes([0xab; 32]))
}

fn filter(content: &str) -> Filter {
    Filter { content: content.to_owned(), category: None, playback: None, attrs: Vec::new() }
}

#[test]
fn playback_urls() {
    let classic = PlaybackUrls::with_credentials("http://tv.example", "me", "p/ä?#%~.-_");
    let token = "ab".repeat(32);
    let by_token = format!("http://tv.example:8080/live/stream_7.m3u8?token={token}");
    for (urls, format, expected) in [
        (&classic, "hls", Some("http://tv.example/live/me/p%2F%C3%A4%3F%23%25~.-_/7.m3u8".to_owned())),
        (&classic, "mpegts", Some("http://tv.example/live/me/p%2F%C3%A4%3F%23%25~.-_/7.ts".to_owned())),
        (&classic, "dash", None),
        (&token_urls(), "hls", Some(by_token.clone())),
        (&token_urls(), "mpegts", Some(by_token.replace(".m3u8", ".ts"))),
        (&token_urls(), "", None),
    ] {
        assert_eq!(urls.channel(ChannelId(7), format), expected, "{format}");
    }
    let view = view(token_urls());
    assert_eq!(view.playback(7, "hls"), Some(by_token));
    assert_eq!(view.playback(7_000, "hls"), None, "not in the lineup");
}

#[test]
fn who_the_line_is() {
    let info = view(token_urls()).info();
    assert_eq!((info.username.as_str(), info.expires, info.created), ("me", Some(5_000), 1_000));
    assert_eq!((info.max_connections, info.active_connections), (2, 1));
}

#[test]
fn the_lineup_comes_in_batches() {
    let view = view(token_urls());
    let mut cursor = view.lineup(filter("live"));
    let sizes: Vec<usize> = std::iter::from_fn(|| Some(cursor.next(5_000).len())).take(4).collect();
    assert_eq!(sizes, [1_024, 476, 0, 0]);

    let mut cursor = view.lineup(filter("live"));
    let mut ids = Vec::new();
    loop {
        let batch = cursor.next(64);
        if batch.is_empty() {
            break;
        }
        ids.extend(batch.iter().map(|channel| channel.id));
    }
    assert!(ids.into_iter().eq(1..=1500));
    assert!(view.lineup(filter("live")).next(0).is_empty());
    for content in ["movie", "series", "something new"] {
        assert!(view.lineup(filter(content)).next(10).is_empty(), "{content}");
        assert!(view.categories(content).is_empty(), "{content}");
    }
}

#[test]
fn records_and_filters() {
    let view = view(token_urls());
    let mut first = view.lineup(Filter { playback: Some("mpegts".to_owned()), ..filter("live") });
    let [one, two] = &first.next(2)[..] else { panic!("two channels") };
    assert_eq!((one.id, one.number, one.name.as_str(), one.category), (1, 1, "Channel 1", 0));
    assert_eq!((one.logo.as_str(), one.epg_id.as_str()), ("http://logo.example/1.png", ""));
    assert_eq!((one.catch_up_days, two.catch_up_days), (7, 0));
    assert_eq!((two.category, two.category_name.as_str()), (9, "News"));
    assert!(one.playback.starts_with("http://tv.example:8080/live/stream_1.ts?token="));
    assert_eq!(one.attrs, [("radio".to_owned(), "true".to_owned())]);

    let batch = view.lineup(Filter { category: Some(9), ..filter("live") }).next(3);
    assert_eq!(batch.iter().map(|channel| channel.id).collect::<Vec<_>>(), [2, 4, 6]);
    assert!(batch.iter().all(|channel| channel.playback.is_empty()));
    let categories = view.categories("live");
    assert_eq!((categories.len(), categories[0].id, categories[0].name.as_str()), (1, 9, "News"));
}
