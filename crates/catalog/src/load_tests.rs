use serde_json::json;

use std::fs;

use super::*;
use crate::schema::{AuthMode, ClientAuth};

const MAP: &str = r"
zeta:
  alias: acme-eu
  display_name: Zeta
acme-eu:
  alias: acme
  token_url: https://eu.acme.test/token
  webhook_routing_script: ''
acme:
  display_name: Acme
  categories: [crm]
  auth_mode: OAUTH2
  authorization_url: https://acme.test/authorize
  token_url: https://acme.test/token
  authorization_params: {prompt: consent, expiring: 1, flag: true}
  token_request_auth_method: basic
  webhook_routing_script: acmeWebhookRouting
  frobnicate: 1
  proxy: {base_url: 'https://api.acme.test', headers: {x-a: '${accessToken}'}, retry: {after: [retry-after]}, speed: 9}
";

fn overlay(text: &str) -> Result<(Catalog, Vec<Finding>), CatalogError> {
    Catalog::empty().overlay(text, "providers.yaml")
}

#[test]
fn a_map_resolves_aliases_in_any_order_and_at_any_depth() {
    let (catalog, _) = overlay(MAP).unwrap();
    assert_eq!(
        catalog.all().map(|provider| provider.name.as_str()).collect::<Vec<_>>(),
        ["acme", "acme-eu", "zeta"]
    );
    let zeta = catalog.get("zeta").unwrap();
    assert_eq!(zeta.display_name, "Zeta");
    assert_eq!(zeta.auth_mode, AuthMode::OAuth2);
    assert_eq!(zeta.token_url.as_deref(), Some("https://eu.acme.test/token"));
    assert_eq!(zeta.token_client_auth, ClientAuth::BasicRaw);
    assert_eq!(zeta.entry.get("alias"), None);
    assert_eq!(zeta.proxy.retry.after, ["retry-after"]);
}

#[test]
fn what_has_no_effect_is_reported_per_entry() {
    let (_, findings) = overlay(MAP).unwrap();
    let acme: Vec<String> = findings
        .iter()
        .filter(|finding| finding.provider == "acme")
        .map(|finding| format!("{:?} {}", finding.level, finding.key))
        .collect();
    assert_eq!(
        acme,
        ["Warning webhook_routing_script", "Warning proxy.speed", "Warning frobnicate"]
    );
    let zeta = findings.iter().filter(|finding| finding.provider == "zeta");
    let scripts = zeta.filter(|finding| finding.key == "webhook_routing_script");
    assert_eq!(scripts.count(), 0, "an empty script is off");
}

#[test]
fn broken_chains_are_errors_with_names() {
    let cycle = overlay("a: {alias: b}\nb: {extends: c}\nc: {alias: a}").unwrap_err();
    assert_eq!(cycle.to_string(), "providers.yaml:1: a builds on itself through a → b → c → a");
    let unknown = overlay("a: {alias: nowhere}").unwrap_err();
    assert_eq!(unknown.to_string(), "providers.yaml:1: a builds on nowhere, which does not exist");
    assert!(matches!(overlay("a: ["), Err(CatalogError::Syntax { .. })));
    assert!(matches!(overlay("[1]"), Err(CatalogError::Shape { .. })));
    assert!(matches!(overlay("a b: {auth_mode: NONE}"), Err(CatalogError::Shape { .. })));
}

#[test]
fn a_single_file_is_named_by_its_stem_and_may_extend_the_catalogue() {
    let (base, _) = overlay(MAP).unwrap();
    let text = "extends: acme\nsource: https://acme.test/docs\ntoken_fixed_lifetime_seconds: 60\n\
                authorization_params: {prompt: null, audience: x}\nproxy: {headers: {x-b: '1'}}";
    let (catalog, _) = base.overlay(text, "/etc/providers/acme.yaml").unwrap();
    let acme = catalog.get("acme").unwrap();
    assert_eq!(catalog.len(), 3);
    assert_eq!(
        Value::Object(acme.authorization_params.clone()),
        json!({
            "expiring": 1, "flag": true, "audience": "x"
        })
    );
    assert_eq!(acme.proxy.headers.len(), 2);
    assert_eq!(acme.token_fixed_lifetime_seconds, Some(60));
    assert!(!acme.entry.contains_key("source") && !acme.entry.contains_key("extends"));
    assert!(!acme.entry.contains_key("token_fixed_lifetime_seconds"));
}

#[test]
fn an_entry_of_no_known_mode_is_left_out_and_the_others_stay() {
    let (catalog, findings) =
        overlay(r#"{"ghost": {"auth_mode": "JWT", "token": {}}, "odd": {"auth_mode": "MAGIC"}}"#)
            .unwrap();
    assert!(catalog.get("ghost").is_some() && catalog.get("odd").is_none());
    let messages: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(
        messages,
        ["error: odd: auth_mode: the entry is left out: no auth mode is called \"MAGIC\""]
    );
}

#[test]
fn a_folder_is_read_as_one() {
    let folder = std::env::temp_dir().join(format!("catalog-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("one.yaml"), "extends: two\ndisplay_name: One").unwrap();
    fs::write(folder.join("two.yml"), "auth_mode: API_KEY").unwrap();
    fs::write(folder.join("notes.txt"), "not a provider").unwrap();
    let (catalog, _) = Catalog::empty().overlay_path(&folder).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(catalog.len(), 2);
    assert_eq!(catalog.get("one").unwrap().auth_mode, AuthMode::ApiKey);
    let missing = Catalog::empty().overlay_path(&folder).unwrap_err();
    assert!(matches!(missing, CatalogError::Unreadable { .. }));
}

#[test]
fn every_bundled_provider_loads_and_lints_clean() {
    let (catalog, findings) = Catalog::bundled_with_findings();
    let mut problems: Vec<String> = findings
        .iter()
        .filter(|finding| finding.level > Level::Note)
        .map(ToString::to_string)
        .collect();
    for provider in catalog.all() {
        problems.extend(crate::lint::lint(provider).iter().map(ToString::to_string));
    }
    problems.extend(Catalog::bundled_against_schema().iter().map(ToString::to_string));
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert_eq!(catalog.len(), BUNDLED.len());
}

#[test]
fn the_json_schema_knows_every_key_and_no_other() {
    let schema: Value = serde_json::from_str(crate::JSON_SCHEMA).unwrap();
    let properties = schema["properties"].as_object().unwrap();
    let known = read::known_keys();
    let described: Vec<&str> = properties.keys().map(String::as_str).collect();
    let unknown: Vec<_> = described.iter().filter(|key| !known.contains(key)).collect();
    let missing: Vec<_> = known.iter().filter(|key| !described.contains(key)).collect();
    assert!(unknown.is_empty() && missing.is_empty(), "unknown {unknown:?}, missing {missing:?}");
}

#[test]
fn the_readme_of_the_catalogue_names_every_key() {
    let readme = include_str!("../../../catalog/README.md");
    let is_missing = |key: &&str| !readme.contains(&format!("`{key}"));
    let missing: Vec<_> = read::known_keys().into_iter().filter(is_missing).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
