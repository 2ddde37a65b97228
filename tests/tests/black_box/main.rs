//! Black-box tests: the built binary, real plugins, real ffmpeg, real client libraries. Nothing of the host is linked in; what a test
//! knows is the command line, the configuration and the URLs.

#![allow(clippy::unwrap_used, reason = "tests")]

mod acme;
mod admin;
mod client_libraries;
mod crowd;
mod discovery;
mod edge;
mod faults;
mod guide;
mod hls_upstreams;
mod hostile;
mod inspection;
mod limits;
mod machine_faults;
mod media_faults;
mod on_demand;
mod oracle;
mod outputs;
mod players;
mod playing;
mod playouts;
mod profiles;
mod protocol;
mod reload;
mod restart;
mod scene;
mod sessions;
mod smuggling;
mod sources;
mod tls;
mod transcoding;
