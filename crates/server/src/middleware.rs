//! What happens to every request, whatever its endpoint. [`crate::transport`] calls these in order.

pub mod access_log;
pub mod client_address;
pub mod content_type;
pub mod cors;
pub mod rate_limit;
pub mod response_headers;
