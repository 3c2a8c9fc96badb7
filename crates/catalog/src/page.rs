//! A Markdown page for each provider: what to register, what people are asked, what is unusual.

use std::fmt::Write as _;

use crate::load::Catalog;
use crate::schema::{AuthMode, ClientRegistration, Field, Provider};

/// The page of a provider.
pub fn of(provider: &Provider) -> String {
    let mut page = String::new();
    let title = &provider.display_name;
    let _ = writeln!(page, "# {title}\n");
    let _ = writeln!(page, "{}\n", summary(provider));
    setup(provider, &mut page);
    scopes(provider, &mut page);
    fields(provider, &mut page);
    learned(provider, &mut page);
    life(provider, &mut page);
    calls(provider, &mut page);
    if !provider.quirks.is_empty() {
        let _ = writeln!(page, "## Good to know\n");
        list(&provider.quirks, "-", &mut page);
    }
    sources(provider, &mut page);
    page.trim_end().to_owned() + "\n"
}

/// The list of all pages.
pub fn index(catalog: &Catalog) -> String {
    let mut page = String::from(
        "# Providers\n\nOne page for each entry of the bundled catalogue, written by\n\
         `valetkey providers pages docs/providers`.\n\n\
         | Provider | Key | Mode | Categories |\n|-|-|-|-|\n",
    );
    for provider in catalog.all() {
        let _ = writeln!(
            page,
            "| [{}]({}.md) | `{}` | {} | {} |",
            cell(&provider.display_name),
            provider.name,
            provider.name,
            provider.auth_mode,
            provider.categories.join(", ")
        );
    }
    let _ = writeln!(page, "\n{} providers.", catalog.len());
    page
}

fn summary(provider: &Provider) -> String {
    let mut text = format!(
        "Provider key `{}`, auth mode `{}`: {}",
        provider.name,
        provider.auth_mode,
        explain(provider.auth_mode)
    );
    if !provider.categories.is_empty() {
        let _ = write!(text, " Categories: {}.", provider.categories.join(", "));
    }
    text
}

/// One sentence on what connecting looks like.
const fn explain(mode: AuthMode) -> &'static str {
    match mode {
        AuthMode::OAuth2 => "people are sent to the provider to agree, and come back.",
        AuthMode::OAuth1 => "people are sent to the provider to agree, and come back (OAuth 1.0a).",
        AuthMode::OAuth2Cc => "people enter a client of their own (OAuth 2 client credentials).",
        AuthMode::Basic => "people enter a user name and a password, or what stands for them.",
        AuthMode::ApiKey => "people enter an API key.",
        AuthMode::Custom => "people install the app and agree in their own name.",
        AuthMode::App => "people install the app.",
        AuthMode::None => "nothing is needed.",
        AuthMode::Tba => "people enter a token made for the integration (token-based).",
        AuthMode::Jwt => "people enter a key, and this server signs tokens with it.",
        AuthMode::Bill => "people enter a login, which is exchanged for a session.",
        AuthMode::TwoStep => "people enter credentials, which are exchanged for a token.",
        AuthMode::Signature => "people enter a login, which signs every call.",
        AuthMode::McpOAuth2 => "people are sent to the MCP server's authorization page.",
        AuthMode::McpOAuth2Generic => {
            "people enter the address of an MCP server and agree on its authorization page."
        }
        AuthMode::InstallPlugin => "people install a plug-in at the provider.",
        AuthMode::AwsSigV4 => "people let a role be assumed, and calls are signed with it.",
    }
}

fn setup(provider: &Provider, page: &mut String) {
    let needs_callback = matches!(
        provider.auth_mode,
        AuthMode::OAuth1 | AuthMode::OAuth2 | AuthMode::Custom | AuthMode::McpOAuth2
    ) && provider.registration.kind != ClientRegistration::Dynamic;
    if provider.setup.is_empty() && !needs_callback {
        return;
    }
    let _ = writeln!(page, "## Set up\n");
    list(&provider.setup, "1.", page);
    if needs_callback {
        let _ = writeln!(
            page,
            "Callback URL to register: `<public_url>/oauth/callback`, or the environment's own \
             callback URL. The integration then takes the client ID and secret.\n"
        );
    }
    if provider.auth_mode == AuthMode::App {
        let _ = writeln!(page, "Setup URL to register: `<public_url>/app-auth/connect`.\n");
    }
}

fn scopes(provider: &Provider, page: &mut String) {
    let takes_scopes = matches!(
        provider.auth_mode,
        AuthMode::OAuth2 | AuthMode::OAuth2Cc | AuthMode::McpOAuth2 | AuthMode::OAuth1
    );
    if !takes_scopes {
        return;
    }
    let _ = writeln!(page, "## Scopes\n");
    let scopes: Vec<String> =
        provider.default_scopes.iter().map(|scope| format!("`{scope}`")).collect();
    if scopes.is_empty() {
        let _ = writeln!(page, "Asked for as the integration names them; none unless it does.\n");
    } else {
        let scopes = scopes.join(", ");
        let _ = writeln!(page, "An integration without scopes of its own asks for {scopes}.\n");
    }
    if let Some(param) = &provider.authorization_user_scope_param {
        let _ = writeln!(page, "Scopes in the person's own name are sent as `{param}`.\n");
    }
}

fn fields(provider: &Provider, page: &mut String) {
    let groups = [
        ("Settings of the integration", &provider.integration_config),
        ("What people are asked", &provider.connection_config),
        ("Secrets people enter", &provider.credentials),
        ("Entered once and not shown again", &provider.assertion_option),
    ];
    for (title, fields) in groups {
        let shown: Vec<&Field> =
            fields.iter().filter(|field| !field.automated && !field.hidden).collect();
        if shown.is_empty() {
            continue;
        }
        let _ = writeln!(page, "## {title}\n\n| Field | Label | Meaning |\n|-|-|-|");
        for field in shown {
            let _ = writeln!(
                page,
                "| <a id=\"{}\"></a>`{}` | {} | {} |",
                field.name,
                field.name,
                cell(&field.title),
                cell(&meaning(field))
            );
        }
        page.push('\n');
    }
}

fn meaning(field: &Field) -> String {
    let mut text = field.description.clone().unwrap_or_default();
    if !field.one_of.is_empty() {
        let options: Vec<String> = field.one_of.iter().map(|one| format!("`{one}`")).collect();
        let _ = write!(text, " One of {}.", options.join(", "));
    } else if let Some(example) = field.example.as_ref().filter(|_| !field.secret) {
        let _ = write!(text, " Example: `{example}`.");
    }
    if let Some(condition) = &field.visible_when {
        let _ = write!(text, " Only with `{}` `{}`.", condition.field, condition.equals);
    }
    if let Some(default) = field.default_value.as_ref().filter(|text| !text.is_empty()) {
        let _ = write!(text, " `{default}` unless given.");
    } else if !field.is_required() {
        text.push_str(" Optional.");
    }
    text.trim().to_owned()
}

fn learned(provider: &Provider, page: &mut String) {
    let kept = provider.post_connection.iter().flat_map(|step| &step.keep);
    let names: Vec<String> = provider
        .redirect_uri_metadata
        .iter()
        .chain(&provider.token_response_metadata)
        .chain(kept.map(|kept| &kept.name))
        .map(|name| format!("`{name}`"))
        .collect();
    if !names.is_empty() {
        let _ = writeln!(page, "## Learned when connecting\n");
        let _ = writeln!(page, "Kept in `connection_config`: {}.\n", names.join(", "));
    }
}

/// What happens to the credentials between the first day and the last.
fn life(provider: &Provider, page: &mut String) {
    let mut facts: Vec<String> = Vec::new();
    if let Some(check) = &provider.proxy.verification
        && let Some(endpoint) = check.endpoints.first()
    {
        let method = &check.method;
        facts
            .push(format!("New ones are tried with `{method} {endpoint}` before they are stored."));
    }
    if provider.refreshes_by_access_token() {
        facts.push("The access token is exchanged for a younger one before it ends.".to_owned());
    }
    if let Some(seconds) = provider.token_fixed_lifetime_seconds {
        facts.push(format!("A token counts for {seconds} seconds, whatever its answer says."));
    }
    for token in &provider.companion_tokens {
        facts.push(format!("A second token is kept beside the first: `{}`.", token.store));
    }
    if provider.revocation_url.is_some() {
        facts.push("Deleting a connection revokes its grant at the provider.".to_owned());
    }
    if !facts.is_empty() {
        let _ = writeln!(page, "## Credentials\n");
        list(&facts, "-", page);
    }
}

fn calls(provider: &Provider, page: &mut String) {
    if let Some(base_url) = &provider.proxy.base_url {
        let _ = writeln!(page, "## API\n\nBase URL: `{base_url}`.\n");
    }
}

fn sources(provider: &Provider, page: &mut String) {
    let _ = writeln!(page, "## Sources\n");
    if let Some(docs) = &provider.docs {
        let _ = writeln!(page, "- API documentation: <{docs}>");
    }
    if let Some(source) = &provider.source {
        let checked = provider.checked.as_deref().unwrap_or("an unknown day");
        let _ = writeln!(page, "- Written from <{source}>, checked on {checked}.");
    }
}

fn list(items: &[String], mark: &str, page: &mut String) {
    for item in items {
        let _ = writeln!(page, "{mark} {item}");
    }
    if !items.is_empty() {
        page.push('\n');
    }
}

/// A text that does not end its table cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_what_the_entry_knows() {
        let catalog = Catalog::bundled();
        let page = of(catalog.get("salesforce").unwrap());
        for part in [
            "# Salesforce\n",
            "`OAUTH2`",
            "1. In Setup",
            "<public_url>/oauth/callback",
            "`hostname` | My Domain |",
            "## Scopes\n",
            "Deleting a connection revokes",
            "Kept in `connection_config`: `instance_url`",
            "checked on 20",
        ] {
            assert!(page.contains(part), "{part}\n{page}");
        }
        assert!(!page.contains("instance_url` |"), "what the server fills is not asked");
        assert!(index(&catalog).contains("[Salesforce](salesforce.md)"));
    }
}
