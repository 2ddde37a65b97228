//! Workers tied to the host's life, and limited.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use mast_ffmpeg::{ExitKind, Launcher, Limits, Look, Sampler, Starts, WorkerSpec};

use crate::script::{PLAYING, Running, none_left, spec};

const HOST: &str = env!("CARGO_BIN_EXE_mast-ffmpeg-test-host");

fn launched(script: &str, limits: Limits) -> WorkerSpec {
    let mut spec = spec(script);
    spec.launcher = Some(Launcher { program: PathBuf::from(HOST), arguments: vec!["launch".into()], limits });
    spec
}

/// Kills the host as the kernel would, then waits for its worker.
#[tokio::test]
async fn a_host_that_is_killed_leaves_no_worker() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("pid");
    // Neither pipes nor signals end this one: it holds nothing open that breaks, and ignores what can be ignored.
    let script = format!(
        "trap '' TERM INT HUP PIPE; exec </dev/null >/dev/null 2>&1; echo $$ > {0}.new; mv {0}.new {0}; exec sleep 600",
        mark.display()
    );
    let mut host = Command::new(HOST).args(["run", &script]).stdin(Stdio::null()).spawn().unwrap();
    crate::script::until("the worker runs", || mark.exists()).await;
    let pid: u32 = std::fs::read_to_string(&mark).unwrap().trim().parse().unwrap();
    assert_eq!(crate::script::members(pid).len(), 1);
    host.kill().unwrap();
    none_left(pid).await;
    host.wait().unwrap();
}

#[tokio::test]
async fn limits_are_set() {
    let script = "echo \"$(nice) $(ulimit -v) $(ulimit -c) $(ulimit -t)\" >&2; exit 1";
    let limits = Limits { memory: Some(1 << 30), cpu_seconds: Some(77), nice: 7 };
    let worker = Running::start(launched(script, limits)).await;
    worker.end().await;
    assert_eq!(worker.log().lines()[0].text, "7 1048576 0 77");
}

/// The host takes what it may; its worker has what the host was started with.
#[tokio::test]
async fn a_worker_gets_the_old_limit_of_descriptors_back() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("limits");
    let script = format!(
        "limit=$(ulimit -Sn); grep 'Max open files' /proc/$PPID/limits > {0}.new; \
         echo \"worker $limit\" >> {0}.new; mv {0}.new {0}",
        mark.display()
    );
    let shell = "ulimit -Sn 700 && exec \"$0\" run \"$1\"";
    let status = Command::new("sh").args(["-c", shell, HOST, &script]).stdin(Stdio::null()).status().unwrap();
    let said = std::fs::read_to_string(&mark).unwrap_or_else(|error| panic!("{error}, and the host said {status}"));
    let soft = said.split_whitespace().nth(3).unwrap();
    assert!(soft != "700" && said.contains("worker 700"), "{said}");
}

#[tokio::test]
async fn a_look_at_a_segment_is_limited_too() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("ffmpeg");
    std::fs::write(&program, "#!/bin/sh\ncat >/dev/null; printf %b \"\\\\0$(nice)\\\\0000\"\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let limits = Limits { nice: 7, ..Limits::default() };
    let launcher = Launcher { program: PathBuf::from(HOST), arguments: vec!["launch".into()], limits };
    let sampler = Sampler { program, launcher: Some(launcher), deadline: std::time::Duration::from_secs(20) };
    let look = Look { pictures: false, sound: true };
    let sample = sampler.sample(&[0x47; 188], look, Starts::by_cores().turn().await).await.unwrap();
    assert_eq!(sample.peak, Some(7));
}

#[tokio::test]
async fn a_leak_ends_the_worker_rather_than_the_machine() {
    let limits = Limits { memory: Some(128 << 20), ..Limits::default() };
    // Waits for the end of a line that never ends.
    let worker = Running::playing(launched(&format!("{PLAYING}; exec tail -n 1 /dev/zero"), limits)).await;
    let exit = worker.end().await;
    assert!(matches!(exit.kind, ExitKind::Failed { .. }), "{exit:?}");
    assert!(exit.reason.contains("memory exhausted"), "{exit}");
}

#[tokio::test]
async fn what_cannot_be_launched_is_told() {
    let mut spec = launched("", Limits::default());
    spec.program = "/no/such/ffmpeg".into();
    let exit = Running::start(spec).await.end().await;
    assert_eq!(exit.kind, ExitKind::Failed { status: 127 });
    assert!(exit.reason.contains("install package ffmpeg"), "{exit}");
}

#[tokio::test]
async fn a_launched_worker_stops_like_any_other() {
    let worker = Running::playing(launched(&format!("{PLAYING}; exec sleep 600"), Limits::default())).await;
    worker.stop();
    assert_eq!(worker.end().await.kind, ExitKind::Stopped { forced: false });
}

#[test]
fn an_orphan_is_not_launched() {
    let wrong = ["launch", "--parent", "1", "--", "/bin/sh", "-c", "echo launched"];
    let mut launched = Command::new(HOST).args(wrong).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let line = BufReader::new(launched.stderr.take().unwrap()).lines().next().unwrap().unwrap();
    assert!(line.contains("is gone"), "{line}");
    assert!(!launched.wait().unwrap().success());
}
