//! What members change about themselves.

use super::person::{PASSWORD, Person, browser, cookie_named, csrf_of};
use crate::app::{TestApp, on_each};
use aws_lc_rs::hmac;
use data_encoding::BASE32_NOPAD;
use valetkey_base::Secret;

/// The code an authenticator app shows (RFC 6238).
pub(crate) fn code(secret: &str, at_s: i64) -> String {
    let key = BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
    let tag = hmac::sign(&key, &(at_s / 30).to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 15);
    let number = u32::from_be_bytes(tag[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    text.split_once(before).unwrap().1.split_once(after).unwrap().0
}

#[tokio::test]
async fn a_second_factor_is_proven_asked_for_and_works_once_per_code() {
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        let page = owner.get("/account/profile/second-factor").await;
        let secret = between(&page.text, "data-copy>", "</code>").to_owned();
        let step = between(&page.text, "name=\"step\" value=\"", "\"").to_owned();
        let path = "/account/profile/second-factor";
        let wrong = owner.post(path, &[("step", &step), ("code", "000000")]).await;
        assert_eq!(wrong.status, 400);
        assert!(wrong.text.contains("id=\"code-issue\"") && wrong.text.contains(&secret));
        let now_s = || app.clock.now().millis() / 1000;
        let first = code(&secret, now_s());
        let on = owner.post(path, &[("step", &step), ("code", &first)]).await;
        assert_eq!(on.status, 200, "{}", on.text);
        let recovery = between(&on.text, "<li><code>", "</code>").to_owned();

        let ask = async || {
            let page = app.get("/dashboard/account/sign-in").send().await;
            let visitor = cookie_named(&page, "valetkey_visitor").unwrap();
            let form = format!(
                "csrf={}&email=owner%40example.com&password={}",
                csrf_of(&page),
                PASSWORD.replace(' ', "+")
            );
            let asked = app.post("/dashboard/account/sign-in").cookie(&visitor).form(&form);
            let asked = asked.send().await;
            assert_eq!(asked.status, 200, "no session yet: {}", asked.text);
            let step = between(&asked.text, "name=\"step\" value=\"", "\"").to_owned();
            (visitor, csrf_of(&asked), step)
        };
        let enter = async |(visitor, csrf, step): &(String, String, String), code: &str| {
            let form = format!("csrf={csrf}&step={step}&code={code}");
            app.post("/dashboard/account/sign-in/code").cookie(visitor).form(&form).send().await
        };
        let asked = ask().await;
        assert_eq!(enter(&asked, &first).await.status, 400, "that code was used");
        app.advance_s(30);
        let second = code(&secret, now_s());
        let done = enter(&asked, &second).await;
        assert_eq!(done.status, 303);
        assert_eq!(enter(&asked, &second).await.status, 400, "the step is used up");
        let asked = ask().await;
        assert_eq!(enter(&asked, &recovery).await.status, 303);
        let asked = ask().await;
        assert_eq!(enter(&asked, &recovery).await.status, 400, "each recovery code works once");

        let me = Person::with_cookie(&app, done.cookie()).await;
        let profile = me.get("/account/profile").await;
        assert!(profile.text.contains("Recovery codes left: 9"), "{}", profile.text);
        let off = "/account/profile/second-factor/off";
        assert_eq!(me.post(off, &[("confirm", "wrong")]).await.status, 400);
        assert_eq!(me.post(off, &[("confirm", PASSWORD)]).await.status, 303);
        Person::sign_in(&app, "owner@example.com").await;
    })
    .await;
}

#[tokio::test]
async fn a_new_password_needs_the_old_one_and_ends_other_sessions() {
    on_each(async |app: TestApp| {
        let here = app.owner().await;
        let elsewhere = Person::sign_in(&app, "owner@example.com").await;
        let path = "/account/profile/password";
        let wrong = here.post(path, &[("current", "no"), ("password", "another long one")]).await;
        assert_eq!(wrong.status, 400);
        assert!(wrong.text.contains("id=\"current-issue\""));
        let short = here.post(path, &[("current", PASSWORD), ("password", "short")]).await;
        assert!(short.text.contains("id=\"password-issue\""));
        let fields = [("current", PASSWORD), ("password", "another long one")];
        assert_eq!(here.post(path, &fields).await.status, 303);
        assert_eq!(here.get("/dev").await.status, 200);
        assert_eq!(elsewhere.get("/dev").await.status, 303);
        let new = Secret::new("another long one");
        assert!(app.engine.sign_in("owner@example.com", &new, browser()).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one() {
    on_each(async |app: TestApp| {
        let here = app.owner().await;
        let elsewhere = Person::sign_in(&app, "owner@example.com").await;
        let page = here.get("/account/profile").await;
        assert!(page.text.contains("192.0.2.7") && page.text.contains("this one"));
        let id = between(&page.text, "name=\"id\" value=\"", "\"");
        assert_eq!(here.post("/account/profile/sessions/end", &[("id", id)]).await.status, 303);
        assert_eq!(elsewhere.get("/dev").await.status, 303);
        assert_eq!(here.get("/dev").await.status, 200);
        assert_eq!(here.post("/account/profile/sessions/end", &[("id", "x")]).await.status, 404);
        let third = Person::sign_in(&app, "owner@example.com").await;
        assert_eq!(here.post("/account/profile/sessions/end-others", &[]).await.status, 303);
        assert_eq!(third.get("/dev").await.status, 303);
    })
    .await;
}

#[tokio::test]
async fn colours_are_kept_by_the_browser() {
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        let fields = [("theme", "dark"), ("here", "/dashboard/dev?x=1")];
        let set = owner.post("/account/theme", &fields).await;
        assert_eq!(set.location(), "/dashboard/dev?x=1");
        let both = format!("{}; {}", owner.cookie, cookie_named(&set, "valetkey_theme").unwrap());
        let page = app.get("/dashboard/dev").cookie(&both).send().await;
        assert!(page.text.contains("<html lang=\"en\" data-theme=\"dark\">"));
        let fields = [("theme", "\"><script>"), ("here", "https://evil.example/")];
        let odd = owner.post("/account/theme", &fields).await;
        assert_eq!(odd.location(), "/dashboard/");
        assert!(odd.header("set-cookie").starts_with("valetkey_theme=;"));
    })
    .await;
}
