//! Key-value storage for plugins.

use std::sync::Arc;

use mast_model::InstanceId;
use mast_plugin::services::{Kv, ServiceError};
use mast_store::{PluginKv, StoreError};

/// The store's key-value file.
pub(super) struct KvService(pub(super) Arc<dyn PluginKv>);

impl Kv for KvService {
    fn get(&self, instance: &InstanceId, key: &str) -> Result<Option<Vec<u8>>, ServiceError> {
        self.0.get(instance, key).map_err(service_error)
    }

    fn set(&self, instance: &InstanceId, key: &str, value: &[u8], quota: u64) -> Result<(), ServiceError> {
        self.0.set(instance, key, value, quota).map_err(service_error)
    }

    fn delete(&self, instance: &InstanceId, key: &str) -> Result<(), ServiceError> {
        self.0.delete(instance, key).map_err(service_error)
    }

    fn list_keys(
        &self,
        instance: &InstanceId,
        prefix: &str,
        after: Option<&str>,
        max: usize,
    ) -> Result<Vec<String>, ServiceError> {
        self.0.list_keys(instance, prefix, after, max).map_err(service_error)
    }
}

fn service_error(error: StoreError) -> ServiceError {
    let code = match error {
        StoreError::QuotaExceeded { .. } => "limit",
        _ => "internal",
    };
    ServiceError { code, message: error.to_string() }
}

/// No storage.
pub(super) struct NoKv;

fn nothing<T>() -> Result<T, ServiceError> {
    let message = "there is no storage while a configuration is checked".to_owned();
    Err(ServiceError { code: "unavailable", message })
}

impl Kv for NoKv {
    fn get(&self, _instance: &InstanceId, _key: &str) -> Result<Option<Vec<u8>>, ServiceError> {
        nothing()
    }

    fn set(&self, _instance: &InstanceId, _key: &str, _value: &[u8], _quota: u64) -> Result<(), ServiceError> {
        nothing()
    }

    fn delete(&self, _instance: &InstanceId, _key: &str) -> Result<(), ServiceError> {
        nothing()
    }

    fn list_keys(
        &self,
        _instance: &InstanceId,
        _prefix: &str,
        _after: Option<&str>,
        _max: usize,
    ) -> Result<Vec<String>, ServiceError> {
        nothing()
    }
}
