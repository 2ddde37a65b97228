//! Any text as an M3U playlist of channels: no panic, and entries that have what they must have.
#![no_main]

use libfuzzer_sys::fuzz_target;
use source_m3u::parser::{Parser, Step};

fuzz_target!(|text: &str| {
    let mut parser = Parser::default();
    for (number, line) in (1..).zip(text.lines()) {
        match parser.line(number, line) {
            Step::Entry(entry) => assert!(!entry.url.is_empty() && entry.line == number),
            Step::Remark(why) => assert!(!why.is_empty()),
            Step::NotAList(_) => return,
            Step::Nothing => {}
        }
    }
});
