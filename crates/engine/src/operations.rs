//! What the log says of a failure.

use serde_json::{Value, json};
use valetkey_auth::AuthError;

use crate::protocol::class_name;

/// A failure as the log keeps it: class, code, sentence, and the provider's own answer.
pub(crate) fn error_json(error: &AuthError) -> Value {
    json!({
        "class": class_name(error.class),
        "code": error.code,
        "message": error.message,
        "provider_status": error.provider_status,
        "provider_error": error.provider_error,
        "provider_description": error.provider_description,
    })
}
