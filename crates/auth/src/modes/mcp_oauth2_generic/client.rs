//! Becoming a client of a discovered authorization server, and the authorization request.

use serde_json::{Map, Value};
use url::Url;
use valetkey_catalog::scalar_text;

use super::flow::{Flow, Stage};
use super::known::Known;
use super::metadata::ServerMetadata;
use crate::error::{AuthError, Class};
use crate::mode::{Context, Pending, Purpose, Redirect, Step};
use crate::pkce;
use crate::registration::{self, ClientMetadata, ERROR_CODE, PUBLIC, RegisteredClient};
use crate::request::HttpReply;

/// Setting of an integration: the issuer at which its client was registered by hand. A client goes
/// nowhere else, or every server a person names could ask for its secret.
const ISSUER_SETTING: &str = "oauth_issuer";
/// The name of a client nobody named.
const CLIENT_NAME: &str = "Valetkey";

/// Decides who to be: the client of a metadata document, one registered by hand, one registered
/// earlier for the connection under repair, or a new one.
pub(super) fn choose(context: &Context<'_>, flow: Flow) -> Result<Step, AuthError> {
    let by_hand = registered_by_hand(context, &flow.metadata);
    if by_hand.is_none() {
        flow.metadata.check_proof()?;
    }
    if flow.metadata.client_id_metadata_document_supported
        && let Some(url) = &context.client.document_url
    {
        return redirect(context, &flow, &bare(url));
    }
    if let Some(client) = by_hand.or_else(|| registered_before(context, &flow)) {
        return redirect(context, &flow, &client);
    }
    let Some(endpoint) = &flow.metadata.registration_endpoint else {
        return Err(nobody(&flow.metadata));
    };
    let endpoint = super::address::named(endpoint, "registration endpoint", &flow.server_url()?)?;
    let request = registration::register(endpoint, &metadata(context, &flow));
    let asked = request.url.to_string();
    let flow = Flow { stage: Stage::Registration, asked, ..flow };
    Ok(Step::Send { request, pending: flow.pending(Purpose::Registration) })
}

/// Reads the answer to a registration and sends the person off.
pub(super) fn registered(context: &Context<'_>, pending: &Pending, reply: &HttpReply) -> Step {
    let next = || {
        let flow = Flow::of(pending)?;
        let asked = Url::parse(&flow.asked).map_err(|_| nobody(&flow.metadata))?;
        let metadata = ClientMetadata::public(&flow.redirect_uri, CLIENT_NAME);
        let client = registration::read(&asked, &metadata, None, reply)?;
        redirect(context, &flow, &client)
    };
    next().unwrap_or_else(Step::Failed)
}

/// A client without a secret that has only its id.
fn bare(client_id: &str) -> RegisteredClient {
    RegisteredClient {
        client_id: client_id.to_owned(),
        client_secret: None,
        client_secret_expires_at: None,
        token_endpoint_auth_method: Some(PUBLIC.to_owned()),
        redirect_uris: Vec::new(),
        registration_access_token: None,
        registration_client_uri: None,
    }
}

/// The integration's own client, if it belongs to this server. Its secret stays with the
/// integration.
fn registered_by_hand(
    context: &Context<'_>,
    metadata: &ServerMetadata,
) -> Option<RegisteredClient> {
    let issuer = context.client.custom.get(ISSUER_SETTING)?.as_str()?;
    let is_there = super::address::without_root_slash(issuer)
        == super::address::without_root_slash(&metadata.issuer);
    let id = context.client.client_id.as_ref().filter(|_| is_there)?;
    let has_secret = context.client.client_secret.as_ref().is_some_and(|it| !it.is_empty());
    let token_endpoint_auth_method = (!has_secret).then(|| PUBLIC.to_owned());
    Some(RegisteredClient { token_endpoint_auth_method, ..bare(id) })
}

/// The client of the connection under repair, if it still fits: a server need not have two.
fn registered_before(context: &Context<'_>, flow: &Flow) -> Option<RegisteredClient> {
    let known = Known::of(context.repairs?).ok()?;
    let fits = known.metadata.issuer == flow.metadata.issuer
        && known.client.serves(&flow.redirect_uri, context.now);
    fits.then_some(known.client)
}

fn nobody(metadata: &ServerMetadata) -> AuthError {
    let message = format!(
        "The authorization server {} registers no clients by itself. Register one there by hand, and \
         enter its id and secret in the integration together with the setting {ISSUER_SETTING}: {}",
        metadata.host(),
        metadata.issuer
    );
    AuthError::new(Class::Ours, ERROR_CODE, message)
}

/// What to register.
fn metadata(context: &Context<'_>, flow: &Flow) -> ClientMetadata {
    let server = &flow.metadata;
    let mut metadata = ClientMetadata::public(&flow.redirect_uri, CLIENT_NAME);
    let home = Url::parse(&flow.redirect_uri).ok().filter(|url| url.scheme() == "https");
    metadata.client_uri = home.map(|url| url.origin().ascii_serialization());
    let mut metadata = metadata.described_by(&context.client.custom);
    metadata.scope = Some(scope(flow, &context.client.scopes)).filter(|it| !it.is_empty());
    if let Some(grants) = &server.grant_types_supported {
        metadata.grant_types.retain(|grant| {
            grant == "authorization_code" || grants.iter().any(|listed| listed == grant)
        });
    }
    if let Some(methods) = &server.token_endpoint_auth_methods_supported {
        let known = [PUBLIC, "client_secret_basic", "client_secret_post"];
        let first = known.iter().find(|known| methods.iter().any(|listed| listed == *known));
        if let Some(method) = first {
            (*method).clone_into(&mut metadata.token_endpoint_auth_method);
        }
    }
    metadata
}

/// What to ask for: what the operator set, what the server asked for when it refused, what it or its
/// authorization server says it knows.
fn scope(flow: &Flow, own: &[String]) -> String {
    if !own.is_empty() {
        return own.join(" ");
    }
    if let Some(challenged) = flow.challenged_scope.as_ref().filter(|scope| !scope.is_empty()) {
        return challenged.clone();
    }
    if !flow.resource.scopes_supported.is_empty() {
        return flow.resource.scopes_supported.join(" ");
    }
    flow.metadata.scopes_supported.as_deref().unwrap_or_default().join(" ")
}

/// The authorization request (RFC 6749 §4.1.1), and what to know again when the person is back.
fn redirect(
    context: &Context<'_>,
    flow: &Flow,
    client: &RegisteredClient,
) -> Result<Step, AuthError> {
    let server = flow.server_url()?;
    let endpoint = &flow.metadata.authorization_endpoint;
    let mut url = super::address::named(endpoint, "authorization endpoint", &server)?;
    url.set_fragment(None);
    let mut query: Map<String, Value> = url
        .query_pairs()
        .map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())))
        .collect();
    let scope = scope(flow, &context.client.scopes);
    let mut set = |name: &str, value: &str| {
        query.insert(name.to_owned(), value.into());
    };
    set("response_type", "code");
    set("client_id", &client.client_id);
    set("redirect_uri", &flow.redirect_uri);
    set("state", &flow.state);
    set("code_challenge", &pkce::challenge(&flow.verifier));
    set("code_challenge_method", pkce::METHOD);
    if !scope.is_empty() {
        set("scope", &scope);
    }
    if scope.split(' ').any(|scope| scope == "offline_access") {
        // Without asking the person, OpenID servers give no refresh token (OIDC Core §11).
        set("prompt", "consent");
    }
    if let Some(resource) = &flow.resource.resource {
        set("resource", resource);
    }
    url.query_pairs_mut()
        .clear()
        .extend_pairs(query.iter().filter_map(|(name, value)| Some((name, scalar_text(value)?))));
    let known = Known {
        metadata: flow.metadata.clone(),
        client: client.clone(),
        resource: flow.resource.resource.clone(),
        server: flow.server.clone(),
    };
    Ok(Step::Redirect(Redirect { url, memory: known.to_config() }))
}
