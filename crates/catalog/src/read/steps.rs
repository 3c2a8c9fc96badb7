//! Reads the keys of flows that are more than one token request.

use serde_json::{Map, Value};

use super::given_map;
use crate::reader::Reader;
use crate::schema::{
    AssertionKind, AssertionRecipe, AuthMode, ClientAssertion, ClientRegistration, CredentialSplit,
    ExpiryStrategy, OAuth1, OAuth1Signature, Provider, Registration, SignatureProtocol,
    SignedToken, StepFormat, TokenPaths, TokenStep, TwoStep,
};

const BY_GET: &[(&str, bool)] = &[("GET", true), ("POST", false)];

pub(super) fn read(reader: &mut Reader<'_>, provider: &mut Provider) {
    provider.oauth1 = oauth1(reader);
    provider.app_token_url = reader.app_token_url();
    provider.two_step = two_step(reader);
    provider.assertion = assertion(reader);
    signature(reader, provider);
    provider.signed_token = signed_token(reader);
    provider.client_assertion = client_assertion(reader);
    provider.credentials_split = credentials_split(reader);
    provider.registration = registration(reader, provider.auth_mode);
    provider.token_upgrade = token_upgrade(reader);
    provider.code_in_webhook = reader.text("authorization_code_param_in_webhook");
    provider.webhook_response_metadata = reader.texts("webhook_response_metadata");
    // Read elsewhere as "keep the values as they are"; token URLs never escape a host.
    reader.used.push("token_url_skip_encode");
}

fn by_get(reader: &mut Reader<'_>, key: &'static str) -> bool {
    reader.choice(key, BY_GET).unwrap_or(false)
}

fn oauth1(reader: &mut Reader<'_>) -> OAuth1 {
    OAuth1 {
        request_url: reader.text("request_url"),
        request_params: reader.map("request_params"),
        request_by_get: by_get(reader, "request_http_method"),
        token_by_get: by_get(reader, "token_http_method"),
        signature: reader
            .choice(
                "signature_method",
                &[
                    ("HMAC-SHA1", OAuth1Signature::HmacSha1),
                    ("HMAC-SHA256", OAuth1Signature::HmacSha256),
                    ("RSA-SHA1", OAuth1Signature::RsaSha1),
                    ("PLAINTEXT", OAuth1Signature::Plaintext),
                ],
            )
            .unwrap_or_default(),
    }
}

const FORMATS: &[(&str, StepFormat)] =
    &[("json", StepFormat::Json), ("form", StepFormat::Form), ("xml", StepFormat::Xml)];

fn two_step(reader: &mut Reader<'_>) -> TwoStep {
    let format = reader.map.get("body_format").and_then(Value::as_str);
    let format = FORMATS.iter().find(|(name, _)| Some(*name) == format).map(|(_, format)| *format);
    TwoStep {
        by_get: by_get(reader, "token_request_method"),
        format: format.unwrap_or_default(),
        response: token_paths(reader),
        lifetime_ms: reader.count("token_expires_in_ms"),
        headers_kept: reader.texts("token_response_headers"),
        refresh_params: given_map(reader, "refresh_token_params"),
        refresh_headers: given_map(reader, "refresh_token_headers"),
        additional: additional(reader),
    }
}

fn token_paths(reader: &mut Reader<'_>) -> TokenPaths {
    let map = reader.map("token_response");
    let mut inner = reader.inside(&map, "token_response.");
    let paths = TokenPaths {
        token: inner.text("token").unwrap_or_default(),
        refresh_token: inner.text("refresh_token"),
        expiration: inner.text("token_expiration"),
        strategy: inner
            .choice(
                "token_expiration_strategy",
                &[("expireAt", ExpiryStrategy::At), ("expireIn", ExpiryStrategy::In)],
            )
            .unwrap_or_default(),
    };
    reader.close(inner);
    paths
}

fn token_upgrade(reader: &mut Reader<'_>) -> Option<TokenStep> {
    let map = reader.map("token_upgrade");
    if map.is_empty() {
        return None;
    }
    let mut inner = reader.inside(&map, "token_upgrade.");
    let step = token_step(&mut inner);
    reader.close(inner);
    Some(step)
}

fn token_step(inner: &mut Reader<'_>) -> TokenStep {
    TokenStep {
        url: inner.text("token_url").unwrap_or_default(),
        by_get: by_get(inner, "token_request_method"),
        headers: inner.map("token_headers"),
        params: inner.map("token_params"),
        format: inner.choice("body_format", FORMATS),
    }
}

fn additional(reader: &mut Reader<'_>) -> Vec<TokenStep> {
    let mut steps = Vec::new();
    for map in reader.maps("additional_steps") {
        let mut inner = reader.inside(&map, "additional_steps.");
        steps.push(token_step(&mut inner));
        reader.close(inner);
    }
    steps
}

fn assertion(reader: &mut Reader<'_>) -> Option<AssertionRecipe> {
    let map = reader.map("assertion");
    if map.is_empty() {
        return None;
    }
    let mut inner = reader.inside(&map, "assertion.");
    let recipe = AssertionRecipe {
        kind: inner
            .choice("type", &[("jwt", AssertionKind::Jwt), ("saml", AssertionKind::Saml)])
            .unwrap_or(AssertionKind::Saml),
        key: inner.text("key"),
        lifetime_seconds: inner.count("lifetimeInSeconds"),
        header: inner.map("header"),
        payload: inner.map("payload"),
        issuer: inner.text("issuer"),
        audiences: inner.text("audiences"),
        recipient: inner.text("recipient"),
        session_index: inner.text("sessionIndex"),
        name_identifier: inner.text("nameIdentifier"),
        attributes: inner.map("attributes"),
    };
    reader.close(inner);
    Some(recipe)
}

fn signature(reader: &mut Reader<'_>, provider: &mut Provider) {
    let map = reader.map("signature");
    let mut inner = reader.inside(&map, "signature.");
    provider.signature = inner.choice(
        "protocol",
        &[
            ("RSA", SignatureProtocol::Rsa),
            ("EC", SignatureProtocol::Ec),
            ("HMAC", SignatureProtocol::Hmac),
            ("WSSE", SignatureProtocol::Wsse),
        ],
    );
    provider.signature_secret_is_text =
        inner.choice("hmac_secret_encoding", &[("hex", false), ("utf8", true)]).unwrap_or(false);
    reader.close(inner);
}

fn signed_token(reader: &mut Reader<'_>) -> Option<SignedToken> {
    let map = reader.map("token");
    if map.is_empty() {
        return None;
    }
    let mut inner = reader.inside(&map, "token.");
    let token = SignedToken {
        signing_key: inner.text("signing_key"),
        lifetime_ms: inner.count("expires_in_ms"),
        header: inner.map("header"),
        payload: inner.map("payload"),
    };
    reader.close(inner);
    Some(token)
}

fn client_assertion(reader: &mut Reader<'_>) -> ClientAssertion {
    let map = reader.map("client_assertion");
    let mut inner = reader.inside(&map, "client_assertion.");
    let assertion = ClientAssertion {
        issuer: inner.text("issuer"),
        audience: inner.text("audience"),
        algorithm: inner.text("algorithm"),
        lifetime_seconds: inner.count("lifetime_seconds"),
    };
    reader.close(inner);
    assertion
}

fn credentials_split(reader: &mut Reader<'_>) -> Vec<CredentialSplit> {
    let mut splits = Vec::new();
    for (field, how) in &reader.map("credentials_split") {
        let separator = how.get("separator").and_then(Value::as_str).unwrap_or_default();
        let into: Vec<String> = how
            .get("into")
            .and_then(Value::as_array)
            .map(|names| names.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            .unwrap_or_default();
        if separator.is_empty() || into.len() < 2 {
            reader.warn(
                "credentials_split",
                format!("\"{field}\" needs a separator and at least two names in \"into\""),
            );
            continue;
        }
        let separator = separator.to_owned();
        splits.push(CredentialSplit { field: field.clone(), separator, into });
    }
    splits
}

fn registration(reader: &mut Reader<'_>, mode: AuthMode) -> Registration {
    let url = reader.text("registration_url");
    let params: Map<String, Value> = reader.map("registration_params");
    let kind = reader.choice(
        "client_registration",
        &[
            ("static", ClientRegistration::Static),
            ("dynamic", ClientRegistration::Dynamic),
            ("cimd", ClientRegistration::Cimd),
        ],
    );
    let kind = kind.unwrap_or(match mode {
        AuthMode::McpOAuth2 if url.is_some() => ClientRegistration::Dynamic,
        _ => ClientRegistration::Static,
    });
    Registration { kind, url, params }
}
