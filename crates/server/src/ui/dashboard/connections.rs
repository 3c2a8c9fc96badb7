//! Connections: finding one, seeing how it does, and repairing it.

use super::Page;

pub(super) fn pages() -> Vec<Page> {
    vec![]
}
