//! Which connections a delivery is about.

use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use tokio::time::Instant;
use valetkey_catalog::scalar_text;
use valetkey_catalog::schema::{Rule, Target, Webhooks};
use valetkey_store::{LookupRow, Matched};

use super::keys::Named;
use super::message::{Message, at};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::integrations::IntegrationView;
use crate::sealing::Column;

/// Connections that one delivery reaches at most.
pub(super) const MATCHED_MAX: usize = 1000;
/// Connections that are looked through in one transaction.
const PAGE: i64 = 200;
/// How long a delivery waits for connections to be looked through.
const WAIT_MAX: Duration = Duration::from_secs(8);

/// The identifier of a delivery and its connections.
#[derive(Default)]
pub(super) struct Found {
    /// Whether the delivery names anybody.
    pub(super) is_named: bool,
    pub(super) connections: Vec<Matched>,
    /// Whether there are more than [`MATCHED_MAX`], which are left out.
    pub(super) is_cut: bool,
}

pub(super) fn identifiers(message: &Message<'_>, rule: &Rule, items: Option<&str>) -> Vec<String> {
    let values = rule.from.iter().map(|place| message.values(place, items));
    let mut values = values.into_iter().find(|values| !values.is_empty()).unwrap_or_default();
    if let Some(path) = &rule.base64_json {
        let inner = |text: &String| -> Option<String> {
            let json: Value = serde_json::from_slice(&STANDARD.decode(text).ok()?).ok()?;
            at(&json, path).and_then(scalar_text)
        };
        values = values.iter().filter_map(inner).collect();
    }
    if let Some(pattern) = &rule.pattern {
        values = values.iter().filter_map(|text| pattern.first_group(text)).collect();
    }
    values.sort();
    values.dedup();
    values
}

/// Hashes are of one integration's alone, so that equal identifiers do not show as equal.
fn hash(view: &IntegrationView, target: &Target, value: &str) -> String {
    let text = format!("{}\n{target}\n{value}", view.row.row_uuid);
    hex::encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

/// What a connection is found by under a target.
fn values_of(target: &Target, (metadata, config): &Named) -> Vec<String> {
    match target {
        Target::ConnectionId => Vec::new(),
        Target::Config(key) => config.get(key).and_then(scalar_text).into_iter().collect(),
        Target::Metadata(key) => match metadata.get(key) {
            Some(Value::Array(items)) => items.iter().filter_map(scalar_text).collect(),
            Some(Value::Object(members)) => members.keys().cloned().collect(),
            Some(one) => scalar_text(one).into_iter().collect(),
            None => Vec::new(),
        },
    }
}

/// Everything that connections of an integration may be looked for by.
fn targets(recipe: &Webhooks) -> Vec<Target> {
    let install = recipe.install.as_ref();
    let completing = install.into_iter().flat_map(|install| &install.completes);
    let rules = recipe.connection.iter().chain(completing);
    let mut targets: Vec<Target> = rules.flat_map(|rule| rule.to.iter().cloned()).collect();
    targets.extend(install.and_then(|it| it.id_key.clone()).map(Target::Config));
    let mut known = Vec::with_capacity(targets.len());
    for target in targets {
        if !known.contains(&target) {
            known.push(target);
        }
    }
    known
}

impl Engine {
    /// The connections of a delivery. The first rule that finds any decides.
    pub(super) async fn connections_of(
        &self,
        message: &Message<'_>,
        recipe: &Webhooks,
        view: &IntegrationView,
    ) -> Result<Found> {
        let mut found = Found::default();
        for rule in &recipe.connection {
            let values = identifiers(message, rule, recipe.items.as_deref());
            if values.is_empty() {
                continue;
            }
            found.is_named = true;
            for target in &rule.to {
                for value in &values {
                    found.connections.extend(self.found_by(recipe, view, target, value).await?);
                }
                if !found.connections.is_empty() {
                    found.connections.sort();
                    found.connections.dedup();
                    found.is_cut = found.connections.len() > MATCHED_MAX;
                    found.connections.truncate(MATCHED_MAX);
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }

    pub(crate) async fn found_by(
        &self,
        recipe: &Webhooks,
        view: &IntegrationView,
        target: &Target,
        value: &str,
    ) -> Result<Vec<Matched>> {
        if *target == Target::ConnectionId {
            let key = &view.row.unique_key;
            let row = self.store.connection(view.row.environment_id, key, value).await?;
            return Ok(row
                .map(|row| Matched {
                    id: row.id,
                    connection_id: row.connection_id.clone(),
                    webhook_url_override: row.webhook_url_override.clone(),
                })
                .into_iter()
                .collect());
        }
        self.bring_lookups_up_to_date(recipe, view).await?;
        let hash = hash(view, target, value);
        Ok(self.store.looked_up(view.row.id, &hash, MATCHED_MAX as i64 + 1).await?)
    }

    /// Opens connections that changed since the last delivery and notes their identifiers.
    ///
    /// # Errors
    /// [`valetkey_store::Error::Overloaded`] when there are too many for one delivery; the next
    /// one goes on from there.
    async fn bring_lookups_up_to_date(
        &self,
        recipe: &Webhooks,
        view: &IntegrationView,
    ) -> Result<()> {
        let (id, begun) = (view.row.id, Instant::now());
        let targets = targets(recipe);
        let rules = targets.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        if self.store.lookup_rules(id).await?.as_ref() != Some(&rules) {
            self.store
                .write::<_, Error, _>(move |tx| {
                    Box::pin(async move { Ok(tx.set_lookup_rules(id, &rules).await?) })
                })
                .await?;
        }
        loop {
            let due = self.store.lookups_due(id, PAGE).await?;
            if due.is_empty() {
                return Ok(());
            }
            if begun.elapsed() > WAIT_MAX {
                return Err(valetkey_store::Error::Overloaded.into());
            }
            let mut found = Vec::with_capacity(due.len());
            for row in due {
                let named = self.opened_row(view.row.environment_id, &row).await?;
                let hashes: Vec<String> = targets
                    .iter()
                    .flat_map(|target| {
                        let values = values_of(target, &named);
                        values.into_iter().map(|value| hash(view, target, &value))
                    })
                    .collect();
                found.push((row, hashes));
            }
            let now = self.clock.now();
            self.store
                .write::<_, Error, _>(move |tx| {
                    Box::pin(async move {
                        for (row, hashes) in &found {
                            tx.set_lookups(id, row, hashes, now).await?;
                        }
                        Ok(())
                    })
                })
                .await?;
        }
    }

    async fn opened_row(&self, environment_id: i64, row: &LookupRow) -> Result<Named> {
        let config: Map<String, Value> = self
            .sealer
            .open_json(environment_id, Column::CONFIG, &row.row_uuid, &row.config)
            .await?;
        let metadata = row.metadata.as_deref().and_then(|text| serde_json::from_str(text).ok());
        Ok((metadata.unwrap_or_default(), config))
    }

    /// Metadata and configuration of a connection.
    pub(super) async fn named(&self, view: &IntegrationView, id: i64) -> Result<Option<Named>> {
        let row = self.store.connection_by_row(view.row.environment_id, id).await?;
        let Some(row) = row else { return Ok(None) };
        let config = self.stored_config(&row).await?;
        let metadata = row.metadata.as_deref().and_then(|text| serde_json::from_str(text).ok());
        Ok(Some((metadata.unwrap_or_default(), config)))
    }
}
