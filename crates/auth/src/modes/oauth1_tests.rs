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
    match begun_with(context, None, &json!({})) {
        Step::Send { request, pending } => (request, pending),
        other => panic!("{other:?}"),
    }
}

fn begun_with(context: &Context<'_>, session: Option<&Value>, browser: &Value) -> Step {
    let input = AuthorizeInput {
        redirect_uri: "https://v.test/cb?x=1",
        state: "st",
        verifier: "unused",
        user_scope: None,
        session_params: session.map(|params| params.as_object().unwrap()),
        browser_params: browser.as_object().unwrap(),
    };
    OAuth1.authorize(context, &input)
}

/// The query of the page a person is sent to.
fn asked(step: Step, context: &Context<'_>) -> Map<String, Value> {
    let Step::Send { pending, .. } = step else { panic!("a request") };
    let body = "oauth_token=rt&oauth_token_secret=rs";
    let Step::Redirect(redirect) = OAuth1.reply(context, &pending, &reply(200, body)) else {
        panic!("a redirect")
    };
    let pairs = redirect.url.query_pairs().into_owned();
    pairs.map(|(name, value)| (name, value.into())).collect()
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
            "https://a.test/authorize?scope=read%2Cwrite&name=Mine\
             &oauth_callback=https%3A%2F%2Fv.test%2Fcb%3Fx%3D1%26state%3Dst&oauth_token=rt"
        );
        assert_eq!(
            Value::Object(redirect.memory),
            json!({"oauth_token": "rt", "oauth_token_secret": "rs"})
        );
    });
}

#[test]
fn parameters_of_an_app_and_of_a_browser_stay_clear_of_the_protocol() {
    with(|context| {
        let given = json!({
            "name": "Theirs", "scope": "all", "oauth_token": "x", "oauth_callback": "https://evil.test"
        });
        let app = asked(begun_with(context, Some(&given), &json!({"name": "ignored"})), context);
        assert_eq!((&app["name"], &app["scope"]), (&json!("Theirs"), &json!("all")));
        let browser = asked(begun_with(context, None, &given), context);
        assert_eq!((&browser["name"], &browser["scope"]), (&json!("Theirs"), &json!("read,write")));
        for query in [app, browser] {
            assert_eq!(query["oauth_token"], "rt");
            assert_eq!(query["oauth_callback"], "https://v.test/cb?x=1&state=st");
        }
        let without = asked(begun_with(context, None, &json!({"name": "undefined"})), context);
        assert!(!without.contains_key("name"));
    });
}

#[test]
fn a_refusal_is_told_in_the_providers_words_wherever_they_stand() {
    with(|context| {
        let (_, pending) = begun(context);
        let told = |reply: &HttpReply| {
            let error = failure(OAuth1.reply(context, &pending, reply));
            assert_eq!(error.class, Class::Ours, "{error:?}");
            (
                error.provider_error.unwrap_or_default(),
                error.provider_description.unwrap_or_default(),
            )
        };
        let words = |error: &str, description: &str| (error.to_owned(), description.to_owned());
        let plain = reply(401, "invalid key for hush-hush\n");
        assert_eq!(told(&plain), words("", "invalid key for [redacted]"));
        assert_eq!(told(&reply(401, "<html>no</html>")), words("", ""));
        assert_eq!(told(&reply(200, "oauth_problem=nonce_used")), words("nonce_used", ""));
        let mut header = reply(401, "");
        let value = "OAuth realm=\"x\", oauth_problem=\"timestamp_refused\"";
        header.headers.push(("www-authenticate".to_owned(), value.to_owned()));
        assert_eq!(told(&header), words("timestamp_refused", ""));
    });
}

#[test]
fn an_integration_without_a_secret_asks_nothing() {
    with(|context| {
        let client = Client { client_id: Some("key".to_owned()), ..Client::default() };
        let context = Context { client: &client, ..*context };
        let error = failure(begun_with(&context, None, &json!({})));
        assert_eq!((error.class, error.code.as_str()), (Class::Ours, "provider_config_err"));
    });
}

#[test]
fn a_connection_with_its_own_consumer_keeps_it() {
    with(|context| {
        let config = json!({
            "oauth_client_id_override": "theirs", "oauth_client_secret_override": "quiet-1"
        });
        let context = Context { connection_config: config.as_object().unwrap(), ..*context };
        let memory = json!({"oauth_token": "rt", "oauth_token_secret": "rs"});
        let good = [("oauth_token", "rt"), ("oauth_verifier", "v")];
        let Step::Send { request, pending } = returned(&context, &good, &memory) else {
            panic!("a request")
        };
        let header = &request.headers.iter().find(|(name, _)| name == "authorization").unwrap().1;
        assert!(header.contains("oauth_consumer_key=\"theirs\""), "{header}");
        let body = "oauth_token=at&oauth_token_secret=as";
        let Step::Done(grant) = OAuth1.reply(&context, &pending, &reply(200, body)) else {
            panic!("credentials")
        };
        assert_eq!(
            grant.credentials.as_map()["config_override"],
            json!({"client_id": "theirs", "client_secret": "quiet-1"})
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
            (vec![("oauth_token", "rt"), ("oauth_verifier", "null")], memory.clone()),
            (vec![("oauth_token", "rt"), ("oauth_problem", "user_refused")], memory.clone()),
            (vec![("error", "access_denied")], memory.clone()),
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
