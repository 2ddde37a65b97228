//! Asking policies: all in order of instance name, the first denial is the answer. Decisions are reused under exactly the fields
//! that a policy says it decides by; a policy that fails is asked less and less often.
//!
//! Invariant: whatever goes wrong denies, unless the operator's `on_error` says otherwise; that holds for a policy whose file is
//! there but could not be loaded, too.

mod breaker;
mod gate;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use mast_model::InstanceId;
use mast_plugin::records::{AuthRequest, Decision, KeyField};
use mast_plugin::{CallError, Standing};
use quick_cache::sync::Cache;

use super::Verdict;
use super::config::OnError;
use breaker::Breaker;
use gate::Gate;

/// Decisions kept of one policy; the least used go.
const CACHED: usize = 16_384;

/// The contract's upper bound of `cache-seconds`.
const LONGEST_CACHE: Duration = Duration::from_secs(3_600);

/// What the viewer reads when a policy gave no answer.
const NO_ANSWER: &str = "watching is not possible right now, try again later";

/// What is asked of a loaded policy.
pub(super) trait PolicyCalls: Send + Sync + 'static {
    /// See [`mast_plugin::Policy::key_fields`].
    fn key_fields(&self) -> &[KeyField];
    /// See [`mast_plugin::Policy::decide`].
    fn decide(&self, request: &AuthRequest) -> Result<Decision, CallError>;
    /// How the plugin is doing; none where it is no plugin.
    fn standing(&self) -> Option<Standing> {
        None
    }
}

impl PolicyCalls for mast_plugin::Policy {
    fn key_fields(&self) -> &[KeyField] {
        self.key_fields()
    }

    fn decide(&self, request: &AuthRequest) -> Result<Decision, CallError> {
        self.decide(request)
    }

    fn standing(&self) -> Option<Standing> {
        Some(self.standing())
    }
}

/// One policy with what it decided so far. Made anew when its instance is reloaded.
pub(super) struct Policy {
    instance: InstanceId,
    /// None: its file is there, but it could not be loaded.
    calls: Option<Arc<dyn PolicyCalls>>,
    on_error: OnError,
    decided: Cache<AuthRequest, Decided>,
    breaker: Breaker,
    failures: Gate,
}

#[derive(Clone)]
struct Decided {
    decision: Decision,
    until: Instant,
}

/// Asks every policy; the host's own numbers are narrowed by the smallest answer.
pub(super) fn authorize<'a>(policies: impl IntoIterator<Item = &'a Policy>, request: &AuthRequest) -> Verdict {
    let mut allowed = (None, None);
    for policy in policies {
        match policy.ask(request) {
            Some(Decision::Allow { max_connections, expires, .. }) => {
                allowed = (smallest(allowed.0, max_connections), smallest(allowed.1, expires));
            }
            Some(Decision::Deny { code, message, .. }) => {
                return Verdict::Deny { instance: policy.instance.clone(), code, message };
            }
            None => {}
        }
    }
    Verdict::Allow { max_connections: allowed.0, expires: allowed.1 }
}

fn smallest<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

impl Policy {
    pub(super) fn new(instance: InstanceId, calls: Arc<dyn PolicyCalls>, on_error: OnError) -> Self {
        Self::with(instance, Some(calls), on_error)
    }

    /// The policy of an instance that could not be loaded: each question is an error.
    pub(super) fn broken(instance: InstanceId, on_error: OnError) -> Self {
        Self::with(instance, None, on_error)
    }

    fn with(instance: InstanceId, calls: Option<Arc<dyn PolicyCalls>>, on_error: OnError) -> Self {
        let (breaker, failures) = (Breaker::default(), Gate::default());
        Self { instance, calls, on_error, decided: Cache::new(CACHED), breaker, failures }
    }

    /// None where the policy is to be passed over.
    fn ask(&self, request: &AuthRequest) -> Option<Decision> {
        let Some(calls) = &self.calls else { return self.without_answer(None) };
        let key = request.keep(calls.key_fields());
        let now = Instant::now();
        let known = self.decided.get(&key);
        if let Some(known) = known.as_ref().filter(|known| now < known.until && !ended(&known.decision)) {
            return Some(known.decision.clone());
        }
        if !self.breaker.may_call(now) {
            return self.without_answer(known);
        }
        match calls.decide(&key) {
            Ok(decision) => {
                self.breaker.succeeded();
                Some(self.remember(key, decision, now))
            }
            Err(error) => {
                let pause = self.breaker.failed(Instant::now());
                if let Some(unseen) = self.failures.pass(now) {
                    let pause = pause.unwrap_or_default();
                    tracing::error!(instance = %self.instance, unseen, ?pause, %error, "a policy failed");
                }
                self.without_answer(known)
            }
        }
    }

    fn remember(&self, key: AuthRequest, decision: Decision, now: Instant) -> Decision {
        let seconds = match &decision {
            Decision::Allow { cache_seconds, .. } | Decision::Deny { cache_seconds, .. } => u64::from(*cache_seconds),
        };
        // One that ended before it was given would be asked for again and again.
        let decision = if ended(&decision) {
            let (code, message) = ("ended".to_owned(), "this line may not watch now".to_owned());
            Decision::Deny { code, message, cache_seconds: 0 }
        } else {
            decision
        };
        if seconds > 0 || self.on_error == OnError::AllowStale {
            let until = now + Duration::from_secs(seconds).min(LONGEST_CACHE);
            self.decided.insert(key, Decided { decision: decision.clone(), until });
        }
        decision
    }

    fn without_answer(&self, known: Option<Decided>) -> Option<Decision> {
        let denied =
            || Decision::Deny { code: "policy-failed".to_owned(), message: NO_ANSWER.to_owned(), cache_seconds: 0 };
        match self.on_error {
            OnError::Skip => None,
            OnError::Deny => Some(denied()),
            OnError::AllowStale => Some(known.map_or_else(denied, |known| known.decision)),
        }
    }
}

/// Whether what was allowed is over.
fn ended(decision: &Decision) -> bool {
    let now = u64::try_from(Timestamp::now().as_second()).unwrap_or_default();
    matches!(decision, Decision::Allow { expires: Some(end), .. } if *end <= now)
}

#[cfg(test)]
mod tests;
