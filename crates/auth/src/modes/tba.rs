//! TBA: token-based authentication of NetSuite, OAuth 1.0a without a browser. The person brings a
//! token made for the integration; calls are signed with it.

use serde_json::{Map, Value, json};
use valetkey_base::Secret;
use valetkey_catalog::schema::OAuth1Signature;
use valetkey_catalog::{AuthMode, validate_credentials};

use crate::body::{BodyIssue, Reader};
use crate::client_auth::ActiveClient;
use crate::credentials::Credentials;
use crate::mode::{Context, Grant, Mode, Step};
use crate::oauth1_signature::Signer;
use crate::request::HttpRequest;
use crate::verify::ensure_testable;

const ID_CHARS_MAX: usize = 1024;
const SECRET_CHARS_MAX: usize = 2048;

pub(super) struct Tba;

impl Mode for Tba {
    fn mode(&self) -> AuthMode {
        AuthMode::Tba
    }

    fn takes_typed_secrets(&self) -> bool {
        true
    }

    fn authorize_call(
        &self,
        context: &Context<'_>,
        credentials: &Credentials,
        request: &mut HttpRequest,
    ) {
        let token = credentials.text("token_id").zip(credentials.text("token_secret"));
        let Some((token, client)) = token.zip(ActiveClient::stored(context, credentials).ok())
        else {
            return;
        };
        let account = account(context).unwrap_or_default();
        let realm = account.replacen('-', "_", 1).to_uppercase();
        let signer = Signer {
            consumer_key: &client.id,
            consumer_secret: &client.secret,
            token: Some(token),
            method: OAuth1Signature::HmacSha256,
            realm: Some(&realm),
        };
        // Only RSA can fail.
        let _ = signer.sign(request, &[], context.now, context.rng);
    }

    fn submit(&self, context: &Context<'_>, body: &Value) -> Result<Step, Vec<BodyIssue>> {
        let mut reader = Reader::new(body, &[]);
        reader.ignore("type");
        let token_id = reader.text("token_id", 1, ID_CHARS_MAX);
        let token_secret = reader.text("token_secret", 1, SECRET_CHARS_MAX);
        let own = [
            ("client_id", reader.optional_text("oauth_client_id_override", 1, ID_CHARS_MAX)),
            (
                "client_secret",
                reader.optional_text("oauth_client_secret_override", 1, SECRET_CHARS_MAX),
            ),
        ];
        let mut issues = reader.strict();
        issues.extend(account_issue(context));
        let given = Map::from_iter([
            ("token_id".to_owned(), Value::from(token_id.as_str())),
            ("token_secret".to_owned(), Value::from(token_secret.as_str())),
        ]);
        if let Err(found) = validate_credentials(context.provider, &given) {
            issues.extend(found.into_iter().map(BodyIssue::from));
        }
        let own: Map<String, Value> = own
            .into_iter()
            .filter_map(|(name, text)| Some((name.to_owned(), text?.into())))
            .collect();
        let credentials = stored(&token_id, &token_secret, &own);
        issues.extend(consumer_issue(context, &credentials));
        if !issues.is_empty() {
            return Err(issues);
        }
        if let Err(error) = ensure_testable(context, &credentials) {
            return Ok(Step::Failed(error));
        }
        Ok(Step::Done(Grant { credentials, connection_config: Map::new() }))
    }

    fn import_step(
        &self,
        context: &Context<'_>,
        credentials: &Value,
    ) -> Result<Step, Vec<BodyIssue>> {
        let imported = self.import(credentials);
        let mut issues = imported.as_ref().err().cloned().unwrap_or_default();
        issues.extend(account_issue(context));
        match imported {
            Ok(credentials) if issues.is_empty() => {
                Ok(Step::Done(Grant { credentials, connection_config: Map::new() }))
            }
            _ => Err(issues),
        }
    }

    fn import(&self, credentials: &Value) -> Result<Credentials, Vec<BodyIssue>> {
        let mut reader = Reader::new(credentials, &["credentials"]);
        reader.ignore("type");
        let token_id = reader.text("token_id", 1, ID_CHARS_MAX);
        let token_secret = reader.text("token_secret", 1, SECRET_CHARS_MAX);
        let own = reader.optional_override();
        let issues = reader.strict();
        if !issues.is_empty() {
            return Err(issues);
        }
        Ok(stored(&token_id, &token_secret, &own.unwrap_or_default()))
    }
}

fn stored(token_id: &str, token_secret: &str, own: &Map<String, Value>) -> Credentials {
    Credentials::from_json(json!({
        "type": "TBA", "token_id": token_id, "token_secret": token_secret, "config_override": own
    }))
}

fn account<'c>(context: &Context<'c>) -> Option<&'c str> {
    context
        .connection_config
        .get("accountId")
        .and_then(Value::as_str)
        .filter(|account| !account.is_empty())
}

/// The account is part of every signature and of the API's address.
fn account_issue(context: &Context<'_>) -> Option<BodyIssue> {
    let is_missing = account(context).is_none();
    is_missing.then(|| issue(&["connection_config", "accountId"], "Account ID is required."))
}

/// Calls are signed with a consumer's pair too: the connection's own, or the integration's.
fn consumer_issue(context: &Context<'_>, credentials: &Credentials) -> Option<BodyIssue> {
    let message = "is required, because the integration has none.";
    match ActiveClient::stored(context, credentials) {
        Err(_) => Some(issue(&["oauth_client_id_override"], &format!("Consumer key {message}"))),
        Ok(client) if client.secret == Secret::default() => {
            Some(issue(&["oauth_client_secret_override"], &format!("Consumer secret {message}")))
        }
        Ok(_) => None,
    }
}

fn issue(path: &[&str], message: &str) -> BodyIssue {
    BodyIssue {
        code: "custom".to_owned(),
        message: message.to_owned(),
        path: path.iter().map(|&part| part.to_owned()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use url::Url;
    use valetkey_base::{Rng, Timestamp};
    use valetkey_catalog::Catalog;

    use super::*;
    use crate::mode::Client;

    fn with<T>(client: &Client, config: &Value, work: impl FnOnce(&Context<'_>) -> T) -> T {
        let entry = "auth_mode: TBA\nproxy: {base_url: 'https://a.test'}\n\
                     connection_config: {accountId: {type: string}}";
        let (catalog, _) = Catalog::empty().overlay(entry, "acme.yaml").unwrap();
        work(&Context {
            provider: catalog.get("acme").unwrap(),
            client,
            connection_config: config.as_object().unwrap(),
            repairs: None,
            now: Timestamp::from_millis(0),
            rng: &Rng::seeded(1),
        })
    }

    fn client() -> Client {
        Client {
            client_id: Some("ck".to_owned()),
            client_secret: Some("cs".into()),
            ..Client::default()
        }
    }

    fn paths(step: Result<Step, Vec<BodyIssue>>) -> Vec<String> {
        step.unwrap_err().into_iter().map(|issue| issue.path.join(".")).collect()
    }

    #[test]
    fn the_pair_is_stored_and_no_secret_of_the_integration_with_it() {
        let config = json!({"accountId": "123-sb1"});
        with(&client(), &config, |context| {
            let body = json!({"token_id": "ti", "token_secret": "ts"});
            let Ok(Step::Done(grant)) = Tba.submit(context, &body) else { panic!("a grant") };
            assert_eq!(
                grant.credentials.to_json(),
                json!({
                    "type": "TBA", "token_id": "ti", "token_secret": "ts", "config_override": {}
                })
            );
            assert!(grant.connection_config.is_empty());
            let mut request =
                HttpRequest::new(http::Method::GET, Url::parse("https://a.test/x").unwrap());
            Tba.authorize_call(context, &grant.credentials, &mut request);
            let header = &request.headers[0].1;
            assert!(header.starts_with("OAuth realm=\"123_SB1\", oauth_consumer_key=\"ck\""));
            assert!(header.contains("HMAC-SHA256"), "{header}");
        });
    }

    #[test]
    fn what_is_missing_is_named() {
        let body = json!({"token_id": "ti", "token_secret": "ts"});
        let none = json!({});
        with(&client(), &none, |context| {
            assert_eq!(paths(Tba.import_step(context, &body)), ["connection_config.accountId"]);
            assert_eq!(paths(Tba.submit(context, &body)), ["connection_config.accountId"]);
        });
        let config = json!({"accountId": "1"});
        with(&Client::default(), &config, |context| {
            assert_eq!(paths(Tba.submit(context, &body)), ["oauth_client_id_override"]);
            let half = json!({
                "token_id": "ti", "token_secret": "ts", "oauth_client_id_override": "ck"
            });
            assert_eq!(paths(Tba.submit(context, &half)), ["oauth_client_secret_override"]);
            assert_eq!(paths(Tba.submit(context, &json!({"token_id": 1})))[0], "token_id");
        });
    }
}
