//! Entries whose forms have fields of their own.

use serde_json::{Map, Value, json};
use valetkey_catalog::schema::{ExpiryStrategy, SignatureProtocol, StepFormat};
use valetkey_catalog::{Field, Provider, references};

use super::{done, secret_sample};
use crate::mode::{Context, Grant, Mode, Step};
use crate::request::HttpReply;
use crate::test_keys;

/// What a person would type, the keys being real ones.
fn body(provider: &Provider) -> Value {
    let mut body = Map::new();
    for field in provider.credentials.iter().chain(&provider.integration_config) {
        if !field.automated {
            body.insert(field.name.clone(), typed(provider, "credentials", field));
        }
    }
    let options: Map<String, Value> = provider
        .assertion_option
        .iter()
        .map(|field| (field.name.clone(), typed(provider, "assertionOption", field)))
        .collect();
    body.insert("assertionOption".to_owned(), Value::Object(options));
    Value::Object(body)
}

fn typed(provider: &Provider, group: &str, field: &Field) -> Value {
    let name = format!("{group}.{}", field.name);
    let names = |template: Option<&String>| {
        template.is_some_and(|template| references(template).contains(&name))
    };
    let signed = provider.signed_token.as_ref();
    if names(signed.and_then(|token| token.signing_key.as_ref())) {
        match provider.signature {
            Some(SignatureProtocol::Rsa) => return test_keys::rsa().pem.into(),
            Some(SignatureProtocol::Ec) => return test_keys::p256().pem.into(),
            _ => {}
        }
    }
    let asserted = provider.assertion.as_ref();
    if names(asserted.and_then(|assertion| assertion.key.as_ref())) {
        let algorithm = asserted.and_then(|assertion| assertion.header.get("alg"));
        return match algorithm.and_then(Value::as_str) {
            Some("ES256") => test_keys::p256().pem.into(),
            _ => test_keys::rsa().pem.into(),
        };
    }
    secret_sample(Some(field)).into()
}

pub(super) fn connect(context: &Context<'_>, mode: &dyn Mode) -> Grant {
    let provider = context.provider;
    let step = mode.submit(context, &body(provider));
    let step = step.unwrap_or_else(|issues| panic!("{}: {issues:?}", provider.name));
    to_the_end(context, mode, step)
}

/// Answers every request of an exchange well.
pub(super) fn to_the_end(context: &Context<'_>, mode: &dyn Mode, first: Step) -> Grant {
    let mut step = first;
    while let Step::Send { request, pending } = step {
        let url = request.url.as_str();
        assert!(!url.contains("$%7B"), "{}: {url}", context.provider.name);
        step = mode.reply(context, &pending, &answer(context.provider));
    }
    done(&context.provider.name, step)
}

/// One answer that holds what any step looks for.
fn answer(provider: &Provider) -> HttpReply {
    let recipe = &provider.two_step;
    let mut body = json!({});
    for step in &recipe.additional {
        let templates = json!([step.url, step.headers, step.params]).to_string();
        for name in references(&templates) {
            if let Some((_, path)) = name.split_once('.').filter(|_| name.starts_with("step")) {
                put(&mut body, path, "https://learned.example.com".into());
            }
        }
    }
    for path in &provider.token_response_metadata {
        put(&mut body, path, "https://learned.example.com".into());
    }
    let paths = &recipe.response;
    if let Some(path) = &paths.expiration {
        let value: Value = match paths.strategy {
            ExpiryStrategy::In => 3600.into(),
            ExpiryStrategy::At => "2026-03-02T00:00:00Z".into(),
        };
        put(&mut body, path, value);
    }
    if let Some(path) = &paths.refresh_token {
        put(&mut body, path, "renew-1".into());
    }
    if let Some(test) = &provider.token_response_success {
        put(&mut body, &test.path, test.equals.clone());
    }
    if paths.token.is_empty() {
        body = "token-1".into();
    } else {
        put(&mut body, &paths.token, "token-1".into());
    }
    let text = match recipe.format {
        StepFormat::Xml => xml(&body),
        StepFormat::Json | StepFormat::Form => body.to_string(),
    };
    HttpReply { status: 200, headers: Vec::new(), body: text.into_bytes() }
}

fn put(body: &mut Value, path: &str, value: Value) {
    let mut place = body;
    for part in path.split('.') {
        place = &mut place[part];
    }
    *place = value;
}

fn xml(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            map.iter().map(|(name, value)| format!("<{name}>{}</{name}>", xml(value))).collect()
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
