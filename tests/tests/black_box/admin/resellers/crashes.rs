//! kill -9 while lines are sold: each sale is whole or was never made, and the ledger is balanced.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mast_tests::eventually;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{House, wish};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_host_has_sold_whole_lines() {
    let mut house = House::open();
    let plan = house.plan("A month", 1).await;
    let rita = house.seller("rita", None, 10_000).await;
    for round in 0..3 {
        let sold = Arc::new(AtomicUsize::new(0));
        let mut sellers = JoinSet::new();
        for seller in 0..2 {
            let (sold, rita, client) = (Arc::clone(&sold), rita.clone(), mast_tests::client());
            let url = house.office.host.url("/api/v1/sales");
            sellers.spawn(async move {
                let mut number = 0;
                loop {
                    let name = format!("{round}-{seller}-{number}");
                    let lines: Vec<Value> = (0..3).map(|part| wish(&format!("line-{name}-{part}"))).collect();
                    let ask = client.post(&url).header("cookie", &rita.cookie).header("x-csrf-token", &rita.csrf);
                    let ask = ask.header("idempotency-key", &name).header("content-type", "application/json");
                    let body = json!({ "plan": plan, "lines": lines }).to_string();
                    // Gone, or about to be.
                    let Ok(answer) = ask.body(body.clone()).send().await else { return (name, body) };
                    assert_eq!(answer.status().as_u16(), 201);
                    sold.fetch_add(1, Ordering::SeqCst);
                    number += 1;
                }
            });
        }
        eventually("some sales", async || (sold.load(Ordering::SeqCst) > 10 + round).then_some(())).await;
        house.office.host.kill();
        let unanswered = sellers.join_all().await;
        house.office.host.run();
        check(&house, rita.id).await;
        // Whoever got no answer asks again, and has bought it once.
        for (key, body) in unanswered {
            let ask = || {
                let ask = rita.ask(&house, "POST", "/api/v1/sales").with("idempotency-key", &key);
                ask.with("content-type", "application/json").body(body.clone()).send()
            };
            let said = ask().await;
            assert!(said.status == 201 || said.code() == "done_already", "{}", said.text);
            assert!(ask().await.status != 500);
        }
        check(&house, rita.id).await;
    }
}

/// Every line was paid for, everything that was paid for is there, and nothing is missing.
async fn check(house: &House, seller: u64) {
    let lines = house.all("/api/v1/lines").await;
    let rows = house.all(&format!("/api/v1/resellers/{seller}/statement")).await;
    let paid: BTreeSet<u64> = rows.iter().filter_map(|row| row["line"].as_u64()).collect();
    let there: BTreeSet<u64> = lines.iter().filter_map(|line| line["id"].as_u64()).collect();
    assert_eq!((paid.len(), &paid), (rows.len() - 1, &there));
    assert_eq!(there.len() % 3, 0, "sales are of three lines");
    assert_eq!(house.has(seller).await, 10_000 - i64::try_from(there.len()).unwrap());
    house.balances().await;
}
