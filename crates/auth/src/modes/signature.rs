//! SIGNATURE: a WSSE user name token (OASIS UsernameToken Profile), made anew before it ages.

use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use valetkey_catalog::schema::SignatureProtocol;
use valetkey_catalog::{AuthMode, Provider, validate_credentials};

use crate::body::{BodyIssue, Reader};
use crate::credentials::Credentials;
use crate::error::{AuthError, Class};
use crate::mode::{Context, Grant, Mode, Step};
use crate::verify::ensure_testable;

const INPUT_CHARS_MAX: usize = 1024;
const NONCE_BYTES: usize = 16;
/// Lifetime of a token when the entry names none, in milliseconds.
const LIFETIME_MS: u64 = 5 * 60 * 1000;

pub(super) struct Signature;

impl Mode for Signature {
    fn mode(&self) -> AuthMode {
        AuthMode::Signature
    }

    fn takes_typed_secrets(&self) -> bool {
        true
    }

    fn submit(&self, context: &Context<'_>, body: &Value) -> Result<Step, Vec<BodyIssue>> {
        let mut reader = Reader::new(body, &[]);
        reader.ignore("type");
        let username = reader.text("username", 1, INPUT_CHARS_MAX);
        let password = reader.text("password", 1, INPUT_CHARS_MAX);
        let issues = reader.strict();
        if !issues.is_empty() {
            return Err(issues);
        }
        let given = Map::from_iter([
            ("username".to_owned(), Value::from(username.as_str())),
            ("password".to_owned(), Value::from(password.as_str())),
        ]);
        validate_credentials(context.provider, &given)
            .map_err(|issues| issues.into_iter().map(BodyIssue::from).collect::<Vec<_>>())?;
        if username.contains(['"', '\\']) || username.contains(char::is_control) {
            // It stands between quotes in a header.
            return Err(vec![BodyIssue {
                code: "custom".to_owned(),
                message: "The user name must not hold quotes, backslashes or line breaks."
                    .to_owned(),
                path: vec!["username".to_owned()],
            }]);
        }
        let step = signed(context, &username, &password);
        if let Step::Done(grant) = &step
            && let Err(error) = ensure_testable(context, &grant.credentials)
        {
            return Ok(Step::Failed(error));
        }
        Ok(step)
    }

    fn can_refresh(&self, _: &Provider, credentials: &Credentials) -> bool {
        credentials.text("username").is_some()
    }

    fn refresh(&self, context: &Context<'_>, credentials: &Credentials) -> Step {
        let login = credentials.text("username").zip(credentials.text("password"));
        if let Some((username, password)) = login {
            return signed(context, username, password);
        }
        let message = "The connection holds no login. The person has to connect again.";
        Step::Failed(AuthError::new(Class::Terminal, "missing_credentials", message))
    }
}

fn signed(context: &Context<'_>, username: &str, password: &str) -> Step {
    let provider = context.provider;
    if provider.signature != Some(SignatureProtocol::Wsse) {
        let message = "The provider entry asks for a signature this server does not make.";
        let code = "unsupported_signature_protocol";
        return Step::Failed(AuthError::new(Class::Ours, code, message));
    }
    let lifetime_ms = provider.signed_token.as_ref().and_then(|token| token.lifetime_ms);
    let ends = context.now.plus(Duration::from_millis(lifetime_ms.unwrap_or(LIFETIME_MS)));
    let token =
        user_name_token(username, password, &context.rng.hex(NONCE_BYTES), &context.now.to_iso_z());
    Step::Done(Grant {
        credentials: Credentials::from_json(json!({
            "type": "SIGNATURE", "username": username, "password": password, "token": token,
            "expires_at": ends.to_iso_z()
        })),
        connection_config: Map::new(),
    })
}

/// The token. Its digest is the hex text of the SHA-1, in base64: not what the profile says, but what
/// the services that use it want.
fn user_name_token(username: &str, password: &str, nonce: &str, created: &str) -> String {
    let text = format!("{nonce}{created}{password}");
    let sha1 = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    let digest = STANDARD.encode(hex::encode(sha1));
    format!(
        "UsernameToken Username=\"{username}\", PasswordDigest=\"{digest}\", Nonce=\"{nonce}\", \
         Created=\"{created}\""
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_covers_nonce_time_and_password() {
        // printf 'abc2026-03-01T09:10:11.000Zhush' | sha1sum | cut -c1-40 | tr -d '\n' | base64 -w0
        let token = user_name_token("ann", "hush", "abc", "2026-03-01T09:10:11.000Z");
        assert_eq!(
            token,
            "UsernameToken Username=\"ann\", PasswordDigest=\"YjRlOGYwYzM2NTM0YmY1OGI2ZmQ3NmRlZDkyZWJiZTg0YzM2Y2YxYw==\", Nonce=\"abc\", \
             Created=\"2026-03-01T09:10:11.000Z\""
        );
    }
}
