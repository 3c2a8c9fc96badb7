//! The inputs that many endpoints share, each defined once.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use regex::Regex;
use serde_json::Value;
use url::Url;

use super::rule::{compiled, is_email};
use super::{Field, Schema, any_of, array, field, loose_object, object, record, string, tagged};

/// Most tags a connection or an end user may carry.
pub const TAGS_MAX: usize = 10;
/// Most characters of a tag's key.
pub const TAG_KEY_CHARS_MAX: i64 = 64;

static INTEGRATION_KEY: LazyLock<Regex> = LazyLock::new(|| compiled("^[a-zA-Z0-9~:.@ _-]+$"));
static CONNECTION_ID: LazyLock<Regex> =
    LazyLock::new(|| compiled(r#"^[a-zA-Z0-9,.;:=+~\[\]|@${}"'\\/_ -]+$"#));
static PROVIDER_NAME: LazyLock<Regex> = LazyLock::new(|| compiled("^[a-zA-Z0-9_-]+$"));
static ENVIRONMENT_NAME: LazyLock<Regex> = LazyLock::new(|| compiled("^[a-z0-9_-]+$"));
static LANGUAGE: LazyLock<Regex> =
    LazyLock::new(|| compiled("^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*$"));
static TAG_KEY: LazyLock<Regex> = LazyLock::new(|| compiled("^[a-zA-Z][a-zA-Z0-9_./-]*$"));
static SCOPE_LIST: LazyLock<Regex> =
    LazyLock::new(|| compiled("^[0-9a-zA-Z:/_.*-]+(,[0-9a-zA-Z:/_.*-]+)*$"));

static HTTP_METHOD: LazyLock<Regex> = LazyLock::new(|| compiled("^[A-Z]+$"));

/// Whether a URL may be called by this server; the text says why not.
pub type UrlPolicy = Arc<dyn Fn(&Url) -> Result<(), String> + Send + Sync>;

/// The key of an integration: `provider_config_key`, `unique_key`, `integration_id`.
pub fn integration_key() -> Schema {
    string().pattern("/^[a-zA-Z0-9~:.@ _-]+$/", &INTEGRATION_KEY).max(255)
}

/// The id of a connection, which the app chooses or we make.
pub fn connection_id() -> Schema {
    string().pattern(r#"/^[a-zA-Z0-9,.;:=+~[\]|@${}"'\\/_ -]+$/"#, &CONNECTION_ID).max(255)
}

/// The name of a provider in the catalogue.
pub fn provider_name() -> Schema {
    string().pattern("/^[a-zA-Z0-9_-]+$/", &PROVIDER_NAME).max(255)
}

/// The method of a request, in upper case.
pub fn http_method() -> Schema {
    string().min(1).max(20).pattern("/^[A-Z]+$/", &HTTP_METHOD)
}

/// The name of an environment.
pub fn environment_name() -> Schema {
    string().pattern("/^[a-z0-9_-]+$/", &ENVIRONMENT_NAME).max(255)
}

/// A language tag, as browsers have them (RFC 5646 section 2.1, without the rare parts).
pub fn language() -> Schema {
    string().pattern("/^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*$/", &LANGUAGE).max(35)
}

/// A text of `1..=max` characters.
pub fn text(max: i64) -> Schema {
    string().min(1).max(max)
}

/// An absolute URL.
pub fn url() -> Schema {
    string().url()
}

/// An e-mail address.
pub fn email() -> Schema {
    string().email().min(5)
}

/// Tags of a session or a connection. Keys come out in lower case.
pub fn tags() -> Schema {
    tag_map(string().min(1).custom(longer_than_255)).transform(with_lower_case_keys)
}

/// Tags of an end user: the same rules, but values may be empty and keys keep their case.
fn end_user_tags() -> Schema {
    tag_map(string().custom(longer_than_255))
}

fn tag_map(value: Schema) -> Schema {
    let key = string().pattern("/^[a-zA-Z][a-zA-Z0-9_./-]*$/", &TAG_KEY).max(TAG_KEY_CHARS_MAX);
    record(key, value)
        .custom(|tags| {
            (tag_keys(tags).count() > TAGS_MAX).then(|| format!("At most {TAGS_MAX} tags fit"))
        })
        .custom(|tags| {
            let mut seen = HashSet::new();
            let twice = tag_keys(tags)
                .take(TAGS_MAX + 1)
                .find(|key| !seen.insert(key.to_ascii_lowercase()));
            within_limit(tags)
                .then_some(twice)
                .flatten()
                .map(|key| format!("The tag \"{}\" is given twice", key.to_ascii_lowercase()))
        })
        .custom(|tags| {
            let bad = tags.as_object()?.iter().any(|(key, value)| {
                key.eq_ignore_ascii_case("end_user_email")
                    && !value.as_str().is_some_and(is_valid_email)
            });
            (within_limit(tags) && bad)
                .then(|| "The tag \"end_user_email\" must be an e-mail address".to_owned())
        })
}

/// Whether a text is an e-mail address that the API takes.
pub(crate) fn is_valid_email(text: &str) -> bool {
    text.len() >= 5 && is_email(text)
}

fn longer_than_255(value: &Value) -> Option<String> {
    let length = value.as_str().map_or(0, |text| text.encode_utf16().count());
    (length > 255).then(|| "A tag's value has at most 255 characters".to_owned())
}

fn tag_keys(tags: &Value) -> impl Iterator<Item = &String> {
    tags.as_object().into_iter().flat_map(|members| members.keys())
}

fn within_limit(tags: &Value) -> bool {
    tag_keys(tags).count() <= TAGS_MAX
}

fn with_lower_case_keys(tags: Value) -> Value {
    match tags {
        Value::Object(members) => members
            .into_iter()
            .map(|(key, value)| (key.to_ascii_lowercase(), value))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other,
    }
}

/// The person at the app's side who owns a connection.
pub fn end_user() -> Schema {
    object(vec![
        field("id", text(255)),
        field("email", email().optional()),
        field("display_name", string().max(255).optional()),
        field("tags", end_user_tags().optional()),
    ])
}

/// The organization of an end user.
pub fn organization() -> Schema {
    object(vec![
        field("id", string().max(255)),
        field("display_name", string().max(255).optional()),
    ])
}

/// Where events of one connection go instead of the environment's URL; the empty text means none.
pub fn webhook_url(policy: &UrlPolicy) -> Schema {
    let policy = Arc::clone(policy);
    any_of(vec![url(), super::one_of(&[""])])
        .custom(move |value| {
            let url = Url::parse(value.as_str().filter(|text| !text.is_empty())?).ok()?;
            policy(&url).err()
        })
        .about("An absolute URL that this server may call, or an empty text for none")
}

/// `connection_config` of a request: free members. `oauth_scopes_override` has the given form.
pub fn connection_config(oauth_scopes_override: Schema) -> Schema {
    loose_object(vec![field("oauth_scopes_override", oauth_scopes_override.optional())])
}

/// A list of scopes for one connection, as imports send it.
pub fn scope_array() -> Schema {
    array(string())
}

/// What an integration needs to speak for the app, by auth mode.
pub fn integration_credentials() -> Schema {
    let pem = || {
        string()
            .starts_with("-----BEGIN RSA PRIVATE KEY----")
            .ends_with("-----END RSA PRIVATE KEY-----")
    };
    let secret = || string().min(1);
    let app = || -> Vec<Field> {
        vec![
            field("app_id", text(255)),
            field("app_link", string().min(1)),
            field("private_key", pem()),
        ]
    };
    let client = || vec![field("client_id", text(255)), field("client_secret", secret())];
    let mut oauth = client();
    oauth.push(field("scopes", scope_list().optional()));
    oauth.push(field("webhook_secret", string().max(255).optional()));
    let mut custom = client();
    custom.extend(app());
    // Clients of MCP servers mostly keep no secret.
    let mcp = vec![
        field("client_id", text(255)),
        field("client_secret", secret().optional()),
        field("scopes", scope_list().optional()),
        field("webhook_secret", string().max(255).optional()),
    ];
    tagged(
        vec![
            (&["OAUTH1", "OAUTH2", "TBA"], oauth),
            (&["APP"], app()),
            (&["CUSTOM"], custom),
            (&["MCP_OAUTH2", "MCP_OAUTH2_GENERIC"], mcp),
        ],
        "Credentials are an object whose type is OAUTH1, OAUTH2, TBA, APP, CUSTOM, MCP_OAUTH2 or \
         MCP_OAUTH2_GENERIC",
    )
}

/// Scopes separated by commas without blanks, or an empty text.
pub fn scope_list() -> Schema {
    let list = string().pattern("/^[0-9a-zA-Z:/_.*-]+(,[0-9a-zA-Z:/_.*-]+)*$/", &SCOPE_LIST);
    any_of(vec![super::one_of(&[""]), list])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Issue;
    use super::*;

    fn issues(schema: &Schema, value: Value) -> Vec<(String, String)> {
        schema.check(Some(value)).err().unwrap_or_default().iter().map(shown).collect()
    }

    fn shown(issue: &Issue) -> (String, String) {
        (issue.code.to_owned(), issue.path.join("/"))
    }

    fn pair(code: &str, path: &str) -> (String, String) {
        (code.to_owned(), path.to_owned())
    }

    #[test]
    fn keys_and_ids_allow_exactly_their_alphabet() {
        assert!(integration_key().check(Some(json!("a Z~:.@_-9"))).is_ok());
        assert!(connection_id().check(Some(json!("a,.;:=+~[]|@${}\"'\\/_ -"))).is_ok());
        let found = connection_id().check(Some(json!("é"))).unwrap_err();
        let pattern = r#"/^[a-zA-Z0-9,.;:=+~[\]|@${}"'\\/_ -]+$/"#;
        assert_eq!(found[0].message, format!("Invalid string: must match pattern {pattern}"));
        assert_eq!(issues(&integration_key(), json!("")), [pair("invalid_format", "")]);
        assert_eq!(issues(&connection_id(), json!("line\n")), [pair("invalid_format", "")]);
        assert_eq!(issues(&environment_name(), json!("Dev")), [pair("invalid_format", "")]);
        assert_eq!(issues(&provider_name(), json!("a.b")), [pair("invalid_format", "")]);
        let long = "!".repeat(256);
        let both = [pair("invalid_format", ""), pair("too_big", "")];
        assert_eq!(issues(&integration_key(), json!(long)), both);
    }

    #[test]
    fn a_short_malformed_email_has_two_issues() {
        assert_eq!(
            issues(&email(), json!("a@b")),
            [pair("invalid_format", ""), pair("too_small", "")]
        );
        for bad in [".a@example.com", "a..b@example.com", "a@example", "a b@example.com"] {
            assert_eq!(issues(&email(), json!(bad)), [pair("invalid_format", "")], "{bad}");
        }
        assert!(email().check(Some(json!("ann+x'y@mail.example.com"))).is_ok());
    }

    #[test]
    fn tag_keys_come_out_in_lower_case() {
        let checked = tags().check(Some(json!({"End_User_ID": "U1", "plan": "pro"})));
        assert_eq!(checked, Ok(Some(json!({"end_user_id": "U1", "plan": "pro"}))));
    }

    #[test]
    fn tag_rules_name_the_place() {
        assert_eq!(issues(&tags(), json!({"1a": "x"})), [pair("invalid_key", "1a")]);
        assert_eq!(issues(&tags(), json!({"a": ""})), [pair("too_small", "a")]);
        assert_eq!(issues(&tags(), json!({"a": 1})), [pair("invalid_type", "a")]);
        assert_eq!(issues(&tags(), json!({"A": "1", "a": "2"})), [pair("custom", "")]);
        assert_eq!(issues(&tags(), json!({"END_user_email": "ann"})), [pair("custom", "")]);
        let many: Value = (0..11)
            .map(|index| (format!("k{index}"), json!("v")))
            .chain([("end_user_email".to_owned(), json!("no"))])
            .collect::<serde_json::Map<_, _>>()
            .into();
        assert_eq!(issues(&tags(), many), [pair("custom", "")]);
    }

    #[test]
    fn an_end_user_is_strict() {
        assert_eq!(
            issues(&end_user(), json!({"email": "x@y.zz", "extra": 1})),
            [pair("invalid_type", "id"), pair("unrecognized_keys", "")]
        );
    }

    #[test]
    fn a_webhook_url_is_a_url_or_empty_and_within_policy() {
        let policy: UrlPolicy = Arc::new(|url| match url.host_str() {
            Some("localhost") => Err("The host is not reachable from here".to_owned()),
            _ => Ok(()),
        });
        let schema = webhook_url(&policy);
        assert_eq!(schema.check(Some(json!(""))), Ok(Some(json!(""))));
        let normal = schema.check(Some(json!(" HTTPS://Hooks.example.com ")));
        assert_eq!(normal, Ok(Some(json!("https://hooks.example.com"))));
        assert_eq!(issues(&schema, json!("no url")), [pair("invalid_union", "")]);
        assert_eq!(issues(&schema, json!("http://localhost/x")), [pair("custom", "")]);
    }

    #[test]
    fn integration_credentials_are_chosen_by_type() {
        let schema = integration_credentials();
        let good =
            json!({"type": "OAUTH2", "client_id": "c", "client_secret": "s", "scopes": "a,b:c"});
        assert_eq!(schema.check(Some(good.clone())), Ok(Some(good)));
        assert_eq!(issues(&schema, json!({"type": "JWT"})), [pair("invalid_union", "type")]);
        assert_eq!(issues(&schema, json!("x")), [pair("invalid_type", "")]);
        let spaced =
            json!({"type": "TBA", "client_id": "c", "client_secret": "s", "scopes": "a, b"});
        assert_eq!(issues(&schema, spaced), [pair("invalid_union", "scopes")]);
        let app = json!({"type": "APP", "app_id": "1", "app_link": "l", "private_key": "k"});
        assert_eq!(
            issues(&schema, app),
            [pair("invalid_format", "private_key"), pair("invalid_format", "private_key")]
        );
    }
}
