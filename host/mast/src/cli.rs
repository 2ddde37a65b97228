//! The command line: `mast serve|check|status|line|session|ban|source|guide|backup|restore|export|operator|apikey|reseller|plan ...`.
//!
//! Exit codes: 0 done, 1 refused or failed (said why), 2 not understood. What was asked for goes to standard output, logs and errors
//! to standard error; with `--json` both the answer and an error are one JSON document on standard output.

mod apikey;
mod backend;
mod backup;
mod ban;
mod check;
mod guide;
mod line;
mod logging;
mod operator;
mod output;
mod plan;
mod reseller;
mod serve;
mod session;
mod source;
mod status;
mod urls;
mod who;

use std::io::BufRead;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use jiff::Timestamp;

use crate::admin::ErrorView;
use crate::config::{Config, Problems};

#[derive(Debug, Parser)]
#[command(name = "mast", version, about = "An extensible IPTV host", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the host until it is told to stop
    Serve(ConfigArg),
    /// Report every problem of the configuration and of every plugin instance
    Check {
        #[command(flatten)]
        config: ConfigArg,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Add, list and switch lines, whether or not a server runs
    #[command(subcommand)]
    Line(line::LineCommand),
    /// Say how a running server does
    Status {
        #[command(flatten)]
        config: ConfigArg,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// See who watches, and end it
    #[command(subcommand)]
    Session(session::SessionCommand),
    /// Keep a line, an address or a network away for a time, whether or not a server runs
    #[command(subcommand)]
    Ban(ban::BanCommand),
    /// See how the sources of a running server do, and refresh them
    #[command(subcommand)]
    Source(source::SourceCommand),
    /// See how the guides of a running server do, and import them
    #[command(subcommand)]
    Guide(guide::GuideCommand),
    /// Write everything that is stored into a file, whether or not a server runs
    Backup(backup::BackupArgs),
    /// Put a backup in place of what is stored; no server may run
    Restore(backup::RestoreArgs),
    /// Write lines, operators, bouquets and edits as JSON, whether or not a server runs
    Export(backup::ExportArgs),
    /// Add operators, and let one who is locked out back in, whether or not a server runs
    #[command(subcommand)]
    Operator(operator::OperatorCommand),
    /// Make, list and revoke keys for the admin API, whether or not a server runs
    #[command(subcommand)]
    Apikey(apikey::KeyCommand),
    /// Add, list and credit resellers, whether or not a server runs
    #[command(subcommand)]
    Reseller(reseller::ResellerCommand),
    /// Add and list the plans that resellers sell, whether or not a server runs
    #[command(subcommand)]
    Plan(plan::PlanCommand),
}

#[derive(Debug, Args)]
struct ConfigArg {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "mast.toml")]
    config: PathBuf,
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
enum Failure {
    /// The configuration is not usable.
    Config(Problems),
    /// Anything else, as the admin API would say it.
    Refused(ErrorView),
}

impl Failure {
    fn new(code: &str, message: impl Into<String>) -> Self {
        Self::Refused(ErrorView { code: code.to_owned(), message: message.into() })
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::Config(problems)
    }
}

/// Parses the arguments, runs the command, prints errors.
pub fn run() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == crate::tuner::LAUNCHER) {
        // Becomes FFmpeg; returns only where that fails. The worker's log shows what it prints.
        let error = mast_ffmpeg::launch(arguments);
        output::complain(&error);
        return ExitCode::from(127);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // --help and --version arrive here too. Nobody is left to tell where the terminal is gone.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let (json, result) = match cli.command {
        Command::Serve(config) => (false, serve::run(&config.config)),
        Command::Check { config, json } => return check::run(&config.config, json),
        Command::Line(command) => (command.json(), line::run(command)),
        Command::Status { config, json } => (json, status::run(&config, json)),
        Command::Session(command) => (command.json(), session::run(command)),
        Command::Ban(command) => (command.json(), ban::run(command)),
        Command::Source(command) => (command.json(), source::run(command)),
        Command::Guide(command) => (command.json(), guide::run(command)),
        Command::Backup(args) => (args.json, backup::backup(&args)),
        Command::Restore(args) => (args.json, backup::restore(&args)),
        Command::Export(args) => (false, backup::export(&args)),
        Command::Operator(command) => (command.json(), operator::run(command)),
        Command::Apikey(command) => (command.json(), apikey::run(command)),
        Command::Reseller(command) => (command.json(), reseller::run(command)),
        Command::Plan(command) => (command.json(), plan::run(command)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::failure(&failure, json);
            ExitCode::FAILURE
        }
    }
}

fn load(config: &ConfigArg) -> Result<Config, Failure> {
    Ok(Config::load(&config.config)?)
}

/// Runs a command that waits for something.
fn on_a_thread(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new("internal", format!("no thread to run on: {error}")))?;
    runtime.block_on(work)
}

fn timestamp(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "write it as 2030-01-31T00:00:00Z or 2030-01-31T00:00:00+01:00".to_owned())
}

/// The first line, without its end.
fn password_from_stdin() -> Result<String, Failure> {
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|error| Failure::new("invalid_line", format!("the password could not be read: {error}")))?;
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(line)
}
