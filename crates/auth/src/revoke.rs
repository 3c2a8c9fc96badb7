//! Token revocation (RFC 7009).

use serde_json::{Map, Value};
use valetkey_catalog::render_url;

use crate::client_auth::{self, ActiveClient};
use crate::credentials::Credentials;
use crate::mode::Context;
use crate::request::{Body, HttpRequest};

/// The requests that end a grant at the provider, to be sent in order before a connection is
/// deleted: the refresh token first, which by RFC 7009 §2.1 ends its access tokens too. Empty when
/// the provider has no revocation endpoint or there is nothing to revoke. Always a form, whatever
/// the provider's token requests look like.
pub fn revocation(context: &Context<'_>, credentials: &Credentials) -> Vec<HttpRequest> {
    let provider = context.provider;
    let Some(template) = &provider.revocation_url else {
        return Vec::new();
    };
    let scope = context.scope(context.connection_config);
    let Ok(url) = render_url(template, &scope, false) else {
        return Vec::new();
    };
    let Ok(client) = ActiveClient::stored(context, credentials) else {
        return Vec::new();
    };
    let tokens = [
        ("refresh_token", credentials.refresh_token()),
        ("access_token", credentials.access_token()),
    ];
    tokens
        .into_iter()
        .filter_map(|(hint, token)| {
            let mut params = Map::new();
            params.insert("token".to_owned(), Value::from(token?));
            params.insert("token_type_hint".to_owned(), Value::from(hint));
            let mut headers = vec![("accept".to_owned(), "application/json".to_owned())];
            let auth = provider.revocation_client_auth;
            client_auth::apply(auth, &client, &url, context, &mut params, &mut headers).ok()?;
            let pairs = params
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect();
            let (method, url, body) = (http::Method::POST, url.clone(), Body::Form(pairs));
            Some(HttpRequest { method, url, headers, body, identity: client.identity.clone() })
        })
        .collect()
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
}
