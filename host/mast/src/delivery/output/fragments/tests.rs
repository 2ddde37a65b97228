use super::super::packed::Packer;
use super::*;

fn key(number: u64) -> FragmentKey {
    FragmentKey::new(&InstanceId::new("one").unwrap(), 1, Some(7), number, "k")
}

/// Bytes that do not pack.
fn part(size: usize) -> Packed {
    let mut packer = Packer::new();
    let mut noise = vec![0; size];
    getrandom::fill(&mut noise).unwrap();
    packer.write(&noise);
    packer.finish()
}

fn make(fragments: &Fragments, number: u64, size: usize) -> Option<Arc<Packed>> {
    match fragments.look(key(number)) {
        Look::Kept(found) => Some(found),
        Look::Missing(making) => making.keep(part(size)),
    }
}

fn count(fragments: &Fragments, name: &str) -> u64 {
    let mut text = String::new();
    fragments.reading(&mut text);
    let line = text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn keys_name_everything() {
    let of = |instance: &str, generation, channel, version, key: &str| {
        FragmentKey::new(&InstanceId::new(instance).unwrap(), generation, channel, version, key)
    };
    let one = of("one", 1, Some(1), 1, "k");
    assert!(one == of("one", 1, Some(1), 1, "k"));
    for other in [
        of("two", 1, Some(1), 1, "k"),
        of("one", 2, Some(1), 1, "k"),
        of("one", 1, Some(2), 1, "k"),
        of("one", 1, None, 1, "k"),
        of("one", 1, Some(1), 2, "k"),
        of("one", 1, Some(1), 1, "l"),
    ] {
        assert!(one != other);
    }
}

#[test]
fn one_makes_what_many_ask_for() {
    let fragments = Fragments::new(ByteSize::mib(1));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for number in 0..50 {
                    assert!(make(&fragments, number, 100).is_some());
                }
            });
        }
    });
    assert_eq!(count(&fragments, "mast_output_fragments_made_total"), 50);
    assert_eq!(count(&fragments, "mast_output_fragments_reused_total"), 7 * 50);
}

#[test]
fn a_maker_that_gives_up_leaves_it_to_the_next() {
    let fragments = Fragments::new(ByteSize::mib(1));
    let Look::Missing(making) = fragments.look(key(1)) else { panic!("nothing was made") };
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| matches!(fragments.look(key(1)), Look::Missing(_)));
        drop(making);
        assert!(waiting.join().unwrap());
    });
}

#[test]
fn the_budget_holds_and_what_is_in_flight_is_shared() {
    let fragments = Fragments::new(ByteSize::mib(1));
    let in_flight = make(&fragments, 0, 100_000).unwrap();
    for number in 1..100 {
        make(&fragments, number, 100_000).unwrap();
    }
    assert!(fragments.0.kept.weight() <= 1 << 20);
    let alive = count(&fragments, "mast_output_fragment_bytes");
    assert!((100_000..=(1 << 20) + 110_000).contains(&alive), "{alive}");
    assert!(Arc::ptr_eq(&in_flight, &fragments.find(&key(0)).unwrap()));
    let made = count(&fragments, "mast_output_fragments_made_total");
    assert!(make(&fragments, 0, 100_000).is_some_and(|again| Arc::ptr_eq(&in_flight, &again)));
    assert_eq!(count(&fragments, "mast_output_fragments_made_total"), made);
}

#[test]
fn what_lives_is_bounded() {
    let fragments = Fragments::new(ByteSize(100_000));
    let held: Vec<_> = (0..40).map_while(|number| make(&fragments, number, 100_000)).collect();
    assert!((16..=18).contains(&held.len()), "{}", held.len());
    drop(held);
    assert!(make(&fragments, 100, 1_000).is_some());
}
