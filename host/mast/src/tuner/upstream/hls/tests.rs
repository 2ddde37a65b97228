use std::sync::Arc;

use futures_util::future::join_all;
use jiff::Timestamp;
use mast_media::{Segmenter, SegmenterConfig};
use mast_model::{DestinationRules, Upstream as Named, UpstreamKind, UpstreamUrl};
use mast_upstream::{ChannelSpec, Clip, Fault, HlsFault, Text, Upstream};

use super::super::http;
use super::*;
use crate::extensions::config::UpstreamConfig;
use crate::outbound::Outbound;

const PATIENCE: Duration = Duration::from_secs(20);

fn fetcher(url: &str, variant: &str) -> Fetcher {
    let rules = DestinationRules {
        any_http: true,
        allow_private: vec!["127.0.0.0/8".parse().unwrap()],
        ..DestinationRules::default()
    };
    let config = UpstreamConfig { rules, variant: variant.parse().unwrap(), ..UpstreamConfig::default() };
    let named = Named { url: UpstreamUrl::new(url), kind: UpstreamKind::Auto, headers: Vec::new() };
    Fetcher::new(Outbound::new().unwrap(), Arc::new(config), &named, Duration::from_secs(2))
}

/// What came out of an upstream.
#[derive(Debug, Default)]
struct Run {
    bytes: Vec<u8>,
    breaks: usize,
    fault: Option<UpstreamFault>,
}

impl Run {
    /// Reads until this says it is enough, or the upstream fails.
    async fn of(mut pieces: UpstreamBytes, enough: impl Fn(&Self) -> bool) -> Self {
        let mut run = Self::default();
        let reading = async {
            while !enough(&run) {
                match pieces.next().await {
                    Some(Ok(Piece::Bytes(bytes))) => run.bytes.extend_from_slice(&bytes),
                    Some(Ok(Piece::Break)) => run.breaks += 1,
                    Some(Ok(Piece::Calm | Piece::Date(_))) => {}
                    Some(Err(failure)) => {
                        assert!(!failure.to_string().contains("secret"), "{failure}");
                        run.fault = Some(failure.fault);
                        break;
                    }
                    None => break,
                }
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.unwrap_or_else(|_| panic!("not in time"));
        run
    }

    /// How often packets were missing.
    fn continuity_errors(&self) -> u64 {
        let config = SegmenterConfig {
            min_duration: Duration::from_millis(500),
            max_duration: Duration::from_secs(10),
            max_bytes: 10 << 20,
            program: None,
            follows: false,
        };
        let mut segmenter = Segmenter::new(config);
        segmenter.push(&self.bytes, Timestamp::now(), &mut Vec::new());
        segmenter.counters().continuity_errors
    }
}

async fn read(url: &str, variant: &str, enough: impl Fn(&Run) -> bool) -> Run {
    match http::open(fetcher(url, variant), url, Duration::from_millis(900), Accepts::MpegTs).await {
        Ok(pieces) => Run::of(pieces, enough).await,
        Err(failure) => Run { fault: Some(failure.fault), ..Run::default() },
    }
}

async fn clip() -> Arc<Clip> {
    tokio::task::spawn_blocking(Clip::standard).await.unwrap().unwrap()
}

async fn upstream() -> Upstream {
    let clip = clip().await;
    Upstream::start(["one", "two", "three"].map(|name| ChannelSpec::clip(name, &clip))).await.unwrap()
}

/// Bytes of so many seconds of the clip.
fn seconds(clip: &Clip, count: usize) -> usize {
    clip.bytes().len() * count / 12
}

fn text(upstream: &Upstream, path: &str, lines: &str) -> String {
    let text = format!("#EXTM3U\n{}\n", lines.replace('|', "\n"));
    upstream.set_text(path, Text::new("application/vnd.apple.mpegurl", text));
    upstream.at(path)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_playlist_becomes_one_run_of_packets() {
    let (upstream, clip) = (upstream().await, clip().await);
    let enough = seconds(&clip, 7);
    let urls = [upstream.hls_url("one"), upstream.at("/two/aes/index.m3u8"), upstream.hls_url("three")];
    upstream.set_fault("three", Fault::Hls(HlsFault::Slow));
    let started = Instant::now();
    let runs = join_all(urls.iter().map(|url| read(url, "best", |run| run.bytes.len() >= enough))).await;
    for (url, run) in urls.iter().zip(&runs) {
        assert_eq!((run.fault, run.breaks, run.continuity_errors()), (None, 0, 0), "{url}");
        assert!(run.bytes.chunks_exact(188).all(|packet| packet[0] == 0x47), "{url}");
    }
    // Three seconds at once, the rest as it plays.
    assert!(started.elapsed() >= Duration::from_secs(3), "{:?}", started.elapsed());
    assert_eq!(runs[0].bytes[..188 * 100], runs[1].bytes[..188 * 100], "decrypted");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_variant_is_the_one_that_is_wanted() {
    let upstream = upstream().await;
    let url = text(
        &upstream,
        "/all.m3u8",
        "#EXT-X-STREAM-INF:BANDWIDTH=1000000,RESOLUTION=640x360|one/index.m3u8\
         |#EXT-X-STREAM-INF:BANDWIDTH=9000000,RESOLUTION=1920x1080|gone/index.m3u8\
         |#EXT-X-STREAM-INF:BANDWIDTH=5000000,RESOLUTION=1280x720|two/index.m3u8",
    );
    for (variant, expected) in [("best", "two"), ("worst", "one"), ("720p", "two"), ("2M", "one")] {
        let before = upstream.connections(expected).total;
        let run = read(&url, variant, |run| !run.bytes.is_empty()).await;
        assert_eq!(run.fault, None, "{variant}");
        assert!(upstream.connections(expected).total > before, "{variant}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_played_is_named() {
    let upstream = upstream().await;
    let segment = upstream.at("/one/3.ts");
    upstream.set_text("/half-key", Text::plain("12345678"));
    upstream.set_text("/other-key", Text::plain("not the same key"));
    upstream.set_text("/fragment.m4s", Text::new("video/mp4", &b"\0\0\0\x18styp"[..]));
    upstream.set_text("/audio.aac", Text::new("audio/aac", &b"ID3\x04"[..]));
    upstream.set_text("/page.ts", Text::new("text/html", "<html><body>Please log in</body></html>"));
    let media = |lines: &str| format!("#EXT-X-TARGETDURATION:1|{}", lines.replace("SEGMENT", &segment));
    let cases = [
        (media("#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"k\"|#EXTINF:1,|SEGMENT"), UpstreamFault::Drm("SAMPLE-AES")),
        (
            media(
                "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://k\",KEYFORMAT=\"com.apple.streamingkeydelivery\"|#EXTINF:1,|SEGMENT",
            ),
            UpstreamFault::Drm("FairPlay"),
        ),
        (media("#EXT-X-KEY:METHOD=AES-128,URI=\"/half-key?secret\"|#EXTINF:1,|SEGMENT"), UpstreamFault::Key),
        (media("#EXT-X-KEY:METHOD=AES-128,URI=\"/no-key?secret\"|#EXTINF:1,|SEGMENT"), UpstreamFault::Status(404)),
        (media("#EXT-X-MAP:URI=\"init.mp4\"|#EXTINF:1,|SEGMENT"), UpstreamFault::NeedsFfmpeg),
        (media("#EXTINF:1,|/fragment.m4s"), UpstreamFault::NeedsFfmpeg),
        (media("#EXTINF:1,|/audio.aac"), UpstreamFault::NeedsFfmpeg),
        (media("#EXTINF:1,|/page.ts|#EXT-X-ENDLIST"), UpstreamFault::Html),
        (media("#EXTINF:1,|/page.ts|#EXTINF:1,|/page.ts|#EXTINF:1,|/page.ts"), UpstreamFault::Html),
        (media("#EXTINF:1,|/a?secret|#EXTINF:1,|/b|#EXTINF:1,|/c"), UpstreamFault::Status(404)),
        (media("#EXTINF:1,|http://10.0.0.1/secret.ts"), UpstreamFault::NotGranted),
        (media("#EXTINF:1,|file:///etc/secret"), UpstreamFault::InvalidAddress),
        (media("#EXT-X-ENDLIST"), UpstreamFault::Ended),
        ("#EXTINF:-1,News|http://tv.example/1.ts".to_owned(), UpstreamFault::Playlist),
        ("#EXT-X-STREAM-INF:BANDWIDTH=1".to_owned(), UpstreamFault::Playlist),
        ("#EXT-X-STREAM-INF:BANDWIDTH=1|/gone?secret".to_owned(), UpstreamFault::Status(404)),
        ("#EXT-X-STREAM-INF:BANDWIDTH=1|/page.ts".to_owned(), UpstreamFault::Html),
        (
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",URI=\"a\"|#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a\"|v".to_owned(),
            UpstreamFault::SeparateAudio,
        ),
        (
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",URI=\"b\"|#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a\"|v".to_owned(),
            UpstreamFault::NotGranted,
        ),
        (
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",URI=\"c?secret\"|#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a\"|v"
                .to_owned(),
            UpstreamFault::Status(404),
        ),
    ];
    // A picture and sounds of their own.
    text(&upstream, "/v", &media("#EXTINF:1,|SEGMENT"));
    text(&upstream, "/a", &media("#EXTINF:1,|SEGMENT"));
    text(&upstream, "/b", &media("#EXTINF:1,|SEGMENT|#EXTINF:1,|http://10.0.0.1/secret.ts"));
    let urls: Vec<_> =
        cases.iter().enumerate().map(|(n, (lines, _))| text(&upstream, &format!("/{n}"), lines)).collect();
    let runs = join_all(urls.iter().map(|url| read(url, "best", |_| false))).await;
    for ((lines, expected), run) in cases.iter().zip(runs) {
        assert_eq!(run.fault, Some(*expected), "{lines}");
    }
    // Another key than the right one: nothing that is decrypted with it is MPEG-TS.
    let lines = "#EXT-X-KEY:METHOD=AES-128,URI=\"/other-key\"|".to_owned() + &"#EXTINF:1,|/one/aes/3.ts|".repeat(3);
    let run = read(&text(&upstream, "/wrong", &media(&lines)), "best", |_| false).await;
    assert!(run.fault.is_some() && run.bytes.is_empty(), "{:?} {}", run.fault, run.bytes.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_with_nothing_new_is_found_out() {
    let upstream = upstream().await;
    let read = |name: &'static str, fault, expected| {
        let upstream = &upstream;
        async move {
            let started = Instant::now();
            let url = upstream.hls_url(name);
            upstream.set_fault(name, Fault::Hls(fault));
            let run = read(&url, "best", |_| false).await;
            assert_eq!(run.fault, Some(expected), "{fault}");
            started.elapsed()
        }
    };
    let (frozen, looping, _) = tokio::join!(
        read("one", HlsFault::Frozen, UpstreamFault::Frozen),
        read("two", HlsFault::Looping, UpstreamFault::Looping),
        read("three", HlsFault::Ended, UpstreamFault::Ended),
    );
    // Three target durations.
    assert!(frozen >= Duration::from_secs(3) && looping >= Duration::from_secs(3), "{frozen:?} {looping:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn seams_are_breaks_and_it_goes_on_after_them() {
    let (upstream, clip) = (upstream().await, clip().await);
    let enough = seconds(&clip, 7);
    let read = |name: &'static str, fault: Fault| {
        let upstream = &upstream;
        async move {
            let url = upstream.hls_url(name);
            if fault == Fault::Hls(HlsFault::Seams) {
                // The first seam is near.
                upstream.set_fault(name, fault.clone());
            }
            let pieces =
                http::open(fetcher(&url, "best"), &url, Duration::from_millis(900), Accepts::MpegTs).await.unwrap();
            let later = async {
                tokio::time::sleep(Duration::from_millis(1500)).await;
                upstream.set_fault(name, fault.clone());
            };
            let (run, ()) = tokio::join!(Run::of(pieces, |run| run.bytes.len() >= enough && run.breaks > 0), later);
            assert_eq!(run.fault, None, "{fault}");
        }
    };
    tokio::join!(
        read("one", Fault::Hls(HlsFault::Restarted)),
        read("two", Fault::Hls(HlsFault::Holes)),
        read("three", Fault::Hls(HlsFault::Seams)),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_breaks_off_is_taken_up_again() {
    let (upstream, clip) = (upstream().await, clip().await);
    let enough = seconds(&clip, 6);
    let url = upstream.hls_url("one");
    let pieces = http::open(fetcher(&url, "best"), &url, PATIENCE, Accepts::MpegTs).await.unwrap();
    let now_and_then = async {
        for fault in [Fault::Truncate, Fault::Status(500), Fault::Reset] {
            upstream.set_fault("one", fault);
            tokio::time::sleep(Duration::from_millis(200)).await;
            upstream.set_fault("one", None);
            tokio::time::sleep(Duration::from_millis(800)).await;
        }
    };
    let (run, ()) = tokio::join!(Run::of(pieces, |run| run.bytes.len() >= enough), now_and_then);
    assert_eq!((run.fault, run.breaks, run.continuity_errors()), (None, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_that_a_redirect_leads_to_is_kept() {
    let (upstream, clip) = (upstream().await, clip().await);
    let url = text(&upstream, "/entry", "");
    upstream.set_fault("/entry", Fault::RedirectTo(upstream.hls_url("one")));
    let run = read(&url, "best", |run| run.bytes.len() >= seconds(&clip, 6)).await;
    assert_eq!((run.fault, upstream.hits("/entry").len()), (None, 1));
    // Until that one no longer answers: then the upstream's own URL is asked for another.
    let pieces = http::open(fetcher(&url, "best"), &url, PATIENCE, Accepts::MpegTs).await.unwrap();
    let moves = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        upstream.set_fault("/entry", Fault::RedirectTo(upstream.hls_url("two")));
        upstream.set_fault("one", Fault::Status(403));
    };
    let (run, ()) = tokio::join!(Run::of(pieces, |run| run.bytes.len() >= seconds(&clip, 7)), moves);
    assert_eq!(run.fault, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn byte_ranges_are_parts_of_one_file() {
    let (upstream, clip) = (upstream().await, clip().await);
    upstream.set_text("/whole.ts", Text::new("video/mp2t", clip.bytes().to_vec()));
    let half = clip.bytes().len() / 2;
    let lines = format!(
        "#EXT-X-TARGETDURATION:1|#EXT-X-BYTERANGE:{half}@0|#EXTINF:1,|/whole.ts|#EXTINF:1,|#EXT-X-BYTERANGE:{half}|/whole.ts|#EXT-X-ENDLIST"
    );
    let run = read(&text(&upstream, "/ranges", &lines), "best", |_| false).await;
    assert_eq!((run.fault, run.breaks), (Some(UpstreamFault::Ended), 0));
    assert_eq!(run.bytes, clip.bytes()[..2 * half]);
    // A range that goes beyond the end.
    let lines = format!("#EXT-X-TARGETDURATION:1|#EXT-X-BYTERANGE:{half}@{}|#EXTINF:1,|/whole.ts", half + 1000);
    let run = read(&text(&upstream, "/beyond", &lines), "best", |_| false).await;
    assert_eq!(run.fault, Some(UpstreamFault::Broken));
}

#[tokio::test(flavor = "multi_thread")]
async fn for_ffmpeg_fragments_come_behind_their_initialisation_section() {
    let upstream = upstream().await;
    for name in ["init1", "init2", "a", "b", "c", "d"] {
        upstream.set_text(&format!("/{name}"), Text::new("video/mp4", format!("<{name}>")));
    }
    let url = text(
        &upstream,
        "/fmp4",
        "#EXT-X-TARGETDURATION:1|#EXT-X-MAP:URI=\"init1\"|#EXTINF:1,|a|#EXTINF:1,|b|#EXT-X-DISCONTINUITY|#EXTINF:1,|c\
         |#EXT-X-MAP:URI=\"init2\"|#EXTINF:1,|d|#EXT-X-ENDLIST",
    );
    let fetcher = fetcher(&url, "best");
    let url = Url::parse(&url).unwrap();
    let response = fetcher.get(&url, None).await.unwrap();
    let first = First { text: body(response, &[], 10_000, PATIENCE).await.unwrap(), named: url.clone(), found: url };
    let settings = HlsSettings { variant: VariantPolicy::Best, patience: PATIENCE, accepts: Accepts::Anything };
    let run = Run::of(super::read(fetcher, first, settings), |_| false).await;
    assert_eq!(String::from_utf8(run.bytes).unwrap(), "<init1><a><b><init1><c><init2><d>");
    assert_eq!((run.breaks, run.fault), (1, Some(UpstreamFault::Ended)));
}
