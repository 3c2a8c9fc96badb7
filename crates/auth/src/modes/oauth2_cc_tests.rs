use serde_json::json;
use valetkey_base::{Rng, Timestamp};
use valetkey_catalog::Catalog;

use super::*;
use crate::mode::Client;
use crate::request::Body;
use crate::test_keys::{self, CERTIFICATE};

fn with<T>(keys: &str, config: &Value, work: impl FnOnce(&Context<'_>) -> T) -> T {
    let entry = format!("auth_mode: OAUTH2_CC\ntoken_url: https://acme.test/token\n{keys}");
    let (catalog, _) = Catalog::empty().overlay(&entry, "acme.yaml").unwrap();
    let client = Client { scopes: vec!["a".to_owned(), "b".to_owned()], ..Client::default() };
    let config = config.as_object().unwrap().clone();
    work(&Context {
        provider: catalog.get("acme").unwrap(),
        client: &client,
        connection_config: &config,
        repairs: None,
        now: Timestamp::from_millis(1_772_356_211_120),
        rng: &Rng::seeded(3),
    })
}

fn sent(context: &Context<'_>, body: &Value) -> (HttpRequest, Pending) {
    match OAuth2Cc.submit(context, body).unwrap() {
        Step::Send { request, pending } => (request, pending),
        other => panic!("{other:?}"),
    }
}

fn shown(keys: &str, config: &Value) -> [String; 2] {
    let (request, _) = with(keys, config, |context| {
        sent(context, &json!({"client_id": "i", "client_secret": "s"}))
    });
    let basic = request.headers.iter().find(|(name, _)| name == "authorization");
    let body = String::from_utf8(request.body.encode().1).unwrap();
    [
        format!(
            "{}{}",
            request.url,
            basic.map(|(_, value)| format!(" {value}")).unwrap_or_default()
        ),
        body,
    ]
}

#[test]
fn the_token_request_in_every_shape() {
    let grant = "token_params: {grant_type: client_credentials}\n";
    let url = "https://acme.test/token";
    assert_eq!(
        shown(grant, &json!({})),
        [
            url.to_owned(),
            "grant_type=client_credentials&scope=a+b&client_id=i&client_secret=s".to_owned()
        ]
    );
    assert_eq!(
        shown(&format!("{grant}token_request_auth_method: basic"), &json!({"oauth_scopes": "x,y"})),
        [format!("{url} Basic aTpz"), "grant_type=client_credentials&scope=x+y".to_owned()]
    );
    assert_eq!(
        shown("token_request_auth_method: custom\nbody_format: json", &json!({})),
        [url.to_owned(), r#"{"scope":"a b","username":"i","password":"s"}"#.to_owned()]
    );
    assert_eq!(
        shown(
            "body_format: query",
            &json!({"authorization_params": {"audience": "z", "client_id": "no"}})
        ),
        [format!("{url}?scope=a+b&audience=z&client_id=i&client_secret=s"), String::new()]
    );
}

#[test]
fn the_stored_form_has_the_client_and_a_default_lifetime() {
    let config = json!({});
    with("", &config, |context| {
        let (_, pending) =
            sent(context, &json!({"client_id": "i", "client_secret": "s", "type": "OAUTH2_CC"}));
        let reply = |body: Value| {
            let reply =
                HttpReply { status: 200, headers: Vec::new(), body: body.to_string().into_bytes() };
            match OAuth2Cc.reply(context, &pending, &reply) {
                Step::Done(grant) => grant,
                other => panic!("{other:?}"),
            }
        };
        let grant = reply(json!({"access_token": "t"}));
        assert_eq!(
            grant.credentials.to_json(),
            json!({
                "type": "OAUTH2_CC", "token": "t", "client_id": "i", "client_secret": "s",
                "expires_at": "2026-03-01T10:05:11.120Z", "raw": {"access_token": "t"}
            })
        );
        assert_eq!(Value::Object(grant.connection_config), json!({"oauth_scopes": "a,b"}));
        assert!(OAuth2Cc.can_refresh(context.provider, &grant.credentials));
        for body in [json!({"data": {"token": "t"}}), json!({"jwt": "t"})] {
            assert_eq!(reply(body).credentials.access_token(), Some("t"));
        }
        let failed = HttpReply {
            status: 401,
            headers: Vec::new(),
            body: b"{\"error\":\"invalid_client\"}".to_vec(),
        };
        let Step::Failed(error) = OAuth2Cc.reply(context, &pending, &failed) else {
            panic!("a failure")
        };
        assert_eq!(
            (error.class, error.code.as_str()),
            (Class::Terminal, "client_credentials_fetch_error")
        );
    });
}

#[test]
fn a_missing_half_is_named() {
    with("", &json!({}), |context| {
        let code = |body: Value| OAuth2Cc.submit(context, &body).unwrap_err().remove(0).code;
        assert_eq!(code(json!({"client_secret": "s"})), "missing_client_id");
        assert_eq!(code(json!({"client_id": "i", "client_secret": ""})), "missing_client_secret");
    });
}

#[test]
fn a_certificate_goes_with_the_request() {
    with("", &json!({}), |context| {
        let key = test_keys::rsa();
        let mut body = json!({
            "client_id": "i", "client_secret": "s",
            "client_certificate": CERTIFICATE.replace('\n', "\\n"), "client_private_key": key.pem
        });
        let (request, _) = sent(context, &body);
        assert_eq!(request.identity.unwrap().certificate, CERTIFICATE);
        body["client_private_key"] = CERTIFICATE.into();
        let issue = OAuth2Cc.submit(context, &body).unwrap_err().remove(0);
        assert_eq!(issue.path, ["client_private_key"]);
        assert_eq!(
            issue.message,
            "Client private key is a certificate; its private key is expected."
        );
    });
}

#[test]
fn a_client_assertion_takes_the_algorithm_of_its_key() {
    for (key, algorithm) in [(test_keys::rsa(), "RS256"), (test_keys::p384(), "ES384")] {
        with("token_request_auth_method: private_key_jwt", &json!({}), |context| {
            let (request, pending) =
                sent(context, &json!({"client_id": "i", "client_private_key": key.pem}));
            let Body::Form(pairs) = request.body else { panic!("a form") };
            let value = |name: &str| pairs.iter().find(|(key, _)| key == name).unwrap().1.clone();
            assert_eq!(value("client_assertion_type"), crate::assertion::TYPE);
            let (header, claims) = key.verified(&value("client_assertion"));
            assert_eq!(header["alg"], algorithm);
            assert_eq!((claims["iss"].as_str(), claims["sub"].as_str()), (Some("i"), Some("i")));
            assert_eq!(claims["aud"], "https://acme.test/token");
            assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 300);
            assert!(pending.secrets.iter().any(|secret| secret.expose() == key.pem));
        });
    }
    with("token_request_auth_method: private_key_jwt", &json!({}), |context| {
        let body = json!({"client_id": "i", "client_private_key": "-----BEGIN PUBLIC KEY-----"});
        let issue = OAuth2Cc.submit(context, &body).unwrap_err().remove(0);
        assert_eq!(issue.path, ["client_private_key"]);
    });
}
