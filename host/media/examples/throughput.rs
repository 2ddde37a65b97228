//! Prints how fast the segmenter cuts a TS file: `cargo run --release --workspace --example throughput FILE [PUSH_BYTES]`.
#![allow(clippy::print_stdout)]

use std::time::{Duration, Instant};

use jiff::Timestamp;
use mast_media::{Event, Segmenter, SegmenterConfig};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let file = args.next().ok_or("usage: throughput FILE [PUSH_BYTES]")?;
    let push = args.next().map_or(Ok(64 * 1024), |arg| arg.parse::<usize>())?.max(1);
    let bytes = std::fs::read(file)?;
    let rounds = (2 << 30) / bytes.len().max(1) + 1;
    let config = SegmenterConfig {
        min_duration: Duration::from_secs(2),
        max_duration: Duration::from_secs(6),
        max_bytes: 32 << 20,
        program: None,
        follows: false,
    };
    let (mut segmenter, mut events) = (Segmenter::new(config), Vec::new());
    let (mut cuts, mut chunks, mut forced) = (0u64, 0u64, 0u64);
    let started = Instant::now();
    for _ in 0..rounds {
        for piece in bytes.chunks(push) {
            segmenter.push(piece, Timestamp::UNIX_EPOCH, &mut events);
            for event in events.drain(..) {
                match event {
                    Event::Cut(cut) => {
                        cuts += 1;
                        forced += u64::from(!cut.independent);
                    }
                    Event::Chunk(_) => chunks += 1,
                    Event::Kept(_) => {}
                    Event::Codecs(codecs) => println!("{codecs:?}"),
                }
            }
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let total = (rounds * bytes.len()) as f64;
    println!(
        "{:.0} MB/s in pushes of {push}, {cuts} segments ({forced} not independent), {chunks} chunks",
        total / seconds / 1e6
    );
    println!("{:?}", segmenter.counters());
    Ok(())
}
