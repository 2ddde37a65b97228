use super::*;

const LINE: LineId = LineId(1);
static ALL: Profiles = Profiles::ALL;

fn wanted(channel: u32, device: u8, kind: Kind, limit: u32) -> Wanted<'static> {
    Wanted {
        line: LINE,
        channel: ChannelId(channel),
        device: Device([device; 16]),
        kind,
        limit,
        session: None,
        above_limit: AboveLimit::DenyNew,
        profiles: &ALL,
        address: IpAddr::from([192, 0, 2, device]),
        country: None,
        user_agent: "a player",
    }
}

fn stopping(channel: u32, device: u8, limit: u32) -> Wanted<'static> {
    Wanted { above_limit: AboveLimit::StopOldest, ..wanted(channel, device, Kind::Continuous, limit) }
}

struct Fixture {
    leases: Arc<Leases<Arc<()>>>,
    next: AtomicU64,
}

impl Fixture {
    fn new() -> Self {
        Self { leases: Arc::new(Leases::new()), next: AtomicU64::new(1) }
    }

    fn grant(&self, wanted: Wanted<'_>) -> Option<Arc<Lease<Arc<()>>>> {
        self.leases.grant(wanted, || self.next.fetch_add(1, Ordering::Relaxed)).ok()
    }
}

#[tokio::test(start_paused = true)]
async fn the_limit_counts_what_lives() {
    let fixture = Fixture::new();
    let first = fixture.grant(wanted(1, 1, Kind::Continuous, 2)).expect("first");
    let second = fixture.grant(wanted(1, 2, Kind::Hls, 2)).expect("second");
    assert!(fixture.grant(wanted(1, 3, Kind::Hls, 2)).is_none(), "a third device");
    assert_eq!(fixture.leases.in_use(LINE), 2);
    fixture.leases.release(&first);
    assert_eq!(fixture.leases.in_use(LINE), 1);
    assert!(fixture.grant(wanted(1, 3, Kind::Hls, 2)).is_some());
    assert!(!second.ended.is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn an_hls_lease_expires_and_lets_go_of_its_channel() {
    let fixture = Fixture::new();
    let lease = fixture.grant(wanted(1, 1, Kind::Hls, 1)).expect("granted");
    let feed = Arc::new(());
    lease.hold(Arc::clone(&feed), 4);
    tokio::time::advance(Duration::from_secs(11)).await;
    assert!(fixture.leases.touch(ChannelId(1), lease.id).is_some(), "12 s are allowed");
    tokio::time::advance(Duration::from_secs(11)).await;
    assert!(fixture.leases.touch(ChannelId(1), lease.id).is_some(), "touching counts from anew");
    tokio::time::advance(Duration::from_secs(13)).await;
    assert!(fixture.leases.touch(ChannelId(1), lease.id).is_none());
    assert_eq!(fixture.leases.in_use(LINE), 0);
    assert_eq!(Arc::strong_count(&feed), 2);
    fixture.leases.sweep(|_| true);
    assert_eq!(Arc::strong_count(&feed), 1);
    assert!(fixture.leases.channels.load().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_files_lease_lives_with_its_requests_and_a_while_longer() {
    let fixture = Fixture::new();
    let leases = Arc::clone(&fixture.leases);
    let share = || {
        let lease = fixture.grant(wanted(1, 1, Kind::File, 1)).expect("granted");
        lease.lasts(Duration::from_secs(10));
        Share::of(lease, Arc::clone(&leases))
    };
    drop(share());
    assert_eq!(leases.in_use(LINE), 0, "nothing of it played");
    let (first, second) = (share(), share());
    second.sent(1);
    drop(second);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert!(first.lives(), "a paused film keeps its connection while its socket is open");
    assert_eq!(leases.in_use(LINE), 1);
    tokio::time::advance(Duration::from_secs(60)).await;
    drop(first);
    tokio::time::advance(Duration::from_secs(9)).await;
    assert_eq!(leases.in_use(LINE), 1, "its player may come back");
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(leases.in_use(LINE), 0);
    let kicked = share();
    assert_eq!(leases.kick(|_| true), 1);
    assert!(!kicked.lives());
}

#[tokio::test(start_paused = true)]
async fn the_same_device_and_channel_is_one_connection() {
    let fixture = Fixture::new();
    let first = fixture.grant(wanted(1, 1, Kind::Hls, 1)).expect("granted");
    let again = fixture.grant(wanted(1, 1, Kind::Hls, 1)).expect("the same");
    assert!(Arc::ptr_eq(&first, &again));
    assert!(fixture.grant(wanted(1, 2, Kind::Hls, 1)).is_none(), "another device");
}

#[tokio::test(start_paused = true)]
async fn zapping_takes_the_devices_own_hls_lease() {
    let fixture = Fixture::new();
    let old = fixture.grant(wanted(1, 1, Kind::Hls, 1)).expect("granted");
    old.hold(Arc::new(()), 4);
    assert!(fixture.grant(wanted(2, 2, Kind::Hls, 1)).is_none(), "nobody else's lease is taken");
    let new = fixture.grant(wanted(2, 1, Kind::Hls, 1)).expect("zapped");
    assert!(old.ended.is_cancelled());
    assert!(!new.ended.is_cancelled());
    assert_eq!(fixture.leases.in_use(LINE), 1);
}

#[tokio::test(start_paused = true)]
async fn a_device_goes_over_from_hls_to_continuous_at_once() {
    for channel in [1, 2] {
        let fixture = Fixture::new();
        let old = fixture.grant(wanted(1, 1, Kind::Hls, 1)).expect("granted");
        old.hold(Arc::new(()), 4);
        assert!(fixture.grant(wanted(channel, 2, Kind::Continuous, 1)).is_none(), "another device");
        let new = fixture.grant(wanted(channel, 1, Kind::Continuous, 1)).expect("handed over");
        assert!(old.ended.is_cancelled());
        // Whatever the old player tries, it does not take the connection back.
        let back = Wanted { session: Some(old.id), ..wanted(1, 1, Kind::Hls, 1) };
        assert!(fixture.grant(back).is_none() && fixture.grant(wanted(1, 1, Kind::Hls, 1)).is_none());
        assert!(!new.ended.is_cancelled());
    }
}

#[tokio::test(start_paused = true)]
async fn zapping_takes_the_devices_own_socket_and_the_old_channel_does_not_take_it_back() {
    let fixture = Fixture::new();
    let old = fixture.grant(wanted(1, 1, Kind::Continuous, 1)).expect("granted");
    assert!(fixture.grant(wanted(2, 2, Kind::Continuous, 1)).is_none(), "nobody else's socket is taken");
    assert!(fixture.grant(wanted(1, 1, Kind::Continuous, 1)).is_none(), "the same channel is no zapping");
    assert!(fixture.grant(wanted(2, 1, Kind::Hls, 1)).is_none(), "a recorder's socket is not for a browser");
    let new = fixture.grant(wanted(2, 1, Kind::Continuous, 1)).expect("zapped");
    assert!(old.ended.is_cancelled());
    assert!(fixture.grant(wanted(1, 1, Kind::Continuous, 1)).is_none(), "the old player opens its channel again");
    assert!(!new.ended.is_cancelled());
    tokio::time::advance(Duration::from_secs(31)).await;
    assert!(fixture.grant(wanted(1, 1, Kind::Continuous, 1)).is_some(), "a viewer who returns later");
    assert!(new.ended.is_cancelled());
    assert_eq!(fixture.leases.in_use(LINE), 1);
}

#[tokio::test(start_paused = true)]
async fn a_session_comes_back_only_into_free_room() {
    let fixture = Fixture::new();
    let old = fixture.grant(wanted(1, 1, Kind::Hls, 1)).expect("granted");
    fixture.leases.release(&old);
    let back = Wanted { session: Some(old.id), ..wanted(1, 1, Kind::Hls, 1) };
    assert_eq!(fixture.grant(back).expect("room").id, old.id);
    let other = Wanted { session: None, ..wanted(2, 1, Kind::Hls, 1) };
    fixture.leases.release(&fixture.grant(back).expect("still there"));
    fixture.grant(other).expect("room").hold(Arc::new(()), 1);
    tokio::time::advance(Duration::from_secs(5)).await;
    assert!(fixture.grant(back).is_none(), "a session brought back takes nothing");
}

#[tokio::test(start_paused = true)]
async fn a_sweep_ends_what_is_not_wanted() {
    let fixture = Fixture::new();
    let one = fixture.grant(wanted(1, 1, Kind::Continuous, 5)).expect("granted");
    let two = fixture.grant(wanted(2, 2, Kind::Continuous, 5)).expect("granted");
    fixture.leases.sweep(|lease| lease.channel == ChannelId(2));
    assert!(one.ended.is_cancelled());
    assert!(!two.ended.is_cancelled());
    assert_eq!(fixture.leases.count(), [0, 1, 0]);
}

#[tokio::test(start_paused = true)]
async fn the_oldest_makes_way_where_the_line_says_so() {
    let fixture = Fixture::new();
    let first = fixture.grant(stopping(1, 1, 2)).expect("first");
    let second = fixture.grant(stopping(1, 2, 2)).expect("second");
    let third = fixture.grant(stopping(1, 3, 2)).expect("in the place of the first");
    assert_eq!([&first, &second, &third].map(|lease| lease.ended.is_cancelled()), [true, false, false]);
    assert!(fixture.grant(stopping(1, 1, 2)).is_none(), "its player opens it again by itself");
    assert!(fixture.grant(stopping(2, 1, 2)).is_some(), "its viewer does something else");
    assert!(second.ended.is_cancelled());
    tokio::time::advance(Duration::from_secs(31)).await;
    assert!(fixture.grant(stopping(1, 2, 2)).is_some(), "a viewer who returns later");
    assert_eq!(fixture.leases.in_use(LINE), 2);
    assert!(fixture.grant(stopping(1, 9, 1)).is_some(), "a limit that was lowered");
    assert_eq!(fixture.leases.in_use(LINE), 1);
    let back = Wanted { session: Some(77), ..stopping(1, 8, 1) };
    assert!(fixture.grant(back).is_none(), "a session brought back stops nobody");
}

/// A thousand devices at the same time, on threads of their own.
fn rush(above_limit: AboveLimit) -> (usize, usize) {
    let fixture = Fixture::new();
    let granted: Vec<_> = std::thread::scope(|scope| {
        let ask = |thread: u16| {
            let fixture = &fixture;
            scope.spawn(move || {
                let one = |number: u16| {
                    let mut device = Device([0; 16]);
                    device.0[..2].copy_from_slice(&(thread * 125 + number).to_be_bytes());
                    fixture.grant(Wanted { device, above_limit, ..wanted(1, 0, Kind::Continuous, 3) })
                };
                (0..125).filter_map(one).collect::<Vec<_>>()
            })
        };
        let threads: Vec<_> = (0..8).map(ask).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    assert_eq!(fixture.leases.in_use(LINE), 3);
    let alive = granted.iter().filter(|lease| !lease.ended.is_cancelled()).count();
    (granted.len(), alive)
}

#[test]
fn a_thousand_at_once_get_what_the_line_has() {
    assert_eq!(rush(AboveLimit::DenyNew), (3, 3));
    assert_eq!(rush(AboveLimit::StopOldest), (1000, 3));
}

#[tokio::test(start_paused = true)]
async fn a_kicked_session_does_not_come_back() {
    let fixture = Fixture::new();
    let lease = fixture.grant(wanted(1, 1, Kind::Hls, 1)).expect("granted");
    lease.hold(Arc::new(()), 4);
    lease.sent(600);
    let all = fixture.leases.all();
    assert_eq!((all.len(), all[0].bytes(), &*all[0].user_agent), (1, 600, "a player"));
    assert_eq!(fixture.leases.kick(|other| other.id == lease.id), 1);
    assert!(lease.ended.is_cancelled() && fixture.leases.all().is_empty());
    let back = Wanted { session: Some(lease.id), ..wanted(1, 1, Kind::Hls, 1) };
    assert_eq!(fixture.leases.grant(back, || 9).err(), Some(NoLease::Kicked));
    assert!(fixture.grant(wanted(1, 1, Kind::Hls, 1)).is_some(), "its viewer opens the channel anew");
    assert_eq!(fixture.leases.kick(|other| other.id == lease.id), 0);
}
