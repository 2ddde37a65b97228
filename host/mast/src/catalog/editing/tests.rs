use jiff::Timestamp;
use mast_model::{InstanceId, Line, LineRecord, LineToken, Secret};
use mast_store::{Actor, Change, ImportedCatalog, ImportedCategory, ImportedChannel};

use super::*;
use crate::catalog::Catalog;
use crate::catalog::config::BouquetConfig;

fn id(name: &str) -> InstanceId {
    InstanceId::new(name).unwrap()
}

fn test() -> Change {
    Change::by(Actor::machine("test"))
}

/// Channels as (key, name, category); keys keep their ids.
fn deliver(store: &dyn StateStore, source: &str, channels: &[(&str, &str, &str)]) {
    let mut categories: Vec<&str> = channels.iter().map(|channel| channel.2).collect();
    categories.dedup();
    let imported = ImportedCatalog {
        categories: categories
            .iter()
            .map(|name| ImportedCategory { key: (*name).to_owned(), name: (*name).to_owned() })
            .collect(),
        channels: channels
            .iter()
            .map(|(key, name, category)| ImportedChannel {
                key: (*key).to_owned(),
                name: (*name).to_owned(),
                number: None,
                category: Some((*category).to_owned()),
                logo: None,
                epg_id: None,
                upstreams: Vec::new(),
                catch_up: None,
                attrs: Vec::new(),
            })
            .collect(),
        library: mast_store::ImportedLibrary::default(),
        validators: Vec::new(),
    };
    store.replace_source(&id(source), imported, Timestamp::UNIX_EPOCH).unwrap();
}

fn open(store: &Arc<dyn StateStore>) -> Catalog {
    let kids = BouquetConfig {
        name: "kids".to_owned(),
        sources: Vec::new(),
        categories: vec!["Kids".to_owned()],
        channels: Vec::new(),
    };
    Catalog::open(Arc::clone(store), vec![kids]).unwrap()
}

fn line(bouquets: &[&str]) -> Line {
    let record = LineRecord::new("u", Secret::new("h"), LineToken::from_bytes([0; 32]));
    record.line(bouquets.iter().map(|name| (*name).to_owned()).collect())
}

fn names(catalog: &Catalog, bouquets: &[&str]) -> Vec<String> {
    catalog.lineup(&line(bouquets)).entries.iter().map(|entry| entry.channel.name.clone()).collect()
}

fn patch<T: serde::de::DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).unwrap()
}

/// One: 1 News HD, 2 Toons (Kids); two: 3 news hd, 4 Film.
fn scene(folder: &tempfile::TempDir) -> (Catalog, Arc<dyn StateStore>) {
    let store: Arc<dyn StateStore> = mast_store::open_state(folder.path()).unwrap().into();
    deliver(&*store, "one", &[("a", "News HD", "News"), ("b", "Toons", "Kids")]);
    deliver(&*store, "two", &[("a", "news  hd", "News"), ("b", "Film", "Films")]);
    (open(&store), store)
}

#[tokio::test]
async fn edits_survive_refreshes_and_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let (catalog, store) = scene(&folder);
    let mut changes = catalog.changes();
    let wish = patch(r#"{"name":"The News","number":7,"logo":"https://logo.example/n.png","order":2}"#);
    let edit = catalog.edit_channel(ChannelId(1), Some(0), wish, test()).await.unwrap();
    assert_eq!(edit.revision, 1);
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    catalog.edit_channel(ChannelId(4), None, patch(r#"{"order":1}"#), test()).await.unwrap();
    catalog.edit_channel(ChannelId(3), None, patch(r#"{"hidden":true}"#), test()).await.unwrap();
    let expected = ["Film", "The News", "Toons"];
    assert_eq!(names(&catalog, &[]), expected);
    assert_eq!(catalog.lineup(&line(&[])).find(ChannelId(1)).unwrap().number, 7);
    assert!(catalog.channel(ChannelId(3)).is_some(), "hidden, and still there to be a backup");

    deliver(&*store, "one", &[("b", "Toons", "Kids"), ("a", "News 4K", "News")]);
    let again = open(&store);
    assert_eq!(names(&again, &[]), expected);
    let late = again.edit_channel(ChannelId(1), Some(0), patch("{}"), test()).await;
    assert!(matches!(late, Err(EditError::Changed(1))));
    again.edit_channel(ChannelId(1), Some(1), patch(r#"{"name":null,"order":null}"#), test()).await.unwrap();
    assert_eq!(names(&again, &[]), ["Film", "Toons", "News 4K"]);
    again.reset_channel(ChannelId(3), None, test()).await.unwrap();
    assert_eq!(names(&again, &[]), ["Film", "Toons", "News 4K", "news  hd"]);
}

#[tokio::test]
async fn what_is_no_edit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (catalog, _store) = scene(&folder);
    for text in [
        r#"{"name":" "}"#,
        r#"{"number":0}"#,
        r#"{"logo":"javascript:x"}"#,
        r#"{"category":99}"#,
        r#"{"backups":[1]}"#,
        r#"{"backups":[99]}"#,
    ] {
        let refused = catalog.edit_channel(ChannelId(1), None, patch(text), test()).await;
        assert!(matches!(refused, Err(EditError::Invalid(_))), "{text}");
    }
    let missing = catalog.edit_channel(ChannelId(99), None, patch("{}"), test()).await;
    assert!(matches!(missing, Err(EditError::NotFound(_))));
    assert_eq!(catalog.channel_edit(ChannelId(1)), None);
}

#[tokio::test]
async fn categories_are_renamed_hidden_and_ordered() {
    let folder = tempfile::tempdir().unwrap();
    let (catalog, _store) = scene(&folder);
    let kids = catalog.channel(ChannelId(2)).unwrap().category.unwrap();
    catalog.edit_category(kids, None, patch(r#"{"name":"For children","order":0}"#), test()).await.unwrap();
    let lineup = catalog.lineup(&line(&[]));
    assert_eq!(lineup.categories[0].name, "For children");
    assert_eq!(names(&catalog, &["kids"]), ["Toons"], "a bouquet knows the category by the name it came with");
    catalog.edit_category(kids, None, patch(r#"{"hidden":true}"#), test()).await.unwrap();
    assert_eq!(names(&catalog, &[]), ["News HD", "news  hd", "Film"]);
    assert!(names(&catalog, &["kids"]).is_empty());
}

#[tokio::test]
async fn bouquets_are_made_and_sold() {
    let folder = tempfile::tempdir().unwrap();
    let (catalog, store) = scene(&folder);
    let put = |name: &str, new, expected, text: &str| {
        catalog.put_bouquet(name.to_owned(), new, expected, patch(text), test())
    };
    put("films", true, None, r#"{"sources":["two"]}"#).await.unwrap();
    assert_eq!(names(&catalog, &["films"]), ["news  hd", "Film"]);
    assert_eq!(catalog.bouquet_names(), ["kids", "films"]);
    let changed = put("films", false, Some(0), r#"{"channels":[2]}"#).await.unwrap();
    assert_eq!(
        (changed.revision, names(&catalog, &["films"])),
        (1, vec!["Toons".into(), "news  hd".into(), "Film".into()])
    );
    assert!(matches!(put("films", true, None, "{}").await, Err(EditError::Conflict(_))));
    assert!(matches!(put("kids", true, None, "{}").await, Err(EditError::Conflict(_))));
    assert!(matches!(put("none", false, None, "{}").await, Err(EditError::NotFound(_))));
    assert!(matches!(put("a/b", true, None, "{}").await, Err(EditError::Invalid(_))));
    assert_eq!(names(&open(&store), &["films"]).len(), 3, "after a restart");
    catalog.remove_bouquet("films".to_owned(), None, test()).await.unwrap();
    assert!(names(&catalog, &["films"]).is_empty());
}

#[tokio::test]
async fn rules_are_previewed_and_then_apply() {
    let folder = tempfile::tempdir().unwrap();
    let (catalog, store) = scene(&folder);
    let rules: Rules = patch(
        r#"{"rules":[
            {"kind":"rename","pattern":"(?i)\\s*\\bHD$","replacement":""},
            {"kind":"category","from":"Films","to":"Movies"},
            {"kind":"dedupe","by":"name","prefer":["two"]}
        ]}"#,
    );
    let effects = catalog.preview(rules.clone()).await.unwrap();
    let after = |id: u32| effects.iter().find(|effect| effect.channel.0 == id).map(|effect| effect.after.clone());
    assert_eq!(after(1), Some(None), "the source that is not preferred makes way");
    assert_eq!(after(3), Some(Some(("news".to_owned(), Some("News".to_owned())))));
    assert_eq!(after(4), Some(Some(("Film".to_owned(), Some("Movies".to_owned())))));
    assert_eq!(after(2), None);
    assert_eq!(names(&catalog, &[]), ["News HD", "Toons", "news  hd", "Film"], "nothing has changed yet");

    catalog.set_rules(rules, Some(0), test()).await.unwrap();
    assert_eq!(names(&catalog, &[]), ["Toons", "news", "Film"]);
    assert_eq!(catalog.backups(ChannelId(3)), Some(vec![ChannelId(1)]), "and is its backup");
    assert_eq!(names(&open(&store), &[]), ["Toons", "news", "Film"], "after a restart");
    // An edit counts more than a rule.
    catalog.edit_channel(ChannelId(3), None, patch(r#"{"name":"Own name"}"#), test()).await.unwrap();
    assert_eq!(names(&catalog, &[]), ["News", "Toons", "Own name", "Film"]);
}

#[tokio::test]
async fn rules_that_cannot_be_used_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (catalog, _store) = scene(&folder);
    let many = format!(r#"{{"rules":[{}]}}"#, vec![r#"{"kind":"category","from":"a","to":"b"}"#; 101].join(","));
    for text in [
        r#"{"rules":[{"kind":"rename","pattern":"(","replacement":""}]}"#,
        r#"{"rules":[{"kind":"rename","pattern":"(?:a{1000}){1000}","replacement":""}]}"#,
        r#"{"rules":[{"kind":"category","from":"a","to":""}]}"#,
        &many,
    ] {
        let rules: Rules = patch(text);
        assert!(matches!(catalog.preview(rules.clone()).await, Err(EditError::Invalid(_))), "{text:.80}");
        assert!(matches!(catalog.set_rules(rules, None, test()).await, Err(EditError::Invalid(_))), "{text:.80}");
    }
}
