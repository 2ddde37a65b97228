//! Prints what a policy's decision costs: warm, fresh, and how long loading took. Figures for orientation, not a benchmark.
//!
//! `decide COMPONENT.wasm ['{"config": "as JSON"}'] [CACHE_DIR]`

#![allow(clippy::print_stdout, reason = "prints its findings")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use mast_model::{DestinationRules, InstanceId};
use mast_plugin::records::AuthRequest;
use mast_plugin::services::{
    Accounts, BoxFuture, Caller, Found, Http, HttpRequest, HttpResponse, Kv, ServiceError, Services,
};
use mast_plugin::{Grants, Instance, InstanceSpec, Kind, Limits, Policy, Runtime, RuntimeConfig};

const ROUNDS: u32 = 20_000;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().context("name a component of kind auth")?;
    let config = arguments.next().map_or(Ok(serde_json::Value::Null), |text| serde_json::from_str(&text))?;
    let component = std::fs::read(&path).with_context(|| path.clone())?;
    let started = Instant::now();
    let runtime = Runtime::new(RuntimeConfig { cache_dir: arguments.next().map(Into::into) })?;
    println!("runtime started in {:?}", started.elapsed());
    let started = Instant::now();
    let spec = InstanceSpec {
        id: InstanceId::new("bench")?,
        kind: Kind::Auth,
        config,
        grants: Grants::default(),
        limits: Limits::default_for(Kind::Auth),
    };
    let Instance::Policy(policy) = runtime.load(&component, spec, nothing())? else { bail!("not a policy") };
    println!("loaded in {:?}", started.elapsed());
    measure(&policy)
}

fn measure(policy: &Policy) -> Result<()> {
    let request = AuthRequest {
        username: "anna".to_owned(),
        bouquets: vec!["basic".to_owned()],
        action: "play".to_owned(),
        channel: 7,
        ip: "192.0.2.7".to_owned(),
        ..AuthRequest::default()
    }
    .keep(policy.key_fields());
    println!("{:?}", policy.decide(&request)?);
    let warm = rounds(|| policy.decide(&request).map(drop))?;
    let fresh = rounds(|| {
        policy.drop_warm();
        policy.decide(&request).map(drop)
    })?;
    println!("a decision: warm {warm:?}, fresh {fresh:?}");
    Ok(())
}

fn rounds<E: std::error::Error + Send + Sync + 'static>(mut call: impl FnMut() -> Result<(), E>) -> Result<Duration> {
    let started = Instant::now();
    for _ in 0..ROUNDS {
        call()?;
    }
    Ok(started.elapsed() / ROUNDS)
}

fn nothing() -> Services {
    Services { http: Arc::new(Nothing), kv: Arc::new(Nothing), accounts: Arc::new(Nothing) }
}

struct Nothing;

const UNAVAILABLE: ServiceError = ServiceError { code: "unavailable", message: String::new() };

impl Http for Nothing {
    fn fetch<'a>(
        &'a self,
        _: &'a InstanceId,
        _: &'a DestinationRules,
        _: HttpRequest,
    ) -> BoxFuture<'a, Result<HttpResponse, ServiceError>> {
        Box::pin(async { Err(UNAVAILABLE) })
    }
}

impl Kv for Nothing {
    fn get(&self, _: &InstanceId, _: &str) -> Result<Option<Vec<u8>>, ServiceError> {
        Err(UNAVAILABLE)
    }

    fn set(&self, _: &InstanceId, _: &str, _: &[u8], _: u64) -> Result<(), ServiceError> {
        Err(UNAVAILABLE)
    }

    fn delete(&self, _: &InstanceId, _: &str) -> Result<(), ServiceError> {
        Err(UNAVAILABLE)
    }

    fn list_keys(&self, _: &InstanceId, _: &str, _: Option<&str>, _: usize) -> Result<Vec<String>, ServiceError> {
        Err(UNAVAILABLE)
    }
}

impl Accounts for Nothing {
    fn authenticate(&self, _: &Caller, _: &str, _: &str) -> Found {
        Err("credentials")
    }

    fn by_token(&self, _: &Caller, _: &str) -> Found {
        Err("credentials")
    }

    fn by_device(&self, _: &Caller, _: &str) -> Found {
        Err("credentials")
    }
}
