//! Certificates over ACME, from Pebble, the small authority that is made for tests.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use mast_tests::{SOON, TestHost, eventually};
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

/// A free port. Somebody else may take it before it is used; then the test fails and says so.
fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A running authority.
struct Pebble {
    folder: TempDir,
    child: Child,
    port: u16,
}

impl Pebble {
    /// It will look for the names at these ports of this machine.
    fn start(http: u16, tls: u16) -> Self {
        let folder = TempDir::with_prefix("mast-pebble-").unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("pebble.crt"), certificate.pem()).unwrap();
        std::fs::write(path("pebble.key"), key.serialize_pem()).unwrap();
        let port = port();
        let config = serde_json::json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{port}"),
            "certificate": path("pebble.crt"),
            "privateKey": path("pebble.key"),
            "httpPort": http,
            "tlsPort": tls,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
        }});
        std::fs::write(path("pebble.json"), config.to_string()).unwrap();
        let log = std::fs::File::create(path("log")).unwrap();
        let mut command = Command::new("pebble");
        command.arg("-config").arg(path("pebble.json")).arg("-strict");
        // It waits up to fifteen seconds before each check otherwise.
        command.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_AUTHZREUSE", "0");
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().expect("pebble: run `cargo xtask setup --tests`");
        Self { folder, child, port }
    }

    fn settings(&self, challenge: &str, tls: u16) -> String {
        let ca = self.folder.path().join("pebble.crt");
        format!(
            "[tls]\nlisten = \"127.0.0.1:{tls}\"\n[tls.acme]\ndomains = [\"localhost\"]\naccept_terms = true\n\
             contact = [\"operator@tv.example\"]\ndirectory = \"https://localhost:{}/dir\"\nca = \"{}\"\nchallenge = \"{challenge}\"\n",
            self.port,
            ca.display()
        )
    }

    async fn ready(&self) {
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        eventually("the authority listens", async || tokio::net::TcpStream::connect(address).await.ok().map(drop))
            .await;
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Names of the files in the host's folder for certificates.
fn kept(host: &TestHost) -> Vec<String> {
    let entries = std::fs::read_dir(host.folder().join("data/acme")).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn is_private(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o077 == 0
}

async fn works(port: u16) -> bool {
    // The authority makes its own certificate anew at each start; what counts here is that there is one.
    let client = reqwest::Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).timeout(SOON).build();
    let url = format!("https://localhost:{port}/healthz");
    let built = client.unwrap().get(url).send().await;
    built.is_ok_and(|answer| answer.status() == 200)
}

async fn issued(challenge: &str) {
    let (http, tls) = (port(), port());
    let pebble = Pebble::start(http, tls);
    pebble.ready().await;
    let mut host = TestHost::prepare(&pebble.settings(challenge, tls), &[]);
    host.set_http(&format!("more = [\"127.0.0.1:{http}\"]"));
    host.run();
    // Not "no new certificate".
    host.wait_for_log(&["\"new certificate\"", "localhost"]);
    eventually("HTTPS with the issued certificate", async || works(tls).await.then_some(())).await;
    let files = kept(&host);
    assert_eq!(files.len(), 2, "{files:?}");
    assert!(files.iter().all(|name| is_private(&host.folder().join("data/acme").join(name))), "{files:?}");

    // A restart takes up what is kept, without asking the authority.
    drop(pebble);
    assert!(host.stop().success());
    host.run();
    eventually("HTTPS with the kept certificate", async || works(tls).await.then_some(())).await;
    assert_eq!(kept(&host), files);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http_01() {
    issued("http-01").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tls_alpn_01() {
    issued("tls-alpn-01").await;
}
