//! Prometheus metrics: counters that the hot paths add to, and values that the rooms are asked for when somebody looks.
//!
//! Labels come from closed sets, so the number of time series is bounded.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What a request was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteClass {
    /// HLS playlists.
    Playlist,
    /// HLS segments.
    Segment,
    /// Continuous MPEG-TS.
    Continuous,
    /// Movies and episodes.
    File,
    /// Routes of output plugins, and paths that nobody claims.
    Output,
    /// Health and metrics.
    Status,
}

const CLASSES: [(RouteClass, &str); 6] = [
    (RouteClass::Playlist, "playlist"),
    (RouteClass::Segment, "segment"),
    (RouteClass::Continuous, "continuous"),
    (RouteClass::File, "file"),
    (RouteClass::Output, "output"),
    (RouteClass::Status, "status"),
];

/// Which limit a request or a connection met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Requests of an address.
    Address,
    /// Requests of a line.
    Line,
    /// Connections of an address.
    Connections,
    /// TLS handshakes of an address, or of all.
    Handshake,
    /// Session tokens that nobody signed.
    Guess,
    /// An address or a line that an operator banned.
    Ban,
}

const LIMITS: [(Limit, &str); 6] = [
    (Limit::Address, "address"),
    (Limit::Line, "line"),
    (Limit::Connections, "connections"),
    (Limit::Handshake, "handshake"),
    (Limit::Guess, "guess"),
    (Limit::Ban, "ban"),
];

/// Adds lines in Prometheus text format when metrics are read.
pub type Reading = Box<dyn Fn(&mut String) + Send + Sync>;

/// The metrics of one host. Cheap to clone.
#[derive(Clone, Default)]
pub struct Metrics {
    shared: Arc<Counters>,
}

#[derive(Default)]
struct Counters {
    /// By class and first digit of the status.
    requests: [[AtomicU64; 6]; CLASSES.len()],
    bytes: [AtomicU64; CLASSES.len()],
    connections: AtomicU64,
    refused_connections: AtomicU64,
    limited: [AtomicU64; LIMITS.len()],
    readings: Mutex<Vec<Reading>>,
}

/// An open connection; counted until dropped.
pub struct ConnectionGuard(Arc<Counters>);

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    /// A request was answered.
    pub fn request(&self, class: RouteClass, status: u16) {
        let digit = usize::from(status / 100).min(5);
        self.shared.requests[class as usize][digit].fetch_add(1, Ordering::Relaxed);
    }

    /// Body bytes were handed to a connection.
    pub fn bytes_sent(&self, class: RouteClass, bytes: u64) {
        self.shared.bytes[class as usize].fetch_add(bytes, Ordering::Relaxed);
    }

    /// A viewer connected.
    pub fn connection_opened(&self) -> ConnectionGuard {
        self.shared.connections.fetch_add(1, Ordering::Relaxed);
        ConnectionGuard(Arc::clone(&self.shared))
    }

    /// A viewer was turned away because all connections are in use.
    pub fn connection_refused(&self) {
        self.shared.refused_connections.fetch_add(1, Ordering::Relaxed);
    }

    /// Somebody met a limit.
    pub fn limited(&self, limit: Limit) {
        self.shared.limited[limit as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Asks `reading` whenever metrics are read.
    pub fn register(&self, reading: Reading) {
        self.shared.readings.lock().unwrap_or_else(PoisonError::into_inner).push(reading);
    }

    /// Everything, in Prometheus text format.
    pub fn render(&self) -> String {
        let mut text = String::with_capacity(4096);
        head(
            &mut text,
            "mast_http_requests_total",
            "counter",
            "Requests answered, by what they were for and status class.",
        );
        for (class, name) in CLASSES {
            for (digit, count) in self.shared.requests[class as usize].iter().enumerate().skip(1) {
                let labels = format!("class=\"{name}\",status=\"{digit}xx\"");
                sample(&mut text, "mast_http_requests_total", &labels, count.load(Ordering::Relaxed));
            }
        }
        head(
            &mut text,
            "mast_http_body_bytes_total",
            "counter",
            "Body bytes of answers with a known length, and of continuous MPEG-TS.",
        );
        for (class, name) in CLASSES {
            let count = self.shared.bytes[class as usize].load(Ordering::Relaxed);
            sample(&mut text, "mast_http_body_bytes_total", &format!("class=\"{name}\""), count);
        }
        head(&mut text, "mast_http_connections", "gauge", "Open viewer connections.");
        sample(&mut text, "mast_http_connections", "", self.shared.connections.load(Ordering::Relaxed));
        head(&mut text, "mast_http_connections_refused_total", "counter", "Connections turned away at the limit.");
        sample(
            &mut text,
            "mast_http_connections_refused_total",
            "",
            self.shared.refused_connections.load(Ordering::Relaxed),
        );
        head(
            &mut text,
            "mast_http_limited_total",
            "counter",
            "Requests and connections refused, by the limit they met.",
        );
        for (limit, name) in LIMITS {
            let count = self.shared.limited[limit as usize].load(Ordering::Relaxed);
            sample(&mut text, "mast_http_limited_total", &format!("limit=\"{name}\""), count);
        }
        for reading in self.shared.readings.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            reading(&mut text);
        }
        text
    }
}

/// Writes a metric's HELP and TYPE lines.
pub fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// Writes one sample. Label values must hold no quotes, backslashes or line ends.
pub fn sample(text: &mut String, name: &str, labels: &str, value: u64) {
    let _ =
        if labels.is_empty() { writeln!(text, "{name} {value}") } else { writeln!(text, "{name}{{{labels}}} {value}") };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_rendered() {
        let metrics = Metrics::default();
        metrics.request(RouteClass::Segment, 200);
        metrics.request(RouteClass::Segment, 404);
        metrics.bytes_sent(RouteClass::Segment, 600);
        let guard = metrics.connection_opened();
        metrics.register(Box::new(|text| sample(text, "mast_test", "a=\"b\"", 5)));
        let text = metrics.render();
        for line in [
            "mast_http_requests_total{class=\"segment\",status=\"2xx\"} 1",
            "mast_http_requests_total{class=\"segment\",status=\"4xx\"} 1",
            "mast_http_body_bytes_total{class=\"segment\"} 600",
            "mast_http_connections 1",
            "mast_test{a=\"b\"} 5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
        drop(guard);
        assert!(metrics.render().contains("mast_http_connections 0"));
    }
}
