//! Pages that are not part of a flow, and the files behind them.

use http::Method;

use valetkey_engine::Settings;
use valetkey_server::app::Options;
use valetkey_testkit::on_each_database;

use crate::app::{PUBLIC_URL, TestApp, on_each};

async fn setup_path(app: &TestApp) -> Option<String> {
    let link = app.engine.make_owner_link(app.account_id).await.unwrap()?;
    Some(link.expose().strip_prefix(PUBLIC_URL).unwrap().to_owned())
}

#[tokio::test]
async fn the_owner_is_created_once() {
    on_each_database(async |database| {
        // With passwords hashed as they are for everybody.
        let settings = Settings::new(PUBLIC_URL);
        let app = TestApp::with_settings(database, Options::default(), settings).await;
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
        for path in ["/dashboard/account/sign-in", "/setup", "/connect-ui/", "/oauth/callback"] {
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
            // The texts of the Connect UI are data: they load nothing, and may mention "https://".
            let (markup, _) = page
                .text
                .split_once("<script type=\"application/json\"")
                .unwrap_or((&page.text, ""));
            let markup = markup.replace(PUBLIC_URL, "");
            assert!(!markup.contains("://"), "{path} names another server");
        }
        let old = app.get("/static/0000000000000000/style.css").send().await;
        assert_eq!((old.status, old.header("cache-control")), (200, "no-cache"));
        assert_eq!(app.get("/static/x/../../Cargo.toml").send().await.status, 404);
    })
    .await;
}

#[tokio::test]
async fn the_connect_page_speaks_the_language_asked_for() {
    on_each(async |app| {
        let of = async |path: &str, accepted: &str| {
            let page = app.get(path).header("accept-language", accepted).send().await;
            let vary: Vec<_> = page.headers.get_all("vary").iter().collect();
            assert!(vary.iter().any(|name| *name == "accept-language"), "{vary:?}");
            assert_eq!(page.header("cache-control"), "no-cache");
            page.header("content-language").to_owned()
        };
        assert_eq!(of("/connect-ui/?lang=fr-CA", "de").await, "fr");
        assert_eq!(of("/connect-ui/", "de;q=0.9, xx").await, "de");
        assert_eq!(of("/connect-ui/integrations", "").await, "en");
        assert_eq!(of("/connect-ui/go", "").await, "en");
    })
    .await;
}

/// What a browser loads before the page works, compressed as it travels.
#[tokio::test]
async fn the_connect_page_weighs_less_than_40_kb() {
    /// Bytes of everything together, in every language.
    const BYTES_MAX: usize = 40_000;
    on_each(async |app| {
        for language in ["en", "fr", "de", "es", "pt", "it", "nl", "ja", "ko", "zh"] {
            let path = format!("/connect-ui/?lang={language}");
            let plain = app.get(&path).send().await;
            let mut links: Vec<&str> =
                plain.text.split('"').filter(|text| text.starts_with("/static/")).collect();
            links.sort_unstable();
            links.dedup();
            assert!(links.len() > 10, "{links:?}");
            let mut bytes = app.get(&path).bytes_compressed().await;
            for link in links {
                bytes += app.get(link).bytes_compressed().await;
            }
            assert!(bytes < BYTES_MAX, "{language}: {bytes} bytes");
        }
    })
    .await;
}

#[tokio::test]
async fn a_connect_ui_at_an_address_of_its_own_reaches_the_api_at_its() {
    on_each_database(async |database| {
        let mut options = Options { rate_limit_per_min: 0, ..Options::default() };
        options.connect_page.frame_ancestors = "https://app.example.com".to_owned();
        options.connect_page.api_urls = vec!["https://api.internal.example".to_owned()];
        let settings = Settings {
            connect_url: "https://connect.example.com".to_owned(),
            ..Settings::new("https://api.example.com/keys")
        };
        let mut app = TestApp::with_settings(database, options.clone(), settings).await;
        app.router = valetkey_server::app::connect_router(app.engine.clone(), options);
        for path in ["/", "/go", "/connect-ui/"] {
            let page = app.get(path).header("host", "connect.example.com").send().await;
            assert_eq!(page.status, 200, "{path}");
            assert!(page.text.contains("data-api-url=\"https://api.example.com/keys\""));
            assert!(page.text.contains("data-api-urls=\"https://api.internal.example\""));
            let policy = page.header("content-security-policy");
            for source in
                ["https://api.example.com", "wss://api.example.com", "wss://api.internal.example"]
            {
                assert!(policy.contains(source), "{source} is not in {policy}");
            }
            assert!(policy.ends_with("frame-ancestors https://app.example.com"), "{policy}");
            let mut links = page.text.split('"').filter(|text| text.starts_with("/static/"));
            assert!(links.next().is_some());
        }
        assert_eq!(app.get("/connections").send().await.status, 404, "the API is elsewhere");
        assert_eq!(app.get("/setup").send().await.status, 404);
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
