//! Devices that stay in touch, such as set-top boxes: what operators want them to show or do, until they have got it.
//!
//! Not here: which device belongs to which line (the accounts), who is an operator, and how a device is spoken to (outputs).
//!
//! Invariants: memory holds what the store holds, so that asking for the next event never reads the store; a device gets an event
//! until it confirms it, and never after that, also over a restart; at most a hundred events wait for a line, each for a week.

mod event;
mod seen;
#[cfg(test)]
mod tests;
mod waiting;

pub use event::{DeviceCode, DeviceEvent, InvalidEvent, NewEvent};

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use jiff::Timestamp;
use mast_model::{Classified, ErrorClass, LineId, Side};
use mast_store::{Actor, Change, Kind, StateStore, StoreError, Transaction};

use crate::accounts::normal_mac;
use seen::Seen;
use waiting::{Held, Waiting};

/// Events that wait for a line.
const MOST_WAITING: usize = 100;
/// Lines that are told something at once.
const MOST_LINES: usize = 100_000;

/// What waits for devices. Cheap to clone.
#[derive(Clone)]
pub struct Devices {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn StateStore>,
    waiting: RwLock<Waiting>,
    seen: Mutex<Seen>,
    /// Lines of which memory knows of confirmations that the store does not have.
    unwritten: Mutex<BTreeSet<LineId>>,
    /// Held over store and memory, so that both change in one order. Confirmations come into memory first.
    writing: Mutex<()>,
}

/// An event as operators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingEvent {
    /// The event.
    pub event: Arc<DeviceEvent>,
    /// Devices that have got it; others of the line have not.
    pub confirmed: Vec<String>,
}

/// What became of an event for many lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The event.
    pub event: Arc<DeviceEvent>,
    /// Lines that it waits for.
    pub lines: usize,
    /// Lines that had no room for it.
    pub full: usize,
}

/// Why an event was not made or not taken back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DevicesError {
    /// What was asked for makes no event.
    #[error(transparent)]
    Invalid(#[from] InvalidEvent),
    /// No room.
    #[error("{MOST_WAITING} events wait for line {0} already; take some back first")]
    Full(LineId),
    /// Too many at once.
    #[error("{0} lines have devices: at most {MOST_LINES} are told something at once")]
    TooManyLines(usize),
    /// It is over, or never was.
    #[error("no event {id} waits for line {line}")]
    NoSuchEvent {
        /// The line.
        line: LineId,
        /// The event.
        id: u64,
    },
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The host could not do the work.
    #[error("nothing was changed: {0}")]
    Interrupted(String),
}

impl Classified for DevicesError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Invalid(_) => ErrorClass::Invalid,
            Self::Full(_) | Self::TooManyLines(_) => ErrorClass::Conflict,
            Self::NoSuchEvent { .. } => ErrorClass::NotFound,
            Self::Store(error) => error.class(),
            Self::Interrupted(_) => ErrorClass::Internal,
        }
    }

    fn side(&self) -> Side {
        Side::Host
    }
}

impl Devices {
    /// What waits is in memory from here on. Blocks.
    pub fn open(store: Arc<dyn StateStore>) -> Result<Self, StoreError> {
        let inner = Inner {
            waiting: RwLock::new(Waiting::load(&*store)?),
            store,
            seen: Mutex::default(),
            unwritten: Mutex::default(),
            writing: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The oldest event that this device (a MAC address, any notation) of the line has not confirmed; it is noted as seen now. Memory
    /// only. None where it is no address.
    pub fn next_event(&self, line: LineId, device: &str) -> Option<Arc<DeviceEvent>> {
        let (device, now) = (normal_mac(device)?, Timestamp::now());
        self.inner.seen().note(line, &device, now);
        self.inner.waiting().next(line, &device, now)
    }

    /// The device has got the event, which does not come again. An event that is not there is no error. Blocks until the store has it;
    /// those that come at once are written at once.
    pub fn confirm(&self, line: LineId, device: &str, id: u64) {
        let Some(device) = normal_mac(device) else { return };
        if self.inner.waiting_mut().confirm(line, &device, id) {
            self.inner.unwritten().insert(line);
            self.inner.write_confirmed();
        }
    }

    /// What waits for a line, oldest first.
    pub fn list(&self, line: LineId) -> Vec<WaitingEvent> {
        let held = self.inner.waiting().of(line, Timestamp::now());
        held.into_iter().map(|Held { event, confirmed }| WaitingEvent { event, confirmed }).collect()
    }

    /// Devices of a line that were heard of since the host was started, with when that was last.
    pub fn seen(&self, line: LineId) -> Vec<(String, Timestamp)> {
        self.inner.seen().of(line)
    }

    /// Has something told to the devices of a line, or to one of them.
    pub async fn push(&self, line: LineId, new: NewEvent, change: Change) -> Result<Arc<DeviceEvent>, DevicesError> {
        self.blocking(move |inner| inner.push(line, new, &change)).await
    }

    /// Has something told to the devices of many lines: one entry in the audit log for all.
    pub async fn push_all(&self, lines: Vec<LineId>, new: NewEvent, change: Change) -> Result<Told, DevicesError> {
        self.blocking(move |inner| inner.push_all(lines, new, &change)).await
    }

    /// Takes an event of a line back, from devices that have not got it.
    pub async fn cancel(&self, line: LineId, id: u64, change: Change) -> Result<(), DevicesError> {
        self.blocking(move |inner| inner.cancel(line, id, &change)).await
    }

    /// Nothing waits any more for a line that is gone, and nothing is known of its devices.
    pub async fn forget(&self, line: LineId) -> Result<(), DevicesError> {
        self.blocking(move |inner| inner.forget(line)).await
    }

    /// Throws out what has waited too long. Without it, that is given to nobody either.
    pub async fn sweep(&self) -> Result<(), DevicesError> {
        self.blocking(|inner| inner.sweep(Timestamp::now())).await
    }

    /// Runs to the end even where the caller goes away, so that memory follows the store.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, DevicesError> + Send + 'static,
    ) -> Result<T, DevicesError> {
        let inner = Arc::clone(&self.inner);
        let done = tokio::task::spawn_blocking(move || work(&inner)).await;
        done.unwrap_or_else(|error| Err(DevicesError::Interrupted(error.to_string())))
    }
}

impl Inner {
    fn push(&self, line: LineId, new: NewEvent, change: &Change) -> Result<Arc<DeviceEvent>, DevicesError> {
        let now = Timestamp::now();
        let event = new.check(now)?;
        let _order = self.order();
        let mut events = self.waiting().of(line, now);
        if events.len() >= MOST_WAITING {
            return Err(DevicesError::Full(line));
        }
        let event = change.commit(&*self.store, "keep an event for devices", |transaction| {
            let event = numbered(transaction, event)?;
            events.push(Held::new(Arc::clone(&event)));
            waiting::write(transaction, line, events)?;
            transaction.audit(&change.actor, "line.notify", format!("line/{line}"), (None, Some(&*event)))?;
            Ok::<_, StoreError>(event)
        })?;
        self.waiting_mut().add(line, Arc::clone(&event));
        Ok(event)
    }

    fn push_all(&self, lines: Vec<LineId>, new: NewEvent, change: &Change) -> Result<Told, DevicesError> {
        let now = Timestamp::now();
        let event = new.check(now)?;
        if lines.len() > MOST_LINES {
            return Err(DevicesError::TooManyLines(lines.len()));
        }
        let _order = self.order();
        let (lines, full): (Vec<LineId>, Vec<LineId>) = {
            let waiting = self.waiting();
            lines.into_iter().partition(|line| waiting.count(*line, now) < MOST_WAITING)
        };
        let event = change.commit(&*self.store, "keep an event for devices", |transaction| {
            let event = numbered(transaction, event)?;
            for line in &lines {
                let mut events = self.waiting().of(*line, now);
                events.push(Held::new(Arc::clone(&event)));
                waiting::write(transaction, *line, events)?;
            }
            transaction.audit(&change.actor, "line.notify_all", "lines".to_owned(), (None, Some(&*event)))?;
            Ok::<_, StoreError>(event)
        })?;
        let mut waiting = self.waiting_mut();
        lines.iter().for_each(|line| waiting.add(*line, Arc::clone(&event)));
        Ok(Told { event, lines: lines.len(), full: full.len() })
    }

    fn cancel(&self, line: LineId, id: u64, change: &Change) -> Result<(), DevicesError> {
        let _order = self.order();
        let mut events = self.waiting().of(line, Timestamp::now());
        let place = events.iter().position(|held| held.event.id == id);
        let gone = events.remove(place.ok_or(DevicesError::NoSuchEvent { line, id })?);
        change.commit(&*self.store, "take an event back", |transaction| {
            waiting::write(transaction, line, events)?;
            let subject = format!("line/{line}");
            transaction.audit(&change.actor, "line.notify_cancel", subject, (Some(&*gone.event), None))?;
            Ok::<_, StoreError>(())
        })?;
        self.waiting_mut().remove(line, id);
        Ok(())
    }

    fn forget(&self, line: LineId) -> Result<(), DevicesError> {
        let _order = self.order();
        self.commit("forget events for devices", |transaction| waiting::write(transaction, line, Vec::new()))?;
        self.waiting_mut().forget(line);
        self.seen().forget(line);
        Ok(())
    }

    fn sweep(&self, now: Timestamp) -> Result<(), DevicesError> {
        let _order = self.order();
        let stale = self.waiting().stale(now);
        if stale.is_empty() {
            return Ok(());
        }
        self.commit("sweep out old events", |transaction| {
            stale.iter().try_for_each(|line| waiting::write(transaction, *line, self.waiting().of(*line, now)))
        })?;
        self.waiting_mut().sweep(now);
        Ok(())
    }

    /// Whoever comes first writes for all who wait here.
    fn write_confirmed(&self) {
        let _order = self.order();
        let lines = std::mem::take(&mut *self.unwritten());
        if lines.is_empty() {
            return;
        }
        let now = Timestamp::now();
        let written = self.commit("note what devices have got", |transaction| {
            lines.iter().try_for_each(|line| waiting::write(transaction, *line, self.waiting().of(*line, now)))
        });
        if let Err(error) = written {
            // Until then they would come again after a restart, and only after one.
            tracing::warn!(%error, "what devices have got is not in the store yet");
            self.unwritten().extend(lines);
        }
    }

    /// What nobody asked for has no entry in the audit log.
    fn commit(
        &self,
        doing: &'static str,
        work: impl FnOnce(&mut dyn Transaction) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        Change::by(Actor::machine("devices")).commit(&*self.store, doing, work)
    }

    // Nothing panics between two steps of a change: what is poisoned is whole.

    fn order(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> RwLockReadGuard<'_, Waiting> {
        self.waiting.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting_mut(&self) -> RwLockWriteGuard<'_, Waiting> {
        self.waiting.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unwritten(&self) -> MutexGuard<'_, BTreeSet<LineId>> {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn numbered(transaction: &mut dyn Transaction, event: DeviceEvent) -> Result<Arc<DeviceEvent>, StoreError> {
    Ok(Arc::new(DeviceEvent { id: transaction.next_id(Kind::DeviceEvents)?, ..event }))
}
