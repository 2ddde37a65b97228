//! Open connections of each address. A count is a guard that goes with its connection; there are no more entries than connections.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::network;

/// Connections by network.
pub(in super::super) struct Addresses {
    /// 0 for no limit.
    most: u32,
    open: Mutex<HashMap<u64, u32>>,
}

/// One connection of an address.
pub(in super::super) struct AddressSlot {
    addresses: Arc<Addresses>,
    network: u64,
}

impl Addresses {
    pub(in super::super) fn new(most: u32) -> Self {
        Self { most, open: Mutex::default() }
    }

    /// A slot for another connection of the client; none where it has as many as it may.
    pub(in super::super) fn connect(self: &Arc<Self>, client: IpAddr) -> Option<AddressSlot> {
        let network = network(client);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(network).or_default();
        if self.most > 0 && *count >= self.most {
            return None;
        }
        *count += 1;
        Some(AddressSlot { addresses: Arc::clone(self), network })
    }
}

impl Drop for AddressSlot {
    fn drop(&mut self) {
        let mut open = self.addresses.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_come_back() {
        let addresses = Arc::new(Addresses::new(2));
        let connect = |text: &str| addresses.connect(text.parse().expect("an address"));
        let held: Vec<_> = (0..3).filter_map(|_| connect("192.0.2.1")).collect();
        assert_eq!(held.len(), 2);
        assert!(connect("192.0.2.2").is_some(), "another address");
        let other = (connect("2001:db8::1"), connect("2001:db8::2"), connect("2001:db8::3"));
        assert!(other.1.is_some() && other.2.is_none(), "one network");
        drop(held);
        assert!(connect("192.0.2.1").is_some());
        drop(other);
        assert!(addresses.open.lock().expect("whole").is_empty());
    }

    #[test]
    fn no_limit() {
        let addresses = Arc::new(Addresses::new(0));
        let held: Vec<_> = (0..1_000).filter_map(|_| addresses.connect(IpAddr::from([192, 0, 2, 1]))).collect();
        assert_eq!(held.len(), 1_000);
    }
}
