//! Anything as the lines that a worker writes to standard error: no panic, figures that can be reckoned with, and no credential of a URL in
//! what would be logged.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mast_ffmpeg::{ProgressParser, Redactor, Step};

fuzz_target!(|text: &str| {
    let mut parser = ProgressParser::default();
    let mut redactor = Redactor::default();
    for line in text.lines() {
        match parser.line(line) {
            Step::Complete(counters) => {
                assert!(line.starts_with("progress="));
                assert!([counters.speed, counters.fps].iter().flatten().all(|rate| rate.is_finite() && *rate >= 0.0));
            }
            Step::Pending => assert!(line.contains('=')),
            Step::NotProgress => drop(redactor.clean(line)),
        }
        if line.contains("://") {
            redactor.hide_url(line);
            redactor.clean(text);
        }
        let clean = Redactor::default().clean(&format!("x://joe:hush-hush@h.example/{line}"));
        assert!(!clean.contains("hush-hush") || line.contains("hush"), "{clean}");
    }
});
