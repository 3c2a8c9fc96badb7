//! The OpenAPI 3.1 document, written from the list of endpoints.

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::error::ApiResult;
use crate::reply;
use crate::route::{Auth, BodyRule, Endpoint, Host, QueryRule};
use crate::schema::{Field, Schema, map};

/// Where the document is served.
pub const PATH: &str = "/openapi.json";

/// Describes every documented endpoint.
pub fn document<H: Host>(endpoints: &[Endpoint<H>], public_url: &str) -> Value {
    let mut paths = Map::new();
    for endpoint in endpoints.iter().filter(|endpoint| endpoint.tag.is_some()) {
        let method = endpoint.method.as_ref().unwrap_or(&Method::GET);
        let path = endpoint.path.replace("{*", "{");
        let operations = paths.entry(path).or_insert_with(|| json!({}));
        operations[method.as_str().to_ascii_lowercase()] = operation(endpoint);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Valetkey",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": public_url}],
        "paths": paths,
        "components": {
            "securitySchemes": security_schemes(),
            "schemas": {"Error": error_schema()},
            "responses": {"Error": {
                "description": "What went wrong",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            }},
        },
    })
}

/// The endpoint that serves the document.
pub(crate) fn endpoint<H: Host>(document: &Value) -> Endpoint<H> {
    let bytes = Bytes::from(document.to_string());
    Endpoint::new(Method::GET, PATH, Auth::None, move |_| {
        let bytes = bytes.clone();
        async move { ApiResult::Ok(reply::json_bytes(StatusCode::OK, bytes)) }
    })
    .any_query()
}

fn operation<H: Host>(endpoint: &Endpoint<H>) -> Value {
    let (status, meaning) = endpoint.success;
    let mut success = map([("description", meaning.into())]);
    if let Some(schema) = &endpoint.returns {
        success.insert("content".to_owned(), json_content(schema));
    }
    let responses = json!({
        status.as_str(): success,
        "default": {"$ref": "#/components/responses/Error"},
    });
    let mut operation = map([
        ("operationId", operation_id(endpoint).into()),
        ("summary", endpoint.summary.into()),
        ("tags", json!([endpoint.tag])),
        ("parameters", parameters(endpoint)),
        ("responses", responses),
        ("security", security(endpoint.auth)),
    ]);
    if let BodyRule::Json(schema) = &endpoint.body
        && !schema.is_nothing()
    {
        let body = json!({"required": !schema.is_optional(), "content": json_content(schema)});
        operation.insert("requestBody".to_owned(), body);
    }
    if endpoint.deprecated {
        operation.insert("deprecated".to_owned(), true.into());
    }
    let scopes = match endpoint.auth {
        Auth::ApiKey(scopes) | Auth::ApiKeyOrSession(scopes) => scopes.join(" or "),
        Auth::AccountKey(scope) => scope.to_owned(),
        Auth::Session | Auth::BrowserSession | Auth::None => String::new(),
    };
    if !scopes.is_empty() {
        operation.insert("description".to_owned(), format!("Scope: {scopes}").into());
    }
    Value::Object(operation)
}

fn json_content(schema: &Schema) -> Value {
    json!({"application/json": {"schema": schema.json_schema()}})
}

/// `GET /connections/{connectionId}` as `get_connections_connectionId`.
fn operation_id<H: Host>(endpoint: &Endpoint<H>) -> String {
    let method = endpoint.method.as_ref().map_or("any", Method::as_str).to_ascii_lowercase();
    let words = endpoint.path.split(|char: char| !char.is_ascii_alphanumeric());
    words.filter(|word| !word.is_empty()).fold(method, |id, word| id + "_" + word)
}

fn parameters<H: Host>(endpoint: &Endpoint<H>) -> Value {
    let mut parameters = Vec::new();
    for segment in endpoint.path.split('/') {
        let Some(name) = segment.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')) else {
            continue;
        };
        let name = name.trim_start_matches('*');
        let field = endpoint.parameters.iter().find(|field| field.name() == name);
        let schema = field.map_or(json!({"type": "string"}), Field::json_schema);
        parameters.push(json!({"name": name, "in": "path", "required": true, "schema": schema}));
    }
    if let QueryRule::Checked(query) = &endpoint.query {
        for (name, schema) in query.members() {
            let mut parameter = map([
                ("name", name.into()),
                ("in", "query".into()),
                ("required", (!schema.is_optional()).into()),
                ("schema", schema.json_schema()),
            ]);
            if schema.is_keyed() {
                parameter.insert("style".to_owned(), "deepObject".into());
                parameter.insert("explode".to_owned(), true.into());
            }
            if let Some(about) = schema.described() {
                parameter.insert("description".to_owned(), about.into());
            }
            parameters.push(Value::Object(parameter));
        }
    }
    Value::Array(parameters)
}

fn security(auth: Auth) -> Value {
    match auth {
        Auth::ApiKey(_) | Auth::AccountKey(_) => json!([{"apiKey": []}]),
        Auth::ApiKeyOrSession(_) => json!([{"apiKey": []}, {"connectSession": []}]),
        Auth::Session => json!([{"connectSession": []}]),
        Auth::BrowserSession => json!([{"browserSession": []}]),
        Auth::None => json!([]),
    }
}

fn security_schemes() -> Value {
    json!({
        "apiKey": {
            "type": "http",
            "scheme": "bearer",
            "description": "A key of an environment or of the account",
        },
        "connectSession": {
            "type": "http",
            "scheme": "bearer",
            "description": "The token of a connect session, valid for 30 minutes",
        },
        "browserSession": {
            "type": "apiKey",
            "in": "query",
            "name": "connect_session_token",
            "description": "The token of a connect session, where a browser navigates",
        },
    })
}

fn error_schema() -> Value {
    let issue = json!({
        "type": "object",
        "properties": {
            "code": {"type": "string"},
            "message": {"type": "string"},
            "path": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["code", "message", "path"],
    });
    json!({
        "type": "object",
        "properties": {"error": {
            "type": "object",
            "properties": {
                "code": {"type": "string", "description": "Stable; branch on this"},
                "message": {"type": "string", "description": "For people; may change"},
                "errors": {"type": "array", "items": issue},
                "payload": {},
            },
            "required": ["code"],
        }},
        "required": ["error"],
    })
}
