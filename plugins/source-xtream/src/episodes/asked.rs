//! What an upstream answers about a series.

use mast_sdk::json::Fields;
use mast_sdk::pair;
use serde_json::Value;

use super::stored::Part;
use crate::account::moment;
use crate::row::{self, Attrs};

/// Episodes of one series that are read; more are a mistake of the upstream's.
const MOST: usize = 20_000;

/// The episodes: an object of lists by season, a list of lists (PHP writes keys that count from 0 so), or one flat list.
pub(super) fn parts(answer: Value) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut answer = Fields::of(answer);
    match answer.0.remove("episodes") {
        Some(Value::Object(seasons)) => {
            for (season, episodes) in seasons {
                add(episodes, season.trim().parse().ok(), &mut parts);
            }
        }
        Some(Value::Array(seasons)) => {
            for (season, episodes) in (0..).zip(seasons) {
                // A list in a list is a season, an object in it is an episode that says its own.
                let season = episodes.is_array().then_some(season);
                add(episodes, season, &mut parts);
            }
        }
        _ => {}
    }
    parts.sort_by_key(|part| (part.season, part.number));
    parts
}

/// Adds an episode, or those of a list or of an object in its place.
fn add(value: Value, season: Option<u32>, parts: &mut Vec<Part>) {
    match value {
        Value::Array(list) => list.into_iter().for_each(|one| add_one(one, season, parts)),
        Value::Object(fields) if !fields.contains_key("id") => {
            fields.into_iter().for_each(|(_, one)| add_one(one, season, parts));
        }
        one => add_one(one, season, parts),
    }
}

fn add_one(value: Value, season: Option<u32>, parts: &mut Vec<Part>) {
    let mut fields = Fields::of(value);
    let Some(id) = row::id(&fields, &["id", "stream_id"]).filter(|_| parts.len() < MOST) else { return };
    let about = fields.object("info");
    let small = |number: u64| u32::try_from(number).ok();
    let season = fields.whole("season").and_then(small).or(season).unwrap_or(1);
    let of_season = parts.iter().rev().take_while(|part| part.season == season).count();
    let number = fields.whole("episode_num").and_then(small).unwrap_or(of_season as u32 + 1);
    let name = row::name(&fields, &["title", "name"]).unwrap_or_else(|| format!("S{season:02}E{number:02}"));
    let mut attrs = Attrs::of(&about);
    attrs.about();
    let text = |key: &str| pair(&attrs.pairs, key).unwrap_or_default().to_owned();
    parts.push(Part {
        id,
        season,
        number,
        name,
        container: row::container(&fields),
        added: fields.text("added").and_then(|added| moment(&added)).unwrap_or_default(),
        seconds: row::duration(&about).unwrap_or_default(),
        released: text("release-date"),
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn told(episodes: Value) -> Vec<(String, u32, u32, String)> {
        let parts = parts(json!({ "seasons": [], "info": [], "episodes": episodes }));
        parts.into_iter().map(|part| (part.id, part.season, part.number, part.name)).collect()
    }

    #[test]
    fn episodes_in_every_shape() {
        let one = |season, number| vec![("7".to_owned(), season, number, "Pilot".to_owned())];
        let episode = |more: Value| {
            let mut episode = json!({ "id": "7", "title": "Pilot", "container_extension": "mkv" });
            episode.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            episode
        };
        for (episodes, expected) in [
            (json!({ "2": [episode(json!({ "episode_num": 3, "season": 2, "info": {} }))] }), one(2, 3)),
            (json!({ "2": [episode(json!({ "episode_num": "3", "info": [] }))] }), one(2, 3)),
            (json!([[], [], [episode(json!({ "episode_num": 3 }))]]), one(2, 3)),
            (json!([[episode(json!({}))]]), one(0, 1)),
            (json!([episode(json!({ "season": 4, "episode_num": 5 }))]), one(4, 5)),
            (json!([episode(json!({}))]), one(1, 1)),
            (json!({ "1": { "0": episode(json!({})) } }), one(1, 1)),
            (json!({ "x": [episode(json!({ "id": 7 }))] }), one(1, 1)),
            (json!({ "1": [{ "title": "no id" }, null, "x"] }), Vec::new()),
            (json!([]), Vec::new()),
            (json!(null), Vec::new()),
        ] {
            assert_eq!(told(episodes.clone()), expected, "{episodes}");
        }
        assert!(parts(json!([])).is_empty());
    }

    #[test]
    fn what_is_known_of_an_episode() {
        let of = json!({ "episodes": { "1": [{
            "id": 7, "episode_num": 1, "title": "", "added": "1767268800",
            "info": { "releasedate": "2006-01-31", "duration": "00:42:00", "plot": "x" },
        }] } });
        let part = parts(of).remove(0);
        assert_eq!((part.name.as_str(), part.container.as_str(), part.added), ("S01E01", "mp4", 1_767_268_800));
        assert_eq!((part.seconds, part.released.as_str()), (2520, "2006-01-31"));
    }

    proptest! {
        #[test]
        fn what_is_stored_comes_back(
            id in "[0-9a-z]{1,8}", season: u32, number: u32, name in ".{0,20}", container in "[a-z]{3}", added: u64, seconds: u64
        ) {
            let part = Part { id, season, number, name, container, added, seconds, released: "2006-01-31".to_owned() };
            let text = serde_json::to_vec(&part).unwrap();
            prop_assert_eq!(serde_json::from_slice::<Part>(&text).unwrap(), part);
        }
    }
}
