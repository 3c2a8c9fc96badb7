//! One module per command.

pub(crate) mod test;
pub(crate) mod tidy;
