//! Requests that are easily made wrong, each with the providers it matters for.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use serde_json::{Map, Value, json};
use valetkey_auth::{
    AuthorizeInput, Body, CallbackInput, Client, Context, Credentials, Grant, HttpReply,
    HttpRequest, Pending, Step,
};
use valetkey_base::{Rng, Timestamp};
use valetkey_catalog::{Catalog, Provider};

const NOW: Timestamp = Timestamp::from_millis(1_772_356_211_120);

fn client() -> Client {
    Client {
        client_id: Some("own-id".to_owned()),
        client_secret: Some("own-secret".into()),
        ..Client::default()
    }
}

fn context<'a>(
    provider: &'a Provider,
    client: &'a Client,
    config: &'a Map<String, Value>,
    rng: &'a Rng,
) -> Context<'a> {
    Context { provider, client, connection_config: config, repairs: None, now: NOW, rng }
}

fn stored(more: &Value) -> Credentials {
    let mut map = json!({"type": "OAUTH2", "access_token": "at", "refresh_token": "rt"});
    if let (Some(map), Some(more)) = (map.as_object_mut(), more.as_object()) {
        map.extend(more.clone());
    }
    Credentials::from_json(map)
}

/// A value for each setting of a provider, those given first.
fn settings(provider: &Provider, given: &Value) -> Map<String, Value> {
    let mut config: Map<String, Value> = provider
        .connection_config
        .iter()
        .map(|field| {
            let value = field.example.clone().or_else(|| field.one_of.first().cloned());
            (field.name.clone(), value.unwrap_or_else(|| "acme".to_owned()).into())
        })
        .collect();
    config.extend(given.as_object().unwrap().clone());
    config
}

/// The refresh of a bundled provider, with a value for each of its settings.
fn refresh(name: &str, config: &Value, credentials: &Credentials) -> (HttpRequest, Pending) {
    let catalog = Catalog::bundled();
    let provider = catalog.get(name).unwrap_or_else(|| panic!("there is no {name}"));
    let (client, config) = (client(), settings(provider, config));
    let rng = Rng::seeded(1);
    let mode = valetkey_auth::mode(provider.auth_mode).unwrap();
    match mode.refresh(&context(provider, &client, &config, &rng), credentials) {
        Step::Send { request, pending } => (request, pending),
        other => panic!("{name}: {other:?}"),
    }
}

fn field(request: &HttpRequest, name: &str) -> Option<String> {
    let in_query = || {
        let found = request.url.query_pairs().find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned())
    };
    match &request.body {
        Body::Form(pairs) => {
            pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
        }
        Body::Json(value) => value.get(name).and_then(Value::as_str).map(str::to_owned),
        Body::Empty | Body::Text { .. } | Body::Bytes(_) | Body::Carried => in_query(),
    }
}

fn reply(body: &Value) -> HttpReply {
    HttpReply { status: 200, headers: Vec::new(), body: body.to_string().into_bytes() }
}

/// A refresh answered; gives the new credentials.
fn renewed(name: &str, config: &Value, credentials: &Credentials, answer: &Value) -> Grant {
    let (_, pending) = refresh(name, config, credentials);
    let catalog = Catalog::bundled();
    let provider = catalog.get(name).unwrap();
    let (client, config) = (client(), config.as_object().unwrap().clone());
    let rng = Rng::seeded(1);
    let mode = valetkey_auth::mode(provider.auth_mode).unwrap();
    match mode.reply(&context(provider, &client, &config, &rng), &pending, &reply(answer)) {
        Step::Done(grant) => grant,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn a_refresh_never_sends_the_grant_of_the_exchange() {
    let names = "ahrefs aircall battlenet bigcommerce bing-webmasters bitly checkr-partner \
                 checkr-partner-staging datto-rmm eventbrite grain judgeme-oauth payfit \
                 survey-monkey timely vimeo webflow wordpress";
    for name in names.split_whitespace() {
        let config = json!({});
        let (request, _) = refresh(name, &config, &stored(&json!({})));
        assert_eq!(field(&request, "grant_type").as_deref(), Some("refresh_token"), "{name}");
        assert_eq!(field(&request, "code"), None, "{name}");
    }
}

#[test]
fn parameters_of_a_refresh_are_filled_in() {
    let (request, _) = refresh("bigcommerce", &json!({"storeHash": "abc"}), &stored(&json!({})));
    assert_eq!(field(&request, "context").as_deref(), Some("stores/abc"));
    let name = "microsoft-dynamics-365-finance-and-operations";
    for provider in [name, "bigcommerce"] {
        let (request, _) = refresh(provider, &json!({}), &stored(&json!({})));
        let body = String::from_utf8(request.body.encode().1).unwrap();
        assert!(!body.contains("%24%7B") && !body.contains("${"), "{provider}: {body}");
    }
}

#[test]
fn a_refresh_goes_to_the_refresh_address_and_keeps_its_query() {
    for (name, address) in [
        ("dropbox-sign", "https://app.hellosign.com/oauth/token?refresh"),
        ("bing-webmasters", "https://www.bing.com/webmasters/token"),
        ("trustpilot", "/refresh"),
        ("paycor", "subscription-key="),
    ] {
        let (request, _) = refresh(name, &json!({}), &stored(&json!({})));
        assert!(request.url.as_str().contains(address), "{name}: {}", request.url);
    }
}

#[test]
fn what_a_refresh_says_of_the_account_is_kept() {
    let config = json!({"instance_url": "https://old.my.salesforce.com"});
    let answer = json!({"access_token": "new", "instance_url": "https://new.my.salesforce.com"});
    let grant = renewed("salesforce", &config, &stored(&json!({})), &answer);
    assert_eq!(grant.connection_config["instance_url"], "https://new.my.salesforce.com");
}

#[test]
fn an_expiry_in_milliseconds_is_read_as_such() {
    for expires_at in [json!(1_772_359_811_000_i64), json!(1_772_359_811), json!("1772359811")] {
        let answer = json!({"access_token": "new", "expires_at": expires_at});
        let grant = renewed("github", &json!({}), &stored(&json!({})), &answer);
        let at = grant.credentials.expires_at().map(Timestamp::to_iso_z);
        assert_eq!(at.as_deref(), Some("2026-03-01T10:10:11.000Z"), "{expires_at}");
    }
}

#[test]
fn a_client_in_the_header_is_not_in_the_body_too() {
    let catalog = Catalog::bundled();
    let mut seen = 0;
    for provider in catalog.all().filter(|provider| provider.auth_mode.as_str() == "OAUTH2") {
        let text = format!("{:?}", provider.refresh_client_auth);
        if !text.starts_with("Basic") || provider.refreshes_by_access_token() {
            continue;
        }
        let config = settings(provider, &json!({}));
        let (client, rng) = (client(), Rng::seeded(1));
        let mode = valetkey_auth::mode(provider.auth_mode).unwrap();
        let step = mode.refresh(&context(provider, &client, &config, &rng), &stored(&json!({})));
        let Step::Send { request, .. } = step else { panic!("{}: {step:?}", provider.name) };
        assert_eq!(field(&request, "client_secret"), None, "{}", provider.name);
        let header = request.headers.iter().filter(|(name, _)| name == "authorization").count();
        assert_eq!(header, 1, "{}", provider.name);
        seen += 1;
    }
    assert!(seen > 30, "{seen}");
}

#[test]
fn half_a_client_of_the_connection_s_own_counts_at_the_refresh_too() {
    let own = json!({"config_override": {"client_id": "theirs"}});
    let (request, _) = refresh("github", &json!({}), &stored(&own));
    assert_eq!(field(&request, "client_id").as_deref(), Some("theirs"));
    assert_eq!(field(&request, "client_secret").as_deref(), Some("own-secret"));
    let own = json!({"config_override": {"client_secret": "theirs"}});
    let (request, _) = refresh("github", &json!({}), &stored(&own));
    assert_eq!(field(&request, "client_id").as_deref(), Some("own-id"));
    assert_eq!(field(&request, "client_secret").as_deref(), Some("theirs"));
}

#[test]
fn a_flow_leaves_its_entry_as_it_was() {
    let catalog = Catalog::bundled();
    for name in ["trello", "slack", "shopify", "tiktok-ads"] {
        let provider = catalog.get(name).unwrap();
        let before = (**provider).clone();
        let (client, rng) = (client(), Rng::seeded(1));
        let config = json!({"subdomain": "acme", "region": "eu"});
        let config = config.as_object().unwrap();
        let context = context(provider, &client, config, &rng);
        let mode = valetkey_auth::mode(provider.auth_mode).unwrap();
        let own = json!({"audience": "other", "name": "Somebody"});
        let input = AuthorizeInput {
            redirect_uri: "https://v.example.com/oauth/callback",
            state: "st",
            verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            user_scope: None,
            session_params: own.as_object(),
            browser_params: &Map::new(),
        };
        let _ = mode.authorize(&context, &input);
        let query = [("code".to_owned(), "c".to_owned())];
        let input = CallbackInput {
            query: &query,
            redirect_uri: "https://v.example.com/oauth/callback",
            verifier: "v",
            memory: &Map::new(),
            started_at: NOW,
        };
        let _ = mode.callback(&context, &input);
        assert_eq!(**provider, before, "{name}");
    }
}
