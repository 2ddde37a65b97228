//! What encodes pictures: the processor, or a device, and the arguments that each needs.
//!
//! Decoding, deinterlacing and scaling are always done in software: a device that decodes may meet a format that it does not know in the
//! middle of a channel, and then the whole worker fails. Frames are uploaded just before they are encoded.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::ask::{DEADLINE, ask};
use crate::error::FfmpegError;
use crate::profile::{Preset, Problem, Profile, VideoCodec};

/// What encodes pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encoder {
    /// libx264 and libx265.
    Software,
    /// VA-API: Intel and AMD.
    Vaapi {
        /// The render node, for example `/dev/dri/renderD128`.
        device: PathBuf,
    },
    /// NVIDIA.
    Nvenc {
        /// Which GPU, from 0.
        gpu: u32,
    },
    /// Intel Quick Sync Video, over VA-API.
    Qsv {
        /// The render node.
        device: PathBuf,
    },
}

impl Encoder {
    /// Every code, as settings spell it.
    pub const CODES: [&str; 4] = ["software", "vaapi", "nvenc", "qsv"];

    /// Its code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Software => "software",
            Self::Vaapi { .. } => "vaapi",
            Self::Nvenc { .. } => "nvenc",
            Self::Qsv { .. } => "qsv",
        }
    }

    /// FFmpeg's name of the encoder; none for what is not encoded.
    pub fn name(&self, codec: VideoCodec) -> Option<&'static str> {
        named(self.code(), codec)
    }

    /// Everything that is wrong with it.
    pub fn validate(&self) -> Vec<Problem> {
        match self {
            Self::Vaapi { device } | Self::Qsv { device } if !is_device(device) => {
                vec![Problem::new("device", "name a render node, for example /dev/dri/renderD128")]
            }
            _ => Vec::new(),
        }
    }

    /// Whether a worker with this encoder can live under a limit of its address space. NVIDIA's driver reserves far more than it uses.
    pub fn allows_memory_limit(&self) -> bool {
        !matches!(self, Self::Nvenc { .. })
    }

    /// What goes before the input: opening the device.
    pub(crate) fn device(&self) -> Vec<String> {
        let device = |device: &Path| device.display().to_string();
        let devices = match self {
            Self::Software | Self::Nvenc { .. } => return Vec::new(),
            Self::Vaapi { device: node } => vec![format!("vaapi=mast:{}", device(node))],
            Self::Qsv { device: node } => vec![format!("vaapi=below:{}", device(node)), "qsv=mast@below".to_owned()],
        };
        let opened = devices.into_iter().flat_map(|device| ["-init_hw_device".to_owned(), device]);
        opened.chain(["-filter_hw_device".to_owned(), "mast".to_owned()]).collect()
    }

    /// The end of the filter chain: the format that the encoder takes, where it takes it from.
    pub(crate) fn upload(&self) -> &'static str {
        match self {
            Self::Software | Self::Nvenc { .. } => "format=yuv420p",
            Self::Vaapi { .. } => "format=nv12,hwupload",
            Self::Qsv { .. } => "format=nv12,hwupload=extra_hw_frames=64",
        }
    }

    /// The options of one video track of the output, by their names without the track, and their values.
    pub(crate) fn options(&self, profile: &Profile) -> Vec<(&'static str, String)> {
        let Some(name) = self.name(profile.video) else { return Vec::new() };
        let mut options = vec![
            ("-c", name.to_owned()),
            ("-b", format!("{}k", profile.bitrate)),
            ("-maxrate", format!("{}k", profile.maxrate)),
            ("-bufsize", format!("{}k", profile.buffer)),
            // Keyframes come by time, in every variant at the same; the count is out of their way even at 120 pictures a second.
            ("-g", (profile.gop * 120).to_string()),
            ("-force_key_frames", format!("expr:gte(t,n_forced*{})", profile.gop)),
        ];
        match (self, profile.video) {
            (Self::Software, VideoCodec::Hevc) => {
                let parameters = "log-level=error:scenecut=0:open-gop=0";
                options
                    .extend([("-preset", profile.preset.code().to_owned()), ("-x265-params", parameters.to_owned())]);
                // A forced keyframe is otherwise one that cannot be cut at.
                options.push(("-forced-idr", "1".to_owned()));
            }
            (Self::Software, _) => {
                options.extend([("-preset", profile.preset.code().to_owned()), ("-sc_threshold", "0".to_owned())]);
            }
            (Self::Vaapi { .. }, _) => {}
            (Self::Nvenc { gpu }, _) => {
                options.extend([("-gpu", gpu.to_string()), ("-preset", nvenc_preset(profile.preset).to_owned())]);
                options.extend(
                    [("-rc", "vbr"), ("-forced-idr", "1"), ("-no-scenecut", "1")]
                        .map(|(name, value)| (name, value.to_owned())),
                );
            }
            (Self::Qsv { .. }, _) => {
                let preset = profile.preset.max(Preset::Veryfast);
                options.extend([("-preset", preset.code().to_owned()), ("-forced_idr", "1".to_owned())]);
            }
        }
        options
    }
}

fn named(code: &str, codec: VideoCodec) -> Option<&'static str> {
    match (code, codec) {
        (_, VideoCodec::Copy | VideoCodec::None) => None,
        ("vaapi", VideoCodec::H264) => Some("h264_vaapi"),
        ("vaapi", VideoCodec::Hevc) => Some("hevc_vaapi"),
        ("nvenc", VideoCodec::H264) => Some("h264_nvenc"),
        ("nvenc", VideoCodec::Hevc) => Some("hevc_nvenc"),
        ("qsv", VideoCodec::H264) => Some("h264_qsv"),
        ("qsv", VideoCodec::Hevc) => Some("hevc_qsv"),
        (_, VideoCodec::H264) => Some("libx264"),
        (_, VideoCodec::Hevc) => Some("libx265"),
    }
}

/// It becomes part of an argument in which commas and colons mean something.
fn is_device(device: &Path) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_-.".contains(c);
    device.is_absolute() && device.to_str().is_some_and(|text| text.chars().all(plain))
}

fn nvenc_preset(preset: Preset) -> &'static str {
    match preset {
        Preset::Ultrafast => "p1",
        Preset::Superfast => "p2",
        Preset::Veryfast => "p3",
        Preset::Faster => "p4",
        Preset::Fast => "p5",
        Preset::Medium => "p6",
        Preset::Slow => "p7",
    }
}

/// The encoders that an FFmpeg was built with. Whether a device is there for them is another matter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Encoders(BTreeSet<String>);

/// Asks a program for its encoders, with a deadline.
pub async fn encoders(program: &Path) -> Result<Encoders, FfmpegError> {
    let answer = ask(program, &["-hide_banner", "-encoders"], DEADLINE).await?;
    let encoders = Encoders::parse(&answer);
    if encoders.0.is_empty() { Err(FfmpegError::NotFfmpeg { path: program.to_path_buf() }) } else { Ok(encoders) }
}

impl Encoders {
    /// Reads what `ffmpeg -encoders` prints: a legend, a line of hyphens, then flags, name and description of each.
    pub fn parse(output: &str) -> Self {
        let is_rule = |line: &&str| !line.trim().is_empty() && line.trim().chars().all(|c| c == '-');
        let listed = output.lines().skip_while(|line| !is_rule(line)).skip(1);
        Self(listed.filter_map(|line| line.split_whitespace().nth(1)).map(str::to_owned).collect())
    }

    /// Whether one is there, by FFmpeg's name.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// Whether an encoder can encode to a codec. The error names what is missing, and what could be chosen instead.
    pub fn check(&self, encoder: &Encoder, codec: VideoCodec) -> Result<(), FfmpegError> {
        let Some(name) = encoder.name(codec) else { return Ok(()) };
        if self.has(name) {
            return Ok(());
        }
        let others = Encoder::CODES.into_iter().filter(|code| named(code, codec).is_some_and(|name| self.has(name)));
        let others: Vec<_> = others.map(|code| format!("\"{code}\"")).collect();
        let choice =
            if others.is_empty() { String::new() } else { format!(", or choose encoder = {}", others.join(" or ")) };
        Err(FfmpegError::NoEncoder { encoder: name, choice })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIST: &str = "Encoders:\n V..... = Video\n A..... = Audio\n ------\n V....D libx264              libx264 H.264 (codec h264)\n \
                        V..... h264_qsv             H.264 (codec h264)\n A....D aac                  AAC\n";

    #[test]
    fn the_list_is_read_and_checked() {
        let encoders = Encoders::parse(LIST);
        assert!(["libx264", "h264_qsv", "aac"].iter().all(|name| encoders.has(name)) && !encoders.has("="));
        let vaapi = Encoder::Vaapi { device: "/dev/dri/renderD128".into() };
        assert!(encoders.check(&Encoder::Software, VideoCodec::H264).is_ok());
        assert!(encoders.check(&vaapi, VideoCodec::Copy).is_ok());
        let message = encoders.check(&vaapi, VideoCodec::H264).unwrap_err().to_string();
        let expected = "this ffmpeg has no encoder h264_vaapi: install a build that has it, or choose encoder = \"software\" or \"qsv\"";
        assert_eq!(message, expected);
        let message = encoders.check(&Encoder::Software, VideoCodec::Hevc).unwrap_err().to_string();
        assert_eq!(message, "this ffmpeg has no encoder libx265: install a build that has it");
    }

    #[test]
    fn devices_are_plain_paths() {
        let check = |device: &str, expected: bool| {
            assert_eq!(Encoder::Qsv { device: device.into() }.validate().is_empty(), expected, "{device}");
        };
        check("/dev/dri/renderD128", true);
        check("dev/dri/renderD128", false);
        check("/dev/dri/renderD128,driver=x", false);
        check("", false);
    }

    #[test]
    fn devices_are_opened_before_they_are_used() {
        let device = PathBuf::from("/dev/dri/renderD128");
        let opened = |encoder: Encoder| encoder.device().join(" ");
        assert_eq!(opened(Encoder::Software), "");
        let vaapi = "-init_hw_device vaapi=mast:/dev/dri/renderD128 -filter_hw_device mast";
        assert_eq!(opened(Encoder::Vaapi { device: device.clone() }), vaapi);
        let qsv =
            "-init_hw_device vaapi=below:/dev/dri/renderD128 -init_hw_device qsv=mast@below -filter_hw_device mast";
        assert_eq!(opened(Encoder::Qsv { device }), qsv);
    }

    /// Of encoders without a device to try them on, the installed FFmpeg knows at least every option.
    #[tokio::test]
    async fn options_exist() {
        let program = crate::find(std::env::var_os("PATH").as_deref()).unwrap();
        let encoders = encoders(&program).await.unwrap();
        let device = PathBuf::from("/dev/dri/renderD128");
        let generic = ["-c", "-b", "-maxrate", "-bufsize", "-g", "-force_key_frames", "-sc_threshold"];
        for encoder in [
            Encoder::Software,
            Encoder::Vaapi { device: device.clone() },
            Encoder::Nvenc { gpu: 0 },
            Encoder::Qsv { device },
        ] {
            for codec in [VideoCodec::H264, VideoCodec::Hevc] {
                let name = encoder.name(codec).unwrap();
                let profile = Profile { video: codec, ..Profile::built_in("low").unwrap() };
                if !encoders.has(name) {
                    continue;
                }
                let known = ask(&program, &["-v", "error", "-h", &format!("encoder={name}")], DEADLINE).await.unwrap();
                for (option, value) in encoder.options(&profile) {
                    let is_known = generic.contains(&option) || known.contains(&format!("  {option} "));
                    assert!(is_known, "{name} knows no {option} {value}");
                }
                if let Encoder::Nvenc { .. } = encoder {
                    assert!(known.contains("     p3 ") && known.contains("     vbr "), "{known}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_list_is_taken(text in "(------\n)?( ?[VA.]{0,6} [a-z0-9_]{0,8}.{0,9}\n){0,9}") {
            let encoders = Encoders::parse(&text);
            prop_assert!(encoders.0.len() <= text.lines().count());
        }
    }
}
