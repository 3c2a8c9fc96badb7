//! Every operation that an API key may call has a method here.

use std::collections::BTreeSet;

use serde_json::Value;
use valetkey_client::ROUTES;

/// Open operations that no backend calls.
const FOR_OTHERS: [&str; 6] = [
    "POST /connect/telemetry",
    "GET /images/template-logos/{file}",
    "GET /oauth/client-metadata/{environmentUuid}/{providerConfigKey}",
    "GET /connect/result/{clientId}",
    "GET /webhook/{environmentUuid}/{providerConfigKey}",
    "POST /webhook/{environmentUuid}/{providerConfigKey}",
];

#[test]
fn the_description_and_the_client_list_the_same() {
    let text = include_str!("../../../docs/reference/openapi.json");
    let document: Value = serde_json::from_str(text).unwrap();
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let ways = operation["security"].as_array().unwrap();
            let route = format!("{} {path}", method.to_uppercase());
            let is_open = ways.is_empty() && !FOR_OTHERS.contains(&route.as_str());
            if is_open || ways.iter().any(|way| way.get("apiKey").is_some()) {
                described.insert(route);
            }
        }
    }
    let ours: BTreeSet<_> = ROUTES.iter().map(|&route| route.to_owned()).collect();
    assert_eq!(ours, described);
}
