//! MPEG-1 and MPEG-2 video (ISO/IEC 13818-2): sequence and picture headers.

use super::VideoParams;
use super::access_unit::Mark;

/// What the unit behind a start code says.
pub(super) fn mark(unit: &[u8], _whole: bool) -> Mark {
    match *unit {
        [] | [0] | [0, _] => Mark::More,
        [0xb3, ..] => Mark::Sequence,
        [0, _, second, ..] if second >> 3 & 7 == 1 => Mark::Intra,
        [0, ..] => Mark::Inter,
        _ => Mark::Nothing,
    }
}

/// Reads a sequence header.
pub(super) fn sequence(unit: &[u8]) -> Option<VideoParams> {
    const RATES: [f64; 8] = [24_000.0 / 1001.0, 24.0, 25.0, 30_000.0 / 1001.0, 30.0, 50.0, 60_000.0 / 1001.0, 60.0];
    let [_, a, b, c, d, ..] = *unit else { return None };
    let width = u32::from(a) << 4 | u32::from(b >> 4);
    let height = u32::from(b & 0x0f) << 8 | u32::from(c);
    let frame_rate = usize::from(d & 0x0f).checked_sub(1).and_then(|code| RATES.get(code)).copied();
    // ISO/IEC 14496-1 object type 0x61: MPEG-2 video, main profile.
    Some(VideoParams { name: "mp4v.61".to_owned(), resolution: (width, height), frame_rate })
}
