//! What tables change: PID classes, the elementary stream that is cut at, and when a segment must end for it.

use super::super::Event;
use super::super::pids::Class;
use super::{Break, Cutter};
use crate::ts::clock::ClockReference;
use crate::ts::packet::Packet;
use crate::ts::psi::Kind;
use crate::ts::tables::TableEvent;

impl Cutter {
    pub(super) fn table(&mut self, packet: Packet<'_>, events: &mut Vec<Event>) {
        let mut news = std::mem::take(&mut self.table_events);
        self.tables.push(packet, &mut news);
        for event in news.drain(..) {
            let keeping = self.open.is_some() || self.unit.is_some();
            match (event, self.tables.program()) {
                (TableEvent::PatSeen, Some(program)) if keeping => self.output.pat(program),
                (TableEvent::PmtSeen, Some(program)) if keeping => self.output.map(program),
                (TableEvent::Changed, Some(_)) => self.streams_changed(events),
                (TableEvent::Gone, _) => {
                    self.stop(events);
                    self.map = None;
                    self.reference = None;
                    self.pids.forget();
                }
                _ => {}
            }
            if self.tables.program().is_none() {
                self.tables.map_pids().for_each(|pid| self.pids.set(pid, Class::Table));
            }
        }
        self.table_events = news;
    }

    fn streams_changed(&mut self, events: &mut Vec<Event>) {
        let Some(program) = self.tables.program() else { return };
        let map = program.map().clone();
        let reference = map.video().or(map.audio()).copied();
        self.pids.assign(program, reference.map(|reference| reference.pid));
        if self.map.as_ref() == Some(&map) {
            return;
        }
        self.pcr_pid = map.pcr_pid;
        self.pcr = ClockReference::default();
        let same = self.reference == reference;
        if same {
            self.pending.get_or_insert(Break::Streams);
        } else {
            self.stop(events);
            self.reference = reference;
        }
        let same_video = same && matches!(reference.map(|reference| reference.kind), Some(Kind::Video(_)));
        self.codecs.map(&map, same_video);
        self.map = Some(map);
    }
}
