//! Temporary keys of a role.

use serde_json::{Value, json};
use valetkey_auth::follow_up::Occasion;
use valetkey_auth::{Grant, HttpReply, HttpRequest, Step};

use super::facts;
use crate::Script;
use crate::expect;
use crate::personality::Personality;
use crate::stage::{Ending, Stage};

const ROLE: &str = "arn:aws:iam::123456789012:role/valetkey";

pub(super) fn play(stage: &Stage<'_>, script: &mut Script) {
    let body = json!({"role_arn": ROLE, "region": "eu-west-1"});
    let begin = || submit(stage, &body);
    let granted = script.scene_with("assume role", || {
        let mut personality = provider(stage, "valetkey");
        let grant = stage.granted(&stage.config, begin()?, &mut personality)?;
        stored(&grant)?;
        Ok(grant)
    });
    script.scene("another role", || {
        let mut personality = provider(stage, "somebody-else");
        match stage.run(&stage.config, begin()?, &mut personality)? {
            Ending::Failed(error) if error.code == "connection_test_failed" => Ok(()),
            Ending::Failed(error) => Err(format!("refused as {}", error.code)),
            _ => Err("keys of another role are taken".to_owned()),
        }
    });
    script.scene("bad input", || {
        for (body, name) in [
            (json!({"region": "eu-west-1"}), "role_arn"),
            (json!({"role_arn": ROLE, "region": "evil.test/"}), "region"),
        ] {
            match stage.mode.submit(&stage.context(), &body) {
                Err(issues) if issues.iter().any(|issue| issue.path == [name]) => {}
                _ => return Err(format!("a bad or missing {name} is taken")),
            }
        }
        Ok(())
    });
    let Some(grant) = granted else { return };
    let Some(grant) = script.scene_with("facts", || facts(stage, grant, Occasion::Connect)) else {
        return;
    };
    script.scene("refresh", || {
        let config = stage.stored(&grant);
        let step = stage.mode.refresh(&stage.context_with(&config), &grant.credentials);
        let mut personality = provider(stage, "valetkey");
        stored(&stage.granted(&config, step, &mut personality)?)
    });
}

fn submit(stage: &Stage<'_>, body: &Value) -> Result<Step, String> {
    stage.mode.submit(&stage.context(), body).map_err(|issues| {
        issues.into_iter().map(|issue| issue.message).collect::<Vec<_>>().join(" ")
    })
}

/// STS: gives keys, and says whose keys a call was signed with.
fn provider<'s>(stage: &'s Stage<'_>, role: &'s str) -> Personality<'s> {
    let answer = move |request: &HttpRequest, _| {
        let body = String::from_utf8_lossy(&request.body.encode().1).into_owned();
        let asked = format!("{}&{body}", request.url.query().unwrap_or_default());
        let is_identity = asked.contains("GetCallerIdentity");
        let is_signed = expect::header(request, "authorization")
            .is_some_and(|value| value.starts_with("AWS4-HMAC-SHA256 "));
        let is_custom = !request.url.host_str().is_some_and(|host| host.starts_with("sts."));
        if !is_signed && !is_custom {
            return Err("a call to STS is not signed".to_owned());
        }
        let text = if is_identity {
            format!(
                "<GetCallerIdentityResponse><GetCallerIdentityResult>\
                 <Arn>arn:aws:sts::123456789012:assumed-role/{role}/session</Arn>\
                 <Account>123456789012</Account></GetCallerIdentityResult>\
                 </GetCallerIdentityResponse>"
            )
        } else {
            "<AssumeRoleResponse><AssumeRoleResult><Credentials>\
             <AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>secret-1</SecretAccessKey>\
             <SessionToken>session-1</SessionToken><Expiration>2026-03-01T10:10:11Z</Expiration>\
             </Credentials></AssumeRoleResult></AssumeRoleResponse>"
                .to_owned()
        };
        Ok(HttpReply {
            status: 200,
            headers: vec![("content-type".to_owned(), "text/xml".to_owned())],
            body: text.into_bytes(),
        })
    };
    Personality::new(stage.context(), Box::new(answer))
}

fn stored(grant: &Grant) -> Result<(), String> {
    let map = grant.credentials.as_map();
    let has = |name: &str, value: &str| map.get(name).and_then(Value::as_str) == Some(value);
    if !(has("access_key_id", "ASIA1") && has("session_token", "session-1")) {
        return Err("the keys of the answer are not the ones stored".to_owned());
    }
    match grant.credentials.expires_at() {
        Some(_) => Ok(()),
        None => Err("the keys' end is not stored".to_owned()),
    }
}
