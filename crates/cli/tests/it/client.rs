//! The Rust client against the running program: every operation once, over real HTTP.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::TryStreamExt as _;
use serde_json::{Map, Value, json};
use valetkey_client::webhooks::{Event, Verifier};
use valetkey_client::{
    AllowedCall, ClaimInstall, Client, ConnectionFilter, CreateSession, EndUser, ImportConnection,
    InstallFilter, NewProxyKey, OperationFilter, PatchConnection, PatchIntegration, ProxyRules,
    ReadOptions, SaveIntegration,
};

use crate::program::{Folder, get, send, until};

const KEY: &str = "emulator-api-key";

struct Bench {
    client: Client,
    provider: String,
    inbox: String,
    signing_key: String,
    /// Ends with the test.
    _dev: crate::program::Running,
    _folder: Folder,
}

fn bench() -> Bench {
    let folder = Folder::new();
    let mut dev = folder.start(&["dev", "--port-base", "0"], &[]);
    let first = |line: String| line.split_whitespace().next().unwrap().to_owned();
    let inbox = first(dev.line("Webhook inbox "));
    let provider = first(dev.line("Provider "));
    let url = dev.line("Server ");
    let key = dev.line("API key (dev) ");
    let signing_key = first(dev.line("Signing key "));
    let client = Client::builder(url, key).timeout(Duration::from_secs(30)).build().unwrap();
    Bench { client, provider, inbox, signing_key, _dev: dev, _folder: folder }
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(members) = value else { panic!("not an object") };
    members
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_sessions_and_their_surroundings() {
    let Bench { client, .. } = &bench();
    client.health().check().await.unwrap();
    client.health().ready().await.unwrap();

    let request =
        CreateSession::tagged([("team", "a")]).allow([KEY]).return_to("http://localhost/");
    let session = client.connect_sessions().create(&request).await.unwrap();
    assert!(session.connect_link.contains(session.token.expose()));
    assert!(!format!("{:?}", session.token).contains("nango"), "a token is not shown");
    let wrong = CreateSession::tagged([("a", "b")]).return_to("https://elsewhere.example");
    let refused = client.connect_sessions().create(&wrong).await.unwrap_err();
    assert_eq!(refused.api().unwrap().issues[0].path, ["return_url"]);
    assert!(!refused.is_retryable());

    let import = |id: &str| ImportConnection {
        provider_config_key: KEY.to_owned(),
        connection_id: Some(id.to_owned()),
        credentials: json!({"type": "API_KEY", "apiKey": "emk_demo_1234567890"}),
        connection_config: None,
        metadata: Some(object(json!({"plan": "pro"}))),
        tags: Some(BTreeMap::from([("team".to_owned(), "a".to_owned())])),
    };
    let made = client.connections().import(&import("one/1")).await.unwrap();
    assert_eq!((made.connection_id.as_str(), made.tags["team"].as_str()), ("one/1", "a"));
    client.connections().import(&import("two")).await.unwrap();
    let flat = json!({"provider_config_key": KEY, "connection_id": "flat", "api_key": "emk_demo_1234567890"});
    client.connections().import_flat(&flat).await.unwrap();

    calls_through_the_proxy(client).await;
    installations(client).await;

    let token = client.connections().token(KEY, "one/1").await.unwrap();
    assert_eq!(token.expose(), "emk_demo_1234567890");
    let read = client.connections().get(KEY, "one/1", ReadOptions::default()).await.unwrap();
    assert_eq!(read.credentials.kind(), "API_KEY");
    assert!(!format!("{read:?}").contains("emk_"), "credentials are not shown");
    let change = PatchConnection {
        tags: Some(BTreeMap::from([("team".to_owned(), "b".to_owned())])),
        ..PatchConnection::default()
    };
    client.connections().patch(KEY, "one/1", &change).await.unwrap();
    let more = object(json!({"seats": 3}));
    client.connections().merge_metadata(KEY, &["one/1", "two"], &more).await.unwrap();
    client.connections().set_metadata(KEY, &["two"], &more).await.unwrap();
    client.connections().merge_metadata_of_one(KEY, "two", &object(json!({"x": 1}))).await.unwrap();
    client.connections().set_metadata_of_one(KEY, "flat", &more).await.unwrap();
    let mut filter = ConnectionFilter::default();
    filter.tags.insert("team".to_owned(), "b".to_owned());
    let found = client.connections().list(&filter).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].metadata, Some(object(json!({"plan": "pro", "seats": 3}))));
    let all: Vec<_> =
        client.connections().all(ConnectionFilter::default()).try_collect().await.unwrap();
    assert_eq!(all.len(), 4, "three of ours and the one that is there from the start");

    let repair = CreateSession::default();
    client.connect_sessions().reconnect(KEY, "one/1", &repair).await.unwrap();
    client.connections().delete(KEY, "two").await.unwrap();
    let gone = client.connections().token(KEY, "two").await.unwrap_err();
    assert_eq!(gone.api().unwrap().status, 404);

    let operations = client.logs().list(&OperationFilter::default()).await.unwrap();
    let operation = client.logs().get(&operations[0].id).await.unwrap();
    assert_eq!(operation.id, operations[0].id);
}

#[tokio::test(flavor = "multi_thread")]
async fn integrations_providers_and_environments() {
    let Bench { client, .. } = &bench();
    let save = SaveIntegration {
        provider: KEY.to_owned(),
        unique_key: "mine".to_owned(),
        display_name: Some("Mine".to_owned()),
        ..SaveIntegration::default()
    };
    let integrations = client.integrations();
    assert_eq!(integrations.create(&save).await.unwrap().display_name, "Mine");
    let change =
        PatchIntegration { display_name: Some("Ours".to_owned()), ..PatchIntegration::default() };
    assert_eq!(integrations.patch("mine", &change).await.unwrap().display_name, "Ours");
    assert_eq!(integrations.get("mine").await.unwrap().provider, KEY);
    assert_eq!(integrations.list().await.unwrap().len(), 3);
    assert_eq!(client.functions().list("mine").await.unwrap().len(), 0);
    for missing in [
        client.functions().get("mine", "none").await.map(drop),
        client.functions().code("mine", "none").await.map(drop),
        client.functions().delete("mine", "none", "sync").await,
    ] {
        assert_eq!(missing.unwrap_err().api().unwrap().status, 404);
    }
    client.functions().config().await.unwrap();
    integrations.delete("mine").await.unwrap();
    let shared = SaveIntegration { unique_key: "shared".to_owned(), ..save };
    let refused = integrations.quickstart(&shared).await;
    assert!(refused.is_ok() || refused.unwrap_err().api().is_some());

    let providers = client.providers();
    assert_eq!(providers.get("github").await.unwrap().name, "github");
    assert!(providers.list(Some("github")).await.unwrap().len() > 1);
    assert!(providers.list(None).await.unwrap().len() > 800);
    assert!(providers.catalogue().await.unwrap().contains_key("github"));
    providers.templates("github").await.unwrap();

    let environments = client.environments();
    assert_eq!(environments.variables().await.unwrap().len(), 0);
    // These take a key of the account, and this is one of an environment.
    let refusals = [
        environments.create("staging", false).await.map(drop),
        environments.delete(99).await,
        environments.create_key(1, "x").await.map(drop),
        environments.delete_key(1, 1).await,
    ];
    for refusal in refusals {
        assert_eq!(refusal.unwrap_err().api().unwrap().status, 403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_grant_and_a_webhook_that_is_believed() {
    let Bench { client, provider, inbox, signing_key, .. } = &bench();
    // A connection whose token no longer counts at the provider.
    let import = ImportConnection {
        provider_config_key: "emulator".to_owned(),
        connection_id: Some("dying".to_owned()),
        credentials: json!({
            "type": "OAUTH2", "access_token": "emu_at_gone", "refresh_token": "emu_rt_gone",
            "expires_at": "2020-01-01T00:00:00Z",
        }),
        connection_config: None,
        metadata: None,
        tags: None,
    };
    client.connections().import(&import).await.unwrap();
    let dead = client.connections().token("emulator", "dying").await.unwrap_err();
    assert!(dead.needs_reconnect() && !dead.is_retryable(), "{dead:?}");

    let fault = r#"{"target":"token","kind":"http_500","times":1000}"#;
    let json = [("content-type", "application/json")];
    let set = || send("POST", &format!("{provider}/control/faults"), &json, fault);
    let (status, _) = tokio::task::block_in_place(set);
    assert!(status < 400);
    let passing = ImportConnection { connection_id: Some("waiting".to_owned()), ..import };
    client.connections().import(&passing).await.unwrap();
    let down = client.connections().token("emulator", "waiting").await.unwrap_err();
    assert!(!down.needs_reconnect() && down.is_retryable(), "{down:?}");

    let events: Vec<_> = client.events().after(None).try_collect().await.unwrap();
    assert!(!events.is_empty());
    let page = client.events().list(Some(&events[0].id), 1).await.unwrap();
    assert_ne!(page.first().map(|event| &event.id), Some(&events[0].id));

    let entry = tokio::task::block_in_place(|| until_delivered(inbox));
    let mut headers = http::HeaderMap::new();
    for (name, value) in entry["headers"].as_object().unwrap() {
        let name: http::HeaderName = name.parse().unwrap();
        headers.insert(name, value.as_str().unwrap().parse().unwrap());
    }
    let body = entry["body"].as_str().unwrap();
    let verifier = Verifier::new([signing_key.as_str()]);
    let event = verifier.verify(&headers, body.as_bytes()).unwrap();
    assert!(matches!(event, Event::Auth(auth) if !auth.connection_id.is_empty()));
    assert!(verifier.verify(&headers, format!("{body} ").as_bytes()).is_err());

    let deliveries = client.events().deliveries(None).await.unwrap();
    client.events().replay(&deliveries[0].id).await.unwrap();
    let rotated = client.environments().rotate_signing_key().await.unwrap();
    assert_ne!(rotated.expose(), signing_key);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_walk_of_the_readme() {
    let Bench { client, .. } = &bench();
    // What the walk calls github is the emulator here.
    let rename =
        PatchIntegration { unique_key: Some("github".to_owned()), ..PatchIntegration::default() };
    client.integrations().patch("emulator", &rename).await.unwrap();
    // Its token no longer counts at the provider, so both ways are walked.
    let import = ImportConnection {
        provider_config_key: "github".to_owned(),
        connection_id: Some("connection-1".to_owned()),
        credentials: json!({
            "type": "OAUTH2", "access_token": "emu_at_gone", "refresh_token": "emu_rt_gone",
            "expires_at": "2020-01-01T00:00:00Z",
        }),
        connection_config: None,
        metadata: None,
        tags: None,
    };
    client.connections().import(&import).await.unwrap();
    walk(client).await.unwrap();

    let readme = include_str!("../../../client/README.md").split("```").nth(1).unwrap();
    let shown: Vec<_> = readme.lines().skip(5).filter(|line| !line.starts_with("# ")).collect();
    let without_space = |text: &str| text.split_whitespace().collect::<String>();
    let ran = without_space(include_str!("client.rs"));
    assert!(ran.contains(&without_space(&shown.join(" "))), "the README's walk is not `walk`");
}

#[expect(clippy::print_stdout, reason = "the README prints")]
async fn walk(client: &Client) -> Result<(), valetkey_client::Error> {
    // A session for a user; hand the token to the browser, or send the link.
    let request = CreateSession::tagged([("end_user_id", "user-1")]).allow(["github"]);
    let session = client.connect_sessions().create(&request).await?;
    println!("{}", session.connect_link);

    // Later: a token that works. It is refreshed by the server when it has to be.
    match client.connections().token("github", "connection-1").await {
        Ok(token) => println!("Authorization: Bearer {}", token.expose()),
        Err(error) if error.needs_reconnect() => {
            let request = CreateSession::default();
            let again =
                client.connect_sessions().reconnect("github", "connection-1", &request).await?;
            println!("Please connect again: {}", again.connect_link);
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

fn until_delivered(inbox: &str) -> Value {
    let mut found = Value::Null;
    until("a webhook arrives", || {
        let (_, body) = get(&format!("{inbox}.json"), "");
        found = body["entries"][0].clone();
        !found.is_null()
    });
    found
}

async fn calls_through_the_proxy(client: &Client) {
    let api = client.proxy(KEY, "one/1");
    let answer = api.get("/api/me?a=x%20y").query("b", 1).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["valetkey-attempts"]),
        (200, &"1".parse().unwrap())
    );
    assert!(answer.json::<Value>().await.unwrap().is_object());
    let pieces =
        futures::stream::iter([Ok::<_, std::io::Error>("some ".into()), Ok("bytes".into())]);
    let put = api.put("/api/me").header("content-type", "text/plain").stream(pieces);
    assert_eq!(put.send().await.unwrap().status().as_u16(), 405);
    let missing = api.post("/nothing").json(&json!({"n": 1})).retries(1).retry_on(&[418]);
    let mut answer = missing.send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 404);
    while answer.chunk().await.unwrap().is_some() {}

    let elsewhere = api.get("/").base_url("https://example.net").send().await.unwrap_err();
    assert_eq!(elsewhere.api().unwrap().code, "base_url_override_not_allowed");
    for path in ["/../connections", "a/%2e%2E/b", "/./x", "/\\..\\x", "/a#b"] {
        let refused = api.get(path).send().await.unwrap_err();
        assert!(matches!(refused, valetkey_client::Error::Config(_)), "{path}: {refused}");
    }

    let call = AllowedCall { methods: vec!["GET".to_owned()], path: "/api/me".to_owned() };
    let rules =
        ProxyRules { provider_config_key: KEY.to_owned(), calls: vec![call], ..Default::default() };
    let new = NewProxyKey { rules, calls_max: Some(2), ..Default::default() };
    let made = client.proxy_keys().create(&new).await.unwrap();
    let listed = client.proxy_keys().list().await.unwrap();
    assert_eq!((listed.len(), listed[0].id, listed[0].calls_left), (1, made.about.id, Some(2)));
    assert!(
        made.key.expose().starts_with("vk_proxy_") && !format!("{made:?}").contains("vk_proxy_")
    );
    client.proxy_keys().delete(made.about.id).await.unwrap();
    assert!(client.proxy_keys().list().await.unwrap().is_empty());
}

async fn installations(client: &Client) {
    let installs = client.installs();
    let filter = InstallFilter { integration: Some(KEY.to_owned()), ..Default::default() };
    assert!(installs.list(&filter).await.unwrap().is_empty());
    let status = |error: valetkey_client::Error| error.api().unwrap().status.as_u16();
    let claim = ClaimInstall { end_user: Some(EndUser::default()), ..Default::default() };
    assert_eq!(status(installs.get("none").await.unwrap_err()), 404);
    assert_eq!(status(installs.claim("none", &ClaimInstall::default()).await.unwrap_err()), 404);
    assert_eq!(
        status(installs.claim("none", &claim).await.unwrap_err()),
        400,
        "a user needs an id"
    );
    assert_eq!(status(installs.exchange("vk_claim_none").await.unwrap_err()), 404);
    assert_eq!(status(installs.dismiss("none").await.unwrap_err()), 404);
}
