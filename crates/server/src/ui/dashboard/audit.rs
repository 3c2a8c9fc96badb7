//! The audit trail.

use super::Page;

pub(super) fn pages() -> Vec<Page> {
    vec![]
}
