//! H.265 (ITU-T H.265): which NAL units tell where a decoder can start, and the sequence parameter set.

use super::VideoParams;
use super::access_unit::Mark;
use super::bits::Bits;
use super::h264::plausible_rate;

/// What the NAL unit behind a start code says.
pub(super) fn mark(unit: &[u8], _whole: bool) -> Mark {
    let Some(head) = unit.first() else { return Mark::More };
    match head >> 1 & 0x3f {
        // BLA, IDR, CRA.
        16..=23 => Mark::Intra,
        0..=31 => Mark::Inter,
        33 => Mark::Sequence,
        _ => Mark::Nothing,
    }
}

/// Reads the sequence parameter set that starts with its two-byte NAL header.
pub(super) fn sequence(unit: &[u8]) -> Option<VideoParams> {
    let mut bits = Bits::new(unit.get(2..)?);
    bits.skip(4)?;
    let sub_layers = bits.bits(3)?;
    bits.skip(1)?;
    let name = profile_tier_level(&mut bits, sub_layers)?;
    bits.unsigned()?;
    let chroma = bits.unsigned()?;
    let planes = chroma == 3 && bits.flag()?;
    let (width, height) = (bits.unsigned()?, bits.unsigned()?);
    let mut resolution = (width, height);
    if bits.flag()? {
        let unit = |subsampled: bool| if subsampled && !planes { 2 } else { 1 };
        let mut crop = |unit: u32| bits.unsigned()?.checked_add(bits.unsigned()?)?.checked_mul(unit);
        let (crop_x, crop_y) = (crop(unit(matches!(chroma, 1 | 2)))?, crop(unit(chroma == 1))?);
        resolution = (width.checked_sub(crop_x)?, height.checked_sub(crop_y)?);
    }
    let frame_rate = to_usability(&mut bits, sub_layers).and_then(|()| timing(&mut bits));
    Some(VideoParams { name, resolution, frame_rate })
}

/// profile_tier_level(1, sub_layers) as an RFC 6381 name (ISO/IEC 14496-15, annex E).
fn profile_tier_level(bits: &mut Bits<'_>, sub_layers: u32) -> Option<String> {
    let (space, tier, profile) = (bits.bits(2)?, bits.flag()?, bits.bits(5)?);
    let compatible = bits.bits(32)?.reverse_bits();
    let mut constraints = Vec::with_capacity(6);
    for _ in 0..6 {
        constraints.push(bits.byte()?);
    }
    let level = bits.byte()?;
    let mut present = Vec::new();
    for _ in 0..sub_layers {
        present.push((bits.flag()?, bits.flag()?));
    }
    if sub_layers > 0 {
        bits.skip(2 * (8 - sub_layers))?;
    }
    for (profile, level) in present {
        bits.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 })?;
    }
    let space = ["", "A", "B", "C"][space as usize];
    let tier = if tier { 'H' } else { 'L' };
    let mut name = format!("hvc1.{space}{profile}.{compatible:X}.{tier}{level}");
    let used = constraints.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
    for byte in &constraints[..used] {
        name.push_str(&format!(".{byte:X}"));
    }
    Some(name)
}

/// Passes over everything between the conformance window and the video usability information.
fn to_usability(bits: &mut Bits<'_>, sub_layers: u32) -> Option<()> {
    bits.unsigned()?;
    bits.unsigned()?;
    let order_bits = bits.unsigned()?.checked_add(4).filter(|bits| *bits <= 16)?;
    let from = if bits.flag()? { 0 } else { sub_layers };
    for _ in from..=sub_layers {
        bits.unsigned()?;
        bits.unsigned()?;
        bits.unsigned()?;
    }
    for _ in 0..6 {
        bits.unsigned()?;
    }
    if bits.flag()? && bits.flag()? {
        scaling_lists(bits)?;
    }
    bits.skip(2)?;
    if bits.flag()? {
        bits.skip(8)?;
        bits.unsigned()?;
        bits.unsigned()?;
        bits.skip(1)?;
    }
    reference_sets(bits)?;
    if bits.flag()? {
        for _ in 0..bits.unsigned()?.min(32) {
            bits.skip(order_bits + 1)?;
        }
    }
    bits.skip(2)
}

fn scaling_lists(bits: &mut Bits<'_>) -> Option<()> {
    for size in 0..4 {
        for _ in 0..if size == 3 { 2 } else { 6 } {
            if !bits.flag()? {
                bits.unsigned()?;
                continue;
            }
            if size > 1 {
                bits.signed()?;
            }
            for _ in 0..64.min(1 << (4 + (size << 1))) {
                bits.signed()?;
            }
        }
    }
    Some(())
}

/// The short-term reference picture sets (7.3.7); only their length matters here.
fn reference_sets(bits: &mut Bits<'_>) -> Option<()> {
    let count = bits.unsigned()?.min(64);
    let mut pictures = 0;
    for set in 0..count {
        if set > 0 && bits.flag()? {
            bits.skip(1)?;
            bits.unsigned()?;
            let mut kept = 0;
            for _ in 0..=pictures {
                if bits.flag()? || bits.flag()? {
                    kept += 1;
                }
            }
            pictures = kept;
        } else {
            let (negative, positive) = (bits.unsigned()?.min(16), bits.unsigned()?.min(16));
            pictures = negative + positive;
            for _ in 0..pictures {
                bits.unsigned()?;
                bits.skip(1)?;
            }
        }
    }
    Some(())
}

/// Frame rate from the video usability information (annex E).
fn timing(bits: &mut Bits<'_>) -> Option<f64> {
    if !bits.flag()? {
        return None;
    }
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
    bits.skip(3)?;
    if bits.flag()? {
        for _ in 0..4 {
            bits.unsigned()?;
        }
    }
    if !bits.flag()? {
        return None;
    }
    let (tick, scale) = (bits.bits(32)?, bits.bits(32)?);
    plausible_rate(f64::from(scale) / f64::from(tick))
}
