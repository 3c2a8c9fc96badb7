//! The provider file that introduces the emulator to Valetkey.

use serde_json::Value;

const TEMPLATE: &str = include_str!("catalog/providers.yaml");

/// Catalogue entries for an emulator reached at `base_url`, one for each mode it speaks
/// (`emulator-oauth2`, `emulator-two-step`, …), as YAML.
pub fn providers_yaml(base_url: &str) -> String {
    let quoted = Value::from(base_url.trim_end_matches('/')).to_string();
    // The template stands inside double quotes already, so only the escaped inside is needed.
    let inside = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    TEMPLATE.replace("{{base_url}}", inside.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_carries_the_base_url() {
        let yaml = providers_yaml("http://127.0.0.1:4010/");
        assert!(yaml.contains("token_url: \"http://127.0.0.1:4010/oauth/token\""));
        assert!(!yaml.contains("{{"));
        for name in [
            "oauth2",
            "oauth2-cc",
            "api-key",
            "basic",
            "two-step",
            "jwt",
            "signature",
            "tba",
            "bill",
        ] {
            assert!(yaml.contains(&format!("\nemulator-{name}:\n")), "{name}");
        }
    }

    #[test]
    fn a_base_url_cannot_end_its_quotes() {
        assert!(providers_yaml("http://x\"\nevil: y").contains("http://x\\\"\\nevil: y"));
    }
}
