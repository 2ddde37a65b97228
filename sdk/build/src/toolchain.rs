//! Which compiler makes the plugins. Tried in this order:
//!
//! 1. the active toolchain, if it has the standard library for the target;
//! 2. the active toolchain after `rustup target add`;
//! 3. Debian's `rustc-web` with `rust-web-src` and `lld-22`: the standard library is compiled from source.
//!
//! Invariant: picking never hangs. `rustup` is given a deadline, a short one where Debian's packages are there; that it failed is
//! remembered in the target folder, so that a machine without a network pays once.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::Progress;

/// The target of every plugin: no operating system, so nothing but what `wit/` offers can be imported.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Takes one choice and refuses all others: `active`, `rustup` or `debian`.
const OVERRIDE: &str = "MAST_WASM_TOOLCHAIN";

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "rust-web-src", "lld-22"];
const DEBIAN_LIBRARY: &str = "/usr/lib/rustlib/src/rust/library/std/Cargo.toml";

/// The `rust-version` of the workspace.
const OLDEST: (u32, u32) = (1, 95);

/// Download time for `rustup target add` (about 20 MB) where nothing else is at hand, and where Debian's compiler is.
const RUSTUP_ONLY: Duration = Duration::from_secs(180);
const RUSTUP_FIRST: Duration = Duration::from_secs(20);

/// A compiler that can make plugins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Toolchain {
    /// The active toolchain had the target.
    Active,
    /// The active toolchain has the target now.
    Added,
    /// Debian's compiler, which compiles the standard library as well.
    Debian {
        /// `wasm-ld` of the LLVM that the compiler uses.
        linker: PathBuf,
    },
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Active => write!(f, "plugins are compiled by the active toolchain, which has {TARGET}"),
            Self::Added => write!(f, "plugins are compiled by the active toolchain; rustup added {TARGET}"),
            Self::Debian { linker } => write!(
                f,
                "plugins are compiled by Debian's {DEBIAN_RUSTC} with {}, standard library from source",
                linker.display()
            ),
        }
    }
}

/// No compiler for the target, with what was tried.
#[derive(Debug, thiserror::Error)]
#[error(
    "no compiler for {TARGET}: {}. Either make `rustup target add {TARGET}` work, or install the Debian packages: \
     apt-get install {}", .tried.join("; "), .packages.join(" ")
)]
pub struct NoToolchain {
    /// One sentence for each choice that was tried.
    pub tried: Vec<String>,
    /// Debian packages that would do.
    pub packages: Vec<&'static str>,
}

impl Toolchain {
    /// Picks a toolchain. `target_dir` remembers that rustup failed.
    pub fn pick(target_dir: &Path, progress: Progress<'_>) -> Result<Self, NoToolchain> {
        let only = std::env::var(OVERRIDE).ok().filter(|choice| !choice.is_empty());
        let may = |choice: &str| only.as_deref().is_none_or(|only| only == choice);
        let mut tried: Vec<String> = only.iter().map(|only| format!("{OVERRIDE}={only} allows nothing else")).collect();
        if may("active") {
            match has_target() {
                Ok(()) => return Ok(Self::Active),
                Err(why) => tried.push(why),
            }
        }
        let debian = debian();
        if may("rustup") {
            let deadline = if debian.is_ok() { RUSTUP_FIRST } else { RUSTUP_ONLY };
            match add_target(target_dir, debian.is_ok(), deadline, progress) {
                Ok(()) => return Ok(Self::Added),
                Err(why) => tried.push(why),
            }
        }
        match debian {
            Ok(linker) if may("debian") => Ok(Self::Debian { linker }),
            Ok(_) => Err(NoToolchain { tried, packages: DEBIAN_PACKAGES.to_vec() }),
            Err(packages) => {
                tried.push(format!("Debian's compiler is not complete: {} missing", packages.join(", ")));
                Err(NoToolchain { tried, packages })
            }
        }
    }

    /// Makes a cargo command use this toolchain.
    pub(crate) fn apply(&self, command: &mut Command) {
        if let Self::Debian { linker } = self {
            command
                .arg("-Zbuild-std=std,panic_abort")
                .env("RUSTC", DEBIAN_RUSTC)
                // Building the standard library is an unstable feature of cargo; nothing else unstable is used.
                .env("RUSTC_BOOTSTRAP", "1")
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)
                // `cargo run` points it at the other toolchain's libraries.
                .env_remove("LD_LIBRARY_PATH");
        }
    }
}

/// Whether the active toolchain has the target.
fn has_target() -> Result<(), String> {
    let missing = || format!("the active toolchain has no {TARGET}");
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("rustc does not start ({error})"))?;
    let dir = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let mut entries = std::fs::read_dir(&dir).map_err(|_| missing())?.flatten();
    let has_std = entries.any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"));
    if output.status.success() && has_std { Ok(()) } else { Err(missing()) }
}

/// Tries `rustup target add` once. Where another choice exists, an earlier failure counts.
fn add_target(target_dir: &Path, other_choice: bool, deadline: Duration, progress: Progress<'_>) -> Result<(), String> {
    let memory = target_dir.join("rustup-failed.txt");
    if other_choice && let Ok(why) = std::fs::read_to_string(&memory) {
        return Err(format!("{} (remembered in {}; delete it to try again)", why.trim(), memory.display()));
    }
    progress(&format!("trying `rustup target add {TARGET}` (at most {} s)", deadline.as_secs()));
    let answer = run_rustup(deadline).and_then(|()| has_target());
    if let Err(why) = &answer {
        // Only saves time; where it cannot be written the next run tries again.
        let _ = std::fs::create_dir_all(target_dir).and_then(|()| std::fs::write(&memory, why));
    } else {
        let _ = std::fs::remove_file(&memory);
    }
    answer
}

fn run_rustup(deadline: Duration) -> Result<(), String> {
    let name = format!("`rustup target add {TARGET}`");
    let mut child = Command::new("rustup")
        .args(["target", "add", TARGET])
        .env("RUSTUP_MAX_RETRIES", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{name} does not start ({error})"))?;
    let Some(said) = read_to_end(&mut child, deadline) else {
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("{name} did not finish in {} s", deadline.as_secs()));
    };
    let status = child.wait().map_err(|error| format!("{name}: {error}"))?;
    if status.success() {
        return Ok(());
    }
    let last = said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("no message");
    Err(format!("{name} failed ({last})"))
}

/// What the child wrote to stderr until it closed it; none when the deadline passed first.
fn read_to_end(child: &mut Child, deadline: Duration) -> Option<String> {
    let mut stderr = child.stderr.take().expect("stderr was piped");
    let (sender, receiver) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut said = Vec::new();
        let _ = stderr.read_to_end(&mut said);
        let _ = sender.send(String::from_utf8_lossy(&said).into_owned());
    });
    receiver.recv_timeout(deadline).ok()
}

/// The linker that goes with Debian's compiler, or the packages that are missing.
fn debian() -> Result<PathBuf, Vec<&'static str>> {
    let mut missing = Vec::new();
    let version = Command::new(DEBIAN_RUSTC).arg("-vV").stdin(Stdio::null()).output().ok();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    // The distribution's plain `rustc` lives at the same path and may be years older.
    if release(&version).is_none_or(|release| release < OLDEST) {
        missing.push("rustc-web");
    }
    if !Path::new(DEBIAN_LIBRARY).is_file() {
        missing.push("rust-web-src");
    }
    let linker = linker(Path::new("/usr/lib"), llvm_major(&version));
    if linker.is_none() {
        missing.push("lld-22");
    }
    linker.filter(|_| missing.is_empty()).ok_or(missing)
}

/// The version in the line `release: 1.96.0` of `rustc -vV`.
fn release(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.lines().find_map(|line| line.strip_prefix("release: "))?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The major version in the line `LLVM version: 22.1.8` of `rustc -vV`.
fn llvm_major(version: &str) -> Option<u32> {
    version.lines().find_map(|line| line.strip_prefix("LLVM version: "))?.split('.').next()?.parse().ok()
}

/// `wasm-ld` of that LLVM. A newer one also reads its objects, an older one need not.
fn linker(lib: &Path, llvm: Option<u32>) -> Option<PathBuf> {
    let entries = std::fs::read_dir(lib).ok()?.flatten();
    entries
        .filter_map(|entry| {
            Some((entry.file_name().to_str()?.strip_prefix("llvm-")?.parse::<u32>().ok()?, entry.path()))
        })
        .filter(|(major, _)| llvm.is_none_or(|wanted| *major >= wanted))
        .map(|(major, path)| (major, path.join("bin/wasm-ld")))
        .filter(|(_, path)| path.exists())
        .min_by_key(|(major, _)| *major)
        .map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{NoToolchain, linker, llvm_major, release};

    #[test]
    fn versions_are_read() {
        assert_eq!(release("rustc 1.96.0\nrelease: 1.96.0\n"), Some((1, 96)));
        assert_eq!(release("release: 1.97.0-nightly\n"), Some((1, 97)));
        assert_eq!(release(""), None);
        assert_eq!(llvm_major("rustc 1.96.0\nLLVM version: 22.1.8\n"), Some(22));
        assert_eq!(llvm_major("rustc 1.96.0"), None);
    }

    #[test]
    fn the_linker_is_not_older_than_the_compiler() {
        let lib = tempfile::tempdir().unwrap();
        for version in ["llvm-19", "llvm-23", "llvm-22", "llvm-x"] {
            fs::create_dir_all(lib.path().join(version).join("bin")).unwrap();
            fs::write(lib.path().join(version).join("bin/wasm-ld"), "").unwrap();
        }
        let found = |wanted| linker(lib.path(), wanted).map(|path| path.strip_prefix(lib.path()).unwrap().to_owned());
        assert_eq!(found(Some(22)), Some("llvm-22/bin/wasm-ld".into()));
        assert_eq!(found(None), Some("llvm-19/bin/wasm-ld".into()));
        assert_eq!(found(Some(24)), None);
    }

    #[test]
    fn the_error_names_what_to_install() {
        let error =
            NoToolchain { tried: vec!["a".into(), "b".into()], packages: vec!["rustc-web", "lld-22"] }.to_string();
        assert!(error.contains("a; b."), "{error}");
        assert!(error.ends_with("apt-get install rustc-web lld-22"), "{error}");
    }
}
