//! Logs for people: lists of operations with filters and words, what an operation means, and the
//! count of those that came since.

use serde_json::Value;
use valetkey_base::Timestamp;
pub use valetkey_store::{Operation, OperationFilter, OperationGroup, OperationPage};
pub use valetkey_store::{Position, Question};

use crate::engine::Engine;
use crate::error::Result;

/// Newer operations that are counted; beyond it there are "more".
pub const NEWER_MAX: i64 = 100;

/// The newest operation that somebody looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newest {
    /// When it began.
    pub at: Timestamp,
    /// Those that began in that very millisecond.
    pub ids: Vec<String>,
}

impl Engine {
    /// A page of operations that match, newest first.
    pub async fn operation_page(
        &self,
        filter: &OperationFilter,
        after: Option<&Position>,
        limit: i64,
    ) -> Result<OperationPage> {
        Ok(self.store.operation_page(filter, after, limit).await?)
    }

    /// The same, and how many operations there are by state, kind and action, for the other filters;
    /// and whether there may be more, as only the newest are counted.
    pub async fn operation_list(
        &self,
        filter: &OperationFilter,
        after: Option<&Position>,
        limit: i64,
    ) -> Result<(OperationPage, Vec<OperationGroup>, bool)> {
        Ok(self.store.operation_list(filter, after, limit).await?)
    }

    /// How many operations match that began at an instant or later, and are not among those named.
    /// At most [`NEWER_MAX`].
    pub async fn newer_operations(&self, filter: &OperationFilter, newest: &Newest) -> Result<i64> {
        let filter = OperationFilter { since: Some(newest.at), until: None, ..filter.clone() };
        let limit = NEWER_MAX + i64::try_from(newest.ids.len()).unwrap_or(0);
        let page = self.store.operation_page(&filter, None, limit).await?;
        let is_new = |row: &&Operation| !newest.ids.contains(&row.id);
        let count = i64::try_from(page.rows.iter().filter(is_new).count()).unwrap_or(NEWER_MAX);
        Ok(count.min(NEWER_MAX))
    }
}

/// What a masked value is shown as.
const MASK: &str = "•••";
/// Ends of names whose values are secrets. Details are written without them; this is for what a
/// later writer may forget.
const SECRET_NAMES: [&str; 12] = [
    "token",
    "secret",
    "password",
    "passphrase",
    "authorization",
    "api_key",
    "apikey",
    "api-key",
    "private_key",
    "cookie",
    "assertion",
    "code_verifier",
];

/// JSON text of the log as it may be shown: values with the names of secrets are masked. What is
/// not JSON is shown as a text.
pub fn masked_json(text: &str) -> Value {
    let mut value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
    mask(&mut value);
    value
}

fn mask(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                let name = name.to_lowercase();
                let is_secret = SECRET_NAMES.iter().any(|end| name.ends_with(end));
                match field {
                    Value::String(text) if is_secret && !text.is_empty() => MASK.clone_into(text),
                    field => mask(field),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_wherever_they_are() {
        let text = r#"{"url":"u","headers":[{"Authorization":"Bearer x"}],
            "body":{"access_token":"x","client_secret":"y","code":"c","tokens":2}}"#;
        assert_eq!(
            masked_json(text).to_string(),
            "{\"url\":\"u\",\"headers\":[{\"Authorization\":\"•••\"}],\"body\":{\"access_token\":\
             \"•••\",\"client_secret\":\"•••\",\"code\":\"c\",\"tokens\":2}}"
        );
        assert_eq!(masked_json("no JSON"), "no JSON");
    }
}
