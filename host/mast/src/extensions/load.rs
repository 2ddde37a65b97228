//! From an instance file to a loaded plugin.

use std::sync::Arc;
use std::time::Duration;

use mast_model::Span;
use mast_plugin::services::Services;
use mast_plugin::{Grants, Instance, InstanceSpec, Kind, LoadError, Runtime, Standing};

use super::bundled::Bundled;
use super::component;
use super::config::{InstanceConfig, PluginsConfig};
use super::policy::PolicyCalls;
use crate::catalog::SourceCalls;
use crate::guide::GuideCalls;

/// Between refreshes of a source whose file and manifest say nothing.
const REFRESH: Duration = Duration::from_secs(6 * 3600);

/// Providers block those who come more often.
const SHORTEST_REFRESH: Duration = Duration::from_secs(10);

/// A loaded plugin.
pub(super) enum Loaded {
    /// With the default that the manifest declares for `[config] refresh`.
    Source(Arc<dyn SourceCalls>, Option<String>),
    /// With the default that the manifest declares for `[config] refresh`.
    Epg(Arc<dyn GuideCalls>, Option<String>),
    Output(mast_plugin::Output),
    Policy(Arc<dyn PolicyCalls>),
}

impl Loaded {
    /// How it is doing; none for what is no plugin.
    pub(super) fn standing(&self) -> Option<Standing> {
        match self {
            Self::Source(calls, _) => calls.standing(),
            Self::Epg(calls, _) => calls.standing(),
            Self::Output(output) => Some(output.standing()),
            Self::Policy(calls) => calls.standing(),
        }
    }
}

/// Loads plugins; a seam for tests. Blocks.
pub(super) trait Loader: Send + Sync + 'static {
    /// The reason of a failure names cause and fix.
    fn load(&self, config: &InstanceConfig) -> Result<Loaded, String>;
    /// SHA-256 of the component, hexadecimal.
    fn hash(&self, _: &InstanceConfig) -> Option<String> {
        None
    }
}

/// The real thing.
pub(super) struct PluginLoader {
    pub(super) runtime: Runtime,
    pub(super) services: Services,
    pub(super) plugins: PluginsConfig,
    pub(super) bundled: Bundled,
}

impl Loader for PluginLoader {
    fn load(&self, config: &InstanceConfig) -> Result<Loaded, String> {
        let component = component::read(&config.component, self.bundled).map_err(|error| error.to_string())?;
        let loaded = self.runtime.load(&component, self.spec(config), self.services.clone());
        Ok(match loaded.map_err(|error| reason(&error))? {
            Instance::Source(source) => Loaded::Source(Arc::new(source), self.declared_refresh(&component)),
            Instance::Epg(epg) => Loaded::Epg(Arc::new(epg), self.declared_refresh(&component)),
            Instance::Output(output) => Loaded::Output(output),
            Instance::Policy(policy) => Loaded::Policy(Arc::new(policy)),
        })
    }

    fn hash(&self, config: &InstanceConfig) -> Option<String> {
        component::read(&config.component, self.bundled).ok().map(|bytes| component::sha256(&bytes))
    }
}

impl PluginLoader {
    fn declared_refresh(&self, component: &[u8]) -> Option<String> {
        let schema = self.runtime.inspect(component).ok()?.config?;
        Some(schema.pointer("/properties/refresh/default")?.as_str()?.to_owned())
    }

    fn spec(&self, config: &InstanceConfig) -> InstanceSpec {
        // The file's reader has checked that every granted secret exists.
        let secret = |name: &String| Some((name.clone(), self.plugins.secrets.get(name)?.clone()));
        InstanceSpec {
            id: config.id.clone(),
            kind: config.kind,
            config: config.config.clone(),
            grants: Grants {
                http: config.grant.http.clone(),
                files: config.grant.files.clone(),
                devices: config.grant.devices,
                kv: config.grant.kv,
                secrets: config.grant.secrets.iter().filter_map(secret).collect(),
            },
            limits: config.limits.clone(),
        }
    }
}

/// Without the instance's name, which stands beside it everywhere.
fn reason(error: &LoadError) -> String {
    match &error.plugin {
        Some(plugin) => format!("{plugin}: {}", error.failure),
        None => error.failure.to_string(),
    }
}

/// `[config] refresh` of a source or a guide, if it says so; the plugin sees it, the host acts on it.
pub(super) fn refresh_interval(config: &InstanceConfig) -> Result<Option<Duration>, String> {
    let Some(value) = config.config.get("refresh").filter(|_| matches!(config.kind, Kind::Source | Kind::Epg)) else {
        return Ok(None);
    };
    let invalid = |problem: &str| format!("config.refresh = {value}: {problem}");
    let text = value.as_str().ok_or_else(|| invalid("expected a span of time in quotes, for example \"6h\""))?;
    let span: Span = text.parse().map_err(|error: mast_model::units::InvalidSpan| invalid(&error.to_string()))?;
    if span.0 < SHORTEST_REFRESH {
        let (asked, used) = (span, Span(SHORTEST_REFRESH));
        tracing::warn!(instance = %config.id, %asked, %used, "config.refresh is too short for a provider's patience");
    }
    Ok(Some(span.0.max(SHORTEST_REFRESH)))
}

/// What a source or a guide is refreshed by: what its file says, or its manifest, or six hours.
pub(super) fn refresh_or_default(configured: Option<Duration>, declared: Option<&str>) -> Duration {
    let declared = declared.and_then(|text| text.parse::<Span>().ok()).map(|span| span.0.max(SHORTEST_REFRESH));
    configured.or(declared).unwrap_or(REFRESH)
}
