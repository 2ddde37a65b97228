//! Compiles plugin crates to WebAssembly components.
