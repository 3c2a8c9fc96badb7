//! A person's token beside the one a connection is made with. When it cannot be renewed the
//! connection still works without it, so that is a warning and no failure.

use serde_json::{Value, json};

use crate::error::{AuthError, Class};
use crate::mode::Context;

/// Where the warning lies in a connection's configuration, as long as it holds.
pub(crate) const USER_ERROR: &str = "userCredentialsError";

/// The warning kept while the person's token could not be renewed.
pub(crate) fn warning(context: &Context<'_>, error: &AuthError) -> Value {
    let class = match error.class {
        Class::Transient => "transient",
        Class::Terminal => "terminal",
        Class::Ours => "ours",
    };
    json!({
        "class": class,
        "code": error.code,
        "message": error.message,
        "provider_error": error.provider_error,
        "provider_description": error.provider_description,
        "failed_at": context.now.to_iso_z(),
    })
}

/// Whether the person's token is known to be dead, so that nothing is gained by trying again.
pub(crate) fn is_known_dead(context: &Context<'_>) -> bool {
    let known = context.connection_config.get(USER_ERROR);
    known.and_then(|error| error.get("class")) == Some(&Value::from("terminal"))
}
