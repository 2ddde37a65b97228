//! What has to be on the machine: says what is missing and why, installs it where that needs no question, names it where it may not.
//! Running it again finds everything there and takes no time.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use crate::process::{output, run, succeeds};
use crate::say::{line, step};

/// What to get ready for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum For {
    /// Compiling the host and the plugins.
    Building,
    /// Also the demo.
    Running,
    /// Also the tests.
    Tests,
    /// Also the benchmarks, but not what only the tests need.
    Benchmarks,
}

impl For {
    fn needs(self, need: &Need) -> bool {
        need.since == self || need.since <= self.min(Self::Running)
    }
}

struct Need {
    what: &'static str,
    why: &'static str,
    since: For,
    packages: &'static [&'static str],
    is_there: fn() -> bool,
}

/// The wasm toolchain is looked for by the crate that uses it; everything else is here.
const NEEDS: &[Need] = &[
    Need {
        what: "ffmpeg and ffprobe",
        why: "draw the test channels, check what players receive",
        since: For::Running,
        packages: &["ffmpeg"],
        is_there: || runs("ffmpeg", "-version") && runs("ffprobe", "-version"),
    },
    Need {
        what: "the DejaVu fonts",
        why: "the name and the clock on the test channels",
        since: For::Running,
        packages: &["fonts-dejavu-core"],
        is_there: || Path::new("/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf").exists(),
    },
    Need {
        what: "python3 with venv",
        why: "the packages m3u8 and py-xmltv read our HLS playlists and guides in the tests",
        since: For::Tests,
        packages: &["python3", "python3-venv"],
        is_there: || succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])),
    },
    Need {
        what: "node and npm",
        why: "packages read our M3U playlists and guides in the tests, hls.js plays our HLS, and oidc-provider logs operators in",
        since: For::Tests,
        packages: &["nodejs", "npm"],
        is_there: || runs("node", "--version") && runs("npm", "--version"),
    },
    Need {
        what: "Chromium",
        why: "hls.js plays our HLS in it, in the tests; 80 MB to fetch, with the codecs that Debian builds in",
        since: For::Tests,
        packages: &["chromium"],
        is_there: || runs("chromium", "--version"),
    },
    Need {
        what: "mpv",
        why: "plays our MPEG-TS in the tests; beside ffmpeg it needs little more than itself",
        since: For::Tests,
        packages: &["mpv"],
        is_there: || runs("mpv", "--version"),
    },
    Need {
        what: "faketime",
        why: "sets the clock of the host under test",
        since: For::Tests,
        packages: &["faketime"],
        is_there: || runs("faketime", "--version"),
    },
    Need {
        what: "unshare",
        why: "gives the host under test a small disk of its own, which is filled",
        since: For::Tests,
        packages: &["util-linux", "mount"],
        is_there: || runs("unshare", "--version") && runs("mount", "--version"),
    },
    Need {
        what: "xmllint",
        why: "holds our guides against the DTD in the tests",
        since: For::Tests,
        packages: &["libxml2-utils"],
        is_there: || runs("xmllint", "--version"),
    },
    Need {
        what: "tv_validate_file",
        why: "XMLTV's own validator of guides, with the DTD",
        since: For::Tests,
        packages: &["xmltv-util"],
        is_there: || {
            Path::new("/usr/bin/tv_validate_file").exists() && Path::new("/usr/share/xmltv/xmltv.dtd").exists()
        },
    },
    Need {
        what: "hdhomerun_config",
        why: "looks for tuners on the network in the tests, and finds ours",
        since: For::Tests,
        packages: &["hdhomerun-config"],
        is_there: || Path::new("/usr/bin/hdhomerun_config").exists(),
    },
    Need {
        what: "Pebble",
        why: "an authority that issues certificates over ACME in the tests",
        since: For::Tests,
        packages: &["pebble"],
        is_there: || Path::new("/usr/bin/pebble").exists(),
    },
    Need {
        what: "python3 with venv",
        why: "a guide importer of lxml and SQLite, the peer that imports are measured against",
        since: For::Benchmarks,
        packages: &["python3", "python3-venv"],
        is_there: || succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])),
    },
    Need {
        what: "nginx",
        why: "the peer that serving is measured against",
        since: For::Benchmarks,
        packages: &["nginx-light"],
        is_there: || Path::new("/usr/sbin/nginx").exists(),
    },
    Need {
        what: "redis-server",
        why: "the peer that keeping lines is measured against",
        since: For::Benchmarks,
        packages: &["redis-server"],
        is_there: || runs("redis-server", "--version"),
    },
    Need {
        what: "wrk",
        why: "makes the load of the benchmarks",
        since: For::Benchmarks,
        packages: &["wrk"],
        // It prints its usage and answers 1.
        is_there: || Path::new("/usr/bin/wrk").exists(),
    },
    Need {
        what: "taskset",
        why: "keeps server and load on cores of their own",
        since: For::Benchmarks,
        packages: &["util-linux"],
        is_there: || runs("taskset", "--version"),
    },
];

/// Gets the machine ready.
pub(crate) fn setup(workspace: &Path, purpose: For) -> anyhow::Result<()> {
    let missing: Vec<&Need> = NEEDS.iter().filter(|need| purpose.needs(need) && !(need.is_there)()).collect();
    for need in &missing {
        line(&format!("missing: {} ({})", need.what, need.why));
    }
    let mut packages: Vec<&str> = missing.iter().flat_map(|need| need.packages.iter().copied()).collect();
    packages.extend(wasm_packages(workspace));
    install(&packages)?;
    if let Some(need) = missing.iter().find(|need| !(need.is_there)()) {
        bail!("{} still missing after installing {}", need.what, need.packages.join(" "));
    }
    if purpose == For::Tests {
        client_libraries(workspace)?;
    }
    if purpose == For::Benchmarks {
        peer_libraries(workspace)?;
    }
    Ok(())
}

fn runs(program: &str, argument: &str) -> bool {
    succeeds(Command::new(program).arg(argument))
}

/// Packages that compiling plugins needs; none where the toolchain at hand, or rustup, does it.
fn wasm_packages(workspace: &Path) -> Vec<&'static str> {
    let target = workspace.join("target/plugins-build");
    match mast_plugin_build::Toolchain::pick(&target, &mut |text| line(text)) {
        Ok(_) => Vec::new(),
        Err(none) => {
            line(&format!("missing: a compiler for WebAssembly ({})", none.tried.join("; ")));
            none.packages
        }
    }
}

fn install(packages: &[&str]) -> anyhow::Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let list = packages.join(" ");
    if !runs("apt-get", "--version") {
        bail!("install these with your package manager (the names are Debian's), then try again: {list}");
    }
    let is_root = output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !is_root {
        bail!(
            "only root may install packages; run this, then try again:\n  sudo apt-get update && sudo apt-get install -y --no-install-recommends {list}"
        );
    }
    step(&format!("installing {list}"), || {
        let apt = || {
            let mut command = Command::new("apt-get");
            command.env("DEBIAN_FRONTEND", "noninteractive").arg("-q");
            command
        };
        run(apt().arg("update"))?;
        run(apt().args(["install", "-y", "--no-install-recommends"]).args(packages))
    })
}

/// What the peers of the benchmarks need, in the versions that tests/clients pins, under target/clients.
fn peer_libraries(workspace: &Path) -> anyhow::Result<()> {
    let (pins, clients) = (workspace.join("tests/clients/bench-requirements.txt"), workspace.join("target/clients"));
    once(&clients, &pins, "lxml from PyPI", || {
        let python = clients.join("bench-python");
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&python))?;
        let mut pip = Command::new(python.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r"]);
        run(pip.arg(&pins))
    })
}

/// The client libraries of the tests, in the versions that tests/clients pins, under target/clients.
fn client_libraries(workspace: &Path) -> anyhow::Result<()> {
    let (pins, clients) = (workspace.join("tests/clients"), workspace.join("target/clients"));
    let python = clients.join("python");
    once(
        &clients,
        &pins.join("requirements.txt"),
        "m3u8, py-xmltv, schemathesis and xtreamcodeserver from PyPI",
        || {
            run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&python))?;
            let mut pip = Command::new(python.join("bin/pip"));
            pip.args(["install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r"]);
            run(pip.arg(pins.join("requirements.txt")))
        },
    )?;
    once(
        &clients,
        &pins.join("package-lock.json"),
        "@iptv/playlist, @iptv/xmltv, @iptv/xtream-api, epg-parser, hls.js, iptv-playlist-parser, mux.js and oidc-provider from npm",
        || {
            for file in ["package.json", "package-lock.json"] {
                std::fs::copy(pins.join(file), clients.join(file)).with_context(|| format!("copying {file}"))?;
            }
            let mut npm = Command::new("npm");
            run(npm
                .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"])
                .current_dir(&clients))
        },
    )
}

/// Runs an installation unless it was done with the same pins; a copy of the pins remembers it.
fn once(clients: &Path, pins: &Path, what: &str, action: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let name = pins.file_name().context("pins are a file")?;
    let done = clients.join(format!("{}.done", name.to_string_lossy()));
    let wanted = std::fs::read(pins).with_context(|| format!("reading {}", pins.display()))?;
    if std::fs::read(&done).is_ok_and(|content| content == wanted) {
        return Ok(());
    }
    std::fs::create_dir_all(clients).with_context(|| format!("creating {}", clients.display()))?;
    step(&format!("{what} into target/clients (for tests)"), action)?;
    std::fs::write(&done, wanted).with_context(|| format!("writing {}", done.display()))
}
