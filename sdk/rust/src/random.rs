//! Chance, for tokens that nobody is to guess.

use crate::raw;

/// Bytes from the host's own source; at most 1,024.
pub fn bytes(count: u32) -> Vec<u8> {
    raw::random::bytes(count)
}

/// A token of 32 hexadecimal digits, 128 bits.
pub fn token() -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    bytes(16).iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}
