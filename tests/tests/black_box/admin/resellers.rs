//! Resellers through the API: what they sell all day, and what they do not get at.

mod attacks;
mod business;
mod crashes;
mod tree;

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::{Asking, Office, Said, cookie};

/// Of no password; saves the time of hashing one.
fn hash() -> String {
    format!("$2b$04${}", "a".repeat(53))
}

/// A line that can be sold.
fn wish(username: &str) -> Value {
    json!({ "username": username, "password_hash": hash() })
}

/// Another one each time.
fn fresh() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("key-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// An office, and a key of its owner.
struct House {
    office: Office,
    key: String,
}

/// A reseller who is logged in.
#[derive(Clone)]
struct Seller {
    id: u64,
    cookie: String,
    csrf: String,
}

impl House {
    fn open() -> Self {
        let office = Office::open("");
        let key = office.key("olga", &[]);
        Self { office, key }
    }

    /// As the owner.
    fn ask(&self, method: &str, path: &str) -> Asking {
        self.office.ask(method, path).key(&self.key)
    }

    async fn get(&self, path: &str) -> Value {
        let said = self.ask("GET", path).send().await;
        assert_eq!(said.status, 200, "{path}: {}", said.text);
        said.body
    }

    /// As the owner, with an idempotency key; it must be done.
    async fn post(&self, path: &str, body: Value) -> Value {
        let said = self.ask("POST", path).with("idempotency-key", &fresh()).json(&body).send().await;
        assert_eq!(said.status, 201, "{path}: {}", said.text);
        said.body
    }

    async fn plan(&self, name: &str, price: i64) -> u64 {
        let term = json!({ "count": 1, "unit": "months" });
        let wish = json!({ "name": name, "term": term, "price": price, "max_connections": 2, "refund_hours": 24 });
        self.post("/api/v1/plans", wish).await["id"].as_u64().unwrap()
    }

    async fn issue(&self, to: u64, amount: i64) {
        self.post(&format!("/api/v1/resellers/{to}/issue"), json!({ "amount": amount })).await;
    }

    /// A reseller with every right, the password `password-NAME` and so many credits, logged in.
    async fn seller(&self, name: &str, parent: Option<u64>, credits: i64) -> Seller {
        let rights = json!({ "sub_resellers": true, "claw_back": true, "trials": true, "refunds": true });
        let password = format!("password-{name}");
        let wish = json!({ "username": name, "password": password, "parent": parent, "rights": rights });
        let id = self.post("/api/v1/resellers", wish).await["id"].as_u64().unwrap();
        if credits > 0 {
            self.issue(id, credits).await;
        }
        self.login(name).await
    }

    async fn try_login(&self, name: &str, password: &str) -> Said {
        let body = json!({ "username": name, "password": password });
        self.office.ask("POST", "/api/v1/resellers/login").json(&body).send().await
    }

    async fn login(&self, name: &str) -> Seller {
        let said = self.try_login(name, &format!("password-{name}")).await;
        assert_eq!((said.status, &said.body["role"]), (200, &json!("reseller")), "{}", said.text);
        let csrf = said.body["csrf_token"].as_str().unwrap().to_owned();
        Seller { id: said.body["id"].as_u64().unwrap(), cookie: cookie(&said), csrf }
    }

    async fn has(&self, reseller: u64) -> i64 {
        self.get(&format!("/api/v1/resellers/{reseller}/balance")).await["balance"].as_i64().unwrap()
    }

    /// Every account, as the ledger has it; their sum is zero.
    async fn balances(&self) -> Vec<(String, i64)> {
        let all = self.get("/api/v1/balances?limit=1000").await;
        let balance = |item: &Value| (item["account"].as_str().unwrap().to_owned(), item["balance"].as_i64().unwrap());
        let all: Vec<(String, i64)> = all["items"].as_array().unwrap().iter().map(balance).collect();
        assert_eq!(all.iter().map(|(_, balance)| i128::from(*balance)).sum::<i128>(), 0, "{all:?}");
        all
    }

    /// Everything in a list.
    async fn all(&self, path: &str) -> Vec<Value> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{path}?limit=1000{cursor}")).await;
            all.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(next) = page["next"].as_str() else { return all };
            cursor = format!("&cursor={next}");
        }
    }
}

impl Seller {
    /// As the reseller.
    fn ask(&self, house: &House, method: &str, path: &str) -> Asking {
        house.office.ask(method, path).with("cookie", &self.cookie).with("x-csrf-token", &self.csrf)
    }

    async fn get(&self, house: &House, path: &str) -> Value {
        let said = self.ask(house, "GET", path).send().await;
        assert_eq!(said.status, 200, "{path}: {}", said.text);
        said.body
    }

    /// With an idempotency key of its own.
    async fn post(&self, house: &House, path: &str, body: Value) -> Said {
        self.ask(house, "POST", path).with("idempotency-key", &fresh()).json(&body).send().await
    }

    async fn patch(&self, house: &House, path: &str, body: Value) -> Said {
        self.ask(house, "PATCH", path).json(&body).send().await
    }

    async fn sell(&self, house: &House, plan: u64, usernames: &[&str]) -> Said {
        let lines: Vec<Value> = usernames.iter().map(|username| wish(username)).collect();
        self.post(house, "/api/v1/sales", json!({ "plan": plan, "lines": lines })).await
    }
}
