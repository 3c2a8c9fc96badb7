//! Integrations: what is set up, setting up more, and what each needs.

use super::Page;

pub(super) fn pages() -> Vec<Page> {
    vec![]
}
