//! A host in a folder of its own: the built binary, a configuration with port 0, stopped when the test ends.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex, Once};
use std::time::{Duration, Instant};

use mast_upstream::Upstream;
use tempfile::TempDir;

use crate::SOON;

/// Settings that make tests quick; a test appends its own.
const BASE: &str = r#"
[http]
listen = "127.0.0.1:0"
[log]
format = "json"
level = "info,mast=debug"
"#;

const TUNER: &str = r#"
[tuner]
idle_timeout = "1s"
start_timeout = "15s"
connect_timeout = "2s"
stall_timeout = "2s"
backoff_min = "100ms"
backoff_max = "500ms"
[hls]
segment_duration = "1s"
"#;

/// One plugin instance file.
#[derive(Debug, Clone)]
pub struct Instance {
    /// The file's stem.
    pub name: String,
    /// The file's content.
    pub text: String,
}

impl Instance {
    /// A file with this content.
    pub fn new(name: &str, text: impl Into<String>) -> Self {
        Self { name: name.to_owned(), text: text.into() }
    }

    /// A `source-m3u` that reads `path` of an upstream and may fetch whatever the upstream serves.
    pub fn m3u_source(name: &str, upstream: &Upstream, path: &str) -> Self {
        Self::source(name, "source-m3u", upstream, path)
    }

    /// The same instance with more text at its end.
    #[must_use]
    pub fn with(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self
    }

    /// A source plugin with a `url` setting, refreshed every ten seconds, the shortest interval there is.
    pub fn source(name: &str, plugin: &str, upstream: &Upstream, path: &str) -> Self {
        let (url, base) = (upstream.at(path), upstream.at(""));
        Self::new(
            name,
            format!(
                "kind = \"source\"\nplugin = \"{plugin}\"\n[config]\nurl = \"{url}\"\nrefresh = \"10s\"\n[grant]\n\
                 http = [\"{base}\"]\nupstream = [\"http://127.0.0.1\", \"{base}\"]\nnet_allow_private = [\"127.0.0.0/8\"]\n"
            ),
        )
    }

    /// The `output-m3u` plugin.
    pub fn m3u_output(name: &str) -> Self {
        Self::new(name, "kind = \"output\"\nplugin = \"output-m3u\"\n")
    }
}

/// A line with its credentials.
#[derive(Debug, Clone)]
pub struct LineAccount {
    /// Its username.
    pub username: String,
    /// Its password.
    pub password: String,
    /// Its token.
    pub token: String,
}

/// Lines that the process wrote, and a signal for each.
#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    grown: Condvar,
}

/// A host.
pub struct TestHost {
    folder: TempDir,
    child: Option<Child>,
    log: Arc<Log>,
    address: SocketAddr,
    /// What starts the server, and with which variables; a test's own.
    under: (Vec<String>, Vec<(String, String)>),
}

impl TestHost {
    /// Starts a host with these instances.
    pub fn start(instances: &[Instance]) -> Self {
        Self::start_with(TUNER, instances)
    }

    /// Starts a host with more settings than the base ones (which leave `[tuner]` and `[hls]` to the caller).
    pub fn start_with(settings: &str, instances: &[Instance]) -> Self {
        let mut host = Self::prepare(settings, instances);
        host.run();
        host
    }

    /// Writes the files of a host that does not run yet.
    pub fn prepare(settings: &str, instances: &[Instance]) -> Self {
        remember_panics();
        let folder = TempDir::with_prefix("mast-test-").unwrap();
        std::fs::create_dir(folder.path().join("plugins.d")).unwrap();
        std::fs::write(folder.path().join("mast.toml"), format!("{BASE}{settings}")).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let host = Self { folder, child: None, log: Arc::default(), address, under: Default::default() };
        instances.iter().for_each(|instance| host.write_instance(instance));
        host
    }

    /// Has the server started by another program, which becomes it (`exec`), and with these variables.
    pub fn start_under(&mut self, program: &[&str], variables: &[(&str, &str)]) {
        let owned = |text: &&str| (*text).to_owned();
        let variables = variables.iter().map(|(name, value)| (owned(name), owned(value))).collect();
        self.under = (program.iter().map(owned).collect(), variables);
    }

    /// Starts the process and waits until it listens.
    pub fn run(&mut self) {
        assert!(self.child.is_none(), "the host runs already");
        let seen = self.log.lines.lock().unwrap().len();
        let (wrapper, variables) = &self.under;
        let mut command = self.command(&["serve"]);
        if let [program, arguments @ ..] = wrapper.as_slice() {
            let mut under = Command::new(program);
            under.args(arguments).arg(binary()).args(command.get_args());
            command = under;
        }
        command.envs(variables.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", binary().display()));
        follow(child.stdout.take().unwrap(), self.log.clone());
        follow(child.stderr.take().unwrap(), self.log.clone());
        self.child = Some(child);
        let listening = self.wait_for_line_after(seen, "the host listens", |line| listening(line).is_some());
        self.address = listening.as_deref().and_then(listening_address).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).arg("--config").arg(self.folder.path().join("mast.toml"));
        command
    }

    /// Runs another command of the binary on this host's configuration.
    pub fn mast(&self, arguments: &[&str]) -> Output {
        self.command(arguments).stdin(Stdio::null()).output().unwrap()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A URL on this host; the path starts with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The folder with `mast.toml`, `plugins.d` and `data`.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes (or replaces, in one step) an instance file.
    pub fn write_instance(&self, instance: &Instance) {
        let folder = self.folder.path().join("plugins.d");
        let draft = folder.join(format!(".{}.draft", instance.name));
        std::fs::write(&draft, &instance.text).unwrap();
        std::fs::rename(draft, folder.join(format!("{}.toml", instance.name))).unwrap();
    }

    /// Adds to `mast.toml`, which the next start reads.
    pub fn append_settings(&self, settings: &str) {
        let path = self.folder.path().join("mast.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, format!("{text}\n{settings}")).unwrap();
    }

    /// Adds to the `[http]` section of `mast.toml`, which the next start reads.
    pub fn set_http(&self, settings: &str) {
        let path = self.folder.path().join("mast.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, text.replacen("[http]\n", &format!("[http]\n{settings}\n"), 1)).unwrap();
    }

    /// Removes an instance file.
    pub fn remove_instance(&self, name: &str) {
        std::fs::remove_file(self.folder.path().join(format!("plugins.d/{name}.toml"))).unwrap();
    }

    /// Adds a line with the password `secret-USERNAME`; `more` are further arguments of `mast line add`.
    pub fn add_line(&self, username: &str, more: &[&str]) -> LineAccount {
        let password = format!("secret-{username}");
        let mut arguments = vec!["line", "add", "--json", "--username", username, "--password", &password];
        arguments.extend(more);
        let output = self.mast(&arguments);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        let answer: serde_json::Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
        let token = answer["token"].as_str().unwrap_or_else(|| panic!("a token in {answer}")).to_owned();
        LineAccount { username: username.to_owned(), password, token }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the host runs").id()
    }

    /// The processes that it started and that still run.
    pub fn workers(&self) -> Vec<u32> {
        let child = self.child.as_ref().expect("the host runs");
        descendants(child.id()).into_iter().filter(|pid| is_alive(*pid)).collect()
    }

    /// Ends the process with SIGKILL.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("the host runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Ends the process with SIGTERM and waits for it.
    pub fn stop(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("the host runs");
        let below = descendants(child.id());
        let status = terminate(&mut child);
        let status = status.unwrap_or_else(|| self.fail("it did not end within a minute of SIGTERM"));
        let left: Vec<u32> = below.into_iter().filter(|pid| is_alive(*pid)).collect();
        if !left.is_empty() {
            self.fail::<()>(&format!("it left processes behind: {left:?}"));
        }
        status
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        self.log.lines.lock().unwrap().join("\n")
    }

    /// How many log lines there are, to look only at later ones.
    pub fn log_length(&self) -> usize {
        self.log.lines.lock().unwrap().len()
    }

    /// Waits for a log line that contains all of these texts.
    pub fn wait_for_log(&self, texts: &[&str]) -> String {
        self.wait_for_log_after(0, texts)
    }

    /// Waits for such a line after the first `seen` ones.
    pub fn wait_for_log_after(&self, seen: usize, texts: &[&str]) -> String {
        let found = self.wait_for_line_after(seen, &format!("a log line with {texts:?}"), |line| {
            texts.iter().all(|text| line.contains(text))
        });
        found.unwrap()
    }

    fn wait_for_line_after(&self, seen: usize, what: &str, wanted: impl Fn(&str) -> bool) -> Option<String> {
        let deadline = Instant::now() + SOON;
        let mut lines = self.log.lines.lock().unwrap();
        loop {
            if let Some(line) = lines.iter().skip(seen).find(|line| wanted(line)) {
                return Some(line.clone());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(lines);
                self.fail::<()>(&format!("not within {SOON:?}: {what}"));
                return None;
            }
            lines = self.log.grown.wait_timeout(lines, left.min(Duration::from_millis(500))).unwrap().0;
        }
    }

    fn fail<T>(&self, why: &str) -> T {
        panic!("the host: {why}. Its log:\n{}", self.log());
    }
}

impl Drop for TestHost {
    fn drop(&mut self) {
        if std::thread::panicking() {
            if let Some(mut child) = self.child.take() {
                // The test has failed already; its folder must still not be left behind with a process in it.
                let _ = child.kill();
                let _ = child.wait();
            }
            print_log(&self.log());
        } else if self.child.is_some() {
            let status = self.stop();
            if !status.success() {
                self.fail::<()>(&format!("it ended with {status} after SIGTERM"));
            }
        }
    }
}

#[allow(clippy::print_stderr, reason = "shown by the test runner where a test failed")]
fn print_log(log: &str) {
    let why = PANIC.lock().map(|why| why.clone()).unwrap_or_default();
    eprintln!("--- log of the host ---\n{log}\n--- end of the log; the test had failed with ---\n{why}");
}

/// Why the test fails. Said again below the log: whoever sees only the end of the output still sees the reason.
static PANIC: Mutex<String> = Mutex::new(String::new());

fn remember_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if let Ok(mut why) = PANIC.lock() {
                *why = panic.to_string();
            }
            before(panic);
        }));
    });
}

/// The built binary, next to this test's.
fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).unwrap();
    let binary = profile.join("mast");
    assert!(binary.exists(), "{} is not there: run the tests with --workspace", binary.display());
    binary
}

fn follow(output: impl std::io::Read + Send + 'static, log: Arc<Log>) {
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            log.lines.lock().unwrap().push(line);
            log.grown.notify_all();
        }
    });
}

fn listening(line: &str) -> Option<&str> {
    line.contains("listening").then(|| line.split_once("127.0.0.1:")).flatten().map(|(_, rest)| rest)
}

fn listening_address(line: &str) -> Option<SocketAddr> {
    let port: String = listening(line)?.chars().take_while(char::is_ascii_digit).collect();
    Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?)))
}

/// None when it did not end in time; it is killed then.
fn terminate(child: &mut Child) -> Option<ExitStatus> {
    let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(sent.success(), "SIGTERM could not be sent");
    let deadline = Instant::now() + SOON;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        #[allow(
            clippy::disallowed_methods,
            reason = "polls a process with a deadline, also while the runtime is going down"
        )]
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// Processes below this one, from /proc.
fn descendants(pid: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| {
            let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            Some((pid, stat(pid)?.1))
        })
        .collect();
    let mut found = vec![pid];
    let mut next = 0;
    while next < found.len() {
        let parent = found[next];
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(child, _)| *child));
        next += 1;
    }
    found.split_off(1)
}

/// State and parent.
fn stat(pid: u32) -> Option<(char, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

/// Whether a process runs. A zombie whose parent is gone is nobody's fault here.
pub fn is_alive(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != 'Z')
}
