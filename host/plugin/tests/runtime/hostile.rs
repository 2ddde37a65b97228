//! Guests that try to do harm. Each must come to a named end, and the calls after it must work.

use std::sync::Arc;
use std::time::Duration;

use mast_plugin::records::AuthRequest;
use mast_plugin::{CallFailure, Kind, LoadFailure};

use crate::fakes::{Collected, brief, load, policy, runtime, source, spec, wait};
use crate::guest::Guest;

const SPIN: &str = "(loop $again (br $again)) unreachable";

fn ends(guest: Guest, kind: Kind) -> CallFailure {
    let runtime = runtime();
    match kind {
        Kind::Auth => {
            policy(load(&runtime, &guest.build(), brief(kind))).decide(&AuthRequest::default()).unwrap_err().failure
        }
        _ => {
            let source = source(load(&runtime, &guest.build(), brief(kind)));
            wait(source.refresh(Box::new(Collected::default()), Vec::new())).unwrap_err().failure
        }
    }
}

#[test]
fn spinning_in_a_call_meets_the_deadline() {
    let limit = Duration::from_millis(50);
    let failure = ends(Guest::new(Kind::Auth).body("#decide", SPIN), Kind::Auth);
    assert!(matches!(failure, CallFailure::Deadline(after) if after == limit), "{failure}");
    assert_eq!(failure.to_string(), "took longer than 50ms; raise [limits] call if that is expected");
    let failure = ends(Guest::new(Kind::Source).body("#refresh", SPIN), Kind::Source);
    assert!(matches!(failure, CallFailure::Deadline(after) if after == limit), "{failure}");
}

#[test]
fn spinning_while_it_is_started_meets_the_deadline() {
    for (kind, place) in [(Kind::Auth, "lifecycle.init"), (Kind::Source, "lifecycle.init")] {
        let guest = Guest::new(kind).body("#init", SPIN);
        let error = load(&runtime(), &guest.build(), brief(kind)).err().unwrap();
        assert!(matches!(&error.failure, LoadFailure::Init { function, .. } if *function == place), "{error}");
        assert!(error.to_string().contains("took longer than 50ms"), "{error}");
        let guest = Guest::new(kind).more("(func $start (loop $again (br $again))) (start $start)");
        let error = load(&runtime(), &guest.build(), brief(kind)).err().unwrap();
        assert!(error.to_string().contains("took longer than 50ms"), "{error}");
    }
}

#[test]
fn spinning_in_realloc_meets_the_deadline() {
    const SPINNING: &str =
        "(func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (loop $again (br $again)) unreachable)";
    let runtime = runtime();
    let guest = Guest::new(Kind::Auth).realloc(SPINNING);
    let policy = policy(load(&runtime, &guest.build(), brief(Kind::Auth)));
    let request = AuthRequest { username: "anna".to_owned(), ..AuthRequest::default() };
    let failure = policy.decide(&request).unwrap_err().failure;
    assert!(matches!(failure, CallFailure::Deadline(_)), "{failure}");
}

#[test]
fn spinning_sources_do_not_hold_up_others() {
    let runtime = runtime();
    let mut slow = brief(Kind::Source);
    slow.limits.call = Duration::from_secs(3_600);
    let spinning = source(load(&runtime, &Guest::new(Kind::Source).body("#refresh", SPIN).build(), slow));
    let good = source(load(&runtime, &Guest::new(Kind::Source).build(), spec(Kind::Source)));
    wait(async {
        // More of them than there are batch threads; they are dropped at the end, which stops them.
        let spin = || spinning.refresh(Box::new(Collected::default()), Vec::new());
        let hold = async { tokio::join!(spin(), spin(), spin(), spin()) };
        let refresh = good.refresh(Box::new(Collected::default()), Vec::new());
        tokio::select! {
            biased;
            _ = hold => panic!("a spinning guest came back"),
            refreshed = refresh => assert!(!refreshed.unwrap().unchanged),
        }
        // A dropped call gives its turn back: there are eight, and all can be had again and again.
        for _ in 0..4 {
            let all = async { tokio::join!(spin(), spin(), spin(), spin()) };
            let brief = tokio::time::timeout(Duration::from_millis(20), all);
            assert!(brief.await.is_err());
        }
        let after = good.refresh(Box::new(Collected::default()), Vec::new());
        assert!(after.await.is_ok());
    });
}

#[test]
fn a_trap_carries_the_panic_and_the_last_lines() {
    let mut guest = Guest::new(Kind::Source).log();
    let line = guest.text("reading line 7");
    let panic = guest.text("panicked at src/lib.rs:3:5:\nno such thing");
    let body = format!("(call $log (i32.const 2) {line}) (call $log (i32.const 4) {panic}) unreachable");
    let guest = guest.body("#refresh", body);
    let source = source(load(&runtime(), &guest.build(), spec(Kind::Source)));
    let error = wait(source.refresh(Box::new(Collected::default()), Vec::new())).unwrap_err();
    assert_eq!(
        error.to_string(),
        "provider (test-source 1.2.3): catalog.refresh: trapped: panicked at src/lib.rs:3:5: no such thing; \
         last log lines: reading line 7"
    );
}

#[test]
fn a_memory_bomb_is_named() {
    let bomb = "(loop $more (br_if $more (i32.ne (i32.const -1) (memory.grow (i32.const 1))))) unreachable";
    for kind in [Kind::Auth, Kind::Source] {
        let export = if kind == Kind::Auth { "#decide" } else { "#refresh" };
        let mut spec = spec(kind);
        spec.limits.memory = mast_model::ByteSize::mib(1);
        let guest = Guest::new(kind).body(export, bomb).build();
        let failure = match kind {
            Kind::Auth => policy(load(&runtime(), &guest, spec)).decide(&AuthRequest::default()).unwrap_err().failure,
            _ => {
                let source = source(load(&runtime(), &guest, spec));
                wait(source.refresh(Box::new(Collected::default()), Vec::new())).unwrap_err().failure
            }
        };
        assert!(matches!(failure, CallFailure::Memory(_)), "{failure}");
        assert_eq!(failure.to_string(), "needs more than 1MiB of memory; raise [limits] memory if that is expected");
    }
}

#[test]
fn more_memory_than_allowed_at_the_start_is_named() {
    for kind in [Kind::Auth, Kind::Source] {
        let error = load(&runtime(), &Guest::new(kind).pages(100).build(), spec(kind)).err().unwrap();
        assert!(matches!(error.failure, LoadFailure::Memory(_)), "{error}");
    }
    // More than a slot of the pool holds at all.
    let error = load(&runtime(), &Guest::new(Kind::Auth).pages(5_000).build(), spec(Kind::Auth)).err().unwrap();
    assert!(matches!(error.failure, LoadFailure::Compile(_)), "{error}");
}

#[test]
fn endless_recursion_and_table_growth_end() {
    let guest = Guest::new(Kind::Auth)
        .more("(func $deep (param i64) (result i64) (i64.add (call $deep (local.get 0)) (i64.const 1)))")
        .body("#decide", "(drop (call $deep (i64.const 0))) unreachable");
    let failure = ends(guest, Kind::Auth);
    assert!(matches!(&failure, CallFailure::Trap(text) if text.contains("stack")), "{failure}");
    let guest = Guest::new(Kind::Source)
        .more("(table $t 1 funcref)")
        .body("#refresh", "(loop $more (br_if $more (i32.ne (i32.const -1) (table.grow $t (ref.null func) (i32.const 1000))))) unreachable");
    let failure = ends(guest, Kind::Source);
    assert!(matches!(failure, CallFailure::Trap(_) | CallFailure::Deadline(_)), "{failure}");
}

#[test]
fn an_endless_log_ends_at_the_deadline_and_is_thinned() {
    let lines = Arc::new(counted::Lines::default());
    let failure = tracing::subscriber::with_default(Arc::clone(&lines), || {
        let mut guest = Guest::new(Kind::Auth).log();
        let text = guest.text(&"x".repeat(1_000));
        ends(
            guest.body("#decide", format!("(loop $again (call $log (i32.const 2) {text}) (br $again)) unreachable")),
            Kind::Auth,
        )
    });
    assert!(matches!(failure, CallFailure::Deadline(_)), "{failure}");
    // 200 in each second begun, of the hundreds of thousands that were written.
    let count = lines.count();
    assert!((100..=2_000).contains(&count), "{count} lines");
}

#[test]
fn a_huge_string_or_one_outside_memory_ends_the_call() {
    for (address, length) in [(0_u32, 0x7fff_ffff_u32), (0xffff_fff0, 0x100), (0, 0xffff_ffff)] {
        let call = format!("(call $log (i32.const 2) (i32.const {address}) (i32.const {length})) unreachable");
        let failure = ends(Guest::new(Kind::Auth).log().body("#decide", call), Kind::Auth);
        assert!(matches!(failure, CallFailure::Trap(_)), "{failure}");
    }
    // Within the guest's memory, but more than a call may hand over.
    let mut spec = spec(Kind::Auth);
    spec.limits.memory = mast_model::ByteSize::mib(64);
    let guest = Guest::new(Kind::Auth)
        .log()
        .pages(512)
        .body("#decide", format!("(call $log (i32.const 2) (i32.const 0) (i32.const {})) unreachable", 512 * 65_536));
    let failure = policy(load(&runtime(), &guest.build(), spec)).decide(&AuthRequest::default()).unwrap_err().failure;
    assert!(matches!(failure, CallFailure::Trap(_)), "{failure}");
}

#[test]
fn bad_utf8_and_bad_discriminants_end_the_call() {
    let guest = Guest::new(Kind::Auth)
        .log()
        .body("#decide", "(i32.store8 (i32.const 3000) (i32.const 255)) (call $log (i32.const 2) (i32.const 3000) (i32.const 1)) unreachable");
    let failure = ends(guest, Kind::Auth);
    assert!(matches!(&failure, CallFailure::Trap(text) if text.contains("utf-8")), "{failure}");
    let guest = Guest::new(Kind::Auth)
        .log()
        .body("#decide", "(call $log (i32.const 77) (i32.const 0) (i32.const 0)) unreachable");
    assert!(matches!(ends(guest, Kind::Auth), CallFailure::Trap(_)));
    let guest = Guest::new(Kind::Auth).body("#decide", "(i32.store8 (i32.const 3000) (i32.const 9)) (i32.const 3000)");
    assert!(matches!(ends(guest, Kind::Auth), CallFailure::Trap(_)));
}

#[test]
fn a_trap_is_not_the_end_of_the_plugin() {
    let runtime = runtime();
    let guest = Guest::new(Kind::Source).body("#refresh", "unreachable");
    let source = source(load(&runtime, &guest.build(), spec(Kind::Source)));
    for _ in 0..50 {
        let error = wait(source.refresh(Box::new(Collected::default()), Vec::new())).unwrap_err();
        assert!(matches!(&error.failure, CallFailure::Trap(text) if text.contains("unreachable")), "{error}");
    }
}

/// Counts events.
mod counted {
    use std::sync::atomic::{AtomicU64, Ordering};

    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    #[derive(Default)]
    pub struct Lines(AtomicU64);

    impl Lines {
        pub fn count(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }
    }

    impl Subscriber for Lines {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target().starts_with("mast_plugin")
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, _: &Event<'_>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }
}
