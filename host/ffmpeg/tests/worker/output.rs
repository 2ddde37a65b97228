//! What workers write.

use std::time::Duration;

use mast_ffmpeg::{ExitKind, Redactor, StandardInput, Starts, Worker};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::script::{DEADLINE, PLAYING, Running, spec, until};

#[tokio::test]
async fn media_go_through() {
    let mut spec = spec("cat; exit 1");
    spec.input = StandardInput::Pipe;
    let mut worker = Running::start(spec).await;
    let (mut input, mut output) = (worker.take_input().unwrap(), worker.take_output().unwrap());
    let media: Vec<u8> = (0..1 << 20).map(|i| (i % 251) as u8).collect();
    let sent = media.clone();
    let writer = tokio::spawn(async move {
        input.write_all(&sent).await.unwrap();
        input.shutdown().await.unwrap();
        input
    });
    let mut received = Vec::new();
    tokio::time::timeout(DEADLINE, output.read_to_end(&mut received)).await.expect("the output never ends").unwrap();
    assert!(received == media);
    writer.await.unwrap();
    assert_eq!(worker.end().await.kind, ExitKind::Failed { status: 1 });
}

#[tokio::test]
async fn progress_with_garbage_in_it() {
    let script = "printf 'frame=7\\nfps=25\\n[warning] \\033[31mframe=99\\n\\377\\376\\nspeed=1.5x\\nout_time_us=N/A\\ndrop_frames=2\\n' >&2
        printf 'total_size=188\\nprogress=contin' >&2; printf 'ue\\n' >&2; sleep 600";
    let worker = Running::playing(spec(script)).await;
    let progress = *worker.progress().borrow();
    let counters = progress.counters;
    assert_eq!((counters.frame, counters.bytes, counters.dropped, counters.speed), (7, 188, 2, Some(1.5)));
    assert!(progress.at.is_some() && progress.at == progress.advanced_at);
    let log: Vec<String> = worker.log().lines().into_iter().map(|line| line.text).collect();
    assert_eq!(log, [" [31mframe=99".trim(), "\u{fffd}\u{fffd}"]);
    worker.kill();
    assert_eq!(worker.end().await.kind, ExitKind::Stopped { forced: true });
}

/// The log must not make a stalled worker look alive.
#[tokio::test]
async fn what_does_not_advance_is_seen() {
    let script = format!("{PLAYING}; read _; {PLAYING}; echo '[warning] x' >&2; sleep 600");
    let mut spec = spec(&script);
    spec.input = StandardInput::Pipe;
    let mut worker = Running::playing(spec).await;
    let before = *worker.progress().borrow();
    let mut progress = worker.progress();
    worker.take_input().unwrap().write_all(b"go\n").await.unwrap();
    let again = progress.wait_for(|progress| progress.at > before.at);
    let again = *tokio::time::timeout(DEADLINE, again).await.expect("no second block").unwrap();
    assert_eq!(again.advanced_at, before.advanced_at);
    worker.stop();
    worker.end().await;
}

#[tokio::test]
async fn credentials_stay_out_of_the_log() {
    let script = "echo '[error] http://joe:hush1@h.example/live/joe/hush1/7.ts: 404' >&2; echo '[error] GET /live/joe/hush1/7.ts' >&2; sleep 600";
    let mut spec = spec(script);
    spec.redactor = Redactor::default();
    spec.redactor.hide_url("http://joe:hush1@h.example/live/joe/hush1/7.ts");
    let worker = Running::start(spec).await;
    let log = worker.log();
    until("both lines came", || log.written() == 2).await;
    let lines: Vec<String> = log.lines().into_iter().map(|line| line.text).collect();
    assert_eq!(lines, ["http://h.example/…: 404", "GET …"]);
    worker.stop();
    worker.end().await;
}

#[tokio::test]
async fn a_flood_neither_fills_memory_nor_stops_the_worker() {
    let flood = "yes '[h264 @ 0x5] [warning] error while decoding MB 17 31, bytestream -5, see http://h.example/x' | head -c 50000000 >&2
        head -c 50000000 /dev/zero >&2; echo >&2";
    let worker = Running::playing(spec(&format!("{flood}; {PLAYING}; exec sleep 600"))).await;
    let lines = worker.log().lines();
    assert!(lines.len() <= 200 && lines.iter().all(|line| line.text.len() <= 2048), "{}", lines.len());
    assert!(worker.log().written() > 500_000);
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 150_000, "{peak} KiB");
    worker.stop();
    assert_eq!(worker.end().await.kind, ExitKind::Stopped { forced: false });
}

#[tokio::test]
async fn nothing_is_inherited() {
    let worker = Running::start(spec("env | cut -d= -f1 | sort | tr '\\n' ' ' >&2; pwd >&2; exit 1")).await;
    worker.end().await;
    let lines = worker.log().lines();
    // The shell itself adds some.
    let names: Vec<&str> =
        lines[0].text.split_whitespace().filter(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name)).collect();
    assert_eq!(names, ["LC_ALL", "PATH", "/"]);
}

#[tokio::test]
async fn a_start_is_over_with_the_first_media_the_end_or_its_time() {
    let starts = Starts::new(1, DEADLINE);
    let spawn = async |starts: &Starts, script: &str| {
        let (worker, task) = Worker::spawn(spec(script), starts.turn().await).await.unwrap();
        (worker, tokio::spawn(task.run()))
    };
    let free = async |starts: &Starts| until("a start is free", || starts.free() == 1).await;
    let (_playing, _) = spawn(&starts, &format!("{PLAYING}; sleep 600")).await;
    free(&starts).await;
    let (_ended, _) = spawn(&starts, "exit 1").await;
    free(&starts).await;
    let (silent, _) = spawn(&starts, "echo '[warning] x' >&2; sleep 600").await;
    until("it ran", || silent.log().written() == 1).await;
    assert_eq!(starts.free(), 0, "a log line is no progress");
    silent.stop();
    free(&starts).await;
    let short = Starts::new(1, Duration::from_millis(50));
    let (_silent, _) = spawn(&short, "sleep 600").await;
    free(&short).await;
}
