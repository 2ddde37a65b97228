//! One version of what the rest of the host reads of the instances. Swapped as a whole, never changed.

use std::collections::HashMap;
use std::sync::Arc;

use mast_model::InstanceId;
use mast_plugin::Output;

use super::config::UpstreamConfig;
use super::policy::Policy;
use super::routes::RouteTable;
use super::status::InstanceStatus;

/// See the module.
#[derive(Default)]
pub(super) struct Table {
    /// An output, and which load of its instance it is.
    pub(super) routes: RouteTable<(Output, u64)>,
    /// By instance name.
    pub(super) policies: Vec<Arc<Policy>>,
    /// How the channels of each source are fetched.
    pub(super) upstreams: HashMap<InstanceId, Arc<UpstreamConfig>>,
    pub(super) statuses: Vec<InstanceStatus>,
    /// How many of its instances were thrown away, by name.
    pub(super) poisoned: HashMap<String, Reading>,
}

/// A number that moves while the table stays.
pub(super) type Reading = Box<dyn Fn() -> u64 + Send + Sync>;

/// What one instance brings along.
pub(super) struct Member {
    pub(super) id: InstanceId,
    pub(super) output: Option<(Output, u64)>,
    pub(super) policy: Option<Arc<Policy>>,
    pub(super) upstream: Option<Arc<UpstreamConfig>>,
}

impl Table {
    /// Members are in order of their names.
    pub(super) fn new(members: Vec<Member>, mut statuses: Vec<InstanceStatus>) -> Self {
        let outputs = members
            .iter()
            .filter_map(|member| member.output.as_ref().map(|loaded| (&member.id, loaded.0.routes(), loaded.clone())));
        let (routes, refused) = RouteTable::build(outputs);
        for refused in refused {
            let status = statuses.iter_mut().find(|status| status.instance == refused.instance.as_str());
            status.into_iter().for_each(|status| status.problems.push(refused.problem.clone()));
        }
        let mut table = Self { routes, statuses, ..Self::default() };
        for member in members {
            table.policies.extend(member.policy);
            if let Some(upstream) = member.upstream {
                table.upstreams.insert(member.id, upstream);
            }
        }
        table
    }
}
