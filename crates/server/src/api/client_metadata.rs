//! `GET /oauth/client-metadata/{environmentUuid}/{providerConfigKey}`: who the OAuth client of an
//! integration is, for authorization servers that read it at the address that is its client id.

use http::header::CACHE_CONTROL;
use http::{HeaderValue, Method, StatusCode};
use valetkey_engine::oauth_client::NoDocument;

use crate::app::App;
use crate::call::Call;
use crate::error::{ApiError, ApiResult};
use crate::reply;
use crate::route::{Auth, Endpoint};
use crate::schema::{array, field, named, object, string};

/// Servers read it at every authorization; a change of name or callback should show soon.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// The operation.
pub fn endpoints() -> Vec<Endpoint<App>> {
    let path = "/oauth/client-metadata/{environmentUuid}/{providerConfigKey}";
    let document = object(vec![
        field("client_id", string()),
        field("client_name", string()),
        field("client_uri", string().optional()),
        field("logo_uri", string().optional()),
        field("redirect_uris", array(string())),
        field("grant_types", array(string())),
        field("response_types", array(string())),
        field("token_endpoint_auth_method", string()),
    ]);
    vec![
        Endpoint::new(Method::GET, path, Auth::None, show)
            .documented("Integrations", "Metadata of an MCP integration's OAuth client")
            .parameter("environmentUuid", named::text(255))
            .parameter("providerConfigKey", named::integration_key())
            .any_query()
            .returns(document),
    ]
}

async fn show(call: Call<App>) -> ApiResult {
    let (uuid, key) = (call.path("environmentUuid"), call.path("providerConfigKey"));
    let document = call.host.engine.client_document(uuid, key).await.map_err(missing)?;
    let mut response = reply::ok(&document);
    response.headers_mut().insert(CACHE_CONTROL, CACHE);
    Ok(response)
}

fn missing(why: NoDocument) -> ApiError {
    let (code, message) = match why {
        NoDocument::NotHttps => (
            "feature_disabled",
            "Client metadata is only served where the public URL begins with https://",
        ),
        NoDocument::UnknownEnvironment => ("unknown_environment", "There is no such environment"),
        NoDocument::UnknownIntegration => {
            ("unknown_provider_config", "There is no MCP integration with this key")
        }
        NoDocument::Failed(error) => return error.into(),
    };
    ApiError::simple(StatusCode::NOT_FOUND, code, message)
}
