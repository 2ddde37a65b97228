use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;

use super::super::answer::Content;
use super::*;

fn key(resource: u8, version: u8) -> Key {
    Key { resource: [resource; 16], version: [version; 16] }
}

fn answer(size: usize) -> Answer {
    let content = Content::Plain(vec![Bytes::from(vec![0; size])]);
    Answer { status: StatusCode::OK, headers: HeaderMap::new(), content }
}

#[test]
fn an_answer_of_a_third_of_the_budget_is_kept() {
    let cache = OutputCache::new(ByteSize::mib(1));
    cache.keep(&key(1, 1), &answer((BUDGET / 3) as usize - 1024));
    assert!(cache.find(&key(1, 1)).is_some());
}

#[test]
fn versions_of_one_second_differ_in_time() {
    let cache = OutputCache::new(ByteSize::mib(1));
    assert_eq!(cache.first_made(&key(1, 1)), None);
    cache.keep(&key(1, 1), &answer(1));
    let first = cache.first_made(&key(1, 1)).unwrap();
    // As if it had been made a minute ago.
    cache.firsts().get_mut(&[1; 16]).unwrap().at -= 60;
    cache.keep(&key(1, 1), &answer(1));
    assert_eq!(cache.first_made(&key(1, 1)).unwrap().as_second(), first.as_second() - 60);
    cache.keep(&key(1, 2), &answer(1));
    assert_eq!(cache.first_made(&key(1, 1)), None, "it is another one now");
    let second = cache.firsts().get(&[1; 16]).unwrap().at;
    cache.keep(&key(1, 3), &answer(1));
    assert!(cache.firsts().get(&[1; 16]).unwrap().at > second);
    cache.keep(&key(1, 4), &answer(1));
    cache.keep(&key(1, 5), &answer(1));
    assert_eq!(cache.first_made(&key(1, 5)), None, "its time has not come, and nobody is told it");
}
