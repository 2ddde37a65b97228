//! Build, run, test and bench Mast. No other build system.

fn main() {}
