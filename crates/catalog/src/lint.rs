//! What a careful reviewer would say about a provider entry.

use serde_json::Value;
use url::Url;

use crate::finding::{Finding, Level};
use crate::pattern::Pattern;
use crate::reader::scalar_text;
use crate::schema::{
    AuthMode, ClientRegistration, FactSource, Field, Form, OAuth1Signature, Provider,
    SignatureProtocol,
};
use crate::template::{has_loose_ends, references};

/// Looks an entry over. Empty means nothing to say.
pub fn lint(provider: &Provider) -> Vec<Finding> {
    let mut linter = Linter { provider, findings: Vec::new() };
    linter.identity();
    linter.needed_keys();
    linter.urls();
    linter.hosts();
    linter.templates();
    linter.fields();
    let mut findings = linter.findings;
    if provider.form == Form::Foreign {
        // A whole catalogue must load as it is; every line of it that would be refused is told.
        for finding in &mut findings {
            finding.level = finding.level.min(Level::Warning);
        }
    }
    findings
}

/// Keys of ours that hold templates.
const OWN_TEMPLATES: &[&str] = &[
    "app_installation",
    "client_assertion",
    "companion_tokens",
    "introspection_url",
    "post_connection",
    "resource",
    "revocation_headers",
    "revocation_params",
    "sts_url",
    "token_upgrade",
];

struct Linter<'a> {
    provider: &'a Provider,
    findings: Vec<Finding>,
}

impl Linter<'_> {
    fn say(&mut self, level: Level, key: impl Into<String>, message: impl Into<String>) {
        self.findings.push(Finding::new(level, &self.provider.name, key, message));
    }

    fn identity(&mut self) {
        let provider = self.provider;
        if !provider.entry.contains_key("display_name") {
            self.say(Level::Warning, "display_name", "a name for people is missing");
        }
        if provider.categories.is_empty() {
            self.say(Level::Warning, "categories", "at least one category is expected");
        }
        if provider.docs.is_none() {
            self.say(Level::Warning, "docs", "a help page is expected");
        }
        if provider.form == Form::Foreign {
            return;
        }
        if provider.source.is_none() {
            let message = "the documentation page the entry was written from is missing";
            self.say(Level::Warning, "source", message);
        }
        match provider.checked.as_deref() {
            Some(day) if is_day(day) => {}
            _ => self.say(Level::Warning, "checked", "the day of the last check is missing"),
        }
    }

    /// Keys without which the mode cannot run.
    fn needed_keys(&mut self) {
        let provider = self.provider;
        let needs_authorize = matches!(provider.auth_mode, AuthMode::OAuth2 | AuthMode::McpOAuth2);
        let is_oauth1 = provider.auth_mode == AuthMode::OAuth1;
        let needs_token = needs_authorize
            || is_oauth1
            || matches!(
                provider.auth_mode,
                AuthMode::OAuth2Cc | AuthMode::TwoStep | AuthMode::Bill
            );
        let starts_here = is_oauth1 || (needs_authorize && !provider.installation_outbound);
        if starts_here && provider.authorization_url.is_none() {
            self.say(Level::Error, "authorization_url", "the mode needs an authorization URL");
        }
        if needs_token && provider.token_url.is_none() {
            self.say(Level::Error, "token_url", "the mode needs a token URL");
        }
        if provider.auth_mode == AuthMode::TwoStep && !provider.entry.contains_key("token_response")
        {
            let message = "where the token stands in the answer is missing";
            self.say(Level::Error, "token_response", message);
        }
        self.signed_calls();
        let is_signed = provider.auth_mode == AuthMode::Jwt || provider.signed_token.is_some();
        if is_signed && provider.signature.is_none() {
            self.say(Level::Error, "signature.protocol", "how the token is signed is missing");
        }
        let key = provider.signed_token.as_ref().and_then(|token| token.signing_key.as_ref());
        if is_signed && key.is_none() && provider.signature != Some(SignatureProtocol::Wsse) {
            self.say(
                Level::Error,
                "token.signing_key",
                "the key the token is signed with is missing",
            );
        }
        let registration = &provider.registration;
        if registration.kind == ClientRegistration::Dynamic && registration.url.is_none() {
            let message = "a client cannot be registered without an address";
            self.say(Level::Error, "registration_url", message);
        }
        let grant = provider.token_params.get("grant_type").and_then(Value::as_str);
        if needs_authorize && grant.is_some_and(|grant| grant != "authorization_code") {
            let message = "an authorization code flow cannot use another grant type";
            self.say(Level::Error, "token_params.grant_type", message);
        }
    }

    /// What modes need that sign every call.
    fn signed_calls(&mut self) {
        let provider = self.provider;
        if provider.auth_mode == AuthMode::OAuth1 && provider.oauth1.request_url.is_none() {
            let message = "the mode needs the address of request tokens";
            self.say(Level::Error, "request_url", message);
        }
        if provider.oauth1.signature == OAuth1Signature::RsaSha1 {
            let message = "this server makes no RSA-SHA1 signatures";
            self.say(Level::Error, "signature_method", message);
        }
        let is_wsse = provider.signature == Some(SignatureProtocol::Wsse);
        if provider.auth_mode == AuthMode::Signature && !is_wsse {
            self.say(Level::Error, "signature.protocol", "the mode knows WSSE only");
        }
    }

    fn urls(&mut self) {
        let provider = self.provider;
        let plain = [
            ("docs", &provider.docs),
            ("docs_connect", &provider.docs_connect),
            ("source", &provider.source),
        ];
        for (key, url) in plain {
            if let Some(url) = url
                && !Url::parse(url).is_ok_and(|url| url.scheme() == "https")
            {
                self.say(Level::Warning, key, "an https URL is expected");
            }
        }
        let templates = [
            ("authorization_url", &provider.authorization_url),
            ("token_url", &provider.token_url),
            ("refresh_url", &provider.refresh_url),
            ("revocation_url", &provider.revocation_url),
            ("proxy.base_url", &provider.proxy.base_url),
        ];
        for (key, template) in templates {
            for side in template.as_deref().unwrap_or_default().split("||").map(str::trim) {
                if side.starts_with("http://") && !is_loopback(side) {
                    self.say(Level::Warning, key, "https is expected");
                } else if !side.is_empty() && !side.starts_with("http") && !side.starts_with("${") {
                    self.say(Level::Error, key, "an absolute URL is expected");
                }
            }
        }
    }

    /// A value that a person types may complete a host, but not move it elsewhere: secrets are sent
    /// there.
    fn hosts(&mut self) {
        let provider = self.provider;
        for (key, template) in addresses(provider) {
            for side in template.split("||").map(str::trim) {
                let Some((_, rest)) = side.split_once("://") else { continue };
                let host = host_part(rest);
                for name in references(host) {
                    let Some(name) = name.strip_prefix("connectionConfig.") else { continue };
                    let Some(field) = provider.connection_field(name) else { continue };
                    let is_whole = host == format!("${{connectionConfig.{name}}}");
                    if !field.automated && moves_host(field, is_whole) {
                        let message = format!(
                            "a typed {name} could move the host elsewhere; give connection_config.{name} \
                             an anchored pattern without / @ : # ? or a list of values"
                        );
                        self.say(Level::Error, key, message);
                    }
                }
            }
        }
    }

    /// Every template: it parses, and its names come from somewhere.
    fn templates(&mut self) {
        let mut texts = Vec::new();
        for (key, value) in &self.provider.entry {
            let is_template = key.ends_with("_url")
                || key.ends_with("_params")
                || key.ends_with("_headers")
                || matches!(key.as_str(), "additional_steps" | "assertion" | "proxy" | "token");
            if is_template {
                collect_texts(key, value, &mut texts);
            }
        }
        if let Some(url) = &self.provider.revocation_url {
            texts.push(("revocation_url".to_owned(), url.clone()));
        }
        // What they may name differs from key to key.
        let mut own = Vec::new();
        for key in OWN_TEMPLATES {
            if let Some(value) = self.provider.whole_entry().get(*key) {
                collect_texts(key, value, &mut own);
            }
        }
        for (key, _) in own.into_iter().filter(|(_, text)| has_loose_ends(text)) {
            self.say(Level::Error, key, "a placeholder is not closed");
        }
        for (key, text) in texts {
            if has_loose_ends(&text) {
                self.say(Level::Error, key.clone(), "a placeholder is not closed");
            }
            for name in references(&text) {
                if !self.is_known(&name) {
                    let message = format!("nothing provides {name}");
                    self.say(Level::Error, key.clone(), message);
                }
            }
        }
    }

    fn is_known(&self, name: &str) -> bool {
        let provider = self.provider;
        if let Some(name) = name.strip_prefix("connectionConfig.") {
            return provider.connection_field(name).is_some()
                || provider.redirect_uri_metadata.iter().any(|filled| filled == name)
                || provider.token_response_metadata.iter().any(|filled| filled == name)
                || provider.webhook_response_metadata.iter().any(|filled| filled == name)
                || provider
                    .post_connection
                    .iter()
                    .any(|step| step.keep.iter().any(|kept| kept.name == name));
        }
        let name = name.strip_prefix("credentials.").unwrap_or(name);
        let by_mode: &[&str] = match provider.auth_mode {
            AuthMode::OAuth2 | AuthMode::McpOAuth2 | AuthMode::McpOAuth2Generic => {
                &["accessToken", "clientId", "clientSecret", "refresh_token"]
            }
            AuthMode::App | AuthMode::Custom => &["accessToken", "clientId", "jwtToken"],
            AuthMode::OAuth2Cc => {
                &["accessToken", "clientId", "clientSecret", "client_id", "client_secret"]
            }
            AuthMode::ApiKey => &["apiKey"],
            AuthMode::Basic | AuthMode::InstallPlugin => &["username", "password"],
            AuthMode::Signature => &["accessToken", "username", "password", "token"],
            AuthMode::Jwt => &["accessToken", "token"],
            AuthMode::TwoStep => &["accessToken", "token", "refresh_token", "assertion"],
            AuthMode::Bill => {
                &["username", "password", "organization_id", "dev_key", "session_id", "user_id"]
            }
            AuthMode::Tba => &["token_id", "token_secret"],
            AuthMode::AwsSigV4 => {
                &["role_arn", "region", "service", "access_key_id", "session_token", "external_id"]
            }
            AuthMode::OAuth1 => &["oauth_token"],
            AuthMode::None => &[],
        };
        let request = [
            "method",
            "host",
            "path",
            "params",
            "endpoint",
            "urlCanonicalParams",
            "bodyCanonicalParams",
            "contentType",
        ];
        by_mode.contains(&name)
            || request.contains(&name)
            || matches!(name.split('.').next(), Some("raw" | "response"))
            || name.strip_prefix("assertionOption.").is_some_and(|name| {
                provider.assertion_option.iter().any(|field| field.name == name)
            })
            || name.strip_prefix("integrationConfig.").is_some_and(|name| {
                provider.integration_config.iter().any(|field| field.name == name)
            })
            || name.starts_with("step")
            || !provider.two_step.headers_kept.is_empty() && name == "_cookies"
            || provider.integration_config.iter().any(|field| field.name == name)
            || provider.credentials.iter().any(|field| {
                field.name == name
                    || name.strip_prefix(&field.name).is_some_and(|rest| rest.starts_with('.'))
            })
    }

    fn fields(&mut self) {
        let provider = self.provider;
        let groups = [
            ("connection_config", &provider.connection_config),
            ("credentials", &provider.credentials),
            ("integration_config", &provider.integration_config),
        ];
        for (group, fields) in groups {
            for field in fields {
                self.field(group, field);
            }
        }
    }

    fn field(&mut self, group: &str, field: &Field) {
        let key = |attribute: &str| format!("{group}.{}.{attribute}", field.name);
        if field.title == field.name && !field.automated && !field.hidden {
            self.say(Level::Note, key("title"), "a label for people would help");
        }
        let Some(source) = &field.pattern else { return };
        let Some(pattern) = Pattern::new(source) else {
            let message = "the pattern is no regular expression and is not enforced";
            self.say(Level::Warning, key("pattern"), message);
            return;
        };
        let samples = field.example.iter().chain(&field.one_of);
        for sample in samples.chain(field.default_value.iter().filter(|text| !text.is_empty())) {
            if !pattern.is_match(sample) {
                let message = format!("\"{sample}\" does not match the field's own pattern");
                self.say(Level::Warning, key("pattern"), message);
            }
        }
    }
}

fn collect_texts(key: &str, value: &Value, texts: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                // Declarations and regular expressions are no templates.
                if matches!(name.as_str(), "retry" | "paginate" | "connection_config") {
                    continue;
                }
                collect_texts(&format!("{key}.{name}"), value, texts);
            }
        }
        Value::Array(items) => {
            for item in items {
                collect_texts(key, item, texts);
            }
        }
        scalar => {
            if let Some(text) = scalar_text(scalar) {
                texts.push((key.to_owned(), text));
            }
        }
    }
}

/// Every template of an address that secrets or tokens are sent to, with its key.
fn addresses(provider: &Provider) -> Vec<(&'static str, &str)> {
    let named = [
        ("authorization_url", &provider.authorization_url),
        ("token_url", &provider.token_url),
        ("token_url", &provider.app_token_url),
        ("refresh_url", &provider.refresh_url),
        ("revocation_url", &provider.revocation_url),
        ("introspection_url", &provider.introspection_url),
        ("request_url", &provider.oauth1.request_url),
        ("proxy.base_url", &provider.proxy.base_url),
    ];
    let mut addresses: Vec<(&'static str, &str)> =
        named.into_iter().filter_map(|(key, url)| Some((key, url.as_deref()?))).collect();
    for step in &provider.two_step.additional {
        addresses.push(("additional_steps", &step.url));
    }
    for step in &provider.post_connection {
        if let FactSource::Call { url, .. } = &step.source {
            addresses.push(("post_connection", url));
        }
    }
    for token in &provider.companion_tokens {
        addresses.extend(token.url.as_deref().map(|url| ("companion_tokens", url)));
    }
    addresses.extend(provider.token_upgrade.iter().map(|step| ("token_upgrade", &*step.url)));
    if let Some(check) = &provider.proxy.verification {
        let base = check.base_url_override.as_deref();
        addresses.extend(base.map(|url| ("proxy.verification", url)));
        addresses.extend(check.endpoints.iter().map(|url| ("proxy.verification", &**url)));
    }
    addresses
}

/// The host of a template without its scheme: up to the first slash outside a placeholder.
fn host_part(rest: &str) -> &str {
    let mut depth = 0_usize;
    for (at, c) in rest.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '/' | '?' | '#' if depth == 0 => return &rest[..at],
            _ => {}
        }
    }
    rest
}

/// Whether a value that ends a host early, or begins another one, gets past the field's rules. A
/// field that is the whole host may bring a port and a path.
fn moves_host(field: &Field, is_whole: bool) -> bool {
    const PROBES: [&str; 6] = [
        "https://evil.test",
        "evil.test#",
        "evil.test?",
        "a@evil.test",
        "a:b@evil.test",
        "evil.test\\",
    ];
    const PART_PROBES: [&str; 2] = ["evil.test/", "evil.test/acme.example.com"];
    let parts = PART_PROBES.iter().filter(|_| !is_whole);
    PROBES.iter().chain(parts).any(|probe| crate::fields::check_value(field, probe).is_ok())
}

fn is_loopback(url: &str) -> bool {
    let rest = url.trim_start_matches("http://");
    ["127.0.0.1", "localhost", "${"].iter().any(|host| rest.starts_with(host))
}

fn is_day(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(index, byte)| match index {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Catalog;

    fn keys(text: &str) -> Vec<String> {
        let (catalog, _) = Catalog::empty().overlay(text, "acme.yaml").unwrap();
        lint(catalog.get("acme").unwrap()).into_iter().map(|finding| finding.key).collect()
    }

    const HEAD: &str = "display_name: Acme\ncategories: [crm]\ndocs: https://a.test\n\
                        source: https://a.test/docs\nchecked: 2026-01-31\n";

    #[test]
    fn a_clean_entry_has_no_findings() {
        let text = format!(
            "{HEAD}auth_mode: BASIC\nproxy: {{base_url: 'https://${{connectionConfig.sub}}.a.test', \
             headers: {{x: '${{base64(${{username}}:${{credentials.password}})}}'}}}}\n\
             connection_config: {{sub: {{title: Sub, pattern: '^[a-z]+$', example: acme}}}}"
        );
        assert_eq!(keys(&text), Vec::<String>::new());
    }

    #[test]
    fn a_typed_value_must_not_move_a_host() {
        let entry = |rules: &str| {
            format!(
                "{HEAD}auth_mode: BASIC\nproxy: {{base_url: 'https://${{connectionConfig.sub}}.a.test/x'}}\n\
                 connection_config: {{sub: {{title: Sub, {rules}}}}}"
            )
        };
        for narrow in ["pattern: '^[a-z0-9-]+$'", "enum: [eu, us]", "format: hostname"] {
            assert_eq!(keys(&entry(narrow)), Vec::<String>::new(), "{narrow}");
        }
        for wide in ["optional: true", "pattern: '[a-z]+'", "pattern: '^[^ ]+$'", "format: uri"] {
            assert_eq!(keys(&entry(wide)), ["proxy.base_url"], "{wide}");
        }
        let elsewhere = entry("optional: true")
            .replace("https://${connectionConfig.sub}.a.test/x", "https://a.test")
            + "\npost_connection: [{url: 'https://${connectionConfig.sub}.a.test/me', keep: {id: id}}]";
        assert_eq!(keys(&elsewhere), ["post_connection"]);
        let in_path = entry("optional: true").replace(
            "https://${connectionConfig.sub}.a.test/x",
            "https://a.test/${connectionConfig.sub}",
        );
        assert_eq!(keys(&in_path), Vec::<String>::new());
    }

    #[test]
    fn what_signs_calls_is_complete() {
        for (entry, named) in [
            ("auth_mode: OAUTH1", &["authorization_url", "token_url", "request_url"][..]),
            ("auth_mode: TBA\nsignature_method: RSA-SHA1", &["signature_method"]),
            ("auth_mode: SIGNATURE", &["signature.protocol"]),
            ("auth_mode: BILL", &["token_url"]),
        ] {
            assert_eq!(keys(&format!("{HEAD}{entry}")), named, "{entry}");
        }
    }

    #[test]
    fn each_mistake_is_named() {
        assert_eq!(
            keys("auth_mode: NONE"),
            ["display_name", "categories", "docs", "source", "checked"]
        );
        let text = format!(
            "{HEAD}auth_mode: OAUTH2\ntoken_url: http://a.test/t\ntoken_params: {{grant_type: password}}\n\
             authorization_url: https://${{connectionConfig.nope}}/a\n\
             proxy: {{headers: {{a: '${{b', c: '${{fingerprint(${{accessToken}})}}'}}}}\n\
             connection_config: {{s: {{title: S, pattern: '[z-a]'}}, t: {{title: T, pattern: a, example: b}}}}"
        );
        assert_eq!(
            keys(&text),
            [
                "token_params.grant_type",
                "token_url",
                "authorization_url",
                "proxy.headers.a",
                "connection_config.s.pattern",
                "connection_config.t.pattern",
            ]
        );
    }
}
