//! Connections through the router, on every database.

mod bench;
mod change;
mod import;
mod legacy_import;
mod list;
mod metadata;
mod read;
mod refresh;
mod refusals;

use bench::{Bench, Refusal as _, expect, on_each};
