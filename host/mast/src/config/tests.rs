use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use mast_model::{ByteSize, InstanceId};

use super::*;
use crate::extensions::config::{Component, GrantConfig, InstanceConfig, OnError, UpstreamConfig};

/// Parses as `mast.toml` in a folder that does not matter, with an environment.
fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config, Problems> {
    let file = Path::new("mast.toml");
    let environment: BTreeMap<_, _> = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let mut table = value::parse(text, file)?;
    value::overlay(&mut table, &environment);
    Reader::new(file, environment).read(&table, Config::read)
}

/// The problems of a text that must have some.
fn problems(text: &str, environment: &[(&str, &str)]) -> String {
    parse(text, environment).expect_err(text).to_string()
}

fn snapshot_of(cases: impl IntoIterator<Item = (String, String)>) -> String {
    cases.into_iter().fold(String::new(), |mut all, (input, output)| {
        writeln!(all, "{}\n-> {}\n", input.trim(), output.replace('\n', "\n-> ")).expect("a String takes everything");
        all
    })
}

#[test]
fn an_empty_file_is_all_defaults() {
    let config = parse("", &[]).unwrap();
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.http.public_url, None);
    assert!(config.data_dir.is_absolute() && config.data_dir.ends_with("data"));
    assert!(config.plugins.dir.ends_with("plugins.d"));
    assert_eq!(config.limits.connections, 20_000);
    assert_eq!(config.tuner.idle_timeout, Duration::from_secs(300));
    assert_eq!(config.tuner.window_budget, ByteSize::mib(1024));
    assert_eq!(config.hls.playlist_segments, 6);
    assert_eq!(config.log.level, "info");
    assert!(!config.log.json && config.bouquets.is_empty());
    // Each room's own defaults are the same ones.
    assert_eq!(TunerConfig::default().stall_timeout, config.tuner.stall_timeout);
}

#[test]
fn every_value_is_read() {
    let text = r#"
        [http]
        listen = "[::1]:80"
        public_url = "https://tv.example/base/"
        trusted_proxies = ["10.0.0.0/8", "::1"]
        [data]
        dir = "/var/lib/mast"
        [tuner]
        idle_timeout = "0s"
        [limits]
        exempt = []
        [tls]
        listen = ["[::]:443", "0.0.0.0:8443"]
        certificate = "/etc/mast/chain.pem"
        key = "/etc/mast/key.pem"
        hsts = "365d"
        [hls]
        playlist_segments = 3
        [bouquet.sports]
        sources = ["one"]
        categories = ["Sports"]
        channels = [7]
        [log]
        level = "info,mast::tuner=debug"
        format = "json"
    "#;
    let config = parse(text, &[]).unwrap();
    assert_eq!(config.http.public_url.as_deref(), Some("https://tv.example/base"));
    assert_eq!(config.http.trusted_proxies.len(), 2);
    assert_eq!(config.http.trusted_proxies[1].to_string(), "::1/128");
    assert_eq!(config.data_dir, Path::new("/var/lib/mast"));
    assert!(config.limits.exempt.is_empty());
    let tls = config.tls.as_ref().expect("it listens");
    assert_eq!((tls.listen.len(), tls.hsts, tls.redirect), (2, Some(Duration::from_secs(365 * 24 * 3600)), false));
    assert_eq!(config.tuner.idle_timeout, Duration::ZERO);
    assert_eq!(config.bouquets[0].name, "sports");
    assert_eq!(config.bouquets[0].sources, [InstanceId::new("one").unwrap()]);
    assert_eq!(config.bouquets[0].channels[0].0, 7);
    assert!(config.log.json);
}

#[test]
fn the_environment_overrides() {
    let environment = [
        ("MAST__HTTP__LISTEN", "127.0.0.1:0"),
        ("MAST__HTTP__TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1"),
        ("MAST__LIMITS__CONNECTIONS", "12"),
        ("MAST__BOUQUET__SPORTS__CHANNELS", "1,2"),
        ("MAST__SECRETS__PROVIDER__ENV", "PROVIDER_PASSWORD"),
        ("PROVIDER_PASSWORD", "hunter2"),
        ("MASTER", "not ours"),
    ];
    let config = parse("[http]\nlisten = \"nonsense\"\n[bouquet.Sports]\nchannels = [9]", &environment).unwrap();
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:0");
    assert_eq!(config.http.trusted_proxies.len(), 2);
    assert_eq!(config.limits.connections, 12);
    assert_eq!((config.bouquets[0].name.as_str(), config.bouquets[0].channels.len()), ("Sports", 2));
    assert_eq!(config.plugins.secrets["PROVIDER"].expose(), "hunter2");
}

#[test]
fn problems_name_key_value_and_expectation() {
    let texts = [
        "[http]\nlisten = \"nonsense\"",
        "[http]\nlisten = 8080",
        "[http]\nlisten = \"localhost:8080\"",
        "http = 3",
        "[http]\nlisten = { port = 1 }",
        "[http]\nlisen = \"127.0.0.1:80\"",
        "[http]\ncompletely_different = 1",
        "[htttp]\nlisten = \"127.0.0.1:80\"",
        "surprise = true",
        "[http]\npublic_url = \"http://user:hunter2@tv.example/?a=b\"",
        "[http]\npublic_url = \"tv.example\"",
        "[http]\ntrusted_proxies = [\"10.0.0.0/8\", \"10.0.0.0/99\", 5]",
        "[http]\ntrusted_proxies = \"10.0.0.0/8\"",
        "[limits]\nconnections = 0",
        "[limits]\nconnections = -1\nfailed_logins_per_minute = 99999999999999999999999999999999999999999999",
        "[limits]\nheader_timeout = \"10\"",
        "[limits]\nheader_timeout = \"1ms\"",
        "[tuner]\nbackoff_min = \"10s\"\nbackoff_max = \"1s\"",
        "[tuner]\nwindow_budget = \"1GB or so\"",
        "[hls]\nsegment_duration = \"9s\"\nmax_segment_duration = \"3s\"",
        "[hls]\nplaylist_segments = 2.5",
        "[log]\nlevel = \"a=b=c\"\nformat = \"xml\"",
        "[secrets]\nPROVIDER = \"hunter2\"",
        "[secrets]\nPROVIDER = { env = \"NOT_SET\" }",
        "[secrets]\nPROVIDER = { }",
        "[secrets]\nPROVIDER = { env = \"A\", file = \"b\" }",
        "[secrets]\nPROVIDER = { file = \"/nonexistent/password\" }",
        "[bouquet.sports]\nsources = [\"Not A Name\"]\nchannels = [0, \"one\"]\nchanels = []",
        "[bouquet]\nsports = 1",
        "[ffmpeg]\npath = \"ffmpeg\"\n[tls]\ncertificate = \"c.pem\"",
        "[tls]\nlisten = \"0.0.0.0:443\"",
        "[tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"",
        "[tls]\nlisten = [\"0.0.0.0:443\", \"here\"]\nkey = \"k.pem\"\nhsts = \"long\"",
        "[tls]\nlisten = \"0.0.0.0:443\"\n[tls.acme]\ndomains = [\"tv.example\", \"*.tv.example\"]",
        "[tls]\nlisten = \"0.0.0.0:443\"\n[tls.acme]\ncontact = [\"a@tv.example\"]\nchallenge = \"dns-01\"",
        "[http]\ncors_origins = [\"https://tv.example/\"]\nclient_address = [\"x-real-ip\", \"x-client\"]",
        "[oidc]\nclient_id = \"mast\"",
        "[oidc]\nissuer = \"https://id.example\"",
        "[http]\npublic_url = \"https://tv.example\"\n[oidc]\nissuer = \"http://id.example\"\nclient_secret = \"hunter2\"\nclaim = \"name\"",
        "[http]\npublic_url = \"https://tv.example\"\n[oidc]\nissuer = \"https://id.example?a=b\"\nclient_id = \"\"\nscopes = [\"email profile\"]",
        "[oidc]\nissuer = \"https://me:hunter2@id.example\"\nafter_login = \"//other.example/\"\nsecret = \"hunter2\"",
        "[limits]\nburst = \"10m\"\nexempt = [\"everybody\"]\nmedia_requests_per_second = -1",
        "[http\nlisten = 1\n[data]\ndir = ",
        "a = 1\na = 2",
    ];
    insta::assert_snapshot!(snapshot_of(texts.map(|text| (text.to_owned(), problems(text, &[])))));
}

#[test]
fn problems_of_the_environment_name_the_variable() {
    let environments = [
        ("MAST__HTTP__LISTEN", "nonsense"),
        ("MAST__HTTP__LISTN", "127.0.0.1:80"),
        ("MAST__HTTP", "127.0.0.1:80"),
        ("MAST__", "1"),
        ("MAST__LIMITS__CONNECTIONS", "many"),
        ("MAST__HTTP__TRUSTED_PROXIES", "10.0.0.0/8,x"),
        ("MAST__SECRETS__PROVIDER", "hunter2"),
        ("MAST__TLS__CERTIFICATE", "c.pem"),
    ];
    let case = |(name, value)| (format!("{name}={value}"), problems("", &[(name, value)]));
    insta::assert_snapshot!(snapshot_of(environments.map(case)));
}

#[test]
fn all_problems_come_at_once_and_in_order() {
    let text = "[http]\nlisten = 1\nx = 1\n[data]\ndir = 2\n[limits]\nconnections = 0\n[log]\nformat = \"x\"";
    let found = parse(text, &[("MAST__HLS__PLAYLIST_SEGMENTS", "0")]).unwrap_err().0;
    let keys: Vec<&str> = found.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(
        keys,
        ["http.listen", "http.x", "data.dir", "limits.connections", "log.format", "hls.playlist_segments"]
    );
}

#[test]
fn a_missing_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let message = Config::load(&folder.path().join("mast.toml")).unwrap_err().to_string();
    assert!(message.ends_with("mast.toml: there is no such file"), "{message}");
    assert!(Config::load(folder.path()).is_err());
}

#[test]
fn what_to_look_for_is_a_list_of_words() {
    let config =
        parse("[tuner]\ninspect = [\"black\", \"looping\"]", &[("MAST__TUNER__INSPECT_SAMPLES", "5")]).unwrap();
    assert_eq!((config.tuner.inspect.checks.len(), config.tuner.inspect.samples), (2, 5));
    assert!(parse("", &[]).unwrap().tuner.inspect.checks.is_empty());
    let told = problems("[tuner]\ninspect = [\"black\", \"blue\"]\ninspect_interval = \"1s\"", &[]);
    assert!(told.contains("does not know \"blue\"") && told.contains("from 5s to 1h"), "{told}");
}

#[test]
fn the_example_shows_every_key() {
    let example = include_str!("../../../../examples/mast.example.toml");
    parse(example, &[]).expect("the example loads");

    // A line that starts with "#" and no space is a setting that is off.
    let uncommented: Vec<&str> = example
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ') && !rest.is_empty()).unwrap_or(line))
        .filter(|line| !line.contains("{ file ="))
        .collect();
    let uncommented = uncommented.join("\n");
    let file = Path::new("mast.toml");
    let table = value::parse(&uncommented, file).unwrap();
    let environment = BTreeMap::from([("PROVIDER_PASSWORD".to_owned(), "hunter2".to_owned())]);
    let reader = Reader::new(file, environment);
    reader.read(&table, Config::read).expect("the example loads with everything on");

    for key in reader.known() {
        let (_, name) = key.rsplit_once('.').unwrap_or(("", &key));
        let shown = match name {
            "NAME" | "acme" | "dummy" => continue,
            "env" | "file" => format!("{{ {name} ="),
            _ if !key.contains('.') => format!("[{name}"),
            _ => format!("{name} ="),
        };
        assert!(example.contains(&shown), "examples/mast.example.toml does not show {key}");
    }
}

#[test]
fn the_source_example_shows_every_key_of_upstream() {
    let example = include_str!("../../../../examples/source.example.toml");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("provider.toml");
    std::fs::write(&path, example).unwrap();
    let secrets = "[secrets]\nPROVIDER_SESSION = { env = \"S\" }\nPROXY_PASSWORD = { env = \"P\" }";
    let plugins = parse(secrets, &[("S", "abc"), ("P", "hunter2")]).unwrap().plugins;
    let upstream = InstanceConfig::load(&path, &plugins).expect("the example loads").upstream;
    let fields: Vec<_> = upstream.headers.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    let expected = [
        ("user-agent", "Mast"),
        ("referer", "https://provider.example/"),
        ("cookie", "session=abc"),
        ("x-account", "4711"),
    ];
    assert_eq!(fields, expected);
    assert!(upstream.route.proxy.as_ref().unwrap().expose().contains("me:hunter2@"));
    assert!(!format!("{upstream:?}").contains("hunter2"));

    let table = value::parse(example, &path).unwrap();
    let reader = Reader::new(&path, BTreeMap::new());
    let _ = reader.read(&table, |root| {
        UpstreamConfig::read(&root.section("upstream"), &GrantConfig::default(), &plugins);
    });
    for key in reader.known().iter().filter_map(|key| key.strip_prefix("upstream.")) {
        assert!(example.contains(&format!("{key} = ")), "examples/source.example.toml does not show {key}");
    }
}

#[test]
fn the_guide_example_loads() {
    let example = include_str!("../../../../examples/guide.example.toml");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("guide.toml");
    std::fs::write(&path, example).unwrap();
    let plugins = parse("[secrets]\nGUIDE_KEY = { env = \"K\" }", &[("K", "abc")]).unwrap().plugins;
    let guide = InstanceConfig::load(&path, &plugins).expect("the example loads").guide;
    assert_eq!(guide, crate::guide::config::InstanceGuideConfig::default(), "it shows the defaults");
    for (text, expected) in
        [("-1h30m", Ok(-5400)), ("+1h", Ok(3600)), ("45m", Ok(2700)), ("25h", Err(())), ("soon", Err(()))]
    {
        std::fs::write(&path, example.replace("shift = \"0s\"", &format!("shift = \"{text}\""))).unwrap();
        let found = InstanceConfig::load(&path, &plugins).map(|config| config.guide.shift);
        assert_eq!(found.map_err(|_| ()), expected, "{text}");
    }
}

#[test]
fn problems_of_upstream_name_key_and_expectation() {
    let head = "kind = \"source\"\nplugin = \"source-m3u\"\n";
    for (text, expected) in [
        ("proxy = \"ftp://user:hunter2@proxy.example\"", "expected http://, https://, socks5://"),
        ("bind = \"eth0\"", "expected an IP address"),
        ("headers = [\"no colon\"]", "headers[0]: expected \"Name: value\""),
        ("cookies = \"${MISSING}\"", "[secrets] in mast.toml has no \"MISSING\""),
        ("cookies = \"${PROVIDER\"", "\"${\" without \"}\""),
        ("user_agent = \"a\\nb\"", "user-agent has control characters"),
        ("max_connections = 0", "expected a whole number from 1 to 100000"),
        ("variant = \"big\"", "expected \"best\""),
        ("profile = \"better\"", "mast.toml has no profile or ladder \"better\""),
        ("prxy = \"x\"", "is not a known key"),
    ] {
        let problems = instance("a.toml", &format!("{head}[upstream]\n{text}\n")).unwrap_err().to_string();
        assert!(problems.contains(expected) && !problems.contains("hunter2"), "{text}: {problems}");
    }
    let auth = "kind = \"auth\"\nplugin = \"auth-network\"\n[upstream]\nbind = \"::1\"\n";
    let problems = instance("a.toml", auth).unwrap_err().to_string();
    assert!(problems.contains("only a plugin of kind \"source\" or \"epg\" has something to fetch"), "{problems}");
    let http = format!("{head}[grant]\nhttp = [\"udp://239.0.0.1:5000\"]\n");
    let problems = instance("a.toml", &http).unwrap_err().to_string();
    assert!(problems.contains("plugins make http and https requests only"), "{problems}");
}

fn instance(name: &str, text: &str) -> Result<InstanceConfig, Problems> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    let plugins = parse("[secrets]\nPROVIDER = { env = \"P\" }", &[("P", "hunter2")]).unwrap().plugins;
    let plain = |mut problem: Problem| {
        problem.file = name.into();
        problem
    };
    InstanceConfig::load(&path, &plugins).map_err(|problems| Problems(problems.0.into_iter().map(plain).collect()))
}

#[test]
fn an_instance_file_is_read() {
    let text = r#"
        kind = "source"
        path = "my-plugin.wasm"
        sha256 = "ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef0123456789"
        [config]
        url = "https://provider.example/playlist.m3u"
        nested = { list = [1, 2.5, true], when = 2026-01-01T00:00:00Z }
        [grant]
        http = ["https://provider.example:443", "http://*.cdn.example"]
        upstream = ["http://tv.example:8080"]
        net_allow_private = ["10.1.0.0/16", "127.0.0.1"]
        files = ["lists"]
        kv = "8MiB"
        secrets = ["PROVIDER"]
        [limits]
        memory = "128MiB"
    "#;
    let config = instance("my-source.toml", text).unwrap();
    assert_eq!(config.id.as_str(), "my-source");
    let Component::File { path, sha256 } = &config.component else { panic!("{:?}", config.component) };
    assert!(path.is_absolute() && path.ends_with("my-plugin.wasm"));
    assert!(sha256.as_ref().is_some_and(|digest| digest.starts_with("abcdef")));
    assert_eq!(config.config["nested"]["list"], serde_json::json!([1, 2.5, true]));
    assert_eq!(config.grant.http.allow.len(), 2);
    assert_eq!(config.grant.upstream.allow.len(), 1);
    assert!(!config.grant.upstream.any_http);
    assert_eq!(config.grant.upstream.allow_private.len(), 2);
    assert!(config.grant.files[0].is_absolute());
    assert_eq!(config.grant.kv, Some(ByteSize::mib(8)));
    assert_eq!(config.limits.memory, ByteSize::mib(128));
    assert_eq!(config.limits.call, Duration::from_secs(300));

    let short =
        instance("a.toml", "kind = \"auth\"\nplugin = \"auth-network\"\nenabled = false\non_error = \"skip\"").unwrap();
    assert_eq!(short.component, Component::Bundled("auth-network".to_owned()));
    assert_eq!((short.enabled, short.on_error), (false, OnError::Skip));
    assert_eq!(short.config, serde_json::json!({}));
    assert!(short.grant.http.allow.is_empty() && short.grant.kv.is_none());
    assert!(short.grant.upstream.any_http && !short.grant.http.any_http);
}

#[test]
fn problems_of_instance_files() {
    let texts = [
        ("Bad Name.toml", "kind = \"source\"\nplugin = \"p\""),
        ("a.toml", ""),
        ("a.toml", "kind = \"sauce\"\nplugin = \"p\"\nenabled = \"yes\""),
        ("a.toml", "kind = \"source\"\nplugin = \"p\"\npath = \"p.wasm\"\nsha256 = \"12\""),
        ("a.toml", "kind = \"source\"\nplugin = \"p\"\nsha256 = \"12\"\non_error = \"skip\""),
        ("a.toml", "kind = \"auth\"\nplugin = \"p\"\non_error = \"ignore\"\n[grants]\nhttp = []"),
        ("a.toml", "kind = \"output\"\nplugin = \"p\"\nconfig = 1\n[grant]\nupstream = [\"http://tv.example\"]"),
        ("a.toml", "kind = \"source\"\nplugin = \"p\"\n[config]\nx = nan\ny = [99999999999999999999]"),
        (
            "a.toml",
            "kind = \"source\"\nplugin = \"p\"\n[grant]\nhttp = [\"http://u:hunter2@tv.example/get.php?password=x\", \"ftp://a.example\"]\n\
             net_allow_private = [\"lan\"]\nkv = \"2GiB\"\nsecrets = [\"NOBODY\"]\nfiles = \"x\"",
        ),
        ("a.toml", "kind = \"source\"\nplugin = \"p\"\n[limits]\nmemory = \"64\"\ncall = \"2h\"\ninput = 3\nsize = 1"),
        ("a.toml", "kind = "),
    ];
    let case =
        |(name, text): (&str, &str)| (format!("{name}:\n{text}"), instance(name, text).expect_err(text).to_string());
    insta::assert_snapshot!(snapshot_of(texts.map(case)));
}

#[test]
fn no_problem_shows_a_secret() {
    for text in [
        "[secrets]\nA = \"hunter2\"",
        "[secrets]\nA = \"hunter2",
        "[secrets]\nA = hunter2",
        "[http]\npublic_url = \"http://me:hunter2@tv.example\"",
        "[http]\ntoken = \"hunter2\"",
        "[http]\nlisten = \"http://tv.example/hunter2\"",
    ] {
        let shown = problems(text, &[]);
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    assert!(!problems("", &[("MAST__SECRETS__A", "hunter2")]).contains("hunter2"));
}

/// TOML of known and unknown keys, whole and cut to pieces.
fn toml_like() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let word = prop_oneof![
        Just("http".to_owned()),
        Just("listen".to_owned()),
        Just("trusted_proxies".to_owned()),
        Just("secrets".to_owned()),
        Just("bouquet".to_owned()),
        Just("tls".to_owned()),
        Just("limits".to_owned()),
        Just("connections".to_owned()),
        Just("=".to_owned()),
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just(".".to_owned()),
        Just(",".to_owned()),
        Just("\n".to_owned()),
        Just("\"".to_owned()),
        Just("1".to_owned()),
        Just("\"10s\"".to_owned()),
        Just("nan".to_owned()),
        Just("2026-01-01".to_owned()),
        any::<String>(),
    ];
    proptest::collection::vec(word, 0..24).prop_map(|words| words.concat())
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in toml_like(), variable in "(MAST__)?[A-Z_]{0,24}", value: String) {
        if let Err(problems) = parse(&text, &[(&variable, &value)]) {
            proptest::prop_assert!(!problems.0.is_empty());
            // One line each.
            proptest::prop_assert_eq!(problems.to_string().lines().count(), problems.0.len(), "{}", problems);
        }
    }
}
