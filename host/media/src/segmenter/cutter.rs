//! The rules of cutting, packet by packet. The table in `segmenter` says what they are.

mod tables;

use std::collections::VecDeque;

use jiff::Timestamp;

use super::codecs::CodecWatch;
use super::output::{Output, TableCounters};
use super::pids::{Class, Continuity, Pids};
use super::{Counters, Cut, End, Event, SegmenterConfig};
use crate::ts::access_unit::{AccessUnit, Scanner};
use crate::ts::clock::{self, ClockReference, SECOND, Timeline};
use crate::ts::packet::{NULL_PID, PACKET, Packet};
use crate::ts::psi::{Elementary, Pmt};
use crate::ts::tables::{TableEvent, Tables};

/// A random access point this much before `min_duration` will do: upstreams round their times.
const ROUNDING: i64 = SECOND / 20;
/// How much longer than `max_duration` a segment may get to end at a random access point.
const GRACE: i64 = SECOND * 9 / 20;
/// Bytes held back while an access unit does not tell whether it is a random access point.
const MAX_HELD: usize = 256 * 1024;
/// Marks that are kept; with more than that, nothing can be cut at the oldest any more.
const MAX_MARKS: usize = 8;

/// The start of an access unit that is being looked at.
#[derive(Debug)]
struct Unit {
    /// Where its first packet lies in the output.
    at: usize,
    arrived: Timestamp,
    /// The output's table counters before it.
    tables: TableCounters,
}

/// The open segment.
#[derive(Debug)]
struct Open {
    /// On the timeline.
    started: i64,
    /// As the access unit says it.
    raw: u64,
    started_at: Timestamp,
    independent: bool,
    discontinuity: bool,
    /// Where its newest access unit lies in the output; 0 for its first one.
    newest: usize,
}

/// An access unit at a jumped time; believed when the next one agrees. Until then it and what follows is held back.
#[derive(Debug, Clone, Copy)]
struct Suspect {
    raw: u64,
    /// Where it lies in the output.
    at: usize,
}

/// Why the next random access point is a discontinuity although times continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Break {
    Clock,
    Streams,
}

#[derive(Debug)]
pub(super) struct Cutter {
    min: i64,
    max: i64,
    max_bytes: usize,
    /// Where to cut, instead of by `min`; for segmenters that follow another.
    marks: Option<VecDeque<u64>>,
    tables: Tables,
    table_events: Vec<TableEvent>,
    pids: Pids,
    /// The map that the PID classes come from.
    map: Option<Pmt>,
    /// The elementary stream that is cut at: the first video stream, else the first audio stream.
    reference: Option<Elementary>,
    pcr_pid: u16,
    pcr: ClockReference,
    scanner: Scanner,
    unit: Option<Unit>,
    /// While `None` and without a `unit`, nothing is kept.
    open: Option<Open>,
    line: Timeline,
    suspect: Option<Suspect>,
    /// Place of the last random access point and the distance from the one before.
    gop: (i64, i64),
    pending: Option<Break>,
    /// The next segment does not continue the one before.
    discontinuity: bool,
    any_segment: bool,
    output: Output,
    codecs: CodecWatch,
    counters: Counters,
}

impl Cutter {
    pub(super) fn new(config: &SegmenterConfig) -> Self {
        Self {
            min: clock::ticks(config.min_duration),
            max: clock::ticks(config.max_duration),
            max_bytes: config.max_bytes,
            marks: config.follows.then(VecDeque::new),
            tables: Tables::only(config.program),
            table_events: Vec::new(),
            pids: Pids::new(),
            map: None,
            reference: None,
            pcr_pid: NULL_PID,
            pcr: ClockReference::default(),
            scanner: Scanner::default(),
            unit: None,
            open: None,
            line: Timeline::new(0),
            suspect: None,
            gop: (0, 0),
            pending: None,
            discontinuity: false,
            any_segment: false,
            output: Output::default(),
            codecs: CodecWatch::default(),
            counters: Counters::default(),
        }
    }

    pub(super) fn set_max_duration(&mut self, max: std::time::Duration) {
        self.max = clock::ticks(max);
    }

    pub(super) fn mark(&mut self, time: u64) {
        if let Some(marks) = &mut self.marks {
            if marks.len() >= MAX_MARKS {
                marks.pop_front();
            }
            marks.push_back(time);
        }
    }

    /// Whether a mark was reached. Marks that are passed are used up.
    fn reached_mark(&mut self, raw: u64) -> Option<bool> {
        let marks = self.marks.as_mut()?;
        let passed = marks.iter().take_while(|mark| clock::distance(**mark, raw) + ROUNDING >= 0).count();
        marks.drain(..passed);
        Some(passed > 0)
    }

    pub(super) fn counters(&self) -> Counters {
        Counters { table_errors: self.tables.broken(), ..self.counters }
    }

    #[inline]
    pub(super) fn packet(&mut self, bytes: &[u8; PACKET], now: Timestamp, events: &mut Vec<Event>) {
        let packet = Packet(bytes);
        let class = self.pids.class(packet.pid());
        self.counters.packets += 1;
        if packet.transport_error() {
            // Even its PID may be wrong; whoever decodes it knows what to do with it.
            self.counters.transport_errors += 1;
            if !matches!(class, Class::Drop | Class::Table) {
                self.keep(bytes);
            }
        } else if class != Class::Drop {
            self.intact_packet(packet, class, now, events);
        }
        self.stay_bounded(events);
    }

    /// Bytes held, for tests.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.output.len()
    }

    /// Hands out what is known to belong to the open segment.
    pub(super) fn flush(&mut self, events: &mut Vec<Event>) {
        if self.open.is_some() {
            self.output.chunk(self.sure(), events);
        }
    }

    /// Up to where the output belongs to the open segment, whatever comes.
    fn sure(&self) -> usize {
        let unit = self.unit.as_ref().map_or(self.output.len(), |unit| unit.at);
        self.suspect.map_or(unit, |suspect| suspect.at)
    }

    pub(super) fn end_of_input(&mut self, end: End, events: &mut Vec<Event>) {
        match (end, &self.unit, &self.open) {
            (End::Whole, Some(_), _) => self.decide(self.scanner.give_up(), events),
            // The access unit before the suspect, or before this one, is whole.
            (End::Severed, _, _) if self.suspect.is_some() => {}
            (End::Severed, Some(_), _) | (End::Whole, None, _) | (End::Severed, None, None) => {}
            (End::Severed, None, Some(Open { newest: 0, .. })) => self.open = None,
            (End::Severed, None, Some(open)) => self.close(open.newest, self.line.newest(), None, events),
        }
        self.stop(events);
        self.pids.forget();
        self.tables.restart();
        self.map = None;
        self.reference = None;
        self.pcr_pid = NULL_PID;
        self.discontinuity = self.any_segment;
    }

    #[inline]
    fn intact_packet(&mut self, packet: Packet<'_>, class: Class, now: Timestamp, events: &mut Vec<Event>) {
        let continuity = self.pids.follow(packet);
        if continuity == Continuity::Broken {
            self.counters.continuity_errors += 1;
        }
        if packet.scrambled() {
            self.counters.scrambled_packets += 1;
        }
        if packet.pid() == self.pcr_pid
            && let Some(pcr) = packet.pcr()
        {
            let jumped = self.pcr.jumped(pcr, packet.discontinuity());
            if jumped && self.open.is_some() {
                self.pending = Some(Break::Clock);
            }
        }
        match class {
            Class::Pass | Class::Drop => self.keep(packet.0),
            Class::Audio => {
                self.keep(packet.0);
                self.sound(packet, events);
            }
            Class::Reference => self.reference(packet, continuity, now, events),
            Class::Table => {
                if continuity == Continuity::Broken {
                    self.tables.lost(packet.pid());
                }
                if continuity != Continuity::Repeated {
                    self.table(packet, events);
                }
            }
        }
    }

    #[inline]
    fn keep(&mut self, packet: &[u8; PACKET]) {
        if self.open.is_some() || self.unit.is_some() {
            self.output.packet(packet);
        }
    }

    /// Looks at the codec where a PES packet of an audio stream starts.
    fn sound(&mut self, packet: Packet<'_>, events: &mut Vec<Event>) {
        if !packet.unit_start() || packet.scrambled() {
            return;
        }
        if self.codecs.audio(packet.pid(), packet.payload()) {
            self.pending.get_or_insert(Break::Streams);
        }
        if self.open.is_some() && self.pending.is_none() {
            self.codecs.announce(events);
        }
    }

    fn reference(&mut self, packet: Packet<'_>, continuity: Continuity, now: Timestamp, events: &mut Vec<Event>) {
        if continuity == Continuity::Repeated {
            return self.keep(packet.0);
        }
        let payload = if packet.scrambled() { &[] } else { packet.payload() };
        let starts = packet.unit_start() && !payload.is_empty();
        if self.unit.is_some() && (starts || continuity == Continuity::Broken) {
            self.decide(self.scanner.give_up(), events);
        }
        if starts {
            self.unit = Some(Unit { at: self.output.len(), arrived: now, tables: self.output.counters });
            self.scanner.start(packet.random_access());
            self.sound(packet, events);
        }
        self.keep(packet.0);
        if self.unit.is_some()
            && !payload.is_empty()
            && let Some(kind) = self.reference.map(|reference| reference.kind)
            && let Some(unit) = self.scanner.feed(kind, payload)
        {
            self.decide(unit, events);
        }
    }

    /// It is known what the access unit is.
    fn decide(&mut self, access_unit: AccessUnit, events: &mut Vec<Event>) {
        let Some(unit) = self.unit.take() else { return };
        let Some(raw) = access_unit.time else {
            return self.drop_unless_open();
        };
        self.counters.access_units += 1;
        let Some(open) = &mut self.open else {
            if access_unit.random_access {
                self.codecs.video(access_unit.video);
                self.restart(unit, raw, events);
            }
            return self.drop_unless_open();
        };
        if clock::is_jump(self.line.distance(raw)) {
            return self.jump(unit, raw, access_unit, events);
        }
        self.suspect = None;
        let (started, whole) = (open.started, open.independent);
        let place = self.line.advance(raw);
        open.newest = unit.at;
        let elapsed = place - started;
        let latest = self.max.saturating_add(GRACE);
        if access_unit.random_access {
            self.gop = (place, place - self.gop.0);
            if self.codecs.video(access_unit.video) || self.pending.is_some() {
                self.counters.clock_jumps += u64::from(self.pending == Some(Break::Clock));
                self.discontinuity = true;
                return self.cut(unit, (place, raw), true, events);
            }
            let next_is_too_late = elapsed + self.gop.1 > latest && elapsed >= self.min / 2;
            let due = match self.reached_mark(raw) {
                Some(reached) => reached,
                None => elapsed + ROUNDING >= self.min || !whole || next_is_too_late,
            };
            if due {
                return self.cut(unit, (place, raw), true, events);
            }
        }
        if elapsed + self.line.interval() > latest || unit.at >= self.max_bytes {
            self.counters.forced_cuts += 1;
            self.cut(unit, (place, raw), access_unit.random_access, events);
        }
    }

    /// The access unit's time does not follow. One that stands alone may be damaged; a random access point, or a second one
    /// that agrees, is believed.
    fn jump(&mut self, unit: Unit, raw: u64, access_unit: AccessUnit, events: &mut Vec<Event>) {
        let confirmed = self.suspect.filter(|suspect| !clock::is_jump(clock::distance(suspect.raw, raw)));
        if !access_unit.random_access && confirmed.is_none() {
            self.suspect = Some(Suspect { raw, at: unit.at });
            return;
        }
        // Where the new time begins.
        let at = confirmed.map_or(unit.at, |suspect| suspect.at);
        self.counters.clock_jumps += 1;
        self.discontinuity = true;
        self.pcr = ClockReference::default();
        self.close(at, self.line.end(), None, events);
        if access_unit.random_access {
            self.output.skip(unit.at - at);
            self.codecs.video(access_unit.video);
            self.restart(unit, raw, events);
        }
        self.drop_unless_open();
    }

    /// Opens a segment on a new timeline.
    fn restart(&mut self, unit: Unit, raw: u64, events: &mut Vec<Event>) {
        self.line = self.line.restart(raw);
        self.gop = (0, 0);
        self.begin(unit, (0, raw), true, events);
    }

    /// Ends the open segment and starts the next one with this access unit.
    fn cut(&mut self, unit: Unit, (place, raw): (i64, u64), independent: bool, events: &mut Vec<Event>) {
        // What was held back moves to the start of the output.
        self.close(unit.at, place, Some(raw), events);
        self.begin(unit, (place, raw), independent, events);
    }

    fn begin(&mut self, unit: Unit, (started, raw): (i64, u64), independent: bool, events: &mut Vec<Event>) {
        let Some(program) = self.tables.program() else { return };
        self.codecs.announce(events);
        self.output.start(program, unit.tables);
        let discontinuity = std::mem::take(&mut self.discontinuity);
        self.open = Some(Open { started, raw, started_at: unit.arrived, independent, discontinuity, newest: 0 });
        self.suspect = None;
        if independent {
            self.pending = None;
        }
    }

    fn close(&mut self, at: usize, end: i64, next: Option<u64>, events: &mut Vec<Event>) {
        let Some(open) = self.open.take() else { return };
        self.output.chunk(at, events);
        self.any_segment = true;
        events.push(Event::Cut(Cut {
            payload: self.output.take(at),
            duration: clock::duration(end - open.started),
            start: open.raw,
            next,
            started_at: open.started_at,
            independent: open.independent,
            discontinuity: open.discontinuity,
        }));
    }

    /// Ends the open segment on the spot and waits for a random access point.
    fn stop(&mut self, events: &mut Vec<Event>) {
        let at = self.sure();
        self.unit = None;
        if self.open.is_some() {
            self.close(at, self.line.end(), None, events);
            self.discontinuity = true;
        }
        self.output.clear();
        self.suspect = None;
        self.pending = None;
        self.pcr = ClockReference::default();
    }

    fn drop_unless_open(&mut self) {
        if self.open.is_none() {
            self.output.clear();
        }
    }

    fn stay_bounded(&mut self, events: &mut Vec<Event>) {
        if let Some(unit) = &self.unit
            && self.output.len() - unit.at > MAX_HELD
        {
            self.decide(self.scanner.give_up(), events);
        }
        if self.output.len() > self.max_bytes.saturating_add(self.max_bytes / 4 + MAX_HELD) {
            self.counters.forced_cuts += 1;
            self.stop(events);
        }
    }
}
