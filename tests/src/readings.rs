//! `/metrics` as a test reads it.

use std::collections::BTreeMap;

use crate::{TestHost, get_ok};

/// One reading.
#[derive(Debug, Clone)]
pub struct Readings {
    /// By name with labels, as written.
    values: BTreeMap<String, u64>,
}

impl Readings {
    /// Asks the host.
    pub async fn of(host: &TestHost) -> Self {
        Self::parse(&get_ok(&host.url("/metrics")).await)
    }

    fn parse(text: &str) -> Self {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let values = samples.filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().unwrap_or_else(|error| panic!("{line}: {error}"))))
        });
        Self { values: values.collect() }
    }

    /// The sum over all labels that contain `label`, which may be empty. There must be such a metric, if not with that label.
    pub fn sum(&self, name: &str, label: &str) -> u64 {
        let of_name = self.values.iter().filter(|(key, _)| key.split('{').next() == Some(name));
        assert!(of_name.clone().count() > 0, "no metric {name}");
        of_name.filter(|(key, _)| key.contains(label)).map(|(_, value)| value).sum()
    }

    /// Open file descriptors.
    pub fn descriptors(&self) -> u64 {
        self.sum("process_open_fds", "")
    }

    /// Resident memory, MiB.
    pub fn memory(&self) -> u64 {
        self.sum("process_resident_memory_bytes", "") >> 20
    }

    /// Answers with an error status.
    pub fn errors(&self) -> u64 {
        self.sum("mast_http_requests_total", "4xx") + self.sum("mast_http_requests_total", "5xx")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_summed() {
        let readings =
            Readings::parse("# HELP a A.\na{s=\"4xx\",c=\"x\"} 2\na{s=\"4xx\",c=\"y\"} 3\na{s=\"2xx\"} 7\nab 9\n");
        assert_eq!((readings.sum("a", "4xx"), readings.sum("a", ""), readings.sum("ab", "")), (5, 12, 9));
        assert_eq!(readings.sum("a", "5xx"), 0);
        assert!(std::panic::catch_unwind(|| readings.sum("b", "")).is_err());
    }
}
