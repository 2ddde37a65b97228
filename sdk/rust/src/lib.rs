//! Write Mast plugins in Rust: a trait per kind and one export macro.
