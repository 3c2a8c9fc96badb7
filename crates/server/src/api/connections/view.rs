//! A connection as clients read it. Texts from the database are passed on as they are: nothing is
//! parsed or copied on the way out.

use serde::Serialize;
use serde_json::value::RawValue;
use valetkey_base::Timestamp;
use valetkey_engine::connections::{
    ActiveError, Connection, ConnectionView, active_errors, raw_json,
};

use crate::schema::{
    Schema, any, array, field, integer, loose_object, object, one_of, record, string,
};

/// The form a client gets when it asks for one connection.
#[derive(Serialize)]
pub(super) struct FullConnection<'a> {
    id: i64,
    connection_id: &'a str,
    provider_config_key: &'a str,
    provider: &'a str,
    errors: Vec<ActiveError>,
    end_user: &'a RawValue,
    tags: &'a RawValue,
    metadata: &'a RawValue,
    connection_config: &'a RawValue,
    webhook_url_override: Option<&'a str>,
    created_at: String,
    updated_at: String,
    last_fetched_at: Option<String>,
    credentials: &'a RawValue,
}

impl<'a> FullConnection<'a> {
    /// `stamp` writes the row's times: endpoints differ in the suffix.
    pub(super) fn new(view: &'a ConnectionView, stamp: fn(Timestamp) -> String) -> Self {
        let row = &view.row;
        Self {
            id: row.id,
            connection_id: &row.connection_id,
            provider_config_key: &row.integration_key,
            provider: &row.provider,
            errors: active_errors(row),
            end_user: raw_json(row.end_user.as_deref()),
            tags: raw_json(Some(&row.tags)),
            metadata: raw_json(row.metadata.as_deref()),
            connection_config: &view.opened.config,
            webhook_url_override: row.webhook_url_override.as_deref(),
            created_at: stamp(row.created_at),
            updated_at: stamp(row.updated_at),
            last_fetched_at: view.last_fetched_at.map(stamp),
            credentials: &view.opened.credentials,
        }
    }
}

/// The form in a list.
#[derive(Serialize)]
pub(super) struct ListedConnection<'a> {
    id: i64,
    connection_id: &'a str,
    provider_config_key: &'a str,
    provider: &'a str,
    errors: Vec<ActiveError>,
    end_user: &'a RawValue,
    tags: &'a RawValue,
    metadata: &'a RawValue,
    created: String,
}

impl<'a> ListedConnection<'a> {
    pub(super) fn new(row: &'a Connection) -> Self {
        Self {
            id: row.id,
            connection_id: &row.connection_id,
            provider_config_key: &row.integration_key,
            provider: &row.provider,
            errors: active_errors(row),
            end_user: raw_json(row.end_user.as_deref()),
            tags: raw_json(Some(&row.tags)),
            metadata: raw_json(row.metadata.as_deref()),
            created: shortest_stamp(row.created_at),
        }
    }
}

/// An instant with as many fraction digits as it needs, which is how lists have always shown it.
fn shortest_stamp(at: Timestamp) -> String {
    at.format(match at.millis().rem_euclid(1000) {
        0 => "%Y-%m-%dT%H:%M:%S+00:00",
        millis if millis % 100 == 0 => "%Y-%m-%dT%H:%M:%S%.1f+00:00",
        millis if millis % 10 == 0 => "%Y-%m-%dT%H:%M:%S%.2f+00:00",
        _ => "%Y-%m-%dT%H:%M:%S%.3f+00:00",
    })
}

/// Describes [`FullConnection`] for the OpenAPI document.
pub(super) fn full_schema() -> Schema {
    let mut fields = common_fields();
    fields.extend([
        field("connection_config", loose_object(Vec::new())),
        field("webhook_url_override", string().nullable()),
        field("created_at", string()),
        field("updated_at", string()),
        field("last_fetched_at", string().nullable()),
        field(
            "credentials",
            loose_object(vec![field("type", string().optional())])
                .about("By type; empty when there are none or the key may not read them"),
        ),
    ]);
    object(fields)
}

/// Describes the list for the OpenAPI document.
pub(super) fn list_schema() -> Schema {
    let mut fields = common_fields();
    fields.push(field("created", string()));
    object(vec![field("connections", array(object(fields)))])
}

fn common_fields() -> Vec<crate::schema::Field> {
    let error = object(vec![field("type", one_of(&["auth", "sync"])), field("log_id", string())]);
    let organization =
        object(vec![field("id", string()), field("display_name", string().nullable())]);
    let end_user = object(vec![
        field("id", string()),
        field("display_name", string().nullable()),
        field("email", string().nullable()),
        field("tags", record(string(), string()).nullable()),
        field("organization", organization.nullable()),
    ]);
    vec![
        field("id", integer()),
        field("connection_id", string()),
        field("provider_config_key", string()),
        field("provider", string()),
        field("errors", array(error)),
        field("end_user", end_user.nullable()),
        field("tags", record(string(), string())),
        field("metadata", record(string(), any()).nullable()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_time_has_no_trailing_zeros() {
        for (millis, shown) in [
            (1_772_356_211_000, "2026-03-01T09:10:11+00:00"),
            (1_772_356_211_100, "2026-03-01T09:10:11.1+00:00"),
            (1_772_356_211_120, "2026-03-01T09:10:11.12+00:00"),
            (1_772_356_211_123, "2026-03-01T09:10:11.123+00:00"),
            (1_772_356_211_003, "2026-03-01T09:10:11.003+00:00"),
        ] {
            assert_eq!(shortest_stamp(Timestamp::from_millis(millis)), shown);
        }
    }
}
