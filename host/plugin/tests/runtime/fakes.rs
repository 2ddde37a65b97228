//! The host's side, small: what plugins can reach in these tests.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use mast_model::{ByteSize, DestinationRules, InstanceId};
use mast_plugin::records::{Category, Channel, Episode, Movie, Pairs, Series};
use mast_plugin::services::{
    Accounts, BoxFuture, ByteStream, Caller, CatalogSink, Found, Http, HttpRequest, HttpResponse, Kv, ResponseSink,
    ServiceError, Services,
};
use mast_plugin::{
    Epg, Grants, Instance, InstanceSpec, Kind, Limits, LoadError, Output, Policy, Runtime, RuntimeConfig, Source,
};

pub fn runtime() -> Runtime {
    Runtime::new(RuntimeConfig { cache_dir: None }).unwrap()
}

pub fn spec(kind: Kind) -> InstanceSpec {
    InstanceSpec {
        id: InstanceId::new("provider").unwrap(),
        kind,
        config: serde_json::Value::Null,
        grants: Grants::default(),
        limits: Limits {
            memory: ByteSize::mib(4),
            call: Duration::from_secs(60),
            input: ByteSize::mib(1),
            response: ByteSize::mib(1),
        },
    }
}

/// A spec whose calls end soon, for guests that would never return.
pub fn brief(kind: Kind) -> InstanceSpec {
    let mut spec = spec(kind);
    spec.limits.call = Duration::from_millis(50);
    spec
}

pub fn services() -> Services {
    Services { http: Arc::new(FakeHttp::default()), kv: Arc::new(FakeKv::default()), accounts: Arc::new(NoAccounts) }
}

pub fn load(runtime: &Runtime, wasm: &[u8], spec: InstanceSpec) -> Result<Instance, LoadError> {
    runtime.load(wasm, spec, services())
}

pub fn source(loaded: Result<Instance, LoadError>) -> Source {
    let Instance::Source(source) = loaded.unwrap_or_else(|error| panic!("{error}")) else { panic!("not a source") };
    source
}

pub fn policy(loaded: Result<Instance, LoadError>) -> Policy {
    let Instance::Policy(policy) = loaded.unwrap_or_else(|error| panic!("{error}")) else { panic!("not a policy") };
    policy
}

pub fn output(loaded: Result<Instance, LoadError>) -> Output {
    let Instance::Output(output) = loaded.unwrap_or_else(|error| panic!("{error}")) else { panic!("not an output") };
    output
}

pub fn epg(loaded: Result<Instance, LoadError>) -> Epg {
    let Instance::Epg(epg) = loaded.unwrap_or_else(|error| panic!("{error}")) else { panic!("not a guide") };
    epg
}

/// Runs a future to its end.
pub fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Collects a refresh; clones share what they collect.
#[derive(Clone, Default)]
pub struct Collected(pub Arc<Mutex<Lineup>>);

#[derive(Default)]
pub struct Lineup {
    pub categories: Vec<Category>,
    pub channels: Vec<Channel>,
    pub movies: Vec<Movie>,
    pub series: Vec<Series>,
    pub episodes: Vec<Episode>,
    pub warnings: Vec<(String, String)>,
}

impl CatalogSink for Collected {
    fn categories(&mut self, batch: Vec<Category>) -> Result<(), ServiceError> {
        self.0.lock().unwrap().categories.extend(batch);
        Ok(())
    }

    fn channels(&mut self, batch: Vec<Channel>) -> Result<(), ServiceError> {
        self.0.lock().unwrap().channels.extend(batch);
        Ok(())
    }

    fn movies(&mut self, batch: Vec<Movie>) -> Result<(), ServiceError> {
        self.0.lock().unwrap().movies.extend(batch);
        Ok(())
    }

    fn series(&mut self, batch: Vec<Series>) -> Result<(), ServiceError> {
        self.0.lock().unwrap().series.extend(batch);
        Ok(())
    }

    fn episodes(&mut self, batch: Vec<Episode>) -> Result<(), ServiceError> {
        self.0.lock().unwrap().episodes.extend(batch);
        Ok(())
    }

    fn warn(&mut self, item: String, message: String) {
        self.0.lock().unwrap().warnings.push((item, message));
    }
}

/// Answers requests from a script and remembers them.
#[derive(Default)]
pub struct FakeHttp {
    pub answers: Mutex<VecDeque<Answer>>,
    pub requests: Mutex<Vec<HttpRequest>>,
}

pub enum Answer {
    Response {
        status: u16,
        headers: Pairs,
        chunks: Vec<Result<Bytes, ServiceError>>,
    },
    Refused(ServiceError),
    /// Never answers.
    Hangs,
}

impl Http for FakeHttp {
    fn fetch<'a>(
        &'a self,
        _: &'a InstanceId,
        _: &'a DestinationRules,
        request: HttpRequest,
    ) -> BoxFuture<'a, Result<HttpResponse, ServiceError>> {
        let url = request.url.clone();
        self.requests.lock().unwrap().push(request);
        let answer = self.answers.lock().unwrap().pop_front();
        Box::pin(async move {
            match answer {
                Some(Answer::Response { status, headers, chunks }) => {
                    Ok(HttpResponse { status, headers, url, body: Box::new(Chunks(chunks.into())) })
                }
                Some(Answer::Refused(error)) => Err(error),
                Some(Answer::Hangs) => std::future::pending().await,
                None => Err(ServiceError { code: "unavailable", message: "nobody there".to_owned() }),
            }
        })
    }
}

pub struct Chunks(pub VecDeque<Result<Bytes, ServiceError>>);

impl ByteStream for Chunks {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, ServiceError>> {
        let next = self.0.pop_front().transpose();
        Box::pin(async move {
            // Also suspends, as a socket does.
            tokio::task::yield_now().await;
            next
        })
    }
}

#[derive(Default)]
pub struct FakeKv(pub Mutex<BTreeMap<String, Vec<u8>>>);

impl Kv for FakeKv {
    fn get(&self, _: &InstanceId, key: &str) -> Result<Option<Vec<u8>>, ServiceError> {
        Ok(self.0.lock().unwrap().get(key).cloned())
    }

    fn set(&self, _: &InstanceId, key: &str, value: &[u8], _: u64) -> Result<(), ServiceError> {
        self.0.lock().unwrap().insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    fn delete(&self, _: &InstanceId, key: &str) -> Result<(), ServiceError> {
        self.0.lock().unwrap().remove(key);
        Ok(())
    }

    fn list_keys(
        &self,
        _: &InstanceId,
        prefix: &str,
        _: Option<&str>,
        max: usize,
    ) -> Result<Vec<String>, ServiceError> {
        Ok(self.0.lock().unwrap().keys().filter(|key| key.starts_with(prefix)).take(max).cloned().collect())
    }
}

pub struct NoAccounts;

impl Accounts for NoAccounts {
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

/// Collects a response; clones share it.
#[derive(Clone, Default)]
pub struct Received(pub Arc<Mutex<(u16, Pairs, Vec<u8>)>>);

impl ResponseSink for Received {
    fn start(&mut self, status: u16, headers: Pairs) -> Result<(), ServiceError> {
        let mut response = self.0.lock().unwrap();
        (response.0, response.1) = (status, headers);
        Ok(())
    }

    fn write(&mut self, bytes: Bytes) -> Result<(), ServiceError> {
        self.0.lock().unwrap().2.extend(bytes);
        Ok(())
    }
}
