//! A clip over RTSP: as MPEG-TS in RTP (payload type 33), in the RTSP connection, as cameras and head ends send it where no UDP gets
//! through. No more of RTSP (RFC 2326) than a player needs to play: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clip::Clip;
use crate::restamp::Restamper;
use crate::ts;

/// Packets in one datagram: as many as go into an Ethernet frame.
const DATAGRAM: usize = 7;
/// How often packets go out.
const TICK: Duration = Duration::from_millis(20);
/// Media that a new client gets at once.
const BURST: Duration = Duration::from_secs(3);
/// No request is longer.
const LONGEST: usize = 16 * 1024;

/// A running RTSP server with one clip; ended on drop.
pub struct RtspServer {
    address: SocketAddr,
    played: Arc<AtomicUsize>,
    stop: CancellationToken,
}

impl Drop for RtspServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl RtspServer {
    /// Starts on a free port of the loopback address.
    pub async fn start(clip: Arc<Clip>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listening for RTSP")?;
        let address = listener.local_addr()?;
        let (played, stop) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
        let (tasks, ends, counts) = (TaskTracker::new(), stop.clone(), Arc::clone(&played));
        tasks.clone().spawn(async move {
            loop {
                let accepted = tokio::select! {
                    () = ends.cancelled() => return,
                    accepted = listener.accept() => accepted,
                };
                let Ok((connection, _)) = accepted else { return };
                let client = Client::new(connection, Arc::clone(&clip), Arc::clone(&counts));
                let ends = ends.clone();
                tasks.spawn(async move {
                    tokio::select! {
                        () = ends.cancelled() => {}
                        // How a connection ends is the client's business.
                        _ = client.serve() => {}
                    }
                });
            }
        });
        Ok(Self { address, played, stop })
    }

    /// The URL of the clip.
    pub fn url(&self) -> String {
        format!("rtsp://{}/live", self.address)
    }

    /// How often it was played.
    pub fn played(&self) -> usize {
        self.played.load(Ordering::Relaxed)
    }
}

struct Client {
    connection: TcpStream,
    clip: Arc<Clip>,
    played: Arc<AtomicUsize>,
    /// What was received, and belongs to no whole request yet.
    received: Vec<u8>,
    sending: Option<Sending>,
}

/// The clip on its way.
struct Sending {
    started: Instant,
    round: u32,
    /// Bytes of this round that were sent.
    sent: usize,
    restamper: Restamper,
    sequence: u16,
}

impl Client {
    fn new(connection: TcpStream, clip: Arc<Clip>, played: Arc<AtomicUsize>) -> Self {
        Self { connection, clip, played, received: Vec::new(), sending: None }
    }

    async fn serve(mut self) -> anyhow::Result<()> {
        let mut tick = tokio::time::interval(TICK);
        loop {
            let mut buffer = [0; 4096];
            tokio::select! {
                count = self.connection.read(&mut buffer) => match count? {
                    0 => return Ok(()),
                    count => self.received.extend_from_slice(&buffer[..count]),
                },
                _ = tick.tick(), if self.sending.is_some() => self.send().await?,
            }
            while let Some(request) = self.request()? {
                if !self.answer(&request).await? {
                    return Ok(());
                }
            }
        }
    }

    /// The next whole request; the receiver reports in between are of no interest.
    fn request(&mut self) -> anyhow::Result<Option<String>> {
        while let [b'$', _, high, low, ..] = self.received[..] {
            let end = 4 + usize::from(u16::from_be_bytes([high, low]));
            if self.received.len() < end {
                return Ok(None);
            }
            self.received.drain(..end);
        }
        let Some(end) = self.received.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
            if self.received.len() > LONGEST {
                bail!("a request without end");
            }
            return Ok(None);
        };
        let request = self.received.drain(..end + 4).collect();
        Ok(Some(String::from_utf8(request)?))
    }

    /// False where the client wants no more.
    async fn answer(&mut self, request: &str) -> anyhow::Result<bool> {
        let method = request.split(' ').next().unwrap_or_default();
        let url = request.split(' ').nth(1).unwrap_or_default();
        let sequence = field(request, "cseq").unwrap_or("0");
        let (status, fields, body) = match method {
            "OPTIONS" => ("200 OK", "Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN\r\n".into(), ""),
            "DESCRIBE" => ("200 OK", format!("Content-Base: {url}/\r\nContent-Type: application/sdp\r\n"), SDP),
            "SETUP" if field(request, "transport").is_some_and(|transport| transport.contains("TCP")) => {
                ("200 OK", format!("Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n{SESSION}"), "")
            }
            "SETUP" => ("461 Unsupported Transport", String::new(), ""),
            "PLAY" | "GET_PARAMETER" => ("200 OK", SESSION.to_owned(), ""),
            "TEARDOWN" => ("200 OK", String::new(), ""),
            _ => ("501 Not Implemented", String::new(), ""),
        };
        let length = body.len();
        let answer = format!("RTSP/1.0 {status}\r\nCSeq: {sequence}\r\n{fields}Content-Length: {length}\r\n\r\n{body}");
        self.connection.write_all(answer.as_bytes()).await?;
        if method == "PLAY" && self.sending.is_none() {
            self.played.fetch_add(1, Ordering::Relaxed);
            self.sending = Some(Sending::new());
        }
        Ok(method != "TEARDOWN")
    }

    /// What has become due since the last time.
    async fn send(&mut self) -> anyhow::Result<()> {
        let Some(sending) = &mut self.sending else { return Ok(()) };
        let length = self.clip.duration();
        let time = sending.started.elapsed() + BURST;
        loop {
            let into = time.saturating_sub(length * sending.round);
            let due = if into >= length { self.clip.bytes().len() } else { self.clip.due_at(into) };
            let mut packets = self.clip.bytes()[sending.sent..due.max(sending.sent)].to_vec();
            sending.sent += packets.len();
            let ticks = u64::from(sending.round) * u64::try_from(length.as_millis())? * 90;
            sending.restamper.apply(&mut packets, ticks);
            let mut framed = Vec::with_capacity(packets.len() * 11 / 10);
            packets.chunks(DATAGRAM * ts::PACKET).for_each(|packets| sending.frame(packets, time, &mut framed));
            self.connection.write_all(&framed).await?;
            if into < length {
                return Ok(());
            }
            (sending.round, sending.sent) = (sending.round + 1, 0);
        }
    }
}

impl Sending {
    fn new() -> Self {
        Self { started: Instant::now(), round: 0, sent: 0, restamper: Restamper::new(), sequence: 0 }
    }

    /// One RTP packet, as it goes in the RTSP connection.
    fn frame(&mut self, packets: &[u8], time: Duration, out: &mut Vec<u8>) {
        const HEADER: usize = 12;
        let ticks = (time.as_millis() as u64 * 90) as u32;
        out.extend([b'$', 0]);
        out.extend(((HEADER + packets.len()) as u16).to_be_bytes());
        out.extend([0x80, 33]);
        out.extend(self.sequence.to_be_bytes());
        out.extend(ticks.to_be_bytes());
        out.extend(*b"mast");
        out.extend_from_slice(packets);
        self.sequence = self.sequence.wrapping_add(1);
    }
}

const SESSION: &str = "Session: 1;timeout=60\r\n";

const SDP: &str = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=live\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\na=control:*\r\n\
                   m=video 0 RTP/AVP 33\r\na=rtpmap:33 MP2T/90000\r\na=control:track\r\n";

/// A header field's value.
fn field<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let lines = request.lines().filter_map(|line| line.split_once(':'));
    lines.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
}
