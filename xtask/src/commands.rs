//! One module per command.

pub(crate) mod bench;
pub(crate) mod seed;
pub(crate) mod test;
pub(crate) mod tidy;
