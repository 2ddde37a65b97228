//! Guides in the sandbox: in by `epg-xmltv`, out by `output-xmltv`.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use mast_plugin::records::Request;
use mast_plugin::{CallFailure, Epg, Instance, Kind};
use mast_upstream::GuideSpec;
use serde_json::json;

use crate::host::{Imported, Lineup, Pieces, Received, Web};
use crate::{component, load, spec};

fn importer() -> Epg {
    match load(&component("epg-xmltv"), spec(Kind::Epg, json!({})), Web::default()) {
        Ok(Instance::Epg(epg)) => epg,
        Ok(_) => panic!("not a guide"),
        Err(error) => panic!("{error}"),
    }
}

fn written(spec: &GuideSpec) -> Bytes {
    let mut guide = Vec::new();
    spec.write(&mut guide).unwrap();
    guide.into()
}

fn pieces(guide: &Bytes) -> Box<Pieces> {
    Box::new(Pieces(guide.chunks(61_001).map(|piece| Ok(guide.slice_ref(piece))).collect::<VecDeque<_>>()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn epg_xmltv_reads_a_guide_within_the_default_limits_and_skips_what_nobody_wants() {
    let spec = GuideSpec { channels: 100, ..GuideSpec::default() }.sized(8_000_000);
    let guide = written(&spec);
    let epg = importer();
    let each = spec.programmes() as usize;
    for (only, expected) in [(None, 100 * each), (Some(BTreeSet::from([spec.channel(7), spec.channel(42)])), 2 * each)]
    {
        let found = Imported::default();
        found.lock().only = only;
        let summary = epg.run(pieces(&guide), Box::new(found.clone())).await.unwrap();
        let found = found.lock();
        assert_eq!((found.channels.len(), found.programmes.len()), (100, expected));
        assert!(summary.attrs.contains(&("programmes".to_owned(), expected.to_string())), "{:?}", summary.attrs);
        assert!(found.warnings.is_empty(), "{:?}", found.warnings);
        let last = found.programmes.last().unwrap();
        let number = if expected == 2 * each { 42 } else { 99 };
        let made = spec.programme(number, each as u64 - 1);
        assert_eq!((last.start, last.stop, &last.titles[0].value), (made.start, Some(made.stop), &made.titles[0].1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn epg_xmltv_says_what_was_no_whole_guide() {
    let epg = importer();
    let guide = written(&GuideSpec::default());
    for (guide, part) in [
        (guide.slice(..guide.len() / 2), "cut short"),
        (Bytes::from_static(b"<html><body>Log in</body></html>"), "HTML page"),
        (Bytes::new(), "empty"),
    ] {
        let found = Imported::default();
        let error = epg.run(pieces(&guide), Box::new(found)).await.err().unwrap();
        let CallFailure::Plugin { code, message, .. } = error.failure else { panic!("{error}") };
        assert!(code == "malformed" && message.contains(part), "{code}: {message}");
    }
}

#[test]
fn output_xmltv_writes_a_guide() {
    let Ok(Instance::Output(output)) = load(&component("output-xmltv"), spec(Kind::Output, json!({})), Web::default())
    else {
        panic!("not an output");
    };
    let answer = |route: &str| {
        let request =
            Request { route: route.to_owned(), base_url: "http://tv.example".to_owned(), ..Request::default() };
        let received = Received::default();
        output.handle(request, Some(Arc::new(Lineup(200))), Box::new(received.clone())).unwrap();
        received.bytes()
    };
    let (status, plain) = answer("xml");
    assert_eq!(status, 200);
    let text = String::from_utf8(plain).unwrap();
    assert_eq!((text.matches("<channel ").count(), text.matches("<programme ").count()), (200, 100 * 9 * 24));
    assert!(text.ends_with("<category>News</category></programme>\n</tv>\n"), "{}", &text[text.len() - 300..]);
    // Packing it is the host's.
    assert!(answer("gzip").1 == text.into_bytes());
}
