//! A whole server in a test.
//!
//! ```ignore
//! #[tokio::test]
//! async fn it_answers() {
//!     on_each(async |app: TestApp| {
//!         app.integration("emulator-oauth2", "notes").await;
//!         let answer = app.get("/integrations").bearer(&app.api_key).send().await;
//!         assert_eq!(answer.status, 200);
//!         assert_eq!(answer.json()["data"][0]["unique_key"], "notes");
//!     })
//!     .await;
//! }
//! ```
//!
//! Time stands still until `app.clock.advance(…)`; random values repeat from run to run. Background
//! jobs are not started: a test that needs one calls it.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::ServiceExt as _;
use valetkey_base::{Clock, Rng, ScopeSet, Secret, Tasks, Timestamp};
use valetkey_catalog::Catalog;
use valetkey_egress::{AllowList, Egress, Limits, Mailer, Policy, SmtpServer};
use valetkey_emulator::{catalog, provider};
use valetkey_engine::{Engine, EnvironmentView, Parts, Settings};
use valetkey_server::app::{self, Options};
use valetkey_testkit::{TestDatabase, on_each_database};
use valetkey_vault::{MasterKey, MasterKeyRing};

/// Where the server says that it is.
pub(crate) const PUBLIC_URL: &str = "http://localhost:3003";
/// 2026-03-01T09:10:11.120Z.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_772_356_211_120);
/// Hundreds of tests sign somebody in: what a password is worth is not what they ask.
const PASSWORD_MEMORY_KIB: u32 = 64;
/// Entries beside the bundled and the emulator's.
const MORE_PROVIDERS: &str = include_str!("providers.yaml");

/// A server with one account, its environments `dev` and `prod`, and a full key of `dev`.
pub(crate) struct TestApp {
    pub(crate) engine: Engine,
    pub(crate) router: Router,
    pub(crate) clock: Clock,
    /// The provider's state: faults, revocations, counts.
    pub(crate) emulator: provider::EmulatorState,
    /// The provider's pages, to be called like the server's.
    emulator_router: Router,
    /// The environment `dev`.
    pub(crate) environment: EnvironmentView,
    pub(crate) account_id: i64,
    /// Has every scope of `dev`.
    pub(crate) api_key: String,
    pub(crate) tasks: Tasks,
}

/// Mail goes to a port that nobody listens on: what a mail server takes is tested with a real one.
fn mailer() -> Mailer {
    let server = SmtpServer::parse(&Secret::new("smtp://127.0.0.1:9?tls=none")).unwrap();
    Mailer::new(&server, "Valetkey <valetkey@example.com>", Duration::from_secs(5)).unwrap()
}

/// Runs a test with a new server on every database there is.
pub(crate) async fn on_each<F>(test: F)
where
    F: AsyncFn(TestApp),
{
    on_each_database(async |database| test(TestApp::new(database).await).await).await;
}

impl TestApp {
    /// A server without a rate limit.
    pub(crate) async fn new(database: &TestDatabase) -> Self {
        let options = Options { rate_limit_per_min: 0, ..Options::default() };
        Self::with_options(database, options).await
    }

    pub(crate) async fn with_options(database: &TestDatabase, options: Options) -> Self {
        Self::at(database, options, PUBLIC_URL).await
    }

    /// A server that says it is elsewhere.
    pub(crate) async fn at(database: &TestDatabase, options: Options, public_url: &str) -> Self {
        let settings =
            Settings { password_memory_kib: PASSWORD_MEMORY_KIB, ..Settings::new(public_url) };
        Self::with_settings(database, options, settings).await
    }

    pub(crate) async fn with_settings(
        database: &TestDatabase,
        options: Options,
        settings: Settings,
    ) -> Self {
        let (clock, rng) = (Clock::manual(START), Rng::seeded(7));
        let tasks = database.tasks().clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let emulator = provider::EmulatorState::new(provider::Options::new(
            &base_url,
            clock.clone(),
            Rng::seeded(8),
        ));
        let emulator_router = provider::router(emulator.clone());
        serve(&tasks, listener, emulator_router.clone());
        let policy = Policy { allow: AllowList::parse("127.0.0.0/8").unwrap() };
        let engine = Engine::new(Parts {
            store: database.open().await,
            master_keys: MasterKeyRing::new(MasterKey::generate(&rng), Vec::new()),
            catalog: test_catalog(&base_url),
            egress: Egress::new(policy, Limits::default()).unwrap(),
            mailer: Some(mailer()),
            clock: clock.clone(),
            rng,
            tasks: tasks.clone(),
            settings,
        });
        let account_id = engine.first_run().await.unwrap().account_id;
        let environment = engine.environment_by_name(account_id, "dev").await.unwrap();
        let scopes = ScopeSet::full_environment();
        let (_, key) = engine
            .create_api_key(account_id, Some(environment.id), "tests", scopes, None, "test")
            .await
            .unwrap();
        Self {
            router: app::router(engine.clone(), options),
            clock,
            emulator,
            emulator_router,
            environment,
            account_id,
            api_key: key.expose().to_owned(),
            tasks,
            engine,
        }
    }

    /// Makes an integration in `dev`, with the emulator's client if the provider needs one.
    pub(crate) async fn integration(&self, provider: &str, key: &str) {
        let mode = self.engine.catalog().get(provider).unwrap().auth_mode;
        let mut request = json!({"provider": provider, "unique_key": key});
        if mode.as_str() == "OAUTH2" {
            request["credentials"] = json!({
                "type": "OAUTH2",
                "client_id": provider::CLIENT_ID,
                "client_secret": provider::CLIENT_SECRET,
            });
        }
        let request = serde_json::from_value(request).unwrap();
        self.engine.create_integration(&self.environment, request, "test").await.unwrap();
    }

    /// A connect session's token. `request` is the body of `POST /connect/sessions`.
    pub(crate) async fn session(&self, request: Value) -> String {
        let request = serde_json::from_value(request).unwrap();
        let made = self.engine.create_session(&self.environment, request, "test").await;
        made.unwrap().token.expose().to_owned()
    }

    pub(crate) fn get(&self, uri: impl Into<String>) -> Call {
        Call::new(&self.router, Method::GET, uri)
    }

    pub(crate) fn post(&self, uri: impl Into<String>) -> Call {
        Call::new(&self.router, Method::POST, uri)
    }

    pub(crate) fn call(&self, method: Method, uri: impl Into<String>) -> Call {
        Call::new(&self.router, method, uri)
    }

    /// A request to the emulator's own endpoints.
    pub(crate) fn provider_call(&self, method: Method, uri: impl Into<String>) -> Call {
        Call::new(&self.emulator_router, method, uri)
    }

    /// Follows a browser to the emulator. `extra` answers its consent page: `auto=approve`.
    /// Returns where the emulator sends the browser back to, without scheme and host.
    pub(crate) async fn visit_provider(&self, authorize_url: &str, extra: &str) -> String {
        let (_, path) = authorize_url.split_once("/oauth/").unwrap();
        let uri = format!("/oauth/{path}&{extra}");
        let answer = Call::new(&self.emulator_router, Method::GET, uri).send().await;
        let back = answer.location();
        let path = back.strip_prefix(PUBLIC_URL);
        path.unwrap_or_else(|| panic!("sent elsewhere: {back}")).to_owned()
    }

    /// Serves the router on a loopback port, for what needs a real connection.
    pub(crate) async fn listen(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        serve(&self.tasks, listener, self.router.clone());
        address
    }

    /// Serves another router beside the server, for providers of a test's own. Its base URL.
    pub(crate) async fn serve_beside(&self, router: Router) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        serve(&self.tasks, listener, router);
        base_url
    }

    pub(crate) fn advance_s(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

pub(crate) fn serve(tasks: &Tasks, listener: TcpListener, router: Router) {
    let stopping = tasks.stopping();
    tasks.spawn(async move {
        let served = axum::serve(listener, router);
        served.with_graceful_shutdown(stopping.cancelled_owned()).await
    });
}

fn test_catalog(emulator_url: &str) -> Catalog {
    let (with_emulator, findings) =
        Catalog::bundled().overlay(&catalog::providers_yaml(emulator_url), "emulator").unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    let (catalog, findings) = with_emulator.overlay(MORE_PROVIDERS, "tests").unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    catalog
}

/// A request in the making.
pub(crate) struct Call {
    router: Router,
    builder: http::request::Builder,
    body: Body,
}

impl Call {
    fn new(router: &Router, method: Method, uri: impl Into<String>) -> Self {
        Self {
            router: router.clone(),
            builder: Request::builder().method(method).uri(uri.into()),
            body: Body::empty(),
        }
    }

    pub(crate) fn header(mut self, name: impl AsRef<str>, value: &str) -> Self {
        self.builder = self.builder.header(name.as_ref(), value);
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header(AUTHORIZATION, &format!("Bearer {token}"))
    }

    pub(crate) fn cookie(self, cookie: &str) -> Self {
        self.header(COOKIE, cookie)
    }

    pub(crate) fn json(mut self, body: &Value) -> Self {
        self.body = Body::from(body.to_string());
        self.header(CONTENT_TYPE, "application/json")
    }

    pub(crate) fn text(mut self, kind: &str, body: &str) -> Self {
        self.body = Body::from(body.to_owned());
        self.header(CONTENT_TYPE, kind)
    }

    pub(crate) fn form(mut self, body: &str) -> Self {
        self.body = Body::from(body.to_owned());
        self.header(CONTENT_TYPE, "application/x-www-form-urlencoded")
    }

    /// Replaces the content type.
    pub(crate) fn content_type(mut self, value: &str) -> Self {
        if let (Some(headers), Ok(value)) = (self.builder.headers_mut(), value.parse()) {
            headers.insert(CONTENT_TYPE, value);
        }
        self
    }

    /// How many bytes the answer has on its way to a browser that takes gzip.
    pub(crate) async fn bytes_compressed(self) -> usize {
        let request = self.builder.header("accept-encoding", "gzip").body(self.body).unwrap();
        let response = self.router.oneshot(request).await.unwrap();
        assert_eq!(response.headers()["content-encoding"], "gzip");
        response.into_body().collect().await.unwrap().to_bytes().len()
    }

    pub(crate) async fn send(self) -> Answer {
        let request = self.builder.body(self.body).unwrap();
        let response = self.router.oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }
}

/// A response, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    /// `error.code` of the body, with the status.
    #[track_caller]
    pub(crate) fn error(&self) -> (u16, String) {
        let body = self.json();
        let message = &body["error"]["message"];
        assert!(message.is_string(), "the SDK reads a message: {body}");
        let code = body["error"]["code"].as_str().unwrap_or_default();
        (self.status, code.to_owned())
    }

    #[track_caller]
    pub(crate) fn header(&self, name: impl AsRef<str>) -> &str {
        let name = name.as_ref();
        let value = self.headers.get(name);
        let value = value.unwrap_or_else(|| panic!("no {name} in {self:?}"));
        value.to_str().unwrap()
    }

    #[track_caller]
    pub(crate) fn location(&self) -> String {
        self.header(LOCATION).to_owned()
    }

    /// `name=value` of the cookie that is set.
    #[track_caller]
    pub(crate) fn cookie(&self) -> String {
        let line = self.header(SET_COOKIE);
        line.split(';').next().unwrap().to_owned()
    }
}
