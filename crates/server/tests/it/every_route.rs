//! What every operation must refuse, whatever it does: walked along the list of endpoints, so that
//! a new one is covered on the day it is added.

mod sample;
mod tenants;

use http::Method;
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use serde_json::{Value, json};
use valetkey_base::ScopeSet;
use valetkey_server::app::{self, App, Options};
use valetkey_server::route::{Auth, BodyRule, Endpoint, QueryRule};
use valetkey_testkit::on_each_database;

use crate::app::{Answer, Call, TestApp};
use sample::{body_schema, line, path, query};

/// The server's limit in these tests.
const BODY_BYTES_MAX: usize = 32 * 1024;

/// A server and a caller of every kind.
struct Walk {
    app: TestApp,
    account_key: String,
    session: String,
}

async fn on_each<F: AsyncFn(Walk)>(test: F) {
    on_each_database(async |database| {
        let options =
            Options { body_bytes_max: BODY_BYTES_MAX, rate_limit_per_min: 0, ..Options::default() };
        let app = TestApp::with_options(database, options).await;
        let account_key = key(&app, None, &["account:*"]).await;
        let session = app.session(json!({"tags": {}})).await;
        test(Walk { app, account_key, session }).await;
    })
    .await;
}

/// A key of an environment, or of the account, with these scopes.
pub(crate) async fn key(app: &TestApp, environment_id: Option<i64>, scopes: &[&str]) -> String {
    let scopes = ScopeSet::new(scopes.iter().map(|&scope| scope.to_owned()).collect());
    let name = app.engine.rng().hex(4);
    let made =
        app.engine.create_api_key(app.account_id, environment_id, &name, scopes, None, "test");
    made.await.unwrap().1.expose().to_owned()
}

impl Walk {
    /// A call that is let in; `query` begins with `?` or is empty.
    fn let_in(&self, endpoint: &Endpoint<App>, query: &str) -> Call {
        let token = match endpoint.auth {
            Auth::AccountKey(_) => &self.account_key,
            Auth::Session | Auth::BrowserSession => &self.session,
            Auth::ApiKey(_) | Auth::ApiKeyOrSession(_) | Auth::None => &self.app.api_key,
        };
        self.with(endpoint, query, Some(token))
    }

    /// A call with this token where the endpoint looks for one.
    fn with(&self, endpoint: &Endpoint<App>, query: &str, token: Option<&str>) -> Call {
        let mut uri = format!("{}{query}", path(endpoint));
        let in_query = endpoint.auth == Auth::BrowserSession;
        if let Some(token) = token.filter(|_| in_query) {
            let sign = if query.is_empty() { '?' } else { '&' };
            uri = format!("{uri}{sign}connect_session_token={token}");
        }
        let method = endpoint.method.clone().unwrap_or(Method::POST);
        let call = self.app.call(method, uri);
        match token.filter(|_| !in_query && endpoint.auth != Auth::None) {
            Some(token) => call.bearer(token),
            None => call,
        }
    }
}

fn guarded() -> impl Iterator<Item = Endpoint<App>> {
    app::endpoints().into_iter().filter(|endpoint| endpoint.auth != Auth::None)
}

/// The codes of the issues, and that the status and code fit.
#[track_caller]
fn issue_codes(answer: &Answer, code: &str, what: &str) -> Vec<(String, Value)> {
    assert_eq!(answer.error(), (400, code.to_owned()), "{what}: {}", answer.text);
    let body = answer.json();
    let issues = body["error"]["errors"].as_array().unwrap();
    let pair = |issue: &Value| (issue["code"].as_str().unwrap().to_owned(), issue["path"].clone());
    issues.iter().map(pair).collect()
}

#[test]
fn the_open_routes_are_the_listed_ones() {
    let listed: Vec<&str> = include_str!("open_routes.txt")
        .lines()
        .filter(|text| !text.starts_with('#'))
        .map(|text| {
            let (line, reason) =
                text.split_once(": ").unwrap_or_else(|| panic!("no reason: {text}"));
            assert!(reason.len() > 10, "{text}");
            line
        })
        .collect();
    let mut open: Vec<String> =
        app::endpoints().iter().filter(|it| it.auth == Auth::None).map(line).collect();
    open.sort();
    assert_eq!(open, listed);
}

#[test]
fn no_two_endpoints_answer_the_same() {
    let mut lines: Vec<String> = app::endpoints()
        .iter()
        .flat_map(|endpoint| {
            let method = endpoint.method.clone().map_or("ANY".to_owned(), |it| it.to_string());
            let paths = std::iter::once(endpoint.path).chain(endpoint.aliases.clone());
            paths.map(move |path| format!("{method} {path}")).collect::<Vec<_>>()
        })
        .collect();
    let all = lines.len();
    lines.sort();
    lines.dedup();
    assert_eq!(lines.len(), all);
}

#[tokio::test]
async fn nobody_is_let_in_without_a_key_or_with_a_malformed_one() {
    on_each(async |walk: Walk| {
        for endpoint in guarded() {
            for token in [None, Some("not-a-key"), Some("00000000-0000-4000-8000-000000000000")] {
                let answer = walk.with(&endpoint, "", token).send().await;
                let what = format!("{} with {token:?}", line(&endpoint));
                assert_eq!(answer.error().0, 401, "{what}: {}", answer.text);
                assert!(!answer.error().1.is_empty(), "{what}");
                assert!(answer.headers.contains_key(WWW_AUTHENTICATE), "{what}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_key_without_the_scope_is_told_which_one_is_missing() {
    on_each(async |walk: Walk| {
        let dev = Some(walk.app.environment.id);
        let bare = key(&walk.app, dev, &["environment:mcp"]).await;
        let bare_account = key(&walk.app, None, &["account:other"]).await;
        for endpoint in guarded() {
            let (token, scopes) = match endpoint.auth {
                // Any key of an environment will do, but it must be one.
                Auth::ApiKey([]) | Auth::ApiKeyOrSession([]) => (&walk.account_key, vec![]),
                Auth::ApiKey(scopes) | Auth::ApiKeyOrSession(scopes) => (&bare, scopes.to_vec()),
                Auth::AccountKey(scope) => (&bare_account, vec![scope]),
                Auth::Session | Auth::BrowserSession | Auth::None => continue,
            };
            let answer = walk.with(&endpoint, "", Some(token)).send().await;
            let what = line(&endpoint);
            assert_eq!(answer.error(), (403, "forbidden".to_owned()), "{what}: {}", answer.text);
            for scope in scopes {
                assert!(answer.text.contains(scope), "{what}: {}", answer.text);
                assert!(valetkey_base::scope::is_known(scope), "{scope}");
            }
            let other_kind = match endpoint.auth {
                Auth::AccountKey(_) => &walk.app.api_key,
                _ => &walk.account_key,
            };
            let answer = walk.with(&endpoint, "", Some(other_kind)).send().await;
            assert_eq!(answer.error(), (403, "forbidden".to_owned()), "{what}: {}", answer.text);
        }
    })
    .await;
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_refused_before_anything_else() {
    on_each(async |walk: Walk| {
        let large = json!({"a": "x".repeat(BODY_BYTES_MAX)});
        for endpoint in app::endpoints() {
            let what = line(&endpoint);
            if matches!(endpoint.body, BodyRule::Stream) {
                continue;
            }
            let answer = walk.let_in(&endpoint, "").json(&large).send().await;
            assert_eq!(answer.error(), (413, "payload_too_large".to_owned()), "{what}");
            if matches!(endpoint.body, BodyRule::Bytes) {
                continue;
            }
            for broken in ["{\"a\":", "\"text\"", " "] {
                let call = walk.let_in(&endpoint, "").form(broken);
                let answer = call.content_type("application/json").send().await;
                assert_eq!(answer.error(), (400, "invalid_json".to_owned()), "{what}");
            }
        }
        for endpoint in
            guarded().filter(|it| !matches!(it.body, BodyRule::Stream | BodyRule::Bytes))
        {
            let answer = walk.let_in(&endpoint, "").form("a=1").send().await;
            // Existing clients send forms below /oauth2, so there the form is read past.
            if endpoint.path.starts_with("/oauth2/") {
                continue;
            }
            let expected = (415, "invalid_content_type".to_owned());
            assert_eq!(answer.error(), expected, "{}", line(&endpoint));
        }
    })
    .await;
}

#[tokio::test]
async fn what_an_operation_does_not_know_is_refused() {
    on_each(async |walk: Walk| {
        for endpoint in app::endpoints() {
            let what = line(&endpoint);
            if matches!(endpoint.query, QueryRule::Checked(_)) {
                let answer = walk.let_in(&endpoint, "?surprise=1").send().await;
                let found = issue_codes(&answer, "invalid_query_params", &what);
                let expected = ("unrecognized_keys".to_owned(), json!([]));
                assert!(found.contains(&expected), "{what}: {}", answer.text);
            }
            let Some(schema) = body_schema(&endpoint) else { continue };
            let answer = walk
                .let_in(&endpoint, &query(&endpoint))
                .json(&json!({"surprise": 1}))
                .send()
                .await;
            if schema["additionalProperties"] == json!(false) {
                let found = issue_codes(&answer, "invalid_body", &what);
                let expected = ("unrecognized_keys".to_owned(), json!([]));
                assert!(found.contains(&expected), "{what}: {}", answer.text);
            }
            let list = walk.let_in(&endpoint, &query(&endpoint)).json(&json!([])).send().await;
            let found = issue_codes(&list, "invalid_body", &what);
            assert_eq!(found, [("invalid_type".to_owned(), json!([]))], "{what}");
        }
    })
    .await;
}

#[tokio::test]
async fn texts_that_are_too_long_are_refused() {
    on_each(async |walk: Walk| {
        for endpoint in guarded() {
            let what = line(&endpoint);
            for field in &endpoint.parameters {
                if field.json_schema()["type"] != "string" {
                    continue;
                }
                let long = "a".repeat(300);
                let whole = endpoint.path.replace(&format!("{{{}}}", field.name()), &long);
                let mut at = endpoint.clone();
                at.path = whole.leak();
                let answer = walk.let_in(&at, &query(&endpoint)).json(&json!({})).send().await;
                if answer.error().1 != "invalid_body" {
                    issue_codes(&answer, "invalid_uri_params", &what);
                }
            }
            for (name, length_max) in sample::query_texts(&endpoint) {
                let long = "a".repeat(length_max + 1);
                let answer = walk.let_in(&endpoint, &format!("?{name}={long}")).send().await;
                let found = issue_codes(&answer, "invalid_query_params", &what);
                assert!(found.iter().any(|(_, path)| path[0] == name), "{what} {name}");
            }
            for (name, length_max) in sample::body_texts(&endpoint) {
                let body = json!({&name: "a".repeat(length_max + 1)});
                let answer = walk.let_in(&endpoint, &query(&endpoint)).json(&body).send().await;
                let found = issue_codes(&answer, "invalid_body", &what);
                assert!(found.iter().any(|(_, path)| path[0] == name), "{what} {name}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn other_methods_and_paths_are_refused_as_json() {
    on_each(async |walk: Walk| {
        for endpoint in app::endpoints().iter().filter(|it| it.method.is_some()) {
            let answer = walk.app.call(Method::PUT, path(endpoint)).send().await;
            let expected = (405, "method_not_allowed".to_owned());
            assert_eq!(answer.error(), expected, "{}", line(endpoint));
            let kind = answer.header(CONTENT_TYPE);
            assert_eq!(kind, "application/json; charset=utf-8");
        }
        let nothing = walk.app.get("/no/such/path").send().await;
        assert_eq!(nothing.error(), (404, "not_found".to_owned()));
    })
    .await;
}
