//! A second exchange that some providers want at once: the token of the code lives an hour, the one
//! it is swapped for lives for weeks. Ours: `token_upgrade` of a provider file.

use serde_json::{Map, Value};
use valetkey_catalog::schema::TokenStep;
use valetkey_catalog::{render_url, scalar_text};

use crate::client_auth::ActiveClient;
use crate::error::{AuthError, Class};
use crate::mode::{Context, Pending, Purpose, Step};
use crate::request::{Body, HttpRequest};
use crate::token_reply::Tokens;
use crate::token_request::{render_lenient, render_params, set_header};

/// Where the first answer is kept meanwhile.
const FIRST: &str = "first_answer";

/// The request that swaps the token of an answer, if the provider has one and it was not made yet.
pub(super) fn next(context: &Context<'_>, pending: &Pending, tokens: &Tokens) -> Option<Step> {
    let step = context.provider.token_upgrade.as_ref()?;
    if pending.purpose != Purpose::Exchange || pending.memory.contains_key(FIRST) {
        return None;
    }
    Some(match request(context, pending, tokens, step) {
        Ok((request, pending)) => Step::Send { request, pending },
        Err(error) => Step::Failed(error),
    })
}

/// What the first answer said and the second does not repeat: the account's id, its permissions.
pub(super) fn completed(pending: &Pending, mut tokens: Tokens) -> Tokens {
    if let Some(Value::Object(first)) = pending.memory.get(FIRST) {
        for (name, value) in first {
            let is_token = matches!(name.as_str(), "access_token" | "expires_in" | "expires_at");
            if !is_token && !tokens.raw.contains_key(name) {
                tokens.raw.insert(name.clone(), value.clone());
            }
        }
    }
    tokens
}

fn request(
    context: &Context<'_>,
    pending: &Pending,
    tokens: &Tokens,
    step: &TokenStep,
) -> Result<(HttpRequest, Pending), AuthError> {
    let client = ActiveClient::connecting(context)?;
    let mut scope = context.scope(context.connection_config);
    scope.set("accessToken", tokens.access_token.as_str());
    scope.set("clientId", client.id.as_str());
    scope.set("clientSecret", client.secret.expose());
    let url = render_url(&step.url, &scope, false).map_err(|error| {
        let message = format!("The provider's second token URL cannot be built: {error}.");
        AuthError::new(Class::Ours, "url_param_err", message)
    })?;
    let method = if step.by_get { http::Method::GET } else { http::Method::POST };
    let mut request = HttpRequest::new(method, url);
    request.identity.clone_from(&client.identity);
    request.headers.push(("accept".to_owned(), "application/json".to_owned()));
    for (name, value) in render_lenient(&step.headers, &scope) {
        set_header(&mut request.headers, &name, value);
    }
    let pairs: Vec<(String, String)> = render_params(&step.params, &scope)?
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), scalar_text(value)?)))
        .collect();
    if step.by_get {
        request.url.query_pairs_mut().extend_pairs(pairs);
    } else {
        request.body = Body::Form(pairs);
    }
    let mut secrets = pending.secrets.clone();
    secrets.push(tokens.access_token.as_str().into());
    let mut metadata = pending.metadata.clone();
    metadata.extend(tokens.metadata.clone());
    let memory = Map::from_iter([(FIRST.to_owned(), Value::Object(tokens.raw.clone()))]);
    Ok((request, Pending { metadata, memory, secrets, ..Pending::new(Purpose::Exchange) }))
}
