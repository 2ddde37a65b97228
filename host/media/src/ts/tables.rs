//! Follows the tables: which program is cut, where its elementary streams are, and its tables as packets to repeat.
//!
//! Of several programs the one that is asked for is taken, else the first with video, else the first, and stayed with for as long as the PAT lists it. A
//! program whose map does not come within three repetitions of the PAT is passed over.

use super::packet::{PAT_PID, PIDS, Packet};
use super::psi::{Pat, Pmt};
use super::section::{Sections, packetize};

/// PAT repetitions to wait for the maps of all programs.
const PATIENCE: u32 = 3;
/// Programs that are considered; the others of a larger multiplex are not.
const MAX_PROGRAMS: usize = 64;

/// What a table packet brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableEvent {
    /// The PAT was repeated.
    PatSeen,
    /// The chosen program's map was repeated.
    PmtSeen,
    /// A program was chosen, or the chosen one has other elementary streams now.
    Changed,
    /// The chosen program is gone.
    Gone,
}

/// A program that may be chosen.
#[derive(Debug)]
struct Candidate {
    program: u16,
    map_pid: u16,
    sections: Sections,
    map: Option<(Pmt, Vec<u8>)>,
}

/// The chosen program.
#[derive(Debug)]
pub struct Chosen {
    number: u16,
    map_pid: u16,
    sections: Sections,
    map: Pmt,
    raw_map: Vec<u8>,
    /// The map as packets.
    pub map_packets: Vec<u8>,
    /// A PAT that lists this program (and, when it is the only one, whatever else the upstream's PAT holds), as packets.
    pub pat_packets: Vec<u8>,
    /// Whether the upstream carries other programs too.
    pub shared: bool,
}

/// Follows PAT and PMT.
#[derive(Debug, Default)]
pub struct Tables {
    pat_sections: Sections,
    raw_pat: Vec<u8>,
    pat: Option<Pat>,
    rounds: u32,
    version: u8,
    candidates: Vec<Candidate>,
    chosen: Option<Chosen>,
    broken: u64,
    /// The only program that may be chosen.
    only: Option<u16>,
}

impl Chosen {
    /// Its elementary streams.
    pub fn map(&self) -> &Pmt {
        &self.map
    }

    /// The PID of its map.
    pub fn map_pid(&self) -> u16 {
        self.map_pid
    }
}

impl Tables {
    /// Tables of which only one program may be chosen.
    pub fn only(program: Option<u16>) -> Self {
        Self { only: program, ..Self::default() }
    }

    /// The program that is cut.
    pub fn program(&self) -> Option<&Chosen> {
        self.chosen.as_ref()
    }

    /// The PIDs of the maps of programs that may be chosen.
    pub fn map_pids(&self) -> impl Iterator<Item = u16> {
        self.candidates.iter().map(|candidate| candidate.map_pid)
    }

    /// Another upstream follows: forgets everything but what it counted.
    pub fn restart(&mut self) {
        *self = Self { broken: self.broken, version: self.version, only: self.only, ..Self::default() };
    }

    /// Sections that were broken, so far.
    pub fn broken(&self) -> u64 {
        self.broken
    }

    /// A packet of this PID is missing.
    pub fn lost(&mut self, pid: u16) {
        if pid == PAT_PID {
            self.pat_sections.reset();
        }
        let maps = self.candidates.iter_mut().filter(|c| c.map_pid == pid).map(|c| &mut c.sections);
        maps.chain(self.chosen.as_mut().filter(|p| p.map_pid == pid).map(|p| &mut p.sections))
            .for_each(Sections::reset);
    }

    /// Takes a packet of the PAT's or a map's PID and appends what it brought.
    pub fn push(&mut self, packet: Packet<'_>, events: &mut Vec<TableEvent>) {
        let (payload, start) = (packet.payload(), packet.unit_start());
        if packet.pid() == PAT_PID {
            let mut assembler = std::mem::take(&mut self.pat_sections);
            let broken = assembler.push(payload, start, |section| self.pat(section, events));
            self.broken += broken;
            self.pat_sections = assembler;
            return;
        }
        if let Some(program) = self.chosen.as_mut().filter(|program| program.map_pid == packet.pid()) {
            let mut assembler = std::mem::take(&mut program.sections);
            self.broken += assembler.push(payload, start, |section| program.update(section, events));
            program.sections = assembler;
        }
        let mut news = false;
        for candidate in self.candidates.iter_mut().filter(|candidate| candidate.map_pid == packet.pid()) {
            let (program, map) = (candidate.program, &mut candidate.map);
            self.broken += candidate.sections.push(payload, start, |section| {
                if let Some(read) = Pmt::parse(section).filter(|read| read.program == program) {
                    *map = Some((read, section.to_vec()));
                    news = true;
                }
            });
        }
        if news {
            self.choose(events);
        }
    }

    fn pat(&mut self, section: &[u8], events: &mut Vec<TableEvent>) {
        self.rounds = self.rounds.saturating_add(1);
        if section == self.raw_pat {
            events.push(TableEvent::PatSeen);
            return self.choose(events);
        }
        let Some(pat) = Pat::parse(section) else { return };
        self.raw_pat = section.to_vec();
        self.version = self.version.wrapping_add(1);
        self.rounds = 1;
        self.candidates.clear();
        if let Some(program) = &mut self.chosen {
            if let Some((_, map_pid)) = pat.programs.iter().find(|(number, _)| *number == program.number) {
                if *map_pid != program.map_pid {
                    program.sections.reset();
                    program.map_pid = *map_pid;
                    program.map_packets = packetize(*map_pid, &program.raw_map);
                }
                program.set_pat(&pat, section, self.version);
                // The PIDs to listen to or to pass may be others now.
                events.push(TableEvent::Changed);
                self.pat = Some(pat);
                return;
            }
            self.chosen = None;
            events.push(TableEvent::Gone);
        }
        let new = |(program, map_pid): &(u16, u16)| Candidate {
            program: *program,
            map_pid: *map_pid,
            sections: Sections::default(),
            map: None,
        };
        let usable = pat.programs.iter().filter(|(_, map_pid)| usize::from(*map_pid) < PIDS - 1 && *map_pid != PAT_PID);
        let wanted = |(number, _): &&(u16, u16)| self.only.is_none_or(|only| only == *number);
        self.candidates = usable.filter(wanted).take(MAX_PROGRAMS).map(new).collect();
        self.pat = Some(pat);
        events.push(TableEvent::PatSeen);
    }

    fn choose(&mut self, events: &mut Vec<TableEvent>) {
        if self.chosen.is_some() {
            return;
        }
        let mut choice = None;
        for (at, candidate) in self.candidates.iter().enumerate() {
            match &candidate.map {
                Some((map, _)) if map.video().is_some() => {
                    choice = Some(at);
                    break;
                }
                Some((map, _)) if choice.is_none() && map.audio().is_some() => choice = Some(at),
                None if self.rounds < PATIENCE => return,
                _ => {}
            }
        }
        let (Some(at), Some(pat)) = (choice, &self.pat) else { return };
        let candidate = self.candidates.swap_remove(at);
        self.candidates.clear();
        let (map, raw_map) = candidate.map.expect("only candidates with a map are chosen");
        let mut program = Chosen {
            number: candidate.program,
            map_pid: candidate.map_pid,
            sections: candidate.sections,
            map_packets: packetize(candidate.map_pid, &raw_map),
            map,
            raw_map,
            pat_packets: Vec::new(),
            shared: false,
        };
        program.set_pat(pat, &self.raw_pat, self.version);
        self.chosen = Some(program);
        events.push(TableEvent::Changed);
    }
}

impl Chosen {
    fn set_pat(&mut self, pat: &Pat, raw: &[u8], version: u8) {
        self.shared = pat.programs.len() > 1;
        let own;
        // RFC 8216, 3.2: a segment holds a single program.
        let section = if self.shared {
            own = pat.only(self.number, self.map_pid, version);
            &own
        } else {
            raw
        };
        self.pat_packets = packetize(PAT_PID, section);
    }

    fn update(&mut self, section: &[u8], events: &mut Vec<TableEvent>) {
        if section != self.raw_map {
            let Some(map) = Pmt::parse(section).filter(|map| map.program == self.number) else { return };
            self.raw_map = section.to_vec();
            self.map_packets = packetize(self.map_pid, section);
            if map != self.map {
                self.map = map;
                events.push(TableEvent::Changed);
            }
        }
        events.push(TableEvent::PmtSeen);
    }
}
