//! Logs: operations and their messages.

use super::Page;

pub(super) fn pages() -> Vec<Page> {
    vec![]
}
