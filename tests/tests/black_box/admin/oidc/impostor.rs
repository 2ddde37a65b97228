//! An identity provider that does what it is told: its answers are the test's, so that each can be wrong in one way.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PublicKeyData, SigningKey};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What it does when it is asked for its metadata.
#[derive(Clone)]
pub(crate) enum Metadata {
    Good,
    /// Closes connections.
    Down,
    Slow,
    /// Never ends.
    Endless,
    Nonsense,
    Redirect(String),
    /// With these fields instead.
    Other(Value),
}

pub(crate) struct Ways {
    pub(crate) metadata: Metadata,
    /// The answer for a code.
    pub(crate) tokens: Value,
    pub(crate) keys: Vec<Value>,
    /// Paths that were asked for, and what was sent there.
    pub(crate) asked: Vec<(String, String)>,
}

pub(crate) struct Impostor {
    pub(crate) issuer: String,
    ways: Arc<Mutex<Ways>>,
    /// Ends with this.
    _listening: JoinSet<()>,
}

impl Impostor {
    pub(crate) async fn start(metadata: Metadata) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let ways = Ways { metadata, tokens: json!({}), keys: Vec::new(), asked: Vec::new() };
        let ways = Arc::new(Mutex::new(ways));
        let (shared, own) = (Arc::clone(&ways), issuer.clone());
        let mut listening = JoinSet::new();
        listening.spawn(async move {
            let mut answering = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                answering.spawn(answer(socket, Arc::clone(&shared), own.clone()));
            }
        });
        Self { issuer, ways, _listening: listening }
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut Ways)) {
        change(&mut self.ways.lock().unwrap());
    }

    /// What was sent to this path, once for each time.
    pub(crate) fn asked(&self, path: &str) -> Vec<String> {
        let ways = self.ways.lock().unwrap();
        ways.asked.iter().filter(|(asked, _)| asked == path).map(|(_, sent)| sent.clone()).collect()
    }
}

async fn answer(mut socket: TcpStream, ways: Arc<Mutex<Ways>>, issuer: String) {
    let Some((path, body)) = read(&mut socket).await else { return };
    let (metadata, said) = {
        let mut ways = ways.lock().unwrap();
        ways.asked.push((path.clone(), body));
        let said = match path.as_str() {
            "/keys" => json!({ "keys": ways.keys }),
            "/token" => ways.tokens.clone(),
            _ => Value::Null,
        };
        (ways.metadata.clone(), said)
    };
    let mut good = json!({
        "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize?tenant=1"),
        "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
    });
    let ok =
        |body: String| format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let text = match (path.as_str(), metadata) {
        ("/keys" | "/token", _) => ok(said.to_string()),
        (_, Metadata::Good) => ok(good.to_string()),
        (_, Metadata::Other(fields)) => {
            good.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            ok(good.to_string())
        }
        (_, Metadata::Nonsense) => ok("<html>".to_owned()),
        (_, Metadata::Redirect(to)) => {
            format!("HTTP/1.1 302 Found\r\nconnection: close\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
        }
        (_, Metadata::Down) => return,
        (_, Metadata::Slow) => {
            // Until the other side gives up.
            let _ = socket.read(&mut [0; 1]).await;
            return;
        }
        (_, Metadata::Endless) => {
            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"a\":\"").await;
            while socket.write_all(&[b'a'; 16 * 1024]).await.is_ok() {}
            return;
        }
    };
    // Whoever asks may have gone.
    let _ = socket.write_all(text.as_bytes()).await;
    let _ = socket.shutdown().await;
}

/// Path and body.
async fn read(socket: &mut TcpStream) -> Option<(String, String)> {
    let mut text = String::new();
    let mut piece = [0; 4096];
    loop {
        let count = tokio::time::timeout(Duration::from_secs(10), socket.read(&mut piece)).await.ok()?.ok()?;
        if count == 0 {
            return None;
        }
        text.push_str(&String::from_utf8_lossy(&piece[..count]));
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            let path = head.split(' ').nth(1)?.to_owned();
            return Some((path, body.to_owned()));
        }
    }
}

/// A signing key with its name.
pub(crate) struct Signer {
    id: &'static str,
    pair: KeyPair,
}

impl Signer {
    pub(crate) fn new(id: &'static str) -> Self {
        Self { id, pair: KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap() }
    }

    pub(crate) fn public(&self) -> Value {
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": self.id, "x": encoded(self.pair.der_bytes()) })
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        self.token_with("EdDSA", claims, |message| self.pair.sign(message).unwrap())
    }

    /// With a shared secret, which is the public key.
    pub(crate) fn token_of_public_key(&self, claims: &Value) -> String {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, self.pair.der_bytes());
        self.token_with("HS256", claims, |message| aws_lc_rs::hmac::sign(&key, message).as_ref().to_vec())
    }

    pub(crate) fn unsigned(&self, claims: &Value) -> String {
        self.token_with("none", claims, |_| Vec::new())
    }

    fn token_with(&self, algorithm: &str, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
        let header = json!({ "alg": algorithm, "kid": self.id, "typ": "JWT" });
        let message = format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()));
        let signature = encoded(sign(message.as_bytes()));
        format!("{message}.{signature}")
    }
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
