//! Whom a command is about, and the password that it gives them.

use clap::Args;

use super::{ConfigArg, Failure, password_from_stdin};

#[derive(Debug, Args)]
pub(super) struct NameArgs {
    #[command(flatten)]
    pub(super) config: ConfigArg,
    /// Whom it is about
    #[arg(long)]
    pub(super) username: String,
    /// Print one JSON document: them as they are then
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct PasswordArgs {
    #[command(flatten)]
    pub(super) name: NameArgs,
    /// 8 to 128 characters; others on this machine may see it while the command runs
    #[arg(long, required_unless_present = "password_stdin", conflicts_with = "password_stdin")]
    password: Option<String>,
    /// Read the password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
}

impl PasswordArgs {
    pub(super) fn password(&self) -> Result<String, Failure> {
        self.password.clone().map_or_else(password_from_stdin, Ok)
    }
}
