use serde_json::json;
use valetkey_base::{Rng, Timestamp};
use valetkey_catalog::Catalog;

use super::*;
use crate::mode::Client;

const ENTRY: &str = "
auth_mode: OAUTH1
request_url: https://a.test/request
request_params: {access: write}
authorization_url: https://a.test/authorize
authorization_params: {name: Mine}
token_url: https://a.test/access
signature_method: HMAC-SHA1
scope_separator: ','
redirect_uri_metadata: [realm]
";

fn with<T>(work: impl FnOnce(&Context<'_>) -> T) -> T {
    let (catalog, findings) = Catalog::empty().overlay(ENTRY, "acme.yaml").unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    let client = Client {
        client_id: Some("key".to_owned()),
        client_secret: Some("hush-hush".into()),
        scopes: vec!["read".to_owned(), "write".to_owned()],
        ..Client::default()
    };
    work(&Context {
        provider: catalog.get("acme").unwrap(),
        client: &client,
        connection_config: &Map::new(),
        repairs: None,
        now: Timestamp::from_millis(1_772_356_211_120),
        rng: &Rng::seeded(2),
    })
}

fn reply(status: u16, body: &str) -> HttpReply {
    HttpReply { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
}

fn begun(context: &Context<'_>) -> (HttpRequest, Pending) {
    let input = AuthorizeInput {
        redirect_uri: "https://v.test/cb?x=1",
        state: "st",
        verifier: "unused",
        user_scope: None,
        session_params: None,
        browser_params: &Map::new(),
    };
    match OAuth1.authorize(context, &input) {
        Step::Send { request, pending } => (request, pending),
        other => panic!("{other:?}"),
    }
}

fn returned(context: &Context<'_>, query: &[(&str, &str)], memory: &Value) -> Step {
    let query: Vec<(String, String)> =
        query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    OAuth1.callback(
        context,
        &CallbackInput {
            query: &query,
            redirect_uri: "https://v.test/cb?x=1",
            verifier: "unused",
            memory: memory.as_object().unwrap(),
            started_at: context.now,
        },
    )
}

fn failure(step: Step) -> AuthError {
    match step {
        Step::Failed(error) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_token_leads_to_the_redirect() {
    with(|context| {
        let (request, pending) = begun(context);
        assert_eq!(request.url.as_str(), "https://a.test/request");
        assert_eq!(request.body.encode().1, b"access=write");
        let header = &request.headers.iter().find(|(name, _)| name == "authorization").unwrap().1;
        assert!(
            header.contains("oauth_callback=\"https%3A%2F%2Fv.test%2Fcb%3Fx%3D1%26state%3Dst\""),
            "{header}"
        );
        let body = "oauth_token=rt&oauth_token_secret=rs&oauth_callback_confirmed=true";
        let Step::Redirect(redirect) = OAuth1.reply(context, &pending, &reply(200, body)) else {
            panic!("a redirect")
        };
        assert_eq!(
            redirect.url.as_str(),
            "https://a.test/authorize?oauth_token=rt&scope=read%2Cwrite&name=Mine\
             &oauth_callback=https%3A%2F%2Fv.test%2Fcb%3Fx%3D1%26state%3Dst"
        );
        assert_eq!(
            Value::Object(redirect.memory),
            json!({"oauth_token": "rt", "oauth_token_secret": "rs"})
        );
    });
}

#[test]
fn a_refused_consumer_is_our_affair() {
    with(|context| {
        let (_, pending) = begun(context);
        let refused = reply(401, "oauth_problem=consumer_key_unknown");
        let error = failure(OAuth1.reply(context, &pending, &refused));
        assert_eq!((error.class, error.code.as_str()), (Class::Ours, "token_err"));
        let unconfirmed = "oauth_token=rt&oauth_token_secret=rs&oauth_callback_confirmed=false";
        let error = failure(OAuth1.reply(context, &pending, &reply(200, unconfirmed)));
        assert!(error.message.contains("callback"));
    });
}

#[test]
fn the_callback_must_bring_the_token_that_was_asked_for() {
    with(|context| {
        let memory = json!({"oauth_token": "rt", "oauth_token_secret": "rs"});
        let good = [("oauth_token", "rt"), ("oauth_verifier", "v"), ("realm", "77")];
        let Step::Send { request, pending } = returned(context, &good, &memory) else {
            panic!("a request")
        };
        assert_eq!(request.url.as_str(), "https://a.test/access");
        let body = "oauth_token=at&oauth_token_secret=as&user_id=7";
        let Step::Done(grant) = OAuth1.reply(context, &pending, &reply(200, body)) else {
            panic!("credentials")
        };
        assert_eq!(
            grant.credentials.to_json(),
            json!({
                "type": "OAUTH1", "oauth_token": "at", "oauth_token_secret": "as",
                "raw": {"oauth_token": "at", "oauth_token_secret": "as", "user_id": "7"}
            })
        );
        assert_eq!(Value::Object(grant.connection_config), json!({"realm": "77"}));
        for (query, memory) in [
            (vec![("oauth_token", "other"), ("oauth_verifier", "v")], memory.clone()),
            (vec![("oauth_token", "rt")], memory.clone()),
            (vec![("denied", "rt")], memory.clone()),
            (good.to_vec(), json!({})),
        ] {
            assert_eq!(failure(returned(context, &query, &memory)).code, "callback_err");
        }
    });
}

#[test]
fn calls_are_signed_with_the_token() {
    with(|context| {
        let credentials = OAuth1
            .import(&json!({"type": "OAUTH1", "oauth_token": "at", "oauth_token_secret": "as"}))
            .unwrap();
        let mut request =
            HttpRequest::new(http::Method::GET, Url::parse("https://api.a.test/me").unwrap());
        OAuth1.authorize_call(context, &credentials, &mut request);
        let header = &request.headers[0].1;
        assert!(header.contains("oauth_token=\"at\"") && header.contains("HMAC-SHA1"), "{header}");
    });
}
