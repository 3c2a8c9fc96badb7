//! Functions of integrations. This server runs none, so lists are empty and each one is unknown;
//! the operations exist because the official SDK has methods for them.

use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::{not_found, success_schema};
use crate::app::{App, Caller};
use crate::call::Call;
use crate::error::{ApiError, ApiResult};
use crate::reply;
use crate::route::{Auth, Endpoint};
use crate::schema::{Field, any, array, field, integer, named, object, one_of, string};

const TAG: &str = "Functions";
const LIST: &[&str] = &["environment:functions:list"];
const READ: &[&str] = &["environment:functions:read"];
const DELETE: &[&str] = &["environment:functions:delete"];
const CONFIG: &[&str] = &["environment:integrations:list_functions"];

const ALL: &str = "/integrations/{uniqueKey}/functions";
const ONE: &str = "/integrations/{uniqueKey}/functions/{name}";
const CODE: &str = "/integrations/{uniqueKey}/functions/{name}/code";

pub(super) fn endpoints() -> Vec<Endpoint<App>> {
    let kind = || one_of(&["sync", "action", "on-event"]);
    let pagination = object(vec![
        field("total", integer()),
        field("page", integer()),
        field("limit", integer()),
    ]);
    vec![
        Endpoint::new(Method::GET, ALL, Auth::ApiKey(LIST), list)
            .documented(TAG, "Functions of an integration")
            .parameter("uniqueKey", named::integration_key())
            .query(vec![
                field("type", kind().optional()),
                field("search", string().trim().min(1).max(255).optional()),
                field("page", integer().coerced().min(0).default(0)),
                field("limit", integer().coerced().min(1).max(100).default(20)),
            ])
            .returns(object(vec![field("data", array(any())), field("pagination", pagination)])),
        one(Method::GET, ONE, READ, "One function", field("type", kind().optional())),
        one(Method::GET, CODE, READ, "A function's code", field("type", kind().optional())),
        one(
            Method::DELETE,
            ONE,
            DELETE,
            "Delete a function",
            field("type", one_of(&["sync", "action"])),
        )
        .returns(success_schema()),
        Endpoint::new(Method::GET, "/scripts/config", Auth::ApiKey(CONFIG), config)
            .documented(TAG, "Functions of all integrations")
            .any_query()
            .returns(array(any())),
    ]
}

fn one(
    method: Method,
    path: &'static str,
    scopes: &'static [&'static str],
    summary: &'static str,
    kind: Field,
) -> Endpoint<App> {
    Endpoint::new(method, path, Auth::ApiKey(scopes), unknown)
        .documented(TAG, summary)
        .parameter("uniqueKey", named::integration_key())
        .parameter("name", named::provider_name())
        .query(vec![kind])
}

#[derive(Deserialize)]
struct Page {
    page: i64,
    limit: i64,
}

async fn list(mut call: Call<App>) -> ApiResult {
    let Page { page, limit } = call.query()?;
    find_integration(&call.host, call.caller()?, call.path("uniqueKey")).await?;
    let pagination = json!({"total": 0, "page": page, "limit": limit});
    Ok(reply::ok(&json!({"data": [], "pagination": pagination})))
}

async fn unknown(call: Call<App>) -> ApiResult {
    find_integration(&call.host, call.caller()?, call.path("uniqueKey")).await?;
    let message = format!("There is no function '{}' for this integration.", call.path("name"));
    Err(ApiError::not_found(message))
}

async fn find_integration(app: &App, caller: &Caller, key: &str) -> ApiResult<()> {
    let environment = caller.environment()?;
    app.engine.integration(environment.id, key).await.map_err(not_found)?;
    Ok(())
}

async fn config(_call: Call<App>) -> ApiResult {
    Ok(reply::ok(&json!([])))
}
