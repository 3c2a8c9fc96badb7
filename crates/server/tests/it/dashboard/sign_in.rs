//! Signing in and out.

use std::net::SocketAddr;

use axum::Extension;
use axum::extract::ConnectInfo;
use valetkey_base::Secret;
use valetkey_engine::members::sign_in::SESSION_IDLE;
use valetkey_server::app::Options;
use valetkey_server::middleware::client_address::TrustedProxies;

use super::person::{PASSWORD, cookie_named, csrf_of};
use crate::app::{Answer, TestApp, on_each};

const SIGN_IN: &str = "/dashboard/account/sign-in";

/// The sign-in form as a browser that was never here sends it.
async fn try_with(app: &TestApp, email: &str, password: &str, next: &str) -> Answer {
    try_from(app, "", (email, password), next).await
}

/// The same through proxies that say for whom.
async fn try_from(
    app: &TestApp,
    forwarded_for: &str,
    (email, password): (&str, &str),
    next: &str,
) -> Answer {
    let page = app.get(SIGN_IN).send().await;
    assert_eq!(page.status, 200);
    let visitor = cookie_named(&page, "valetkey_visitor").unwrap();
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("csrf", &csrf_of(&page))
        .append_pair("email", email)
        .append_pair("password", password)
        .append_pair("next", next)
        .finish();
    let form = app.post(SIGN_IN).cookie(&visitor).form(&form);
    form.header("x-forwarded-for", forwarded_for).send().await
}

#[tokio::test]
async fn somebody_signs_in_goes_on_and_signs_out() {
    on_each(async |app: TestApp| {
        app.owner().await;
        let asked = app.get("/dashboard/dev?x=1").send().await;
        assert_eq!(asked.location(), format!("{SIGN_IN}?next=%2Fdashboard%2Fdev%3Fx%3D1"));
        let done = try_with(&app, " Owner@Example.com", PASSWORD, "/dashboard/dev?x=1").await;
        assert_eq!((done.status, done.location().as_str()), (303, "/dashboard/dev?x=1"));
        let line = done.header("set-cookie");
        assert!(
            line.contains("HttpOnly; SameSite=Lax") && line.contains("Path=/dashboard"),
            "{line}"
        );
        let cookie = done.cookie();

        let home = app.get("/dashboard/dev").cookie(&cookie).send().await;
        assert_eq!(home.status, 200);
        assert!(home.text.contains("owner@example.com"));
        let form = format!("csrf={}", csrf_of(&home));
        let out = app.post("/dashboard/account/sign-out").cookie(&cookie).form(&form).send().await;
        assert_eq!(out.status, 303);
        assert!(out.header("set-cookie").starts_with("valetkey_session=;"));
        // The token itself is dead, not only the cookie.
        assert_eq!(app.get("/dashboard/dev").cookie(&cookie).send().await.status, 303);
    })
    .await;
}

#[tokio::test]
async fn nobody_is_sent_elsewhere_after_signing_in() {
    on_each(async |app: TestApp| {
        app.owner().await;
        for next in ["https://evil.example/", "//evil.example", "/dashboard/..//evil.example", "/x"]
        {
            let done = try_with(&app, "owner@example.com", PASSWORD, next).await;
            assert_eq!(done.location(), "/dashboard/", "{next}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_session_says_where_it_is_from_and_only_own_proxies_are_believed() {
    valetkey_testkit::on_each_database(async |database| {
        let trusted_proxies = TrustedProxies::parse("10.0.0.0/8").unwrap();
        let options = Options { trusted_proxies, ..Default::default() };
        let mut app = TestApp::with_options(database, options).await;
        app.owner().await;
        let behind = app.router.clone();
        let owner = ("owner@example.com", PASSWORD);
        for (peer, expected) in
            [("10.0.0.1:4000", "203.0.113.9"), ("198.51.100.4:1", "198.51.100.4")]
        {
            let peer: SocketAddr = peer.parse().unwrap();
            app.router = behind.clone().layer(Extension(ConnectInfo(peer)));
            let done = try_from(&app, "6.6.6.6, 203.0.113.9", owner, "").await;
            let profile = app.get("/dashboard/account/profile").cookie(&done.cookie()).send().await;
            assert!(profile.text.contains(expected), "{}", profile.text);
            assert!(!profile.text.contains("6.6.6.6"));
        }
    })
    .await;
}

#[tokio::test]
async fn guessing_ends_in_waiting_and_says_nothing_of_who_is_there() {
    on_each(async |app: TestApp| {
        app.owner().await;
        let unknown = try_with(&app, "nobody@example.com", "wrong wrong wrong", "").await;
        let wrong = try_with(&app, "owner@example.com", "wrong wrong wrong", "").await;
        for answer in [&unknown, &wrong] {
            assert_eq!(answer.status, 400);
            assert!(answer.text.contains("The address or the password is wrong."));
            assert!(!answer.text.contains("wrong wrong wrong"), "no password comes back");
        }
        for _ in 0..5 {
            try_with(&app, "owner@example.com", "wrong wrong wrong", "").await;
        }
        let locked = try_with(&app, "owner@example.com", PASSWORD, "").await;
        assert_eq!(locked.status, 400);
        assert!(locked.text.contains("Too many wrong attempts. Try again in"), "{}", locked.text);
        let other = try_with(&app, "nobody@example.com", "wrong wrong wrong", "").await;
        assert!(
            other.text.contains("The address or the password is wrong."),
            "only that one waits"
        );
        app.advance_s(60);
        assert_eq!(try_with(&app, "owner@example.com", PASSWORD, "").await.status, 303);
    })
    .await;
}

#[tokio::test]
async fn a_session_ends_after_a_week_of_quiet() {
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        for _ in 0..3 {
            app.advance_s(SESSION_IDLE.as_secs() - 60);
            assert_eq!(owner.get("/dev").await.status, 200, "it was used in time");
        }
        app.advance_s(SESSION_IDLE.as_secs() + 1);
        assert_eq!(owner.get("/dev").await.status, 303);
    })
    .await;
}

#[tokio::test]
async fn a_removed_member_is_out_at_once() {
    on_each(async |app: TestApp| {
        let support = app.person(valetkey_engine::members::Role::Support).await;
        assert_eq!(support.get("/dev").await.status, 200);
        let member = app.engine.store().member_by_email("support@example.com").await.unwrap();
        let id = member.unwrap().id.to_string();
        let removed = app.owner().await.post("/account/team/remove", &[("id", &id)]).await;
        assert_eq!(removed.status, 303);
        assert_eq!(support.get("/dev").await.status, 303);
        let password = Secret::new(PASSWORD);
        let browser = super::person::browser();
        let again = app.engine.sign_in("support@example.com", &password, browser).await;
        assert!(again.is_err());
    })
    .await;
}
