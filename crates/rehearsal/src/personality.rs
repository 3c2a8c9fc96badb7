//! A provider that behaves as its entry says: it answers token requests in the entry's own shape,
//! knows the account the entry asks about, and rotates refresh tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use valetkey_auth::follow_up::Task;
use valetkey_auth::{Context, HttpReply, HttpRequest};
use valetkey_catalog::render;
use valetkey_catalog::schema::{FactSource, FactStep};

use crate::expect;
use crate::pattern;
use crate::sample;

/// Lifetime of its tokens, in seconds.
pub(crate) const LIFETIME_S: i64 = 3600;

/// Answers one request; the error says what the provider would not have understood.
pub(crate) type Answer<'a> = Box<dyn FnMut(&HttpRequest, usize) -> Result<HttpReply, String> + 'a>;

/// The provider of one scene.
pub(crate) struct Personality<'a> {
    answer: Answer<'a>,
    context: Context<'a>,
    asked: usize,
}

impl<'a> Personality<'a> {
    pub(crate) fn new(context: Context<'a>, answer: Answer<'a>) -> Self {
        Self { answer, context, asked: 0 }
    }

    /// Every request gets that reply.
    pub(crate) fn always(context: Context<'a>, reply: HttpReply) -> Self {
        Self::new(context, Box::new(move |_, _| Ok(reply.clone())))
    }

    pub(crate) fn answer(&mut self, request: &HttpRequest) -> Result<HttpReply, String> {
        self.asked += 1;
        (self.answer)(request, self.asked)
    }

    /// Answers a request that follows a grant.
    pub(crate) fn answer_task(
        &mut self,
        task: Task,
        request: &HttpRequest,
    ) -> Result<HttpReply, String> {
        let provider = self.context.provider;
        let body = match task {
            Task::Introspection => {
                let expires_at = self.context.now.seconds() + LIFETIME_S;
                json!({"active": true, "exp": expires_at})
            }
            Task::Companion(_) => {
                json!({"access_token": "companion-1", "expires_in": LIFETIME_S})
            }
            Task::Fact(index) => {
                let step = provider.post_connection.get(index).ok_or("no such fact")?;
                asked_with_credentials(request)?;
                fact_answer(&self.context, step)?
            }
        };
        Ok(json_reply(&body))
    }
}

/// A call about the account must show who calls.
fn asked_with_credentials(request: &HttpRequest) -> Result<(), String> {
    let shown =
        request.headers.iter().map(|(_, value)| value.as_str()).chain([request.url.as_str()]).any(
            |text| {
                ["-1", "Basic ", "Bearer ", "OAuth ", "AWS4"].iter().any(|mark| text.contains(mark))
            },
        );
    if shown { Ok(()) } else { Err(format!("{request:?} shows no credentials")) }
}

pub(crate) fn json_reply(body: &Value) -> HttpReply {
    HttpReply {
        status: 200,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.to_string().into_bytes(),
    }
}

/// A token answer in the entry's own shape.
pub(crate) fn token_answer(
    context: &Context<'_>,
    access_token: &str,
    refresh_token: Option<&str>,
) -> Result<Value, String> {
    let provider = context.provider;
    let mut claims = json!({"sub": "user-1"});
    let mut id_claims = json!({"sub": "user-1"});
    let mut root = json!({});
    let unit = if provider.expires_in_milliseconds { 1000 } else { 1 };
    let mut token = json!({
        "access_token": access_token, "token_type": "bearer", "expires_in": LIFETIME_S * unit
    });
    if let Some(refresh_token) = refresh_token {
        token["refresh_token"] = refresh_token.into();
    }
    for step in &provider.post_connection {
        let target = match step.source {
            FactSource::TokenResponse => &mut root,
            FactSource::AccessTokenClaims => &mut claims,
            FactSource::IdTokenClaims => &mut id_claims,
            FactSource::Call { .. } => continue,
        };
        merge(target, fact_answer(context, step)?);
    }
    let has =
        |source: &FactSource| provider.post_connection.iter().any(|step| step.source == *source);
    if has(&FactSource::AccessTokenClaims) {
        token["access_token"] = unsigned_jwt(&claims).into();
    }
    if has(&FactSource::IdTokenClaims) {
        token["id_token"] = unsigned_jwt(&id_claims).into();
    }
    for (from, to) in &provider.token_response_rename {
        if let Some(value) = token.as_object_mut().and_then(|map| map.shift_remove(to)) {
            put(&mut token, from, value);
        }
    }
    if let Some(path) = &provider.alternate_access_token_response_path {
        let mut outer = json!({});
        put(&mut outer, path, token);
        token = outer;
    }
    match &provider.token_response_path {
        Some(path) => put(&mut root, path, token),
        None => merge(&mut root, token),
    }
    if let Some(test) = &provider.token_response_success {
        put(&mut root, &test.path, test.equals.clone());
    }
    for path in &provider.token_response_metadata {
        let value = match provider.connection_field(path) {
            Some(field) => sample::of(provider, field)?,
            None => "learned1".to_owned(),
        };
        put(&mut root, path, value.into());
    }
    Ok(root)
}

/// A JWT that nobody signed: the modes read its claims only.
pub(crate) fn unsigned_jwt(claims: &Value) -> String {
    format!("aGVhZGVy.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// What the provider says of the account when a fact step asks.
fn fact_answer(context: &Context<'_>, step: &FactStep) -> Result<Value, String> {
    let provider = context.provider;
    let mut item = json!({});
    for kept in &step.keep {
        let from_field = provider.connection_field(&kept.name);
        let value = match &kept.pattern {
            Some(source) => pattern::example_of(source)
                .ok_or_else(|| format!("{}: no text fits {source}", kept.name))?,
            None => match from_field {
                Some(field) => sample::of(provider, field)?,
                None => "learned1".to_owned(),
            },
        };
        if kept.path.is_empty() {
            item = value.into();
        } else {
            put(&mut item, &kept.path, value.into());
        }
    }
    let empty = Map::new();
    let scope = expect::scope(context, &empty, &[]);
    for (path, template) in &step.matches {
        if let Ok(value) = render(template, &scope) {
            put(&mut item, path, value.into());
        }
    }
    match step.list.as_deref().or(step.pick.map(|_| "")) {
        None => Ok(item),
        Some("") => Ok(json!([item])),
        Some(path) => {
            let mut answer = json!({});
            put(&mut answer, path, json!([item]));
            Ok(answer)
        }
    }
}

fn merge(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (name, value) in over {
                merge(under.entry(name).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over,
    }
}

/// Puts a value at a dotted path, making maps and lists on the way.
pub(crate) fn put(root: &mut Value, path: &str, value: Value) {
    let mut place = root;
    for part in path.split('.') {
        if let Ok(index) = part.parse::<usize>() {
            if !place.is_array() {
                *place = json!([]);
            }
            let Value::Array(items) = place else { return };
            while items.len() <= index.min(8) {
                items.push(Value::Null);
            }
            place = &mut items[index.min(8)];
        } else {
            if !place.is_object() {
                *place = json!({});
            }
            let Value::Object(map) = place else { return };
            place = map.entry(part.to_owned()).or_insert(Value::Null);
        }
    }
    *place = value;
}
