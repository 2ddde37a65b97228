//! Sources: what a refresh pushes, files and their validators, storage, the resolver.

use std::io::Write;
use std::sync::Arc;

use mast_model::{ByteSize, Secret};
use mast_plugin::services::Validator;
use mast_plugin::{CallFailure, InstanceSpec, Kind, Source};

use crate::fakes::{Collected, FakeKv, load, runtime, services, source, spec, wait};
use crate::guest::{Guest, RESULT};
use crate::policy::STORE_PAIR;

const SINK: &str = "mast:source/sink@0.1.0";

fn refresh(source: &Source, validators: Vec<Validator>) -> Result<mast_plugin::records::Refreshed, CallFailure> {
    wait(source.refresh(Box::new(Collected::default()), validators)).map_err(|error| error.failure)
}

#[test]
fn channels_movies_and_warnings_arrive() {
    let mut guest = Guest::new(Kind::Source)
        .import(SINK, "[method]catalog-sink.channels", "(func $channels (param i32 i32 i32 i32))")
        .import(SINK, "[method]catalog-sink.movies", "(func $movies (param i32 i32 i32 i32))")
        .import(SINK, "[method]catalog-sink.warn", "(func $warn (param i32 i32 i32 i32 i32))")
        .more(STORE_PAIR);
    let (key, name, item) = (guest.text("k1"), guest.text("Nachrichten ü"), guest.text("line 7"));
    // A record of 112 bytes; all but key, name and number is empty.
    let refresh = format!(
        "(call $store_pair (i32.const 3000) {key}) (call $store_pair (i32.const 3008) {name})
         (call $store_pair (i32.const 3016) (i32.const 1) (i32.const 42))
         (call $channels (local.get $out) (i32.const 3000) (i32.const 1) (i32.const {RESULT}))
         (call $store_pair (i32.const 5000) {key}) (call $store_pair (i32.const 5008) {name})
         (call $movies (local.get $out) (i32.const 5000) (i32.const 1) (i32.const {RESULT}))
         (call $warn (local.get $out) {item} {item})
         (i32.const {RESULT})"
    );
    let source = source(load(&runtime(), &guest.body("#refresh", refresh).build(), spec(Kind::Source)));
    let sink = Collected::default();
    let refreshed = wait(source.refresh(Box::new(sink.clone()), Vec::new())).unwrap();
    assert!(!refreshed.unchanged && refreshed.validators.is_empty());
    let lineup = sink.0.lock().unwrap();
    let [channel] = lineup.channels.as_slice() else { panic!("{} channels", lineup.channels.len()) };
    assert_eq!((channel.key.as_str(), channel.name.as_str(), channel.number), ("k1", "Nachrichten ü", Some(42)));
    assert!(channel.upstreams.is_empty() && channel.catch_up.is_none() && channel.logo.is_none());
    let [movie] = lineup.movies.as_slice() else { panic!("{} movies", lineup.movies.len()) };
    assert_eq!((movie.key.as_str(), movie.name.as_str(), movie.category.as_deref()), ("k1", "Nachrichten ü", None));
    assert_eq!(lineup.warnings, [("line 7".to_owned(), "line 7".to_owned())]);
}

#[test]
fn too_large_a_batch_is_an_error_the_guest_can_read() {
    // 4,097 empty channels in one call; the guest hands back the error it got, which has the same layout.
    let guest = Guest::new(Kind::Source)
        .import(SINK, "[method]catalog-sink.channels", "(func $channels (param i32 i32 i32 i32))")
        .pages(20)
        .body(
            "#refresh",
            format!("(call $channels (local.get $out) (i32.const 70000) (i32.const 4097) (i32.const {RESULT})) (i32.const {RESULT})"),
        );
    let source = source(load(&runtime(), &guest.build(), spec(Kind::Source)));
    let failure = refresh(&source, Vec::new()).unwrap_err();
    assert!(matches!(&failure, CallFailure::Plugin { code, .. } if code == "limit"), "{failure}");
    assert!(failure.to_string().starts_with("4097 records in one batch"), "{failure}");
}

/// Opens a file (only if changed), reads it to the end in pieces, logs every piece as an error line, then traps: the message
/// of the trap shows what was read. Where the file is unchanged, it returns.
fn reader(path: &str) -> Guest {
    let mut guest = Guest::new(Kind::Source)
        .manifest("[capabilities.files]\nreason = \"reads\"\n")
        .log()
        .import("mast:base/files@0.1.0", "open", "(func $open (param i32 i32 i32 i32))")
        .import("mast:base/streams@0.1.0", "[method]byte-source.read", "(func $read (param i32 i32 i32))");
    let path = guest.text(path);
    // result<option<byte-source>, plugin-error> at RESULT: 0 tag; 4 tag of the option, 8 handle; or the error from 4.
    guest.body(
        "#refresh",
        format!(
            "(local $source i32)
             (call $open {path} (i32.const 1) (i32.const {RESULT}))
             (if (i32.load8_u (i32.const {RESULT})) (then (return (call $failed (local.get $out)))))
             (if (i32.load8_u offset=4 (i32.const {RESULT})) (then
                 (local.set $source (i32.load offset=8 (i32.const {RESULT})))
                 (loop $next
                     (call $read (local.get $source) (i32.const 5) (i32.const {RESULT}))
                     (if (i32.load8_u (i32.const {RESULT})) (then (return (call $failed (local.get $out)))))
                     (if (i32.load offset=8 (i32.const {RESULT})) (then
                         (call $log (i32.const 4) (i32.load offset=4 (i32.const {RESULT})) (i32.load offset=8 (i32.const {RESULT})))
                         (br $next))))
                 unreachable))
             (i32.const 1024)"
        ),
    )
    // Hands back the error that lies at RESULT.
    .more(&format!("(func $failed (param i32) (result i32) (call $drop_out (local.get 0)) (i32.const {RESULT}))"))
}

fn reading(path: &std::path::Path, change: impl FnOnce(&mut InstanceSpec)) -> Source {
    let mut spec = spec(Kind::Source);
    change(&mut spec);
    source(load(&runtime(), &reader(path.to_str().unwrap()).build(), spec))
}

#[test]
fn a_granted_file_is_read_plain_and_gzipped() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("list.m3u");
    std::fs::write(&plain, "#EXTM3U!").unwrap();
    let packed = folder.path().join("list.m3u.gz");
    let mut encoder =
        flate2::write::GzEncoder::new(std::fs::File::create(&packed).unwrap(), flate2::Compression::fast());
    encoder.write_all(b"#EXTM3U!").unwrap();
    encoder.finish().unwrap();
    for path in [plain, packed] {
        let source = reading(&path, |spec| spec.grants.files = vec![path.clone()]);
        let failure = refresh(&source, Vec::new()).unwrap_err();
        assert_eq!(failure.to_string(), "trapped: 3U!; last log lines: #EXTM", "{failure}");
    }
}

#[test]
fn an_unchanged_file_is_not_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.m3u");
    std::fs::write(&path, "").unwrap();
    let mut guest = Guest::new(Kind::Source).manifest("[capabilities.files]\nreason = \"reads\"\n").import(
        "mast:base/files@0.1.0",
        "open",
        "(func $open (param i32 i32 i32 i32))",
    );
    let text = guest.text(path.to_str().unwrap());
    // summary.unchanged = whether `open` gave none.
    let guest = guest.body(
        "#refresh",
        format!(
            "(call $open {text} (i32.const 1) (i32.const {RESULT}))
             (i32.store (i32.const 3004) (i32.eqz (i32.load8_u offset=4 (i32.const {RESULT})))) (i32.const 3000)"
        ),
    );
    let mut spec = spec(Kind::Source);
    spec.grants.files = vec![path.clone()];
    let source = source(load(&runtime(), &guest.build(), spec));
    let first = refresh(&source, Vec::new()).unwrap();
    assert!(!first.unchanged);
    assert_eq!(first.validators.len(), 1);
    assert_eq!(first.validators[0].resource, blake3::hash(path.to_str().unwrap().as_bytes()).to_hex().to_string());
    let second = refresh(&source, first.validators.clone()).unwrap();
    assert!(second.unchanged);
    assert_eq!(second.validators, first.validators);
    std::fs::write(&path, "more").unwrap();
    let third = refresh(&source, second.validators).unwrap();
    assert!(!third.unchanged);
    assert_ne!(third.validators, first.validators);
}

#[test]
fn files_that_were_not_granted_stay_closed() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("granted"), "x").unwrap();
    std::fs::write(at("other"), "x").unwrap();
    std::os::unix::fs::symlink(at("other"), at("link")).unwrap();
    let not_granted = ["other", "link", "missing", "granted/../other", "./granted/.."];
    for name in not_granted {
        let source = reading(&at(name), |spec| spec.grants.files = vec![at("granted")]);
        let failure = refresh(&source, Vec::new()).unwrap_err();
        assert!(matches!(&failure, CallFailure::Plugin { code, .. } if code == "not-granted"), "{name}: {failure}");
        assert!(failure.to_string().contains("to [grant] in provider.toml"), "{failure}");
    }
    // Granted, but a folder, or not there.
    for (name, code) in [("", "config"), ("missing", "not-found")] {
        let source = reading(&at(name), |spec| spec.grants.files = vec![at(name)]);
        let failure = refresh(&source, Vec::new()).unwrap_err();
        assert!(matches!(&failure, CallFailure::Plugin { code: found, .. } if found == code), "{name}: {failure}");
    }
    let source = source(load(&runtime(), &reader("granted").build(), {
        let mut spec = spec(Kind::Source);
        spec.grants.files = vec![at("granted")];
        spec
    }));
    let failure = refresh(&source, Vec::new()).unwrap_err();
    assert!(matches!(&failure, CallFailure::Plugin { code, .. } if code == "not-granted"), "{failure}");
}

#[test]
fn input_is_capped_after_decompression_and_damage_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.gz");
    let mut encoder = flate2::write::GzEncoder::new(std::fs::File::create(&path).unwrap(), flate2::Compression::best());
    encoder.write_all(&vec![b'x'; 100_000]).unwrap();
    encoder.finish().unwrap();
    let source = reading(&path, |spec| {
        spec.grants.files = vec![path.clone()];
        spec.limits.input = ByteSize(50_000);
    });
    let failure = refresh(&source, Vec::new()).unwrap_err();
    assert_eq!(failure.to_string(), "more than 50000B of input; raise [limits] input if that is expected (limit)");

    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let source = reading(&path, |spec| spec.grants.files = vec![path.clone()]);
    let failure = refresh(&source, Vec::new()).unwrap_err();
    assert!(matches!(&failure, CallFailure::Plugin { code, .. } if code == "malformed"), "{failure}");
}

#[test]
fn secrets_and_storage_need_a_grant() {
    for (interface, hint) in [
        ("mast:base/secrets@0.1.0", "secret \"PASSWORD\" is not granted"),
        ("mast:base/kv@0.1.0", "storage is not granted"),
    ] {
        let mut guest = Guest::new(Kind::Source).import(interface, "get", "(func $f (param i32 i32 i32))");
        let name = guest.text("PASSWORD");
        // Hands back the error, which lies at the same place in both results.
        let body = format!("(call $f {name} (i32.const {RESULT})) (i32.const {RESULT})");
        let source = source(load(&runtime(), &guest.body("#refresh", body).build(), spec(Kind::Source)));
        let failure = refresh(&source, Vec::new()).unwrap_err();
        assert!(matches!(&failure, CallFailure::Plugin { code, .. } if code == "not-granted"), "{failure}");
        assert!(failure.to_string().contains(hint), "{failure}");
    }
}

#[test]
fn a_granted_secret_is_readable_but_never_logged() {
    let mut guest = Guest::new(Kind::Source).manifest("[capabilities.secrets]\nreason = \"signs in\"\n").log().import(
        "mast:base/secrets@0.1.0",
        "get",
        "(func $secret (param i32 i32 i32))",
    );
    let name = guest.text("PASSWORD");
    let body = format!(
        "(call $secret {name} (i32.const {RESULT}))
         (call $log (i32.const 4) (i32.load offset=4 (i32.const {RESULT})) (i32.load offset=8 (i32.const {RESULT}))) unreachable"
    );
    let mut spec = spec(Kind::Source);
    spec.grants.secrets.insert("PASSWORD".to_owned(), Secret::new("hunter2hunter2"));
    let source = source(load(&runtime(), &guest.body("#refresh", body).build(), spec));
    assert_eq!(refresh(&source, Vec::new()).unwrap_err().to_string(), "trapped: ***");
}

#[test]
fn granted_storage_keeps_values() {
    let mut guest = Guest::new(Kind::Source).manifest("[capabilities.kv]\nreason = \"remembers\"\n").import(
        "mast:base/kv@0.1.0",
        "set",
        "(func $set (param i32 i32 i32 i32 i32))",
    );
    let (key, value) = (guest.text("last"), guest.text("seven"));
    let guest = guest.body("#refresh", format!("(call $set {key} {value} (i32.const {RESULT})) (i32.const {RESULT})"));
    let mut spec = spec(Kind::Source);
    spec.grants.kv = Some(ByteSize::mib(1));
    let mut services = services();
    let kv = Arc::new(FakeKv::default());
    services.kv = kv.clone();
    let source = source(runtime().load(&guest.build(), spec, services));
    refresh(&source, Vec::new()).unwrap();
    assert_eq!(kv.0.lock().unwrap().get("last").map(Vec::as_slice), Some(&b"seven"[..]));
}

#[test]
fn the_resolver_is_found_where_it_is() {
    let runtime = runtime();
    let without = source(load(&runtime, &Guest::new(Kind::Source).build(), spec(Kind::Source)));
    assert!(!without.resolves());
    let error = wait(without.resolve("k", 0)).err().unwrap();
    assert_eq!(
        error.to_string(),
        "provider (test-source 1.2.3): resolver.resolve: the plugin does not export mast:source/resolver"
    );
    // upstream in result<upstream, ..> at 3000: payload aligned to 8; url is the key that was asked for.
    let body = "(i32.store offset=8 (i32.const 3000) (local.get $key))
                (i32.store offset=12 (i32.const 3000) (local.get $key_len)) (i32.const 3000)";
    let guest = Guest::new(Kind::Source).world("source-with-resolver").body("#resolve", body);
    let with = source(load(&runtime, &guest.build(), spec(Kind::Source)));
    assert!(with.resolves());
    assert_eq!(wait(with.resolve("http://tv.example/7.ts", 1)).unwrap().url, "http://tv.example/7.ts");
}

#[test]
fn an_endless_handle_leak_ends_the_call() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.m3u");
    std::fs::write(&path, "x").unwrap();
    let mut guest = Guest::new(Kind::Source).manifest("[capabilities.files]\nreason = \"reads\"\n").import(
        "mast:base/files@0.1.0",
        "open",
        "(func $open (param i32 i32 i32 i32))",
    );
    let text = guest.text(path.to_str().unwrap());
    let guest = guest.body(
        "#refresh",
        format!("(loop $more (call $open {text} (i32.const 0) (i32.const {RESULT})) (br $more)) unreachable"),
    );
    let mut spec = spec(Kind::Source);
    spec.grants.files = vec![path];
    let source = source(load(&runtime(), &guest.build(), spec));
    let failure = refresh(&source, Vec::new()).unwrap_err();
    assert!(matches!(failure, CallFailure::Trap(_)), "{failure}");
}
