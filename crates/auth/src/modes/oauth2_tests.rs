use serde_json::json;
use valetkey_base::{Rng, Timestamp};
use valetkey_catalog::Catalog;

use super::*;
use crate::mode::Client;
use crate::request::Body;

const ENTRY: &str = "auth_mode: OAUTH2
authorization_url: https://acme.test/authorize
token_url: https://acme.test/token?key=sub
";

struct Bench {
    catalog: Catalog,
    client: Client,
    config: Map<String, Value>,
    rng: Rng,
}

impl Bench {
    fn new(keys: &str) -> Self {
        let (catalog, findings) =
            Catalog::empty().overlay(&format!("{ENTRY}{keys}"), "acme.yaml").unwrap();
        assert!(findings.is_empty(), "{findings:?}");
        let client = Client {
            client_id: Some("my id".to_owned()),
            client_secret: Some("s:%1".into()),
            scopes: vec!["read".to_owned(), "write".to_owned()],
            ..Client::default()
        };
        Self { catalog, client, config: Map::new(), rng: Rng::seeded(3) }
    }

    fn with_config(mut self, config: &Value) -> Self {
        self.config = config.as_object().unwrap().clone();
        self
    }

    fn context(&self) -> Context<'_> {
        Context {
            provider: self.catalog.get("acme").unwrap(),
            client: &self.client,
            connection_config: &self.config,
            repairs: None,
            now: Timestamp::from_millis(1_772_356_211_120),
            rng: &self.rng,
        }
    }

    fn authorize(&self, session: Option<&Value>, browser: &Value) -> Result<String, AuthError> {
        let session = session.map(|params| params.as_object().unwrap().clone());
        let input = AuthorizeInput {
            redirect_uri: "https://v.test/cb",
            state: "st",
            verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            user_scope: Some("users:read,chat"),
            session_params: session.as_ref(),
            browser_params: browser.as_object().unwrap(),
        };
        match OAuth2.authorize(&self.context(), &input) {
            Step::Redirect(redirect) => Ok(redirect.url.into()),
            Step::Failed(error) => Err(error),
            other => panic!("{other:?}"),
        }
    }

    fn callback(&self, query: &[(&str, &str)]) -> Result<(HttpRequest, Pending), AuthError> {
        let query: Vec<(String, String)> =
            query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let input = CallbackInput {
            query: &query,
            redirect_uri: "https://v.test/cb",
            verifier: "ver",
            memory: &Map::new(),
            started_at: self.context().now,
        };
        sent(OAuth2.callback(&self.context(), &input))
    }

    fn refresh(&self, credentials: Value) -> Result<(HttpRequest, Pending), AuthError> {
        sent(OAuth2.refresh(&self.context(), &Credentials::from_json(credentials)))
    }

    fn reply(&self, pending: &Pending, body: &Value) -> Grant {
        let reply =
            HttpReply { status: 200, headers: Vec::new(), body: body.to_string().into_bytes() };
        match OAuth2.reply(&self.context(), pending, &reply) {
            Step::Done(grant) => grant,
            other => panic!("{other:?}"),
        }
    }
}

fn sent(step: Step) -> Result<(HttpRequest, Pending), AuthError> {
    match step {
        Step::Send { request, pending } => Ok((request, pending)),
        Step::Failed(error) => Err(error),
        other => panic!("{other:?}"),
    }
}

/// Method, URL, Authorization header and body of a request, for comparing.
fn shown((request, _): &(HttpRequest, Pending)) -> [String; 3] {
    let authorization = request.headers.iter().find(|(name, _)| name == "authorization");
    [
        format!("{} {}", request.method, request.url),
        authorization.map(|(_, value)| value.clone()).unwrap_or_default(),
        String::from_utf8(request.body.encode().1).unwrap(),
    ]
}

#[test]
fn the_redirect_holds_the_parameters_in_order() {
    assert_eq!(
        Bench::new("").authorize(None, &json!({})).unwrap(),
        "https://acme.test/authorize?response_type=code&client_id=my+id\
         &redirect_uri=https%3A%2F%2Fv.test%2Fcb&scope=read+write&state=st\
         &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
    );
}

#[test]
fn entry_parameters_replace_in_place_and_separators_join() {
    let bench = Bench::new(
        "disable_pkce: true\nscope_separator: ','\nauthorization_user_scope_param: user_scope\n\
         authorization_params: {prompt: consent, flag: true, scope: fixed, state: evil}",
    );
    assert_eq!(
        bench.authorize(None, &json!({})).unwrap(),
        "https://acme.test/authorize?response_type=code&client_id=my+id\
         &redirect_uri=https%3A%2F%2Fv.test%2Fcb&scope=fixed&state=st&prompt=consent&flag=true\
         &user_scope=users%3Aread%2Cchat"
    );
}

#[test]
fn a_browser_cannot_touch_the_protocol_and_the_backend_only_the_scope() {
    let keys = "disable_pkce: true\nauthorization_params: {prompt: consent, x: '1'}";
    let hostile = json!({
        "state": "evil", "redirect_uri": "https://evil.test", "client_id": "evil", "scope": "admin",
        "response_type": "token", "code_challenge": "evil", "request_uri": "https://evil.test",
        "prompt": "login", "x": "undefined", "login_hint": "ann"
    });
    let plain = "https://acme.test/authorize?response_type=code&client_id=my+id\
                 &redirect_uri=https%3A%2F%2Fv.test%2Fcb&scope=";
    assert_eq!(
        Bench::new(keys).authorize(None, &hostile).unwrap(),
        format!("{plain}read+write&state=st&prompt=login&login_hint=ann")
    );
    assert_eq!(
        Bench::new(keys)
            .authorize(Some(&json!({"scope": "more", "state": "evil"})), &hostile)
            .unwrap(),
        format!("{plain}more&state=st&prompt=consent&x=1"),
        "the backend's parameters stand in for the browser's"
    );
}

#[test]
fn the_finished_url_is_rewritten_as_the_entry_says() {
    let head = "disable_pkce: true\n";
    let with = |keys: &str| {
        let mut bench = Bench::new(&format!("{head}{keys}"));
        if keys.contains("skip_empty") {
            bench.client.scopes.clear();
        }
        bench.authorize(None, &json!({"client_key": "evil"})).unwrap()
    };
    let tail = "redirect_uri=https%3A%2F%2Fv.test%2Fcb&scope=read+write&state=st";
    assert_eq!(
        with("authorization_url_replacements: {client_id: client_key, response_type: ''}"),
        format!("https://acme.test/authorize?client_key=my+id&{tail}")
    );
    assert!(
        with("authorization_url_fragment: oauth/go").starts_with(
            "https://acme.test/authorize#oauth/go?response_type=code&client_id=my+id&"
        )
    );
    assert!(!with("authorization_url_skip_empty: true").contains("scope="));
    let mut bench = Bench::new(&format!("{head}authorization_url_skip_encode: [scopes]"));
    bench.client.scopes = vec!["a:b/c".to_owned(), "d&state=evil".to_owned()];
    let url = bench.authorize(None, &json!({})).unwrap();
    assert!(url.ends_with("&state=st&scope=a:b/c%20d%26state=evil"), "{url}");
}

#[test]
fn what_cannot_work_fails_before_the_redirect() {
    let code = |bench: &Bench| bench.authorize(None, &json!({})).unwrap_err().code;
    let tenant = "authorization_url: https://${connectionConfig.sub}.acme.test/a\n";
    let (catalog, _) = Catalog::empty()
        .overlay(&format!("auth_mode: OAUTH2\ntoken_url: https://a.test/t\n{tenant}"), "acme.yaml")
        .unwrap();
    let mut bench = Bench::new("");
    bench.catalog = catalog;
    assert_eq!(code(&bench), "url_param_err");
    let bench = bench.with_config(&json!({"sub": "evil.com/"}));
    assert_eq!(code(&bench), "url_param_err", "host injection");
    let bench = bench.with_config(&json!({"sub": "eu"}));
    assert!(bench.authorize(None, &json!({})).unwrap().starts_with("https://eu.acme.test/a?"));
    assert_eq!(code(&Bench::new("token_params: {grant_type: password}")), "grant_type_err");
    assert_eq!(code(&Bench::new("token_params: {a: '${connectionConfig.b}'}")), "url_param_err");
    let mut bench = Bench::new("");
    bench.client.client_id = None;
    assert_eq!(code(&bench), "provider_config_err");
    assert_eq!(code(&Bench::new("installation: outbound")), "auth_mode_err");
}

#[test]
fn the_exchange_is_one_form_with_the_query_of_the_token_url_kept() {
    let sent = Bench::new("").callback(&[("code", "c/1"), ("state", "st")]).unwrap();
    assert_eq!(
        shown(&sent),
        [
            "POST https://acme.test/token?key=sub",
            "",
            "grant_type=authorization_code&code=c%2F1&redirect_uri=https%3A%2F%2Fv.test%2Fcb\
         &code_verifier=ver&client_id=my+id&client_secret=s%3A%251",
        ]
    );
}

#[test]
fn each_way_of_client_authentication() {
    let with = |keys: &str| {
        let bench =
            Bench::new(&format!("disable_pkce: true\ntoken_request_omit: [redirect_uri]\n{keys}"));
        let [_, authorization, body] = shown(&bench.callback(&[("code", "c")]).unwrap());
        [authorization, body.replace("grant_type=authorization_code&code=c", "…")]
    };
    assert_eq!(with("authorization_method: header"), ["Basic bXkraWQ6cyUzQSUyNTE=", "…"]);
    assert_eq!(with("token_request_auth_method: basic"), ["Basic bXkgaWQ6czolMQ==", "…"]);
    assert_eq!(with("token_request_client: public"), ["", "…&client_id=my+id"]);
    assert_eq!(with("token_request_client: none"), ["", "…"]);
    assert_eq!(with("token_request_client: secret_as_user"), ["Basic czolMTo=", "…"]);
    assert_eq!(
        with("token_request_rename: {client_id: client_key}"),
        ["", "…&client_key=my+id&client_secret=s%3A%251"]
    );
}

#[test]
fn json_bodies_query_members_and_headers() {
    let bench = Bench::new(
        "body_format: json\ntoken_request_query: [redirect_uri]\ntoken_params: {expiring: 1, a: '${connectionConfig.a}'}\n\
         token_headers: {X-Client: '${clientId}', x-gone: '${connectionConfig.gone}'}",
    )
    .with_config(&json!({"a": "b"}));
    let (request, _) = bench.callback(&[("code", "c")]).unwrap();
    assert_eq!(request.url.query(), Some("key=sub&redirect_uri=https%3A%2F%2Fv.test%2Fcb"));
    let Body::Json(body) = &request.body else { panic!("json") };
    assert_eq!(
        *body,
        json!({
            "grant_type": "authorization_code", "code": "c", "expiring": 1, "a": "b",
            "code_verifier": "ver", "client_id": "my id", "client_secret": "s:%1"
        })
    );
    assert_eq!(
        request.headers,
        [
            ("accept".to_owned(), "application/json".to_owned()),
            ("x-client".to_owned(), "my id".to_owned()),
        ]
    );
}

#[test]
fn a_callback_without_code_carries_the_providers_words() {
    let bench = Bench::new("authorization_code_param_in_callback: spapi_oauth_code");
    let error = bench
        .callback(&[("error", "access_denied"), ("error_description", "no\nthanks"), ("code", "c")])
        .unwrap_err();
    assert_eq!(error.code, "callback_err");
    assert_eq!(error.provider_error.as_deref(), Some("access_denied"));
    assert_eq!(error.provider_description.as_deref(), Some("nothanks"));
    assert!(bench.callback(&[("spapi_oauth_code", "c"), ("status_code", "200")]).is_ok());
}

#[test]
fn the_issuer_is_compared_when_both_sides_name_one() {
    let bench = Bench::new("issuer: https://acme.test");
    assert!(bench.callback(&[("code", "c")]).is_ok());
    assert!(bench.callback(&[("code", "c"), ("iss", "https://acme.test")]).is_ok());
    let error = bench.callback(&[("code", "c"), ("iss", "https://evil.test")]).unwrap_err();
    assert_eq!(error.code, "callback_err");
}

#[test]
fn callback_values_address_the_token_url_only_within_declared_rules() {
    let tail = "redirect_uri_metadata: [server]\n";
    let url = "token_url: '${connectionConfig.server}/t'\n";
    let with = |declared: &str, value: &str| {
        let entry =
            format!("auth_mode: OAUTH2\nauthorization_url: https://a.test\n{url}{tail}{declared}");
        let mut bench = Bench::new("");
        bench.catalog = Catalog::empty().overlay(&entry, "acme.yaml").unwrap().0;
        bench
            .callback(&[("code", "c"), ("server", value)])
            .map(|(request, _)| request.url.to_string())
            .map_err(|error| error.code)
    };
    let declared =
        "connection_config: {server: {automated: true, pattern: '^https://[a-z]+\\.acme\\.test$'}}";
    assert_eq!(with(declared, "https://eu.acme.test").unwrap(), "https://eu.acme.test/t");
    assert_eq!(with(declared, "https://evil.test").unwrap_err(), "callback_err");
    assert_eq!(with("", "https://evil.test").unwrap_err(), "url_param_err");
}

#[test]
fn the_grant_holds_tokens_metadata_and_overrides() {
    let bench =
        Bench::new("token_response_metadata: [instance_url, n]\nredirect_uri_metadata: [realmId]")
            .with_config(&json!({
                "oauth_client_id_override": "theirs", "oauth_refresh_token_override": "rt-own"
            }));
    let sent = bench.callback(&[("code", "c"), ("realmId", "77")]).unwrap();
    assert!(shown(&sent)[2].ends_with("&client_id=theirs&client_secret=s%3A%251"));
    let grant = bench.reply(&sent.1, &json!({
        "access_token": "at", "refresh_token": "rt", "expires_in": 3600, "instance_url": "https://i", "n": 5
    }));
    assert_eq!(
        grant.credentials.to_json(),
        json!({
            "type": "OAUTH2", "access_token": "at", "refresh_token": "rt-own",
            "expires_at": "2026-03-01T10:10:11.120Z",
            "raw": {"access_token": "at", "refresh_token": "rt-own", "expires_in": 3600,
                    "instance_url": "https://i", "n": 5},
            "config_override": {"client_id": "theirs"}
        })
    );
    assert_eq!(
        Value::Object(grant.connection_config),
        json!({
            "instance_url": "https://i", "n": 5, "realmId": "77", "overrideTokenRefresh": true
        })
    );
}

#[test]
fn a_refresh_never_repeats_the_code_grant() {
    let held = json!({"type": "OAUTH2", "access_token": "at", "refresh_token": "rt"});
    let body = |keys: &str| {
        let bench = Bench::new(keys).with_config(&json!({"ctx": "stores/1"}));
        shown(&bench.refresh(held.clone()).unwrap())
    };
    let client = "&client_id=my+id&client_secret=s%3A%251";
    assert_eq!(
        body("token_params: {grant_type: authorization_code, x: y}"),
        [
            "POST https://acme.test/token?key=sub".to_owned(),
            String::new(),
            format!("grant_type=refresh_token&x=y&refresh_token=rt{client}"),
        ]
    );
    assert_eq!(
        body(
            "refresh_params: {grant_type: refresh_token, context: '${connectionConfig.ctx}'}\n\
              refresh_url: https://acme.test/refresh"
        ),
        [
            "POST https://acme.test/refresh".to_owned(),
            String::new(),
            format!("grant_type=refresh_token&context=stores%2F1&refresh_token=rt{client}"),
        ]
    );
    assert_eq!(
        body(
            "refresh_with: access_token\nrefresh_request_method: GET\nrefresh_token_param: old\n\
              refresh_request_client: none\nrefresh_params: {grant_type: exchange}"
        ),
        ["GET https://acme.test/token?key=sub&grant_type=exchange&old=at", "", ""]
    );
}

#[test]
fn a_refresh_keeps_what_the_reply_does_not_repeat() {
    let bench =
        Bench::new("token_response_keep: [authed_user]\ntoken_response_metadata: [instance_url]");
    let held = json!({
        "type": "OAUTH2", "access_token": "at", "refresh_token": "rt", "raw": {"authed_user": {"id": 1}, "x": 1},
        "config_override": {"client_secret": "theirs"}
    });
    let sent = bench.refresh(held).unwrap();
    assert!(shown(&sent)[2].ends_with("&client_id=my+id&client_secret=theirs"));
    let grant = bench.reply(&sent.1, &json!({"access_token": "at2", "instance_url": "https://i2"}));
    assert_eq!(
        grant.credentials.to_json(),
        json!({
            "type": "OAUTH2", "access_token": "at2", "refresh_token": "rt",
            "raw": {"access_token": "at2", "instance_url": "https://i2", "authed_user": {"id": 1}},
            "config_override": {"client_secret": "theirs"}
        })
    );
    assert_eq!(Value::Object(grant.connection_config), json!({"instance_url": "https://i2"}));
    let error = bench.refresh(json!({"type": "OAUTH2", "access_token": "at"})).unwrap_err();
    assert_eq!(error.code, "missing_refresh_token");
}

#[test]
fn an_import_is_stored_as_it_came() {
    let given = json!({
        "type": "OAUTH2", "access_token": "at", "refresh_token": "rt", "expires_at": 1_772_384_400_000_i64
    });
    let stored = OAuth2.import(&given).unwrap().to_json();
    assert_eq!(stored["expires_at"], "2026-03-01T17:00:00.000Z");
    assert_eq!(
        stored["raw"],
        json!({
            "type": "OAUTH2", "access_token": "at", "refresh_token": "rt", "expires_at": "2026-03-01T17:00:00.000Z"
        })
    );
    let issues = OAuth2
        .import(&json!({"type": "OAUTH2", "config_override": {"client_id": "", "x": 1}}))
        .unwrap_err();
    let paths: Vec<String> = issues.iter().map(|issue| issue.path.join(".")).collect();
    assert_eq!(
        paths,
        [
            "credentials.access_token",
            "credentials.config_override.client_id",
            "credentials.config_override"
        ]
    );
}
