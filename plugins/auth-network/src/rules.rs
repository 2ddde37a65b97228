//! The operator's rules, parsed once per instance.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;

/// `[config]` as written.
#[derive(Debug, Deserialize)]
pub(crate) struct Settings {
    rule: Vec<Written>,
}

#[derive(Debug, Deserialize)]
struct Written {
    #[serde(default)]
    lines: Vec<String>,
    #[serde(default)]
    bouquets: Vec<String>,
    #[serde(default)]
    allow: Vec<String>,
    #[serde(default)]
    deny: Vec<String>,
}

/// Every rule, checked.
#[derive(Debug)]
pub(crate) struct Rules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    lines: Vec<String>,
    bouquets: Vec<String>,
    allow: Vec<IpNet>,
    deny: Vec<IpNet>,
}

impl Rules {
    /// Checks every rule and names every value that is wrong.
    pub(crate) fn parse(settings: Settings) -> Result<Self, String> {
        let mut rules = Vec::with_capacity(settings.rule.len());
        let mut problems = Vec::new();
        for (number, written) in (1..).zip(settings.rule) {
            let mut networks = |key: &str, written: &[String]| -> Vec<IpNet> {
                let parsed = written
                    .iter()
                    .map(|text| network(text).map_err(|why| format!("rule {number}: {key} {text:?}: {why}")));
                parsed.filter_map(|result| result.map_err(|problem| problems.push(problem)).ok()).collect()
            };
            let (allow, deny) = (networks("allow", &written.allow), networks("deny", &written.deny));
            if written.allow.is_empty() && written.deny.is_empty() {
                problems.push(format!("rule {number} has neither allow nor deny; give it one or remove it"));
            }
            rules.push(Rule { lines: written.lines, bouquets: written.bouquets, allow, deny });
        }
        if problems.is_empty() { Ok(Self(rules)) } else { Err(problems.join("; ")) }
    }

    /// Whether a line may be used from an address.
    pub(crate) fn allow(&self, username: &str, bouquets: &[String], address: IpAddr) -> bool {
        let (mut has_allow_list, mut allowed) = (false, false);
        for rule in self.0.iter().filter(|rule| rule.is_for(username, bouquets)) {
            if rule.deny.iter().any(|network| network.contains(&address)) {
                return false;
            }
            has_allow_list |= !rule.allow.is_empty();
            allowed |= rule.allow.iter().any(|network| network.contains(&address));
        }
        allowed || !has_allow_list
    }
}

impl Rule {
    fn is_for(&self, username: &str, bouquets: &[String]) -> bool {
        let everyone = self.lines.is_empty() && self.bouquets.is_empty();
        everyone
            || self.lines.iter().any(|line| line == username)
            || self.bouquets.iter().any(|bouquet| bouquets.contains(bouquet))
    }
}

/// A network, or an address as the network of itself.
fn network(text: &str) -> Result<IpNet, String> {
    let network = match text.parse::<IpNet>() {
        Ok(network) => network,
        Err(_) => text
            .parse::<IpAddr>()
            .map(IpNet::from)
            .map_err(|_| "not an address or a network; write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32".to_owned())?,
    };
    if network.addr() != network.network() {
        let (whole, single) = (network.trunc(), network.addr());
        return Err(format!(
            "has bits set after its prefix; write {whole} for the network or {single} for the address"
        ));
    }
    // The host never hands out IPv4-mapped addresses, so such a rule would silently never match.
    if let IpAddr::V6(address) = network.addr()
        && let Some(mapped) = address.to_ipv4_mapped()
        && network.prefix_len() >= 96
    {
        return Err(format!("write the IPv4 network itself: {mapped}/{}", network.prefix_len() - 96));
    }
    Ok(network)
}
