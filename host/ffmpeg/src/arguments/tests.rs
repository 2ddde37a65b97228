use proptest::prelude::*;

use super::*;
use crate::profile::{AudioCodec, VideoCodec};

fn profile(name: &str) -> Profile {
    Profile::built_in(name).unwrap()
}

fn job(input: Input, output: &str) -> Job {
    Job::new(input, Output::Single(profile(output)))
}

fn words(job: &Job) -> Vec<String> {
    let line = job.command_line().unwrap();
    line.arguments.into_iter().map(|argument| argument.into_string().unwrap()).collect()
}

/// The arguments from the input's own options to its URL.
fn opened(input: Input) -> Result<String, ArgumentError> {
    let mut line = Line::default();
    input.add(&mut line, None)?;
    let words: Vec<String> = line.arguments.into_iter().map(|argument| argument.into_string().unwrap()).collect();
    Ok(words.join(" "))
}

fn http(url: &str) -> Input {
    Input::Http { url: url.to_owned(), request: HttpRequest::default() }
}

#[test]
fn a_copy_of_what_the_host_reads() {
    let expected = "-hide_banner -nostdin -nostats -loglevel level+warning -progress pipe:2 -fflags +genpts+discardcorrupt \
                    -analyzeduration 1500000 -probesize 1500000 -f mpegts -protocol_whitelist pipe -i pipe:0 -map 0:v:0? -c:v copy \
                    -map 0:a? -c:a copy -sn -dn -muxdelay 0 -muxpreload 0 -flush_packets 1 -f mpegts -mpegts_flags \
                    +resend_headers+initial_discontinuity pipe:1";
    let job = job(Input::Pipe(Container::MpegTs), "copy");
    assert_eq!(words(&job).join(" "), expected);
    assert_eq!(job.command_line().unwrap().input, StandardInput::Pipe);
}

#[test]
fn a_profile_is_encoded() {
    let mut job = job(Input::Pipe(Container::Auto), "low");
    (job.analyze, job.threads) = (Analyze::Thorough, Some(2));
    let Output::Single(profile) = &mut job.output else { unreachable!() };
    profile.fps = Some(30);
    let words = words(&job).join(" ");
    for part in [
        "-filter_threads 2 -filter_complex_threads 2 -threads 2 -fflags",
        "-analyzeduration 10000000 -probesize 10000000 -protocol_whitelist pipe -i pipe:0",
        "-filter:v:0 yadif=deint=interlaced,fps=min(source_fps\\,30),scale=w=-2:h=trunc(min(480\\,ih)/2)*2,format=yuv420p",
        "-c:v:0 libx264 -b:v:0 800k -maxrate:v:0 1200k -bufsize:v:0 1800k -g:v:0 240",
        "-force_key_frames:v:0 expr:gte(t,n_forced*2) -preset:v:0 veryfast -sc_threshold:v:0 0",
        "-c:a aac -b:a 96k -ac 2 -ar 48000 -filter:a aresample=async=1000 -sn -dn -threads 2",
    ] {
        assert!(words.contains(part), "{part}\n{words}");
    }
}

#[test]
fn every_input_has_its_options_and_its_whitelist() {
    let check = |input: Input, expected: &str| assert_eq!(opened(input).unwrap(), expected);
    check(Input::Pipe(Container::Mp4), "-f mp4 -protocol_whitelist pipe -i pipe:0");
    let rtsp = |transport| Input::Rtsp { url: "RTSP://h.example/x".into(), transport };
    let protocols = "-protocol_whitelist rtsp,rtsps,rtp,srtp,udp,tcp,tls";
    check(rtsp(Transport::Tcp), &format!("-rtsp_transport tcp -timeout 10000000 {protocols} -i rtsp://h.example/x"));
    check(rtsp(Transport::Udp), &format!("-rtsp_transport udp -timeout 10000000 {protocols} -i rtsp://h.example/x"));
    let mut old = Line::default();
    rtsp(Transport::Tcp).add(&mut old, Some(Release { major: 4, minor: 4 })).unwrap();
    assert!(old.arguments.contains(&"-stimeout".into()));
    let rtmp = Input::Rtmp { url: "rtmp://h.example/live/x".into() };
    check(rtmp, "-rw_timeout 10000000 -protocol_whitelist rtmp,rtmps,tcp,tls -i rtmp://h.example/live/x");
    let srt = Input::Srt { url: "srt://h.example:9000?mode=caller".into() };
    check(srt, "-rw_timeout 10000000 -protocol_whitelist srt -i srt://h.example:9000?mode=caller");
    let request = HttpRequest {
        user_agent: Some("a player".into()),
        headers: vec![("Referer".into(), "http://r.example/".into()), ("Cookie".into(), "a=b".into())],
        proxy: Some("http://p.example:3128".into()),
    };
    check(
        Input::Dash { url: "https://h.example/x.mpd".into(), request },
        "-f dash -rw_timeout 10000000 -user_agent a player -headers Referer: http://r.example/\r\nCookie: a=b\r\n -http_proxy \
         http://p.example:3128 -protocol_whitelist http,https,httpproxy,tcp,tls,crypto -i https://h.example/x.mpd",
    );
    let file = Input::File { path: "/srv/a: b.ts".into(), is_looped: true };
    check(file, "-stream_loop -1 -re -protocol_whitelist file -i file:/srv/a: b.ts");
}

#[test]
fn what_ffmpeg_must_not_get_is_refused() {
    let check = |input: Input, part: &str| {
        let message = opened(input).unwrap_err().to_string();
        assert!(message.contains(part) && !message.contains("SECRET"), "{message}");
    };
    check(http("file:///etc/passwd"), "takes http or https");
    check(http("-i"), "no scheme");
    check(http("-y://h.example/"), "takes http or https");
    check(http("concat:http://h.example/"), "takes http or https");
    check(http("http://h.example/a b?SECRET"), "space");
    check(http("http://h.example/\r\nSECRET"), "control character");
    check(http("http:///SECRET"), "no host");
    check(http("http://SECRET@:80/x"), "no host");
    check(http(&format!("http://h.example/{}", "x".repeat(9000))), "longer");
    check(Input::Rtmp { url: "rtmpt://h.example/SECRET".into() }, "takes rtmp or rtmps");
    check(Input::Srt { url: "srt://:9000?mode=listener&passphrase=SECRET".into() }, "no host");
    check(Input::Srt { url: "srt://0.0.0.0:9000?a=b&mode=listener".into() }, "only mode=caller");
    check(Input::File { path: "a.ts".into(), is_looped: false }, "absolute path");
    let with = |request: HttpRequest| Input::Http { url: "http://h.example/".into(), request };
    let header = |name: &str, value: &str| {
        with(HttpRequest { headers: vec![(name.into(), value.into())], ..HttpRequest::default() })
    };
    check(header("X", "SECRET\r\nY: z"), "header X is refused");
    check(header("X: y\r\nZ", "SECRET"), "no name");
    check(header("", "SECRET"), "no name");
    check(with(HttpRequest { user_agent: Some("SECRET\n".into()), ..HttpRequest::default() }), "User-Agent");
    check(
        with(HttpRequest { proxy: Some("socks5://SECRET@p.example".into()), ..HttpRequest::default() }),
        "takes http",
    );
}

#[test]
fn nothing_secret_is_shown_or_logged() {
    let request = HttpRequest {
        headers: vec![("Cookie".into(), "SECRET1".into())],
        proxy: Some("http://joe:SECRET2@p.example:3128".into()),
        ..HttpRequest::default()
    };
    let job = job(Input::Http { url: "http://h.example/SECRET3?SECRET4".into(), request }, "low");
    assert!(!format!("{job:?}").contains("SECRET"), "{job:?}");
    let line = job.command_line().unwrap();
    assert_eq!(line.redactor.clean("a SECRET1 b SECRET2 c /SECRET3?SECRET4"), "a … b … c …");
    assert!(!format!("{:?}", line.spec("ffmpeg")).contains("SECRET"));
}

fn three() -> Ladder {
    let variants = vec![profile("low"), profile("medium"), profile("ultra")];
    Ladder { variants, audio: AudioCodec::Aac, audio_bitrate: 128, has_audio_only: true }
}

#[test]
fn a_ladder_is_one_process_with_a_program_for_each_rung() {
    let mut job = Job::new(Input::Pipe(Container::MpegTs), Output::Ladder(three()));
    job.tracks.audio = 2;
    let words = words(&job).join(" ");
    for part in [
        "-filter_complex [0:v:0]yadif=deint=interlaced,split=3[s0][s1][s2];[s0]scale=w=-2:h=trunc(min(480\\,ih)/2)*2,format=yuv420p[v0];",
        "-map [v0] -map [v1] -map [v2] -map 0:a:0? -map 0:a:1? -c:v:0 libx264 -b:v:0 800k",
        "-c:v:2 libx264 -b:v:2 5000k -maxrate:v:2 6000k",
        "-program program_num=1:title=v0:st=0:st=3:st=4 -program program_num=2:title=v1:st=1:st=3:st=4",
        "-program program_num=4:title=audio:st=3:st=4 -sn -dn",
    ] {
        assert!(words.contains(part), "{part}\n{words}");
    }
    let variants = [Rung::Variant(0), Rung::Variant(1), Rung::Variant(2), Rung::AudioOnly];
    let expected: Vec<_> = (1..).zip(variants).collect();
    assert_eq!(job.command_line().unwrap().rungs, expected);
}

#[test]
fn a_ladder_without_sound_or_picture() {
    let rungs = |tracks: Tracks, ladder: Ladder| {
        let mut job = Job::new(Input::Pipe(Container::MpegTs), Output::Ladder(ladder));
        job.tracks = tracks;
        job.command_line().map(|line| line.rungs)
    };
    let silent = rungs(Tracks { video: true, audio: 0 }, three()).unwrap();
    assert_eq!(silent, [(1, Rung::Variant(0)), (2, Rung::Variant(1)), (3, Rung::Variant(2))]);
    let dark = Tracks { video: false, audio: 1 };
    assert_eq!(rungs(dark, three()).unwrap(), [(1, Rung::AudioOnly)]);
    let message = rungs(dark, Ladder { has_audio_only: false, ..three() }).unwrap_err().to_string();
    assert_eq!(message, "nothing would be left: the upstream has sound but no picture");
}

#[test]
fn ladders_that_cannot_be_are_told() {
    let check = |change: &dyn Fn(&mut Ladder), expected: &[&str]| {
        let mut ladder = three();
        change(&mut ladder);
        let problems = ladder.validate();
        assert_eq!(problems.iter().map(|problem| problem.field).collect::<Vec<_>>(), expected, "{problems:?}");
    };
    check(&|_| {}, &[]);
    check(&|ladder| ladder.variants.clear(), &["variants"]);
    check(&|ladder| ladder.variants[1] = profile("low"), &["variants"]);
    check(&|ladder| ladder.variants[1].gop = 4, &["gop"]);
    check(&|ladder| ladder.variants[2].fps = Some(30), &["fps"]);
    check(&|ladder| ladder.variants[2].video = VideoCodec::Copy, &["height", "video"]);
    check(&|ladder| ladder.audio = AudioCodec::None, &["audio"]);
    check(&|ladder| ladder.audio_bitrate = 0, &["audio_bitrate"]);
    check(&|ladder| ladder.variants[0].audio_bitrate = 0, &[]);
}

#[test]
fn single_outputs_without_what_they_need() {
    let mut job = job(Input::Pipe(Container::MpegTs), "low");
    job.tracks = Tracks { video: false, audio: 0 };
    assert_eq!(job.command_line().err(), Some(ArgumentError::Nothing(job.tracks)));
    job.tracks = Tracks { video: true, audio: 0 };
    assert!(!words(&job).contains(&"0:a?".to_owned()));
    job.encoder = Encoder::Vaapi { device: "nowhere".into() };
    assert!(matches!(job.command_line(), Err(ArgumentError::Settings(problems)) if problems[0].field == "device"));
}

#[test]
fn hardware_encoders_get_frames_where_they_want_them() {
    let mut job = job(Input::Pipe(Container::MpegTs), "high");
    job.encoder = Encoder::Vaapi { device: "/dev/dri/renderD128".into() };
    let line = words(&job).join(" ");
    assert!(
        line.contains("-filter_hw_device mast -fflags") && line.contains("format=nv12,hwupload -c:v:0 h264_vaapi"),
        "{line}"
    );
    job.encoder = Encoder::Nvenc { gpu: 1 };
    let line = words(&job).join(" ");
    assert!(line.contains("-gpu:v:0 1 -preset:v:0 p3 -rc:v:0 vbr -forced-idr:v:0 1"), "{line}");
    job.encoder = Encoder::Qsv { device: "/dev/dri/renderD128".into() };
    assert!(words(&job).join(" ").contains("hwupload=extra_hw_frames=64 -c:v:0 h264_qsv"));
}

proptest! {
    /// Whatever a plugin says, the number of arguments is the same, and the URL is the one after the last -i.
    #[test]
    fn no_url_adds_an_argument(url in "(http://|rtsp://|-|)[ -~\r\n]{0,40}") {
        let plain = words(&job(http("http://h.example/"), "copy"));
        if let Ok(line) = job(http(&url), "copy").command_line() {
            prop_assert_eq!(line.arguments.len(), plain.len());
            let differing: Vec<_> = line.arguments.iter().zip(&plain).filter(|(new, old)| new.to_str() != Some(old.as_str())).collect();
            prop_assert!(differing.len() <= 1);
            prop_assert!(differing.iter().all(|(new, _)| new.to_str().unwrap().starts_with("http://")));
        }
    }
}
