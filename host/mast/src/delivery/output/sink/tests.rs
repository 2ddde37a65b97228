use http_body_util::BodyExt as _;
use mast_model::ByteSize;

use super::super::answer::Form;
use super::*;

fn scope(fragments: &Fragments, instance: &str, version: u64) -> Scope {
    let instance = InstanceId::new(instance).unwrap();
    let version = Box::new(move |channel: Option<u32>| if channel == Some(9) { 0 } else { version });
    Scope { fragments: fragments.clone(), instance, generation: 1, version }
}

/// Writes `own`, and a fragment of each of two channels, which `make` makes where it is not there; answers which were.
fn write(scope: Scope, make: &str) -> (Vec<bool>, Answer) {
    let (mut writer, reader) = pair(scope);
    writer.start(200, Vec::new()).unwrap();
    writer.write(Bytes::from_static(b"own, ")).unwrap();
    let mut were_there = Vec::new();
    for channel in [1, 9] {
        let is_there = writer.fragment(Some(channel), "k").unwrap();
        if !is_there {
            writer.write(Bytes::from(format!("{channel} "))).unwrap();
            writer.write(Bytes::from(make.to_owned())).unwrap();
            writer.keep().unwrap();
        }
        were_there.push(is_there);
        writer.write(Bytes::from_static(b"; ")).unwrap();
    }
    (were_there, reader.finish().unwrap())
}

async fn text(answer: Answer) -> String {
    let form = answer.form(false);
    assert_eq!(form, Form::Identity);
    let (_, body) = answer.into_body(form);
    String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn fragments_are_made_once_and_again_when_their_guide_changed() {
    let fragments = Fragments::new(ByteSize::mib(1));
    for (instance, version, make, there, expected) in [
        ("one", 1, "first", [false, false], "own, 1 first; 9 first; "),
        ("one", 1, "second", [true, true], "own, 1 first; 9 first; "),
        ("one", 2, "third", [false, true], "own, 1 third; 9 first; "),
        ("two", 2, "fourth", [false, false], "own, 1 fourth; 9 fourth; "),
    ] {
        let (were_there, answer) = write(scope(&fragments, instance, version), make);
        assert_eq!((were_there.as_slice(), text(answer).await.as_str()), (&there[..], expected));
    }
}

#[tokio::test]
async fn what_is_not_kept_is_sent_all_the_same() {
    let fragments = Fragments::new(ByteSize::mib(1));
    let (mut writer, reader) = pair(scope(&fragments, "one", 1));
    writer.start(200, Vec::new()).unwrap();
    for part in ["a", "b"] {
        assert!(!writer.fragment(None, "k").unwrap());
        writer.write(Bytes::from(part)).unwrap();
    }
    assert_eq!(text(reader.finish().unwrap()).await, "ab");
    let (mut writer, _reader) = pair(scope(&fragments, "one", 1));
    writer.start(200, Vec::new()).unwrap();
    assert!(!writer.fragment(None, "k").unwrap(), "nobody makes it any more");
}

#[tokio::test]
async fn a_kept_answer_needs_its_fragments() {
    let fragments = Fragments::new(ByteSize(1));
    let (_, answer) = write(scope(&fragments, "one", 1), "make");
    let kept = answer.kept();
    assert!(kept.size() < 1_000);
    assert_eq!(text(kept.answer(&fragments).unwrap()).await, "own, 1 make; 9 make; ");
    drop(answer);
    assert!(kept.answer(&fragments).is_none());
}

#[test]
fn forms() {
    for (fields, pack, fragment, expected) in [
        (vec![], false, false, [Form::Only; 2]),
        (vec![], false, true, [Form::Identity, Form::Gzip]),
        (vec![], true, true, [Form::Only; 2]),
        (vec![("content-encoding", "br")], false, true, [Form::Only; 2]),
    ] {
        let fragments = Fragments::new(ByteSize::mib(1));
        let (mut writer, reader) = pair(scope(&fragments, "one", 1));
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        writer.start(200, fields).unwrap();
        assert_eq!(writer.pack("zip").unwrap_err().code, "not-found");
        if pack {
            writer.pack("gzip").unwrap();
        }
        if fragment {
            writer.fragment(None, "k").unwrap();
        }
        writer.write(Bytes::from_static(b"bytes")).unwrap();
        let answer = reader.finish().unwrap();
        assert_eq!([false, true].map(|accepts| answer.form(accepts)), expected);
    }
}
