//! Pages that are not part of a flow, and the files behind them.

use http::Method;

use crate::app::{PUBLIC_URL, TestApp, on_each};

async fn setup_path(app: &TestApp) -> Option<String> {
    let link = app.engine.make_owner_link(app.account_id).await.unwrap()?;
    Some(link.expose().strip_prefix(PUBLIC_URL).unwrap().to_owned())
}

#[tokio::test]
async fn the_owner_is_created_once() {
    on_each(async |app| {
        let path = setup_path(&app).await.unwrap();
        let (_, token) = path.split_once("token=").unwrap();
        let page = app.get(&path).send().await;
        assert_eq!(page.status, 200);
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert!(page.text.contains(token));

        let wrong = format!("token={token}&email=ada&password=short");
        let refused = app.post("/setup").form(&wrong).send().await;
        assert_eq!(refused.status, 400);
        assert!(
            refused.text.contains("id=\"email-issue\"")
                && refused.text.contains("id=\"password-issue\"")
        );
        assert!(refused.text.contains("value=\"ada\"") && !refused.text.contains("short\""));

        let right = format!("token={token}&email=Ada%40example.com&password=correct+horse+battery");
        let done = app.post("/setup").form(&right).send().await;
        assert_eq!(done.status, 200, "{}", done.text);
        let member = app.engine.store().member_by_email("ada@example.com").await.unwrap().unwrap();
        assert_eq!(member.role, "owner");
        assert!(member.password_hash.starts_with("$argon2id$v=19$m=65536,t=3,p=1$"));

        assert_eq!(app.post("/setup").form(&right).send().await.status, 404);
        assert_eq!(app.get(&path).send().await.status, 404);
        assert_eq!(setup_path(&app).await, None, "there is an owner now");
    })
    .await;
}

#[tokio::test]
async fn an_owner_link_ends_with_its_day_or_with_the_next_one() {
    on_each(async |app| {
        let old = setup_path(&app).await.unwrap();
        let new = setup_path(&app).await.unwrap();
        assert_eq!(app.get(&old).send().await.status, 404);
        assert_eq!(app.get(&new).send().await.status, 200);
        app.advance_s(24 * 60 * 60);
        assert_eq!(app.get(&new).send().await.status, 404);
        assert_eq!(app.get("/setup").send().await.status, 404);
        let json = app.post("/setup").header("content-type", "application/json").send().await;
        assert_eq!(json.status, 415);
    })
    .await;
}

#[tokio::test]
async fn pages_load_nothing_but_our_own_files() {
    on_each(async |app| {
        for path in ["/", "/setup", "/connect-ui/", "/oauth/callback"] {
            let page = app.get(path).send().await;
            let policy = page.header("content-security-policy");
            assert!(
                policy.starts_with("default-src 'none'; style-src 'self'; script-src 'self'"),
                "{path}: {policy}"
            );
            assert!(!policy.contains("unsafe"));
            for link in page.text.split(['"', '\'']).filter(|text| text.starts_with("/static/")) {
                let file = app.get(link).send().await;
                assert_eq!(file.status, 200, "{link}");
                assert!(file.header("cache-control").contains("immutable"));
            }
            assert!(!page.text.contains("://"), "{path} names another server");
        }
        let old = app.get("/static/0000000000000000/style.css").send().await;
        assert_eq!((old.status, old.header("cache-control")), (200, "no-cache"));
        assert_eq!(app.get("/static/x/../../Cargo.toml").send().await.status, 404);
    })
    .await;
}

#[tokio::test]
async fn only_the_connect_page_may_be_framed() {
    on_each(async |app| {
        for path in ["/connect-ui", "/connect-ui/", "/connect-ui/?session_token=x"] {
            let page = app.get(path).send().await;
            assert_eq!(page.status, 200);
            assert!(page.header("content-security-policy").ends_with("frame-ancestors *"));
            assert!(!page.headers.contains_key("x-frame-options"));
            assert!(!page.text.contains("session_token"), "nothing of the address is in the page");
        }
        for path in ["/", "/setup", "/oauth/callback"] {
            let page = app.get(path).send().await;
            assert!(page.header("content-security-policy").contains("frame-ancestors 'none'"));
        }
    })
    .await;
}

#[tokio::test]
async fn other_methods_are_refused_in_json() {
    on_each(async |app| {
        for path in ["/", "/oauth/callback", "/connect-ui/"] {
            let answer = app.call(Method::DELETE, path).send().await;
            assert_eq!(answer.error(), (405, "method_not_allowed".to_owned()));
        }
    })
    .await;
}
