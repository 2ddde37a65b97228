//! Reads bits of H.264 and H.265 headers, leaving out emulation prevention bytes (00 00 03).

/// Every read answers `None` past the end.
#[derive(Debug, Clone)]
pub struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    zeros: u8,
    current: u8,
    left: u32,
}

impl<'a> Bits<'a> {
    /// From the first bit of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, zeros: 0, current: 0, left: 0 }
    }

    /// A whole byte, when nothing of one was read; used for the byte-aligned parts.
    pub fn byte(&mut self) -> Option<u8> {
        self.bits(8).map(|byte| byte as u8)
    }

    /// One bit.
    pub fn flag(&mut self) -> Option<bool> {
        if self.left == 0 {
            let mut byte = *self.bytes.get(self.at)?;
            if self.zeros >= 2 && byte == 3 {
                self.at += 1;
                self.zeros = 0;
                byte = *self.bytes.get(self.at)?;
            }
            self.at += 1;
            self.zeros = if byte == 0 { self.zeros.saturating_add(1) } else { 0 };
            (self.current, self.left) = (byte, 8);
        }
        self.left -= 1;
        Some(self.current >> self.left & 1 == 1)
    }

    /// Up to 32 bits, most significant first.
    pub fn bits(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            value = value << 1 | u32::from(self.flag()?);
        }
        Some(value)
    }

    /// Leaves out bits.
    pub fn skip(&mut self, count: u32) -> Option<()> {
        for _ in 0..count {
            self.flag()?;
        }
        Some(())
    }

    /// ue(v).
    pub fn unsigned(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1u32 << zeros) - 1 + self.bits(zeros)?)
    }

    /// se(v).
    pub fn signed(&mut self) -> Option<i32> {
        let code = i64::from(self.unsigned()?);
        i32::try_from(if code & 1 == 1 { (code + 1) / 2 } else { -(code / 2) }).ok()
    }
}

/// Where the next start code (00 00 01) lies, from `from` on.
pub fn start_code(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(third) = bytes.get(at + 2) {
        match third {
            0 => at += 1,
            1 if bytes[at] == 0 && bytes[at + 1] == 0 => return Some(at),
            _ => at += 3,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_codes_and_leaves_out_emulation_prevention() {
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        assert_eq!(
            [bits.unsigned(), bits.unsigned(), bits.unsigned(), bits.unsigned()],
            [Some(0), Some(1), Some(2), Some(3)]
        );
        assert_eq!(bits.signed(), Some(-2));
        let mut bits = Bits::new(&[0, 0, 3, 1, 0, 0, 3]);
        assert_eq!(bits.bits(32), Some(0x0000_0100));
        assert_eq!(bits.bits(8), Some(0));
        assert_eq!(bits.flag(), None);
        assert_eq!(Bits::new(&[0; 9]).unsigned(), None);
    }

    #[test]
    fn finds_start_codes() {
        for (bytes, expected) in [
            (&[0, 0, 1][..], Some(0)),
            (&[0, 0, 0, 1], Some(1)),
            (&[9, 9, 0, 0, 1, 9], Some(2)),
            (&[1, 0, 1, 0, 0, 1], Some(3)),
            (&[0, 0], None),
            (&[0, 1, 0, 0, 2], None),
        ] {
            assert_eq!(start_code(bytes, 0), expected, "{bytes:?}");
        }
        assert_eq!(start_code(&[0, 0, 1, 0, 0, 1], 1), Some(3));
    }
}
