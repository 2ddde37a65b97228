//! Build, run, test and bench Mast. No other build system: whatever a newcomer or CI needs is a subcommand here, and each says
//! what it does while it does it.

mod bench;
mod build;
mod process;
mod run;
mod say;
mod setup;
mod soak;
mod test;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Build, run, test and bench Mast.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what building, running and (with --tests) testing needs; `run` and `test` do this themselves.
    Setup {
        /// Also what the tests need.
        #[arg(long)]
        tests: bool,
    },
    /// Build the bundled plugins and the host.
    Build {
        /// Optimised: target/release/mast is one file with the bundled plugins inside.
        #[arg(long)]
        release: bool,
    },
    /// Build one plugin crate into a component.
    Plugin {
        /// The folder of its Cargo.toml.
        dir: PathBuf,
        /// Where NAME.wasm goes.
        #[arg(long, default_value = ".")]
        out: PathBuf,
    },
    /// Start the demo: a test upstream with three channels, and a host that serves them.
    Run(run::Options),
    /// The benchmarks, each against its peer: serve, tune, channels, viewers, failover, idle, m3u, access, guide; all where none is named.
    Bench {
        /// One JSON line per figure.
        #[arg(long)]
        json: bool,
        /// Megabytes of the guide that `guide` imports.
        #[arg(long, default_value_t = 1000)]
        guide_size: u64,
        /// Which.
        names: Vec<String>,
    },
    /// A host with upstreams that fail at random and viewers that come and go: nothing may pile up. CI runs a minute of it.
    Soak(soak::Options),
    /// Everything CI runs.
    Test {
        /// Passed on to the test runner, for example a part of a test's name.
        #[arg(last = true)]
        filter: Vec<String>,
    },
}

fn main() -> ExitCode {
    let workspace = workspace();
    let done = match Arguments::parse().command {
        Command::Setup { tests } => {
            setup::setup(&workspace, if tests { setup::For::Tests } else { setup::For::Running })
        }
        Command::Build { release } => {
            setup::setup(&workspace, setup::For::Building).and_then(|()| build::build(&workspace, release))
        }
        Command::Plugin { dir, out } => build::plugin(&dir, &out),
        Command::Run(options) => run::run(&workspace, &options),
        Command::Bench { json, guide_size, names } => bench::bench(&workspace, &names, json, guide_size),
        Command::Soak(options) => soak::soak(&workspace, &options),
        Command::Test { filter } => test::test(&workspace, &filter),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::line(&format!("\nerror: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository: this file's crate is one folder below.
fn workspace() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_owned()
}
