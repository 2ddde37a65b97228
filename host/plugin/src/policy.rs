//! Policies: deciding who may watch what.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::InstancePre;

use crate::bindings::auth::exports::mast::auth::policy;
use crate::bindings::auth::exports::mast::base::lifecycle;
use crate::bindings::auth::mast::auth::types;
use crate::call::CallError;
use crate::load_error::LoadFailure;
use crate::pool::Pool;
use crate::records::{AuthRequest, Decision, KeyField};
use crate::runtime::Inner;
use crate::state::{InstanceContext, State};

/// How long a decision waits for a free instance: it is made on a serving thread.
const PATIENCE: Duration = Duration::ZERO;

/// A decision may be reused for so long at most.
const CACHE_SECONDS_MAX: u32 = 3_600;

const FIELDS: [(&str, KeyField); 8] = [
    ("username", KeyField::Username),
    ("bouquets", KeyField::Bouquets),
    ("action", KeyField::Action),
    ("channel", KeyField::Channel),
    ("ip", KeyField::Ip),
    ("user-agent", KeyField::UserAgent),
    ("device", KeyField::Device),
    ("attrs", KeyField::Attrs),
];

/// A loaded policy. Cheap to clone; `decide` is quick enough for a serving thread.
#[derive(Clone)]
pub struct Policy {
    pub(crate) pool: Arc<Pool<Exports>>,
    key_fields: Arc<[KeyField]>,
}

pub(crate) struct Exports {
    lifecycle: lifecycle::Guest,
    policy: policy::Guest,
}

impl types::Host for State {}

impl Policy {
    pub(crate) fn start(
        runtime: Arc<Inner>,
        context: Arc<InstanceContext>,
        pre: InstancePre<State>,
    ) -> Result<Self, LoadFailure> {
        let incompatible = |error: wasmtime::Error| LoadFailure::Incompatible(format!("{error:#}"));
        let lifecycle = lifecycle::GuestIndices::new(&pre).map_err(incompatible)?;
        let policy = policy::GuestIndices::new(&pre).map_err(incompatible)?;
        let pool = Pool::new(runtime, context, pre, PATIENCE, move |store, instance| {
            let lifecycle = lifecycle.load(&mut *store, instance)?;
            Ok(Exports { lifecycle, policy: policy.load(&mut *store, instance)? })
        });
        pool.ask("lifecycle.init", |store, exports| exports.lifecycle.call_init(store))?;
        let names = pool.ask("policy.key-fields", |store, exports| Ok(Ok(exports.policy.call_key_fields(store)?)))?;
        let key_fields: Result<Arc<[KeyField]>, LoadFailure> = names.iter().map(|name| key_field(name)).collect();
        Ok(Self { pool: Arc::new(pool), key_fields: key_fields? })
    }

    /// What `policy.key-fields` answered when it was loaded, validated.
    pub fn key_fields(&self) -> &[KeyField] {
        &self.key_fields
    }

    /// Drops the warm instances and with them the memory they hold; the next decisions start with fresh ones.
    pub fn drop_warm(&self) {
        self.pool.drop_warm();
    }

    /// `policy.decide`. The caller blanks what is not a key field ([`AuthRequest::keep`]) and caches.
    pub fn decide(&self, request: &AuthRequest) -> Result<Decision, CallError> {
        let context = &self.pool.context;
        let request = types::Request::from(request);
        self.pool
            .call(context.scope(), |store, exports| exports.policy.call_decide(store, &request))
            .map(|decision| context.decision(decision))
            .map_err(|failure| context.error("policy.decide", failure))
    }
}

fn key_field(name: &str) -> Result<KeyField, LoadFailure> {
    FIELDS.iter().find(|(known, _)| *known == name).map(|(_, field)| *field).ok_or_else(|| {
        let known = FIELDS.map(|(name, _)| name).join(", ");
        let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
        LoadFailure::Init {
            function: "policy.key-fields",
            cause: format!("\"{name}\" is not a field of a request; there are {known}"),
        }
    })
}

impl InstanceContext {
    fn decision(&self, decision: types::Decision) -> Decision {
        match decision {
            types::Decision::Allow(allow) => Decision::Allow {
                max_connections: allow.max_connections,
                expires: allow.expires,
                cache_seconds: allow.cache_seconds.min(CACHE_SECONDS_MAX),
                attrs: allow.attrs,
            },
            types::Decision::Deny(deny) => Decision::Deny {
                code: self.clean(&deny.code, 64),
                message: self.clean(&deny.message, 1_024),
                cache_seconds: deny.cache_seconds.min(CACHE_SECONDS_MAX),
            },
        }
    }
}

impl From<&AuthRequest> for types::Request {
    fn from(r: &AuthRequest) -> Self {
        Self {
            username: r.username.clone(),
            bouquets: r.bouquets.clone(),
            action: r.action.clone(),
            channel: r.channel,
            ip: r.ip.clone(),
            user_agent: r.user_agent.clone(),
            device: r.device.clone(),
            attrs: r.attrs.clone(),
        }
    }
}
