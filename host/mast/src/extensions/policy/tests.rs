use std::collections::VecDeque;
use std::sync::Mutex;

use mast_plugin::CallFailure;

use super::*;

type Answer = Result<Decision, ()>;

/// Answers from a list; the last answer stays. Remembers what it was asked.
struct FakePolicy {
    fields: Vec<KeyField>,
    answers: Mutex<VecDeque<Answer>>,
    asked: Mutex<Vec<AuthRequest>>,
}

impl FakePolicy {
    fn new(fields: &[KeyField], answers: impl IntoIterator<Item = Answer>) -> Arc<Self> {
        let answers = Mutex::new(answers.into_iter().collect());
        Arc::new(Self { fields: fields.to_vec(), answers, asked: Mutex::default() })
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl PolicyCalls for FakePolicy {
    fn key_fields(&self) -> &[KeyField] {
        &self.fields
    }

    fn decide(&self, request: &AuthRequest) -> Result<Decision, CallError> {
        self.asked.lock().unwrap().push(request.clone());
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        answer.unwrap().map_err(|()| CallError {
            instance: instance("p"),
            plugin: "fake".into(),
            version: "0.1.0".into(),
            function: "policy.decide",
            failure: CallFailure::Trap("on purpose".into()),
        })
    }
}

fn instance(name: &str) -> InstanceId {
    InstanceId::new(name).unwrap()
}

fn allow(max_connections: Option<u32>, expires: Option<u64>, cache_seconds: u32) -> Decision {
    Decision::Allow { max_connections, expires, cache_seconds, attrs: Vec::new() }
}

fn deny(cache_seconds: u32) -> Decision {
    Decision::Deny { code: "network".into(), message: "not here".into(), cache_seconds }
}

fn request(username: &str, ip: &str) -> AuthRequest {
    AuthRequest { username: username.into(), ip: ip.into(), user_agent: "x".into(), ..AuthRequest::default() }
}

fn policy(fake: &Arc<FakePolicy>, on_error: OnError) -> Policy {
    Policy::new(instance("p"), Arc::clone(fake) as Arc<dyn PolicyCalls>, on_error)
}

fn denied(verdict: &Verdict) -> Option<&str> {
    match verdict {
        Verdict::Allow { .. } => None,
        Verdict::Deny { code, .. } => Some(code),
    }
}

#[test]
fn without_policies_everything_is_allowed() {
    let nothing: [&Policy; 0] = [];
    assert_eq!(authorize(nothing, &request("u", "1")), Verdict::Allow { max_connections: None, expires: None });
}

#[test]
fn policies_narrow_each_other_and_the_first_denial_counts() {
    let far = 4_000_000_000;
    let one = policy(&FakePolicy::new(&[], [Ok(allow(Some(3), None, 0))]), OnError::Deny);
    let two = policy(&FakePolicy::new(&[], [Ok(allow(Some(2), Some(far), 0))]), OnError::Deny);
    let three = policy(&FakePolicy::new(&[], [Ok(allow(None, Some(far + 1), 0))]), OnError::Deny);
    let all = [&one, &two, &three];
    assert_eq!(authorize(all, &request("u", "1")), Verdict::Allow { max_connections: Some(2), expires: Some(far) });

    let unasked = FakePolicy::new(&[], [Ok(allow(None, None, 0))]);
    let (no, last) = (policy(&FakePolicy::new(&[], [Ok(deny(0))]), OnError::Deny), policy(&unasked, OnError::Deny));
    let verdict = authorize([&one, &no, &last], &request("u", "1"));
    assert_eq!(verdict, Verdict::Deny { instance: instance("p"), code: "network".into(), message: "not here".into() });
    assert_eq!(unasked.asked(), 0);
}

#[test]
fn decisions_are_reused_under_exactly_the_key_fields() {
    let fake = FakePolicy::new(&[KeyField::Ip], [Ok(allow(None, None, 60))]);
    let policy = policy(&fake, OnError::Deny);
    for (username, ip) in [("a", "1"), ("b", "1"), ("a", "2"), ("c", "2"), ("a", "1")] {
        assert_eq!(denied(&authorize([&policy], &request(username, ip))), None);
    }
    let asked = fake.asked.lock().unwrap();
    let blanked = |ip: &str| AuthRequest { ip: ip.into(), ..AuthRequest::default() };
    assert_eq!(*asked, [blanked("1"), blanked("2")]);
}

#[test]
fn what_may_not_be_reused_is_asked_again() {
    let now = u64::try_from(Timestamp::now().as_second()).unwrap();
    for decision in [allow(None, None, 0), deny(0), allow(None, Some(now - 1), 60)] {
        let fake = FakePolicy::new(&[KeyField::Ip], [Ok(decision.clone())]);
        let policy = policy(&fake, OnError::Deny);
        for _ in 0..2 {
            authorize([&policy], &request("a", "1"));
        }
        let reused = matches!(decision, Decision::Allow { expires: Some(_), .. });
        assert_eq!(fake.asked(), if reused { 1 } else { 2 }, "{decision:?}");
    }
}

#[test]
fn what_was_allowed_until_a_past_moment_is_denied() {
    let fake = FakePolicy::new(&[], [Ok(allow(None, Some(1), 0))]);
    assert_eq!(denied(&authorize([&policy(&fake, OnError::Deny)], &request("a", "1"))), Some("ended"));
}

#[test]
fn a_failure_means_what_the_operator_said() {
    let verdicts = |on_error, first: Answer| {
        let fake = FakePolicy::new(&[KeyField::Ip], [first, Err(())]);
        let policy = policy(&fake, on_error);
        let ask = |ip| denied(&authorize([&policy], &request("a", ip))).map(str::to_owned);
        [ask("1"), ask("1"), ask("2")]
    };
    let failed = Some("policy-failed".to_owned());
    let network = Some("network".to_owned());
    assert_eq!(verdicts(OnError::Deny, Ok(allow(None, None, 0))), [None, failed.clone(), failed.clone()]);
    assert_eq!(verdicts(OnError::Skip, Ok(deny(0))), [network.clone(), None, None]);
    assert_eq!(verdicts(OnError::AllowStale, Ok(allow(None, None, 0))), [None, None, failed.clone()]);
    assert_eq!(verdicts(OnError::AllowStale, Ok(deny(0))), [network.clone(), network, failed]);
}

#[test]
fn a_policy_that_could_not_be_loaded_denies() {
    for (on_error, expected) in
        [(OnError::Deny, Some("policy-failed")), (OnError::AllowStale, Some("policy-failed")), (OnError::Skip, None)]
    {
        let verdict = authorize([&Policy::broken(instance("p"), on_error)], &request("a", "1"));
        assert_eq!(denied(&verdict), expected, "{on_error:?}");
    }
}

#[test]
fn a_failing_policy_is_left_alone() {
    let fake = FakePolicy::new(&[], [Err(())]);
    let policy = policy(&fake, OnError::Deny);
    for _ in 0..100 {
        assert_eq!(denied(&authorize([&policy], &request("a", "1"))), Some("policy-failed"));
    }
    assert!(fake.asked() < 100, "asked {} times", fake.asked());
}
