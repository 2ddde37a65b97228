//! What must not go: outside of the tree, twice, below zero, beyond one's rights.

use super::*;

/// Two trees with one reseller below each; the first has credits.
async fn two_trees(shop: &Shop) -> [ResellerId; 4] {
    let one = shop.reseller("one", None, ResellerLimits::default()).await;
    let below_one = shop.reseller("below-one", Some(one), ResellerLimits::default()).await;
    let two = shop.reseller("two", None, ResellerLimits::default()).await;
    let below_two = shop.reseller("below-two", Some(two), ResellerLimits::default()).await;
    shop.issue(one, 100).await;
    shop.issue(below_two, 100).await;
    [one, below_one, two, below_two]
}

#[tokio::test]
async fn nobody_reaches_outside_of_the_tree() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open(&folder);
    let [one, below_one, two, below_two] = two_trees(&shop).await;
    let plan = shop.plan("A month", 3).await;
    let (line, sale) = shop.buy(below_two, plan, "anna").await.unwrap();
    let nobody = ResellerId(999);
    let before = shop.store.balances().unwrap();
    let by = Principal::Reseller(one);
    let room = &shop.resellers;
    for outside in [two, below_two, nobody] {
        let none = |error: &ResellersError| error.to_string() == format!("there is no reseller {outside}");
        assert!(room.find(by, outside).is_none() && !room.sees(by, Some(outside)));
        assert!(none(&room.balance(by, outside).await.unwrap_err()));
        let page = Page { from: None, until: None, after: None, most: 1 };
        assert!(none(&room.statement(by, Account::Reseller(outside), page).await.unwrap_err()));
        assert!(none(&room.transfer(by, (one, outside), Credits(1), String::new(), test()).await.unwrap_err()));
        assert!(none(&room.claw_back(by, outside, Credits(1), String::new(), test()).await.unwrap_err()));
        let patch = ResellerPatch { active: Some(false), ..Default::default() };
        assert!(none(&room.change(by, outside, None, patch, test()).await.unwrap_err()));
        let new = NewReseller { parent: Some(outside), ..new_reseller("new") };
        assert!(none(&room.add(by, new, test()).await.unwrap_err()));
    }
    // Credits of those below are theirs until they are clawed back.
    let others = room.transfer(by, (below_two, below_one), Credits(1), String::new(), test()).await;
    assert!(matches!(others, Err(ResellersError::NoSuchReseller(_))));
    for id in [line, LineId(999)] {
        assert_eq!(room.extend(one, id, plan, test()).await.unwrap_err().to_string(), format!("there is no line {id}"));
    }
    for id in [sale, EntryId(999)] {
        let error = room.refund(by, id, String::new(), test()).await.unwrap_err();
        assert_eq!(error.to_string(), format!("the ledger has no entry {id}"));
    }
    for house in [Account::Issued, Account::Sales] {
        let page = Page { from: None, until: None, after: None, most: 1 };
        assert!(matches!(room.statement(by, house, page).await, Err(ResellersError::NoSuchAccount(_))));
    }
    assert_eq!(shop.store.balances().unwrap(), before);
}

#[tokio::test]
async fn nobody_helps_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open(&folder);
    let [one, below, ..] = two_trees(&shop).await;
    let (room, by) = (&shop.resellers, Principal::Reseller(below));
    let patches = [
        ResellerPatch { rights: Some(ResellerRights::ALL), ..Default::default() },
        ResellerPatch { limits: Some(ResellerLimits::default()), ..Default::default() },
        ResellerPatch { active: Some(true), ..Default::default() },
        ResellerPatch { parent: Some(None), ..Default::default() },
        ResellerPatch { notes: Some("good payer".to_owned()), ..Default::default() },
    ];
    for patch in patches {
        let error = room.change(by, below, None, patch.clone(), test()).await.unwrap_err();
        assert!(matches!(error, ResellersError::Itself(_)), "{patch:?}: {error}");
    }
    let own = ResellerPatch { branding: Some("Below Ltd.".to_owned()), ..Default::default() };
    assert_eq!(room.change(by, below, None, own, test()).await.unwrap().branding, "Below Ltd.");
    // Upwards, to itself, to whoever is above: nothing.
    for (from, to) in [(below, one), (below, below), (one, below)] {
        assert!(room.transfer(by, (from, to), Credits(1), String::new(), test()).await.is_err(), "{from} to {to}");
    }
    for from in [one, below] {
        assert!(room.claw_back(by, from, Credits(1), String::new(), test()).await.is_err(), "{from}");
    }
    let overdraft = ResellerLimits { overdraft: Credits(1), ..Default::default() };
    let rich = NewReseller { limits: overdraft, ..new_reseller("rich") };
    assert!(matches!(room.add(by, rich, test()).await, Err(ResellersError::HouseOnly(_))));
    let less =
        ResellerPatch { rights: Some(ResellerRights { trials: false, ..ResellerRights::ALL }), ..Default::default() };
    room.change(HOUSE, below, None, less, test()).await.unwrap();
    let error = room.add(by, new_reseller("more"), test()).await.unwrap_err();
    assert!(matches!(error, ResellersError::MayNot { right: "trials", .. }), "{error}");
    let circle = ResellerPatch { parent: Some(Some(below)), ..Default::default() };
    assert!(matches!(room.change(HOUSE, one, None, circle, test()).await, Err(ResellersError::Tree(_))));
}

#[tokio::test]
async fn amounts_that_are_none_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open(&folder);
    let [one, below, ..] = two_trees(&shop).await;
    let (room, by) = (&shop.resellers, Principal::Reseller(one));
    let before = shop.store.balances().unwrap();
    for amount in [0, -1, i64::MIN, i64::MAX, 101].map(Credits) {
        let text = String::new;
        assert!(room.transfer(by, (one, below), amount, text(), test()).await.is_err(), "{amount}");
        assert!(room.claw_back(by, below, amount, text(), test()).await.is_err(), "{amount}");
        if amount != Credits(101) {
            assert!(room.issue(one, amount, text(), test()).await.is_err(), "{amount}");
        }
    }
    assert!(room.add_plan(new_plan("negative", -1), test()).await.is_err());
    let dear = shop.plan("dear", i64::MAX).await;
    let two = vec![request("a"), request("b")];
    assert!(room.buy(one, dear, two, test()).await.is_err());
    assert_eq!((shop.store.balances().unwrap(), shop.accounts.count()), (before, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_last_credit_buys_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open(&folder);
    let top = shop.reseller("top", None, ResellerLimits::default()).await;
    let plan = shop.plan("A month", 1).await;
    for round in 0..5 {
        shop.issue(top, 1).await;
        let requests = (0..8).map(|number| request(&format!("line-{round}-{number}")));
        let sales = requests.map(|request| shop.resellers.buy(top, plan, vec![request], test()));
        let results = futures_util::future::join_all(sales).await;
        let (sold, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!((sold.len(), shop.has(top), shop.accounts.count()), (1, 0, round + 1));
        assert!(refused.iter().all(|result| result.as_ref().is_err_and(insufficient)));
    }
    shop.store.prove_ledger().unwrap();
}

/// Nothing moves, everything else goes on, and it is said what to do.
#[tokio::test]
async fn a_damaged_ledger_stands_still() {
    let folder = tempfile::tempdir().unwrap();
    let (top, plan) = {
        let shop = Shop::open(&folder);
        let top = shop.reseller("top", None, ResellerLimits::default()).await;
        shop.issue(top, 5).await;
        (top, shop.plan("A month", 1).await)
    };
    mast_store::faults::spoil_ledger(folder.path(), top).unwrap();
    let shop = Shop::open(&folder);
    assert!(shop.resellers.damage().is_some());
    let error = shop.resellers.issue(top, Credits(1), String::new(), test()).await.unwrap_err();
    assert!(error.to_string().contains("restore the data folder from a backup"), "{error}");
    let refused = [
        shop.buy(top, plan, "anna").await.unwrap_err(),
        shop.resellers.claw_back(HOUSE, top, Credits(1), String::new(), test()).await.unwrap_err(),
    ];
    assert!(refused.iter().all(|error| matches!(error, ResellersError::DamagedLedger(_))), "{refused:?}");
    let patch = ResellerPatch { branding: Some("still here".to_owned()), ..Default::default() };
    shop.resellers.change(HOUSE, top, None, patch, test()).await.unwrap();
    assert_eq!(shop.accounts.count(), 0);
}

#[tokio::test]
async fn a_request_sent_twice_buys_once() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open(&folder);
    let top = shop.reseller("top", None, ResellerLimits::default()).await;
    let plan = shop.plan("A month", 1).await;
    shop.issue(top, 5).await;
    let once = mast_store::Once { principal: "reseller/1".into(), key: "k".into(), fingerprint: "f".into() };
    let change = Change { once: Some(once), ..test() };
    shop.resellers.buy(top, plan, vec![request("anna")], change.clone()).await.unwrap();
    assert!(shop.resellers.buy(top, plan, vec![request("ben")], change).await.is_err());
    assert_eq!((shop.has(top), shop.accounts.count()), (4, 1));
}

#[tokio::test]
async fn the_plan_is_not_the_buyers_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open(&folder);
    let top = shop.reseller("top", None, ResellerLimits::default()).await;
    let (plan, better) = (shop.plan("A month", 1).await, shop.plan("Better", 5).await);
    shop.issue(top, 5).await;
    for terms in [
        LineTerms { max_connections: Some(100), ..LineTerms::default() },
        LineTerms { expires: Some(None), ..LineTerms::default() },
        LineTerms { bouquets: Some(Vec::new()), ..LineTerms::default() },
        LineTerms { trial: Some(false), ..LineTerms::default() },
    ] {
        let request = LineRequest { terms, ..request("anna") };
        let error = shop.resellers.buy(top, plan, vec![request], test()).await.unwrap_err();
        assert!(matches!(error, ResellersError::Invalid(_)), "{error}");
    }
    // Years of a cheap plan do not become years of a dear one.
    let (anna, _) = shop.buy(top, plan, "anna").await.unwrap();
    let error = shop.resellers.extend(top, anna, better, test()).await.unwrap_err();
    assert!(matches!(error, ResellersError::NotExtended { .. }), "{error}");
    assert_eq!(shop.has(top), 4);
}
