//! Assertions signed for a token endpoint: of a client about itself (RFC 7523 §2.2), and of a
//! provider entry's own recipe as JWT (RFC 7523 §2.1) or SAML (RFC 7522).

use std::time::Duration;

use serde_json::{Map, Value};
use url::Url;
use valetkey_base::{Secret, Timestamp};
use valetkey_catalog::schema::{AssertionKind, AssertionRecipe};
use valetkey_catalog::{Provider, Scope, render};

use crate::jwt::{self, SigningFault, of_key};
use crate::keys::{SigningKey, signed_jwt};
use crate::mode::Context;
use crate::saml;

/// `client_assertion_type` of a JWT (RFC 7523 §2.2).
pub(crate) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How long a client assertion holds, in seconds.
const CLIENT_LIFETIME_SECONDS: u64 = 300;
/// How long an entry's JWT holds when it does not say, in seconds.
const JWT_LIFETIME_SECONDS: u64 = 3600;
/// How long an entry's SAML assertion holds when it does not say, in seconds.
const SAML_LIFETIME_SECONDS: u64 = 300;
/// A stored assertion with less left is not used again.
const MARGIN: Duration = Duration::from_mins(1);

/// A signed assertion of the client for the token endpoint. The error is a text for a person.
///
/// `redirect_uri` is the callback, where there is one.
pub(crate) fn client_assertion(
    client_id: &str,
    token_url: &Url,
    key: &Secret,
    redirect_uri: Option<&str>,
    context: &Context<'_>,
) -> Result<String, String> {
    let wanted = &context.provider.client_assertion;
    let unfit = |error: &dyn std::fmt::Display| format!("The client's private key {error}.");
    let key = SigningKey::private(key.expose()).map_err(|error| unfit(&error))?;
    let mut scope = context.scope(context.connection_config);
    scope.set("clientId", client_id);
    if let Some(host) = redirect_host(context, redirect_uri) {
        scope.set("redirectHost", host);
    }
    let filled = |template: &Option<String>, usual: &str| match template {
        Some(template) => render(template, &scope)
            .map_err(|error| format!("The client assertion cannot be built: {error}.")),
        None => Ok(usual.to_owned()),
    };
    let mut header = Map::new();
    if let Some(algorithm) = &wanted.algorithm {
        header.insert("alg".to_owned(), algorithm.as_str().into());
    }
    let algorithm = jwt::header_algorithm(&header, &key).map_err(|error| unfit(&error))?;
    let issued = context.now.seconds();
    let lifetime = wanted.lifetime_seconds.unwrap_or(CLIENT_LIFETIME_SECONDS);
    let mut claims = Map::new();
    claims.insert("iss".to_owned(), filled(&wanted.issuer, client_id)?.into());
    claims.insert("sub".to_owned(), client_id.into());
    claims.insert("aud".to_owned(), filled(&wanted.audience, token_url.as_str())?.into());
    claims.insert("iat".to_owned(), issued.into());
    claims.insert("exp".to_owned(), (issued + lifetime as i64).into());
    claims.insert("jti".to_owned(), context.rng.uuid().to_string().into());
    signed_jwt(header, &claims, &key, algorithm).map_err(|error| unfit(&error))
}

/// The name under which a connection remembers the host of its callback, for refreshes.
pub(crate) const REDIRECT_HOST: &str = "redirectHost";

/// Whether an entry's assertions name the host of the callback.
pub(crate) fn names_redirect_host(provider: &Provider) -> bool {
    let wanted = &provider.client_assertion;
    [&wanted.issuer, &wanted.audience]
        .into_iter()
        .flatten()
        .any(|template| valetkey_catalog::references(template).iter().any(|n| n == REDIRECT_HOST))
}

/// The host of a callback.
pub(crate) fn host_of(redirect_uri: &str) -> Option<String> {
    Url::parse(redirect_uri).ok()?.host_str().map(str::to_owned)
}

fn redirect_host(context: &Context<'_>, redirect_uri: Option<&str>) -> Option<String> {
    let remembered =
        || context.connection_config.get(REDIRECT_HOST).and_then(Value::as_str).map(str::to_owned);
    redirect_uri.and_then(host_of).or_else(remembered)
}

/// The assertion of an entry's recipe. The scope names the credentials and, as `assertionOption.x`,
/// the one-time inputs. Without those a stored assertion that still holds is used again.
pub(crate) fn from_recipe(
    context: &Context<'_>,
    recipe: &AssertionRecipe,
    scope: &Scope<'_>,
    stored: Option<&str>,
) -> Result<String, SigningFault> {
    let provider = context.provider;
    let key = match &recipe.key {
        None => None,
        Some(template) => match jwt::key_text(provider, template, scope) {
            Ok(text) => Some((template, text)),
            Err(fault) => {
                let usable = stored.filter(|stored| still_holds(stored, context.now));
                return usable.map(str::to_owned).ok_or(fault);
            }
        },
    };
    let key = match key {
        None => None,
        Some((template, text)) => Some((
            template.as_str(),
            SigningKey::private(&text).map_err(|error| of_key(provider, template, error))?,
        )),
    };
    match recipe.kind {
        AssertionKind::Jwt => jwt_assertion(context, recipe, scope, key),
        AssertionKind::Saml => {
            let (template, key) = key.unzip();
            let lifetime = recipe.lifetime_seconds.unwrap_or(SAML_LIFETIME_SECONDS);
            saml::assertion(context, recipe, scope, key.as_ref(), Duration::from_secs(lifetime))
                .map_err(|error| of_key(provider, template.unwrap_or_default(), error))
        }
    }
}

fn jwt_assertion(
    context: &Context<'_>,
    recipe: &AssertionRecipe,
    scope: &Scope<'_>,
    key: Option<(&str, SigningKey)>,
) -> Result<String, SigningFault> {
    let Some((template, key)) = key else {
        let message = "The provider entry does not name the key its assertion is signed with.";
        return Err(SigningFault::Entry { code: "failed_to_sign", message: message.to_owned() });
    };
    let lifetime = recipe.lifetime_seconds.unwrap_or(JWT_LIFETIME_SECONDS);
    let expires_at = context.now.plus(Duration::from_secs(lifetime));
    let header = jwt::members(&recipe.header, scope);
    let claims = jwt::claims(&recipe.payload, scope, context.now, expires_at);
    jwt::header_algorithm(&header, &key)
        .and_then(|algorithm| signed_jwt(header, &claims, &key, algorithm))
        .map_err(|error| of_key(context.provider, template, error))
}

fn still_holds(assertion: &str, now: Timestamp) -> bool {
    let ends = crate::keys::unverified_claims(assertion)
        .and_then(|claims| claims.get("exp")?.as_i64())
        .map(|seconds| Timestamp::from_millis(seconds.saturating_mul(1000)))
        .or_else(|| saml::ends_at(assertion));
    ends.is_some_and(|ends| ends > now.plus(MARGIN))
}

#[cfg(test)]
#[path = "assertion_tests.rs"]
mod tests;
