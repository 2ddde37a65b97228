//! The `mast` binary.

mod heap;

fn main() -> std::process::ExitCode {
    heap::settle();
    mast::cli::run()
}
