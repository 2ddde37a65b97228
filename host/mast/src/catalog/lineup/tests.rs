use mast_model::InstanceId;
use proptest::prelude::*;

use super::*;

fn channel(id: u32, number: Option<u32>, category: Option<u32>) -> Arc<Channel> {
    Arc::new(Channel {
        id: ChannelId(id),
        source: InstanceId::new("s").unwrap(),
        key: id.to_string(),
        name: format!("Channel {id}"),
        number,
        category: category.map(CategoryId),
        logo: None,
        epg_id: None,
        upstreams: Vec::new(),
        catch_up: None,
        attrs: Vec::new(),
    })
}

fn category(id: u32) -> Arc<Category> {
    let source = InstanceId::new("s").unwrap();
    Arc::new(Category { id: CategoryId(id), source, key: id.to_string(), name: format!("Category {id}"), order: id })
}

fn numbered(numbers: &[Option<u32>]) -> Vec<u32> {
    let channels = (1..).zip(numbers).map(|(id, number)| channel(id, *number, None)).collect();
    Lineup::new(channels, []).entries.iter().map(|entry| entry.number).collect()
}

#[test]
fn numbers_are_the_sources_or_the_next_free() {
    assert_eq!(numbered(&[]), Vec::<u32>::new());
    assert_eq!(numbered(&[None, None, None]), [1, 2, 3]);
    assert_eq!(numbered(&[Some(5), None, Some(1), None]), [5, 2, 1, 3]);
    assert_eq!(numbered(&[Some(7), Some(7), Some(0)]), [7, 1, 2]);
    assert_eq!(numbered(&[None, Some(1)]), [2, 1]);
    assert_eq!(numbered(&[Some(u32::MAX), None]), [u32::MAX, 1]);
}

proptest! {
    #[test]
    fn numbers_are_unique(numbers in prop::collection::vec(prop::option::of(0_u32..20), 0..40)) {
        let given = numbered(&numbers);
        let unique: HashSet<_> = given.iter().collect();
        prop_assert_eq!(unique.len(), numbers.len());
        prop_assert!(!given.contains(&0));
        let none_given = numbers.iter().all(Option::is_none);
        prop_assert!(!none_given || given.iter().copied().eq(1..=u32::try_from(numbers.len()).unwrap()));
    }
}

#[test]
fn only_categories_that_occur() {
    let lineup = Lineup::new(vec![channel(1, None, Some(3)), channel(2, None, None)], [category(2), category(3)]);
    assert_eq!(lineup.categories, [category(3)]);
    assert_eq!(lineup.category(CategoryId(3)).unwrap().name, "Category 3");
    assert!(lineup.category(CategoryId(2)).is_none());
    assert_eq!(lineup.find(ChannelId(2)).unwrap().number, 2);
    assert!(lineup.find(ChannelId(3)).is_none());
}

#[test]
fn the_version_follows_what_viewers_see() {
    let version = |change: &dyn Fn(&mut Channel)| {
        let mut one = channel(1, None, None);
        change(Arc::make_mut(&mut one));
        Lineup::new(vec![one, channel(2, None, None)], []).version
    };
    let before = version(&|_| {});
    assert_eq!(before, version(&|_| {}));
    assert_eq!(before, version(&|channel| channel.upstreams.clear()));
    let changes: [&dyn Fn(&mut Channel); 5] = [
        &|channel| channel.name.push('!'),
        &|channel| channel.number = Some(9),
        &|channel| channel.logo = Some("x".into()),
        &|channel| channel.epg_id = Some("x".into()),
        &|channel| channel.attrs.push(("radio".into(), "true".into())),
    ];
    let versions: HashSet<u64> = changes.iter().map(|change| version(change)).chain([before]).collect();
    assert_eq!(versions.len(), 6);
}
