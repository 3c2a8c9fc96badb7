use serde_json::json;
use valetkey_base::{Rng, Timestamp};
use valetkey_catalog::Catalog;

use super::*;
use crate::mode::Client;

const NOW: Timestamp = Timestamp::from_millis(1_772_356_211_120);

const ENTRY: &str = r"
auth_mode: OAUTH2
token_url: https://a.test/token
introspection_url: https://a.test/introspect
proxy: {base_url: 'https://api.a.test/v1', headers: {x-app: mine}}
connection_config:
  subdomain: {type: string, optional: true}
post_connection:
  - {from: token_response, keep: {team: team.id}}
  - {from: id_token_claims, keep: {tid: tid}}
  - url: /sites
    pick: first
    match: {url: 'https://${connectionConfig.subdomain}.a.test'}
    keep: {siteId: id, region: {path: url, pattern: '^https://([a-z]+)\.'}}
    required: true
  - {url: 'https://who.a.test/${connectionConfig.siteId}', when: siteId, unless: team, keep: {who: name}}
companion_tokens:
  - store: bot
    when: tid
    token_url: https://a.test/${connectionConfig.tid}/token
    token_params: {grant_type: refresh_token, refresh_token: '${refresh_token}', scope: bot}
";

/// Runs every task with the answers by host and path; gives the grant and the requests made.
fn run(config: &Value, answers: &[(&str, Value)]) -> (Result<Grant, AuthError>, Vec<String>) {
    let (catalog, findings) = Catalog::empty().overlay(ENTRY, "acme.yaml").unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    let client = Client {
        client_id: Some("id".to_owned()),
        client_secret: Some("hush".into()),
        ..Client::default()
    };
    let context = Context {
        provider: catalog.get("acme").unwrap(),
        client: &client,
        connection_config: config.as_object().unwrap(),
        repairs: None,
        now: NOW,
        rng: &Rng::seeded(1),
    };
    let id_token = format!("h.{}.s", URL_SAFE_NO_PAD.encode(r#"{"tid":"t1"}"#));
    let mut grant = Grant {
        credentials: Credentials::from_json(json!({
            "type": "OAUTH2", "access_token": "at", "refresh_token": "rt",
            "raw": {"team": {"id": "T9"}, "id_token": id_token}
        })),
        connection_config: Map::new(),
    };
    let mut sent = Vec::new();
    for task in tasks(context.provider, &grant, Occasion::Connect) {
        let outcome = begin(&context, &mut grant, task).and_then(|request| {
            let Some(request) = request else { return Ok(()) };
            let body = String::from_utf8(request.body.encode().1).unwrap();
            sent.push(format!("{} {} {body}", request.method, request.url));
            let answer = answers.iter().find(|(url, _)| *url == request.url.as_str());
            let (status, body) = answer.map_or((404, json!({})), |(_, body)| (200, body.clone()));
            let body = body.to_string().into_bytes();
            finish(&context, &mut grant, task, &HttpReply { status, headers: Vec::new(), body })
        });
        if let Err(error) = outcome
            && is_required(context.provider, task, Occasion::Connect)
        {
            return (Err(error), sent);
        }
    }
    (Ok(grant), sent)
}

#[test]
fn everything_is_learned_in_order() {
    let sites = json!([
        {"id": 1, "url": "https://first.a.test"}, {"id": 2, "url": "https://mine.a.test"}
    ]);
    let answers = [
        ("https://a.test/introspect", json!({"active": true, "exp": 1_772_359_811})),
        ("https://api.a.test/v1/sites", sites),
        ("https://a.test/t1/token", json!({"access_token": "bot-1"})),
    ];
    let (grant, sent) = run(&json!({"subdomain": "mine"}), &answers);
    let grant = grant.unwrap();
    assert_eq!(
        Value::Object(grant.connection_config),
        json!({
            "team": "T9", "tid": "t1", "siteId": 2, "region": "mine",
            "bot": {"access_token": "bot-1"}
        })
    );
    assert_eq!(
        grant.credentials.expires_at().map(Timestamp::to_iso_z).as_deref(),
        Some("2026-03-01T10:10:11.000Z")
    );
    assert_eq!(
        sent,
        [
            "POST https://a.test/introspect \
             token=at&token_type_hint=access_token&client_id=id&client_secret=hush",
            "GET https://api.a.test/v1/sites ",
            "POST https://a.test/t1/token \
             grant_type=refresh_token&refresh_token=rt&scope=bot&client_id=id&client_secret=hush",
        ]
    );
}

#[test]
fn without_a_match_the_first_item_is_taken() {
    let answers = [
        ("https://api.a.test/v1/sites", json!([{"id": 7, "url": "https://x.a.test"}])),
        ("https://a.test/t1/token", json!({"access_token": "bot-1"})),
    ];
    let (grant, _) = run(&json!({"tid": ""}), &answers);
    assert_eq!(grant.unwrap().connection_config["siteId"], json!(7));
}

#[test]
fn a_required_fact_that_is_missing_fails_in_words() {
    let answers = [("https://api.a.test/v1/sites", json!([]))];
    let (grant, _) = run(&json!({}), &answers);
    let message = grant.unwrap_err().message;
    assert!(message.contains("siteId, region"), "{message}");
}

#[test]
fn a_second_token_is_kept_beside_the_first() {
    let answers = [
        (
            "https://a.test/t1/token",
            json!({"access_token": "bot-1", "expires_in": 60, "refresh_token": "rt-2"}),
        ),
        ("https://api.a.test/v1/sites", json!([{"id": 7, "url": "https://x.a.test"}])),
    ];
    let (grant, sent) = run(&json!({}), &answers);
    let grant = grant.unwrap();
    assert_eq!(
        grant.connection_config["bot"],
        json!({"access_token": "bot-1", "expires_in": 60, "expires_at": 1_772_356_271_120_i64})
    );
    assert_eq!(grant.credentials.refresh_token(), Some("rt-2"));
    assert!(sent[2].contains("refresh_token=rt&scope=bot&client_id=id"), "{sent:?}");
}

#[test]
fn what_a_refresh_brought_is_not_lost_over_a_second_token() {
    let (catalog, _) = Catalog::empty().overlay(ENTRY, "acme.yaml").unwrap();
    let provider = catalog.get("acme").unwrap();
    for task in [Task::Companion(0), Task::Fact(2), Task::Introspection] {
        assert!(!is_required(provider, task, Occasion::Refresh), "{task:?}");
    }
    assert!(is_required(provider, Task::Companion(0), Occasion::Connect));
    assert!(is_required(provider, Task::Fact(2), Occasion::Connect));
}
