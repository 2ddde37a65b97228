//! Allows and denies by network, per line or bouquet. It knows addresses only: credentials, expiry and connection counts are the
//! host's.
//!
//! Precedence, whatever the order of the rules: a rule for the line that denies the address denies; else, where rules for the line
//! have allow lists, the address must be in one of them; else the line may.

mod rules;

use mast_sdk::auth::{Decision, Policy, Request};
use mast_sdk::{Error, Result};

use rules::Rules;

/// How long the host may reuse a decision: the answer changes only with the settings, which drops it anyway.
const CACHE_SECONDS: u32 = 300;

struct Network {
    rules: Rules,
}

impl Policy for Network {
    fn load() -> Result<Self> {
        Ok(Self { rules: Rules::parse(mast_sdk::config()?).map_err(Error::config)? })
    }

    fn key_fields(&self) -> Vec<String> {
        ["username", "bouquets", "ip"].map(str::to_owned).to_vec()
    }

    fn decide(&self, request: &Request) -> Result<Decision> {
        let address = request.ip.parse().map_err(|_| {
            Error::internal(format!("the host gave {:?} as the viewer's address, which is none", request.ip))
        })?;
        Ok(if self.rules.allow(&request.username, &request.bouquets, address) {
            Decision::allow(CACHE_SECONDS)
        } else {
            Decision::deny("network", "This line cannot be used from this network.", CACHE_SECONDS)
        })
    }
}

mast_sdk::export_plugin!(Network: auth);

#[cfg(test)]
mod tests;
