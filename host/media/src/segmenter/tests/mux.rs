//! A small multiplexer: packets, tables, PES packets, and a channel of H.264 and AAC made of bare headers.

use std::collections::HashMap;

use crate::ts::packet::PACKET;
use crate::ts::section::{packetize, seal};

pub(super) const VIDEO: u16 = 0x100;
pub(super) const AUDIO: u16 = 0x101;
pub(super) const MAP: u16 = 0x1000;
pub(super) const SECOND: u64 = 90_000;
/// 25 frames per second.
pub(super) const FRAME: u64 = 3600;

/// 320x180 and 1280x720, both high profile at 25 frames per second.
pub(super) const SMALL: &[u8] = &[
    0, 0, 0, 1, 0x67, 0x64, 0, 0x0c, 0xac, 0xd9, 0x41, 0x41, 0x9f, 0x9f, 1, 0x10, 0, 0, 3, 0, 0x10, 0, 0, 3, 3, 0x20,
    0xf1, 0x42, 0x99, 0x60, 0, 0, 0, 1, 0x68, 0xef, 0x8f, 0xcb,
];
pub(super) const LARGE: &[u8] = &[
    0, 0, 0, 1, 0x67, 0x64, 0, 0x1f, 0xac, 0xd9, 0x40, 0x50, 5, 0xbb, 1, 0x10, 0, 0, 3, 0, 0x10, 0, 0, 3, 3, 0x26, 2,
    0, 1, 0x12, 0xa8, 0, 0, 0x44, 0xaa, 0x39, 0x28, 0xc0, 0x1e, 0x30, 0x63, 0x2c, 0, 0, 0, 1, 0x68, 0xef, 0xbc, 0xb0,
];
pub(super) const DELIMITER: &[u8] = &[0, 0, 0, 1, 9, 0xf0];
pub(super) const RECOVERY: &[u8] = &[0, 0, 0, 1, 6, 6, 1, 0xc4, 0x80];
pub(super) const IDR: &[u8] = &[0, 0, 1, 0x65, 0x88, 0x84, 0x11];
pub(super) const INTER: &[u8] = &[0, 0, 1, 0x41, 0x9a, 0x21, 0x11];

/// What the adaptation field of a first packet says.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) random_access: bool,
    pub(super) discontinuity: bool,
    pub(super) pcr: Option<u64>,
}

#[derive(Debug, Default, Clone)]
pub(super) struct Mux {
    pub(super) out: Vec<u8>,
    counters: HashMap<u16, u8>,
}

impl Mux {
    pub(super) fn tables(&mut self, streams: &[(u8, u16)]) {
        self.section(0, &pat(&[(1, MAP)]));
        self.section(MAP, &map(1, streams));
    }

    pub(super) fn section(&mut self, pid: u16, section: &[u8]) {
        for packet in packetize(pid, section).as_chunks::<PACKET>().0 {
            let mut packet = *packet;
            packet[3] |= self.counter(pid);
            self.out.extend(packet);
        }
    }

    pub(super) fn nulls(&mut self, count: usize) {
        for _ in 0..count {
            let mut packet = [0xff; PACKET];
            packet[..4].copy_from_slice(&[0x47, 0x1f, 0xff, 0x10]);
            self.out.extend(packet);
        }
    }

    /// A PES packet in as many packets as it takes.
    pub(super) fn pes(&mut self, pid: u16, pts: u64, dts: Option<u64>, body: &[u8], flags: Flags) {
        let mut head = vec![0, 0, 1, if pid == VIDEO { 0xe0 } else { 0xc0 }, 0, 0, 0x80];
        head.extend(if dts.is_some() { [0xc0, 10] } else { [0x80, 5] });
        head.extend(timestamp(if dts.is_some() { 3 } else { 2 }, pts));
        head.extend(dts.map(|dts| timestamp(1, dts)).into_iter().flatten());
        let bytes = [&head[..], body].concat();
        let mut rest = &bytes[..];
        let mut field = field(flags);
        while !rest.is_empty() {
            let start = rest.len() == bytes.len();
            let taken = rest.len().min(PACKET - 4 - field.len());
            self.packet(pid, start, &mut field, &rest[..taken]);
            rest = &rest[taken..];
            field.clear();
        }
    }

    /// One packet; stuffed in front of a short payload.
    pub(super) fn packet(&mut self, pid: u16, start: bool, field: &mut Vec<u8>, payload: &[u8]) {
        let room = PACKET - 4 - payload.len();
        if field.len() < room {
            if field.is_empty() {
                field.push(0);
            }
            if field.len() < room && field.len() == 1 {
                field.push(0);
            }
            field.resize(room, 0xff);
            field[0] = (room - 1) as u8;
        }
        let control = if field.is_empty() { 0x10 } else { 0x30 } | self.counter(pid);
        self.out.extend([0x47, (pid >> 8) as u8 | if start { 0x40 } else { 0 }, pid as u8, control]);
        self.out.extend(&*field);
        self.out.extend(payload);
        assert_eq!(self.out.len() % PACKET, 0);
    }

    fn counter(&mut self, pid: u16) -> u8 {
        let counter = self.counters.entry(pid).or_insert(15);
        *counter = (*counter + 1) & 15;
        *counter
    }

    /// A frame of video that decodes and shows at the same time, some audio behind it.
    pub(super) fn frame(&mut self, time: u64, body: &[&[u8]], flags: Flags) {
        let body = [&[DELIMITER][..], body, &[&[0xab; 300]]].concat().concat();
        self.pes(VIDEO, time & MASK, None, &body, flags);
        self.sound(time);
    }

    pub(super) fn sound(&mut self, time: u64) {
        self.pes(AUDIO, time & MASK, None, &[&[0xff, 0xf1, 0x50, 0x80][..], &[0xcd; 200]].concat(), Flags::default());
    }

    /// A GOP that starts with an IDR picture, tables in front of it.
    pub(super) fn gop(&mut self, start: u64, frames: u64) {
        self.tables(&[(0x1b, VIDEO), (0x0f, AUDIO)]);
        self.bare_gop(start, frames, SMALL);
    }

    pub(super) fn bare_gop(&mut self, start: u64, frames: u64, sequence: &[u8]) {
        let flags = Flags { random_access: true, pcr: Some(start & MASK), ..Flags::default() };
        self.frame(start, &[sequence, IDR], flags);
        self.inter(start + FRAME, frames - 1);
    }

    pub(super) fn inter(&mut self, start: u64, frames: u64) {
        for n in 0..frames {
            let time = start + n * FRAME;
            self.frame(time, &[INTER], Flags { pcr: Some(time & MASK), ..Flags::default() });
        }
    }
}

/// GOPs of these many frames, one after the other.
pub(super) fn channel(start: u64, gops: &[u64]) -> Vec<u8> {
    let (mut mux, mut time) = (Mux::default(), start);
    for frames in gops {
        mux.gop(time, *frames);
        time += frames * FRAME;
    }
    mux.out
}

pub(super) const MASK: u64 = (1 << 33) - 1;

fn field(flags: Flags) -> Vec<u8> {
    let bits = [(flags.discontinuity, 0x80), (flags.random_access, 0x40), (flags.pcr.is_some(), 0x10)];
    let bits: u8 = bits.iter().filter(|(set, _)| *set).map(|(_, bit)| bit).sum();
    if bits == 0 {
        return Vec::new();
    }
    let mut field = vec![0, bits];
    if let Some(pcr) = flags.pcr {
        field.extend(&((pcr << 15 | 0x7e00) << 16).to_be_bytes()[..6]);
    }
    field[0] = (field.len() - 1) as u8;
    field
}

fn timestamp(prefix: u8, time: u64) -> [u8; 5] {
    let part = |shift: u32, bits: u32| (time >> shift) & ((1 << bits) - 1);
    let [a, b, c] = [part(30, 3) << 1 | 1, part(15, 15) << 1 | 1, part(0, 15) << 1 | 1];
    [prefix << 4 | a as u8, (b >> 8) as u8, b as u8, (c >> 8) as u8, c as u8]
}

pub(super) fn pat(programs: &[(u16, u16)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (program, map) in programs {
        body.extend([program.to_be_bytes(), (0xe000 | map).to_be_bytes()].concat());
    }
    table(0, 1, &body)
}

/// The first elementary stream carries the clock.
pub(super) fn map(program: u16, streams: &[(u8, u16)]) -> Vec<u8> {
    let clock = streams.first().map_or(0x1fff, |(_, pid)| *pid);
    let mut body = [(0xe000 | clock).to_be_bytes(), [0xf0, 0]].concat();
    for (stream_type, pid) in streams {
        body.push(*stream_type);
        body.extend([(0xe000 | pid).to_be_bytes(), [0xf0, 0]].concat());
    }
    table(2, program, &body)
}

fn table(id: u8, extension: u16, body: &[u8]) -> Vec<u8> {
    let length = (0xb000 | (body.len() + 9) as u16).to_be_bytes();
    let extension = extension.to_be_bytes();
    let mut section = vec![id, length[0], length[1], extension[0], extension[1], 0xc1, 0, 0];
    section.extend(body);
    seal(&mut section);
    section
}
