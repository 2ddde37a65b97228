//! Plugin instances: their files watched and hot-reloaded, the services they are lent, and the three ways the host calls them
//! (refreshing sources is the catalogue's business, outputs and policies are called from here).

mod bundled;
mod component;
pub mod config;
mod policy;
mod routes;
mod services;

use std::sync::Arc;

use mast_model::{DestinationRules, InstanceId};
use mast_plugin::Output;
use mast_plugin::records::{AuthRequest, Pairs, Route};

/// Loaded plugin instances. Cheap to clone.
#[derive(Clone)]
pub struct Extensions {}

/// A request path that an output claimed.
pub struct RouteMatch {
    /// Who answers.
    pub instance: InstanceId,
    /// The loaded output.
    pub output: Output,
    /// The route.
    pub route: Arc<Route>,
    /// Values of its parameters, decoded.
    pub params: Pairs,
}

/// What all policies say together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The line may, with what the policies narrowed.
    Allow {
        /// The smallest of the policies' limits.
        max_connections: Option<u32>,
        /// The earliest end, seconds since 1970.
        expires: Option<u64>,
    },
    /// The line may not.
    Deny {
        /// Which policy.
        instance: InstanceId,
        /// For log and metrics.
        code: String,
        /// For the viewer.
        message: String,
    },
}

impl Extensions {
    /// The output that claimed a path.
    pub fn route(&self, _method: &str, _path: &str) -> Option<RouteMatch> {
        todo!()
    }

    /// Asks every policy, in order of instance name; cached under their key fields. No policy: allowed.
    pub fn authorize(&self, _request: &AuthRequest) -> Verdict {
        todo!()
    }

    /// Where the channels of a source may be fetched from; none where the instance is gone.
    pub fn upstream_rules(&self, _source: &InstanceId) -> Option<Arc<DestinationRules>> {
        todo!()
    }
}
