//! Inputs that FFmpeg opens itself.

use std::time::Duration;

use mast_ffmpeg::{ExitKind, HttpRequest, Input, Profile, Transport};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::run::{DEADLINE, pattern, run, sample, single, small, spawn};

fn copy(input: Input) -> mast_ffmpeg::Job {
    single(input, Profile::built_in("copy").unwrap())
}

/// FFmpeg knows every option of every kind of input, gets as far as the network, and tells what happened there without credentials.
#[tokio::test]
async fn a_refused_connection_is_the_reason() {
    // Bound, and not listening: nobody else gets the port, and it refuses.
    let port = tokio::net::TcpSocket::new_v4().unwrap();
    port.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let host = format!("127.0.0.1:{}", port.local_addr().unwrap().port());
    let url = |scheme: &str| format!("{scheme}://joe:hush1@{host}/hush2/x");
    let request = HttpRequest {
        user_agent: Some("a player".into()),
        headers: vec![("Cookie".into(), "hush3".into())],
        proxy: None,
    };
    for input in [
        Input::Rtsp { url: url("rtsp"), transport: Transport::Tcp },
        Input::Rtmp { url: url("rtmp") },
        Input::Dash { url: url("http"), request: request.clone() },
        Input::Http { url: url("http"), request: request.clone() },
        Input::Http {
            url: "http://upstream.example/x".into(),
            request: HttpRequest { proxy: Some(url("http")), ..request },
        },
    ] {
        let ran = run(&copy(input), &[]).await;
        assert!(ran.exit.reason.contains("Connection refused"), "{}", ran.exit);
        assert!(!ran.log.concat().contains("hush"), "{:?}", ran.log);
    }
}

#[tokio::test]
async fn srt_options_are_known() {
    let ran = run(&copy(Input::Srt { url: "srt://127.0.0.1:9?mode=caller&connect_timeout=100".into() }), &[]).await;
    assert!(matches!(ran.exit.kind, ExitKind::Failed { .. }));
    assert!(!ran.exit.reason.contains("ption"), "{}", ran.exit);
}

#[tokio::test]
async fn headers_arrive_as_they_were_given() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/x.ts", listener.local_addr().unwrap());
    let media = sample(true).await;
    let server = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(connection.read_u8().await.unwrap());
        }
        connection.write_all(b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n").await.unwrap();
        connection.write_all(&media).await.unwrap();
        String::from_utf8(request).unwrap()
    });
    let headers = vec![("Referer".into(), "http://r.example/".into()), ("Cookie".into(), "a=b; c=d".into())];
    let request = HttpRequest { user_agent: Some("a player/1.0".into()), headers, proxy: None };
    let ran = run(&copy(Input::Http { url, request }), &[]).await;
    assert_eq!(ran.exit.kind, ExitKind::InputEnded, "{:?}", ran.log);
    assert!(!ran.media.is_empty());
    let request = server.await.unwrap();
    for line in ["User-Agent: a player/1.0", "Referer: http://r.example/", "Cookie: a=b; c=d"] {
        assert!(request.contains(&format!("\r\n{line}\r\n")), "{line}\n{request}");
    }
}

/// What a server answers cannot make FFmpeg open anything else.
#[tokio::test]
async fn a_playlist_that_names_a_file_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret.ts");
    std::fs::write(&secret, sample(false).await).unwrap();
    let playlist =
        format!("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile://{}\n#EXT-X-ENDLIST\n", secret.display());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/x.m3u8", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = connection.read(&mut request).await;
            let head = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", playlist.len());
            let _ = connection.write_all((head + &playlist).as_bytes()).await;
        }
    });
    let ran = run(&copy(Input::Http { url, request: HttpRequest::default() }), &[]).await;
    server.abort();
    assert!(ran.media.is_empty() && ran.exit.is_failure(), "{}", ran.exit);
}

#[tokio::test]
async fn a_file_starts_again_at_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a: slate.ts");
    std::fs::write(&path, run(&single(pattern(25, 2), small("slate")), &[]).await.media).unwrap();
    let whole = run(&copy(Input::File { path: path.clone(), is_looped: false }), &[]).await;
    assert_eq!(whole.exit.kind, ExitKind::InputEnded, "{:?}", whole.log);
    let mut worker = spawn(&copy(Input::File { path, is_looped: true })).await;
    let mut output = worker.take_output().unwrap();
    let sink = tokio::spawn(async move { tokio::io::copy(&mut output, &mut tokio::io::sink()).await });
    let mut progress = worker.progress();
    let beyond = progress.wait_for(|progress| progress.counters.out_time > Duration::from_millis(2500));
    tokio::time::timeout(DEADLINE, beyond).await.expect("it ended").unwrap();
    worker.stop();
    tokio::time::timeout(DEADLINE, worker.wait()).await.expect("it goes on");
    sink.await.unwrap().unwrap();
}
