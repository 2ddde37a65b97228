//! Outputs: filters, maps, encoders. Everything in them is a number or a word of ours.

use super::ladder::{Ladder, Rung};
use super::{ArgumentError, Job, Line};
use crate::profile::{AudioCodec, Profile, VideoCodec};

/// One picture and all audio tracks. Maps have a question mark: a track that is not there after all is left out.
pub(super) fn single(line: &mut Line, job: &Job, profile: &Profile) -> Result<(), ArgumentError> {
    let has_video = job.tracks.video && profile.video != VideoCodec::None;
    let has_audio = job.tracks.audio > 0 && profile.audio != AudioCodec::None;
    if !has_video && !has_audio {
        return Err(ArgumentError::Nothing(job.tracks));
    }
    if has_video {
        line.add(["-map", "0:v:0?"]);
        if profile.video.is_encoded() {
            let filters: Vec<String> = [head(profile), vec![tail(job, profile)]].concat();
            line.add(["-filter:v:0", &filters.join(",")]);
            encode(line, job, profile, 0);
        } else {
            line.add(["-c:v", "copy"]);
        }
    }
    if has_audio {
        line.add(["-map", "0:a?"]);
        audio(line, profile.audio, profile.audio_bitrate);
    }
    Ok(())
}

/// One program for each variant, and one for the sound alone; the audio tracks belong to all.
pub(super) fn ladder(line: &mut Line, job: &Job, ladder: &Ladder) -> Result<Vec<(u16, Rung)>, ArgumentError> {
    let variants = if job.tracks.video { ladder.variants.as_slice() } else { &[] };
    let tracks = if ladder.audio == AudioCodec::None { 0 } else { usize::from(job.tracks.audio) };
    if let [first, ..] = variants {
        line.add(["-filter_complex", &graph(job, first, variants)]);
    }
    for index in 0..variants.len() {
        line.add(["-map".to_owned(), format!("[v{index}]")]);
    }
    for index in 0..tracks {
        line.add(["-map".to_owned(), format!("0:a:{index}?")]);
    }
    for (index, variant) in variants.iter().enumerate() {
        encode(line, job, variant, index);
    }
    if tracks > 0 {
        audio(line, ladder.audio, ladder.audio_bitrate);
    }
    let sound: String = (0..tracks).map(|track| format!(":st={}", variants.len() + track)).collect();
    let mut rungs: Vec<(Rung, String)> = Vec::new();
    rungs.extend((0..variants.len()).map(|index| (Rung::Variant(index), format!("title=v{index}:st={index}{sound}"))));
    if tracks > 0 && ladder.has_audio_only {
        rungs.push((Rung::AudioOnly, format!("title=audio{sound}")));
    }
    if rungs.is_empty() {
        return Err(ArgumentError::Nothing(job.tracks));
    }
    let rungs: Vec<_> = (1u16..).zip(rungs).collect();
    for (number, (_, what)) in &rungs {
        line.add(["-program".to_owned(), format!("program_num={number}:{what}")]);
    }
    Ok(rungs.into_iter().map(|(number, (rung, _))| (number, rung)).collect())
}

/// What is common is done once; then the picture goes to every variant.
fn graph(job: &Job, first: &Profile, variants: &[Profile]) -> String {
    let any_interlaced = variants.iter().any(|variant| variant.deinterlace);
    let mut filters = head(&Profile { deinterlace: any_interlaced, ..first.clone() });
    let outputs: String = (0..variants.len()).map(|index| format!("[s{index}]")).collect();
    filters.push(format!("split={}{outputs}", variants.len()));
    let mut chains = vec![format!("[0:v:0]{}", filters.join(","))];
    let branch = |(index, variant): (usize, &Profile)| format!("[s{index}]{}[v{index}]", tail(job, variant));
    chains.extend(variants.iter().enumerate().map(branch));
    chains.join(";")
}

fn head(profile: &Profile) -> Vec<String> {
    let mut filters = Vec::new();
    if profile.deinterlace {
        filters.push("yadif=deint=interlaced".to_owned());
    }
    if let Some(fps) = profile.fps {
        filters.push(format!("fps=min(source_fps\\,{fps})"));
    }
    filters
}

fn tail(job: &Job, profile: &Profile) -> String {
    let upload = job.encoder.upload();
    match profile.height {
        Some(height) => format!("scale=w=-2:h=trunc(min({height}\\,ih)/2)*2,{upload}"),
        None => upload.to_owned(),
    }
}

fn encode(line: &mut Line, job: &Job, profile: &Profile, index: usize) {
    for (name, value) in job.encoder.options(profile) {
        line.add([format!("{name}:v:{index}"), value]);
    }
}

fn audio(line: &mut Line, codec: AudioCodec, bitrate: u32) {
    match codec {
        AudioCodec::Copy => line.add(["-c:a", "copy"]),
        // Gaps are filled with silence, so that the sound stays with the picture.
        AudioCodec::Aac => {
            line.add(["-c:a", "aac", "-b:a", &format!("{bitrate}k"), "-ac", "2", "-ar", "48000"]);
            line.add(["-filter:a", "aresample=async=1000"]);
        }
        AudioCodec::None => {}
    }
}
