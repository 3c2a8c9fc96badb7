//! MCP_OAUTH2_GENERIC: OAuth 2 of any MCP server, discovered.

use valetkey_catalog::AuthMode;

use crate::mode::Mode;

pub(super) struct McpOAuth2Generic;

impl Mode for McpOAuth2Generic {
    fn mode(&self) -> AuthMode {
        AuthMode::McpOAuth2Generic
    }

    fn uses_browser(&self) -> bool {
        true
    }
}
