//! Changing a connection: tags, metadata, and deleting it.

use std::collections::BTreeMap;

use axum::response::Response;
use serde_json::{Map, Value};
use valetkey_engine::Error;
use valetkey_engine::connections::{MetadataChange, PatchConnection};

use super::super::failure::Failure;
use super::super::form::Issues;
use super::super::logs::connection_link;
use super::super::visit::Visit;
use super::detail::{Added, Difference, flat, mark, page, pretty, view};
use crate::schema::{Issue, named};

/// Most characters of metadata that are edited here.
const METADATA_CHARACTERS_MAX: usize = 200_000;

async fn corrected(visit: &Visit, added: Added) -> Result<Response, Failure> {
    Ok(visit.corrected(&page(visit, added).await?))
}

/// Reads `name=value` lines, by the rules the API has for tags.
fn read_tags(text: &str) -> Result<Map<String, Value>, String> {
    let mut tags = Map::new();
    for (at, line) in text.lines().map(str::trim).enumerate() {
        if line.is_empty() {
            continue;
        }
        let (name, value) = line
            .split_once('=')
            .ok_or_else(|| format!("Line {}: expected a name, = and a value.", at + 1))?;
        tags.insert(name.trim().to_owned(), Value::from(value.trim()));
    }
    let said = |issue: Issue| match issue.path.last() {
        Some(name) => format!("{name}: {}.", issue.message.trim_end_matches('.')),
        None => issue.message,
    };
    match named::tags().check(Some(Value::Object(tags))) {
        Ok(Some(Value::Object(tags))) => Ok(tags),
        Ok(_) => Ok(Map::new()),
        Err(issues) => Err(issues.into_iter().map(said).collect::<Vec<_>>().join(" ")),
    }
}

pub(super) async fn tags(visit: Visit) -> Result<Response, Failure> {
    let (integration, id) = (visit.path("integration"), visit.path("connection"));
    let environment = visit.environment()?;
    let text = visit.form.text("tags");
    let wrong = async |message: String| {
        let issues = Issues::one("tags", message);
        let added = Added { tags: Some(text.to_owned()), issues, ..Added::default() };
        corrected(&visit, added).await
    };
    let tags = match read_tags(text) {
        Ok(tags) => tags,
        Err(message) => return wrong(message).await,
    };
    let patch = PatchConnection { tags: Some(tags), ..PatchConnection::default() };
    let actor = visit.actor();
    match visit.engine().patch_connection(environment, integration, id, patch, &actor).await {
        Ok(()) => Ok(visit.redirect(&connection_link(&visit, integration, id), "saved")),
        Err(Error::Refused { message, .. }) => wrong(message).await,
        Err(error) => Err(error.into()),
    }
}

/// What differs between two objects, by the way to each value.
fn differences(before: &Value, after: &Value) -> Vec<Difference> {
    let values = |value: &Value| {
        let mut all = Vec::new();
        flat(value, "", &mut all);
        all.into_iter().collect::<BTreeMap<_, _>>()
    };
    let (before, after) = (values(before), values(after));
    let mut paths: Vec<_> = before.keys().chain(after.keys()).collect();
    paths.sort();
    paths.dedup();
    let both = paths.into_iter().map(|path| Difference {
        path: path.clone(),
        before: before.get(path).cloned(),
        after: after.get(path).cloned(),
    });
    both.filter(|it| it.before != it.after).collect()
}

/// Saves metadata. What would change is shown first, and what is confirmed is exactly that.
pub(super) async fn metadata(visit: Visit) -> Result<Response, Failure> {
    let (integration, id) = (visit.path("integration"), visit.path("connection"));
    let environment = visit.environment()?;
    let text = visit.form.text("metadata");
    let wrong = async |message: &str| {
        let issues = Issues::one("metadata", message);
        let added = Added { metadata: Some(text.to_owned()), issues, ..Added::default() };
        corrected(&visit, added).await
    };
    if text.chars().count() > METADATA_CHARACTERS_MAX {
        return wrong("This is too long to be edited here; use the API.").await;
    }
    let new: Map<String, Value> = match serde_json::from_str(text) {
        Ok(new) => new,
        Err(error) => {
            let place = format!("line {}, column {}", error.line(), error.column());
            return wrong(&format!("This is not a JSON object ({place}).")).await;
        }
    };
    let stored = pretty(view(&visit).await?.row.metadata.as_deref());
    if mark(&stored) != visit.form.text("mark") {
        return wrong("Somebody else changed it meanwhile. Reload the page to see it.").await;
    }
    let old = serde_json::from_str(&stored).unwrap_or_default();
    let changes = differences(&old, &Value::Object(new.clone()));
    if !changes.is_empty() && visit.form.text("sure") != mark(text) {
        let added = Added { metadata: Some(text.to_owned()), changes, ..Added::default() };
        return Ok(visit.page(&page(&visit, added).await?));
    }
    let (ids, actor) = ([id.to_owned()], visit.actor());
    let replace = MetadataChange::Replace;
    visit.engine().write_metadata(environment, integration, &ids, new, replace, &actor).await?;
    Ok(visit.redirect(&connection_link(&visit, integration, id), "saved"))
}

pub(super) async fn delete(visit: Visit) -> Result<Response, Failure> {
    let environment = visit.environment()?;
    let (integration, id) = (visit.path("integration"), visit.path("connection"));
    if visit.form.text("confirm") != id {
        let issues = Issues::one("confirm", "Type the connection's id to delete it.");
        return corrected(&visit, Added { issues, ..Added::default() }).await;
    }
    visit.engine().delete_connection(environment, integration, id, &visit.actor()).await?;
    Ok(visit.redirect(&visit.environment_link("/connections"), "deleted"))
}
