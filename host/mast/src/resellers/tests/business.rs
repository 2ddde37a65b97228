//! What resellers do all day.

use mast_store::faults::{FailingDisk, open_state_on};

use super::*;

fn whole(most: usize) -> Page {
    Page { from: None, until: None, after: None, most }
}

#[tokio::test]
async fn credits_go_down_lines_are_sold_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open(&folder);
    let top = shop.reseller("top", None, ResellerLimits::default()).await;
    let sub = shop.reseller("sub", Some(top), ResellerLimits::default()).await;
    let plan = shop.plan("A month", 3).await;
    shop.issue(top, 10).await;
    let down = shop.resellers.transfer(Principal::Reseller(top), (top, sub), Credits(7), "for May".to_owned(), test());
    assert_eq!(down.await.unwrap().movement.reason.text, "for May");
    assert_eq!((shop.has(top), shop.has(sub)), (3, 7));

    let (anna, bought) = shop.buy(sub, plan, "anna").await.unwrap();
    let line = shop.accounts.find(anna).unwrap();
    assert_eq!((line.reseller, line.max_connections, &line.bouquets[..]), (Some(sub), 2, &["sports".to_owned()][..]));
    let ends = line.expires.unwrap();
    assert!(ends > Timestamp::now() + SignedDuration::from_hours(27 * 24));

    let longer = shop.resellers.extend(sub, anna, plan, test()).await.unwrap();
    assert!(longer.expires.unwrap() > ends + SignedDuration::from_hours(27 * 24));
    assert_eq!((shop.has(sub), longer.plan), (1, Some(plan)));
    assert!(insufficient(&shop.resellers.extend(sub, anna, plan, test()).await.unwrap_err()));

    // The last sale goes back first.
    let sub_itself = Principal::Reseller(sub);
    let refund = |entry| shop.resellers.refund(sub_itself, entry, String::new(), test());
    assert!(matches!(refund(bought).await, Err(ResellersError::NotRefunded { .. })));
    refund(EntryId(bought.0 + 1)).await.unwrap();
    assert_eq!((shop.accounts.find(anna).unwrap().expires, shop.has(sub)), (Some(ends), 4));
    refund(bought).await.unwrap();
    assert!(!shop.accounts.find(anna).unwrap().usable(Timestamp::now()));
    assert!(matches!(refund(bought).await, Err(ResellersError::NotRefunded { .. })));
    assert_eq!(shop.has(sub), 7);

    let back = shop.resellers.claw_back(Principal::Reseller(top), sub, Credits(5), String::new(), test());
    back.await.unwrap();
    assert_eq!((shop.has(top), shop.has(sub)), (8, 2));
    shop.resellers.claw_back(HOUSE, top, Credits(8), String::new(), test()).await.unwrap();

    let statement = shop.resellers.statement(Principal::Reseller(top), Account::Reseller(sub), whole(100)).await;
    let changes: Vec<(ReasonCode, i64)> =
        statement.unwrap().rows.iter().map(|row| (row.entry.movement.reason.code, row.change.0)).collect();
    use ReasonCode::{ClawBack, Extension, Purchase, Refund, Transfer};
    let expected = [(Transfer, 7), (Purchase, -3), (Extension, -3), (Refund, 3), (Refund, 3), (ClawBack, -5)];
    assert_eq!(changes, expected);
    assert_eq!(shop.store.prove_ledger().unwrap().issued, Credits(2));

    // And after a restart.
    drop(shop);
    let shop = Shop::open(&folder);
    assert_eq!((shop.has(top), shop.has(sub)), (0, 2));
    assert_eq!(shop.resellers.list(Principal::Reseller(top)).len(), 2);
    assert_eq!(shop.accounts.sold_by(&[top, sub]), 1);
}

#[tokio::test]
async fn lines_are_sold_all_or_none_and_the_refusal_names_the_whole_price() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open(&folder);
    let top = shop.reseller("top", None, ResellerLimits::default()).await;
    let plan = shop.plan("A month", 3).await;
    shop.issue(top, 8).await;
    let requests = |count: u8| (0..count).map(|number| request(&format!("line-{number}"))).collect::<Vec<_>>();
    let error = shop.resellers.buy(top, plan, requests(3), test()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("reseller/{top} has 8 credits and needs 9 credits"));
    assert_eq!((shop.accounts.count(), shop.has(top)), (0, 8));
    let sold = shop.resellers.buy(top, plan, requests(2), test()).await.unwrap();
    assert_eq!((sold.lines.len(), sold.entries.len(), shop.has(top)), (2, 2, 2));
    // A username that is taken costs nothing.
    assert!(shop.resellers.buy(top, plan, requests(1), test()).await.is_err());
    assert_eq!((shop.accounts.count(), shop.has(top)), (2, 2));
    assert_eq!(shop.store.prove_ledger().unwrap().entries, 3);
}

#[tokio::test]
async fn limits_of_everybody_above_hold() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open(&folder);
    let limits = ResellerLimits { lines: Some(2), trials: Some(1), sub_resellers: Some(1), ..Default::default() };
    let top = shop.reseller("top", None, limits).await;
    let sub = shop.reseller("sub", Some(top), ResellerLimits::default()).await;
    let third = NewReseller { parent: Some(sub), ..new_reseller("third") };
    assert!(matches!(shop.resellers.add(HOUSE, third, test()).await, Err(ResellersError::Limit { .. })));

    let plan = shop.plan("A month", 1).await;
    let trial = NewPlan { trial: true, ..new_plan("A day", 0) };
    let trial = shop.resellers.add_plan(trial, test()).await.unwrap().id;
    shop.issue(sub, 10).await;
    shop.issue(top, 10).await;
    let tried = shop.resellers.buy(sub, trial, vec![request("trial")], test()).await.unwrap();
    assert_eq!((tried.entries.len(), shop.has(sub)), (0, 10));
    let again = shop.resellers.buy(top, trial, vec![request("again")], test()).await;
    assert!(matches!(again, Err(ResellersError::Limit { what: "trial lines", .. })));
    shop.buy(top, plan, "anna").await.unwrap();
    assert!(matches!(shop.buy(sub, plan, "ben").await, Err(ResellersError::Limit { what: "lines", .. })));
    // A trial becomes a line without being one more.
    let line = shop.resellers.extend(sub, tried.lines[0].record.id, plan, test()).await.unwrap();
    assert_eq!((line.trial, line.plan), (false, Some(plan)));

    let patch = ResellerPatch { active: Some(false), ..Default::default() };
    shop.resellers.change(HOUSE, top, None, patch, test()).await.unwrap();
    assert!(matches!(shop.buy(sub, plan, "ben").await, Err(ResellersError::Inactive(id)) if id == sub));
}

/// Crash at every step of a purchase: line and ledger are both there, or both absent.
#[tokio::test]
async fn a_purchase_is_whole_whenever_the_disk_fails() {
    let (start, ids) = {
        let folder = tempfile::tempdir().unwrap();
        let shop = Shop::open(&folder);
        let top = shop.reseller("top", None, ResellerLimits::default()).await;
        let plan = shop.plan("A month", 3).await;
        shop.issue(top, 10).await;
        (folder, (top, plan))
    };
    let (top, plan) = ids;
    let mut kept = Vec::new();
    for operations in 0.. {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(start.path().join("state.redb"), folder.path().join("state.redb")).unwrap();
        let disk = FailingDisk::new();
        let shop = Shop::over(open_state_on(folder.path(), disk.clone()).unwrap());
        shop.buy(top, plan, "anna").await.unwrap();
        disk.fail_after(operations);
        let result = shop.buy(top, plan, "ben").await;
        assert_eq!(result.is_ok(), shop.accounts.by_username("ben").is_some(), "memory follows the store");
        if result.is_ok() && !disk.has_failed() {
            break;
        }
        drop(shop);
        let shop = Shop::open(&folder);
        let sold = i64::try_from(shop.accounts.count()).unwrap();
        let proof = shop.store.prove_ledger().unwrap();
        assert_eq!((shop.has(top), proof.entries), (10 - 3 * sold, 1 + shop.accounts.count() as u64));
        assert!(sold == 2 || (sold == 1 && result.is_err()), "after {operations}: {sold} lines, {result:?}");
        kept.push(sold);
        shop.buy(top, plan, "carl").await.unwrap();
    }
    assert!(kept.len() > 3 && kept.contains(&1), "{kept:?}");
}
