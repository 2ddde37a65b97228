//! Components that cannot become an instance, and what the operator is told.

use std::path::PathBuf;
use std::time::Duration;

use mast_model::ByteSize;
use mast_plugin::{InstanceSpec, Kind, LoadFailure, Runtime};

use crate::fakes::{Chunks, Collected, epg, load, runtime, source, spec, wait};
use crate::guest::{Guest, append_section};

fn refused(wasm: &[u8], spec: InstanceSpec) -> (LoadFailure, String) {
    let error = load(&runtime(), wasm, spec).err().expect("loads although it must not");
    let text = error.to_string();
    (error.failure, text)
}

#[test]
fn what_is_no_component_is_refused() {
    let module = wat::parse_str("(module)").unwrap();
    let whole = Guest::new(Kind::Source).build();
    let cases: [(&[u8], &str); 6] = [
        (b"", "provider: not a WebAssembly component: the file is empty; build the plugin with `mast plugin build`"),
        (
            b"#EXTM3U\n",
            "provider: not a WebAssembly component: it does not begin as WebAssembly does; build the plugin with",
        ),
        (b"\0asm\x0d\0\x01\0\xff\xff\xff\xff", "provider: not a WebAssembly component: "),
        (&whole[..whole.len() / 2], "provider: not a WebAssembly component: "),
        (
            &module,
            "provider: a core WebAssembly module, not a component; make a component of it with `mast plugin build`",
        ),
        (b"\0asm", "provider: not a WebAssembly component: "),
    ];
    for (wasm, expected) in cases {
        let (_, text) = refused(wasm, spec(Kind::Source));
        assert!(text.starts_with(expected), "{text}");
        assert!(runtime().inspect(wasm).is_err());
    }
}

#[test]
fn manifests_are_read_and_checked() {
    let manifest = runtime().inspect(&Guest::new(Kind::Epg).build()).unwrap();
    assert_eq!((manifest.id.as_str(), manifest.version.as_str(), manifest.kind), ("test-epg", "1.2.3", Kind::Epg));
    // Also where it stands in the component itself.
    let mut outside = Guest::new(Kind::Epg).whole_manifest(None).build();
    let text = "id = \"outside\"\nversion = \"0.1.0\"\nkind = \"epg\"\nsummary = \"x\"";
    append_section(&mut outside, "mast-manifest", text.as_bytes());
    assert_eq!(runtime().inspect(&outside).unwrap().id, "outside");

    let (failure, _) = refused(&Guest::new(Kind::Source).whole_manifest(None).build(), spec(Kind::Source));
    assert!(matches!(failure, LoadFailure::NoManifest));
    let bad = [
        ("id = \"Test\"\nversion = \"1.0.0\"\nkind = \"source\"\nsummary = \"x\"", "id \"Test\" is not"),
        ("id = \"test\"\nversion = \"1.0\"\nkind = \"source\"\nsummary = \"x\"", "version \"1.0\" is not"),
        ("id = \"test\"\nversion = \"1.0.0\"\nkind = \"player\"\nsummary = \"x\"", "unknown variant `player`"),
        ("id = \"test\"\nversion = \"1.0.0\"\nkind = \"source\"", "missing field `summary`"),
        (
            "id = \"test\"\nversion = \"1.0.0\"\nkind = \"source\"\nsummary = \"x\"\nsumary = 1",
            "unknown field `sumary`",
        ),
        (
            "id = \"test\"\nversion = \"1.0.0\"\nkind = \"source\"\nsummary = \"x\"\n[capabilities.dns]\nreason = \"x\"",
            "unknown capability \"dns\"; there are http, files, kv, secrets",
        ),
        (
            "id = \"test\"\nversion = \"1.0.0\"\nkind = \"source\"\nsummary = \"x\"\n[config]\ntype = 7",
            "config is not a JSON Schema",
        ),
    ];
    for (manifest, expected) in bad {
        let (failure, text) =
            refused(&Guest::new(Kind::Source).whole_manifest(Some(manifest)).build(), spec(Kind::Source));
        assert!(matches!(failure, LoadFailure::BadManifest(_)), "{text}");
        assert!(text.contains(expected), "{text}");
        assert!(text.contains("correct plugin.toml"), "{text}");
    }
}

#[test]
fn kinds_must_agree() {
    let (failure, text) = refused(&Guest::new(Kind::Output).build(), spec(Kind::Source));
    assert!(matches!(failure, LoadFailure::WrongKind { wanted: Kind::Source, found: Kind::Output }));
    assert_eq!(
        text,
        "provider (test-output 1.2.3): the instance file says kind = \"source\", but the plugin is of kind \"output\"; \
         set kind = \"output\" or name another plugin"
    );
    let manifest = "id = \"odd\"\nversion = \"1.0.0\"\nkind = \"auth\"\nsummary = \"x\"";
    let (failure, text) = refused(&Guest::new(Kind::Epg).whole_manifest(Some(manifest)).build(), spec(Kind::Auth));
    assert!(matches!(failure, LoadFailure::MissingExport { .. }));
    assert!(text.starts_with("provider (odd 1.0.0): does not export `mast:auth/policy@0.1.0`"), "{text}");
    assert!(text.contains("`mast:epg/importer@0.1.0`"), "{text}");
}

/// A component whose one import is an empty interface of this name, with the exports of a policy missing or not.
fn importing(import: &str) -> Vec<u8> {
    let component = wat::parse_str(format!(
        "(component
            (import \"{import}\" (instance $i (export \"f\" (func))))
            (core func $f (canon lower (func $i \"f\")))
            (instance $empty)
            (export \"mast:base/lifecycle@0.1.0\" (instance $empty))
            (export \"mast:auth/policy@0.1.0\" (instance $empty)))"
    ));
    let mut component = component.unwrap();
    let manifest = "id = \"odd\"\nversion = \"1.0.0\"\nkind = \"auth\"\nsummary = \"x\"";
    append_section(&mut component, "mast-manifest", manifest.as_bytes());
    component
}

#[test]
fn unknown_imports_are_named_with_the_fix() {
    let cases = [
        ("acme:gadgets/laser@1.0.0", "build it against the world of its kind"),
        ("mast:output/views@0.1.0", "build it against the world of its kind"),
        ("mast:base/log@9.0.0", "this host speaks version 0.1.0 of it; build the plugin again"),
    ];
    for (import, fix) in cases {
        let (failure, text) = refused(&importing(import), spec(Kind::Auth));
        assert!(matches!(failure, LoadFailure::UnknownImport { .. }), "{text}");
        assert!(text.contains(&format!("imports `{import}`")) && text.contains(fix), "{text}");
    }
    // Known by name, of another shape; and exports that are only names.
    let (failure, text) = refused(&importing("mast:base/log@0.1.0"), spec(Kind::Auth));
    assert!(matches!(failure, LoadFailure::Incompatible(_)), "{text}");
    // WASI is linked to nothing, so the next problem is found: the exports are empty.
    let (failure, text) = refused(&importing("wasi:random/random@0.2.3"), spec(Kind::Auth));
    assert!(matches!(&failure, LoadFailure::Incompatible(text) if text.contains("init")), "{text}");
}

#[test]
fn limits_must_make_sense() {
    type Case = (Kind, fn(&mut InstanceSpec), &'static str);
    let cases: [Case; 4] = [
        (
            Kind::Auth,
            |spec| spec.limits.memory = ByteSize::mib(1_024),
            "[limits] memory: 1GiB is more than a plugin of kind \"auth\" can have; set 256MiB or less",
        ),
        (Kind::Source, |spec| spec.limits.memory = ByteSize::mib(5_000), "[limits] memory: 5000MiB is more"),
        (Kind::Source, |spec| spec.limits.memory = ByteSize(0), "[limits] memory: 0B is less than one page"),
        (Kind::Source, |spec| spec.limits.call = Duration::ZERO, "[limits] call: no time at all"),
    ];
    for (kind, change, expected) in cases {
        let mut spec = spec(kind);
        change(&mut spec);
        let (failure, text) = refused(&Guest::new(kind).build(), spec);
        assert!(matches!(failure, LoadFailure::Limits { .. }) && text.contains(expected), "{text}");
    }
}

const ASKS: &str = "
[capabilities.files]
reason = \"reads the playlist\"
required = true
[capabilities.kv]
reason = \"remembers\"
[config]
type = \"object\"
additionalProperties = false
required = [\"path\"]
[config.properties.path]
type = \"string\"
[config.properties.refresh]
type = \"string\"
default = \"6h\"
";

#[test]
fn settings_and_grants_are_checked_before_anything_runs() {
    // It would trap in init if it came so far.
    let wasm = Guest::new(Kind::Source).manifest(ASKS).body("#init", "unreachable").build();
    let mut spec = spec(Kind::Source);
    spec.config = serde_json::json!({ "pth": "/x", "refresh": 5 });
    let (failure, text) = refused(&wasm, spec.clone());
    assert!(matches!(&failure, LoadFailure::Config(problems) if problems.len() == 3), "{text}");
    assert!(text.contains("\n  config.pth: unknown key; did you mean path?"), "{text}");

    spec.config = serde_json::json!({ "path": "/srv/list.m3u" });
    let (failure, text) = refused(&wasm, spec.clone());
    assert!(matches!(failure, LoadFailure::GrantMissing(_)));
    assert!(
        text.ends_with("add to the instance file:\n[grant]\nfiles = [\"/srv/list.m3u\"]  # reads the playlist"),
        "{text}"
    );

    spec.grants.files = vec![PathBuf::from("/srv/list.m3u")];
    spec.grants.http.any_http = true;
    let (failure, text) = refused(&wasm, spec.clone());
    assert!(matches!(failure, LoadFailure::NotAsked(_)));
    assert!(text.contains("[grant] gives http, which the plugin does not ask for; remove it"), "{text}");

    spec.grants.http.any_http = false;
    let (failure, text) = refused(&wasm, spec);
    assert!(matches!(failure, LoadFailure::Init { function: "lifecycle.init", .. }), "{text}");
}

#[test]
fn init_can_refuse_the_settings() {
    let mut guest = Guest::new(Kind::Source);
    let code = guest.text("config");
    let message = guest.text("include is not a regular expression");
    let init = format!(
        "(i32.store8 (i32.const 2048) (i32.const 1)) (call $store_pair (i32.const 2052) {code})
         (call $store_pair (i32.const 2060) {message}) (i32.const 2048)"
    );
    let wasm = guest.more(crate::policy::STORE_PAIR).body("#init", init).build();
    let (_, text) = refused(&wasm, spec(Kind::Source));
    assert_eq!(text, "provider (test-source 1.2.3): lifecycle.init: include is not a regular expression (config)");
}

#[test]
fn a_guide_is_imported() {
    let epg = epg(load(&runtime(), &Guest::new(Kind::Epg).build(), spec(Kind::Epg)));
    struct Nowhere;
    impl mast_plugin::services::GuideSink for Nowhere {
        fn channels(
            &mut self,
            _: Vec<mast_plugin::records::GuideChannel>,
        ) -> Result<(), mast_plugin::services::ServiceError> {
            Ok(())
        }
        fn programmes(
            &mut self,
            _: Vec<mast_plugin::records::GuideProgramme>,
        ) -> Result<(), mast_plugin::services::ServiceError> {
            Ok(())
        }
        fn warn(&mut self, _: String, _: String) {}
    }
    let imported = wait(epg.run(Box::new(Chunks([].into())), Box::new(Nowhere))).unwrap();
    assert!(!imported.unchanged);
}

#[test]
fn instances_outlive_the_runtime_handle_and_it_may_end_in_a_task() {
    let runtime: Runtime = runtime();
    let source = source(load(&runtime, &Guest::new(Kind::Source).build(), spec(Kind::Source)));
    drop(runtime);
    wait(async {
        assert!(source.refresh(Box::new(Collected::default()), Vec::new()).await.is_ok());
        drop(source);
    });
}
