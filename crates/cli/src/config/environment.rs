//! The process's environment. This is the one place that reads it.

use std::ffi::OsString;

use super::keys::PATTERNS;
use super::problem::Problem;

/// Names that belong to the project's own tests and are nobody's setting.
const TEST_PREFIX: &str = "VALETKEY_TEST_";

/// The variables that can be ours.
pub(crate) fn variables() -> Vec<(OsString, OsString)> {
    std::env::vars_os().filter(|(name, _)| is_ours(&name.to_string_lossy())).collect()
}

fn is_ours(name: &str) -> bool {
    let prefixed = name.starts_with("VALETKEY_") && !name.starts_with(TEST_PREFIX);
    prefixed
        || name == "DATABASE_URL"
        || name == "DATABASE_URL_FILE"
        || PATTERNS.iter().any(|pattern| name.starts_with(pattern.prefix))
}

/// Variables as text. An empty value counts as not set, as compose files leave them.
pub(super) fn as_text(
    variables: Vec<(OsString, OsString)>,
    problems: &mut Vec<Problem>,
) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    for (name, value) in variables {
        let name = name.to_string_lossy().into_owned();
        if !is_ours(&name) {
            continue;
        }
        match value.into_string() {
            Ok(value) if value.is_empty() => {}
            Ok(value) => texts.push((name, value)),
            Err(_) => problems.push(Problem::new(name, "the value is not UTF-8 text")),
        }
    }
    // The environment has no order, and messages should.
    texts.sort();
    texts
}
