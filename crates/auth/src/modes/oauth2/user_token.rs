//! A provider whose answer holds a person's token with a refresh token of its own, inside that of the
//! app (`user_token_path`). Both are renewed; what was renewed first is never lost over the second.

use serde_json::{Map, Value, json};
use valetkey_base::Timestamp;
use valetkey_catalog::template::find;

use crate::credentials::Credentials;
use crate::error::AuthError;
use crate::expiry;
use crate::mode::{Context, Grant, Pending, Step};
use crate::request::HttpReply;
use crate::token_reply::{Names, read};
use crate::user_token::{USER_ERROR, is_known_dead, warning};

use super::refresh;

/// Key of the first outcome in a request's memory.
const FIRST: &str = "first";

/// Goes on after the app's token was renewed.
pub(super) fn after(context: &Context<'_>, before: &Credentials, grant: Grant) -> Step {
    let Some(old) = user_token(context, before) else { return Step::Done(grant) };
    // A connection without a token of the app is made with the person's own.
    let own = old.get("refresh_token").and_then(Value::as_str).filter(|token| {
        !token.is_empty() && Some(*token) != before.refresh_token() && !is_known_dead(context)
    });
    let Some(own) = own else { return Step::Done(grant) };
    let mut shown = Map::from_iter([("refresh_token".to_owned(), Value::from(own))]);
    if let Some(client) = before.as_map().get("config_override") {
        shown.insert("config_override".to_owned(), client.clone());
    }
    match refresh(context, &Credentials::new(shown)) {
        Ok((request, mut pending)) => {
            let first = json!({
                "credentials": grant.credentials.to_json(),
                "connection_config": grant.connection_config,
            });
            pending.memory.insert(FIRST.to_owned(), first);
            pending.before = Some(before.clone());
            Step::Send { request, pending }
        }
        Err(error) => Step::Done(with_warning(context, grant, &error)),
    }
}

/// Reads the answer about the person's token; none when the request was not about it.
pub(super) fn reply(context: &Context<'_>, pending: &Pending, reply: &HttpReply) -> Option<Step> {
    let first = first(pending)?;
    let before = pending.before.clone().unwrap_or_default();
    let path = context.provider.user_token_path.clone().unwrap_or_default();
    let tokens = match read(context.provider, pending, reply, Names::OAuth2, context.now) {
        Ok(tokens) => tokens,
        Err(error) => return Some(Step::Done(with_warning(context, first, &error))),
    };
    let mut user = user_token(context, &before).unwrap_or_default();
    user.insert("access_token".to_owned(), tokens.access_token.into());
    for name in ["refresh_token", "expires_in", "token_type", "scope"] {
        if let Some(value) = tokens.raw.get(name) {
            user.insert(name.to_owned(), value.clone());
        }
    }
    let mut map = first.credentials.as_map().clone();
    if let Some(Value::Object(raw)) = map.get_mut("raw") {
        raw.insert(path, Value::Object(user));
    }
    if let Some(at) = earlier(first.credentials.expires_at(), tokens.expires_at) {
        map.insert("expires_at".to_owned(), at.to_iso_z().into());
    }
    let mut connection_config = first.connection_config;
    connection_config.insert(USER_ERROR.to_owned(), Value::Null);
    Some(Step::Done(Grant { credentials: Credentials::new(map), connection_config }))
}

/// Goes on when there was no answer about the person's token; none when it was not about it.
pub(super) fn unanswered(
    context: &Context<'_>,
    pending: &Pending,
    error: &AuthError,
) -> Option<Step> {
    first(pending).map(|first| Step::Done(with_warning(context, first, error)))
}

/// The end of the first of two tokens, when the answer holds a person's too.
pub(super) fn earliest(
    context: &Context<'_>,
    raw: &Map<String, Value>,
    expires_at: Option<Timestamp>,
) -> Option<Timestamp> {
    let path = context.provider.user_token_path.as_deref();
    let lifetime = path.and_then(|path| find(raw, path)?.get("expires_in"));
    let seconds = lifetime.and_then(expiry::parse_lifetime);
    earlier(expires_at, seconds.and_then(|seconds| expiry::after(context.now, seconds)))
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn user_token(context: &Context<'_>, credentials: &Credentials) -> Option<Map<String, Value>> {
    let path = context.provider.user_token_path.as_deref()?;
    let raw = credentials.as_map().get("raw")?.as_object()?;
    find(raw, path)?.as_object().cloned()
}

fn first(pending: &Pending) -> Option<Grant> {
    let first = pending.memory.get(FIRST)?;
    let config = first.get("connection_config").and_then(Value::as_object);
    Some(Grant {
        credentials: Credentials::from_json(first.get("credentials")?.clone()),
        connection_config: config.cloned().unwrap_or_default(),
    })
}

fn with_warning(context: &Context<'_>, mut grant: Grant, error: &AuthError) -> Grant {
    grant.connection_config.insert(USER_ERROR.to_owned(), warning(context, error));
    grant
}

#[cfg(test)]
mod tests {
    use valetkey_base::Rng;
    use valetkey_catalog::Catalog;

    use super::super::OAuth2;
    use super::*;
    use crate::error::Class;
    use crate::mode::{Client, Mode as _};
    use crate::request::{Body, HttpRequest};

    fn before(own: &str) -> Credentials {
        Credentials::from_json(json!({
            "type": "OAUTH2", "access_token": "xoxe.xoxb-1", "refresh_token": "bot-1",
            "raw": {"ok": true, "access_token": "xoxe.xoxb-1",
                "authed_user": {"id": "U1", "access_token": "xoxe.xoxp-1", "refresh_token": own}},
        }))
    }

    fn answer(token: &str, refresh_token: &str, expires_in: u32) -> HttpReply {
        let body = json!({"ok": true, "access_token": token, "refresh_token": refresh_token,
            "expires_in": expires_in});
        HttpReply { status: 200, headers: Vec::new(), body: body.to_string().into_bytes() }
    }

    fn with_context(test: impl FnOnce(&Context<'_>)) {
        let catalog = Catalog::bundled();
        let client = Client {
            client_id: Some("id".to_owned()),
            client_secret: Some("secret".into()),
            ..Client::default()
        };
        test(&Context {
            provider: catalog.get("slack").unwrap(),
            client: &client,
            connection_config: &Map::new(),
            repairs: None,
            now: Timestamp::from_millis(1_772_356_211_000),
            rng: &Rng::seeded(1),
        });
    }

    fn sent(step: Step) -> (HttpRequest, Pending) {
        match step {
            Step::Send { request, pending } => (request, pending),
            other => panic!("{other:?}"),
        }
    }

    fn shown(request: &HttpRequest) -> &str {
        let Body::Form(pairs) = &request.body else { panic!("no form") };
        &pairs.iter().find(|(name, _)| name == "refresh_token").unwrap().1
    }

    #[test]
    fn both_tokens_are_renewed_one_after_the_other() {
        with_context(|context| {
            let (request, pending) = sent(OAuth2.refresh(context, &before("user-1")));
            assert_eq!(shown(&request), "bot-1");
            let step = OAuth2.reply(context, &pending, &answer("xoxe.xoxb-2", "bot-2", 43_200));
            let (request, pending) = sent(step);
            assert_eq!(shown(&request), "user-1");
            let step = OAuth2.reply(context, &pending, &answer("xoxe.xoxp-2", "user-2", 3600));
            let Step::Done(grant) = step else { panic!("{step:?}") };
            let credentials = grant.credentials.to_json();
            assert_eq!(credentials["access_token"], "xoxe.xoxb-2");
            assert_eq!(credentials["refresh_token"], "bot-2");
            assert_eq!(credentials["expires_at"], "2026-03-01T10:10:11.000Z");
            let user = json!({"id": "U1", "access_token": "xoxe.xoxp-2", "refresh_token": "user-2",
                "expires_in": 3600});
            assert_eq!(credentials["raw"]["authed_user"], user);
            assert_eq!(grant.connection_config[USER_ERROR], Value::Null);
        });
    }

    #[test]
    fn the_first_is_kept_whatever_becomes_of_the_second() {
        with_context(|context| {
            let (_, pending) = sent(OAuth2.refresh(context, &before("user-1")));
            let step = OAuth2.reply(context, &pending, &answer("xoxe.xoxb-2", "bot-2", 43_200));
            let (_, pending) = sent(step);
            let refusal = HttpReply {
                body: br#"{"ok":false,"error":"invalid_refresh_token"}"#.to_vec(),
                ..answer("", "", 0)
            };
            let lost = AuthError::new(Class::Transient, "x", "The provider did not answer.");
            for (step, class) in [
                (OAuth2.reply(context, &pending, &refusal), "terminal"),
                (OAuth2.unanswered(context, &pending, lost), "transient"),
            ] {
                let Step::Done(grant) = step else { panic!("{step:?}") };
                assert_eq!(grant.credentials.refresh_token(), Some("bot-2"));
                let raw = &grant.credentials.as_map()["raw"];
                assert_eq!(raw["authed_user"]["refresh_token"], "user-1");
                assert_eq!(grant.connection_config[USER_ERROR]["class"], class);
            }
        });
    }

    #[test]
    fn one_token_is_spent_once() {
        with_context(|context| {
            let (_, pending) = sent(OAuth2.refresh(context, &before("bot-1")));
            let step = OAuth2.reply(context, &pending, &answer("xoxe.xoxp-2", "bot-2", 43_200));
            assert!(matches!(step, Step::Done(_)), "{step:?}");
        });
    }
}
