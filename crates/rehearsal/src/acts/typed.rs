//! Secrets that a person types: keys, passwords, and what is made of them without a browser.

use serde_json::{Map, Value, json};
use valetkey_auth::follow_up::Occasion;
use valetkey_auth::{Grant, HttpReply, HttpRequest, Step, accepts, verification};
use valetkey_catalog::{AuthMode, Field};

use super::{all_headers, call, facts};
use crate::personality::{Personality, put};
use crate::stage::{Stage, is_resolved};
use crate::{Script, sample};

pub(super) fn play(stage: &Stage<'_>, script: &mut Script) {
    let Some(body) = script.scene_with("inputs", || body_of(stage)) else { return };
    let granted = script.scene_with("submit", || {
        let refuse = Box::new(|request: &HttpRequest, _| Err(format!("{request:?} is sent")));
        let mut personality = Personality::new(stage.context(), refuse);
        stage.granted(&stage.config, submit(stage, &body)?, &mut personality)
    });
    script.scene("bad input", || bad_input(stage, &body));
    let Some(grant) = granted else { return };
    script.scene("verification", || verify(stage, &grant));
    let Some(grant) = script.scene_with("facts", || facts(stage, grant, Occasion::Connect)) else {
        return;
    };
    script.scene("call", || call(stage, &grant));
    if stage.mode.can_refresh(stage.provider, &grant.credentials) {
        script.scene("refresh", || {
            let config = stage.stored(&grant);
            let refuse = Box::new(|request: &HttpRequest, _| Err(format!("{request:?} is sent")));
            let mut personality = Personality::new(stage.context(), refuse);
            let step = stage.mode.refresh(&stage.context_with(&config), &grant.credentials);
            let renewed = stage.granted(&config, step, &mut personality)?;
            match renewed.credentials.expires_at() {
                Some(at) if at > stage.now => Ok(()),
                _ => Err("the new token has no end or is over".to_owned()),
            }
        });
    }
}

fn submit(stage: &Stage<'_>, body: &Map<String, Value>) -> Result<Step, String> {
    stage.mode.submit(&stage.context(), &Value::Object(body.clone())).map_err(|issues| {
        issues
            .into_iter()
            .map(|issue| format!("{}: {}", issue.path.join("."), issue.message))
            .collect::<Vec<_>>()
            .join(" ")
    })
}

/// Names a mode asks for whatever the entry says.
fn fixed_names(mode: AuthMode) -> &'static [&'static str] {
    match mode {
        AuthMode::ApiKey => &["apiKey"],
        AuthMode::Basic | AuthMode::Signature => &["username", "password"],
        AuthMode::Tba => &["token_id", "token_secret"],
        _ => &[],
    }
}

/// A body that fits the entry.
pub(super) fn body_of(stage: &Stage<'_>) -> Result<Map<String, Value>, String> {
    let mut body = sample::values(stage.provider, &stage.provider.credentials)?;
    if matches!(stage.provider.auth_mode, AuthMode::Signature | AuthMode::Jwt) {
        body.insert("type".to_owned(), stage.provider.auth_mode.as_str().into());
    }
    for name in fixed_names(stage.provider.auth_mode) {
        body.entry(*name).or_insert_with(|| json!(format!("{}-1", name.to_ascii_lowercase())));
    }
    Ok(body)
}

/// What is missing or of the wrong form is named, and nothing comes of it.
pub(super) fn bad_input(stage: &Stage<'_>, body: &Map<String, Value>) -> Result<(), String> {
    let provider = stage.provider;
    let names: Vec<&str> = fixed_names(provider.auth_mode)
        .iter()
        .copied()
        .chain(provider.credentials.iter().filter(|field| field.is_required()).map(|f| &*f.name))
        .collect();
    for name in names {
        let field = provider.credentials.iter().find(|field| field.name == name);
        if field.is_some_and(|field| !field.is_required()) {
            continue;
        }
        let mut without = body.clone();
        without.shift_remove(name);
        names_field(stage, without, name)?;
    }
    for field in provider.credentials.iter().filter(|field| !field.automated && !field.hidden) {
        if let Some(wrong) = sample::refused_by(field) {
            let mut with_wrong = body.clone();
            with_wrong.insert(field.name.clone(), wrong.into());
            names_field(stage, with_wrong, &field.name)?;
        }
    }
    bad_settings(stage, &provider.connection_config)
}

fn names_field(stage: &Stage<'_>, body: Map<String, Value>, name: &str) -> Result<(), String> {
    match stage.mode.submit(&stage.context(), &Value::Object(body)) {
        Err(issues)
            if issues.iter().any(|issue| {
                issue.path.last().is_some_and(|last| last == name) && !issue.message.is_empty()
            }) =>
        {
            Ok(())
        }
        Err(issues) => Err(format!("an issue names {:?} and not {name}", issues[0].path)),
        Ok(_) => Err(format!("a bad or missing {name} is taken")),
    }
}

fn bad_settings(stage: &Stage<'_>, fields: &[Field]) -> Result<(), String> {
    for field in fields.iter().filter(|field| !field.automated && !field.hidden) {
        let Some(wrong) = sample::refused_by(field) else { continue };
        let mut config = stage.config.clone();
        config.insert(field.name.clone(), wrong.into());
        let issues = valetkey_catalog::validate_connection_config(stage.provider, &config);
        let is_named = issues.is_err_and(|issues| {
            issues.iter().any(|issue| issue.path.last().is_some_and(|last| *last == field.name))
        });
        if !is_named {
            return Err(format!("a bad {} is taken", field.name));
        }
    }
    Ok(())
}

/// Test calls can be built, good answers are taken and bad ones are not.
pub(super) fn verify(stage: &Stage<'_>, grant: &Grant) -> Result<(), String> {
    let provider = stage.provider;
    let config = stage.stored(grant);
    let context = stage.context_with(&config);
    let calls = verification(&context, &grant.credentials);
    let declared = provider.proxy.verification.as_ref().map_or(0, |check| check.endpoints.len());
    if stage.mode.takes_typed_secrets() && calls.len() != declared {
        return Err("a test call cannot be built".to_owned());
    }
    for request in &calls {
        is_resolved(request)?;
        all_headers(stage, request)?;
    }
    if declared > 0 {
        let good = good_answer(stage);
        if !accepts(provider, &good) {
            return Err("a good answer is refused".to_owned());
        }
        let bad = HttpReply { status: 401, headers: Vec::new(), body: b"{}".to_vec() };
        if accepts(provider, &bad) {
            return Err("HTTP 401 is taken for good credentials".to_owned());
        }
    }
    Ok(())
}

fn good_answer(stage: &Stage<'_>) -> HttpReply {
    let success = &stage.provider.verification_success;
    let mut body = json!({});
    if let Some(path) = &success.exists {
        put(&mut body, path, json!("something"));
    }
    if let Some((path, value)) = &success.equals {
        put(&mut body, path, value.clone());
    }
    let status = success.statuses.first().copied().unwrap_or(200);
    HttpReply { status, headers: Vec::new(), body: body.to_string().into_bytes() }
}
