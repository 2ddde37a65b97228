//! Makes components: a core module as text with the functions a test cares about, everything else answering "ok, nothing".
//!
//! The canonical ABI in a few words: strings and lists are (pointer, length); a result that does not fit into one value is
//! written to memory and its address returned (exports) or its address taken as the last parameter (imports).

use std::collections::BTreeMap;
use std::path::Path;

use mast_plugin::Kind;
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

/// An area of zeros: any result there reads as ok, none, empty. No guest writes to it.
pub const ZEROS: u32 = 1_024;
/// Where a guest lets the host write results.
pub const RESULT: u32 = 2_048;
/// Where texts of the guest begin.
const TEXTS: u32 = 4_096;
/// Where allocation begins; the second page.
const HEAP: u32 = 65_536;

/// A component in the making.
pub struct Guest {
    kind: Kind,
    world: &'static str,
    manifest: Option<String>,
    imports: String,
    bodies: BTreeMap<&'static str, String>,
    more: String,
    texts: Vec<u8>,
    pages: u32,
    realloc: &'static str,
}

/// Export names and their core signatures per kind.
fn exports(world: &str) -> &'static [(&'static str, &'static str)] {
    match world {
        "source" => &[INIT, ("mast:source/catalog@0.1.0#refresh", "(param $out i32) (result i32)")],
        "source-with-resolver" => &[
            INIT,
            ("mast:source/catalog@0.1.0#refresh", "(param $out i32) (result i32)"),
            ("mast:source/resolver@0.1.0#resolve", "(param $key i32) (param $key_len i32) (param $attempt i32) (result i32)"),
        ],
        "epg" => &[INIT, ("mast:epg/importer@0.1.0#run", "(param $input i32) (param $out i32) (result i32)")],
        "output" => &[
            INIT,
            ("mast:output/handler@0.1.0#routes", "(result i32)"),
            ("mast:output/handler@0.1.0#handle", "(param $args i32) (result i32)"),
        ],
        "auth" => &[
            INIT,
            ("mast:auth/policy@0.1.0#key-fields", "(result i32)"),
            (
                "mast:auth/policy@0.1.0#decide",
                "(param $username i32) (param $username_len i32) (param i32 i32 i32 i32 i32) (param $ip i32) (param $ip_len i32)
                 (param i32 i32 i32 i32 i32 i32) (result i32)",
            ),
        ],
        _ => panic!("no world {world}"),
    }
}

const INIT: (&str, &str) = ("mast:base/lifecycle@0.1.0#init", "(result i32)");

/// Borrowed handles must be dropped before a call returns: imports for it, and what to do after the body.
fn drops(kind: Kind) -> &'static str {
    match kind {
        Kind::Source => {
            "(import \"mast:source/sink@0.1.0\" \"[resource-drop]catalog-sink\" (func $drop_out (param i32)))"
        }
        Kind::Epg => {
            "(import \"mast:epg/sink@0.1.0\" \"[resource-drop]guide-sink\" (func $drop_out (param i32)))
             (import \"mast:base/streams@0.1.0\" \"[resource-drop]byte-source\" (func $drop_source (param i32)))"
        }
        Kind::Output => {
            "(import \"mast:output/response@0.1.0\" \"[resource-drop]response-sink\" (func $drop_out (param i32)))
             (import \"mast:output/views@0.1.0\" \"[resource-drop]line\" (func $drop_line (param i32)))"
        }
        Kind::Auth => "",
    }
}

fn epilogue(export: &str) -> &'static str {
    match export.rsplit('#').next() {
        Some("refresh") => "(call $drop_out (local.get $out))",
        Some("run") => "(call $drop_out (local.get $out)) (call $drop_source (local.get $input))",
        // The arguments lie in memory: the line (option) at 72, the sink at 80.
        Some("handle") => {
            "(call $drop_out (i32.load offset=80 (local.get $args)))
             (if (i32.load8_u offset=72 (local.get $args)) (then (call $drop_line (i32.load offset=76 (local.get $args)))))"
        }
        _ => "",
    }
}

fn package(kind: Kind) -> &'static str {
    match kind {
        Kind::Source => "source",
        Kind::Epg => "epg",
        Kind::Output => "output",
        Kind::Auth => "auth",
    }
}

impl Guest {
    pub fn new(kind: Kind) -> Self {
        let manifest = format!("id = \"test-{kind}\"\nversion = \"1.2.3\"\nkind = \"{kind}\"\nsummary = \"A test.\"\n");
        Self {
            kind,
            world: package(kind),
            manifest: Some(manifest),
            imports: String::new(),
            bodies: BTreeMap::new(),
            more: String::new(),
            texts: Vec::new(),
            pages: 2,
            realloc: BUMP,
        }
    }

    pub fn world(mut self, world: &'static str) -> Self {
        self.world = world;
        self
    }

    /// Adds to the manifest.
    pub fn manifest(mut self, more: &str) -> Self {
        self.manifest = self.manifest.map(|manifest| manifest + more);
        self
    }

    /// Replaces the manifest.
    pub fn whole_manifest(mut self, manifest: Option<&str>) -> Self {
        self.manifest = manifest.map(str::to_owned);
        self
    }

    /// A core import: interface, function, `(func $name (param ..) (result ..))`.
    pub fn import(mut self, interface: &str, function: &str, func: &str) -> Self {
        self.imports += &format!("(import \"{interface}\" \"{function}\" {func})\n");
        self
    }

    /// `$log(level, pointer, length)`.
    pub fn log(self) -> Self {
        self.import("mast:base/log@0.1.0", "write", "(func $log (param i32 i32 i32))")
    }

    /// The body of an export, by the end of its name; it leaves the address of the result.
    pub fn body(mut self, export: &'static str, body: impl Into<String>) -> Self {
        self.bodies.insert(export, body.into());
        self
    }

    /// More fields of the core module.
    pub fn more(mut self, wat: &str) -> Self {
        self.more += wat;
        self
    }

    pub fn pages(mut self, pages: u32) -> Self {
        self.pages = pages;
        self
    }

    pub fn realloc(mut self, realloc: &'static str) -> Self {
        self.realloc = realloc;
        self
    }

    /// Puts a text into the guest's memory: (address, length) as two constants.
    pub fn text(&mut self, text: &str) -> String {
        let address = TEXTS as usize + self.texts.len();
        self.texts.extend(text.as_bytes());
        assert!(self.texts.len() < (HEAP - TEXTS) as usize);
        format!("(i32.const {address}) (i32.const {})", text.len())
    }

    fn core(&self) -> Vec<u8> {
        let funcs: String = exports(self.world)
            .iter()
            .map(|(name, signature)| {
                let body = self.bodies.iter().find(|(end, _)| name.ends_with(*end)).map(|(_, body)| body.clone());
                let body = body.unwrap_or_else(|| format!("(i32.const {ZEROS})"));
                format!("(func (export \"{name}\") {signature} {body} {})\n", epilogue(name))
            })
            .collect();
        let texts: String = self.texts.iter().map(|byte| format!("\\{byte:02x}")).collect();
        let drops = drops(self.kind);
        let Self { imports, pages, realloc, more, .. } = self;
        let wat = format!(
            "(module {drops} {imports} (memory (export \"memory\") {pages}) (global $heap (mut i32) (i32.const {HEAP}))
             (data (i32.const {TEXTS}) \"{texts}\") {realloc} {funcs} {more})"
        );
        wat::parse_str(&wat).unwrap_or_else(|error| panic!("{error}\n{wat}"))
    }

    pub fn build(self) -> Vec<u8> {
        let mut resolve = Resolve::default();
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        resolve.push_dir(wit.join("base")).unwrap();
        let (package, _) = resolve.push_dir(wit.join(package(self.kind))).unwrap();
        let world = resolve.select_world(&[package], Some(self.world)).unwrap();
        let mut core = self.core();
        wit_component::embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8).unwrap();
        if let Some(manifest) = &self.manifest {
            append_section(&mut core, "mast-manifest", manifest.as_bytes());
        }
        ComponentEncoder::default().module(&core).unwrap().validate(true).encode().unwrap()
    }
}

/// Allocates upwards, never frees, grows the memory where it must; traps where it may not.
const BUMP: &str = r#"(func $alloc (export "cabi_realloc") (param i32 i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
                            (i32.sub (i32.const 0) (local.get $align))))
    (global.set $heap (i32.add (local.get $at) (local.get $size)))
    (block $fits
        (br_if $fits (i32.le_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
        (br_if $fits (i32.ne (i32.const -1) (memory.grow
            (i32.add (i32.const 1) (i32.shr_u (local.get $size) (i32.const 16))))))
        unreachable)
    (local.get $at))"#;

/// Appends a custom section to a module or component.
pub fn append_section(wasm: &mut Vec<u8>, name: &str, contents: &[u8]) {
    let mut section = leb128(name.len());
    section.extend(name.as_bytes());
    section.extend(contents);
    wasm.push(0);
    wasm.extend(leb128(section.len()));
    wasm.extend(section);
}

fn leb128(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}
