use serde_json::json;
use valetkey_base::{Rng, Timestamp};
use valetkey_catalog::Catalog;

use super::*;
use crate::mode::{Client, Grant, Redirect};
use crate::request::Body;

const ENTRY: &str = "auth_mode: MCP_OAUTH2_GENERIC
connection_config:
  mcp_server_url: {type: string, title: Server}
";
const SERVER: &str = "https://mcp.test/team/mcp";
const CALLBACK: &str = "https://v.test/oauth/callback";

/// A party at an MCP server whose answers are written down: address, status, body.
struct Bench {
    catalog: Catalog,
    client: Client,
    config: Map<String, Value>,
    repairs: Option<Map<String, Value>>,
    rng: Rng,
    answers: Vec<(String, u16, Value)>,
    challenge: Option<String>,
    asked: Vec<String>,
    last: Option<HttpRequest>,
}

fn metadata() -> Value {
    json!({
        "issuer": "https://as.test",
        "authorization_endpoint": "https://as.test/authorize?tenant=1",
        "token_endpoint": "https://as.test/token",
        "registration_endpoint": "https://as.test/register",
        "revocation_endpoint": "https://as.test/revoke",
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_post"],
        "scopes_supported": ["admin"]
    })
}

fn resource() -> Value {
    json!({
        "resource": SERVER,
        "authorization_servers": ["https://as.test"],
        "scopes_supported": ["tools", "offline_access"]
    })
}

impl Bench {
    fn new() -> Self {
        let (catalog, findings) = Catalog::empty().overlay(ENTRY, "acme.yaml").unwrap();
        assert!(findings.is_empty(), "{findings:?}");
        let config = json!({"mcp_server_url": SERVER}).as_object().unwrap().clone();
        Self {
            catalog,
            client: Client::default(),
            config,
            repairs: None,
            rng: Rng::seeded(3),
            answers: Vec::new(),
            challenge: None,
            asked: Vec::new(),
            last: None,
        }
    }

    /// A server that describes itself below its path and registers clients.
    fn usual() -> Self {
        Self::new()
            .at("https://mcp.test/.well-known/oauth-protected-resource/team/mcp", &resource())
            .at("https://as.test/.well-known/oauth-authorization-server", &metadata())
            .at("https://as.test/register", &json!({"client_id": "dyn"}))
    }

    fn at(self, url: &str, body: &Value) -> Self {
        self.answering(url, 200, body)
    }

    fn answering(mut self, url: &str, status: u16, body: &Value) -> Self {
        self.answers.retain(|(known, ..)| known != url);
        self.answers.push((url.to_owned(), status, body.clone()));
        self
    }

    fn context(&self) -> Context<'_> {
        Context {
            provider: self.catalog.get("acme").unwrap(),
            client: &self.client,
            connection_config: &self.config,
            repairs: self.repairs.as_ref(),
            now: Timestamp::from_millis(1_772_356_211_120),
            rng: &self.rng,
        }
    }

    fn answer(&self, request: &HttpRequest) -> HttpReply {
        let url = request.url.as_str();
        if url == self.config["mcp_server_url"] {
            let challenge = self.challenge.clone();
            let headers = challenge.map(|value| ("www-authenticate".to_owned(), value));
            return HttpReply { status: 401, headers: headers.into_iter().collect(), body: vec![] };
        }
        let found = self.answers.iter().find(|(known, ..)| known == url);
        let (status, body) = found.map_or((404, json!("")), |(_, s, body)| (*s, body.clone()));
        let location = body.get("location").and_then(Value::as_str);
        let headers = location.map(|to| ("location".to_owned(), to.to_owned()));
        let body = body.to_string().into_bytes();
        HttpReply { status, headers: headers.into_iter().collect(), body }
    }

    fn connect(&mut self) -> Result<Redirect, AuthError> {
        let none = Map::new();
        let input = AuthorizeInput {
            redirect_uri: CALLBACK,
            state: "st",
            verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            user_scope: None,
            session_params: None,
            browser_params: &none,
        };
        let mut step = McpOAuth2Generic.authorize(&self.context(), &input);
        loop {
            match step {
                Step::Redirect(redirect) => return Ok(redirect),
                Step::Failed(error) => return Err(error),
                Step::Done(_) => panic!("no credentials yet"),
                Step::Send { request, pending } => {
                    assert!(self.asked.len() < 12, "{:?}", self.asked);
                    self.asked.push(format!("{} {}", request.method, request.url));
                    let reply = self.answer(&request);
                    self.last = Some(request);
                    step = McpOAuth2Generic.reply(&self.context(), &pending, &reply);
                }
            }
        }
    }

    fn connected(&mut self) -> Redirect {
        self.connect().unwrap_or_else(|error| panic!("{error} after {:?}", self.asked))
    }

    fn callback(
        &self,
        memory: &Map<String, Value>,
        query: &[(&str, &str)],
    ) -> Result<(HttpRequest, Pending), AuthError> {
        let query: Vec<(String, String)> =
            query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let input = CallbackInput {
            query: &query,
            redirect_uri: CALLBACK,
            verifier: "ver",
            memory,
            started_at: self.context().now,
        };
        match McpOAuth2Generic.callback(&self.context(), &input) {
            Step::Send { request, pending } => Ok((request, pending)),
            Step::Failed(error) => Err(error),
            other => panic!("{other:?}"),
        }
    }

    fn granted(&self, pending: &Pending) -> Grant {
        let body = json!({"access_token": "at", "refresh_token": "rt", "expires_in": 60});
        let reply = HttpReply { status: 200, headers: vec![], body: body.to_string().into_bytes() };
        match McpOAuth2Generic.reply(&self.context(), pending, &reply) {
            Step::Done(grant) => grant,
            other => panic!("{other:?}"),
        }
    }
}

fn query(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn form(request: &HttpRequest) -> Value {
    match &request.body {
        Body::Form(pairs) => {
            Value::Object(pairs.iter().map(|(k, v)| (k.clone(), v.as_str().into())).collect())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_server_is_discovered_registered_at_and_asked() {
    let mut bench = Bench::usual();
    let redirect = bench.connected();
    assert_eq!(
        bench.asked,
        [
            "POST https://mcp.test/team/mcp",
            "GET https://mcp.test/.well-known/oauth-protected-resource/team/mcp",
            "GET https://as.test/.well-known/oauth-authorization-server",
            "POST https://as.test/register",
        ]
    );
    assert_eq!(
        redirect.url.as_str(),
        "https://as.test/authorize?tenant=1&response_type=code&client_id=dyn\
         &redirect_uri=https%3A%2F%2Fv.test%2Foauth%2Fcallback&state=st\
         &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256\
         &scope=tools+offline_access&prompt=consent&resource=https%3A%2F%2Fmcp.test%2Fteam%2Fmcp"
    );
    let registration = bench.last.unwrap();
    let (_, body) = registration.body.encode();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["redirect_uris"], json!([CALLBACK]));
    assert_eq!(body["token_endpoint_auth_method"], "none");
    assert_eq!(body["scope"], "tools offline_access");
    assert_eq!(body["client_uri"], "https://v.test");
}

#[test]
fn the_code_is_exchanged_and_what_was_learned_drives_the_refresh() {
    let mut bench = Bench::usual();
    let redirect = bench.connected();
    let (request, pending) = bench.callback(&redirect.memory, &[("code", "c0de")]).unwrap();
    assert_eq!(request.url.as_str(), "https://as.test/token");
    assert_eq!(
        form(&request),
        json!({
            "grant_type": "authorization_code", "code": "c0de", "redirect_uri": CALLBACK,
            "code_verifier": "ver", "resource": SERVER, "client_id": "dyn"
        })
    );
    let grant = bench.granted(&pending);
    assert_eq!(grant.credentials.kind(), Some(AuthMode::OAuth2));
    assert!(!grant.connection_config.contains_key("oauth_code_verifier"));
    assert!(grant.connection_config["oauth_metadata"].is_string());
    bench.config = grant.connection_config;
    let Step::Send { request, pending } =
        McpOAuth2Generic.refresh(&bench.context(), &grant.credentials)
    else {
        panic!("no request")
    };
    assert_eq!(
        form(&request),
        json!({
            "grant_type": "refresh_token", "refresh_token": "rt", "resource": SERVER,
            "client_id": "dyn"
        })
    );
    let again = bench.granted(&pending);
    assert_eq!(again.credentials.refresh_token(), Some("rt"));
    let ends = crate::revoke::revocation(&bench.context(), &again.credentials);
    assert_eq!(ends[0].url.as_str(), "https://as.test/revoke");
    assert_eq!(form(&ends[0])["token"], "rt");
}

#[test]
fn a_refresh_without_what_was_learned_says_what_is_missing() {
    let credentials = json!({"type": "OAUTH2", "access_token": "at", "refresh_token": "rt"});
    let credentials = Credentials::from_json(credentials);
    let good = Bench::usual().connected().memory;
    let mut cases = vec![(Map::new(), "missing_oauth_metadata")];
    let mut broken = good.clone();
    broken.insert("oauth_metadata".to_owned(), "{".into());
    cases.push((broken, "invalid_oauth_metadata"));
    let mut moved = good;
    let text = moved["oauth_metadata"]
        .as_str()
        .unwrap()
        .replace("/token", "/token@")
        .replace("\"https://as.test/token@\"", "\"https://10.0.0.1/token\"");
    moved.insert("oauth_metadata".to_owned(), text.into());
    cases.push((moved, "invalid_token_endpoint"));
    for (config, code) in cases {
        let bench = Bench { config, ..Bench::new() };
        match McpOAuth2Generic.refresh(&bench.context(), &credentials) {
            Step::Failed(error) => assert_eq!(error.code, code),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn descriptions_are_looked_for_in_order() {
    // Where the refusal says.
    let hinted = "https://mcp.test/hinted";
    let mut bench = Bench::usual().at(hinted, &resource());
    bench.challenge = Some(format!("Bearer resource_metadata=\"{hinted}\", scope=\"only\""));
    assert_eq!(query(&bench.connected().url, "scope").as_deref(), Some("only"));
    assert_eq!(bench.asked[1], format!("GET {hinted}"));

    // At the root, with an issuer below a path that only speaks OpenID.
    let issuer = "https://as.test/tenant";
    let mut described = metadata();
    described["issuer"] = issuer.into();
    let mut at_root = resource();
    at_root["resource"] = "https://mcp.test".into();
    at_root["authorization_servers"] = json!([issuer]);
    let mut bench = Bench::usual()
        .answering(
            "https://mcp.test/.well-known/oauth-protected-resource/team/mcp",
            404,
            &json!(""),
        )
        .at("https://mcp.test/.well-known/oauth-protected-resource", &at_root)
        .at("https://as.test/tenant/.well-known/openid-configuration", &described);
    let url = bench.connected().url;
    assert_eq!(query(&url, "resource").as_deref(), Some("https://mcp.test"));
    assert_eq!(
        bench.asked[1..6],
        [
            "GET https://mcp.test/.well-known/oauth-protected-resource/team/mcp",
            "GET https://mcp.test/.well-known/oauth-protected-resource",
            "GET https://as.test/.well-known/oauth-authorization-server/tenant",
            "GET https://as.test/.well-known/openid-configuration/tenant",
            "GET https://as.test/tenant/.well-known/openid-configuration",
        ]
    );

    // Nothing about a resource: the server is its own authorization server.
    let mut own = metadata();
    own["issuer"] = "https://mcp.test/".into();
    let mut bench = Bench::usual()
        .answering(
            "https://mcp.test/.well-known/oauth-protected-resource/team/mcp",
            403,
            &json!(""),
        )
        .at("https://mcp.test/.well-known/openid-configuration", &own);
    let url = bench.connected().url;
    assert_eq!(query(&url, "resource"), None);
    assert_eq!(query(&url, "scope").as_deref(), Some("admin"));
}

#[test]
fn redirects_are_followed_where_they_stay() {
    let path = "https://mcp.test/.well-known/oauth-protected-resource/team/mcp";
    let there = "https://mcp.test/there";
    let mut bench =
        Bench::usual().answering(path, 302, &json!({"location": "/there"})).at(there, &resource());
    bench.connected();
    assert_eq!(bench.asked[2], format!("GET {there}"));
    let mut bench = Bench::usual()
        .answering(path, 302, &json!({"location": "https://evil.test/there"}))
        .at("https://evil.test/there", &resource());
    bench.connect().unwrap_err();
    assert!(bench.asked.iter().all(|asked| !asked.contains("evil")), "{:?}", bench.asked);
}

#[test]
fn what_does_not_fit_is_refused() {
    let path = "https://mcp.test/.well-known/oauth-protected-resource/team/mcp";
    let server = "https://as.test/.well-known/oauth-authorization-server";
    let with = |base: Value, name: &str, value: Value| {
        let mut changed = base;
        changed[name] = value;
        changed
    };
    let cases = [
        (
            path,
            200,
            with(resource(), "resource", json!("https://other.test/mcp")),
            "another resource",
        ),
        (
            path,
            200,
            with(resource(), "authorization_servers", json!(["http://as.test"])),
            "https://",
        ),
        (path, 200, with(resource(), "authorization_servers", json!(["https://10.0.0.1"])), "IP"),
        (server, 200, with(metadata(), "issuer", json!("https://evil.test")), "must be the same"),
        (server, 200, with(metadata(), "issuer", Value::Null), "no issuer"),
        (
            server,
            200,
            with(metadata(), "token_endpoint", json!("http://as.test/t")),
            "token endpoint",
        ),
        (
            server,
            200,
            with(metadata(), "authorization_endpoint", json!("x")),
            "authorization endpoint",
        ),
        (server, 200, with(metadata(), "response_types_supported", json!(["token"])), "type code"),
        (
            server,
            200,
            with(metadata(), "code_challenge_methods_supported", json!(["plain"])),
            "S256",
        ),
        (server, 200, with(metadata(), "code_challenge_methods_supported", Value::Null), "PKCE"),
        (server, 200, with(metadata(), "registration_endpoint", json!("http://x.test")), "by hand"),
        (server, 503, json!(""), "answered 503"),
        (server, 404, json!(""), "404 at as.test"),
        (
            "https://as.test/register",
            400,
            json!({"error": "invalid_client_metadata"}),
            "answered 400",
        ),
    ];
    for (url, status, body, expected) in cases {
        let error = Bench::usual().answering(url, status, &body).connect().unwrap_err();
        assert!(error.message.contains(expected), "{expected}: {error}");
        let is_transient = error.class == Class::Transient;
        assert_eq!(is_transient, status >= 500, "{error}");
    }
    let mut bench = Bench::new();
    bench.config.insert("mcp_server_url".to_owned(), "http://mcp.test".into());
    assert_eq!(bench.connect().unwrap_err().code, "url_param_err");
    bench.config.clear();
    assert_eq!(bench.connect().unwrap_err().code, "url_param_err");
}

#[test]
fn the_answer_must_come_from_the_issuer_that_was_asked() {
    let mut announced = metadata();
    announced["authorization_response_iss_parameter_supported"] = true.into();
    let mut bench =
        Bench::usual().at("https://as.test/.well-known/oauth-authorization-server", &announced);
    let memory = bench.connected().memory;
    let good = ("iss", "https://as.test");
    assert!(bench.callback(&memory, &[("code", "c"), good]).is_ok());
    for query in [vec![("code", "c"), ("iss", "https://evil.test")], vec![("code", "c")]] {
        let error = bench.callback(&memory, &query).unwrap_err();
        assert_eq!((error.code.as_str(), error.class), ("callback_err", Class::Terminal));
    }
    let declined = bench.callback(&memory, &[("error", "access_denied"), good]).unwrap_err();
    assert_eq!(declined.code, "callback_err");
    let silent = Bench::usual().connected().memory;
    assert!(bench.callback(&silent, &[("code", "c")]).is_ok());
    assert_eq!(bench.callback(&Map::new(), &[("code", "c")]).unwrap_err().code, "url_param_err");
}

#[test]
fn a_metadata_document_comes_before_a_registration() {
    let document = "https://v.test/oauth/client-metadata/e/k";
    let mut able = metadata();
    able["client_id_metadata_document_supported"] = true.into();
    let mut bench =
        Bench::usual().at("https://as.test/.well-known/oauth-authorization-server", &able);
    bench.client.document_url = Some(document.to_owned());
    let redirect = bench.connected();
    assert_eq!(query(&redirect.url, "client_id").as_deref(), Some(document));
    assert_eq!(bench.asked.len(), 3);
    let (request, _) = bench.callback(&redirect.memory, &[("code", "c")]).unwrap();
    assert_eq!(form(&request)["client_id"], document);

    // Where nobody could read the document, it is of no use.
    bench.client.document_url = None;
    bench.asked.clear();
    assert_eq!(query(&bench.connected().url, "client_id").as_deref(), Some("dyn"));
}

#[test]
fn a_client_registered_by_hand_only_goes_to_its_issuer() {
    let mut bench = Bench::usual();
    bench.client.client_id = Some("mine".to_owned());
    bench.client.client_secret = Some("hush-hush".into());
    bench.client.custom.insert("oauth_issuer".to_owned(), "https://as.test/".into());
    let redirect = bench.connected();
    assert_eq!(query(&redirect.url, "client_id").as_deref(), Some("mine"));
    let stored = redirect.memory["oauth_client_info"].as_str().unwrap();
    assert!(!stored.contains("hush"), "{stored}");
    let (request, _) = bench.callback(&redirect.memory, &[("code", "c")]).unwrap();
    assert_eq!(form(&request)["client_secret"], "hush-hush");

    bench.client.custom.insert("oauth_issuer".to_owned(), "https://elsewhere.test".into());
    bench.asked.clear();
    let redirect = bench.connected();
    assert_eq!(query(&redirect.url, "client_id").as_deref(), Some("dyn"));
    let (request, _) = bench.callback(&redirect.memory, &[("code", "c")]).unwrap();
    assert_eq!(form(&request).get("client_secret"), None);
}

#[test]
fn a_repair_uses_the_client_there_is() {
    let mut bench = Bench::usual();
    bench.repairs = Some(bench.connected().memory);
    bench.asked.clear();
    let again = bench.connected();
    assert_eq!(query(&again.url, "client_id").as_deref(), Some("dyn"));
    assert_eq!(bench.asked.len(), 3, "{:?}", bench.asked);
}

#[test]
fn a_registered_secret_is_used_as_the_server_can() {
    for (methods, registered, expected) in [
        (json!(["client_secret_basic"]), json!("client_secret_basic"), "basic"),
        (json!(["client_secret_post"]), json!("client_secret_basic"), "post"),
        (json!(["client_secret_post"]), Value::Null, "post"),
        (Value::Null, Value::Null, "basic"),
    ] {
        let mut described = metadata();
        described["token_endpoint_auth_methods_supported"] = methods;
        let mut bench = Bench::usual()
            .at("https://as.test/.well-known/oauth-authorization-server", &described)
            .at(
                "https://as.test/register",
                &json!({
                    "client_id": "dyn", "client_secret": "hush-hush",
                    "token_endpoint_auth_method": registered
                }),
            );
        let memory = bench.connected().memory;
        let (request, _) = bench.callback(&memory, &[("code", "c")]).unwrap();
        let has_header = request.headers.iter().any(|(name, _)| name == "authorization");
        assert_eq!(has_header, expected == "basic");
        assert_eq!(form(&request).get("client_secret").is_some(), expected == "post");
    }
}

#[test]
fn a_server_that_does_not_answer_strangers_may_still_describe_itself() {
    let bench = Bench::usual();
    let none = Map::new();
    let input = AuthorizeInput {
        redirect_uri: CALLBACK,
        state: "st",
        verifier: "v",
        user_scope: None,
        session_params: None,
        browser_params: &none,
    };
    let Step::Send { pending, .. } = McpOAuth2Generic.authorize(&bench.context(), &input) else {
        panic!("no request")
    };
    let lost = || AuthError::new(Class::Transient, "discovery_err", "lost");
    let step = McpOAuth2Generic.unanswered(&bench.context(), &pending, lost());
    let Step::Send { request, pending } = step else { panic!("{step:?}") };
    assert!(request.url.path().starts_with("/.well-known/"));
    let step = McpOAuth2Generic.unanswered(&bench.context(), &pending, lost());
    assert!(matches!(step, Step::Failed(error) if error == lost()));
}
