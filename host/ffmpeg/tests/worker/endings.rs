//! How workers end.

use std::time::{Duration, Instant};

use mast_ffmpeg::{ExitKind, Patience, SpawnError, StandardInput, Starts, Worker, WorkerSpec};
use tokio::io::AsyncWriteExt as _;

use crate::script::{DEADLINE, PLAYING, Running, members, none_left, spec, until};

#[tokio::test]
async fn what_does_not_start_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ffmpeg");
    let starts = Starts::new(1, DEADLINE);
    let spawn = async || {
        let spec = WorkerSpec::new(&file, Vec::new(), StandardInput::Null);
        let error = Worker::spawn(spec, starts.turn().await).await.unwrap_err();
        assert!(error.to_string().contains("install package ffmpeg") && !error.is_retryable(), "{error}");
        assert_eq!(starts.free(), 1, "the permit was given back");
        error
    };
    assert!(matches!(spawn().await, SpawnError::NotFound { .. }));
    std::fs::write(&file, "#!/bin/sh\n").unwrap();
    assert!(matches!(spawn().await, SpawnError::NotExecutable { .. }));
}

#[tokio::test]
async fn status_0_is_a_failure_when_nobody_asked() {
    let worker = Running::start(spec("exit 0")).await;
    let exit = worker.end().await;
    assert_eq!(exit.kind, ExitKind::InputEnded);
    assert!(exit.is_failure());
}

#[tokio::test]
async fn an_error_is_the_reason() {
    let script = "echo '[tcp @ 0x5] [error] refused' >&2; echo '[error] rtsp://joe:pw@h.example/x: refused too' >&2; echo bye >&2; exit 1";
    let worker = Running::start(spec(script)).await;
    let exit = worker.end().await;
    assert_eq!(exit.kind, ExitKind::Failed { status: 1 });
    assert_eq!(exit.to_string(), "exited with status 1: tcp: refused; rtsp://h.example/…: refused too");
}

#[tokio::test]
async fn a_crash_is_told() {
    let worker = Running::start(spec("kill -SEGV $$")).await;
    assert_eq!(worker.end().await.reason, "crashed (SIGSEGV)");
}

#[tokio::test]
async fn a_polite_worker_stops_at_once() {
    let mut spec = spec(&format!("{PLAYING}; exec sleep 600"));
    spec.patience = Patience { first: DEADLINE, second: DEADLINE };
    let worker = Running::playing(spec).await;
    worker.stop();
    worker.stop();
    assert_eq!(worker.end().await.kind, ExitKind::Stopped { forced: false });
}

#[tokio::test]
async fn a_second_signal_helps() {
    let script =
        format!("n=0; trap 'n=$((n+1)); [ $n = 2 ] && exit 3' TERM; {PLAYING}; while :; do sleep 600 & wait; done");
    let mut spec = spec(&script);
    spec.patience = Patience { first: Duration::from_millis(100), second: DEADLINE };
    let worker = Running::playing(spec).await;
    let before = Instant::now();
    worker.stop();
    let exit = worker.end().await;
    assert_eq!(exit.kind, ExitKind::Stopped { forced: false });
    assert!(before.elapsed() >= Duration::from_millis(100));
}

#[tokio::test]
async fn who_ignores_signals_is_killed_with_its_children() {
    let script = format!("trap '' TERM INT HUP; sleep 600 & sleep 600 & {PLAYING}; while :; do wait; done");
    let worker = Running::playing(spec(&script)).await;
    until("the children run", || members(worker.pid).len() == 3).await;
    worker.stop();
    let exit = worker.end().await;
    assert_eq!(exit.kind, ExitKind::Stopped { forced: true });
    assert!(!exit.is_failure());
}

#[tokio::test]
async fn children_do_not_outlive_a_worker_that_ends_by_itself() {
    // They hold standard error open, too.
    let worker = Running::start(spec("trap '' TERM; sleep 600 & sleep 600 & exit 1")).await;
    assert_eq!(worker.end().await.kind, ExitKind::Failed { status: 1 });
}

#[tokio::test]
async fn who_does_not_read_makes_the_writer_wait_and_stops_all_the_same() {
    let mut spec = spec(&format!("trap '' TERM; {PLAYING}; sleep 600"));
    spec.input = StandardInput::Pipe;
    let mut worker = Running::playing(spec).await;
    let mut input = worker.take_input().unwrap();
    assert!(worker.take_input().is_none());
    let flood = vec![0; 16 << 20];
    let waits = tokio::time::timeout(Duration::from_millis(200), input.write_all(&flood)).await;
    assert!(waits.is_err(), "16 MiB went into a pipe that nobody reads");
    let writer = tokio::spawn(async move { input.write_all(&flood).await });
    worker.stop();
    let refused = tokio::time::timeout(DEADLINE, writer).await.expect("the writer waits for ever").unwrap();
    assert_eq!(refused.unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
    assert_eq!(worker.end().await.kind, ExitKind::Stopped { forced: true });
}

/// FFmpeg that waits for input does not notice SIGTERM, but it notices the end of its input.
#[tokio::test]
async fn stopping_ends_the_input() {
    let mut spec = spec(&format!("trap '' TERM; {PLAYING}; exec cat"));
    spec.input = StandardInput::Pipe;
    spec.patience = Patience { first: DEADLINE, second: DEADLINE };
    let mut worker = Running::playing(spec).await;
    let _input = worker.take_input().unwrap();
    worker.stop();
    assert_eq!(worker.end().await.kind, ExitKind::Stopped { forced: false });
}

#[tokio::test]
async fn dropping_the_worker_kills_and_its_task_reaps() {
    let worker = Running::playing(spec(&format!("trap '' TERM; sleep 600 & {PLAYING}; wait"))).await;
    let pid = worker.pid;
    let (worker, task) = worker.into_parts();
    drop(worker);
    none_left(pid).await;
    let exit = tokio::time::timeout(DEADLINE, task).await.expect("the task goes on").unwrap();
    assert_eq!(exit.kind, ExitKind::Stopped { forced: true });
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
}

#[tokio::test]
async fn dropping_the_task_kills_and_the_runtime_reaps() {
    let worker = Running::playing(spec(&format!("trap '' TERM; sleep 600 & {PLAYING}; wait"))).await;
    let pid = worker.pid;
    let (worker, task) = worker.into_parts();
    task.abort();
    none_left(pid).await;
    let exit = tokio::time::timeout(DEADLINE, worker.wait()).await.expect("its end is not told");
    assert_eq!(exit.kind, ExitKind::Stopped { forced: true });
    until("reaped", || !std::path::Path::new(&format!("/proc/{pid}")).exists()).await;
}

#[tokio::test]
async fn dropping_both_before_anything_ran_leaves_nothing() {
    let (worker, task) = Worker::spawn(spec("sleep 600 & wait"), Starts::by_cores().turn().await).await.unwrap();
    let pid = worker.pid().unwrap();
    drop((worker, task));
    none_left(pid).await;
}
