//! Any MCP server: discovery, registration, the code grant with a resource indicator.

use serde_json::{Map, Value, json};
use valetkey_auth::follow_up::Occasion;
use valetkey_auth::{Grant, HttpReply, HttpRequest, Step};

use super::{call, facts};
use crate::Script;
use crate::expect;
use crate::personality::{LIFETIME_S, Personality, json_reply};
use crate::stage::{Ending, REDIRECT_URI, STATE, Stage};

const ISSUER: &str = "https://auth.example.com";

pub(super) fn play(stage: &Stage<'_>, script: &mut Script) {
    let memory = script.scene_with("discovery", || authorize(stage));
    let Some(memory) = memory else { return };
    script.scene("denial", || {
        match stage.callback(&[("error", "access_denied"), ("state", STATE)], &memory) {
            Step::Failed(error) if error.code == "callback_err" => Ok(()),
            other => Err(format!("a callback without a code gives {other:?}")),
        }
    });
    script.scene("another issuer", || {
        let query = [("code", "code-1"), ("iss", "https://evil.example.com"), ("state", STATE)];
        match stage.callback(&query, &memory) {
            Step::Failed(_) => Ok(()),
            _ => Err("an answer of another server is taken".to_owned()),
        }
    });
    let granted = script.scene_with("exchange", || {
        let query = [("code", "code-1"), ("iss", ISSUER), ("state", STATE)];
        let mut personality = server(stage, "access-1");
        let step = stage.callback(&query, &memory);
        let grant = stage.granted(&stage.config, step, &mut personality)?;
        stored(&grant, "access-1")?;
        Ok(grant)
    });
    script.scene("no server", || {
        let gone = HttpReply { status: 404, headers: Vec::new(), body: Vec::new() };
        let mut personality = Personality::always(stage.context(), gone);
        match stage.run(&stage.config, stage.authorize(), &mut personality)? {
            Ending::Failed(error) if !error.message.is_empty() => Ok(()),
            _ => Err("a server that describes nothing is taken".to_owned()),
        }
    });
    let Some(grant) = granted else { return };
    let Some(grant) = script.scene_with("facts", || facts(stage, grant, Occasion::Connect)) else {
        return;
    };
    script.scene("call", || call(stage, &grant));
    script.scene("refresh", || {
        let config = stage.stored(&grant);
        let step = stage.mode.refresh(&stage.context_with(&config), &grant.credentials);
        let mut personality = server(stage, "access-2");
        stored(&stage.granted(&config, step, &mut personality)?, "access-2")
    });
}

fn authorize(stage: &Stage<'_>) -> Result<Map<String, Value>, String> {
    let mut personality = server(stage, "access-1");
    let context = stage.context();
    let mut step = stage.authorize();
    for _ in 0..12 {
        step = match step {
            Step::Send { request, pending } => {
                let reply = personality.answer(&request)?;
                stage.mode.reply(&context, &pending, &reply)
            }
            Step::Redirect(redirect) => {
                let pairs = expect::pairs(&redirect.url);
                for (name, value) in [
                    ("response_type", "code"),
                    ("redirect_uri", REDIRECT_URI),
                    ("state", STATE),
                    ("code_challenge_method", "S256"),
                    ("resource", "https://mcp.example.com/mcp"),
                ] {
                    if pairs.get(name).and_then(Value::as_str) != Some(value) {
                        return Err(format!("the redirect lacks {name}={value}"));
                    }
                }
                return Ok(redirect.memory);
            }
            Step::Failed(error) => return Err(format!("{} ({})", error.message, error.code)),
            Step::Done(_) => return Err("credentials without a person".to_owned()),
        };
    }
    Err("discovery does not end".to_owned())
}

/// An MCP server and its authorization server.
fn server<'s>(stage: &'s Stage<'_>, token: &'s str) -> Personality<'s> {
    let answer = move |request: &HttpRequest, _| {
        let path = request.url.path();
        let body = if path.starts_with("/.well-known/oauth-protected-resource") {
            json!({
                "resource": "https://mcp.example.com/mcp", "authorization_servers": [ISSUER],
                "scopes_supported": ["read", "write"]
            })
        } else if path.starts_with("/.well-known/") {
            json!({
                "issuer": ISSUER,
                "authorization_endpoint": format!("{ISSUER}/authorize"),
                "token_endpoint": format!("{ISSUER}/token"),
                "registration_endpoint": format!("{ISSUER}/register"),
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["none", "client_secret_post"],
                "authorization_response_iss_parameter_supported": true
            })
        } else if path == "/register" {
            let mut reply = json_reply(&json!({
                "client_id": "registered-1", "redirect_uris": [REDIRECT_URI],
                "token_endpoint_auth_method": "none"
            }));
            reply.status = 201;
            return Ok(reply);
        } else if path == "/token" {
            let sent = expect::body_fields(&request.body);
            if sent.get("resource").and_then(Value::as_str) != Some("https://mcp.example.com/mcp") {
                return Err("the token request names no resource".to_owned());
            }
            json!({
                "access_token": token, "refresh_token": "refresh-1", "token_type": "bearer",
                "expires_in": LIFETIME_S
            })
        } else {
            // The MCP endpoint itself, asked for its challenge.
            return Ok(HttpReply {
                status: 401,
                headers: vec![("www-authenticate".to_owned(), "Bearer".to_owned())],
                body: Vec::new(),
            });
        };
        Ok(json_reply(&body))
    };
    Personality::new(stage.context(), Box::new(answer))
}

fn stored(grant: &Grant, token: &str) -> Result<(), String> {
    let credentials = &grant.credentials;
    if credentials.access_token() != Some(token) || credentials.refresh_token().is_none() {
        return Err("the tokens of the answer are not the ones stored".to_owned());
    }
    match credentials.expires_at() {
        Some(_) => Ok(()),
        None => Err("the token's end is not stored".to_owned()),
    }
}
