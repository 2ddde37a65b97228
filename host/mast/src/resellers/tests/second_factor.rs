//! Codes that a reseller logs in with.

use super::*;
use crate::operators::totp::code_now;
use crate::operators::{Credentials, LoginRefusal, Started};

async fn login(shop: &Shop, username: &str, code: Option<String>) -> Result<Started, LoginRefusal> {
    let (username, password) = (username.to_owned(), Secret::new("correct horse"));
    let client = [192, 0, 2, 1].into();
    shop.resellers.login(Credentials { username, password, code, client, user_agent: String::new() }).await
}

#[tokio::test]
async fn a_reseller_s_code_is_taken_once() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open(&folder);
    let top = shop.reseller("top", None, ResellerLimits::default()).await;
    let sub = shop.reseller("sub", Some(top), ResellerLimits::default()).await;
    let early = shop.resellers.confirm_totp(sub, "000000".to_owned(), test()).await;
    assert!(matches!(early, Err(ResellersError::Invalid(_))));
    let enrolment = shop.resellers.begin_totp(sub, test()).await.unwrap();
    assert!(enrolment.url.expose().starts_with("otpauth://totp/"));
    let wrong = shop.resellers.confirm_totp(sub, "000000x".to_owned(), test()).await;
    assert!(matches!(wrong, Err(ResellersError::BadCode)));
    assert!(login(&shop, "sub", None).await.is_ok(), "not before it is confirmed");
    let code = |steps| code_now(&enrolment.secret, steps);
    shop.resellers.confirm_totp(sub, code(-1), test()).await.unwrap();

    assert!(matches!(login(&shop, "sub", None).await, Err(LoginRefusal::CodeNeeded)));
    let used = code(0);
    assert!(login(&shop, "sub", Some(used.clone())).await.is_ok());
    assert!(matches!(login(&shop, "sub", Some(used)).await, Err(LoginRefusal::BadCredentials)), "replayed");
    drop(shop);
    let shop = Shop::open(&folder);
    assert!(matches!(login(&shop, "sub", Some(code(-1))).await, Err(LoginRefusal::BadCredentials)), "older");

    // Lost: whoever stands above takes it away; the reseller itself and strangers do not.
    let other = shop.reseller("other", None, ResellerLimits::default()).await;
    for by in [sub, other] {
        assert!(shop.resellers.reset_totp(Principal::Reseller(by), sub, test()).await.is_err());
    }
    assert!(matches!(shop.resellers.remove_totp(sub, code(-1), test()).await, Err(ResellersError::BadCode)));
    shop.resellers.reset_totp(Principal::Reseller(top), sub, test()).await.unwrap();
    assert!(login(&shop, "sub", None).await.is_ok());
    let text = format!("{:?}", shop.store.audit_log(u64::MAX, 100, &|_: &mast_store::AuditEntry| true).unwrap());
    assert!(text.contains("reseller.confirm_totp") && !text.contains(enrolment.secret.expose()), "{text}");
}
