//! When the task has to do something by itself, and the one sleep that wakes it.

use std::pin::Pin;

use tokio::time::{Instant, Sleep};

use super::ChannelTask;
use crate::tuner::state::Event;

/// The task's own appointments; watchdogs and looks have theirs.
#[derive(Debug, Default)]
pub(super) struct Timers {
    pub(super) idle: Option<Instant>,
    pub(super) retry: Option<Instant>,
    pub(super) wake: Option<Instant>,
    /// When the first upstream is tried again, while a backup plays.
    pub(super) back: Option<Instant>,
}

/// Rings at the time it was set to, or before. Timers mostly move on with every piece; an alarm that is left where it was and
/// rings once too early costs less than one that is moved each time.
#[derive(Default)]
pub(super) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    pub(super) fn set(&mut self, at: Option<Instant>) {
        match (at, &mut self.0) {
            (None, sleep) => *sleep = None,
            (Some(at), None) => self.0 = Some(Box::pin(tokio::time::sleep_until(at))),
            (Some(at), Some(sleep)) => {
                if at < sleep.deadline() || sleep.is_elapsed() {
                    sleep.as_mut().reset(at);
                }
            }
        }
    }

    /// Safe to cancel.
    pub(super) async fn rings(&mut self) {
        match &mut self.0 {
            Some(sleep) => sleep.as_mut().await,
            None => std::future::pending().await,
        }
    }
}

impl ChannelTask {
    /// The next of all appointments.
    pub(super) fn next_timer(&self) -> Option<Instant> {
        let live = self.live.as_ref().and_then(|live| live.intake.due());
        let trial = self.trial.as_ref().and_then(|trial| trial.intake.due());
        let Timers { idle, retry, wake, back } = self.timers;
        [idle, retry, wake, back, live, trial, self.inspection.due()].into_iter().flatten().min()
    }

    /// Does what is due.
    pub(super) fn timers_elapsed(&mut self) {
        let now = Instant::now();
        let due = |timer: &mut Option<Instant>| timer.take_if(|at| *at <= now).is_some();
        if due(&mut self.timers.wake) {
            self.wake();
        }
        if due(&mut self.timers.back) {
            self.try_first();
        }
        if due(&mut self.timers.idle) {
            self.happened(Event::IdleElapsed);
        }
        if due(&mut self.timers.retry) {
            self.happened(Event::RetryElapsed);
        }
        if self.inspection.due().is_some_and(|at| at <= now) {
            self.look(now);
        }
        if let Some(fault) = self.live.as_ref().and_then(|live| live.intake.check(now)) {
            self.live_failed(&fault.into());
        }
        if let Some(fault) = self.trial.as_ref().and_then(|trial| trial.intake.check(now)) {
            self.trial_failed(&fault.into());
        }
    }
}
