//! The catalogue with the operator's own provider files laid over it.

use valetkey_catalog::{Catalog, Finding};

use crate::config::{Config, Problem, Problems};

/// Findings that are told one by one; a whole foreign catalogue can have hundreds.
const TOLD_MAX: usize = 20;

/// Builds the catalogue and says what was noticed in the operator's files.
///
/// # Errors
/// Files that cannot be used at all, each by its path.
pub(crate) fn catalog(config: &Config) -> Result<(Catalog, Vec<Finding>), Problems> {
    let mut catalog = Catalog::bundled();
    let mut findings = Vec::new();
    let mut problems = Vec::new();
    for path in &config.providers {
        match catalog.overlay_path(path) {
            Ok((more, noticed)) => {
                catalog = more;
                findings.extend(noticed);
            }
            Err(error) => {
                let cause = std::error::Error::source(&error);
                let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
                problems.push(Problem::new("VALETKEY_PROVIDERS", format!("{error}{cause}")));
            }
        }
    }
    if problems.is_empty() { Ok((catalog, findings)) } else { Err(Problems(problems)) }
}

/// Logs what was noticed.
pub(crate) fn log(findings: &[Finding]) {
    for finding in findings.iter().take(TOLD_MAX) {
        tracing::warn!("provider file: {finding}");
    }
    if findings.len() > TOLD_MAX {
        let more = findings.len() - TOLD_MAX;
        tracing::warn!("provider files: {more} more; `valetkey config check` shows all");
    }
}
