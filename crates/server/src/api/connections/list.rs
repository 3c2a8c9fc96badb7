//! `GET /connections`: what is there, newest first.

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use valetkey_engine::connections::ConnectionFilter;

use super::view::{self, ListedConnection};
use super::{LIST, TAG};
use crate::app::App;
use crate::call::Call;
use crate::error::ApiResult;
use crate::reply;
use crate::route::{Auth, Endpoint};
use crate::schema::named::{tags, text};
use crate::schema::{field, number};

/// Rows of a page when the caller does not say.
const LIMIT_DEFAULT: i64 = 10_000;
/// Most rows a caller may ask for.
const LIMIT_MAX: i64 = 2000;
/// Most characters of a list of integration keys.
const INTEGRATIONS_CHARS_MAX: i64 = 8192;

pub(super) fn endpoint() -> Endpoint<App> {
    Endpoint::new(Method::GET, "/connections", Auth::ApiKey(LIST), list)
        .alias("/connection")
        .documented(TAG, "List connections")
        .query(vec![
            field("connectionId", text(255).optional()),
            field(
                "search",
                text(255)
                    .optional()
                    .about("Part of the connection id, or of the end user's name or e-mail"),
            ),
            field("endUserId", text(255).optional()),
            field("endUserOrganizationId", text(255).optional()),
            field(
                "integrationId",
                text(INTEGRATIONS_CHARS_MAX)
                    .optional()
                    .about("One key or several, separated by commas"),
            ),
            field("tags", tags().optional().about("Tags that a connection must all have")),
            field("limit", number().coerced().min(1).max(LIMIT_MAX).optional()),
            field("page", number().coerced().min(0).optional().about("Counted from 0")),
        ])
        .returns(view::list_schema())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Query {
    connection_id: Option<String>,
    search: Option<String>,
    end_user_id: Option<String>,
    end_user_organization_id: Option<String>,
    integration_id: Option<String>,
    #[serde(default)]
    tags: Map<String, Value>,
    limit: Option<f64>,
    page: Option<f64>,
}

#[derive(Serialize)]
struct Answer<'a> {
    connections: Vec<ListedConnection<'a>>,
}

async fn list(mut call: Call<App>) -> ApiResult {
    let query: Query = call.query()?;
    let environment = call.caller()?.environment()?;
    let rows = call.host.engine.connections(environment, &query.into()).await?;
    let connections = rows.iter().map(ListedConnection::new).collect();
    Ok(reply::ok(&Answer { connections }))
}

impl From<Query> for ConnectionFilter {
    fn from(query: Query) -> Self {
        // Numbers were checked; what is left of a fraction is cut, and the casts saturate.
        let limit = query.limit.map_or(LIMIT_DEFAULT, |limit| limit as i64);
        let page = query.page.map_or(0, |page| page as i64);
        let keys = |list: String| {
            list.split(',')
                .map(str::trim)
                .filter(|key| !key.is_empty())
                .map(str::to_owned)
                .collect()
        };
        Self {
            connection_id: query.connection_id,
            search: query.search,
            end_user_id: query.end_user_id,
            end_user_organization_id: query.end_user_organization_id,
            integration_keys: query.integration_id.map(keys),
            tags: query.tags,
            limit,
            offset: page.saturating_mul(limit),
        }
    }
}
