//! Calls through the proxy that the provider refused or did not answer.

use super::{CUSTOMER, DEVELOPERS, NOBODY, OPERATORS, Sentences};

/// By the provider's status, or by the code of a call without an answer.
pub(super) fn of_call(code: &str, status: Option<u16>) -> Sentences {
    match (code, status) {
        ("provider_timeout", _) => (
            "The provider did not begin to answer in time.",
            NOBODY,
            "Try again. If it is always slow, raise VALETKEY_PROXY_TIMEOUT or send Retries.",
        ),
        ("provider_broke_off", _) => (
            "The provider's answer broke off in the middle.",
            NOBODY,
            "The app did not get a whole answer and can make the call again.",
        ),
        ("provider_unreachable", _) => (
            "The provider could not be reached.",
            OPERATORS,
            "Try again. If it stays, check that this server can reach the provider's host.",
        ),
        ("provider_redirects", _) => (
            "The provider redirected again and again.",
            DEVELOPERS,
            "Call the address it leads to, or check the base URL.",
        ),
        ("base_url_override_not_allowed" | "base_url_override_disabled", _) => (
            "The call was not made: its address is none that credentials may be sent to.",
            DEVELOPERS,
            "Allow the host in the integration, if the credentials may go there.",
        ),
        ("request_too_large", _) => (
            "The call was not made: its body is too large to be signed.",
            OPERATORS,
            "Raise VALETKEY_PROXY_SIGNED_MAX, or send less at once.",
        ),
        ("server_error", _) => (
            "The call was not made: the connection has no token that works.",
            CUSTOMER,
            "The connection's page says why. Most often they have to connect again.",
        ),
        (_, Some(401)) => (
            "The provider did not accept the credentials, even after a refresh if there could be one.",
            CUSTOMER,
            "If reading the connection shows no error, they have to connect again.",
        ),
        (_, Some(403)) => (
            "The provider does not let these credentials do this.",
            DEVELOPERS,
            "Compare the scopes of the integration, and the person's own rights, with what the call needs.",
        ),
        (_, Some(404 | 410)) => (
            "The provider has nothing at that path.",
            DEVELOPERS,
            "Compare method and path with the provider's API reference.",
        ),
        (_, Some(429)) => (
            "The provider asks for fewer calls.",
            DEVELOPERS,
            "Send Retries, so that the pause it asks for is kept, or give the integration a budget.",
        ),
        (_, Some(500..)) => (
            "The provider failed.",
            NOBODY,
            "Try again later. The provider's status page may say more.",
        ),
        (_, Some(_)) => (
            "The provider refused the call.",
            DEVELOPERS,
            "Its answer below says what it expected.",
        ),
        (_, None) => ("The call brought no answer.", DEVELOPERS, "The message below says why."),
    }
}
