//! What waits, by line: in memory as in the store. A line has one document with all of its events.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use mast_model::LineId;
use mast_store::{Document, Kind, StateStore, StoreError, Transaction};
use serde::{Deserialize, Serialize};

use super::DeviceEvent;

/// Devices of which it is remembered that they have got an event: as many as a line has. An event that all of them have got goes.
const MOST_CONFIRMED: usize = 64;

/// An event of a line, and who has got it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    /// Shared by the lines that it is for.
    pub(super) event: Arc<DeviceEvent>,
    /// Where it is for every device of the line: those that have got it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) confirmed: Vec<String>,
}

impl Held {
    pub(super) fn new(event: Arc<DeviceEvent>) -> Self {
        Self { event, confirmed: Vec::new() }
    }

    fn holds(&self, now: Timestamp) -> bool {
        now < self.event.expires
    }

    fn is_for(&self, device: &str) -> bool {
        match &self.event.device {
            Some(own) => own == device,
            None => !self.confirmed.iter().any(|known| known == device),
        }
    }
}

/// As it is kept.
#[derive(Serialize, Deserialize)]
pub(super) struct Row {
    line: LineId,
    events: Vec<Held>,
}

impl Document for Row {
    const KIND: Kind = Kind::DeviceEvents;

    fn key(&self) -> Vec<u8> {
        self.line.0.to_be_bytes().to_vec()
    }
}

/// Writes what a line has; nothing where it has nothing.
pub(super) fn write(transaction: &mut dyn Transaction, line: LineId, events: Vec<Held>) -> Result<(), StoreError> {
    let row = Row { line, events };
    if row.events.is_empty() {
        transaction.remove_row(Row::KIND, &row.key()).map(|_| ())
    } else {
        transaction.put(&row)
    }
}

/// Everything that waits. What is over stays until it is swept out, and is given to nobody.
#[derive(Default)]
pub(super) struct Waiting(HashMap<LineId, Vec<Held>>);

impl Waiting {
    pub(super) fn load(store: &dyn StateStore) -> Result<Self, StoreError> {
        let mut known: HashMap<u64, Arc<DeviceEvent>> = HashMap::new();
        let mut all = HashMap::new();
        for Row { line, mut events } in store.all::<Row>()? {
            for held in &mut events {
                held.event = Arc::clone(known.entry(held.event.id).or_insert_with(|| Arc::clone(&held.event)));
            }
            all.insert(line, events);
        }
        Ok(Self(all))
    }

    /// What holds of a line, oldest first.
    pub(super) fn of(&self, line: LineId, now: Timestamp) -> Vec<Held> {
        let events = self.0.get(&line).into_iter().flatten();
        events.filter(|held| held.holds(now)).cloned().collect()
    }

    /// How many of them there are.
    pub(super) fn count(&self, line: LineId, now: Timestamp) -> usize {
        self.0.get(&line).into_iter().flatten().filter(|held| held.holds(now)).count()
    }

    /// The oldest that this device has not got.
    pub(super) fn next(&self, line: LineId, device: &str, now: Timestamp) -> Option<Arc<DeviceEvent>> {
        let found = self.0.get(&line)?.iter().find(|held| held.holds(now) && held.is_for(device))?;
        Some(Arc::clone(&found.event))
    }

    /// A device has got an event; whether that is news.
    pub(super) fn confirm(&mut self, line: LineId, device: &str, id: u64) -> bool {
        let Some(events) = self.0.get_mut(&line) else { return false };
        let Some(place) = events.iter().position(|held| held.event.id == id && held.is_for(device)) else {
            return false;
        };
        let held = &mut events[place];
        held.confirmed.push(device.to_owned());
        if held.event.device.is_some() || held.confirmed.len() == MOST_CONFIRMED {
            events.remove(place);
        }
        self.drop_empty(line);
        true
    }

    pub(super) fn add(&mut self, line: LineId, event: Arc<DeviceEvent>) {
        self.0.entry(line).or_default().push(Held::new(event));
    }

    pub(super) fn remove(&mut self, line: LineId, id: u64) {
        if let Some(events) = self.0.get_mut(&line) {
            events.retain(|held| held.event.id != id);
        }
        self.drop_empty(line);
    }

    pub(super) fn forget(&mut self, line: LineId) {
        self.0.remove(&line);
    }

    /// Lines with something that is over.
    pub(super) fn stale(&self, now: Timestamp) -> Vec<LineId> {
        let stale = self.0.iter().filter(|(_, events)| events.iter().any(|held| !held.holds(now)));
        stale.map(|(line, _)| *line).collect()
    }

    /// Throws out what is over.
    pub(super) fn sweep(&mut self, now: Timestamp) {
        self.0.retain(|_, events| {
            events.retain(|held| held.holds(now));
            !events.is_empty()
        });
    }

    fn drop_empty(&mut self, line: LineId) {
        if self.0.get(&line).is_some_and(Vec::is_empty) {
            self.0.remove(&line);
        }
    }
}
