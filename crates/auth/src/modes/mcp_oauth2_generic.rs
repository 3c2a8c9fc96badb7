//! MCP_OAUTH2_GENERIC: OAuth 2 of any MCP server, found out step by step as the MCP authorization
//! specification has it: the server names its authorization server (RFC 9728), that describes itself
//! (RFC 8414 or OpenID Connect Discovery), this server becomes a client there (client ID metadata
//! document, a client registered by hand, or RFC 7591), and then an authorization code is asked for
//! with PKCE (RFC 7636), for the server's resource only (RFC 8707), from an issuer that is checked
//! (RFC 9207). What was learned is kept with the connection and drives its refreshes.

use serde_json::{Map, Value};
use url::Url;
use valetkey_catalog::{AuthMode, Provider};

use super::oauth2::{sent, tokens};
use crate::credentials::Credentials;
use crate::error::{AuthError, Class};
use crate::mode::{AuthorizeInput, CallbackInput, Context, Mode, Pending, Purpose, Step};
use crate::request::{HttpReply, HttpRequest};

mod address;
mod challenge;
mod client;
mod discovery;
mod flow;
mod known;
mod metadata;
mod token;

pub(super) struct McpOAuth2Generic;

impl Mode for McpOAuth2Generic {
    fn mode(&self) -> AuthMode {
        AuthMode::McpOAuth2Generic
    }

    fn uses_browser(&self) -> bool {
        true
    }

    fn authorize(&self, context: &Context<'_>, input: &AuthorizeInput<'_>) -> Step {
        let typed = context.connection_config.get("mcp_server_url").and_then(Value::as_str);
        let Some(typed) = typed.map(str::trim).filter(|text| !text.is_empty()) else {
            let message = "The address of the MCP server is missing (mcp_server_url).";
            return Step::Failed(AuthError::new(Class::Terminal, "url_param_err", message));
        };
        match address::server(typed) {
            Ok(server) => discovery::begin(&server, input),
            Err(error) => Step::Failed(error),
        }
    }

    fn callback(&self, context: &Context<'_>, input: &CallbackInput<'_>) -> Step {
        sent(token::exchange(context, input))
    }

    fn can_refresh(&self, _: &Provider, credentials: &Credentials) -> bool {
        credentials.refresh_token().is_some()
    }

    fn refresh(&self, context: &Context<'_>, credentials: &Credentials) -> Step {
        sent(token::refresh(context, credentials))
    }

    fn reply(&self, context: &Context<'_>, pending: &Pending, reply: &HttpReply) -> Step {
        // Overrides of the client are for servers that are known beforehand.
        let empty = Map::new();
        let plain = Context { connection_config: &empty, ..*context };
        match pending.purpose {
            Purpose::Discovery => discovery::go_on(context, pending, reply),
            Purpose::Registration => client::registered(context, pending, reply),
            _ => tokens(&plain, pending, reply),
        }
    }

    fn unanswered(&self, _: &Context<'_>, pending: &Pending, error: AuthError) -> Step {
        discovery::unanswered(pending, error)
    }
}

/// The requests that end a grant (RFC 7009), where the authorization server named an address for it.
pub(crate) fn revocation(context: &Context<'_>, credentials: &Credentials) -> Vec<HttpRequest> {
    token::revocation(context, credentials)
}

/// The address of an authorization server at which somebody registered a client by hand.
pub fn is_issuer(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| address::check(&url, true).is_ok())
}

#[cfg(test)]
#[path = "mcp_oauth2_generic_tests.rs"]
mod tests;
