use std::sync::{Arc, Mutex};

use super::*;
use crate::services::ServiceError;

/// Notes what it is told.
#[derive(Clone, Default)]
struct Noted(Arc<Mutex<String>>);

impl Noted {
    fn note(&self, text: &str) {
        self.0.lock().unwrap().push_str(text);
    }
}

impl ResponseSink for Noted {
    fn start(&mut self, _: u16, _: records::Pairs) -> Result<(), ServiceError> {
        self.note("start ");
        Ok(())
    }

    fn write(&mut self, bytes: Bytes) -> Result<(), ServiceError> {
        self.note(&format!("{} ", bytes.len()));
        Ok(())
    }

    fn fragment(&mut self, channel: Option<u32>, key: &str) -> Result<bool, ServiceError> {
        self.note(&format!("{channel:?}/{key} "));
        Ok(key == "there")
    }

    fn keep(&mut self) -> Result<(), ServiceError> {
        self.note("keep ");
        Ok(())
    }
}

/// Does as `script` says, a letter each, on a response of 100 bytes at most; answers what the sink was told, and the first error's code.
fn run(script: &str) -> (String, Option<String>) {
    let noted = Noted::default();
    let mut out = ResponseOut::new(Box::new(noted.clone()), ByteSize(100));
    let code = script.chars().find_map(|letter| {
        let done = match letter {
            's' => out.start(200, Vec::new()),
            'w' => out.write(vec![0; 60]),
            'L' => out.write(vec![0; 5 << 20]),
            'p' => out.pack("gzip"),
            't' => out.fragment(Some(1), "there").map(drop),
            'f' => out.fragment(None, "missing").map(drop),
            'K' => out.fragment(None, &"k".repeat(513)).map(drop),
            'k' => out.keep(),
            other => panic!("no {other}"),
        };
        done.err().map(|error| error.code)
    });
    let told = noted.0.lock().unwrap().trim_end().to_owned();
    (told, code)
}

#[test]
fn what_is_allowed() {
    for (script, told, code) in [
        ("sw", "start 60", None),
        ("sww", "start 60", Some("limit")),
        ("ss", "start", Some("internal")),
        ("w", "", Some("internal")),
        ("p", "", Some("internal")),
        ("f", "", Some("internal")),
        ("swp", "start 60", Some("internal")),
        // The default of a sink.
        ("sp", "start", Some("not-found")),
        ("stwtwt", "start Some(1)/there 60 Some(1)/there", Some("limit")),
        // Fragments do not count.
        ("sfwwkfwwkw", "start None/missing 60 60 keep None/missing 60 60 keep 60", None),
        ("sk", "start", Some("internal")),
        ("stk", "start Some(1)/there", Some("internal")),
        ("sfkk", "start None/missing keep", Some("internal")),
        ("sK", "start", Some("limit")),
        // Those that are not kept do.
        ("sfwfwf", "start None/missing 60 None/missing 60", Some("limit")),
        ("sfLLLk", "start None/missing 5242880 5242880 5242880 keep", None),
        ("sfLLLLk", "start None/missing 5242880 5242880 5242880", Some("limit")),
    ] {
        assert_eq!(run(script), (told.to_owned(), code.map(str::to_owned)), "{script}");
    }
}

#[test]
fn one_that_is_too_large_is_sent_and_not_kept() {
    let noted = Noted::default();
    let mut out = ResponseOut::new(Box::new(noted.clone()), ByteSize::mib(100));
    out.start(200, Vec::new()).unwrap();
    assert_eq!(out.fragment(None, "missing").ok(), Some(false));
    for _ in 0..4 {
        out.write(vec![0; 5 << 20]).unwrap();
    }
    out.keep().unwrap();
    assert_eq!(out.left, 80 << 20);
    assert_eq!(*noted.0.lock().unwrap(), format!("start None/missing {}", "5242880 ".repeat(4)));
    assert!(out.keep().is_err());
}
