//! API keys that the operator defines by environment variables.

use anyhow::{Context as _, Result};
use valetkey_engine::{DefinedKey, Engine};

use crate::config::{ConfiguredKey, Problem, Problems};

/// Makes the configured keys work and earlier ones stop.
///
/// # Errors
/// Every variable that names an environment which does not exist.
pub(crate) async fn define(engine: &Engine, account_id: i64, keys: &[ConfiguredKey]) -> Result<()> {
    let environments = engine.environments(account_id).await?;
    let names: Vec<&str> = environments.iter().map(|view| view.name.as_str()).collect();
    let mut defined = Vec::new();
    let mut problems = Vec::new();
    for key in keys {
        let Some(name) = matching(&names, &key.environment) else {
            let message = format!(
                "there is no environment {:?}; there are: {}",
                key.environment,
                names.join(", ")
            );
            problems.push(Problem::new(&key.variable, message));
            continue;
        };
        defined.push(DefinedKey { environment: name.to_owned(), secret: key.secret.clone() });
    }
    if !problems.is_empty() {
        return Err(Problems(problems).into());
    }
    engine.define_keys(account_id, &defined).await.context(
        "the API keys given by environment variables could not be stored (a key made by `valetkey \
         keys create` cannot be given a second time)",
    )
}

/// Variables have no hyphens and mostly no lower case, environments may have both.
fn matching<'a>(names: &[&'a str], written: &str) -> Option<&'a str> {
    let plain = |name: &str| name.to_lowercase().replace('-', "_");
    let exact = names.iter().find(|name| **name == written);
    exact.or_else(|| names.iter().find(|name| plain(name) == plain(written))).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_without_case_and_hyphens_and_exactly_first() {
        assert_eq!(matching(&["dev", "EU-prod"], "eu_prod"), Some("EU-prod"));
        assert_eq!(matching(&["eu-prod", "eu_prod"], "eu_prod"), Some("eu_prod"));
        assert_eq!(matching(&["dev"], "prod"), None);
    }
}
