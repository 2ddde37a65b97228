"""Prints what the m3u8 package makes of the HLS playlist on standard input, as JSON."""

import json
import sys

import m3u8

playlist = m3u8.loads(sys.stdin.read())
json.dump(
    {
        "is_multivariant": playlist.is_variant,
        "is_endlist": playlist.is_endlist,
        "target_duration": playlist.target_duration,
        "media_sequence": playlist.media_sequence,
        "variants": [
            {
                "uri": variant.uri,
                "bandwidth": variant.stream_info.bandwidth,
                "codecs": variant.stream_info.codecs,
                "resolution": variant.stream_info.resolution,
            }
            for variant in playlist.playlists
        ],
        "segments": [
            {
                "uri": segment.uri,
                "duration": segment.duration,
                "discontinuity": segment.discontinuity,
                "program_date_time": segment.program_date_time and segment.program_date_time.isoformat(),
            }
            for segment in playlist.segments
        ],
    },
    sys.stdout,
)
