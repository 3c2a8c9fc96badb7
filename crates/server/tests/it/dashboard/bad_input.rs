//! Every form of the dashboard, posted with what it must not take. [`FORMS`] has an entry for every
//! `POST` there is, which the test checks, so that no form is added without one.

use std::fmt::Write as _;
use std::time::Duration;

use http::Method;
use serde_json::json;
use valetkey_server::ui::dashboard::{self, Access};

use super::person::Person;
use crate::app::{Answer, TestApp, on_each};
use crate::installs::{Market, accept, claim, install};

/// What is sent in place of a good value, by the letter that [`Field`] names it with.
const BAD: [(char, &str); 5] = [
    ('e', ""),
    // 10 kB, made below.
    ('l', "x"),
    ('c', "a\u{0}b\u{1b}[31m"),
    ('s', "<script>alert(1)</script>"),
    ('w', "[-1e9, {\"a\": null}]"),
];
const LONG_BYTES: usize = 10_000;

/// A field with a good value, and the letters of what must be refused beside it.
type Field = (&'static str, &'static str, &'static str);

/// Path and fields. A form without fields has only buttons.
type Form = (&'static str, &'static [Field]);

const CONNECTION: &str = "/{environment}/connections/{integration}/{connection}";

fn bad(letter: char) -> String {
    let (_, text) = BAD.iter().find(|(known, _)| *known == letter).unwrap();
    if letter == 'l' { text.repeat(LONG_BYTES) } else { (*text).to_owned() }
}

const FORMS: &[Form] = &[
    ("/account/environments", &[("name", "staging", "elcsw"), ("is_production", "true", "")]),
    ("/account/environments/restore", &[("id", "999", "")]),
    ("/account/profile/name", &[("name", "Ada", "lc")]),
    (
        "/account/profile/password",
        &[("current", "wrong password", "elcsw"), ("password", "another good password", "")],
    ),
    // Without a second factor there is nothing to repeat; its own tests have more.
    ("/account/profile/second-factor", &[("code", "000000", ""), ("step", "x", "")]),
    ("/account/profile/second-factor/off", &[("confirm", "wrong password", "")]),
    ("/account/profile/recovery-codes", &[("confirm_codes", "wrong password", "")]),
    ("/account/profile/sessions/end", &[("id", "999", "")]),
    ("/account/profile/sessions/end-others", &[]),
    ("/account/theme", &[("theme", "dark", ""), ("here", "/dashboard/dev", "")]),
    ("/account/sign-out", &[]),
    ("/{environment}/connections/bulk", &[("action", "refresh", ""), ("row", "keys/none", "")]),
    (
        "/{environment}/connections/new",
        &[
            ("integration", "keys", "elcsw"),
            ("end_user_id", "u", "lc"),
            ("email", "a@example.com", "lcsw"),
            ("how", "share", ""),
        ],
    ),
    ("C/refresh", &[]),
    ("C/link", &[]),
    ("C/reconnect", &[]),
    ("C/credentials", &[]),
    ("C/metadata", &[("metadata", "{}", "ecsw"), ("mark", "x", ""), ("sure", "", "")]),
    ("C/tags", &[("tags", "a=b", "lcsw")]),
    ("C/delete", &[("confirm", "other", "elcsw")]),
    ("/account/team/invite", &[("email", "new@example.com", "elcsw"), ("role", "admin", "elcsw")]),
    ("/account/team/withdraw", &[("id", "999", "")]),
    ("/account/team/role", &[("id", "999", ""), ("role", "admin", "")]),
    ("/account/team/remove", &[("id", "999", "")]),
    (
        "/{environment}/integrations/new/{provider}",
        &[("unique_key", "new-one", "elcsw"), ("display_name", "New", "lc")],
    ),
    (
        "/{environment}/integrations/{integration}",
        &[("unique_key", "keys", "elcsw"), ("display_name", "Keys", "lc")],
    ),
    ("/{environment}/integrations/{integration}/scopes", &[("scopes", "a", ""), ("sure", "", "")]),
    (
        "/{environment}/integrations/{integration}/installs",
        &[("claim_url", "https://app.example/claim", "lcsw"), ("accept_installs", "true", "")],
    ),
    // Nothing of it may be taken, for it could be claimed only once: there is no end user, and a
    // connection has the id already.
    (
        "/{environment}/installs/{install}",
        &[
            ("end_user_id", "", "elc"),
            ("email", "a@example.com", "lcsw"),
            // The official clients may name a connection as the "w" is.
            ("connection_id", "taken", "lcs"),
        ],
    ),
    ("/{environment}/installs/{install}/dismiss", &[]),
    (
        "/{environment}/integrations/{integration}/proxy",
        &[
            ("allowed_hosts", "api.example.com", "lcsw"),
            ("calls_per_minute", "100", "lcsw"),
            ("calls_per_minute_per_connection", "10", "lcsw"),
        ],
    ),
    (
        "/{environment}/integrations/{integration}/webhooks",
        &[
            ("webhook_secret", "a secret", "l"),
            ("recipe", "hmac_sha256", "lcsw"),
            ("forward_webhooks", "true", ""),
            ("accept_unverified", "", ""),
            ("learn", "", ""),
            ("remove_secret", "", ""),
        ],
    ),
    ("/{environment}/integrations/{integration}/delete", &[("confirm", "other", "elcsw")]),
    ("/{environment}/integrations/restore", &[("id", "999", "")]),
    (
        "/{environment}/settings",
        &[("return_urls", "https://app.example.com", "lcsw"), ("single_use_sessions", "true", "")],
    ),
    ("/{environment}/settings/identity", &[("name", "dev", "elcsw"), ("is_production", "", "")]),
    ("/{environment}/settings/delete", &[("confirm", "other", "elcsw")]),
    (
        "/{environment}/settings/keys",
        &[
            ("name", "backend", "elc"),
            ("lifetime", "never", "lcsw"),
            ("kind", "custom", ""),
            ("scope", "environment:integrations:read", "elcsw"),
        ],
    ),
    ("/{environment}/settings/keys/rotate", &[("id", "999", ""), ("overlap", "none", "")]),
    ("/{environment}/settings/keys/revoke", &[("id", "1", ""), ("confirm", "other", "elcsw")]),
    (
        "/{environment}/settings/webhooks",
        &[
            ("webhook_url", "https://93.184.216.34/a", "lcsw"),
            ("webhook_url_secondary", "https://93.184.216.34/b", "lcsw"),
            ("on_auth_creation", "true", ""),
        ],
    ),
    ("/{environment}/settings/webhooks/test", &[]),
    ("/{environment}/settings/webhooks/replay", &[("id", "999", "")]),
    ("/{environment}/settings/webhooks/signing-key", &[]),
    ("/{environment}/settings/webhooks/signing-key/rotate", &[]),
    (
        "/{environment}/settings/alerts",
        &[
            ("alert_url", "https://93.184.216.34/a", "lcsw"),
            ("alert_emails", "ada@example.com", "lcsw"),
        ],
    ),
    ("/{environment}/settings/alerts/test", &[]),
    (
        "/{environment}/settings/callback-url",
        &[("callback_url", "https://93.184.216.34/a", "lcsw"), ("unchecked", "true", "")],
    ),
    (
        "/{environment}/settings/connect-ui",
        &[
            ("connect_ui_name", "Us", "lc"),
            ("connect_ui_logo", "", "lcsw"),
            ("connect_ui_primary_light", "#112233", "lcsw"),
            ("connect_ui_primary_dark", "#eeeeee", "lcsw"),
            ("connect_ui_font_family", "Inter", "lcsw"),
            ("connect_ui_radius", "4", "lcsw"),
            ("connect_ui_theme", "light", "lcsw"),
            ("connect_ui_watermark", "true", ""),
        ],
    ),
    ("/{environment}/settings/connect-ui/preview", &[("connect_ui_name", "Us", "")]),
    ("/{environment}/settings/variables", &[("lines", "A=b", "elcsw")]),
    ("/{environment}/settings/variables/unset", &[("name", "NONE", "")]),
    ("/{environment}/settings/variables/reveal", &[("name", "NONE", "")]),
    ("/account/profile/passkeys", &[("client_data", "x", ""), ("attestation", "x", "")]),
    ("/account/profile/passkeys/new", &[("passkey_password", "wrong password", "elcsw")]),
    ("/account/profile/passkeys/{id}", &[("name", "x", "")]),
    ("/account/profile/passkeys/{id}/remove", &[("confirm", "wrong password", "")]),
];

/// Fields in which a wrong password is counted.
const PASSWORDS: &[&str] = &["current", "confirm", "confirm_codes", "passkey_password", "code"];

/// Pages that show all that the forms could change.
const PAGES: &[&str] = &[
    "/account/environments",
    "/account/profile",
    "/account/team",
    "/dev/connections",
    "/dev/connections/keys/c",
    "/dev/installs",
    "/dev/integrations",
    "/dev/integrations/keys",
    "/dev/settings",
    "/dev/settings/alerts",
    "/dev/settings/callback-url",
    "/dev/settings/connect-ui",
    "/dev/settings/keys",
    "/dev/settings/variables",
    "/dev/settings/webhooks",
];

async fn snapshot(owner: &Person<'_>) -> String {
    let mut all = String::new();
    for path in PAGES {
        let page = owner.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        let (_, main) = page.text.split_once("<main").unwrap();
        writeln!(all, "{path} {main}").unwrap();
    }
    all
}

/// Waits until the page of keys says that the connection was made with one: that is written down
/// beside the answer.
async fn used(owner: &Person<'_>) {
    for _ in 0..500 {
        if owner.get("/dev/settings/keys").await.text.contains("\"Last used\">just now<") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the key was never marked as used");
}

/// A path of objects that there are. Only `shop` can be installed at its provider.
fn filled(path: &str, install: &str) -> String {
    let mut path = path.replacen('C', CONNECTION, usize::from(path.starts_with("C/")));
    let integration = if path.ends_with("/installs") { "shop" } else { "keys" };
    for (name, value) in [
        ("{environment}", "dev"),
        ("{install}", install),
        ("{integration}", integration),
        ("{connection}", "c"),
        ("{provider}", "emulator-api-key"),
        ("{id}", "x"),
    ] {
        path = path.replace(name, value);
    }
    path
}

/// Whether a page repeats the form, with a sentence that a screen reader ties to the field.
fn says_beside(page: &Answer, field: &str) -> bool {
    let text = &page.text;
    let described = format!(" aria-describedby=\"{field}-issue\"");
    let name = format!(" name=\"{field}\"");
    let tags = || text.split('<').filter_map(|part| part.split('>').next());
    // A field of its own, or a group of boxes.
    let is_tied = |tag: &str| {
        let is_field = tag.contains(&name) && tag.contains(" aria-invalid=\"true\"");
        tag.contains(&described) && (is_field || tag.starts_with("fieldset"))
    };
    tags().any(|tag| tag.contains(&name))
        && tags().any(is_tied)
        && text.contains(&format!(" id=\"{field}-issue\">"))
}

#[tokio::test]
async fn every_form_refuses_bad_input_beside_its_field_and_changes_nothing() {
    on_each(async |app: TestApp| {
        app.integration("emulator-api-key", "keys").await;
        let body = json!({"provider_config_key": "keys", "connection_id": "c",
            "credentials": {"type": "API_KEY", "apiKey": "emk_0123456789"}});
        let made = app.post("/connections").bearer(&app.api_key).json(&body).send().await;
        assert_eq!(made.status, 201, "{}", made.text);
        Market::open(&app).await;
        accept(&app, "shop").await;
        let (claimed, _) = install(&app, "good-1").await;
        let taken = json!({"connection_id": "taken", "end_user": {"id": "u"}});
        assert_eq!(claim(&app, &claimed, &taken).await.status, 201);
        let (waiting, _) = install(&app, "good-2").await;
        let owner = app.owner().await;
        used(&owner).await;
        let mut wrong = String::new();
        for (method, path, access) in dashboard::list() {
            if method != Method::POST || access == Access::Stranger {
                continue;
            }
            let known = FORMS.iter().find(|(known, _)| {
                known.replacen('C', CONNECTION, usize::from(known.starts_with("C/"))) == path
            });
            let Some((_, fields)) = known else { panic!("{path} has no entry in FORMS") };
            for (at, (field, _, refused)) in fields.iter().enumerate() {
                let mut before = snapshot(&owner).await;
                let mut is_all_refused = true;
                for (letter, _) in BAD {
                    let value = bad(letter);
                    let good = fields.iter().map(|(name, good, _)| (*name, *good));
                    let mut sent: Vec<_> = good.collect();
                    sent[at].1 = &value;
                    if PASSWORDS.contains(field) {
                        // Guessing is slowed down.
                        app.advance_s(3600);
                        before = snapshot(&owner).await;
                    }
                    let answer = owner.post(&filled(path, &waiting), &sent).await;
                    let what = format!("{path} {field} {letter}: {}", answer.status);
                    if !matches!(answer.status, 200 | 303 | 400 | 403 | 404) {
                        writeln!(wrong, "{what}").unwrap();
                    }
                    if answer.text.contains("<script>alert") {
                        writeln!(wrong, "{what} a script is written as it is").unwrap();
                    }
                    let must = refused.contains(letter);
                    if must && (answer.status != 400 || !says_beside(&answer, field)) {
                        writeln!(wrong, "{what} is not refused beside the field").unwrap();
                    }
                    is_all_refused &= answer.status >= 400;
                }
                let after = snapshot(&owner).await;
                if let Some((old, new)) = before
                    .lines()
                    .zip(after.lines())
                    .find(|(old, new)| is_all_refused && old != new)
                {
                    let what = format!("{path} {field} was refused and changed something:");
                    writeln!(wrong, "{what}\n{old}\n{new}").unwrap();
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
    })
    .await;
}
