//! Settings of an environment: keys, webhooks, callback URL, Connect UI, variables, and the
//! environments themselves.

use axum::Router;
use axum::extract::RawQuery;
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use http::StatusCode;
use valetkey_engine::EnvironmentSettings;
use valetkey_engine::members::Role;

use super::person::Person;
use crate::app::{TestApp, on_each};

/// The key that a page shows once.
#[track_caller]
fn shown_key(page: &str) -> String {
    let (_, rest) = page.split_once(">vk_").unwrap_or_else(|| panic!("no key: {page}"));
    format!("vk_{}", rest.split('<').next().unwrap())
}

async fn status_with(app: &TestApp, key: &str) -> u16 {
    app.get("/integrations").bearer(key).send().await.status
}

/// The settings of `dev`.
async fn stored(app: &TestApp) -> EnvironmentSettings {
    app.engine.environment(app.environment.id).await.unwrap().settings.clone()
}

/// Whether the audit trail has an action.
async fn audited(app: &TestApp, action: &str) -> bool {
    app.engine.recorder().flush().await.unwrap();
    app.engine.audit_actions().await.unwrap().iter().any(|known| known == action)
}

async fn key_id(app: &TestApp, name: &str) -> String {
    let keys = app.engine.api_keys(app.account_id, app.environment.id).await.unwrap();
    keys.iter().find(|key| key.display_name == name).unwrap().id.to_string()
}

#[tokio::test]
async fn a_key_is_shown_once_does_what_was_ticked_and_is_replaced_with_overlap() {
    on_each(async |app: TestApp| {
        let me = app.person(Role::Developer).await;
        let path = "/dev/settings/keys";
        let wrong = me.post(path, &[("name", ""), ("kind", "custom"), ("lifetime", "x")]).await;
        assert_eq!(wrong.status, 400);
        for field in ["name", "scope", "lifetime"] {
            assert!(wrong.text.contains(&format!("id=\"{field}-issue\"")), "{field}");
        }
        let unknown = [("name", "x"), ("kind", "custom"), ("lifetime", "30d"), ("scope", "all:*")];
        assert!(me.post(path, &unknown).await.text.contains("One of these is not known."));

        let scope = "environment:integrations:list";
        let fields = [("name", "ci"), ("kind", "custom"), ("lifetime", "30d"), ("scope", scope)];
        let made = me.post(path, &fields).await;
        assert_eq!(made.status, 200);
        let first = shown_key(&made.text);
        assert_eq!(status_with(&app, &first).await, 200);
        let connections = app.get("/connections").bearer(&first).send().await;
        assert_eq!(connections.status, 403, "it was not ticked");
        let page = me.get(path).await;
        assert!(!page.text.contains(&first), "it is shown once");
        assert!(page.text.contains(&first[..10]) && page.text.contains("in 30 days"));
        let again = me.post(path, &fields).await;
        assert_eq!(again.status, 400);
        assert!(again.text.contains("id=\"name-issue\"") && again.text.contains("checked"));

        let id = key_id(&app, "ci").await;
        let replaced = me.post(&format!("{path}/rotate"), &[("id", &id), ("overlap", "1h")]).await;
        let second = shown_key(&replaced.text);
        assert_eq!([status_with(&app, &first).await, status_with(&app, &second).await], [200, 200]);
        app.clock.advance(std::time::Duration::from_mins(61));
        assert_eq!([status_with(&app, &first).await, status_with(&app, &second).await], [401, 200]);

        let me = Person::sign_in(&app, "developer@example.com").await;
        let id = key_id(&app, "ci").await;
        let revoke = format!("{path}/revoke");
        let wrong = me.post(&revoke, &[("id", &id), ("confirm", "CI")]).await;
        assert!(wrong.status == 400 && wrong.text.contains("id=\"confirm-issue\""));
        assert_eq!(status_with(&app, &second).await, 200);
        assert_eq!(me.post(&revoke, &[("id", &id), ("confirm", "ci")]).await.status, 303);
        assert_eq!(status_with(&app, &second).await, 401);
        assert_eq!(me.post(&revoke, &[("id", &id), ("confirm", "ci")]).await.status, 404);
        for name in ["api_key.created", "api_key.rotated", "api_key.revoked"] {
            assert!(audited(&app, name).await, "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn webhooks_are_set_tested_looked_at_and_sent_again() {
    on_each(async |app: TestApp| {
        let receiver =
            app.serve_beside(Router::new().route("/hook", post(|| async { "thanks" }))).await;
        let me = app.person(Role::Developer).await;
        let path = "/dev/settings/webhooks";
        let wrong = [("webhook_url", "ftp://x"), ("on_auth_refresh_success", "true")];
        let refused = me.post(path, &wrong).await;
        assert!(refused.status == 400 && refused.text.contains("id=\"webhook_url-issue\""));
        assert!(me.get(path).await.text.contains("Save a URL first."), "nothing was changed");
        assert_eq!(me.post(&format!("{path}/test"), &[]).await.status, 400);

        let url = format!("{receiver}/hook");
        let fields = [("webhook_url", url.as_str()), ("on_auth_refresh_success", "true")];
        assert_eq!(me.post(path, &fields).await.status, 303);
        let settings = stored(&app).await;
        assert_eq!(settings.webhook_url.as_deref(), Some(url.as_str()));
        assert!(settings.on_auth_refresh_success && !settings.on_auth_creation);

        let sent = async {
            while app.engine.deliver_due_once().await.unwrap() == 0 {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        let test = format!("{path}/test");
        let (answer, ()) = tokio::join!(me.post(&test, &[]), sent);
        assert_eq!(answer.status, 303);
        let page = me.get(path).await;
        assert!(page.text.contains("delivered") && page.text.contains(">200"), "{}", page.text);
        let (_, rest) = page.text.split_once("/settings/webhooks/deliveries/").unwrap();
        let id = rest.split('"').next().unwrap().to_owned();
        let detail = me.get(&format!("{path}/deliveries/{id}")).await;
        assert!(detail.text.contains("thanks") && detail.text.contains("webhook-id"));
        let support = app.person(Role::Support).await;
        assert_eq!(support.post(&format!("{path}/replay"), &[("id", &id)]).await.status, 303);
        assert_eq!(app.engine.deliver_due_once().await.unwrap(), 1);
        let elsewhere = me.get(&format!("/prod/settings/webhooks/deliveries/{id}")).await;
        assert_eq!(elsewhere.status, 404);
    })
    .await;
}

#[tokio::test]
async fn the_signing_key_is_shown_to_whom_may_see_it_and_replaced() {
    on_each(async |app: TestApp| {
        let me = app.person(Role::Developer).await;
        let path = "/dev/settings/webhooks";
        let keys = app.engine.signing_keys(app.environment.id).await.unwrap();
        assert!(!me.get(path).await.text.contains(keys[0].expose()));
        let shown = me.post(&format!("{path}/signing-key"), &[]).await;
        assert!(shown.text.contains(keys[0].expose()));
        assert!(audited(&app, "webhook_signing_key.read").await);
        assert_eq!(me.post(&format!("{path}/signing-key/rotate"), &[]).await.status, 303);
        let now = app.engine.signing_keys(app.environment.id).await.unwrap();
        assert!(now.len() == 2 && now[1].expose() == keys[0].expose());
        let support = app.person(Role::Support).await;
        assert_eq!(support.post(&format!("{path}/signing-key"), &[]).await.status, 403);
    })
    .await;
}

#[tokio::test]
async fn a_callback_url_is_saved_when_it_leads_here() {
    on_each(async |app: TestApp| {
        let me = app.person(Role::Developer).await;
        let own = app.engine.own_callback_url();
        let to = move |status: u16, query: bool| {
            let own = own.clone();
            get(move |RawQuery(sent): RawQuery| async move {
                let query = sent.filter(|_| query).map(|it| format!("?{it}")).unwrap_or_default();
                let status = StatusCode::from_u16(status).unwrap();
                (status, [("location", format!("{own}{query}"))]).into_response()
            })
        };
        let router = Router::new()
            .route("/good", to(308, true))
            .route("/found", to(302, true))
            .route("/bare", to(308, false))
            .route("/page", get(|| async { "hello" }));
        let front = app.serve_beside(router).await;
        let path = "/dev/settings/callback-url";
        for (place, said) in [
            ("/found", "redirects with 302"),
            ("/bare", "drops the query"),
            ("/page", "answered 200"),
            ("/good?x=1", "without a query"),
        ] {
            let url = format!("{front}{place}");
            let refused = me.post(path, &[("callback_url", &url)]).await;
            assert!(refused.status == 400 && refused.text.contains(said), "{place}");
        }
        assert_eq!(stored(&app).await.callback_url, None);
        let good = format!("{front}/good");
        assert_eq!(me.post(path, &[("callback_url", &good)]).await.status, 303);
        assert_eq!(stored(&app).await.callback_url, Some(good));
        let unreachable = "https://callback.invalid/cb";
        assert_eq!(me.post(path, &[("callback_url", unreachable)]).await.status, 400);
        let sure = [("callback_url", unreachable), ("unchecked", "true")];
        assert_eq!(me.post(path, &sure).await.status, 303);
        assert_eq!(me.post(path, &[("callback_url", "")]).await.status, 303);
        assert_eq!(stored(&app).await.callback_url, None);
    })
    .await;
}

#[tokio::test]
async fn the_look_of_the_connect_ui_is_checked_field_by_field() {
    on_each(async |app: TestApp| {
        let me = app.person(Role::Developer).await;
        let path = "/dev/settings/connect-ui";
        let wrong = [
            ("connect_ui_primary_light", "red;}"),
            ("connect_ui_radius", "99"),
            ("connect_ui_logo", "https://elsewhere.example/logo.png"),
            ("connect_ui_name", "Acme"),
        ];
        let refused = me.post(path, &wrong).await;
        assert_eq!(refused.status, 400);
        for (name, _) in &wrong[..3] {
            assert!(refused.text.contains(&format!("id=\"{name}-issue\"")), "{name}");
        }
        assert!(refused.text.contains("value=\"Acme\""), "what was typed is kept");
        let right = [("connect_ui_primary_light", "#123456"), ("connect_ui_theme", "dark")];
        assert_eq!(me.post(path, &right).await.status, 303);
        let stored = stored(&app).await.connect_ui;
        assert_eq!(stored.theme.light.primary.as_deref(), Some("#123456"));
    })
    .await;
}

#[tokio::test]
async fn variables_are_set_by_lines_and_shown_only_when_asked_for() {
    on_each(async |app: TestApp| {
        let me = app.person(Role::Developer).await;
        let path = "/dev/settings/variables";
        let wrong = me.post(path, &[("lines", "A=1\nno equals sign hunter2")]).await;
        assert!(wrong.status == 400 && wrong.text.contains("Line 2"));
        assert!(!wrong.text.contains("hunter2"), "it may be a secret");
        assert!(me.get(path).await.text.contains("None yet."), "nothing was changed");
        let lines = "# two\nREGION=eu-1\r\nTOKEN=s3cr3t-value";
        assert_eq!(me.post(path, &[("lines", lines)]).await.status, 303);
        let page = me.get(path).await;
        assert!(page.text.contains("TOKEN") && !page.text.contains("s3cr3t-value"));
        let shown = me.post(&format!("{path}/reveal"), &[("name", "TOKEN")]).await;
        assert!(shown.text.contains("s3cr3t-value") && !shown.text.contains("eu-1"));
        assert!(audited(&app, "environment_variable.read").await);
        assert_eq!(me.post(&format!("{path}/unset"), &[("name", "TOKEN")]).await.status, 303);
        assert_eq!(me.post(&format!("{path}/unset"), &[("name", "TOKEN")]).await.status, 404);
        let support = app.person(Role::Support).await;
        let refused = support.post(&format!("{path}/reveal"), &[("name", "REGION")]).await;
        assert_eq!(refused.status, 403);
    })
    .await;
}

#[tokio::test]
async fn an_environment_is_made_renamed_deleted_and_brought_back() {
    on_each(async |app: TestApp| {
        let admin = app.person(Role::Admin).await;
        let path = "/account/environments";
        for (name, said) in
            [("Big One", "lower-case letters"), ("account", "a name of our own"), ("dev", "exists")]
        {
            let refused = admin.post(path, &[("name", name)]).await;
            assert!(refused.status == 400 && refused.text.contains(said), "{name}");
        }
        let made = admin.post(path, &[("name", "staging")]).await;
        assert_eq!(made.status, 303);
        let renamed =
            admin.post("/staging/settings/identity", &[("name", "eu"), ("is_production", "true")]);
        assert_eq!(renamed.await.status, 303);
        assert!(admin.get("/eu").await.text.contains("production"));
        let fixed = admin.post("/prod/settings/identity", &[("name", "live")]).await;
        assert_eq!(fixed.status, 400);

        let key = admin
            .post("/eu/settings/keys", &[("name", "k"), ("kind", "all"), ("lifetime", "never")])
            .await;
        let key = shown_key(&key.text);
        let wrong = admin.post("/eu/settings/delete", &[("confirm", "dev")]).await;
        assert!(wrong.status == 400 && wrong.text.contains("id=\"confirm-issue\""));
        assert_eq!(admin.post("/eu/settings/delete", &[("confirm", "eu")]).await.status, 303);
        assert_eq!(admin.get("/eu").await.status, 404);
        assert_eq!(status_with(&app, &key).await, 401);
        let list = admin.get(path).await;
        let (_, rest) = list.text.split_once("name=\"id\" value=\"").unwrap();
        let id = rest.split('"').next().unwrap().to_owned();
        let developer = app.person(Role::Developer).await;
        let restore = format!("{path}/restore");
        assert_eq!(developer.post(&restore, &[("id", &id)]).await.status, 403);
        assert_eq!(admin.post(&restore, &[("id", &id)]).await.status, 303);
        assert_eq!(admin.get("/eu").await.status, 200);
        assert_eq!(status_with(&app, &key).await, 200, "its keys came back");
        assert_eq!(admin.post(&restore, &[("id", &id)]).await.status, 404);
    })
    .await;
}

#[tokio::test]
async fn operators_are_told_of_a_trouble_once_until_it_is_over() {
    on_each(async |app: TestApp| {
        let me = app.person(Role::Developer).await;
        let path = "/dev/settings/alerts";
        assert_eq!(me.post(&format!("{path}/test"), &[]).await.status, 400);
        let wrong = me.post(path, &[("alert_url", "nowhere")]).await;
        assert!(wrong.status == 400 && wrong.text.contains("id=\"alert_url-issue\""));
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let hook = post(move |body: String| async move { tell.send(body).unwrap() });
        let url = format!("{}/chat", app.serve_beside(Router::new().route("/chat", hook)).await);
        assert_eq!(me.post(path, &[("alert_url", &url)]).await.status, 303);
        assert_eq!(app.engine.alert_once().await.unwrap(), 0, "all is well");

        app.integration("emulator-oauth2", "notes").await;
        let kill = async |id: &str| {
            let body = serde_json::json!({"provider_config_key": "notes", "connection_id": id,
                "credentials": {"type": "OAUTH2", "access_token": "x", "refresh_token": "gone",
                "expires_at": "2020-01-01T00:00:00Z"}});
            let made = app.post("/connections").bearer(&app.api_key).json(&body).send().await;
            assert_eq!(made.status, 201, "{}", made.text);
            let uri = format!("/connections/{id}?provider_config_key=notes");
            assert!(app.get(uri).bearer(&app.api_key).send().await.status >= 400);
        };
        kill("first").await;
        kill("second").await;
        assert_eq!(app.engine.alert_once().await.unwrap(), 2);
        assert_eq!(app.engine.alert_once().await.unwrap(), 0, "once");
        assert!(app.engine.deliver_due_once().await.unwrap() >= 1);
        let body: serde_json::Value = serde_json::from_str(&told.try_recv().unwrap()).unwrap();
        assert_eq!(body["type"], "alert");
        let text = body["text"].as_str().unwrap();
        assert!(text.contains("dev: 2 connections of notes fail"), "{text}");
        assert_eq!(body["troubles"].as_array().unwrap().len(), 2);

        let gone = app.call(http::Method::DELETE, "/connections/first?provider_config_key=notes");
        assert_eq!(gone.bearer(&app.api_key).send().await.status, 200);
        assert_eq!(app.engine.alert_once().await.unwrap(), 0);
        kill("first").await;
        assert_eq!(app.engine.alert_once().await.unwrap(), 1, "it was over, and is back");
    })
    .await;
}

#[tokio::test]
async fn a_key_says_when_and_from_where_it_was_used() {
    on_each(async |mut app: TestApp| {
        let peer: std::net::SocketAddr = "198.51.100.4:1".parse().unwrap();
        app.router = app.router.layer(axum::Extension(axum::extract::ConnectInfo(peer)));
        let owner = app.owner().await;
        let path = "/dev/settings/keys";
        assert!(!owner.get(path).await.text.contains("198.51.100.4"));
        assert_eq!(app.get("/connections").bearer(&app.api_key).send().await.status, 200);
        app.engine.recorder().flush().await.unwrap();
        let page = owner.get(path).await.text;
        assert!(page.contains("from 198.51.100.4"), "{page}");
    })
    .await;
}

#[tokio::test]
async fn alerts_by_mail_are_deliveries_like_any_other() {
    on_each(async |app: TestApp| {
        let me = app.person(Role::Developer).await;
        let path = "/dev/settings/alerts";
        let page = me.get(path).await;
        assert!(page.text.contains("name=\"alert_emails\""), "{}", page.text);
        let wrong = me.post(path, &[("alert_emails", "ada@example.com\nnobody")]).await;
        assert!(wrong.status == 400 && wrong.text.contains("id=\"alert_emails-issue\""));
        assert!(wrong.text.contains("nobody"), "what was typed stays");
        let both = [("alert_url", ""), ("alert_emails", "ada@example.com\r\n\r\nbob@example.com")];
        assert_eq!(me.post(path, &both).await.status, 303);
        assert_eq!(me.post(&format!("{path}/test"), &[]).await.status, 303);
        // Nobody listens where the mail server should be: it is tried again, and said.
        assert_eq!(app.engine.deliver_due_once().await.unwrap(), 2);
        let list = me.get("/dev/settings/webhooks").await;
        for address in ["mailto:ada@example.com", "mailto:bob@example.com"] {
            assert!(list.text.contains(address), "{}", list.text);
        }
    })
    .await;
}
