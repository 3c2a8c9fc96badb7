//! JWT: a token this server signs with a key the person brings (RFC 7519).

use serde_json::{Map, Value};
use valetkey_catalog::{AuthMode, Provider};

use crate::body::BodyIssue;
use crate::credentials::Credentials;
use crate::form::{self, RESERVED};
use crate::jwt::{Signed, SigningFault, signed_token};
use crate::mode::{Context, Grant, Mode, Step};
use crate::verify::ensure_testable;

pub(super) struct Jwt;

impl Mode for Jwt {
    fn mode(&self) -> AuthMode {
        AuthMode::Jwt
    }

    fn takes_typed_secrets(&self) -> bool {
        true
    }

    fn submit(&self, context: &Context<'_>, body: &Value) -> Result<Step, Vec<BodyIssue>> {
        let form = form::read(context, body)?;
        let credentials = match signed(context, form.fields) {
            Ok(credentials) => credentials,
            Err(fault) => {
                return match fault.into_issue() {
                    Ok(issue) => Err(vec![issue]),
                    Err(error) => Ok(Step::Failed(error)),
                };
            }
        };
        if let Err(error) = ensure_testable(context, &credentials) {
            return Ok(Step::Failed(error));
        }
        Ok(Step::Done(Grant { credentials, connection_config: Map::new() }))
    }

    fn can_refresh(&self, _: &Provider, credentials: &Credentials) -> bool {
        credentials.kind() == Some(AuthMode::Jwt)
    }

    /// Signs again with what is stored.
    fn refresh(&self, context: &Context<'_>, credentials: &Credentials) -> Step {
        let fields = credentials
            .as_map()
            .iter()
            .filter(|(name, _)| !RESERVED.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        match signed(context, fields) {
            Ok(credentials) => Step::Done(Grant { credentials, connection_config: Map::new() }),
            Err(fault) => Step::Failed(fault.into_error()),
        }
    }
}

/// The credentials: the fields and a token signed with them.
fn signed(context: &Context<'_>, fields: Map<String, Value>) -> Result<Credentials, SigningFault> {
    let mut known = fields.clone();
    known.extend(form::preset(context.provider, context.client));
    let mut scope = context.scope(context.connection_config).with_credentials(&known);
    for (name, value) in &known {
        scope.set(name, value.clone());
    }
    let Some(Signed { token, expires_at }) = signed_token(context.provider, &scope, context.now)?
    else {
        let message = "The provider entry does not say what its token holds.".to_owned();
        return Err(SigningFault::Entry { code: "missing_token_body", message });
    };
    let mut map = Map::new();
    map.insert("type".to_owned(), "JWT".into());
    map.extend(fields);
    map.insert("token".to_owned(), token.into());
    map.insert("expires_at".to_owned(), expires_at.to_iso_z().into());
    Ok(Credentials::new(map))
}

#[cfg(test)]
#[path = "jwt_tests.rs"]
mod tests;
