//! MCP_OAUTH2: OAuth 2 of a known MCP server. As OAUTH2, under the stricter rules of the MCP
//! authorization specification: PKCE always, and no parameters but those of the provider entry. The
//! client is one this server registers (RFC 7591), a metadata document, or one registered by hand.

use serde_json::{Map, Value};
use valetkey_catalog::schema::ClientRegistration;
use valetkey_catalog::{AuthMode, Provider};

use super::oauth2;
use super::oauth2::authorize_url::{self, Rules};
use crate::client_auth::{ActiveClient, ISSUED_TO};
use crate::credentials::Credentials;
use crate::error::AuthError;
use crate::mode::{AuthorizeInput, CallbackInput, Context, Mode, Pending, Redirect, Step};
use crate::request::{HttpReply, HttpRequest};

pub(super) struct McpOAuth2;

impl Mode for McpOAuth2 {
    fn mode(&self) -> AuthMode {
        AuthMode::McpOAuth2
    }

    fn uses_browser(&self) -> bool {
        true
    }

    fn authorize(&self, context: &Context<'_>, input: &AuthorizeInput<'_>) -> Step {
        match redirect(context, input) {
            Ok(redirect) => Step::Redirect(redirect),
            Err(error) => Step::Failed(error),
        }
    }

    fn callback(&self, context: &Context<'_>, input: &CallbackInput<'_>) -> Step {
        oauth2::sent(exchange(context, input))
    }

    fn can_refresh(&self, provider: &Provider, credentials: &Credentials) -> bool {
        oauth2::is_refreshable(provider, credentials)
    }

    fn refresh(&self, context: &Context<'_>, credentials: &Credentials) -> Step {
        oauth2::sent(oauth2::refresh(context, credentials))
    }

    fn reply(&self, context: &Context<'_>, pending: &Pending, reply: &HttpReply) -> Step {
        oauth2::tokens(context, pending, reply)
    }
}

/// Tokens belong to the client that asked for them. One that was not registered by hand may be
/// replaced while this flow or the connection lives, so its id is remembered.
fn redirect(context: &Context<'_>, input: &AuthorizeInput<'_>) -> Result<Redirect, AuthError> {
    let url = authorize_url::build(context, input, Rules::Mcp)?;
    let client = ActiveClient::connecting(context)?;
    let mut memory = Map::new();
    let is_replaceable = context.provider.registration.kind != ClientRegistration::Static
        && context.client.client_id.as_ref() == Some(&client.id);
    if is_replaceable {
        memory.insert(ISSUED_TO.to_owned(), client.id.into());
    }
    Ok(Redirect { url, memory })
}

fn exchange(
    context: &Context<'_>,
    input: &CallbackInput<'_>,
) -> Result<(HttpRequest, Pending), AuthError> {
    let (request, mut pending) = oauth2::exchange(context, input)?;
    let was_kept = context.repairs.is_some_and(|stored| stored.contains_key(ISSUED_TO));
    match input.memory.get(ISSUED_TO) {
        Some(id) => pending.metadata.insert(ISSUED_TO.to_owned(), id.clone()),
        // The client of earlier tokens says nothing of these.
        None if was_kept => pending.metadata.insert(ISSUED_TO.to_owned(), Value::Null),
        None => None,
    };
    Ok((request, pending))
}

#[cfg(test)]
#[path = "mcp_oauth2_tests.rs"]
mod tests;
