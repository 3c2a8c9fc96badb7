//! Reading the parts of a request before a handler sees them.

pub mod body;
pub mod path;
