//! NONE: a connection without credentials.

use serde_json::Value;
use valetkey_catalog::AuthMode;

use crate::body::{BodyIssue, Reader};
use crate::credentials::Credentials;
use crate::mode::{Context, Grant, Mode, Step};

pub(super) struct NoAuth;

impl Mode for NoAuth {
    fn mode(&self) -> AuthMode {
        AuthMode::None
    }

    /// Whatever the body holds, there is nothing to take from it.
    fn submit(&self, _: &Context<'_>, _: &Value) -> Result<Step, Vec<BodyIssue>> {
        Ok(Step::Done(Grant {
            credentials: Credentials::default(),
            connection_config: serde_json::Map::new(),
        }))
    }

    fn import(&self, credentials: &Value) -> Result<Credentials, Vec<BodyIssue>> {
        let mut reader = Reader::new(credentials, &["credentials"]);
        reader.ignore("type");
        let issues = reader.strict();
        if issues.is_empty() { Ok(Credentials::default()) } else { Err(issues) }
    }
}
