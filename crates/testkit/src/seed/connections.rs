//! Rows of integrations, connections and their tags.

use std::ops::Range;

use serde_json::{Map, Value, json};

use super::cast::Cast;
use super::dice::For;
use super::load::{Rows, Table, cells};
use super::sorts::FAILURE_CODE;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Access tokens end between these, in days from now: none is refreshed before.
const TOKEN_DAYS: (i64, u64) = (60, 60);
/// Of a hundred connections, how many were read.
const READ_SHARE: f64 = 0.8;

const INTEGRATIONS: Table = Table {
    name: "integrations",
    columns: &[
        "id",
        "environment_id",
        "unique_key",
        "provider",
        "display_name",
        "client_id",
        "secrets_sealed",
        "scopes",
        "row_uuid",
        "forward_webhooks",
        "created_at",
        "updated_at",
    ],
    on_sqlite: None,
};
const CONNECTIONS: Table = Table {
    name: "connections",
    columns: &[
        "id",
        "environment_id",
        "integration_id",
        "connection_id",
        "row_uuid",
        "credentials_sealed",
        "config_sealed",
        "metadata",
        "tags",
        "end_user",
        "end_user_id",
        "end_user_organization_id",
        "search_text",
        "generation",
        "expires_at",
        "refresh_due_at",
        "refresh_failures",
        "refresh_failed_at",
        "refresh_exhausted",
        "refresh_error",
        "refreshed_at",
        "last_fetched_at",
        "created_at",
        "updated_at",
    ],
    on_sqlite: None,
};
const TAGS: Table = Table {
    name: "connection_tags",
    columns: &["environment_id", "key", "value", "connection_row"],
    on_sqlite: None,
};

pub(super) fn integrations(cast: &Cast) -> Vec<Rows> {
    let mut rows = Rows::of(INTEGRATIONS);
    let made = cast.connected_at(0);
    for (number, it) in cast.integrations.iter().enumerate() {
        let uuid = cast.dice(For::Integration, u64::MAX - number as u64).uuid();
        let secret = json!({"client_secret": format!("seeded-secret-{number}")}).to_string();
        let has_secrets = !it.by_key && cast.plan.seal.is_some();
        let sealed = has_secrets.then(|| cast.seal(("integrations", "secrets"), &uuid, &secret));
        rows.push(cells![
            it.row,
            cast.plan.environment_id,
            it.key.as_str(),
            it.provider,
            None::<&str>,
            (!it.by_key).then(|| format!("client-{number}.seeded.example")),
            sealed,
            if it.by_key { "" } else { "read,write,offline_access" },
            uuid,
            true,
            made,
            made,
        ]);
    }
    vec![rows]
}

pub(super) fn batch(cast: &Cast, range: Range<u64>) -> Vec<Rows> {
    let (mut rows, mut tags) = (Rows::of(CONNECTIONS), Rows::of(TAGS));
    for number in range {
        connection(cast, number, &mut rows, &mut tags);
    }
    vec![rows, tags]
}

fn credentials(by_key: bool, uuid: &str, expires_at: Option<i64>) -> Value {
    if by_key {
        return json!({"type": "API_KEY", "apiKey": format!("seeded-{uuid}")});
    }
    let mut all = json!({
        "type": "OAUTH2",
        "access_token": format!("seeded-access-{uuid}-{uuid}-{uuid}"),
        "refresh_token": format!("seeded-refresh-{uuid}"),
        "raw": {"token_type": "bearer", "scope": "read write offline_access"},
    });
    if let Some(at) = expires_at {
        all["expires_at"] = json!(valetkey_base::Timestamp::from_millis(at).to_iso_z());
    }
    all
}

fn connection(cast: &Cast, number: u64, rows: &mut Rows, tags: &mut Rows) {
    let environment = cast.plan.environment_id;
    let integration = &cast.integrations[cast.integration_of(number)];
    let (id, row) = (cast.connection_id(number), cast.row(number));
    let customer = cast.customer(number);
    let dice = cast.dice(For::Use, number);
    let (now, made) = (cast.plan.now.millis(), cast.connected_at(number));
    let uuid = dice.uuid();
    let expires_at = (!integration.by_key && dice.below(3) > 0)
        .then(|| now + (TOKEN_DAYS.0 + dice.again().below(TOKEN_DAYS.1) as i64) * DAY_MS);
    let of_user = [
        ("end_user_id", &customer.id),
        ("end_user_email", &customer.email),
        ("end_user_display_name", &customer.name),
        ("organization_id", &customer.organization_id),
        ("organization_display_name", &customer.organization),
    ];
    let mut all_tags = Map::new();
    for (key, value) in of_user {
        all_tags.insert(key.to_owned(), Value::from(value.as_str()));
        tags.push(cells![environment, key, value.as_str(), row]);
    }
    let end_user = json!({
        "id": customer.id, "display_name": customer.name, "email": customer.email, "tags": null,
        "organization": {
            "id": customer.organization_id, "display_name": customer.organization,
        },
    });
    let failing = cast.failing(number);
    let failed_at = failing.map(|it| cast.operated_at(it.operation));
    let error = failing.map(|it| {
        json!({
            "class": it.failure.class, "code": FAILURE_CODE, "message": it.failure.message,
            "log_id": cast.operation_id(it.operation), "in_a_row": 3, "told": it.failure.told,
        })
        .to_string()
    });
    let sealed = |column, text: &str| cast.seal(("connections", column), &uuid, text);
    let metadata = (dice.below(5) == 0).then(|| json!({"plan": "pro", "seats": number % 50}));
    let read_at =
        (dice.share() < READ_SHARE).then(|| made.max(now - (number % 30) as i64 * DAY_MS));
    let is_dead = failing.is_some_and(|it| it.failure.class == "terminal");
    rows.push(cells![
        row,
        environment,
        integration.row,
        id.as_str(),
        uuid.as_str(),
        sealed("credentials", &credentials(integration.by_key, &uuid, expires_at).to_string()),
        sealed("config", "{}"),
        metadata.map(|it| it.to_string()),
        Value::Object(all_tags).to_string(),
        end_user.to_string(),
        customer.id.as_str(),
        customer.organization_id.as_str(),
        format!("{id}\n{}\n{}", customer.name, customer.email).to_lowercase(),
        1 + (number % 40) as i64,
        expires_at,
        None::<i64>,
        i64::from(failing.is_some()) * 3,
        failed_at,
        is_dead,
        error,
        failed_at,
        read_at,
        made,
        failed_at.unwrap_or(made),
    ]);
}
