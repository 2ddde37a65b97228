//! The SDK from inside the sandbox: every function of the host, errors, panics and overflow, by a plugin that does as it is told.

use std::collections::VecDeque;

use bytes::Bytes;
use mast_model::{ByteSize, Secret};
use mast_plugin::{CallFailure, Instance, Kind, Source};
use serde_json::json;

use crate::host::{Answer, Imported, Pieces, Web};
use crate::{URL, load, other, spec};

fn probe(file: &std::path::Path) -> Source {
    let mut spec = spec(Kind::Source, json!({}));
    spec.grants.http.allow.push("http://provider.example".parse().unwrap());
    spec.grants.files.push(file.to_owned());
    spec.grants.kv = Some(ByteSize::mib(1));
    spec.grants.secrets.insert("PASSWORD".to_owned(), Secret::new("hunter2"));
    match load(&other("tests/plugins/probe"), spec, Web::new(URL, Answer::ok("a body"))) {
        Ok(Instance::Source(source)) => source,
        Ok(_) => panic!("not a source"),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_function_of_the_host_is_reached() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "a file").unwrap();
    let probe = probe(file.path());
    assert!(probe.resolves());
    for (key, expected) in [
        ("echo grün".to_owned(), "grün 3"),
        ("clock".to_owned(), "true true"),
        ("secret PASSWORD".to_owned(), "hunter2"),
        ("kv key".to_owned(), "Some(\"value\") [\"key\"] None"),
        (format!("http {URL}"), "a body"),
        (format!("file {}", file.path().display()), "a file"),
    ] {
        assert_eq!(probe.resolve(&key, 3).await.unwrap().url, expected, "{key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_say_what_happened_and_the_next_call_works() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let probe = probe(file.path());
    let failure = async |key: &str| probe.resolve(key, 0).await.err().unwrap();
    let error = failure("error").await;
    let CallFailure::Plugin { code, message, retry_after } = error.failure else { panic!("{error}") };
    assert_eq!((code.as_str(), message.as_str(), retry_after), ("unavailable", "as asked", Some(7)));
    for (key, part) in [("secret OTHER", "not-granted"), ("file /etc/passwd", "not-granted"), ("what", "not-found")] {
        let error = failure(key).await;
        let CallFailure::Plugin { code, .. } = &error.failure else { panic!("{error}") };
        assert_eq!(code, part, "{error}");
    }
    let panic = failure("panic 42").await;
    assert!(matches!(panic.failure, CallFailure::Trap(_)), "{panic}");
    for part in ["one (probe 0.1.0): resolver.resolve", "as asked: 42", "lib.rs:"] {
        assert!(panic.to_string().contains(part), "{panic} lacks {part}");
    }
    // The stack lies below everything else in memory: running over it ends the instance and nothing else.
    let overflow = failure("recurse").await;
    assert!(matches!(overflow.failure, CallFailure::Trap(_)), "{overflow}");
    assert_eq!(probe.resolve("echo still", 0).await.unwrap().url, "still 0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guide_importer_runs() {
    let component = other("examples/plugins/minimal-guide");
    let Ok(Instance::Epg(epg)) = load(&component, spec(Kind::Epg, json!({})), Web::default()) else {
        panic!("not a guide");
    };
    let text: String = (0..1_000).map(|n| format!("one|{n}|{}|Programme {n}\n", n + 1)).collect();
    let pieces: VecDeque<_> = text.as_bytes().chunks(999).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let found = Imported::default();
    epg.run(Box::new(Pieces(pieces)), Box::new(found.clone())).await.unwrap();
    let found = &found.lock().programmes;
    assert_eq!((found.len(), found[999].titles[0].value.as_str()), (1_000, "Programme 999"));
}
