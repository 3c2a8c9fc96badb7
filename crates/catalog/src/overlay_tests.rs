use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use super::*;
use crate::schema::{ClientAuth, FactSource};

const FOREIGN: &str = include_str!("fixtures/foreign.yaml");

/// A folder with these files, gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let path = std::env::temp_dir().join(format!("overlay-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        for (name, text) in files {
            fs::write(path.join(name), text).unwrap();
        }
        Self(path)
    }

    fn over(&self, base: &Catalog) -> Result<Overlay, CatalogError> {
        base.overlaid(std::slice::from_ref(&self.0))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Findings as `file:line level key`, without the folder.
fn brief(overlay: &Overlay) -> Vec<String> {
    let line = |finding: &Finding| {
        let (file, line) = finding.place.clone().unwrap();
        let file = Path::new(&file).file_name().unwrap().display().to_string();
        format!("{file}:{line} {:?} {}", finding.level, finding.key)
    };
    overlay.findings.iter().map(line).collect()
}

const GOOD: &str = "display_name: Acme\ncategories: [crm]\ndocs: https://acme.test\n\
                    source: https://acme.test\nchecked: 2026-01-31\nauth_mode: API_KEY\n";

#[test]
fn the_schema_beside_the_files_is_no_provider() {
    let folder = Folder::new("schema", &[("acme.yaml", GOOD), ("schema.json", crate::JSON_SCHEMA)]);
    let overlay = folder.over(&Catalog::empty()).unwrap();
    assert!(overlay.catalog.get("acme").is_some() && overlay.catalog.len() == 1);
}

#[test]
fn a_file_of_ours_with_a_mistake_is_refused_with_line_and_reason() {
    let wide = "proxy:\n  base_url: https://${connectionConfig.host}.acme.test\n\
                connection_config:\n  host: {type: string, title: Host}\n";
    let folder = Folder::new(
        "refused",
        &[
            ("good.yaml", GOOD),
            ("unknown.yaml", &format!("{GOOD}bse_url: https://acme.test\n")),
            (
                "template.yaml",
                &format!(
                    "{GOOD}proxy:\n  headers:\n    x-key: ${{apiKey\nrevocation_params: {{a: '${{b'}}\n"
                ),
            ),
            ("host.yaml", &format!("{GOOD}{wide}")),
            (
                "kind.yaml",
                &format!("{GOOD}disable_pkce: 1\nproxy: {{retry: {{afterwards: [x]}}}}\n"),
            ),
        ],
    );
    let (base, _) =
        Catalog::empty().overlay("auth_mode: NONE\ndisplay_name: Before", "host.yaml").unwrap();
    let overlay = folder.over(&base).unwrap();
    assert_eq!(
        brief(&overlay),
        [
            "host.yaml:8 Error proxy.base_url",
            "kind.yaml:7 Error disable_pkce",
            "kind.yaml:8 Error proxy.retry.afterwards",
            "template.yaml:9 Error proxy.headers.x-key",
            "template.yaml:10 Error revocation_params.a",
            "unknown.yaml:7 Error bse_url",
        ]
    );
    let names: Vec<&str> = overlay.catalog.all().map(|provider| provider.name.as_str()).collect();
    assert_eq!(names, ["good", "host"], "what is refused is as it was below");
    assert_eq!(overlay.catalog.get("host").unwrap().display_name, "Before");
    assert_eq!(overlay.refused, ["host", "kind", "template", "unknown"]);
    assert_eq!(overlay.count, 5);
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_its_line() {
    let folder = Folder::new("syntax", &[("broken.yaml", "auth_mode: NONE\ncategories: [crm\n")]);
    let error = folder.over(&Catalog::empty()).unwrap_err().to_string();
    assert!(error.contains("broken.yaml:") && error.contains("is not valid YAML"), "{error}");
}

#[test]
fn what_changed_is_named() {
    let all = "a: {auth_mode: NONE}\nb: {auth_mode: NONE}";
    let (before, _) = Catalog::empty().overlay(all, "all.yaml").unwrap();
    let text = "b: {auth_mode: BASIC}\nc: {auth_mode: NONE}";
    let (after, _) = Catalog::empty().overlay(text, "all.yaml").unwrap();
    let changes = after.changes_since(&before);
    let name = |name: &str| vec![name.to_owned()];
    let expected = Changes { added: name("c"), changed: name("b"), removed: name("a") };
    assert_eq!(changes, expected);
    assert!(before.changes_since(&before).is_empty());
}

fn foreign() -> Overlay {
    let folder = Folder::new("foreign", &[("providers.yaml", FOREIGN)]);
    folder.over(&Catalog::bundled()).unwrap()
}

#[test]
fn a_whole_foreign_catalogue_loads_and_what_it_lacks_is_told_entry_by_entry() {
    let overlay = foreign();
    let told: Vec<String> = overlay
        .findings
        .iter()
        .filter(|finding| finding.level > Level::Note)
        .map(|finding| format!("{:?} {} {}", finding.level, finding.provider, finding.key))
        .collect();
    assert_eq!(
        told,
        [
            "Error magic auth_mode",
            "Warning acme post_connection_script",
            "Warning acme pre_connection_creation_script",
            "Warning acme pre_connection_deletion_script",
            "Warning acme webhook_routing_script",
            "Warning acme proxy.speed",
            "Warning acme-eu post_connection_script",
            "Warning acme-eu pre_connection_creation_script",
            "Warning acme-eu pre_connection_deletion_script",
            "Warning machine frobnicate",
            "Warning steps token_url",
            "Warning steps proxy.base_url",
        ]
    );
    let script = overlay.findings.iter().find(|finding| finding.key == "post_connection_script");
    let script = script.unwrap().to_string();
    assert!(
        script.contains("providers.yaml:43: warning: acme: post_connection_script"),
        "{script}"
    );
    assert!(script.contains("acmePostConnection is code"), "{script}");
    assert!(script.contains("connection_config"), "{script}");
    assert_eq!(overlay.unusable, ["magic"]);
    assert!(overlay.refused.is_empty());
}

#[test]
fn an_alias_of_a_foreign_catalogue_is_one_level_deep_and_an_empty_text_is_off() {
    let overlay = foreign();
    let acme = overlay.catalog.get("acme-eu").unwrap();
    assert_eq!(acme.display_name, "Acme Europe");
    assert_eq!(acme.token_url.as_deref(), Some("https://eu.acme.test/token?api-version=2"));
    assert_eq!(acme.proxy.base_url.as_deref(), Some("https://eu.api.acme.test"));
    assert!(acme.proxy.headers.is_empty(), "a section is replaced as a whole");
    assert_eq!(acme.token_client_auth, ClientAuth::BasicEncoded);
    assert_eq!(acme.authorization_params["expiring"], 1);
    assert_eq!(acme.form, Form::Foreign);
}

#[test]
fn scripts_and_special_exchanges_become_the_data_of_bundled_entries() {
    let overlay = foreign();
    let get = |name: &str| overlay.catalog.get(name).unwrap();
    for name in ["zoho", "zoho-like"] {
        let steps = &get(name).post_connection;
        assert_eq!(steps, &Catalog::bundled().get("zoho").unwrap().post_connection, "{name}");
        assert!(!steps.is_empty() && steps[0].source != FactSource::IdTokenClaims);
        assert!(!get(name).entry.contains_key("post_connection"), "clients do not see it");
    }
    assert!(get("snipe-it").proxy.verification.is_some());
    assert!(get("hubspot").revocation_url.is_some());
    let tiktok = get("tiktok-ads");
    assert!(!tiktok.token_request_rename.is_empty() && tiktok.token_response_path.is_some());
    assert_eq!(tiktok.display_name, "TikTok Ads");
}

#[test]
fn a_resolved_catalogue_in_json_is_the_same() {
    let overlay = foreign();
    let resolved: Map<String, Value> = ["acme", "acme-eu", "steps", "saml", "signed", "zoho-like"]
        .into_iter()
        .map(|name| (name.to_owned(), overlay.catalog.get(name).unwrap().entry.clone().into()))
        .collect();
    let json = Value::Object(resolved).to_string();
    let folder = Folder::new("resolved", &[("providers.json", &json)]);
    let again = folder.over(&Catalog::bundled()).unwrap();
    for name in ["acme", "acme-eu", "steps", "saml", "signed", "zoho-like"] {
        assert_eq!(again.catalog.get(name), overlay.catalog.get(name), "{name}");
    }
}
