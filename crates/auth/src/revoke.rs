//! Token revocation (RFC 7009), or the provider's own way of ending a grant.

use serde_json::{Map, Value};
use url::Url;
use valetkey_base::Secret;
use valetkey_catalog::{AuthMode, Scope, render_url, scalar_text};

use crate::api_request;
use crate::client_auth::{self, ActiveClient};
use crate::credentials::Credentials;
use crate::mode::Context;
use crate::modes::mcp_oauth2_generic;
use crate::request::{Body, HttpRequest};
use crate::token_request::{render_lenient, render_params, set_header};

/// The requests that end a grant at the provider, to be sent in order before a connection is
/// deleted: the refresh token first, which by RFC 7009 §2.1 ends its access tokens too; or the one
/// request the provider entry describes. Empty when the provider has no revocation endpoint or
/// there is nothing to revoke. Always a form, whatever the provider's token requests look like.
pub fn revocation(context: &Context<'_>, credentials: &Credentials) -> Vec<HttpRequest> {
    let provider = context.provider;
    if provider.auth_mode == AuthMode::McpOAuth2Generic {
        return mcp_oauth2_generic::revocation(context, credentials);
    }
    let Some(template) = &provider.revocation_url else {
        return Vec::new();
    };
    let scope = api_request::scope(context, credentials);
    let Ok(url) = render_url(template, &scope, false) else {
        return Vec::new();
    };
    let Some(client) = client(context, credentials) else {
        return Vec::new();
    };
    if let Some(params) = &provider.revocation_params {
        // Without a value that it names, the request would end something else or nothing.
        return render_params(params, &scope)
            .ok()
            .and_then(|params| request(context, &scope, &client, &url, params))
            .into_iter()
            .collect();
    }
    let tokens = [
        ("refresh_token", credentials.refresh_token()),
        ("access_token", credentials.access_token()),
    ];
    tokens
        .into_iter()
        .filter_map(|(hint, token)| {
            let params = Map::from_iter([
                ("token".to_owned(), Value::from(token?)),
                ("token_type_hint".to_owned(), Value::from(hint)),
            ]);
            request(context, &scope, &client, &url, params)
        })
        .collect()
}

fn request(
    context: &Context<'_>,
    scope: &Scope<'_>,
    client: &ActiveClient,
    url: &Url,
    mut params: Map<String, Value>,
) -> Option<HttpRequest> {
    let provider = context.provider;
    let method = http::Method::from_bytes(provider.revocation_method.as_bytes()).ok()?;
    let mut request = HttpRequest::new(method, url.clone());
    request.identity.clone_from(&client.identity);
    request.headers.push(("accept".to_owned(), "application/json".to_owned()));
    let auth = provider.revocation_client_auth;
    client_auth::apply(auth, client, url, context, &mut params, &mut request.headers).ok()?;
    for (name, value) in render_lenient(&provider.revocation_headers, scope) {
        set_header(&mut request.headers, &name, value);
    }
    let pairs = params.iter().filter_map(|(name, value)| Some((name.clone(), scalar_text(value)?)));
    if request.method == http::Method::POST {
        request.body = Body::Form(pairs.collect());
    } else {
        let pairs: Vec<(String, String)> = pairs.collect();
        if !pairs.is_empty() {
            request.url.query_pairs_mut().extend_pairs(pairs);
        }
    }
    Some(request)
}

/// The client the grant was made with: the person's own, or the integration's.
fn client(context: &Context<'_>, credentials: &Credentials) -> Option<ActiveClient> {
    match credentials.text("client_id") {
        Some(id) => Some(ActiveClient {
            id: id.to_owned(),
            secret: Secret::from(credentials.text("client_secret").unwrap_or_default()),
            private_key: credentials.text("client_private_key").map(Secret::from),
            identity: None,
        }),
        None => ActiveClient::stored(context, credentials).ok(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use valetkey_base::{Rng, Timestamp};
    use valetkey_catalog::Catalog;

    use super::*;
    use crate::mode::Client;

    #[test]
    fn the_refresh_token_goes_first() {
        let entry = "auth_mode: OAUTH2\nbody_format: json\nauthorization_method: header\n\
                     revocation_url: https://a.test/revoke";
        let (catalog, _) = Catalog::empty().overlay(entry, "acme.yaml").unwrap();
        let client = Client {
            client_id: Some("id".to_owned()),
            client_secret: Some("s".into()),
            ..Client::default()
        };
        let context = Context {
            provider: catalog.get("acme").unwrap(),
            client: &client,
            connection_config: &Map::new(),
            repairs: None,
            now: Timestamp::from_millis(0),
            rng: &Rng::seeded(1),
        };
        let credentials = Credentials::from_json(json!({
            "type": "OAUTH2", "access_token": "at", "refresh_token": "rt"
        }));
        let bodies: Vec<String> = revocation(&context, &credentials)
            .iter()
            .map(|request| String::from_utf8(request.body.encode().1).unwrap())
            .collect();
        assert_eq!(
            bodies,
            ["token=rt&token_type_hint=refresh_token", "token=at&token_type_hint=access_token"]
        );
    }

    #[test]
    fn a_way_of_its_own_is_one_request() {
        let entry = "auth_mode: OAUTH2\nrevocation_method: DELETE\nrevocation_client: none\n\
                     revocation_url: 'https://a.test/tokens/${credentials.refresh_token}'\n\
                     revocation_params: {}\n\
                     revocation_headers: {authorization: 'Bearer ${accessToken}'}";
        let (catalog, _) = Catalog::empty().overlay(entry, "acme.yaml").unwrap();
        let client = Client { client_id: Some("id".to_owned()), ..Client::default() };
        let context = Context {
            provider: catalog.get("acme").unwrap(),
            client: &client,
            connection_config: &Map::new(),
            repairs: None,
            now: Timestamp::from_millis(0),
            rng: &Rng::seeded(1),
        };
        let credentials = Credentials::from_json(json!({
            "type": "OAUTH2", "access_token": "at", "refresh_token": "r/t"
        }));
        let requests = revocation(&context, &credentials);
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0].method, http::Method::DELETE);
        assert_eq!(requests[0].url.as_str(), "https://a.test/tokens/r%2Ft");
        assert!(
            requests[0].headers.contains(&("authorization".to_owned(), "Bearer at".to_owned()))
        );
        let without = Credentials::from_json(json!({"type": "OAUTH2", "access_token": "at"}));
        assert!(revocation(&context, &without).is_empty(), "there is nothing to name");
    }
}
