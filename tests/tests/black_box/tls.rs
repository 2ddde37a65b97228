//! HTTPS: certificates from files, taken up when they change; the redirect and HSTS.

use std::net::SocketAddr;
use std::path::Path;

use mast_tests::{SOON, TestHost, client, eventually};
use rcgen::{CertificateParams, KeyPair};
use reqwest::header;

/// A certificate of its own authority and its key, in PEM form.
struct Made {
    certificate: String,
    key: String,
}

fn make(years: (i32, i32)) -> Made {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
    params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
    let key = KeyPair::generate().unwrap();
    Made { certificate: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

impl Made {
    fn write(&self, folder: &Path) {
        std::fs::write(folder.join("tls.crt"), &self.certificate).unwrap();
        std::fs::write(folder.join("tls.key"), &self.key).unwrap();
    }

    /// A client that trusts this certificate and no other, and finds "localhost" at an address.
    fn client(&self, address: SocketAddr) -> reqwest::Client {
        let root = reqwest::Certificate::from_pem(self.certificate.as_bytes()).unwrap();
        let builder = reqwest::Client::builder().no_proxy().timeout(SOON).redirect(reqwest::redirect::Policy::none());
        builder.tls_certs_only([root]).resolve("localhost", address).build().unwrap()
    }
}

const TLS: &str = "[tls]\nlisten = \"127.0.0.1:0\"\ncertificate = \"tls.crt\"\nkey = \"tls.key\"\n";

fn start(certificate: &Made, more: &str) -> (TestHost, SocketAddr) {
    let mut host = TestHost::prepare(&format!("{TLS}{more}"), &[]);
    certificate.write(host.folder());
    host.run();
    let said = host.wait_for_log(&["and on https://"]);
    let port: String =
        said.split_once("https://127.0.0.1:").unwrap().1.chars().take_while(char::is_ascii_digit).collect();
    (host, SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap())))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn viewers_come_over_https() {
    let made = make((2025, 2095));
    let (host, address) = start(&made, "redirect = true\nhsts = \"1d\"\n");
    let secure = made.client(address);
    let url = |path: &str| format!("https://localhost:{}{path}", address.port());
    let answer = secure.get(url("/healthz")).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.headers()[header::STRICT_TRANSPORT_SECURITY].as_bytes()),
        (200, &b"max-age=86400"[..])
    );
    // Kept connections, one request after the other.
    for _ in 0..10 {
        assert_eq!(secure.get(url("/live/a/b/1.m3u8")).send().await.unwrap().status(), 401);
    }
    let plain = client().get(host.url("/live/a/b/1.m3u8?x=y")).send().await.unwrap();
    assert_eq!(plain.status(), 308);
    assert_eq!(plain.headers()[header::LOCATION], format!("https://127.0.0.1:{}/live/a/b/1.m3u8?x=y", address.port()));
    assert!(!plain.headers().contains_key(header::STRICT_TRANSPORT_SECURITY), "means nothing over plain HTTP");
    assert_eq!(client().get(host.url("/healthz")).send().await.unwrap().status(), 200, "for monitoring");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_certificate_is_taken_up_and_a_bad_one_is_not() {
    let (old, new, over) = (make((2025, 2095)), make((2025, 2096)), make((2020, 2021)));
    let (host, address) = start(&old, "");
    let works = async |made: &Made| {
        let url = format!("https://localhost:{}/healthz", address.port());
        made.client(address).get(url).send().await.is_ok_and(|answer| answer.status() == 200)
    };
    assert!(works(&old).await && !works(&new).await);

    let stays = async |what: &str| {
        let seen = host.log_length();
        host.wait_for_log_after(seen.saturating_sub(1), &["the certificate in use stays", what]);
        assert!(works(&old).await, "{what}");
    };
    std::fs::write(host.folder().join("tls.crt"), &new.certificate).unwrap();
    stays("does not belong").await;
    over.write(host.folder());
    stays("expired at 2021-01-01").await;
    std::fs::write(host.folder().join("tls.crt"), "nonsense").unwrap();
    stays("no certificate").await;

    new.write(host.folder());
    eventually("the new certificate is served", async || works(&new).await.then_some(())).await;
    assert!(!works(&old).await);
}

#[test]
fn unusable_files_are_said_before_anything_starts() {
    for (made, expected) in [(Some(make((2020, 2021))), "expired at 2021-01-01"), (None, "could not be read")] {
        let host = TestHost::prepare(TLS, &[]);
        if let Some(made) = made {
            made.write(host.folder());
        }
        for command in ["check", "serve"] {
            let output = host.mast(&[command]);
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            assert!(!output.status.success() && said.contains(expected), "{command}: {said}");
        }
    }
}
