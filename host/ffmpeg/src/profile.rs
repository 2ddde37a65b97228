//! What a channel is changed into: codecs, size, rates. Plain settings; what they become on the command line is `arguments.rs`.

use std::fmt;

/// What happens to the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VideoCodec {
    /// Encoded as H.264.
    H264,
    /// Encoded as HEVC.
    Hevc,
    /// Taken as it is.
    Copy,
    /// Left out.
    None,
}

/// What happens to the sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AudioCodec {
    /// Encoded as AAC, two channels.
    Aac,
    /// Taken as it is.
    Copy,
    /// Left out.
    None,
}

/// How much work an encoder puts into a picture, by the names of x264. Hardware encoders take what is next to it, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Preset {
    /// Least work, most bits.
    Ultrafast,
    /// One step more.
    Superfast,
    /// What live channels usually get.
    Veryfast,
    /// One step more.
    Faster,
    /// One step more.
    Fast,
    /// Twice the work of `Veryfast`.
    Medium,
    /// Too slow for more than one channel on a common machine.
    Slow,
}

/// Codes and their values, for settings.
macro_rules! codes {
    ($type:ident: $($code:literal => $value:ident),+) => {
        impl $type {
            /// Every code, as settings spell it.
            pub const CODES: &[&str] = &[$($code),+];

            /// The value of a code.
            pub fn from_code(code: &str) -> Option<Self> {
                match code {
                    $($code => Some(Self::$value),)+
                    _ => None,
                }
            }

            /// The code of the value.
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$value => $code),+
                }
            }
        }
    };
}

codes!(VideoCodec: "h264" => H264, "hevc" => Hevc, "copy" => Copy, "none" => None);
codes!(AudioCodec: "aac" => Aac, "copy" => Copy, "none" => None);
codes!(Preset: "ultrafast" => Ultrafast, "superfast" => Superfast, "veryfast" => Veryfast, "faster" => Faster, "fast" => Fast,
    "medium" => Medium, "slow" => Slow);

impl VideoCodec {
    /// Whether an encoder is needed.
    pub fn is_encoded(self) -> bool {
        matches!(self, Self::H264 | Self::Hevc)
    }
}

/// A quality that channels are offered in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its name: lower-case letters, digits and hyphens.
    pub name: String,
    /// What happens to the picture. What follows, up to `deinterlace`, is for encoding it.
    pub video: VideoCodec,
    /// Lines. A smaller picture is not enlarged; `None` keeps the upstream's.
    pub height: Option<u32>,
    /// Most pictures per second; `None` keeps the upstream's.
    pub fps: Option<u32>,
    /// Kilobits per second on average.
    pub bitrate: u32,
    /// Kilobits per second that a player's buffer is filled with at most.
    pub maxrate: u32,
    /// Kilobits of that buffer. A short segment may peak at `maxrate` plus this divided by its seconds.
    pub buffer: u32,
    /// How much work the encoder does.
    pub preset: Preset,
    /// Seconds from one keyframe to the next: where segments can be cut.
    pub gop: u32,
    /// Whether pictures that the upstream marks as interlaced are deinterlaced. Others are left alone.
    pub deinterlace: bool,
    /// What happens to the sound.
    pub audio: AudioCodec,
    /// Kilobits per second of each audio track, for encoding it.
    pub audio_bitrate: u32,
}

/// What is wrong with a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting.
    pub field: &'static str,
    /// What is wrong with it, and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl Problem {
    pub(crate) fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self { field, message: message.into() }
    }
}

impl Profile {
    /// The names that need no settings.
    pub const BUILT_IN: [&str; 5] = ["copy", "low", "medium", "high", "ultra"];

    /// A built-in profile.
    pub fn built_in(name: &str) -> Option<Self> {
        let (height, bitrate, maxrate, audio_bitrate) = match name {
            "copy" => return Some(Self::copy()),
            "low" => (480, 800, 1200, 96),
            "medium" => (720, 1500, 2000, 128),
            "high" => (720, 3000, 4000, 128),
            "ultra" => (1080, 5000, 6000, 192),
            _ => return None,
        };
        Some(Self {
            name: name.to_owned(),
            video: VideoCodec::H264,
            height: Some(height),
            fps: None,
            bitrate,
            maxrate,
            buffer: maxrate * 3 / 2,
            preset: Preset::Veryfast,
            gop: 2,
            deinterlace: true,
            audio: AudioCodec::Aac,
            audio_bitrate,
        })
    }

    /// Everything as it is, in MPEG-TS.
    fn copy() -> Self {
        Self {
            name: "copy".to_owned(),
            video: VideoCodec::Copy,
            height: None,
            fps: None,
            bitrate: 0,
            maxrate: 0,
            buffer: 0,
            preset: Preset::Veryfast,
            gop: 2,
            deinterlace: false,
            audio: AudioCodec::Copy,
            audio_bitrate: 0,
        }
    }

    /// Everything that is wrong with it.
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.is_empty() || self.name.len() > 32 || !self.name.chars().all(is_name) {
            problems.push(Problem::new("name", "use 1 to 32 lower-case letters, digits and hyphens"));
        }
        if self.video.is_encoded() {
            self.validate_encoding(&mut problems);
        } else {
            for (field, is_set) in [("height", self.height.is_some()), ("fps", self.fps.is_some())] {
                if is_set {
                    let message =
                        format!("video = \"{}\" changes no picture: leave it out, or encode", self.video.code());
                    problems.push(Problem::new(field, message));
                }
            }
        }
        if self.audio == AudioCodec::Aac {
            within(&mut problems, "audio_bitrate", self.audio_bitrate, 16, 512, "kbit/s");
        }
        if self.video == VideoCodec::None && self.audio == AudioCodec::None {
            problems.push(Problem::new("audio", "neither picture nor sound is left: keep one"));
        }
        problems
    }

    fn validate_encoding(&self, problems: &mut Vec<Problem>) {
        within(problems, "bitrate", self.bitrate, 50, 100_000, "kbit/s");
        within(problems, "maxrate", self.maxrate, self.bitrate.max(50), 200_000, "kbit/s, and bitrate is the least");
        let (least, most) = (self.maxrate / 2, self.maxrate.saturating_mul(4));
        within(problems, "buffer", self.buffer, least, most, "kbit, half of maxrate to four times that");
        within(problems, "gop", self.gop, 1, 10, "seconds");
        if let Some(height) = self.height {
            within(problems, "height", height, 64, 4320, "lines");
            if height % 2 == 1 {
                problems.push(Problem::new("height", "video needs an even number of lines"));
            }
        }
        if let Some(fps) = self.fps {
            within(problems, "fps", fps, 1, 120, "pictures per second");
        }
    }
}

fn within(problems: &mut Vec<Problem>, field: &'static str, value: u32, least: u32, most: u32, unit: &str) {
    if value < least || value > most {
        problems.push(Problem::new(field, format!("{value} is not within {least} to {most} {unit}")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_profiles_are_right() {
        for name in Profile::BUILT_IN {
            let profile = Profile::built_in(name).unwrap();
            assert_eq!((profile.name.as_str(), profile.validate()), (name, vec![]));
        }
        let rates = |name| Profile::built_in(name).map(|profile| (profile.bitrate, profile.maxrate));
        let expected = [Some((800, 1200)), Some((1500, 2000)), Some((3000, 4000)), Some((5000, 6000)), None];
        assert_eq!(["low", "medium", "high", "ultra", "extreme"].map(rates), expected);
    }

    #[test]
    fn every_problem_is_told() {
        let check = |change: &dyn Fn(&mut Profile), expected: &[&str]| {
            let mut profile = Profile::built_in("low").unwrap();
            change(&mut profile);
            let problems = profile.validate();
            assert_eq!(problems.iter().map(|problem| problem.field).collect::<Vec<_>>(), expected, "{problems:?}");
        };
        check(&|_| {}, &[]);
        check(&|profile| profile.name = "Low quality".into(), &["name"]);
        check(&|profile| profile.name = String::new(), &["name"]);
        check(&|profile| profile.maxrate = 799, &["maxrate"]);
        check(&|profile| (profile.bitrate, profile.buffer) = (0, 100), &["bitrate", "buffer"]);
        check(&|profile| profile.height = Some(481), &["height"]);
        check(
            &|profile| (profile.height, profile.fps, profile.gop) = (Some(1), Some(0), 0),
            &["gop", "height", "height", "fps"],
        );
        check(&|profile| profile.video = VideoCodec::Copy, &["height"]);
        check(
            &|profile| (profile.audio_bitrate, profile.maxrate) = (0, u32::MAX),
            &["maxrate", "buffer", "audio_bitrate"],
        );
        let silent = |profile: &mut Profile| {
            (profile.video, profile.audio, profile.height) = (VideoCodec::None, AudioCodec::None, None);
        };
        check(&silent, &["audio"]);
        let problem = Problem::new("gop", "0 is not within 1 to 10 seconds");
        assert_eq!(problem.to_string(), "gop: 0 is not within 1 to 10 seconds");
    }

    #[test]
    fn codes_go_round() {
        for code in VideoCodec::CODES {
            assert_eq!(VideoCodec::from_code(code).unwrap().code(), *code);
        }
        for code in AudioCodec::CODES {
            assert_eq!(AudioCodec::from_code(code).unwrap().code(), *code);
        }
        for code in Preset::CODES {
            assert_eq!(Preset::from_code(code).unwrap().code(), *code);
        }
        assert_eq!((VideoCodec::from_code("av1"), AudioCodec::from_code("")), (None, None));
    }
}
