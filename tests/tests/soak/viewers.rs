//! Viewers: they open a channel, watch for a while and leave, politely or not.

use std::sync::Arc;
use std::time::Duration;

use mast_tests::connection::{Connection, resolve};
use mast_tests::{LineAccount, MediaText};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::random::Random;
use crate::stage::{Channel, Stage};
use crate::weather::pause;

/// Between two looks at a playlist.
const REFRESH: Duration = Duration::from_millis(700);

/// One viewer after another in one place, until the end.
pub(crate) async fn come_and_go(
    stage: Arc<Stage>,
    number: usize,
    mut random: Random,
    mut ended: watch::Receiver<bool>,
) {
    let mut visit = 0;
    while !pause(random.seconds(0.0..3.0), &mut ended).await {
        visit += 1;
        let agent = format!("viewer-{number}-{visit}");
        let (channel, until) = (random.pick(&stage.channels), Instant::now() + random.seconds(1.0..10.0));
        let connection = Connection::open(stage.host.address(), agent).await;
        if random.once_in(3) {
            watch_continuous(connection, &stage.crowd, channel, until, &mut random).await;
        } else {
            watch_hls(connection, &stage.crowd, channel, until, &mut random).await;
        }
    }
}

/// One device of a line with one connection, which goes from channel to channel over HLS and is never told that it has too many.
pub(crate) async fn zap(stage: Arc<Stage>, mut random: Random, mut ended: watch::Receiver<bool>) {
    while !pause(Duration::ZERO, &mut ended).await {
        let connection = Connection::open(stage.host.address(), "zapper").await;
        let (channel, until) = (random.pick(&stage.channels), Instant::now() + random.seconds(0.5..4.0));
        watch_hls(connection, &stage.solo, channel, until, &mut random).await;
    }
}

fn path(line: &LineAccount, channel: &Channel, extension: &str) -> String {
    format!("/live/{}/{}/{}.{extension}", line.username, line.password, channel.id)
}

/// Whether a channel plays. While its upstream is ill the viewer is told so, and nothing else.
fn plays(channel: &Channel, what: &str, status: u16) -> bool {
    assert!(matches!(status, 200 | 502..=504), "{what} of {}: {status}", channel.name);
    status == 200
}

async fn watch_hls(
    mut connection: Connection,
    line: &LineAccount,
    channel: &Channel,
    until: Instant,
    random: &mut Random,
) {
    let path = path(line, channel, "m3u8");
    let (status, multivariant) = connection.get(&path).await;
    if !plays(channel, "the multivariant playlist", status) {
        return;
    }
    let multivariant = String::from_utf8(multivariant).unwrap();
    let variant = multivariant.lines().find(|line| !line.starts_with('#')).expect("a variant");
    let media = resolve(&path, variant);
    let mut next = 0;
    while Instant::now() < until {
        let Some(playlist) = look(&mut connection, channel, &media).await else { return };
        for entry in playlist.entries.iter().filter(|entry| entry.sequence >= next) {
            let segment = resolve(&media, &entry.uri);
            if random.once_in(40) {
                // Leaves in the middle of it.
                connection.follow(&segment).await;
                connection.skip(1000).await;
                return;
            }
            let (status, bytes) = connection.get(&segment).await;
            assert_eq!((status, bytes.first()), (200, Some(&0x47)), "{} {}", channel.name, entry.uri);
        }
        next = playlist.end();
        tokio::time::sleep(REFRESH).await;
    }
}

/// The media playlist, as the channel's linter sees it too; none while the channel is ill.
async fn look(connection: &mut Connection, channel: &Channel, media: &str) -> Option<MediaText> {
    let mut linter = channel.linter.lock().await;
    let (status, text) = connection.get(media).await;
    plays(channel, "the media playlist", status).then(|| {
        let text = String::from_utf8(text).unwrap();
        linter.push(&text);
        MediaText::parse(&text)
    })
}

async fn watch_continuous(
    mut connection: Connection,
    line: &LineAccount,
    channel: &Channel,
    until: Instant,
    random: &mut Random,
) {
    let status = connection.follow(&path(line, channel, "ts")).await;
    if !plays(channel, "continuous MPEG-TS", status) {
        return;
    }
    let is_slow = random.once_in(4);
    while Instant::now() < until {
        // An upstream that is ill leaves the viewer waiting; it does not end the answer.
        match tokio::time::timeout_at(until, connection.skip(8 * 1024)).await {
            Ok(true) if is_slow => tokio::time::sleep(Duration::from_millis(200)).await,
            Ok(true) => {}
            Ok(false) => panic!("continuous MPEG-TS of {} ended", channel.name),
            Err(_) => return,
        }
    }
}
