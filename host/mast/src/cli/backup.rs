//! `mast backup`, `mast restore` and `mast export`: everything that the host keeps, into a file and back.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::backend::Backend;
use super::output::{say, say_json};
use super::{ConfigArg, Failure, load, on_a_thread};
use crate::admin::client::Client;
use crate::backups::{self, Backup, Backups, BackupsError};
use crate::config::Config;

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Where to write it
    file: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The backup
    file: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Where to write it; - for standard output
    file: PathBuf,
    /// With password hashes, tokens and second factors
    #[arg(long)]
    secrets: bool,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
}

impl From<BackupsError> for Failure {
    fn from(error: BackupsError) -> Self {
        Self::new("backup_failed", error.to_string())
    }
}

fn failed(file: &Path, doing: &str) -> impl FnOnce(io::Error) -> Failure {
    move |error| Failure::new("backup_failed", format!("{} could not be {doing}: {error}", file.display()))
}

/// A file that is written under another name until it is whole.
struct Target {
    file: PathBuf,
    draft: PathBuf,
    force: bool,
}

impl Target {
    fn new(file: &Path, force: bool) -> Result<Self, Failure> {
        let refuse = |why: &str| Failure::new("backup_failed", format!("{} {why}", file.display()));
        if file.components().any(|part| part == Component::ParentDir) {
            return Err(refuse("has .. in it; name the folder itself"));
        }
        let name = file.file_name().ok_or_else(|| refuse("names no file"))?;
        match file.symlink_metadata() {
            Ok(metadata) if !metadata.is_file() => return Err(refuse("is no file, and is not replaced")),
            Ok(_) if !force => return Err(refuse("is there already; --force replaces it")),
            _ => {}
        }
        let draft = file.with_file_name(format!(".{}.draft", name.to_string_lossy()));
        // Of a command that was killed.
        drop(std::fs::remove_file(&draft));
        Ok(Self { file: file.to_owned(), draft, force })
    }

    fn open(&self) -> Result<File, Failure> {
        let options = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.draft);
        options.map_err(failed(&self.draft, "made"))
    }

    fn finish(self, file: &File) -> Result<(), Failure> {
        file.sync_all().map_err(failed(&self.draft, "written"))?;
        Ok(backups::place(&self.draft, &self.file, self.force)?)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // Gone already where it was finished.
        drop(std::fs::remove_file(&self.draft));
    }
}

pub(super) fn backup(args: &BackupArgs) -> Result<(), Failure> {
    on_a_thread(async {
        let config = load(&args.config)?;
        let target = Target::new(&args.file, args.force)?;
        let client = Backend::open(&config).await?.0.patient();
        let made: Backup = client.post("/api/v1/backups", Some(&json!({}))).await?;
        // The server writes into its own folder only; from there it is taken away.
        let taken = take(&Backups::path(&config.data_dir, &made.name)?, target);
        let removed = client.delete(&format!("/api/v1/backups/{}", made.name)).await;
        taken?;
        removed?;
        if args.json {
            say_json(&json!({ "file": args.file, "backup": made }));
        } else {
            say(format!("{} lines of {} are in {}", made.lines, made.created, args.file.display()));
        }
        Ok(())
    })
}

fn take(from: &Path, target: Target) -> Result<(), Failure> {
    let mut source = File::open(from).map_err(failed(from, "read"))?;
    let mut file = target.open()?;
    io::copy(&mut source, &mut file).map_err(failed(&target.draft, "written"))?;
    target.finish(&file)
}

pub(super) fn restore(args: &RestoreArgs) -> Result<(), Failure> {
    let config: Config = load(&args.config)?;
    on_a_thread(async {
        if Client::find(&config.data_dir).await.is_some() {
            let text = format!("a server runs on {}; stop it first", config.data_dir.display());
            return Err(Failure::new("server_runs", text));
        }
        Ok(())
    })?;
    let restored = backups::restore(&config.data_dir, &args.file)?;
    if args.json {
        say_json(&restored);
        return Ok(());
    }
    say(format!("{} lines of {} are back", restored.lines, restored.created));
    if let Some(before) = restored.before {
        say(format!("the store that was there is in {}", before.display()));
    }
    Ok(())
}

pub(super) fn export(args: &ExportArgs) -> Result<(), Failure> {
    on_a_thread(async {
        let path = format!("/api/v1/export?secrets={}", args.secrets);
        if args.file == Path::new("-") {
            let client = Backend::open(&load(&args.config)?).await?.0.patient();
            return Ok(client.download(&path, &mut io::stdout().lock()).await?);
        }
        let target = Target::new(&args.file, args.force)?;
        let client = Backend::open(&load(&args.config)?).await?.0.patient();
        let mut file = BufWriter::new(target.open()?);
        client.download(&path, &mut file).await?;
        file.flush().map_err(failed(&target.draft, "written"))?;
        let file = file.into_inner().map_err(|error| failed(&target.draft, "written")(error.into_error()))?;
        target.finish(&file)
    })
}
