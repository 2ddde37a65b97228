//! The segmenter against hand-made and real upstreams.

mod hostile;
mod mux;
mod oracle;
mod programs;
mod real;
mod synthetic;

use super::*;

/// Cuts from 2 s on, never above 6 s or 1 MB.
const CONFIG: SegmenterConfig = SegmenterConfig {
    min_duration: Duration::from_secs(2),
    max_duration: Duration::from_secs(6),
    max_bytes: 1_000_000,
    program: None,
    follows: false,
};

/// Everything that came out, in an order that does not depend on how the input was cut into pushes.
#[derive(Debug, Default)]
struct Run {
    cuts: Vec<Cut>,
    /// With the number of the segment that follows.
    codecs: Vec<(usize, Codecs)>,
    /// Chunks of the segment that was not cut yet.
    open: Vec<u8>,
    /// So many of them were kept.
    kept: usize,
    counters: Counters,
    /// Most bytes that the segmenter held between pushes.
    held: usize,
}

impl Run {
    fn seconds(&self) -> Vec<f64> {
        self.cuts.iter().map(|cut| (cut.duration.as_secs_f64() * 1000.0).round() / 1000.0).collect()
    }

    fn marks(&self) -> String {
        let mark = |cut: &Cut| match (cut.discontinuity, cut.independent) {
            (false, true) => '.',
            (false, false) => '-',
            (true, true) => 'D',
            (true, false) => '?',
        };
        self.cuts.iter().map(mark).collect()
    }
}

/// Pushes pieces of these sizes, over and over, and ends the input. Checks that chunks make up the segments.
fn run_pieces(config: &SegmenterConfig, bytes: &[u8], pieces: &[usize]) -> Run {
    let (mut segmenter, mut run) = (Segmenter::new(config.clone()), Run::default());
    let mut rest = bytes;
    for piece in pieces.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (head, tail) = rest.split_at(rest.len().min(*piece));
        push(&mut segmenter, head, &mut run);
        rest = tail;
    }
    end(&mut segmenter, End::Whole, &mut run);
    run
}

fn push(segmenter: &mut Segmenter, bytes: &[u8], run: &mut Run) {
    let mut events = Vec::new();
    segmenter.push(bytes, Timestamp::UNIX_EPOCH, &mut events);
    collect(segmenter, events, run);
}

fn end(segmenter: &mut Segmenter, end: End, run: &mut Run) {
    let mut events = Vec::new();
    segmenter.end_of_input(end, &mut events);
    if end == End::Severed {
        // What may be cut short is not part of the segment, or of none.
        let kept =
            events.iter().find_map(|event| if let Event::Cut(cut) = event { Some(cut.payload.len()) } else { None });
        let chunks =
            events.iter().filter_map(|event| if let Event::Chunk(chunk) = event { Some(&chunk[..]) } else { None });
        run.open.extend(chunks.collect::<Vec<_>>().concat());
        events.retain(|event| !matches!(event, Event::Chunk(_) | Event::Kept(_)));
        run.open.truncate(kept.unwrap_or_default());
        run.kept = 0;
    }
    collect(segmenter, events, run);
    assert!(run.open.is_empty(), "the end of the input ends the segment");
}

fn collect(segmenter: &Segmenter, events: Vec<Event>, run: &mut Run) {
    for event in events {
        match event {
            Event::Chunk(chunk) => {
                assert!(!chunk.is_empty() && chunk.len() % 188 == 0);
                run.open.extend_from_slice(&chunk);
            }
            Event::Kept(pages) => {
                let end = run.kept + pages.len();
                assert!(run.open[run.kept..end] == pages.to_vec(), "what is kept is not what was handed out");
                run.kept = end;
            }
            Event::Cut(cut) => {
                assert!(run.open == cut.payload.to_vec(), "the chunks are not the segment");
                assert!(cut.duration >= Duration::from_millis(1));
                run.open.clear();
                run.kept = 0;
                run.cuts.push(cut);
            }
            Event::Codecs(codecs) => run.codecs.push((run.cuts.len(), codecs)),
        }
    }
    run.held = run.held.max(segmenter.cutter.held());
    run.counters = segmenter.counters();
}

fn run(bytes: &[u8]) -> Run {
    run_pieces(&CONFIG, bytes, &[bytes.len().max(1)])
}

/// What a run comes down to.
#[track_caller]
fn check(bytes: &[u8], marks: &str, seconds: &[f64]) -> Run {
    let run = run(bytes);
    assert_eq!((run.marks().as_str(), &run.seconds()[..]), (marks, seconds), "{:?}", run.counters);
    run
}
