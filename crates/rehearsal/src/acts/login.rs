//! A login that gives a session (BILL).

use serde_json::{Map, Value, json};
use valetkey_auth::follow_up::Occasion;
use valetkey_auth::{Grant, HttpRequest, Step};

use super::typed::bad_input;
use super::{call, facts, refusals};
use crate::Script;
use crate::expect::{self, Fields, same_fields};
use crate::personality::{Personality, json_reply};
use crate::stage::Stage;

/// A session's length, in seconds.
const LIFETIME_S: i64 = 35 * 60;

pub(super) fn play(stage: &Stage<'_>, script: &mut Script) {
    let body = json!({
        "username": "ann", "password": "password-1", "organization_id": "org-1", "dev_key": "key-1"
    });
    let begin = || submit(stage, &body);
    let granted = script.scene_with("login", || {
        let mut personality = provider(stage, "session-1");
        let grant = stage.granted(&stage.config, begin()?, &mut personality)?;
        stored(stage, &grant, "session-1")?;
        Ok(grant)
    });
    script.scene("bad input", || {
        for name in ["username", "password", "organization_id", "dev_key"] {
            let mut without = body.as_object().cloned().unwrap_or_default();
            without.shift_remove(name);
            match stage.mode.submit(&stage.context(), &Value::Object(without)) {
                Err(issues) if issues.iter().any(|issue| issue.path == [name]) => {}
                _ => return Err(format!("a missing {name} is taken")),
            }
        }
        bad_input(stage, &body.as_object().cloned().unwrap_or_default())
    });
    let Some(grant) = granted else { return };
    let step = || begin().unwrap_or_else(|_| stage.authorize());
    script.scene("refusals", || refusals(stage, &step, true, false));
    let Some(grant) = script.scene_with("facts", || facts(stage, grant, Occasion::Connect)) else {
        return;
    };
    script.scene("call", || call(stage, &grant));
    script.scene("refresh", || {
        let config = stage.stored(&grant);
        let step = stage.mode.refresh(&stage.context_with(&config), &grant.credentials);
        let mut personality = provider(stage, "session-2");
        let renewed = stage.granted(&config, step, &mut personality)?;
        stored(stage, &renewed, "session-2")
    });
}

fn submit(stage: &Stage<'_>, body: &Value) -> Result<Step, String> {
    stage.mode.submit(&stage.context(), body).map_err(|issues| {
        issues.into_iter().map(|issue| issue.message).collect::<Vec<_>>().join(" ")
    })
}

fn provider<'s>(stage: &'s Stage<'_>, session: &'s str) -> Personality<'s> {
    let answer = move |request: &HttpRequest, _| {
        let context = stage.context();
        let empty = Map::new();
        let scope = expect::scope(&context, &empty, &[]);
        let template = stage.provider.token_url.as_deref().unwrap_or_default();
        let url = expect::url(template, &scope, false)?;
        expect::same_address(&url, &Fields::new(), &request.url)?;
        let wanted = json!({
            "username": "ann", "password": "password-1", "organizationId": "org-1",
            "devKey": "key-1"
        });
        let wanted: Fields = wanted.as_object().cloned().unwrap_or_default().into_iter().collect();
        same_fields("body", &wanted, &expect::body_fields(&request.body))?;
        Ok(json_reply(&json!({"sessionId": session, "userId": "u1", "organizationId": "org-1"})))
    };
    Personality::new(stage.context(), Box::new(answer))
}

fn stored(stage: &Stage<'_>, grant: &Grant, session: &str) -> Result<(), String> {
    let map = grant.credentials.as_map();
    if map.get("session_id").and_then(Value::as_str) != Some(session) {
        return Err("the session of the answer is not the one stored".to_owned());
    }
    match grant.credentials.expires_at() {
        Some(at) if at.seconds() - stage.now.seconds() == LIFETIME_S => Ok(()),
        _ => Err("the session's end is not stored".to_owned()),
    }
}
