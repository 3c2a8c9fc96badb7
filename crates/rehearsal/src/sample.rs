//! Values a person could have typed, from what the entry says of its inputs.

use std::sync::OnceLock;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use valetkey_catalog::schema::SignatureProtocol;
use valetkey_catalog::{Field, Format, Provider, check_value};

use crate::pattern;

/// A self-signed certificate; nobody holds its key.
const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBlzCCAT2gAwIBAgIUTHbKTWbwwfLATATrGI9MFqD7TSswCgYIKoZIzj0EAwIw\n\
IDEeMBwGA1UEAwwVcmVoZWFyc2FsLmV4YW1wbGUuY29tMCAXDTI2MTEyMjIyMjQy\n\
NFoYDzIxMjYxMDI5MjIyNDI0WjAgMR4wHAYDVQQDDBVyZWhlYXJzYWwuZXhhbXBs\n\
ZS5jb20wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARfHKVFl+VY2zNpBotridpY\n\
882FHIKkZDxjsLYODfxfdmUPWByccXMZTFjRkrlYwjHLnDN6SNoSU69Ey97oQU1e\n\
o1MwUTAdBgNVHQ4EFgQU1ADXkrWIgVOE6mK+Zb0VUM1KZsMwHwYDVR0jBBgwFoAU\n\
1ADXkrWIgVOE6mK+Zb0VUM1KZsMwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQD\n\
AgNIADBFAiEA+PVmMT9VEaba3gzjxnERJmda4v2c7U1lja4LePvXYoMCIEEYEK8e\n\
+7O2vGhTmpQLFCLBMGW7C+aMIuGGhmiyUl/j\n\
-----END CERTIFICATE-----\n";

/// A value that fits a field.
pub(crate) fn of(provider: &Provider, field: &Field) -> Result<String, String> {
    let format = field.format.map(|format| match format {
        Format::Hostname => "acme.example.com",
        Format::Uri => "https://acme.example.com",
        Format::Uuid => "3f0c2a1e-0000-4000-8000-000000000001",
        Format::Email => "ann@example.com",
    });
    let default = field.default_value.clone().filter(|text| !text.is_empty());
    let made_up = field.pattern.as_deref().and_then(pattern::example_of);
    let candidates = [
        key_for(provider, field),
        field.example.clone(),
        field.one_of.first().cloned(),
        default,
        format.map(str::to_owned),
        made_up,
        Some(format!("{}-1", field.name.to_ascii_lowercase().replace('_', "-"))),
        Some("acme1".to_owned()),
    ];
    candidates
        .into_iter()
        .flatten()
        .find(|text| check_value(field, text).is_ok())
        .ok_or_else(|| format!("{} needs an example that fits its pattern", field.name))
}

/// A value its rules refuse; none when anything goes.
pub(crate) fn refused_by(field: &Field) -> Option<String> {
    let long = "x".repeat(5000);
    ["evil.test/#", "a b\u{7f}", "!", "<", &long]
        .into_iter()
        .find(|text| check_value(field, text).is_err())
        .map(str::to_owned)
}

/// A signing key for inputs that hold one.
fn key_for(provider: &Provider, field: &Field) -> Option<String> {
    let name: String =
        field.name.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_lowercase();
    if name.contains("certificate") && !name.contains("thumbprint") && !name.contains("id") {
        return Some(CERTIFICATE.to_owned());
    }
    let is_key = name.contains("privatekey") || (name == "secret" && provider.assertion.is_some());
    if !is_key {
        return None;
    }
    let algorithm = provider
        .assertion
        .as_ref()
        .and_then(|recipe| recipe.header.get("alg"))
        .or_else(|| provider.signed_token.as_ref().and_then(|token| token.header.get("alg")))
        .and_then(Value::as_str)
        .unwrap_or_default();
    if provider.signature == Some(SignatureProtocol::Hmac) || algorithm.starts_with("HS") {
        return None;
    }
    if provider.signature == Some(SignatureProtocol::Ec) || algorithm.starts_with("ES") {
        return Some(ec_key());
    }
    Some(rsa_key())
}

/// An RSA key in PKCS#8 PEM, made once.
pub(crate) fn rsa_key() -> String {
    static KEY: OnceLock<String> = OnceLock::new();
    KEY.get_or_init(|| {
        let der = RsaKeyPair::generate(KeySize::Rsa2048).ok().and_then(|pair| {
            let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().ok()?;
            Some(der.as_ref().to_vec())
        });
        pem(&der.unwrap_or_default())
    })
    .clone()
}

/// A P-256 key in PKCS#8 PEM, made once.
pub(crate) fn ec_key() -> String {
    static KEY: OnceLock<String> = OnceLock::new();
    KEY.get_or_init(|| {
        let der = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .ok()
            .and_then(|pair| Some(pair.to_pkcs8v1().ok()?.as_ref().to_vec()));
        pem(&der.unwrap_or_default())
    })
    .clone()
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

/// Values for a list of fields; those the server fills are left out.
pub(crate) fn values(provider: &Provider, fields: &[Field]) -> Result<Map<String, Value>, String> {
    let mut values = Map::new();
    for field in fields.iter().filter(|field| !field.automated) {
        let value = match &field.default_value {
            Some(default) if field.hidden => default.clone(),
            _ => of(provider, field)?,
        };
        values.insert(field.name.clone(), json!(value));
    }
    Ok(values)
}
