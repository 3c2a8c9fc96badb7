//! INSTALL_PLUGIN: a plug-in installed at the provider. The person installs it there; calls are made
//! with the plug-in's own user name and password, which the operator keeps with the integration.

use serde_json::{Map, Value, json};
use url::Url;
use valetkey_catalog::AuthMode;

use super::basic::Basic;
use super::oauth2::callback_metadata;
use crate::credentials::Credentials;
use crate::error::{AuthError, Class};
use crate::mode::{AuthorizeInput, CallbackInput, Context, Grant, Mode, Redirect, Step};
use crate::request::HttpRequest;
use crate::verify::ensure_testable;

pub(super) struct InstallPlugin;

impl Mode for InstallPlugin {
    fn mode(&self) -> AuthMode {
        AuthMode::InstallPlugin
    }

    fn uses_browser(&self) -> bool {
        true
    }

    /// The operator typed them; they are tested before a connection is made with them.
    fn takes_typed_secrets(&self) -> bool {
        true
    }

    fn authorize_call(
        &self,
        context: &Context<'_>,
        credentials: &Credentials,
        request: &mut HttpRequest,
    ) {
        Basic.authorize_call(context, credentials, request);
    }

    fn authorize(&self, context: &Context<'_>, input: &AuthorizeInput<'_>) -> Step {
        match plugin_page(context, input.state) {
            Ok(url) => Step::Redirect(Redirect { url, memory: Map::new() }),
            Err(error) => Step::Failed(error),
        }
    }

    fn callback(&self, context: &Context<'_>, input: &CallbackInput<'_>) -> Step {
        match granted(context, input) {
            Ok(grant) => Step::Done(grant),
            Err(error) => Step::Failed(error),
        }
    }
}

fn incomplete(what: &str) -> AuthError {
    let message = format!("The integration has no {what}. Set it first.");
    AuthError::new(Class::Ours, "provider_config_err", message)
}

/// The page the plug-in is installed from. The provider hands `payload` back.
fn plugin_page(context: &Context<'_>, state: &str) -> Result<Url, AuthError> {
    credentials(context)?;
    let link = context.client.app_link.as_deref().unwrap_or_default();
    let mut url = Url::parse(link).map_err(|_| incomplete("link to its plug-in"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(incomplete("link to its plug-in"));
    }
    url.query_pairs_mut().append_pair("payload", state);
    Ok(url)
}

fn credentials(context: &Context<'_>) -> Result<Credentials, AuthError> {
    let custom = |name: &str| {
        let text = context.client.custom.get(name).and_then(Value::as_str)?;
        (!text.is_empty()).then(|| text.to_owned())
    };
    let username = custom("username").ok_or_else(|| incomplete("user name of its plug-in"))?;
    let password = custom("password").ok_or_else(|| incomplete("password of its plug-in"))?;
    let basic = json!({"type": "BASIC", "username": username, "password": password});
    Ok(Credentials::from_json(basic))
}

fn granted(context: &Context<'_>, input: &CallbackInput<'_>) -> Result<Grant, AuthError> {
    let learned = callback_metadata(context.provider, input)?;
    let missing =
        context.provider.redirect_uri_metadata.iter().find(|name| !learned.contains_key(*name));
    if let Some(name) = missing {
        let message = format!(
            "{} sent the browser back without {name}, so it is unknown where the plug-in was \
             installed. Start again and finish the installation there.",
            context.provider.display_name
        );
        return Err(AuthError::new(Class::Terminal, "callback_err", message));
    }
    let credentials = credentials(context)?;
    ensure_testable(context, &credentials)?;
    Ok(Grant { credentials, connection_config: learned })
}

#[cfg(test)]
mod tests {
    use valetkey_base::{Rng, Timestamp};
    use valetkey_catalog::Catalog;

    use super::*;
    use crate::mode::Client;

    const ENTRY: &str = "
test-plugin:
    display_name: Chat
    auth_mode: INSTALL_PLUGIN
    auth_type: BASIC
    redirect_uri_metadata: [website_id]
    proxy: {base_url: 'https://api.example.com'}
";

    fn with_client<T>(client: &Client, test: impl FnOnce(&Context<'_>) -> T) -> T {
        let (catalog, _) = Catalog::bundled().overlay(ENTRY, "tests").unwrap();
        let context = Context {
            provider: catalog.get("test-plugin").unwrap(),
            client,
            connection_config: &Map::new(),
            repairs: None,
            now: Timestamp::from_millis(0),
            rng: &Rng::seeded(1),
        };
        test(&context)
    }

    fn client() -> Client {
        Client {
            app_link: Some("https://app.example.com/plugins/1/?a=b".to_owned()),
            custom: json!({"username": "u", "password": "p"}).as_object().unwrap().clone(),
            ..Client::default()
        }
    }

    #[test]
    fn the_state_travels_as_payload() {
        let url = with_client(&client(), |context| plugin_page(context, "s&t")).unwrap();
        assert_eq!(url.as_str(), "https://app.example.com/plugins/1/?a=b&payload=s%26t");
        let bare = Client { custom: Map::new(), ..client() };
        let error = with_client(&bare, |context| plugin_page(context, "s")).unwrap_err();
        assert_eq!(error.code, "provider_config_err");
    }

    #[test]
    fn the_callback_says_where_it_was_installed() {
        let ended = |query: &[(String, String)]| {
            let input = CallbackInput {
                query,
                redirect_uri: "",
                verifier: "",
                memory: &Map::new(),
                started_at: Timestamp::from_millis(0),
            };
            with_client(&client(), |context| granted(context, &input))
        };
        let grant = ended(&[("website_id".to_owned(), "w1".to_owned())]).unwrap();
        assert_eq!(grant.connection_config["website_id"], "w1");
        let expected = json!({"type": "BASIC", "username": "u", "password": "p"});
        assert_eq!(grant.credentials.to_json(), expected);
        assert_eq!(ended(&[]).unwrap_err().code, "callback_err");
    }
}
