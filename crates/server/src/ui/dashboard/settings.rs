//! An environment's settings.

use super::Page;

pub(super) fn pages() -> Vec<Page> {
    vec![]
}
