//! `[ffmpeg]`, `[profile.NAME]` and `[ladder.NAME]`: how channels are transcoded, for those that are.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mast_ffmpeg::{AudioCodec, Encoder, Ladder, Limits, Output, Preset, Problem, Profile, VideoCodec};
use mast_model::ByteSize;

use crate::config::reader::Section;

/// How channels are transcoded.
#[derive(Debug, Clone)]
pub struct FfmpegConfig {
    /// `program`: FFmpeg; found on the PATH where it is missing.
    pub program: Option<PathBuf>,
    /// `encoder` (`software`, `vaapi`, `nvenc`, `qsv`), with `device` (a render node, for vaapi and qsv) or `gpu` (for nvenc).
    pub encoder: Encoder,
    /// `threads` of one worker, 1 to 64; FFmpeg decides where it is missing.
    pub threads: Option<u8>,
    /// `memory` (address space of one worker, from 256MiB) and `nice` (0 to 19, default 5).
    pub limits: Limits,
    /// `starts`: workers that may start at once, 1 to 1000; default two for each core.
    pub starts: Option<usize>,
    /// Profiles, built-in ones included, and ladders, by name.
    pub outputs: BTreeMap<String, Output>,
}

impl FfmpegConfig {
    pub(crate) fn read(root: &Section<'_>) -> Self {
        let section = root.section("ffmpeg");
        let memory = section
            .has("memory")
            .then(|| section.size("memory", ByteSize::mib(1024), ByteSize::mib(256)..=ByteSize::mib(1 << 20)));
        let limits =
            Limits { memory: memory.map(|size| size.0), cpu_seconds: None, nice: section.integer("nice", 5, 0..=19) };
        let encoder = encoder(&section);
        if limits.memory.is_some() && !encoder.allows_memory_limit() {
            section.problem("memory", "this encoder reserves more address space than it uses; leave it out");
        }
        Self {
            program: section.optional_path("program"),
            encoder,
            threads: section.has("threads").then(|| section.integer("threads", 1, 1..=64)),
            limits,
            starts: section.has("starts").then(|| section.integer("starts", 1, 1..=1000)),
            outputs: outputs(root),
        }
    }
}

impl Default for FfmpegConfig {
    fn default() -> Self {
        Section::defaults(Self::read)
    }
}

fn encoder(section: &Section<'_>) -> Encoder {
    const CODES: [(&str, u8); 4] = [("software", 0), ("vaapi", 1), ("nvenc", 2), ("qsv", 3)];
    let device = section.optional_path("device");
    let gpu = section.integer("gpu", 0, 0..=63);
    let encoder = match (section.choice("encoder", 0, &CODES), device) {
        (1, Some(device)) => Encoder::Vaapi { device },
        (3, Some(device)) => Encoder::Qsv { device },
        (1 | 3, None) => {
            section.problem("device", "is missing; name a render node, for example \"/dev/dri/renderD128\"");
            Encoder::Software
        }
        (2, _) => Encoder::Nvenc { gpu },
        _ => Encoder::Software,
    };
    report(section, encoder.validate());
    encoder
}

fn outputs(root: &Section<'_>) -> BTreeMap<String, Output> {
    let mut profiles: BTreeMap<String, Profile> = BTreeMap::new();
    for name in Profile::BUILT_IN {
        profiles.extend(Profile::built_in(name).map(|profile| (name.to_owned(), profile)));
    }
    for (name, section) in root.section("profile").named_sections() {
        if Profile::BUILT_IN.contains(&name.as_str()) {
            section.problem("name", "a built-in profile has this name; choose another");
        }
        profiles.insert(name.clone(), profile(&name, &section));
    }
    let mut outputs = BTreeMap::new();
    for (name, section) in root.section("ladder").named_sections() {
        if profiles.contains_key(&name) {
            section.problem("variants", "a profile has the name of this ladder; choose another");
        }
        if let Some(ladder) = ladder(&section, &profiles) {
            outputs.insert(name, Output::Ladder(ladder));
        }
    }
    outputs.extend(profiles.into_iter().map(|(name, profile)| (name, Output::Single(profile))));
    outputs
}

fn profile(name: &str, section: &Section<'_>) -> Profile {
    let base = Profile::built_in("high").expect("a built-in profile");
    let choice = |codes: &'static [&'static str]| -> Vec<(&'static str, &'static str)> {
        codes.iter().map(|code| (*code, *code)).collect()
    };
    let video = section.choice("video", base.video.code(), &choice(VideoCodec::CODES));
    let video = VideoCodec::from_code(video).unwrap_or(base.video);
    let audio = section.choice("audio", base.audio.code(), &choice(AudioCodec::CODES));
    let preset = section.choice("preset", base.preset.code(), &choice(Preset::CODES));
    let encoded = video.is_encoded();
    let number = |key: &str| section.has(key).then(|| section.integer(key, 1u32, 1..=100_000));
    let bitrate = number("bitrate").unwrap_or(base.bitrate);
    let maxrate = number("maxrate").unwrap_or(bitrate + bitrate / 3);
    let profile = Profile {
        name: name.to_owned(),
        video,
        height: number("height").or(base.height.filter(|_| encoded)),
        fps: number("fps"),
        bitrate,
        maxrate,
        buffer: number("buffer").unwrap_or(maxrate + maxrate / 2),
        preset: Preset::from_code(preset).unwrap_or(base.preset),
        gop: section.integer("gop", base.gop, 1..=10),
        deinterlace: section.or("deinterlace", encoded),
        audio: AudioCodec::from_code(audio).unwrap_or(base.audio),
        audio_bitrate: number("audio_bitrate").unwrap_or(base.audio_bitrate),
    };
    report(section, profile.validate());
    profile
}

fn ladder(section: &Section<'_>, profiles: &BTreeMap<String, Profile>) -> Option<Ladder> {
    let names: Vec<String> = section.list("variants");
    let mut variants = Vec::new();
    for name in &names {
        match profiles.get(name) {
            Some(profile) => variants.push(profile.clone()),
            None => section.problem("variants", format!("there is no profile \"{name}\"")),
        }
    }
    let first = variants.first()?;
    let ladder = Ladder {
        audio: first.audio,
        audio_bitrate: first.audio_bitrate,
        has_audio_only: section.or("audio_only", false),
        variants,
    };
    report(section, ladder.validate());
    Some(ladder)
}

fn report(section: &Section<'_>, problems: Vec<Problem>) {
    for problem in problems {
        section.problem(problem.field, problem.message);
    }
}
