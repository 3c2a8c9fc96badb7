//! From a resolved map to a typed [`Provider`]. Nothing is dropped in silence: a value of the wrong
//! kind, an unknown key or a key that needs what this server lacks becomes a [`Finding`].

use serde_json::{Map, Value};

use crate::finding::{Finding, Level};
use crate::reader::Reader;
use crate::schema::{
    AppInstallation, AuthMode, BodyFormat, ClientAssertion, ClientAuth, Form, OAuth1, Provider,
    Proxy, RefreshWith, Registration, TwoStep, VerificationSuccess,
};

mod facts;
mod proxy;
mod steps;
pub mod webhooks;

/// Keys of ours. Clients do not see them.
pub const OWN_KEYS: &[&str] = &[
    "app_installation",
    "authorization_user_scope_param",
    "checked",
    "client_assertion",
    "companion_tokens",
    "credentials_split",
    "extends",
    "introspection_url",
    "issuer",
    "key_placement",
    "post_connection",
    "quirks",
    "refresh_request_client",
    "refresh_request_method",
    "refresh_request_omit",
    "refresh_token_param",
    "refresh_with",
    "resource",
    "revocation_client",
    "revocation_headers",
    "revocation_method",
    "revocation_params",
    "revocation_url",
    "setup",
    "source",
    "sts_url",
    "token_fixed_lifetime_seconds",
    "token_request_client",
    "token_request_omit",
    "token_request_query",
    "token_request_rename",
    "token_response_keep",
    "token_response_path",
    "token_response_rename",
    "token_response_success",
    "token_upgrade",
    "user_token_path",
    "verification_success",
    "webhooks",
];

/// Keys that are carried for clients or have no effect on any flow.
const CARRIED_KEYS: &[&str] = &[
    "auth",
    "auth_type",
    "available_scopes",
    "connection_configuration",
    "decode_url",
    "logo_url",
    "name",
    "refresh_token_response_metadata",
    "setup_guide_url",
    "webhook_allowed_query_params",
    "webhook_user_defined_secret",
];

/// Keys that name code; an empty name switches an inherited one off.
pub(crate) const SCRIPT_KEYS: &[&str] = &[
    "credentials_verification_script",
    "post_connection_script",
    "pre_connection_creation_script",
    "pre_connection_deletion_script",
    "webhook_routing_script",
];

/// Reads a resolved entry. `Err` when it has no usable `auth_mode`, with the reason as a finding.
pub fn provider(
    name: &str,
    merged: Map<String, Value>,
) -> Result<(Provider, Vec<Finding>), Finding> {
    let mut reader =
        Reader { name, map: &merged, path: "", findings: Vec::new(), used: Vec::new() };
    let mode_text = reader.text("auth_mode").unwrap_or_default();
    let auth_mode = mode_text.parse::<AuthMode>().map_err(|error| {
        Finding::new(Level::Error, name, "auth_mode", format!("the entry is left out: {error}"))
    })?;
    let mut provider = blank(name, auth_mode);
    read_all(&mut reader, &mut provider);
    let findings = reader.findings;

    provider.entry = merged
        .iter()
        .filter(|(key, _)| !OWN_KEYS.contains(&key.as_str()))
        .map(clone_pair)
        .collect();
    provider.merged = merged;
    Ok((provider, findings))
}

/// Every key a provider file may have at its top.
pub fn known_keys() -> Vec<&'static str> {
    let map = Map::new();
    let mut reader =
        Reader { name: "", map: &map, path: "", findings: Vec::new(), used: Vec::new() };
    let mut provider = blank("", AuthMode::OAuth2);
    read_all(&mut reader, &mut provider);
    let mut keys = reader.used;
    // Taken before an entry is read.
    keys.extend(["alias", "auth_mode"]);
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Reads every typed part of an entry.
fn read_all(reader: &mut Reader<'_>, provider: &mut Provider) {
    read_identity(reader, provider);
    read_authorize(reader, provider);
    read_token(reader, provider);
    read_refresh(reader, provider);
    steps::read(reader, provider);
    facts::read(reader, provider);
    provider.webhooks = webhooks::read(reader);
    provider.proxy = proxy::read(reader);
    provider.connection_config = reader.fields("connection_config");
    provider.credentials = reader.fields("credentials");
    provider.integration_config = reader.fields("integration_config");
    provider.assertion_option = reader.fields("assertion_option");
    read_rest(reader);
}

fn clone_pair((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}

#[expect(clippy::too_many_lines, reason = "one line a field")]
fn blank(name: &str, auth_mode: AuthMode) -> Provider {
    Provider {
        name: name.to_owned(),
        entry: Map::new(),
        merged: Map::new(),
        display_name: name.to_owned(),
        categories: Vec::new(),
        docs: None,
        docs_connect: None,
        auth_mode,
        form: Form::Own,
        installation_outbound: false,
        require_client_certificate: false,
        authorization_url: None,
        authorization_params: Map::new(),
        authorization_url_replacements: Vec::new(),
        authorization_url_raw_scopes: false,
        authorization_url_raw_values: false,
        authorization_url_skip_empty: false,
        authorization_url_fragment: None,
        authorization_code_param_in_callback: "code".to_owned(),
        authorization_user_scope_param: None,
        redirect_uri_metadata: Vec::new(),
        disable_pkce: false,
        scope_separator: " ".to_owned(),
        default_scopes: Vec::new(),
        issuer: None,
        resource: None,
        token_url: None,
        token_params: Map::new(),
        token_headers: Map::new(),
        token_client_auth: ClientAuth::Body,
        body_format: BodyFormat::Form,
        token_request_omit: Vec::new(),
        token_request_query: Vec::new(),
        token_request_rename: Vec::new(),
        token_expiration_buffer_seconds: None,
        token_fixed_lifetime_seconds: None,
        expires_in_milliseconds: false,
        alternate_access_token_response_path: None,
        token_response_path: None,
        token_response_rename: Vec::new(),
        token_response_success: None,
        token_response_keep: Vec::new(),
        token_response_metadata: Vec::new(),
        refresh_url: None,
        refresh_params: None,
        refresh_client_auth: ClientAuth::Body,
        refresh_request_omit: Vec::new(),
        refresh_by_get: false,
        refresh_with: RefreshWith::RefreshToken,
        refresh_token_param: "refresh_token".to_owned(),
        revocation_url: None,
        revocation_client_auth: ClientAuth::Body,
        revocation_method: "POST".to_owned(),
        revocation_params: None,
        revocation_headers: Map::new(),
        introspection_url: None,
        oauth1: OAuth1::default(),
        app_token_url: None,
        app_installation: AppInstallation::default(),
        sts_url: None,
        user_token_path: None,
        two_step: TwoStep::default(),
        assertion: None,
        assertion_option: Vec::new(),
        signature: None,
        signature_secret_is_text: false,
        signed_token: None,
        client_assertion: ClientAssertion::default(),
        credentials_split: Vec::new(),
        registration: Registration::default(),
        code_in_webhook: None,
        webhook_response_metadata: Vec::new(),
        post_connection: Vec::new(),
        verification_success: VerificationSuccess::default(),
        companion_tokens: Vec::new(),
        token_upgrade: None,
        key_placement: None,
        webhooks: None,
        proxy: Proxy::default(),
        connection_config: Vec::new(),
        credentials: Vec::new(),
        integration_config: Vec::new(),
        setup: Vec::new(),
        quirks: Vec::new(),
        source: None,
        checked: None,
    }
}

fn read_identity(reader: &mut Reader<'_>, provider: &mut Provider) {
    if let Some(display_name) = reader.text("display_name") {
        provider.display_name = display_name;
    }
    provider.categories = reader.texts("categories");
    provider.docs = reader.text("docs");
    provider.docs_connect = reader.text("docs_connect");
    provider.installation_outbound =
        reader.choice("installation", &[("outbound", true)]).unwrap_or(false);
    provider.require_client_certificate = reader.flag("require_client_certificate");
    provider.setup = reader.texts("setup");
    provider.quirks = reader.texts("quirks");
    provider.source = reader.text("source");
    provider.checked = reader.text("checked");
    reader.used.push("extends");
}

fn read_authorize(reader: &mut Reader<'_>, provider: &mut Provider) {
    provider.authorization_url = reader.text("authorization_url");
    provider.authorization_params = reader.map("authorization_params");
    provider.authorization_url_replacements = reader.pairs("authorization_url_replacements");
    for part in reader.texts("authorization_url_skip_encode") {
        match part.as_str() {
            "scopes" => provider.authorization_url_raw_scopes = true,
            "base_url" => provider.authorization_url_raw_values = true,
            _ => reader.warn(
                "authorization_url_skip_encode",
                format!("\"{part}\" is not something this server can leave unescaped"),
            ),
        }
    }
    provider.authorization_url_skip_empty = reader.flag("authorization_url_skip_empty");
    provider.authorization_url_fragment = reader.text("authorization_url_fragment");
    if let Some(name) = reader.text("authorization_code_param_in_callback") {
        provider.authorization_code_param_in_callback = name;
    }
    provider.authorization_user_scope_param = reader.text("authorization_user_scope_param");
    provider.redirect_uri_metadata = reader.texts("redirect_uri_metadata");
    provider.disable_pkce = reader.flag("disable_pkce");
    if let Some(separator) = reader.text("scope_separator") {
        provider.scope_separator = separator;
    }
    provider.default_scopes = reader.texts("default_scopes");
    provider.issuer = reader.text("issuer");
    provider.resource = reader.text("resource");
}

const CLIENT_AUTH_NAMES: &[(&str, ClientAuth)] = &[
    ("body", ClientAuth::Body),
    ("public", ClientAuth::Public),
    ("none", ClientAuth::Nothing),
    ("basic_raw", ClientAuth::BasicRaw),
    ("basic_encoded", ClientAuth::BasicEncoded),
    ("secret_as_user", ClientAuth::SecretAsUser),
    ("custom", ClientAuth::Credentials),
    ("private_key_jwt", ClientAuth::PrivateKeyJwt),
];

fn read_token(reader: &mut Reader<'_>, provider: &mut Provider) {
    provider.token_url = reader.token_url();
    provider.token_params = reader.map("token_params");
    provider.token_headers = reader.map("token_headers");
    let by_method = reader.choice(
        "token_request_auth_method",
        &[
            ("basic", ClientAuth::BasicRaw),
            ("custom", ClientAuth::Credentials),
            ("private_key_jwt", ClientAuth::PrivateKeyJwt),
        ],
    );
    // An entry with both styles means the standard one.
    let by_header = reader.choice(
        "authorization_method",
        &[("header", ClientAuth::BasicEncoded), ("body", ClientAuth::Body)],
    );
    provider.token_client_auth = reader
        .choice("token_request_client", CLIENT_AUTH_NAMES)
        .or(by_header)
        .or(by_method)
        .unwrap_or_default();
    provider.body_format = reader
        .choice(
            "body_format",
            &[
                ("form", BodyFormat::Form),
                ("json", BodyFormat::Json),
                ("query", BodyFormat::Query),
                // Steps have a format of their own.
                ("xml", BodyFormat::Form),
            ],
        )
        .unwrap_or_default();
    provider.token_request_omit = reader.texts("token_request_omit");
    provider.token_request_query = reader.texts("token_request_query");
    provider.token_request_rename = reader.pairs("token_request_rename");
    provider.token_expiration_buffer_seconds = reader.count("token_expiration_buffer");
    provider.token_fixed_lifetime_seconds = reader.count("token_fixed_lifetime_seconds");
    provider.expires_in_milliseconds = reader
        .choice("expires_in_unit", &[("milliseconds", true), ("seconds", false)])
        .unwrap_or(false);
    provider.alternate_access_token_response_path =
        reader.text("alternate_access_token_response_path");
    provider.token_response_path = reader.text("token_response_path");
    provider.token_response_rename = reader.pairs("token_response_rename");
    provider.token_response_success = reader.success("token_response_success");
    provider.token_response_keep = reader.texts("token_response_keep");
    provider.token_response_metadata = reader.texts("token_response_metadata");
}

/// A map that means something even when it is empty.
fn given_map(reader: &mut Reader<'_>, key: &'static str) -> Option<Map<String, Value>> {
    let map = reader.map(key);
    reader.map.contains_key(key).then_some(map)
}

fn read_refresh(reader: &mut Reader<'_>, provider: &mut Provider) {
    provider.refresh_url = reader.text("refresh_url");
    provider.refresh_params = given_map(reader, "refresh_params");
    provider.refresh_client_auth = reader
        .choice("refresh_request_client", CLIENT_AUTH_NAMES)
        .unwrap_or(provider.token_client_auth);
    provider.refresh_request_omit = reader.texts("refresh_request_omit");
    provider.refresh_by_get =
        reader.choice("refresh_request_method", &[("GET", true), ("POST", false)]).unwrap_or(false);
    provider.refresh_with = reader
        .choice(
            "refresh_with",
            &[
                ("refresh_token", RefreshWith::RefreshToken),
                ("access_token", RefreshWith::AccessToken),
            ],
        )
        .unwrap_or_default();
    if let Some(param) = reader.text("refresh_token_param") {
        provider.refresh_token_param = param;
    }
    provider.revocation_url = reader.text("revocation_url");
    provider.revocation_client_auth =
        reader.choice("revocation_client", CLIENT_AUTH_NAMES).unwrap_or(provider.token_client_auth);
    reader
        .choice("revocation_method", &[("POST", "POST"), ("DELETE", "DELETE"), ("GET", "GET")])
        .unwrap_or("POST")
        .clone_into(&mut provider.revocation_method);
    provider.revocation_params = given_map(reader, "revocation_params");
    provider.revocation_headers = reader.map("revocation_headers");
    provider.introspection_url = reader.text("introspection_url");
}

/// Findings about everything that no typed field took. What named code means is known to
/// [`crate::scripts`].
fn read_rest(reader: &mut Reader<'_>) {
    for key in SCRIPT_KEYS {
        let _ = reader.text(key);
    }
    reader.used.extend_from_slice(CARRIED_KEYS);
    reader.unknown();
}
