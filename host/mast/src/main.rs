//! The `mast` binary.

fn main() -> std::process::ExitCode {
    mast::cli::run()
}
