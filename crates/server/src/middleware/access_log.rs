//! One log line for each request. It never has the query string, which may carry a token, nor
//! values of path parameters.

use std::time::Duration;

use http::{Method, StatusCode};
use uuid::Uuid;

use super::client_address::ClientAddress;

/// What is logged of one request.
pub(crate) struct Access<'a> {
    /// The method.
    pub(crate) method: &'a Method,
    /// The path as the route list has it, or `-`.
    pub(crate) route: &'static str,
    /// The status of the response.
    pub(crate) status: StatusCode,
    /// From the first header read to the response's headers being ready.
    pub(crate) duration: Duration,
    /// Whom it comes from.
    pub(crate) client: Option<ClientAddress>,
    /// The id under which errors of this request are logged too.
    pub(crate) request_id: Uuid,
}

/// Writes the line. A request that went well, or that the caller got wrong, is a line only for who
/// asked for it (`valetkey::access=debug`): at ten thousand reads a second lines cost more than
/// reads, and what happened to a connection is in the operation log and the audit trail.
pub(crate) fn record(access: &Access<'_>) {
    macro_rules! line {
        ($level:expr) => {
            tracing::event!(
                target: "valetkey::access",
                $level,
                method = %access.method,
                route = access.route,
                status = access.status.as_u16(),
                duration_ms = access.duration.as_secs_f64() * 1000.0,
                client = access.client.map(|client| tracing::field::display(client.0)),
                request_id = %access.request_id,
                "request"
            )
        };
    }
    if access.status.is_server_error() {
        line!(tracing::Level::WARN);
    } else {
        line!(tracing::Level::DEBUG);
    }
}
