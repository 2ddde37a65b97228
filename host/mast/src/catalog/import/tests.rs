use super::*;

fn channel(key: &str, name: &str) -> records::Channel {
    records::Channel {
        key: key.into(),
        name: name.into(),
        number: None,
        category: None,
        logo: None,
        epg_id: None,
        upstreams: vec![records::Upstream {
            url: format!("http://tv.example/{key}"),
            kind: "auto".into(),
            headers: Vec::new(),
            expires: None,
            attrs: Vec::new(),
        }],
        catch_up: None,
        attrs: Vec::new(),
    }
}

fn category(key: &str, name: &str, content: &str, order: Option<u32>) -> records::Category {
    records::Category { key: key.into(), name: name.into(), content: content.into(), order, attrs: Vec::new() }
}

fn warnings(remarks: &Remarks) -> Vec<String> {
    remarks.warnings.iter().map(|warning| format!("{}: {}", warning.item, warning.message)).collect()
}

#[test]
fn channels_are_mended_or_left_out_with_a_warning() {
    let mut staging = Staging::new(false);
    let without_upstream = records::Channel { upstreams: Vec::new(), ..channel("e", "Five") };
    let huge = records::Channel { logo: Some("x".repeat(MAX_RECORD)), ..channel("f", "Six") };
    let odd = records::Channel {
        number: Some(0),
        logo: Some(" ".into()),
        epg_id: Some(String::new()),
        category: Some(String::new()),
        ..channel("g", "  Seven ")
    };
    let batch = vec![
        channel("a", "One"),
        channel("a", "Again"),
        channel("b", " "),
        channel("", "Keyless\n"),
        without_upstream,
        huge,
        odd,
    ];
    staging.channels(batch).unwrap();
    let (catalog, remarks) = staging.take(Vec::new());
    assert_eq!(
        warnings(&remarks),
        [
            "channel \"Again\": comes twice with the same key; the first is kept",
            "channel \"b\": has no name",
            "channel \"Keyless \": has no key",
            "channel \"Five\": has no upstream",
            "channel \"Six\": is larger than 64 KiB",
        ]
    );
    let [one, seven] = &catalog.channels[..] else { panic!("{:?}", catalog.channels) };
    assert_eq!((one.name.as_str(), seven.name.as_str()), ("One", "Seven"));
    let optional = (&seven.number, &seven.logo, &seven.epg_id, &seven.category);
    assert_eq!(optional, (&None, &None, &None, &None));
    assert!(catalog.categories.is_empty());
}

#[test]
fn a_resolving_source_needs_no_upstreams() {
    let mut staging = Staging::new(true);
    staging.channels(vec![records::Channel { upstreams: Vec::new(), ..channel("a", "One") }]).unwrap();
    assert_eq!(staging.take(Vec::new()).0.channels.len(), 1);
}

#[test]
fn categories_are_ordered_and_completed() {
    let mut staging = Staging::new(false);
    let batch = vec![
        category("arrived-first", "Arrived first", "live", None),
        category("second", "Second", "live", Some(2)),
        category("films", "Films", "movie", Some(0)),
        category("first", "First", "anything", Some(1)),
        category("first", "Twice", "live", None),
        category("nameless", "", "live", None),
    ];
    staging.categories(batch).unwrap();
    let of = |key: &str, category: &str| records::Channel { category: Some(category.into()), ..channel(key, key) };
    staging.channels(vec![of("a", "made"), of("b", "first"), of("c", "made"), of("d", "films")]).unwrap();
    let (catalog, remarks) = staging.take(Vec::new());
    let names: Vec<_> = catalog.categories.iter().map(|category| category.name.as_str()).collect();
    assert_eq!(names, ["First", "Second", "Arrived first", "nameless", "made", "films"]);
    assert_eq!(
        warnings(&remarks),
        ["category \"first\": comes twice; the first is kept", "category \"nameless\": has no name; its key stands in"]
    );
}

#[test]
fn everything_is_bounded() {
    let mut staging = Staging::new(false);
    let many = |from: usize, count: usize| (from..from + count).map(|n| channel(&n.to_string(), "x")).collect();
    let error = staging.channels(many(0, MAX_BATCH + 1)).unwrap_err();
    assert_eq!((error.code, error.message.as_str()), ("limit", "4097 records in one batch; at most 4096"));
    for from in (0..MAX_CHANNELS - MAX_BATCH).step_by(MAX_BATCH) {
        staging.channels(many(from, MAX_BATCH)).unwrap();
    }
    let error = staging.channels(many(MAX_CHANNELS, MAX_BATCH)).unwrap_err();
    assert_eq!(error.code, "limit");

    let mut staging = Staging::new(false);
    let large = "x".repeat(60 << 10);
    let batch = || (0..1000).map(|_| records::Channel { logo: Some(large.clone()), ..channel("same", "x") }).collect();
    let pushed = (0..10).find_map(|_| staging.channels(batch()).err());
    assert_eq!(pushed.unwrap().message, "more than 512 MiB of text in one catalogue");
}

#[test]
fn warnings_are_counted_and_the_first_hundred_kept() {
    let mut staging = Staging::new(false);
    for line in 0..150 {
        staging.warn(format!("line {line}"), "x".repeat(10_000));
    }
    let remarks = staging.take_remarks();
    assert_eq!((remarks.warning_count, remarks.warnings.len()), (150, 100));
    assert_eq!(remarks.warnings[99].item, "line 99");
    assert_eq!(remarks.warnings[0].message.len(), MAX_WARNING);
}

#[test]
fn kinds_of_upstreams() {
    for (code, expected) in [
        ("auto", UpstreamKind::Auto),
        ("mpegts", UpstreamKind::Mpegts),
        ("hls", UpstreamKind::Hls),
        ("rtsp", UpstreamKind::Rtsp),
        ("file", UpstreamKind::File),
        ("something new", UpstreamKind::Auto),
    ] {
        let mut record = channel("a", "a").upstreams.remove(0);
        record.kind = code.into();
        assert_eq!(upstream(record).kind, expected, "{code}");
    }
}
