//! Apps that are installed: GitHub Apps with and without their user's token, and plug-ins.

use serde_json::{Map, Value, json};
use valetkey_auth::follow_up::Occasion;
use valetkey_auth::{Grant, HttpReply, HttpRequest, Step};
use valetkey_catalog::AuthMode;

use super::{call, facts};
use crate::Script;
use crate::personality::{Personality, json_reply};
use crate::stage::{Ending, STATE, Stage};
use crate::{expect, sample};

const INSTALLATION: &str = "7001";

pub(super) fn play(stage: &Stage<'_>, script: &mut Script) {
    let memory = script.scene_with("authorize", || match stage.authorize() {
        Step::Redirect(redirect) => {
            let names = expect::pairs(&redirect.url);
            let carries = ["state", "payload"]
                .iter()
                .any(|name| names.get(*name).and_then(Value::as_str) == Some(STATE));
            let link = stage.client.app_link.as_deref().unwrap_or_default();
            if !redirect.url.as_str().starts_with(link) {
                return Err(format!("the browser is sent to {}", redirect.url));
            }
            if carries { Ok(redirect.memory) } else { Err("no state is sent along".to_owned()) }
        }
        other => Err(format!("no redirect: {other:?}")),
    });
    let Some(memory) = memory else { return };
    if stage.provider.auth_mode == AuthMode::InstallPlugin {
        plugin(stage, script, &memory);
    } else {
        installation(stage, script, &memory);
    }
}

fn plugin(stage: &Stage<'_>, script: &mut Script, memory: &Map<String, Value>) {
    let query: Vec<(String, String)> = stage
        .provider
        .redirect_uri_metadata
        .iter()
        .map(|name| {
            let field = stage.provider.connection_field(name);
            let value = field.and_then(|field| sample::of(stage.provider, field).ok());
            (name.clone(), value.unwrap_or_else(|| "abc".to_owned()))
        })
        .chain([("payload".to_owned(), STATE.to_owned())])
        .collect();
    let query: Vec<(&str, &str)> =
        query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let granted = script.scene_with("installed", || {
        let refuse = Box::new(|request: &HttpRequest, _| Err(format!("{request:?} is sent")));
        let mut personality = Personality::new(stage.context(), refuse);
        let step = stage.callback(&query, memory);
        let grant = stage.granted(&stage.config, step, &mut personality)?;
        for name in &stage.provider.redirect_uri_metadata {
            if !grant.connection_config.contains_key(name) {
                return Err(format!("redirect_uri_metadata {name} is not kept"));
            }
        }
        Ok(grant)
    });
    let Some(grant) = granted else { return };
    script.scene("verification", || super::typed::verify(stage, &grant));
    script.scene("call", || call(stage, &grant));
}

fn installation(stage: &Stage<'_>, script: &mut Script, memory: &Map<String, Value>) {
    let query = [
        ("installation_id", INSTALLATION),
        ("setup_action", "install"),
        ("code", "code-1"),
        ("state", STATE),
    ];
    let query = if stage.provider.auth_mode == AuthMode::App {
        vec![query[0], query[1], query[3]]
    } else {
        query.to_vec()
    };
    let granted = script.scene_with("installed", || {
        let mut personality = provider(stage, &Installed::default());
        let grant =
            stage.granted(&stage.config, stage.callback(&query, memory), &mut personality)?;
        stored(&grant)?;
        Ok(grant)
    });
    for (name, installed) in [
        ("suspended", Installed { suspended: true, ..Installed::default() }),
        ("another app's", Installed { app: 9999, ..Installed::default() }),
        ("somebody else's", Installed { own: false, age_s: 86_400, ..Installed::default() }),
    ] {
        script.scene(name, || {
            let mut personality = provider(stage, &installed);
            match stage.run(&stage.config, stage.callback(&query, memory), &mut personality)? {
                Ending::Failed(error) if !error.message.is_empty() => Ok(()),
                Ending::Failed(_) => Err("refused without words".to_owned()),
                _ => Err("the installation is taken".to_owned()),
            }
        });
    }
    let Some(grant) = granted else { return };
    let Some(grant) = script.scene_with("facts", || facts(stage, grant, Occasion::Connect)) else {
        return;
    };
    script.scene("call", || call(stage, &grant));
    script.scene("refresh", || {
        let config = stage.stored(&grant);
        let step = stage.mode.refresh(&stage.context_with(&config), &grant.credentials);
        let mut personality = provider(stage, &Installed::default());
        stored(&stage.granted(&config, step, &mut personality)?)
    });
}

/// What the provider knows of the installation.
#[derive(Clone)]
struct Installed {
    app: u32,
    suspended: bool,
    /// Whether the person at the browser may use it.
    own: bool,
    age_s: u64,
}

impl Default for Installed {
    fn default() -> Self {
        Self { app: 1234, suspended: false, own: true, age_s: 0 }
    }
}

fn provider<'s>(stage: &'s Stage<'_>, installed: &Installed) -> Personality<'s> {
    let installed = installed.clone();
    let answer = move |request: &HttpRequest, _| Ok(answer(stage, &installed, request));
    Personality::new(stage.context(), Box::new(answer))
}

fn answer(stage: &Stage<'_>, installed: &Installed, request: &HttpRequest) -> HttpReply {
    let path = request.url.path();
    let made = stage.now.minus(std::time::Duration::from_secs(installed.age_s)).to_iso_z();
    let ends = stage.now.plus(std::time::Duration::from_hours(1)).to_iso_z();
    let id: u32 = INSTALLATION.parse().unwrap_or_default();
    let suspended = installed.suspended.then(|| made.clone());
    if path.ends_with("/access_tokens") {
        let mut reply =
            json_reply(&json!({"token": "ghs_1", "expires_at": ends, "permissions": {}}));
        reply.status = 201;
        return reply;
    }
    json_reply(&if path.ends_with("/access_token") {
        json!({
            "access_token": "ghu_1", "refresh_token": "ghr_1", "expires_in": 28_800,
            "token_type": "bearer"
        })
    } else if path.ends_with("/user/installations") {
        let own = json!([{"id": id, "app_id": installed.app}]);
        json!({"total_count": 1, "installations": if installed.own { own } else { json!([]) }})
    } else if path.ends_with("/user") {
        json!({"login": "ann", "id": 1})
    } else {
        json!({
            "id": id, "app_id": installed.app, "client_id": "client-1", "created_at": made,
            "updated_at": made, "suspended_at": suspended, "account": {"login": "acme"}
        })
    })
}

fn stored(grant: &Grant) -> Result<(), String> {
    if grant.credentials.access_token() != Some("ghs_1") {
        return Err("the installation's token is not the one stored".to_owned());
    }
    match grant.credentials.expires_at() {
        Some(_) => Ok(()),
        None => Err("the token's end is not stored".to_owned()),
    }
}
