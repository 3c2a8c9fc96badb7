//! Every recipe of the catalogue: what is signed as it says is taken once, and nothing else is.

use serde_json::{Value, json};
use valetkey_catalog::schema::{KeySource, Piece, Place, Rule, Scheme, Target, Verify, Webhooks};

use super::signer::{Draft, SECRET, Signer};
use super::{Hook, patch};
use crate::app::{TestApp, on_each};

/// The providers whose webhooks others route as well; each must have a recipe of its own.
const ROUTED: &[&str] = &[
    "affinity",
    "airtable",
    "attio",
    "autotask",
    "cal-com-v2",
    "cal-com-oauth",
    "calendly",
    "checkr-partner",
    "checkr-partner-staging",
    "connectwise-psa",
    "connectwise-psa-staging",
    "fathom",
    "fathom-oauth",
    "fillout",
    "fillout-api-key",
    "folk",
    "github-app",
    "github-app-oauth",
    "gitlab",
    "gitlab-pat",
    "google-mail",
    "google-calendar",
    "google-calendar-mcp",
    "google-drive",
    "google",
    "highlevel",
    "highlevel-white-label",
    "hubspot",
    "jira",
    "jobber",
    "jobdiva",
    "linear",
    "microsoft-oauth2-cc",
    "microsoft-intune",
    "microsoft-teams",
    "microsoft-teams-bot",
    "notion",
    "pagerduty",
    "salesforce",
    "sellsy",
    "sellsy-oauth2-cc",
    "sentry-oauth",
    "shipstation",
    "shipstation-v2",
    "shopify",
    "shopify-api-key",
    "slack",
    "streak",
    "videoask",
    "xero",
];

/// Recipes that are one of a kind and have tests of their own: keys come from elsewhere.
fn is_apart(way: &Verify) -> bool {
    way.scheme == Scheme::Jwt || way.key.contains(&KeySource::Fetched)
}

#[test]
fn every_routed_provider_has_a_recipe() {
    let catalog = valetkey_catalog::Catalog::bundled();
    let lacking: Vec<_> =
        ROUTED.iter().filter(|name| catalog.get(name).unwrap().webhooks.is_none()).collect();
    assert_eq!(lacking, [&""; 0]);
}

#[tokio::test]
async fn what_a_recipe_asks_for_is_taken_once_and_nothing_else_is() {
    on_each(async |app: TestApp| {
        let catalog = app.engine.catalog();
        let mut seen: Vec<&Webhooks> = Vec::new();
        let mut ways = 0;
        for provider in catalog.all() {
            let Some(recipe) = &provider.webhooks else { continue };
            if seen.contains(&recipe) {
                continue;
            }
            seen.push(recipe);
            for (index, way) in recipe.verify.iter().enumerate() {
                if is_apart(way) {
                    continue;
                }
                ways += 1;
                let name = format!("{}-{index}", provider.name);
                walk(&app, &provider.name, &name, recipe, way).await;
            }
        }
        assert!(seen.len() > 90 && ways > 100, "{} recipes, {ways} ways", seen.len());
    })
    .await;
}

/// An identifier, what it stands for, and where.
fn identity(recipe: &Webhooks) -> (Rule, String, String) {
    let rules = || recipe.connection.iter();
    let plain = |rule: &&Rule| rule.pattern.is_none() && rule.base64_json.is_none();
    let rule = rules().find(plain).or(rules().next()).unwrap().clone();
    let (sent, meant) = match &rule.pattern {
        None if rule.to.contains(&Target::Config("streakWebhookToken".to_owned())) => {
            (SECRET, SECRET)
        }
        None => ("identifier-1", "identifier-1"),
        Some(_) => panic!("{rule:?}"),
    };
    (rule, sent.to_owned(), meant.to_owned())
}

async fn walk(app: &TestApp, provider: &str, key: &str, recipe: &Webhooks, way: &Verify) {
    let signer = Signer::of(way);
    let hook = Hook::new(app, provider, key).await;
    let source = &way.key[0];
    let (rule, sent, meant) = identity(recipe);
    let mut metadata = json!({});
    let mut config = json!({});
    let mut id = "conn-1".to_owned();
    match &rule.to[0] {
        Target::ConnectionId => id.clone_from(&meant),
        Target::Metadata(name) => metadata[name] = json!([meant, "other"]),
        Target::Config(name) => config[name] = json!(meant),
    }
    match source {
        KeySource::Metadata(name) => metadata[name] = json!(signer.secret),
        KeySource::Config(name) => config[name] = json!(signer.secret),
        KeySource::ClientSecret => patch(app, key, &Hook::client(&signer.secret)).await,
        _ => patch(app, key, &json!({"webhooks": {"secret": signer.secret}})).await,
    }
    hook.connection(&id, &metadata, &config).await;
    let now = app.clock.now().millis();
    let draft = |delivery: &str| {
        let mut draft = Draft::new(recipe, hook.path.clone());
        draft.fill(delivery);
        // The token may stand where the identifier does.
        if rule.from[0] != way.signature {
            draft.set(&rule.from[0], &sent);
        }
        draft
    };
    let mut right = draft("id-1");
    right.sign(way, &signer, now);

    let answer = right.send(app).await;
    assert_eq!(answer.status, 200, "{key}: {}", answer.text);
    let events = hook.events().await;
    assert_eq!(events.len(), 1, "{key}");
    assert_eq!(events[0]["connectionId"], id, "{key}: {}", events[0]);
    assert_eq!(
        (&events[0]["from"], &events[0]["type"]),
        (&json!(hook.provider), &json!("forward"))
    );
    assert!(!events[0].to_string().contains(&signer.secret), "{key} passes its secret on");
    let again = right.send(app).await;
    assert_eq!((again.status, hook.events().await.len()), (200, 1), "{key}: a repeat");

    refusals(app, key, way, &signer, &draft, &hook).await;
    assert_eq!(hook.events().await.len(), 1, "{key}: something refused was passed on");
    if *source == KeySource::WebhookSecret && way.key.len() == 1 {
        patch(app, key, &json!({"webhooks": {"secret": ""}})).await;
        let mut other = draft("id-9");
        other.sign(way, &signer, now);
        let answer = other.send(app).await;
        assert_eq!(answer.error(), (401, "webhook_missing_secret".to_owned()), "{key}");
        assert!(answer.json()["error"]["message"].as_str().unwrap().contains("webhook secret"));
    }
}

async fn refusals(
    app: &TestApp,
    key: &str,
    way: &Verify,
    signer: &Signer,
    draft: &impl Fn(&str) -> Draft,
    hook: &Hook<'_>,
) {
    let now = app.clock.now().millis();
    let invalid = (401, "webhook_invalid_signature".to_owned());
    let at = |id: &str, ms: i64| {
        let mut draft = draft(id);
        draft.sign(way, signer, ms);
        draft
    };
    let mut forged = at("id-2", now);
    forged.tamper(&way.signature);
    let answer = forged.send(app).await;
    // A wrong token may also be one that no connection has.
    let expected =
        if matches!(way.key[0], KeySource::Config(_)) { answer.error() } else { invalid.clone() };
    assert_eq!((answer.status, answer.error()), (401, expected), "{key}: another signature");
    let signs_body =
        way.signed.0.contains(&Piece::Body) || way.signed.0.contains(&Piece::SortedForm);
    if signs_body && way.scheme != Scheme::Token {
        let mut forged = at("id-3", now);
        forged.tamper_body();
        assert_eq!(forged.send(app).await.error(), invalid, "{key}: another body");
    }
    if way.timestamp.is_some() || way.scheme == Scheme::StandardWebhooks {
        for ms in [now - 3_600_000, now + 3_600_000] {
            assert_eq!(at("id-4", ms).send(app).await.error(), invalid, "{key}: at {ms}");
        }
        let inside = way.tolerance_seconds as i64 * 1000 - 1000;
        let early = at("id-5", now - inside).send(app).await;
        assert_eq!(early.status, 200, "{key}: within the window: {}", early.text);
        assert_eq!(hook.take_last().await, 1, "{key}");
    }
    let bare = draft("id-6").send(app).await;
    assert_eq!(bare.status, 401, "{key}: without a signature: {}", bare.text);
    let _: Value = bare.json();
}

#[test]
fn every_reply_of_a_recipe_can_be_made() {
    for provider in valetkey_catalog::Catalog::bundled().all() {
        for reply in provider.webhooks.iter().flat_map(|recipe| &recipe.replies) {
            let places = reply.when.iter().map(|condition| &condition.at);
            assert!(
                places.clone().all(|place| !matches!(place, Place::Item(_))),
                "{}",
                provider.name
            );
        }
    }
}
