//! What each PID is to the segmenter, and its continuity counter.

use crate::ts::packet::{NULL_PID, PAT_PID, PIDS, Packet};
use crate::ts::psi::Kind;
use crate::ts::tables::Chosen;

/// What is done with packets of a PID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Passes through.
    Pass,
    /// Null packets and other programs.
    Drop,
    /// PAT, or a map.
    Table,
    /// The elementary stream that is cut at.
    Reference,
    /// Sound whose codec is looked at.
    Audio,
}

/// How a packet follows the one before it on its PID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Continuity {
    /// As it should.
    Follows,
    /// The same packet again, which is allowed once.
    Repeated,
    /// Something is missing.
    Broken,
}

/// No packet came yet, or the sender announced that the counter does not follow.
const UNKNOWN: u8 = 0xff;
/// Set beside the counter when the packet was already repeated.
const WAS_REPEATED: u8 = 0x10;

#[derive(Debug, Clone, Copy)]
struct Pid {
    class: Class,
    counter: u8,
}

/// The table of all PIDs.
#[derive(Debug)]
pub(super) struct Pids {
    table: Box<[Pid; PIDS]>,
}

impl Pids {
    pub(super) fn new() -> Self {
        let table = vec![Pid { class: Class::Pass, counter: UNKNOWN }; PIDS].into_boxed_slice();
        let mut pids = Self { table: table.try_into().expect("the vector has that length") };
        pids.forget();
        pids
    }

    /// Before a program is chosen: only tables are looked at.
    pub(super) fn forget(&mut self) {
        self.table.fill(Pid { class: Class::Pass, counter: UNKNOWN });
        self.set(NULL_PID, Class::Drop);
        self.set(PAT_PID, Class::Table);
    }

    /// Classes for a program; continuity goes on. Tables of programs that may still be chosen are marked as they come.
    pub(super) fn assign(&mut self, program: &Chosen, reference: Option<u16>) {
        let other = if program.shared { Class::Drop } else { Class::Pass };
        self.table.iter_mut().for_each(|pid| pid.class = other);
        let map = program.map();
        self.set(map.pcr_pid, Class::Pass);
        for stream in &map.elementary {
            self.set(stream.pid, if matches!(stream.kind, Kind::Audio(_)) { Class::Audio } else { Class::Pass });
        }
        if let Some(reference) = reference {
            self.set(reference, Class::Reference);
        }
        self.set(NULL_PID, Class::Drop);
        self.set(PAT_PID, Class::Table);
        self.set(program.map_pid(), Class::Table);
    }

    pub(super) fn set(&mut self, pid: u16, class: Class) {
        self.table[usize::from(pid) % PIDS].class = class;
    }

    #[inline]
    pub(super) fn class(&self, pid: u16) -> Class {
        self.table[usize::from(pid) % PIDS].class
    }

    /// Compares the packet's counter with the one before (ISO/IEC 13818-1, 2.4.3.3).
    #[inline]
    pub(super) fn follow(&mut self, packet: Packet<'_>) -> Continuity {
        let last = &mut self.table[usize::from(packet.pid()) % PIDS].counter;
        let (before, counter) = (*last, packet.counter());
        if !packet.has_payload() {
            if packet.discontinuity() {
                *last = UNKNOWN;
            }
            return Continuity::Follows;
        }
        *last = counter;
        if before == UNKNOWN || counter == (before + 1) & 0x0f || packet.discontinuity() {
            return Continuity::Follows;
        }
        if counter == before {
            *last = counter | WAS_REPEATED;
            return Continuity::Repeated;
        }
        Continuity::Broken
    }
}
