//! Reads our own keys about what happens around an authorization: facts learned after it, what
//! proves credentials, and second tokens.

use serde_json::{Map, Value};

use crate::reader::{Reader, scalar_text};
use crate::schema::{
    AppInstallation, CompanionToken, FactSource, FactStep, Kept, KeyPlacement, Pick, Provider,
    VerificationSuccess,
};

pub(super) fn read(reader: &mut Reader<'_>, provider: &mut Provider) {
    provider.post_connection = steps(reader);
    provider.verification_success = verification_success(reader);
    provider.companion_tokens = companions(reader);
    provider.key_placement = key_placement(reader);
    provider.app_installation = app_installation(reader);
    provider.sts_url = reader.text("sts_url");
    provider.user_token_path = reader.text("user_token_path");
}

fn app_installation(reader: &mut Reader<'_>) -> AppInstallation {
    let map = reader.map("app_installation");
    let mut inner = reader.inside(&map, "app_installation.");
    let installation = AppInstallation {
        url: inner.text("url"),
        user_installations_url: inner.text("user_installations_url"),
        user_token_url: inner.text("user_token_url"),
    };
    reader.close(inner);
    installation
}

fn steps(reader: &mut Reader<'_>) -> Vec<FactStep> {
    let mut steps = Vec::new();
    for map in reader.maps("post_connection") {
        let mut inner = reader.inside(&map, "post_connection.");
        let source = source(&mut inner);
        let step = FactStep {
            source,
            list: map.get("list").map(|_| inner.text("list").unwrap_or_default()),
            matches: inner.pairs("match"),
            pick: inner.choice("pick", &[("first", Pick::First), ("only", Pick::Only)]),
            keep: kept(&mut inner),
            unless: inner.text("unless"),
            when: inner.text("when"),
            required: inner.flag("required"),
        };
        reader.close(inner);
        steps.push(step);
    }
    steps
}

fn source(inner: &mut Reader<'_>) -> FactSource {
    let from = inner.choice(
        "from",
        &[("token_response", 0), ("access_token_claims", 1), ("id_token_claims", 2)],
    );
    match from {
        Some(0) => return FactSource::TokenResponse,
        Some(1) => return FactSource::AccessTokenClaims,
        Some(_) => return FactSource::IdTokenClaims,
        None => {}
    }
    let url = inner.text("url");
    if url.is_none() {
        inner.warn("url", "a step needs \"url\" or \"from\"");
    }
    FactSource::Call {
        url: url.unwrap_or_default(),
        by_post: inner.choice("method", &[("POST", true), ("GET", false)]).unwrap_or(false),
        headers: inner.map("headers"),
        body: inner.take("body"),
    }
}

fn kept(inner: &mut Reader<'_>) -> Vec<Kept> {
    let mut kept = Vec::new();
    for (name, value) in inner.map("keep") {
        let part = |map: &Map<String, Value>, key: &str| map.get(key).and_then(scalar_text);
        match &value {
            Value::String(path) => {
                kept.push(Kept { name, path: path.clone(), pattern: None });
            }
            Value::Object(map) => kept.push(Kept {
                name,
                path: part(map, "path").unwrap_or_default(),
                pattern: part(map, "pattern"),
            }),
            _ => inner.warn("keep", format!("\"{name}\" needs a path")),
        }
    }
    kept
}

fn verification_success(reader: &mut Reader<'_>) -> VerificationSuccess {
    let map = reader.map("verification_success");
    let mut inner = reader.inside(&map, "verification_success.");
    let path = inner.text("path");
    let success = VerificationSuccess {
        statuses: inner.texts("status").iter().filter_map(|text| text.parse().ok()).collect(),
        equals: path.zip(inner.take("equals")),
        exists: inner.text("exists"),
        lacks: inner.text("lacks"),
    };
    reader.close(inner);
    success
}

fn key_placement(reader: &mut Reader<'_>) -> Option<KeyPlacement> {
    let map = reader.map("key_placement");
    if map.is_empty() {
        return None;
    }
    let mut inner = reader.inside(&map, "key_placement.");
    let named = [inner.text("place"), inner.text("name"), inner.text("value")];
    reader.close(inner);
    let [Some(place), Some(name), Some(value)] = named else {
        reader.warn("key_placement", "\"place\", \"name\" and \"value\" name settings here");
        return None;
    };
    Some(KeyPlacement { place, name, value })
}

fn companions(reader: &mut Reader<'_>) -> Vec<CompanionToken> {
    let mut tokens = Vec::new();
    for map in reader.maps("companion_tokens") {
        let mut inner = reader.inside(&map, "companion_tokens.");
        let store = inner.text("store");
        if store.is_none() {
            inner.warn("store", "a second token needs a name");
        }
        tokens.push(CompanionToken {
            store: store.unwrap_or_default(),
            when: inner.text("when"),
            url: inner.text("token_url"),
            params: inner.map("token_params"),
        });
        reader.close(inner);
    }
    tokens
}
