//! The command line through the built binary.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use mast::accounts::Accounts;
use mast::admin::{Admin, AdminDeps, ControlSocket, StatusPart};
use mast::backups::Backups;
use mast::catalog::Catalog;
use mast::delivery::config::LimitsConfig;
use mast::devices::Devices;
use mast::events::Events;
use mast::operators::Operators;
use mast::resellers::Resellers;
use mast::sessions::Sessions;
use mast_store::StateStore;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A folder with a `mast.toml` and an empty `plugins.d`.
struct Installation(TempDir);

struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Installation {
    fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("mast.toml"), config).expect("the folder is writable");
        std::fs::create_dir(folder.path().join("plugins.d")).expect("the folder is writable");
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mast"));
        command.args(args).arg("--config").arg(self.path().join("mast.toml"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.shown(&self.command(args).output().expect("the binary runs"))
    }

    /// Runs a command that must succeed and reads its answer.
    fn json(&self, args: &[&str]) -> Value {
        let ran = self.run(&[args, &["--json"]].concat());
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        serde_json::from_str(&ran.stdout).expect("JSON")
    }

    /// Output with the folder's name, which is another one each time, taken out.
    fn shown(&self, output: &Output) -> Ran {
        let text = |bytes: &[u8]| {
            String::from_utf8_lossy(bytes).replace(&*self.path().to_string_lossy(), "FOLDER").trim_end().to_owned()
        };
        Ran {
            code: output.status.code().expect("not killed"),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }
}

const ANNA: [&str; 6] = ["line", "add", "--username", "anna", "--password", "hunter2"];

fn add(more: &[&'static str]) -> Vec<&'static str> {
    [&ANNA, more].concat()
}

#[test]
fn lines_without_a_server() {
    let mast = Installation::new("[bouquet.sports]\nchannels = [1]");
    let token = "ab".repeat(32);
    let ran = mast.run(&[&ANNA[..], &["--token", &token, "--bouquet", "sports", "--max-connections", "2"]].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(ran.stdout);

    let mut command = mast.command(&["line", "add", "--username", "b&n", "--password-stdin", "--json"]);
    command.args(["--expires", "2020-01-01T00:00:00+01:00", "--mac", "00-1A-79-00-00-01"]).stdin(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    child.stdin.take().expect("piped").write_all("pass word\n".as_bytes()).expect("the child reads");
    let ran = mast.shown(&child.wait_with_output().expect("the child ends"));
    let ben: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(ben["expires"], json!("2019-12-31T23:00:00Z"));
    assert_eq!(ben["macs"], json!(["00:1a:79:00:00:01"]));
    let url = "http://127.0.0.1:8080/get.php?username=b%26n&password=pass%20word&type=m3u_plus&output=ts";
    assert_eq!(ben["urls"]["m3u"], json!(url));

    assert_eq!(mast.run(&["line", "disable", "--username", "anna"]).stdout, "line \"anna\" is disabled");
    insta::assert_snapshot!(mast.run(&["line", "list"]).stdout);
    assert_eq!(mast.json(&["line", "enable", "--username", "anna"])["active"], json!(true));

    let list = mast.json(&["line", "list"]);
    let lines = list["lines"].as_array().expect("a list");
    assert_eq!(lines.iter().map(|line| &line["username"]).collect::<Vec<_>>(), ["anna", "b&n"]);
    assert_eq!(lines[0]["token"], json!(token));
    assert!(lines[1].get("urls").is_none() && lines[1].get("password").is_none());
}

#[test]
fn what_is_refused_says_why() {
    let mast = Installation::new("");
    assert_eq!(mast.run(&ANNA).code, 0);
    let cases = [
        add(&[]),
        add(&["--json"]),
        add(&["--expires", "tomorrow"]),
        add(&["--bouquet", "sports"]),
        add(&["--max-connections", "0"]),
        add(&["--max-connections", "many"]),
        add(&["--token", "short"]),
        add(&["--mac", "nonsense"]),
        add(&["--password-stdin"]),
        vec!["line", "add", "--username", "a b", "--password", "x"],
        vec!["line", "add", "--username", "ben", "--password-stdin"],
        vec!["line", "add", "--username", "ben"],
        vec!["line", "disable", "--username", "nobody"],
        vec!["line", "disable", "--username", "nobody", "--json"],
    ];
    let report = cases.iter().fold(String::new(), |all, args| {
        let ran = mast.run(args);
        format!("{all}mast {}\n[{}] {}{}\n\n", args.join(" "), ran.code, ran.stdout, ran.stderr)
    });
    insta::assert_snapshot!(report);
    assert_eq!(mast.json(&["line", "list"])["lines"].as_array().map(Vec::len), Some(1));
}

#[test]
fn check_reports_everything_at_once() {
    let mast =
        Installation::new("[http]\nlisen = \"127.0.0.1:80\"\nlisten = 1\n[bouquet.sports]\nsources = [\"provder\"]");
    let instance = |name: &str, text: &str| {
        std::fs::write(mast.path().join("plugins.d").join(name), text).expect("the folder is writable");
    };
    instance("provider.toml", "kind = \"source\"\nplugin = \"source-m3u\"\nenable = true\n[grant]\nkv = \"lots\"");
    instance("Other.toml", "");
    instance(".hidden.toml", "nonsense");
    instance("notes.txt", "nonsense");
    let ran = mast.run(&["check"]);
    insta::assert_snapshot!(format!("[{}]\n{}\n{}", ran.code, ran.stdout, ran.stderr));

    let ran = mast.run(&["check", "--json"]);
    let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!((ran.code, &report["ok"], &report["instances"]), (1, &json!(false), &json!(2)));
    let keys: Vec<&Value> =
        report["problems"].as_array().expect("a list").iter().map(|p| &p["problem"]["key"]).collect();
    assert_eq!(keys, ["http.lisen", "http.listen", "", "enable", "grant.kv", "bouquet.sports.sources"]);
    assert_eq!(report["problems"][1]["problem"]["line"], json!(3));
    // A check leaves nothing behind.
    assert!(!mast.path().join("data").exists());
}

#[test]
fn a_good_configuration_checks_out() {
    let mast = Installation::new("");
    let ran = mast.run(&["check"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "FOLDER/mast.toml and 0 plugin instances are fine"));
    assert_eq!(mast.json(&["check"])["ok"], json!(true));
}

/// An instance file without a fault of its own, whose plugin cannot be loaded.
#[test]
fn check_loads_the_plugins() {
    let mast = Installation::new("");
    let plugins = mast.path().join("plugins.d");
    let instance = |name: &str, text: &str| {
        std::fs::write(plugins.join(name), text).expect("the folder is writable");
    };
    std::fs::write(plugins.join("text.wasm"), "this is no component").expect("the folder is writable");
    instance("missing.toml", "kind = \"source\"\npath = \"missing.wasm\"");
    instance("other.toml", "kind = \"output\"\npath = \"text.wasm\"");
    instance("unknown.toml", "kind = \"auth\"\nplugin = \"no-such-plugin\"");
    let ran = mast.run(&["check"]);
    let about = |file: &str| ran.stdout.lines().filter(|line| line.contains(&format!("plugins.d/{file}"))).count();
    assert_eq!(ran.code, 1);
    assert!(["missing.toml", "other.toml", "unknown.toml"].iter().all(|file| about(file) == 1), "{}", ran.stdout);
    assert!(ran.stdout.ends_with("3 problems") && ran.stdout.contains("does not exist"), "{}", ran.stdout);

    std::fs::remove_dir_all(&plugins).expect("it is there");
    let ran = mast.run(&["check"]);
    assert!(ran.code == 1 && ran.stdout.starts_with("FOLDER/plugins.d: "), "{}", ran.stdout);
}

#[test]
fn every_command_refuses_a_bad_configuration() {
    let mast = Installation::new("[htp]\nlisten = \"127.0.0.1:80\"");
    let expected = "error: FOLDER/mast.toml:1: htp: is not a known key; did you mean \"http\"?";
    for args in [&["serve"][..], &["line", "list"], &ANNA] {
        let ran = mast.run(args);
        assert_eq!((ran.code, ran.stderr.as_str()), (1, expected), "{args:?}");
    }
    let ran = mast.run(&["line", "list", "--json"]);
    let answer: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!((ran.code, &answer["error"]["code"]), (1, &json!("invalid_config")));
    std::fs::remove_file(mast.path().join("mast.toml")).expect("it is there");
    assert_eq!(mast.run(&["serve"]).stderr, "error: FOLDER/mast.toml: there is no such file");
}

#[test]
fn the_environment_overrides_the_file() {
    let mast = Installation::new("[data]\ndir = \"one\"");
    let mut command = mast.command(&["line", "list"]);
    let ran = mast.shown(&command.env("MAST__DATA__DIR", "two").output().expect("the binary runs"));
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "no lines yet; add one with mast line add"));
    assert!(mast.path().join("two/state.redb").exists() && !mast.path().join("one").exists());
    let mut command = mast.command(&["line", "list"]);
    let ran = mast.shown(&command.env("MAST__DATA__DIRR", "two").output().expect("the binary runs"));
    let expected = "error: environment variable MAST__DATA__DIRR: data.dirr: is not a known key; did you mean \"dir\"?";
    assert_eq!((ran.code, ran.stderr.as_str()), (1, expected));
}

#[test]
fn resellers_and_plans_without_a_server() {
    let mast = Installation::new("");
    let add = |name: &str, more: &[&str]| {
        mast.json(&[&["reseller", "add", "--username", name, "--password", "correct horse"], more].concat())
    };
    add("rita", &["--right", "sub_resellers", "--overdraft", "5"]);
    let sam = add("sam", &["--parent", "rita"]);
    assert_eq!((&sam["parent"], &sam["rights"]["trials"]), (&json!(1), &json!(false)));
    let plan = mast.json(&["plan", "add", "--name", "A month", "--term", "1month", "--price", "3"]);
    assert_eq!(plan["term"], json!({ "count": 1, "unit": "months" }));
    let entry = mast.json(&["reseller", "credit", "--username", "rita", "--amount", "10", "--text", "cash"]);
    assert_eq!((&entry["reason"], &entry["to"]), (&json!("issue"), &json!("reseller/1")));
    let ran = mast.run(&["reseller", "credit", "--username", "rita", "--amount", "4", "--take-back"]);
    assert_eq!(ran.stdout, "reseller \"rita\" gave back 4 and has 6 credits", "{}", ran.stderr);
    let listed = mast.json(&["reseller", "list"]);
    assert_eq!((&listed["resellers"][0]["balance"], &listed["resellers"][1]["balance"]), (&json!(6), &json!(0)));
    let ran = mast.run(&["reseller", "disable", "--username", "sam"]);
    assert_eq!(ran.stdout, "reseller \"sam\" is disabled", "{}", ran.stderr);
    insta::assert_snapshot!(format!("{}\n{}", mast.run(&["reseller", "list"]).stdout, mast.run(&["plan", "list"]).stdout), @r"
    ID  USERNAME  BELOW  STATE     CREDITS
    1   rita      -      active    6
    2   sam       rita   disabled  0
    ID  NAME     TERM      PRICE  CONNECTIONS  BOUQUETS       STATE
    1   A month  1 months  3      1            every channel  sold
    ");
    let refused = mast.run(&["reseller", "credit", "--username", "nobody", "--amount", "1"]);
    assert!(refused.code == 1 && refused.stderr.contains("mast reseller add makes one"), "{}", refused.stderr);
    let refused = mast.run(&["reseller", "credit", "--username", "rita", "--amount", "-1"]);
    assert_ne!(refused.code, 0);
}

/// This process is the server: it holds the store and answers on the control socket.
#[tokio::test(flavor = "multi_thread")]
async fn lines_while_a_server_runs() {
    let mast = Installation::new("[http]\nlisten = \"127.0.0.1:0\"");
    let data = mast.path().join("data");
    let store: Arc<dyn StateStore> = mast_store::open_state(&data).expect("nobody holds it").into();
    let accounts = Accounts::open(Arc::clone(&store), &LimitsConfig::default()).expect("an empty store");
    let status = StatusPart { name: "http", read: Box::new(|| json!({ "listening": "0.0.0.0:4321" })) };
    let operators = Operators::open(Arc::clone(&store), 30).expect("an empty store");
    let resellers = Resellers::open(Arc::clone(&store), accounts.clone(), operators.gate()).expect("an empty store");
    let events = Events::new(CancellationToken::new());
    let admin = Admin::new(AdminDeps {
        resellers,
        accounts: accounts.clone(),
        operators,
        oidc: None,
        catalog: Catalog::open(Arc::clone(&store), Vec::new()).expect("an empty store"),
        sessions: Sessions::open(Arc::clone(&store), events.clone()).expect("an empty store"),
        devices: Devices::open(Arc::clone(&store)).expect("an empty store"),
        events,
        backups: Backups::new(
            Arc::clone(&store),
            mast_store::open_plugin_kv(&data).expect("nobody holds it").into(),
            &data,
        ),
        running: None,
        status: vec![status],
        store,
    });
    let socket = ControlSocket::bind(&data).await.expect("nobody listens");
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let server = TaskTracker::new().spawn(async move { admin.serve(socket, stopped).await });

    let commands = tokio::task::spawn_blocking(move || {
        let line = mast.json(&ANNA);
        assert!(line["urls"]["m3u"].as_str().is_some_and(|url| url.starts_with("http://127.0.0.1:4321/get.php?")));
        let again = mast.run(&ANNA);
        assert_eq!((again.code, again.stderr.as_str()), (1, "error: username \"anna\" is taken"));
        assert_eq!(mast.run(&["line", "disable", "--username", "anna"]).code, 0);
        assert_eq!(mast.json(&["line", "list"])["lines"][0]["active"], json!(false));
        mast
    });
    let mast = commands.await.expect("no panic");
    // The server knows without looking at the store.
    assert!(accounts.by_username("anna").is_some_and(|line| !line.active));
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(30), server).await.expect("in time").expect("no panic").expect("served");

    // The store is still held, and now nobody answers.
    let ran = tokio::task::spawn_blocking(move || (mast.run(&["line", "list"]), mast)).await.expect("no panic").0;
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.stderr,
        "error: FOLDER/data/state.redb is in use by another process, and no server answers on FOLDER/data/control.sock; \
         wait until that process is ready, or stop it"
    );
}

#[test]
fn help_names_every_command() {
    let help = Command::new(env!("CARGO_BIN_EXE_mast")).arg("--help").output().expect("the binary runs");
    let text = String::from_utf8_lossy(&help.stdout);
    assert!(help.status.success() && ["serve", "check", "line"].iter().all(|name| text.contains(name)), "{text}");
    let nothing = Command::new(env!("CARGO_BIN_EXE_mast")).output().expect("the binary runs");
    assert_eq!(nothing.status.code(), Some(2));
}
