use serde_json::json;
use valetkey_base::{Rng, Timestamp};
use valetkey_catalog::Catalog;

use super::*;
use crate::mode::{Client, Grant};
use crate::registration::RegisteredClient;
use crate::request::Body;

const ENTRY: &str = "auth_mode: MCP_OAUTH2
authorization_url: https://mcp.test/authorize
token_url: https://mcp.test/token
client_registration: dynamic
registration_url: https://mcp.test/register
resource: https://mcp.test/mcp
disable_pkce: true
authorization_params: {response_type: token, scope: all, client_id: other, audience: a}
";

struct Bench {
    catalog: Catalog,
    client: Client,
    config: Map<String, Value>,
    rng: Rng,
}

fn registered(id: &str, secret: Option<&str>, method: &str) -> RegisteredClient {
    serde_json::from_value(json!({
        "client_id": id, "client_secret": secret, "token_endpoint_auth_method": method,
        "redirect_uris": ["https://v.test/cb"]
    }))
    .unwrap()
}

impl Bench {
    fn new(keys: &str) -> Self {
        let (catalog, findings) =
            Catalog::empty().overlay(&format!("{ENTRY}{keys}"), "acme.yaml").unwrap();
        assert!(findings.is_empty(), "{findings:?}");
        let client = Client {
            client_id: Some("new".to_owned()),
            scopes: vec!["a:b".to_owned(), "c d".to_owned()],
            registrations: vec![
                registered("old", Some("hush"), "client_secret_basic"),
                registered("new", None, "none"),
            ],
            ..Client::default()
        };
        Self { catalog, client, config: Map::new(), rng: Rng::seeded(3) }
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

    fn authorize(&self) -> Result<Redirect, AuthError> {
        let from_outside = json!({"audience": "b", "prompt": "none", "scope": "x"});
        let from_outside = from_outside.as_object().unwrap();
        let input = AuthorizeInput {
            redirect_uri: "https://v.test/cb",
            state: "st",
            verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            user_scope: None,
            session_params: Some(from_outside),
            browser_params: from_outside,
        };
        match McpOAuth2.authorize(&self.context(), &input) {
            Step::Redirect(redirect) => Ok(redirect),
            Step::Failed(error) => Err(error),
            other => panic!("{other:?}"),
        }
    }

    fn callback(&self, memory: &Map<String, Value>) -> (HttpRequest, Pending) {
        let query = vec![("code".to_owned(), "c0de".to_owned())];
        let input = CallbackInput {
            query: &query,
            redirect_uri: "https://v.test/cb",
            verifier: "ver",
            memory,
            started_at: self.context().now,
        };
        match McpOAuth2.callback(&self.context(), &input) {
            Step::Send { request, pending } => (request, pending),
            other => panic!("{other:?}"),
        }
    }

    fn granted(&self, pending: &Pending) -> Grant {
        let body = json!({"access_token": "at", "refresh_token": "rt", "expires_in": 60});
        let reply = HttpReply { status: 200, headers: vec![], body: body.to_string().into_bytes() };
        match McpOAuth2.reply(&self.context(), pending, &reply) {
            Step::Done(grant) => grant,
            other => panic!("{other:?}"),
        }
    }
}

fn form(request: &HttpRequest) -> Vec<(&str, &str)> {
    match &request.body {
        Body::Form(pairs) => pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_entry_may_only_add_and_nobody_else_may() {
    let redirect = Bench::new("").authorize().unwrap();
    assert_eq!(
        redirect.url.as_str(),
        "https://mcp.test/authorize?response_type=code&client_id=new\
         &redirect_uri=https%3A%2F%2Fv.test%2Fcb&scope=a%3Ab+c+d&state=st&audience=a\
         &resource=https%3A%2F%2Fmcp.test%2Fmcp\
         &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
    );
    assert_eq!(redirect.memory["oauth_client_id"], "new");
}

#[test]
fn raw_scopes_are_escaped_one_by_one() {
    let bench = Bench::new("authorization_url_skip_encode: [scopes]\nscope_separator: '+'\n");
    let url = bench.authorize().unwrap().url;
    assert!(url.as_str().ends_with("&scope=a%3Ab+c%20d"), "{url}");
}

#[test]
fn a_token_url_that_cannot_be_built_is_found_before_the_redirect() {
    let keys = "redirect_uri_metadata: [site]\n";
    let (catalog, _) = Catalog::empty()
        .overlay(
            &format!("{ENTRY}{keys}").replace("/token", "/${connectionConfig.site}/token"),
            "acme.yaml",
        )
        .unwrap();
    let bench = Bench { catalog, ..Bench::new("") };
    assert_eq!(bench.authorize().unwrap_err().code, "url_param_err");
}

#[test]
fn a_public_client_sends_its_id_the_proof_and_the_resource() {
    let bench = Bench::new("");
    let redirect = bench.authorize().unwrap();
    let (request, pending) = bench.callback(&redirect.memory);
    assert_eq!(
        form(&request),
        [
            ("grant_type", "authorization_code"),
            ("code", "c0de"),
            ("redirect_uri", "https://v.test/cb"),
            ("resource", "https://mcp.test/mcp"),
            ("code_verifier", "ver"),
            ("client_id", "new"),
        ]
    );
    let grant = bench.granted(&pending);
    assert_eq!(grant.credentials.kind(), Some(AuthMode::OAuth2));
    assert_eq!(grant.connection_config["oauth_client_id"], "new");
}

#[test]
fn tokens_are_refreshed_by_the_client_they_were_issued_to() {
    let mut bench = Bench::new("");
    let grant = bench.granted(&bench.callback(&Map::new()).1);
    for (id, basic, in_body) in [("old", true, false), ("new", false, true), ("gone", false, true)]
    {
        bench.config.insert("oauth_client_id".to_owned(), id.into());
        let Step::Send { request, .. } = McpOAuth2.refresh(&bench.context(), &grant.credentials)
        else {
            panic!("no request")
        };
        let header = request.headers.iter().find(|(name, _)| name == "authorization");
        let expected = "Basic b2xkOmh1c2g=";
        assert_eq!(header.is_some_and(|(_, value)| value == expected), basic, "{id}");
        assert_eq!(form(&request).contains(&("client_id", "new")), in_body, "{id}");
        assert!(form(&request).contains(&("resource", "https://mcp.test/mcp")));
    }
}

#[test]
fn a_flow_ends_with_the_client_it_began_with() {
    let bench = Bench::new("");
    let memory = json!({"oauth_client_id": "old"});
    let (request, pending) = bench.callback(memory.as_object().unwrap());
    assert!(request.headers.iter().any(|(name, _)| name == "authorization"));
    assert_eq!(bench.granted(&pending).connection_config["oauth_client_id"], "old");
}

#[test]
fn tokens_of_a_client_of_ones_own_forget_the_registered_one() {
    let mut bench = Bench::new("");
    bench.client.client_id = Some("mine".to_owned());
    bench.config.insert("oauth_client_id_override".to_owned(), "theirs".into());
    let redirect = bench.authorize().unwrap();
    assert!(redirect.memory.is_empty());
    let stored = json!({"oauth_client_id": "old"}).as_object().unwrap().clone();
    let context = Context { repairs: Some(&stored), ..bench.context() };
    let query = vec![("code".to_owned(), "c0de".to_owned())];
    let input = CallbackInput {
        query: &query,
        redirect_uri: "https://v.test/cb",
        verifier: "ver",
        memory: &redirect.memory,
        started_at: context.now,
    };
    let Step::Send { pending, .. } = McpOAuth2.callback(&context, &input) else {
        panic!("no request")
    };
    assert_eq!(bench.granted(&pending).connection_config["oauth_client_id"], Value::Null);
}
