//! How a box reads a bouquet: a reference implementation from the rules of its parser, not from our writer.

/// A service of a bouquet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Service {
    /// Type and flags.
    pub(super) head: [u32; 2],
    /// Type of content, SID, TSID, ONID, namespace and three more.
    pub(super) fields: [u32; 8],
    pub(super) path: String,
    pub(super) name: String,
}

impl Service {
    pub(super) fn is_marker(&self) -> bool {
        self.head == [1, 64]
    }
}

/// A bouquet as a box sees it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) name: String,
    pub(super) services: Vec<Service>,
    /// Lines that the box reads nothing in, or does not reach.
    pub(super) lost: usize,
}

/// Reads a bouquet.
pub(super) fn read(text: &str) -> Read {
    let mut read = Read::default();
    let mut ended = false;
    for line in text.split_terminator('\n') {
        let line = line.trim_end_matches('\r');
        ended |= line.is_empty();
        if ended {
            read.lost += 1;
        } else if let Some(name) = line.strip_prefix("#NAME ") {
            name.clone_into(&mut read.name);
        } else if let Some(service) = line.strip_prefix("#SERVICE ").and_then(service) {
            read.services.push(service);
        } else if let (Some(name), Some(last)) = (line.strip_prefix("#DESCRIPTION "), read.services.last_mut()) {
            name.clone_into(&mut last.name);
        } else {
            read.lost += 1;
        }
    }
    read
}

fn service(text: &str) -> Option<Service> {
    let mut parts = text.splitn(12, ':');
    let mut number = |radix| u32::from_str_radix(parts.next()?, radix).ok();
    let head = [number(10)?, number(10)?];
    let mut fields = [0; 8];
    for field in &mut fields {
        *field = number(16)?;
    }
    let path = decode(parts.next()?);
    let name = decode(parts.next().unwrap_or_default());
    (!name.contains(':') || text.matches(':').count() == 11).then_some(Service { head, fields, path, name })
}

fn decode(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        let mut digit = || char::from(bytes.next().unwrap()).to_digit(16).unwrap();
        out.push(if byte == b'%' { (digit() * 16 + digit()) as u8 } else { byte });
    }
    String::from_utf8(out).unwrap()
}
