//! Any bytes as a batch of packed programmes, as a plugin may push them: refused, or every programme of it can be read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mast_model::guide::details;
use mast_model::guide::packed::PackedProgrammes;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut batch) = PackedProgrammes::read(bytes.to_vec()) else { return };
    for programme in batch.iter() {
        let found = details::get(programme.details).expect("what was checked can be read");
        assert_eq!(programme.titled, found.titles.iter().any(|title| !title.value.is_empty()));
    }
    let all = batch.len();
    batch.shift(-3_600);
    batch.retain(|channel| channel.len() % 2 == 0);
    assert!(batch.len() <= all && batch.iter().all(|programme| programme.channel.len() % 2 == 0));
});
