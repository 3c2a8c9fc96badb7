//! What entries of the widespread format leave to code: named scripts, and token exchanges that are
//! special to a provider. Where a bundled entry says the same as data, the data is taken over; the
//! rest is told entry by entry.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::finding::{Finding, Level};
use crate::load::Catalog;
use crate::schema::{Form, Provider};

/// A kind of named script.
struct Kind {
    /// The key that names it, and how names of the kind end.
    key: &'static str,
    ending: &'static str,
    /// The keys that say the same as data, and those of them that prove that it is said.
    data: &'static [&'static str],
    proof: &'static [&'static str],
    /// Names without their ending, and the bundled entries that hold their steps.
    scripts: &'static [(&'static str, &'static str)],
    /// What does not happen without it.
    consequence: &'static str,
}

/// Scripts that do nothing a server has to do.
const EMPTY: &[&str] = &["salesforcePostConnection"];

const KINDS: &[Kind] = &[
    Kind {
        key: "post_connection_script",
        ending: "PostConnection",
        data: &["post_connection", "companion_tokens", "user_token_path"],
        proof: &["post_connection", "companion_tokens"],
        scripts: POST_CONNECTION,
        consequence: "what it would learn after an authorization is missing from connection_config",
    },
    Kind {
        key: "credentials_verification_script",
        ending: "CredentialsVerification",
        data: &["proxy.verification", "verification_success", "sts_url"],
        proof: &["proxy.verification"],
        scripts: VERIFICATION,
        consequence: "new credentials are stored without a test",
    },
    Kind {
        key: "pre_connection_deletion_script",
        ending: "PreConnectionDeletion",
        data: &[
            "revocation_url",
            "revocation_client",
            "revocation_method",
            "revocation_params",
            "revocation_headers",
        ],
        proof: &["revocation_url"],
        scripts: DELETION,
        consequence: "deleting a connection tells the provider nothing",
    },
    Kind {
        key: "pre_connection_creation_script",
        ending: "PreConnectionCreation",
        data: &[],
        proof: &[],
        scripts: &[],
        consequence: "nothing happens before a connection is made",
    },
    Kind {
        key: "webhook_routing_script",
        ending: "WebhookRouting",
        data: &[],
        proof: &[],
        scripts: &[],
        consequence: "webhooks of this provider are not matched to connections",
    },
];

const POST_CONNECTION: &[(&str, &str)] = &[
    ("adobeUmapi", "adobe-umapi"),
    ("atlassianGovernmentCloud", "atlassian-government-cloud"),
    ("atlassianServicAccount", "atlassian-service-account-oauth2"),
    ("attio", "attio"),
    ("basecamp", "basecamp"),
    ("bullhorn", "bullhorn"),
    ("calendly", "calendly"),
    ("candis", "candis"),
    ("checkrPartner", "checkr-partner"),
    ("docusign", "docusign"),
    ("githubAppOauth", "github-app-oauth"),
    ("googleCalendar", "google-calendar"),
    ("googleMail", "google-mail"),
    ("gusto", "gusto"),
    ("highlevel", "highlevel"),
    ("hubspot", "hubspot"),
    ("jira", "jira"),
    ("jobber", "jobber"),
    ("linear", "linear"),
    ("mailchimp", "mailchimp"),
    ("microsoftTeams", "microsoft-teams"),
    ("microsoftTeamsBot", "microsoft-teams-bot"),
    ("onedrive", "one-drive"),
    ("procore", "procore"),
    ("ripplingShopApp", "rippling-shop-app"),
    ("sage200", "sage-200"),
    ("sellsy", "sellsy"),
    ("sentryOauth", "sentry-oauth"),
    ("snowflake", "snowflake"),
    ("sophosCentral", "sophos-central"),
    ("workable", "workable"),
    ("xero", "xero"),
    ("zoho", "zoho"),
];

const VERIFICATION: &[(&str, &str)] = &[
    ("apollo", "apollo"),
    ("awsIam", "aws-iam"),
    ("azureDevops", "azure-devops"),
    ("bitdefender", "bitdefender"),
    ("cdw", "cdw"),
    ("expensify", "expensify"),
    ("lastpass", "lastpass"),
    ("pushpayChmsV1", "pushpay-chms-v1"),
    ("skio", "skio"),
    ("snipeIt", "snipe-it"),
    ("vantageApparel", "vantage-apparel"),
];

const DELETION: &[(&str, &str)] = &[
    ("hubspot", "hubspot"),
    ("intercom", "intercom"),
    ("linear", "linear"),
    ("onelogin", "onelogin"),
];

/// Providers whose token exchange or credentials are special beyond what the widespread format says.
const SPECIAL: &[&str] = &[
    "absorb-lms",
    "agiloft",
    "attio-mcp",
    "braintree",
    "braintree-sandbox",
    "bullhorn",
    "clover",
    "coros",
    "coros-sandbox",
    "facebook",
    "fanvue",
    "figjam",
    "figma",
    "followupboss",
    "ghost-admin",
    "heygen",
    "instagram",
    "jobber",
    "mercury",
    "microsoft-admin",
    "microsoft-teams-bot",
    "one-drive",
    "posthog-oauth",
    "revolut-business",
    "salesforce",
    "salesforce-cc",
    "salesforce-experience-cloud",
    "salesforce-jwt",
    "salesforce-sandbox",
    "sentry-oauth",
    "sharepoint-online",
    "shopline-oauth",
    "slack",
    "stripe-app",
    "stripe-app-sandbox",
    "threads",
    "tiktok-accounts",
    "tiktok-ads",
    "tiktok-personal",
    "walmart",
    "workday-oauth",
];

/// The keys of a bundled entry that describe its exchange.
const EXCHANGE_KEYS: &[&str] = &[
    "additional_steps",
    "alternate_access_token_response_path",
    "authorization_method",
    "authorization_user_scope_param",
    "body_format",
    "client_assertion",
    "companion_tokens",
    "credentials_split",
    "disable_pkce",
    "expires_in_unit",
    "introspection_url",
    "refresh_params",
    "refresh_request_client",
    "refresh_request_method",
    "refresh_request_omit",
    "refresh_token_param",
    "refresh_url",
    "refresh_with",
    "token_fixed_lifetime_seconds",
    "token_headers",
    "token_request_auth_method",
    "token_request_client",
    "token_request_omit",
    "token_request_query",
    "token_request_rename",
    "token_response_keep",
    "token_response_path",
    "token_response_rename",
    "token_response_success",
    "token_url",
    "user_token_path",
];

/// Lays under a resolved entry what the bundled ones know of its scripts and of its exchange, and
/// says what is still missing. An entry of our own form says such things itself.
pub(crate) fn adopt(name: &str, entry: &mut Map<String, Value>, form: Form) -> Vec<Finding> {
    let mut findings = Vec::new();
    for kind in KINDS {
        let Some(Value::String(script)) = entry.get(kind.key) else { continue };
        let script = script.clone();
        let is_said = kind.is_said(entry);
        if script.is_empty() || is_said || EMPTY.contains(&script.as_str()) {
            continue;
        }
        let steps = if form == Form::Foreign { kind.steps(name, &script) } else { None };
        if let Some(provider) = steps {
            take(entry, provider.whole_entry(), kind.data);
        } else {
            let consequence = kind.consequence;
            let message = format!("{script} is code this server does not have: {consequence}");
            findings.push(Finding::new(Level::Warning, name, kind.key, message));
        }
    }
    if form == Form::Foreign && SPECIAL.contains(&name) {
        let mode = entry.get("auth_mode").and_then(Value::as_str).map(str::to_owned);
        match bundled(name) {
            Some(provider) if Some(provider.auth_mode.as_str()) == mode.as_deref() => {
                take(entry, provider.whole_entry(), EXCHANGE_KEYS);
            }
            // It connects in another way, which is not the special one.
            Some(_) => {}
            None => findings.push(Finding::new(
                Level::Warning,
                name,
                "token_url",
                "this provider's token requests need more than a file of this form says: the plain \
                 ones are sent, and the provider may refuse them",
            )),
        }
    }
    findings
}

impl Kind {
    /// The bundled entry whose data does what a script does: the one of the same name, else the one
    /// the script was made for.
    fn steps(&self, name: &str, script: &str) -> Option<Arc<Provider>> {
        let stem = script.strip_suffix(self.ending)?;
        let (_, home) = self.scripts.iter().find(|(known, _)| *known == stem)?;
        [name, home]
            .into_iter()
            .filter_map(bundled)
            .find(|provider| self.is_said(provider.whole_entry()))
    }

    fn is_said(&self, entry: &Map<String, Value>) -> bool {
        self.proof.iter().any(|key| get(entry, key).is_some())
    }
}

fn bundled(name: &str) -> Option<Arc<Provider>> {
    Catalog::bundled().get(name).cloned()
}

/// A key, which may stand in the section `proxy`.
fn get<'e>(entry: &'e Map<String, Value>, key: &str) -> Option<&'e Value> {
    match key.split_once('.') {
        Some((section, key)) => entry.get(section)?.as_object()?.get(key),
        None => entry.get(key),
    }
}

/// Copies keys that the entry does not have.
fn take(entry: &mut Map<String, Value>, from: &Map<String, Value>, keys: &[&str]) {
    for key in keys {
        let Some(value) = get(from, key).filter(|_| get(entry, key).is_none()) else { continue };
        let (map, key) = match key.split_once('.') {
            None => (&mut *entry, *key),
            Some((section, key)) => {
                let section = entry.entry(section).or_insert_with(|| Map::new().into());
                let Some(map) = section.as_object_mut() else { continue };
                (map, key)
            }
        };
        map.insert(key.to_owned(), value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_done_by_its_own_entry_or_by_the_one_it_was_made_for() {
        let steps = |kind: usize, name: &str, script: &str| {
            KINDS[kind].steps(name, script).map(|provider| provider.name.clone())
        };
        assert_eq!(steps(0, "zoho-crm-of-mine", "zohoPostConnection").as_deref(), Some("zoho"));
        assert_eq!(
            steps(1, "azure-devops", "azureDevopsCredentialsVerification").as_deref(),
            Some("azure-devops")
        );
        assert_eq!(steps(2, "mine", "linearPreConnectionDeletion").as_deref(), Some("linear"));
        assert_eq!(steps(0, "zoho", "zohoCredentialsVerification"), None);
        assert_eq!(steps(0, "zoho", "unheardOfPostConnection"), None);
    }

    #[test]
    fn the_tables_are_sorted_and_name_things_once() {
        for kind in KINDS {
            assert!(kind.scripts.is_sorted_by(|a, b| a.0 < b.0), "{}", kind.key);
        }
        assert!(SPECIAL.is_sorted_by(|a, b| a < b));
        assert!(EXCHANGE_KEYS.is_sorted_by(|a, b| a < b));
        let known = crate::read::known_keys();
        assert!(EXCHANGE_KEYS.iter().all(|key| known.contains(key)));
    }

    #[test]
    fn what_is_taken_over_never_replaces_what_is_there() {
        let mut entry = Map::new();
        entry.insert("proxy".to_owned(), serde_json::json!({"base_url": "x"}));
        entry.insert("a".to_owned(), 1.into());
        let Value::Object(from) = serde_json::json!({"a": 2, "b": 3, "proxy": {"verification": 4}})
        else {
            return;
        };
        take(&mut entry, &from, &["a", "b", "c", "proxy.verification"]);
        let entry = Value::Object(entry);
        let expected =
            serde_json::json!({"proxy": {"base_url": "x", "verification": 4}, "a": 1, "b": 3});
        assert_eq!(entry, expected);
    }
}
