//! The header of the PROXY protocol: any bytes, as a line and as the two parts of version 2.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../host/mast/src/delivery/proxy_protocol/parse.rs"]
mod parse;

fuzz_target!(|bytes: &[u8]| {
    if let Some(parse::Source::Client(address)) = parse::line(bytes) {
        assert!(bytes.starts_with(parse::PREFIX) && bytes.len() < parse::LONGEST_LINE + 64);
        assert!(String::from_utf8_lossy(bytes).ends_with(|last: char| last.is_ascii_digit()), "{address}");
    }
    if let Some((fixed, rest)) = bytes.split_first_chunk::<{ parse::FIXED }>() {
        let length = parse::rest(fixed);
        assert!(length.is_none_or(|length| length <= parse::LONGEST_REST));
        assert!(length.is_none() || fixed[..12] == parse::SIGNATURE);
        let _ = parse::binary(fixed, rest);
    }
});
