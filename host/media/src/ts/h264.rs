//! H.264 (ITU-T H.264): which NAL units tell where a decoder can start, and the sequence parameter set.

use super::VideoParams;
use super::access_unit::Mark;
use super::bits::Bits;

/// What the NAL unit behind a start code says; `whole` when its end is known.
pub(super) fn mark(unit: &[u8], whole: bool) -> Mark {
    let Some((head, body)) = unit.split_first() else { return Mark::More };
    match head & 0x1f {
        5 => Mark::Intra,
        1 | 2 => slice(body, whole),
        6 if !whole => Mark::More,
        6 if has_recovery_point(body) => Mark::Recovery,
        7 => Mark::Sequence,
        _ => Mark::Nothing,
    }
}

/// A slice of a picture that is no IDR. Encoders exist that repeat the parameter sets at every I-picture and mark it in no
/// other way.
fn slice(body: &[u8], whole: bool) -> Mark {
    let mut bits = Bits::new(body);
    let slice_type = bits.unsigned().and_then(|_first_macroblock| bits.unsigned());
    match slice_type {
        Some(2 | 4 | 7 | 9) => Mark::Intra,
        // Eight bytes hold both codes of any valid slice.
        None if !whole && body.len() < 8 => Mark::More,
        _ => Mark::Inter,
    }
}

fn has_recovery_point(body: &[u8]) -> bool {
    const RECOVERY_POINT: u32 = 6;
    let mut bits = Bits::new(body);
    let mut coded = || -> Option<(u32, u32)> {
        let mut number = || {
            let mut sum = 0u32;
            loop {
                let byte = bits.byte()?;
                sum = sum.checked_add(u32::from(byte))?;
                if byte != 0xff {
                    return Some(sum);
                }
            }
        };
        let (kind, size) = (number()?, number()?);
        if kind != RECOVERY_POINT {
            bits.skip(size.checked_mul(8)?)?;
        }
        Some((kind, size))
    };
    std::iter::from_fn(&mut coded).any(|(kind, _)| kind == RECOVERY_POINT)
}

/// Reads the sequence parameter set that starts with its NAL header.
pub(super) fn sequence(unit: &[u8]) -> Option<VideoParams> {
    let mut bits = Bits::new(unit.get(1..)?);
    let (profile, constraints, level) = (bits.byte()?, bits.byte()?, bits.byte()?);
    bits.unsigned()?;
    let chroma = if matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
        high_profile(&mut bits)?
    } else {
        1
    };
    bits.unsigned()?;
    match bits.unsigned()? {
        0 => {
            bits.unsigned()?;
        }
        1 => {
            bits.skip(1)?;
            bits.signed()?;
            bits.signed()?;
            for _ in 0..bits.unsigned()?.min(255) {
                bits.signed()?;
            }
        }
        _ => {}
    }
    bits.unsigned()?;
    bits.skip(1)?;
    let resolution = resolution(&mut bits, chroma)?;
    let frame_rate = if bits.flag() == Some(true) { timing(&mut bits) } else { None };
    Some(VideoParams { name: format!("avc1.{profile:02x}{constraints:02x}{level:02x}"), resolution, frame_rate })
}

/// The fields that only the high profiles have; answers chroma_format_idc (0 also for separately coded planes).
fn high_profile(bits: &mut Bits<'_>) -> Option<u32> {
    let mut chroma = bits.unsigned()?;
    let lists = if chroma == 3 { 12 } else { 8 };
    if chroma == 3 && bits.flag()? {
        chroma = 0;
    }
    bits.unsigned()?;
    bits.unsigned()?;
    bits.skip(1)?;
    if bits.flag()? {
        for list in 0..lists {
            if bits.flag()? {
                scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some(chroma)
}

fn scaling_list(bits: &mut Bits<'_>, size: u32) -> Option<()> {
    let (mut last, mut next) = (8i32, 8i32);
    for _ in 0..size {
        if next != 0 {
            next = last.wrapping_add(bits.signed()?) & 0xff;
        }
        if next != 0 {
            last = next;
        }
    }
    Some(())
}

fn resolution(bits: &mut Bits<'_>, chroma: u32) -> Option<(u32, u32)> {
    let width = bits.unsigned()?.checked_add(1)?.checked_mul(16)?;
    let map_height = bits.unsigned()?.checked_add(1)?.checked_mul(16)?;
    let fields = if bits.flag()? {
        1
    } else {
        bits.skip(1)?;
        2
    };
    let height = map_height.checked_mul(fields)?;
    bits.skip(1)?;
    if !bits.flag()? {
        return Some((width, height));
    }
    let (unit_x, unit_y) = match chroma {
        1 => (2, 2 * fields),
        2 => (2, fields),
        _ => (1, fields),
    };
    let mut crop = |unit: u32| bits.unsigned()?.checked_add(bits.unsigned()?)?.checked_mul(unit);
    let (crop_x, crop_y) = (crop(unit_x)?, crop(unit_y)?);
    Some((width.checked_sub(crop_x)?, height.checked_sub(crop_y)?))
}

/// Frame rate from the video usability information (annex E).
fn timing(bits: &mut Bits<'_>) -> Option<f64> {
    if bits.flag()? && bits.bits(8)? == 255 {
        bits.skip(32)?;
    }
    if bits.flag()? {
        bits.skip(1)?;
    }
    if bits.flag()? {
        bits.skip(4)?;
        if bits.flag()? {
            bits.skip(24)?;
        }
    }
    if bits.flag()? {
        bits.unsigned()?;
        bits.unsigned()?;
    }
    if !bits.flag()? {
        return None;
    }
    let (tick, scale) = (bits.bits(32)?, bits.bits(32)?);
    plausible_rate(f64::from(scale) / (2.0 * f64::from(tick)))
}

/// Some encoders write clock rates where the frame rate belongs.
pub(super) fn plausible_rate(rate: f64) -> Option<f64> {
    (rate.is_finite() && (1.0..=300.0).contains(&rate)).then_some(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks() {
        for (unit, whole, expected) in [
            (&[0x65, 0x88][..], false, Mark::Intra),
            (&[0x41, 0x9a, 0], false, Mark::Inter),
            (&[0x61, 0x88, 0x80], false, Mark::Intra),
            (&[0x41, 0], false, Mark::More),
            (&[0x67], false, Mark::Sequence),
            (&[0x09, 0x10], false, Mark::Nothing),
            (&[0x06, 6, 1], false, Mark::More),
            (&[0x06, 6, 1, 0xc4, 0x80], true, Mark::Recovery),
            (&[0x06, 5, 2, 6, 6, 6, 1, 0xc4, 0x80], true, Mark::Recovery),
            (&[0x06, 5, 2, 6, 6, 0x80], true, Mark::Nothing),
            (&[0x06, 0xff, 0xff], true, Mark::Nothing),
            (&[], false, Mark::More),
        ] {
            assert_eq!(mark(unit, whole), expected, "{unit:?}");
        }
    }

    #[test]
    fn an_interlaced_sequence_is_cropped_in_field_units() {
        // High profile, level 4.0, 1920x1080, fields, 25 frames per second, as broadcasters send it.
        let unit = [
            0x67, 0x64, 0x00, 0x28, 0xac, 0x2c, 0xa5, 0x01, 0xe0, 0x11, 0x1f, 0x78, 0x0b, 0x50, 0x10, 0x10, 0x1f, 0x00,
            0x00, 0x03, 0x03, 0xe9, 0x00, 0x00, 0xea, 0x60, 0x94,
        ];
        let params = sequence(&unit).expect("a sequence parameter set");
        assert_eq!(params.name, "avc1.640028");
        for len in 0..unit.len() {
            // A short one may still tell its size, but never panics.
            let _ = sequence(&unit[..len]);
        }
    }
}
