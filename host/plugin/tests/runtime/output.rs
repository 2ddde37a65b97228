//! Outputs: routes, responses, what they see of a line, and concurrency.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mast_model::ByteSize;
use mast_plugin::records::{Filter, LineInfo, LineupCategory, LineupChannel, Pairs, Programme, Request};
use mast_plugin::services::{Cursor, Line, ResponseSink, ServiceError};
use mast_plugin::{CallFailure, InstanceSpec, Kind, Output};

use crate::fakes::{Received, load, output, runtime, spec};
use crate::guest::{Guest, RESULT};
use crate::policy::STORE_PAIR;

const RESPONSE: &str = "mast:output/response@0.1.0";
const VIEWS: &str = "mast:output/views@0.1.0";

/// Starts a response and writes the names of the line's channels, two at a time.
fn lister() -> Guest {
    let mut guest = Guest::new(Kind::Output)
        .import(RESPONSE, "[method]response-sink.start", "(func $start (param i32 i32 i32 i32 i32))")
        .import(RESPONSE, "[method]response-sink.write", "(func $write (param i32 i32 i32 i32))")
        .import(
            VIEWS,
            "[method]line.lineup",
            "(func $lineup (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32))",
        )
        .import(VIEWS, "[method]cursor.next", "(func $next (param i32 i32 i32))")
        .import(VIEWS, "[resource-drop]cursor", "(func $drop_cursor (param i32))")
        .more(STORE_PAIR);
    let (live, id, path) = (guest.text("live"), guest.text("list"), guest.text("/list.txt"));
    let (method, how) = (guest.text("GET"), guest.text("public"));
    // A lineup's channel takes 64 bytes; its name lies at 8.
    let handle = format!(
        "(local $out i32) (local $cursor i32) (local $at i32) (local $left i32)
         (local.set $out (i32.load offset=80 (local.get $args)))
         (call $start (local.get $out) (i32.const 200) (i32.const 0) (i32.const 0) (i32.const {RESULT}))
         (if (i32.load8_u offset=72 (local.get $args)) (then
             (local.set $cursor (call $lineup (i32.load offset=76 (local.get $args)) {live}
                 (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
             (loop $batch
                 (call $next (local.get $cursor) (i32.const 2) (i32.const {RESULT}))
                 (local.set $at (i32.load (i32.const {RESULT})))
                 (local.set $left (i32.load offset=4 (i32.const {RESULT})))
                 (if (local.get $left) (then
                     (loop $channel
                         (call $write (local.get $out) (i32.load offset=8 (local.get $at)) (i32.load offset=12 (local.get $at))
                             (i32.const 3000))
                         (local.set $at (i32.add (local.get $at) (i32.const 64)))
                         (local.set $left (i32.sub (local.get $left) (i32.const 1)))
                         (br_if $channel (local.get $left)))
                     (br $batch))))
             (call $drop_cursor (local.get $cursor))))
         (i32.const 3000)"
    );
    guest.body("#handle", handle).body("#routes", routes(&[id, method, path, how]))
}

/// One route; needs `STORE_PAIR`.
fn routes([id, method, path, how]: &[String; 4]) -> String {
    format!(
        "(call $store_pair (i32.const 3100) {id}) (call $store_pair (i32.const 3108) {method})
         (call $store_pair (i32.const 3116) {path}) (call $store_pair (i32.const 3124) {how})
         (call $store_pair (i32.const {RESULT}) (i32.const 3100) (i32.const 1)) (i32.const {RESULT})"
    )
}

/// Answers what asking for a fragment of a channel answers.
fn asks_for_a_fragment_of(channel: u32) -> Output {
    let mut guest = Guest::new(Kind::Output)
        .import(RESPONSE, "[method]response-sink.start", "(func $start (param i32 i32 i32 i32 i32))")
        .import(RESPONSE, "[method]response-sink.fragment", "(func $fragment (param i32 i32 i32 i32 i32 i32))")
        .more(STORE_PAIR);
    let texts = ["list", "GET", "/list.txt", "public"].map(|text| guest.text(text));
    let key = guest.text("key");
    let handle = format!(
        "(local $out i32)
         (local.set $out (i32.load offset=80 (local.get $args)))
         (call $start (local.get $out) (i32.const 200) (i32.const 0) (i32.const 0) (i32.const {RESULT}))
         (call $fragment (local.get $out) (i32.const 1) (i32.const {channel}) {key} (i32.const 3000))
         (i32.const 3000)"
    );
    let guest = guest.body("#handle", handle).body("#routes", routes(&texts));
    output(load(&runtime(), &guest.build(), spec(Kind::Output)))
}

#[test]
fn fragments_are_of_channels_that_the_line_sees() {
    for (channel, line, expected) in [(5, line(), None), (6, line(), Some("not-found")), (5, None, Some("not-found"))] {
        let output = asks_for_a_fragment_of(channel);
        let answered = output.handle(Request::default(), line, Box::new(Received::default()));
        let code = answered.err().map(|error| match error.failure {
            CallFailure::Plugin { code, .. } => code,
            other => panic!("{other}"),
        });
        assert_eq!(code.as_deref(), expected, "{channel}");
    }
}

fn lister_with(change: impl FnOnce(&mut InstanceSpec)) -> Output {
    let mut spec = spec(Kind::Output);
    change(&mut spec);
    output(load(&runtime(), &lister().build(), spec))
}

struct TestLine(Vec<&'static str>);

struct Names(std::vec::IntoIter<&'static str>);

impl Cursor<LineupChannel> for Names {
    fn next(&mut self, max: usize) -> Vec<LineupChannel> {
        let channel = |name: &str| LineupChannel {
            id: 1,
            number: 1,
            name: name.to_owned(),
            category: 1,
            category_name: String::new(),
            logo: String::new(),
            epg_id: String::new(),
            catch_up_days: 0,
            playback: String::new(),
            attrs: Vec::new(),
        };
        self.0.by_ref().take(max).map(channel).collect()
    }
}

impl Cursor<Programme> for Names {
    fn next(&mut self, _: usize) -> Vec<Programme> {
        Vec::new()
    }
}

impl Line for TestLine {
    fn info(&self) -> LineInfo {
        LineInfo {
            username: "anna".to_owned(),
            expires: None,
            max_connections: 1,
            active_connections: 0,
            created: 0,
            attrs: Vec::new(),
        }
    }

    fn categories(&self, _: &str) -> Vec<LineupCategory> {
        Vec::new()
    }

    fn lineup(&self, filter: Filter) -> Box<dyn Cursor<LineupChannel>> {
        assert_eq!(filter.content, "live");
        Box::new(Names(self.0.clone().into_iter()))
    }

    fn guide(&self, _: Option<u32>, _: u64, _: u64) -> Box<dyn Cursor<Programme>> {
        Box::new(Names(Vec::new().into_iter()))
    }

    fn playback(&self, _: u32, _: &str) -> Option<String> {
        None
    }

    fn sees(&self, channel: u32) -> bool {
        (1..=5).contains(&channel)
    }
}

fn line() -> Option<Arc<dyn Line>> {
    Some(Arc::new(TestLine(vec!["One ", "Two ", "Three ", "Four ", "Five"])))
}

#[test]
fn routes_are_asked_for_once_and_a_response_is_written() {
    let output = lister_with(|_| {});
    let [route] = output.routes() else { panic!("{:?}", output.routes()) };
    assert_eq!((route.id.as_str(), route.path.as_str(), route.line.as_str()), ("list", "/list.txt", "public"));
    for (line, expected) in [(line(), "One Two Three Four Five"), (None, "")] {
        let response = Received::default();
        output.handle(Request::default(), line, Box::new(response.clone())).unwrap();
        let response = response.0.lock().unwrap();
        assert_eq!((response.0, std::str::from_utf8(&response.2).unwrap()), (200, expected));
    }
}

#[test]
fn a_line_is_released_after_the_call() {
    let output = lister_with(|_| {});
    let line = line().unwrap();
    output.handle(Request::default(), Some(line.clone()), Box::new(Received::default())).unwrap();
    assert_eq!(Arc::strong_count(&line), 1);
}

/// Says when it was dropped.
struct Counted {
    writes: usize,
    ended: std::sync::mpsc::SyncSender<usize>,
    fails: bool,
}

impl ResponseSink for Counted {
    fn start(&mut self, _: u16, _: Pairs) -> Result<(), ServiceError> {
        Ok(())
    }

    fn write(&mut self, _: bytes::Bytes) -> Result<(), ServiceError> {
        self.writes += 1;
        let gone = ServiceError { code: "cancelled", message: "the viewer is gone".to_owned() };
        if self.fails { Err(gone) } else { Ok(()) }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let _ = self.ended.send(self.writes);
    }
}

#[test]
fn a_response_is_capped_and_errors_reach_the_guest() {
    for (limit, fails, code) in [(9, false, "limit"), (1_000, true, "cancelled")] {
        let output = lister_with(|spec| spec.limits.response = ByteSize(limit));
        let (ended, has_ended) = std::sync::mpsc::sync_channel(1);
        let sink = Box::new(Counted { writes: 0, ended, fails });
        // The guest hands back the error of its last write.
        let error = output.handle(Request::default(), line(), sink).unwrap_err();
        assert!(matches!(&error.failure, CallFailure::Plugin { code: found, .. } if found == code), "{error}");
        let writes = has_ended.recv().unwrap();
        assert_eq!(writes, if fails { 5 } else { 2 });
    }
}

/// Takes longer for each write than a call may take.
struct Slow;

impl ResponseSink for Slow {
    fn start(&mut self, _: u16, _: Pairs) -> Result<(), ServiceError> {
        Ok(())
    }

    fn write(&mut self, _: bytes::Bytes) -> Result<(), ServiceError> {
        let until = Instant::now() + Duration::from_millis(120);
        while Instant::now() < until {
            std::thread::park_timeout(until.saturating_duration_since(Instant::now()));
        }
        Ok(())
    }
}

#[test]
fn a_slow_viewer_is_not_held_against_the_plugin() {
    let output = lister_with(|spec| spec.limits.call = Duration::from_millis(100));
    output.handle(Request::default(), line(), Box::new(Slow)).unwrap();
}

#[test]
fn a_trap_drops_the_sink() {
    let guest = Guest::new(Kind::Output).body("#handle", "unreachable");
    let output = output(load(&runtime(), &guest.build(), spec(Kind::Output)));
    for _ in 0..300 {
        let (ended, has_ended) = std::sync::mpsc::sync_channel(1);
        let sink = Box::new(Counted { writes: 0, ended, fails: false });
        let error = output.handle(Request::default(), line(), sink).unwrap_err();
        assert!(matches!(error.failure, CallFailure::Trap(_)), "{error}");
        assert_eq!(has_ended.recv(), Ok(0));
    }
}

#[test]
fn more_viewers_than_slots_wait_for_their_turn() {
    let output = lister_with(|_| {});
    std::thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| {
                let response = Received::default();
                output.handle(Request::default(), line(), Box::new(response.clone())).unwrap();
                assert_eq!(response.0.lock().unwrap().2, b"One Two Three Four Five");
            });
        }
    });
}
