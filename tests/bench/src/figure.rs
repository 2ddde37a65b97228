//! A measured figure beside its peer's, as text or as a JSON line.

use std::io::Write;

use serde_json::json;

/// Which way is better.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    /// The ratio to the peer is at least this.
    RatioAtLeast(f64),
    /// The figure itself is at least this.
    AtLeast(f64),
    /// The figure itself is at most this.
    AtMost(f64),
}

/// One line of the report.
pub(crate) struct Figure {
    pub(crate) bench: &'static str,
    pub(crate) figure: &'static str,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// What it stands beside, where there is something to compare.
    pub(crate) peer: Option<(&'static str, f64)>,
    pub(crate) goal: Option<Goal>,
}

/// Where figures go.
pub(crate) struct Report {
    json: bool,
}

impl Report {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints a figure.
    pub(crate) fn add(&mut self, figure: &Figure) -> anyhow::Result<()> {
        let ratio = figure.peer.map(|(_, peer)| figure.value / peer).filter(|ratio| ratio.is_finite());
        let (goal, met) = match figure.goal {
            Some(Goal::RatioAtLeast(goal)) => {
                (Some(format!("ratio >= {goal}")), Some(ratio.is_some_and(|ratio| ratio >= goal)))
            }
            Some(Goal::AtLeast(goal)) => (Some(format!(">= {goal} {}", figure.unit)), Some(figure.value >= goal)),
            Some(Goal::AtMost(goal)) => (Some(format!("<= {goal} {}", figure.unit)), Some(figure.value <= goal)),
            None => (None, None),
        };
        let mut out = std::io::stdout().lock();
        if self.json {
            let line = json!({
                "bench": figure.bench, "figure": figure.figure, "value": figure.value, "unit": figure.unit,
                "peer": figure.peer.map(|(name, _)| name), "peer_value": figure.peer.map(|(_, value)| value),
                "ratio": ratio, "goal": goal, "met": met,
            });
            writeln!(out, "{line}")?;
        } else {
            let verdict = match (goal, met) {
                (Some(goal), Some(true)) => format!("   goal {goal}: met"),
                (Some(goal), _) => format!("   goal {goal}: MISSED"),
                _ => String::new(),
            };
            let peer = figure.peer.map(|(name, value)| format!(" against {name} {value:.2}")).unwrap_or_default();
            let ratio = ratio.map(|ratio| format!(": ratio {ratio:.2}")).unwrap_or_default();
            writeln!(
                out,
                "{} / {}: {:.2} {}{peer}{ratio}{verdict}",
                figure.bench, figure.figure, figure.value, figure.unit
            )?;
        }
        Ok(())
    }

    /// Says what is going on, on standard error.
    pub(crate) fn progress(&self, text: &str) -> anyhow::Result<()> {
        writeln!(std::io::stderr(), "  {text}")?;
        Ok(())
    }
}

/// The middle value.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
