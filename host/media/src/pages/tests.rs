use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn whatever_the_parts_the_bytes_are_the_same(parts in prop::collection::vec(0..3 * PAGE, 0..4), kept in 0..5 * PAGE) {
        let parts: Vec<Vec<u8>> = parts.iter().map(|len| (0..*len).map(|n| (n % 251) as u8).collect()).collect();
        let mut all = parts.concat();
        all.truncate(kept);
        let mut file = PageFile::default();
        // The first one must not be in the way of the second.
        let before = file.keep([&all[..]].into_iter(), kept);
        let pieces: Vec<Pages> = parts.iter().map(|part| file.keep([&part[..]].into_iter(), part.len())).collect();
        let parts = parts.iter().map(Vec::as_slice);
        for pages in [file.keep(parts.clone(), kept), Pages::on_heap(parts, kept), before, Pages::join(&pieces, kept)] {
            prop_assert_eq!(pages.to_vec(), &all[..]);
            prop_assert_eq!((pages.len(), pages.is_empty()), (all.len(), all.is_empty()));
            let (mut offset, mut read) = (kept / 2, Vec::new());
            while let Some(bytes) = pages.at(offset) {
                offset += bytes.len();
                read.extend_from_slice(&bytes);
            }
            prop_assert_eq!(&read, &all[all.len().min(kept / 2)..]);
            if pages.in_file() {
                prop_assert_eq!(sent(&pages, kept / 2), read);
            }
        }
    }
}

/// What the kernel would send.
fn sent(pages: &Pages, mut offset: usize) -> Vec<u8> {
    let mut sent = Vec::new();
    while let Some(run) = pages.file(offset) {
        let mut bytes = vec![0; run.len];
        assert_eq!(rustix::io::pread(run.file, &mut bytes, run.start).unwrap(), run.len);
        sent.extend_from_slice(&bytes);
        offset += run.len;
    }
    assert_eq!(offset, pages.len().max(offset));
    sent
}

#[test]
fn what_comes_together_is_sent_together() {
    let mut file = PageFile::default();
    let bytes = vec![7; 2 * PAGE];
    let pieces: Vec<Pages> = (0..5).map(|_| file.keep([&bytes[..]].into_iter(), bytes.len())).collect();
    let all = Pages::join(&pieces, 9 * PAGE + 5);
    assert_eq!(all.file(PAGE).unwrap().len, 8 * PAGE + 5);
}

#[test]
fn what_is_dropped_goes_back_at_once() {
    let mut file = PageFile::default();
    let bytes = vec![7; 3 * PAGE + 1];
    let one = file.keep([&bytes[..]].into_iter(), bytes.len());
    let two = file.keep([&bytes[..], &bytes[..]].into_iter(), bytes.len());
    let each = (bytes.len().next_multiple_of(STEP)) as u64;
    assert_eq!(file.held(), 2 * each);
    let again = one.clone();
    drop(one);
    assert_eq!(file.held(), 2 * each, "a reader is left");
    drop(again);
    assert_eq!(file.held(), each);
    assert_eq!(two.to_vec(), bytes);
    drop(two);
    assert_eq!(file.held(), 0);
}

/// Sixteen segments, then as many more in their places as `lend` lets. How much memory there was in between.
fn turned_over(lend: bool) -> Vec<u64> {
    let mut file = PageFile::default();
    let mut window = std::collections::VecDeque::new();
    let mut held = Vec::new();
    for number in 0..64_u8 {
        let bytes = vec![number; 4 * PAGE];
        window.push_back((number, file.keep([&bytes[..]].into_iter(), bytes.len())));
        if window.len() > 16 {
            held.push(file.held() / bytes.len() as u64);
            let (number, oldest) = window.pop_front().unwrap();
            assert!(oldest.to_vec().iter().all(|byte| *byte == number));
            if lend {
                oldest.file(0).unwrap();
            }
            drop(oldest);
            held.push(file.held() / bytes.len() as u64);
        }
    }
    held
}

#[test]
fn places_are_written_to_again_unless_a_socket_may_have_them() {
    assert!(turned_over(false).iter().all(|held| *held == 17), "memory came and went");
    assert!(turned_over(true).chunks(2).all(|held| held == [17, 16]), "what was lent is written to again");
}

#[test]
fn readers_outlive_the_segmenter() {
    let mut file = PageFile::default();
    let bytes: Vec<u8> = (0..2 * PAGE).map(|n| (n % 251) as u8).collect();
    let pages = file.keep([&bytes[..]].into_iter(), bytes.len());
    drop(file);
    assert_eq!(pages.to_vec(), bytes);
    assert!(pages.in_file());
}
