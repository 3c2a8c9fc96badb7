//! MCP_OAUTH2: OAuth 2 of a known MCP server.

use valetkey_catalog::AuthMode;

use crate::mode::Mode;

pub(super) struct McpOAuth2;

impl Mode for McpOAuth2 {
    fn mode(&self) -> AuthMode {
        AuthMode::McpOAuth2
    }

    fn uses_browser(&self) -> bool {
        true
    }
}
