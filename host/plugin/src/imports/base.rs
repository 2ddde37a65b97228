//! `mast:base`: log, config, secrets, kv, clock and chance.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::bindings::base::mast::base::types::PluginError;
use crate::bindings::base::mast::base::{clock, config, kv, log, random, secrets, types};
use crate::imports::plugin_error;
use crate::state::State;

const KEY_MAX: usize = 512;
const KEYS_MAX: u32 = 1_000;
const RANDOM_MAX: u32 = 1_024;

impl types::Host for State {}

impl log::Host for State {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        self.log.write(&self.instance, level, &message);
        Ok(())
    }
}

impl config::Host for State {
    fn document(&mut self) -> wasmtime::Result<String> {
        Ok(self.instance.config.clone())
    }
}

impl secrets::Host for State {
    fn get(&mut self, name: String) -> wasmtime::Result<Result<String, PluginError>> {
        Ok(self.instance.grants.secrets.get(&name).map(|secret| secret.expose().to_owned()).ok_or_else(|| {
            let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
            let file = &self.instance.id;
            plugin_error(
                "not-granted",
                format!("secret \"{name}\" is not granted; add it to secrets of [grant] in {file}.toml"),
            )
        }))
    }
}

impl State {
    fn kv_quota(&self, key: &str) -> Result<u64, PluginError> {
        let quota = self.instance.grants.kv.ok_or_else(|| {
            let file = &self.instance.id;
            plugin_error("not-granted", format!("storage is not granted; add kv = \"1MiB\" to [grant] in {file}.toml"))
        })?;
        if key.len() > KEY_MAX {
            return Err(plugin_error("limit", format!("a key of {} bytes; at most {KEY_MAX} are allowed", key.len())));
        }
        Ok(quota.0)
    }
}

impl kv::Host for State {
    fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, PluginError>> {
        let get = || {
            self.kv_quota(&key)?;
            Ok(self.instance.services.kv.get(&self.instance.id, &key)?)
        };
        Ok(get())
    }

    fn set(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<Result<(), PluginError>> {
        let set = || {
            let quota = self.kv_quota(&key)?;
            Ok(self.instance.services.kv.set(&self.instance.id, &key, &value, quota)?)
        };
        Ok(set())
    }

    fn delete(&mut self, key: String) -> wasmtime::Result<Result<(), PluginError>> {
        let delete = || {
            self.kv_quota(&key)?;
            Ok(self.instance.services.kv.delete(&self.instance.id, &key)?)
        };
        Ok(delete())
    }

    fn list_keys(
        &mut self,
        prefix: String,
        after: Option<String>,
        max: u32,
    ) -> wasmtime::Result<Result<Vec<String>, PluginError>> {
        let list = || {
            self.kv_quota(&prefix)?;
            let max = max.min(KEYS_MAX) as usize;
            Ok(self.instance.services.kv.list_keys(&self.instance.id, &prefix, after.as_deref(), max)?)
        };
        Ok(list())
    }
}

impl clock::Host for State {
    fn now(&mut self) -> wasmtime::Result<u64> {
        // A clock before 1970 reads as 1970.
        Ok(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
    }

    fn monotonic_ms(&mut self) -> wasmtime::Result<u64> {
        Ok(u64::try_from(self.instance.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}

impl random::Host for State {
    fn bytes(&mut self, count: u32) -> wasmtime::Result<Vec<u8>> {
        let mut bytes = vec![0; count.min(RANDOM_MAX) as usize];
        getrandom::fill(&mut bytes).map_err(|error| wasmtime::Error::msg(format!("no random bytes: {error}")))?;
        Ok(bytes)
    }
}
