use serde_json::json;
use valetkey_base::{Rng, Timestamp};
use valetkey_catalog::Catalog;

use super::*;
use crate::keys::{Algorithm, SigningKey, signed_jwt};
use crate::mode::Client;
use crate::request::Body;
use crate::test_keys;

const NOW: Timestamp = Timestamp::from_millis(1_772_356_211_120);

const LOGIN: &str = "token_url: https://${connectionConfig.host}/login\n\
    token_params: {user: '${credentials.user}', inner: {pass: '${password}', opt: '${credentials.opt}'}, \
    n: 1, flag: false}\ntoken_headers: {x-a: '${base64(${credentials.user})}', x-b: '${credentials.opt}'}\n\
    token_response: {token: data.token, refresh_token: data.renew, token_expiration: data.ttl, \
    token_expiration_strategy: expireIn}\ntoken_response_metadata: [data.site]\n\
    credentials: {user: {type: string, title: User}, password: {type: string, title: Password, secret: true}, \
    opt: {type: string, title: Option, optional: true}}\n";

struct Setting {
    catalog: Catalog,
    client: Client,
    config: Map<String, Value>,
    rng: Rng,
    now: Timestamp,
}

impl Setting {
    fn new(entry: &str) -> Self {
        let entry = format!("auth_mode: TWO_STEP\n{entry}");
        let (catalog, findings) = Catalog::empty().overlay(&entry, "acme.yaml").unwrap();
        assert!(findings.is_empty(), "{findings:?}");
        let config = json!({"host": "acme.test"}).as_object().unwrap().clone();
        Self { catalog, client: Client::default(), config, rng: Rng::seeded(3), now: NOW }
    }

    fn context(&self) -> Context<'_> {
        Context {
            provider: self.catalog.get("acme").unwrap(),
            client: &self.client,
            connection_config: &self.config,
            repairs: None,
            now: self.now,
            rng: &self.rng,
        }
    }

    fn submit(&self, body: &Value) -> (HttpRequest, Pending) {
        sent(TwoStep.submit(&self.context(), body).unwrap())
    }

    fn issues(&self, body: &Value) -> Vec<String> {
        let issues = TwoStep.submit(&self.context(), body).map(|step| format!("{step:?}"));
        let text = |issue: &BodyIssue| format!("{}: {}", issue.path.join("."), issue.message);
        issues.unwrap_err().iter().map(text).collect()
    }

    fn reply(&self, pending: &Pending, reply: &HttpReply) -> Step {
        TwoStep.reply(&self.context(), pending, reply)
    }

    fn grant(&self, pending: &Pending, body: &Value) -> Grant {
        match self.reply(pending, &json_reply(200, body)) {
            Step::Done(grant) => grant,
            other => panic!("{other:?}"),
        }
    }

    fn refresh(&self, credentials: &Credentials) -> (HttpRequest, Pending) {
        sent(TwoStep.refresh(&self.context(), credentials))
    }
}

fn sent(step: Step) -> (HttpRequest, Pending) {
    match step {
        Step::Send { request, pending } => (request, pending),
        other => panic!("{other:?}"),
    }
}

fn failed(step: Step) -> AuthError {
    match step {
        Step::Failed(error) => error,
        other => panic!("{other:?}"),
    }
}

fn json_reply(status: u16, body: &Value) -> HttpReply {
    text_reply(status, &body.to_string())
}

fn text_reply(status: u16, body: &str) -> HttpReply {
    HttpReply { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
}

fn body_of(request: &HttpRequest) -> String {
    String::from_utf8(request.body.encode().1).unwrap()
}

fn header<'r>(request: &'r HttpRequest, name: &str) -> Option<&'r str> {
    request.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn typed() -> Value {
    json!({"type": "TWO_STEP", "user": "ann", "password": "p${now}||", "opt": ""})
}

#[test]
fn a_login_in_every_format() {
    for (format, expected) in [
        ("json", r#"{"user":"ann","inner":{"pass":"p${now}||"},"n":1,"flag":false}"#),
        ("form", "user=ann&inner=%7B%22pass%22%3A%22p%24%7Bnow%7D%7C%7C%22%7D&n=1&flag=false"),
        (
            "xml",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><user>ann</user><inner><pass>p${now}||\
             </pass></inner><n>1</n><flag>false</flag>",
        ),
    ] {
        let setting = Setting::new(&format!("{LOGIN}body_format: {format}"));
        let (request, _) = setting.submit(&typed());
        assert_eq!(request.method, http::Method::POST);
        assert_eq!(request.url.as_str(), "https://acme.test/login");
        assert_eq!(body_of(&request), expected);
        assert_eq!(header(&request, "x-a"), Some("YW5u"));
        assert_eq!(header(&request, "x-b"), None);
    }
    let setting = Setting::new(&format!("{LOGIN}token_request_method: GET"));
    let (request, _) = setting.submit(&typed());
    assert_eq!(request.method, http::Method::GET);
    assert!(matches!(request.body, Body::Empty));
}

#[test]
fn what_is_stored_and_how_it_is_renewed() {
    let setting = Setting::new(LOGIN);
    let (_, pending) = setting.submit(&typed());
    let answer = json!({"data": {"token": "t1", "renew": "r1", "ttl": "2h", "site": 7}});
    let grant = setting.grant(&pending, &answer);
    assert_eq!(
        grant.credentials.to_json(),
        json!({"type": "TWO_STEP", "token": "t1", "refresh_token": "r1",
            "expires_at": "2026-03-01T11:10:11.120Z", "raw": answer,
            "user": "ann", "password": "p${now}||"})
    );
    assert_eq!(Value::Object(grant.connection_config), json!({"data.site": 7}));
    // Without a refresh request the login is made again.
    let (request, pending) = setting.refresh(&grant.credentials);
    assert!(body_of(&request).contains("ann"));
    let again = setting.grant(&pending, &json!({"data": {"token": 42}}));
    assert_eq!(again.credentials.access_token(), Some("42"));
    assert_eq!(again.credentials.refresh_token(), None);
    assert_eq!(again.credentials.to_json()["expires_at"], "2125-02-05T09:10:11.120Z");
}

#[test]
fn a_refresh_request_is_made_when_there_is_one_and_a_login_when_it_is_refused() {
    let setting = Setting::new(&format!(
        "{LOGIN}refresh_url: https://acme.test/renew\nrefresh_token_params: {{r: '${{refresh_token}}'}}\n\
         refresh_token_headers: {{authorization: 'Bearer ${{token}}'}}"
    ));
    let (_, pending) = setting.submit(&typed());
    let first = setting.grant(&pending, &json!({"data": {"token": "t1", "renew": "r1"}}));
    let (request, pending) = setting.refresh(&first.credentials);
    assert_eq!(request.url.path(), "/renew");
    assert_eq!(body_of(&request), r#"{"r":"r1"}"#);
    assert_eq!(header(&request, "authorization"), Some("Bearer t1"));
    let renewed = setting.grant(&pending, &json!({"data": {"token": "t2"}}));
    assert_eq!(renewed.credentials.refresh_token(), Some("r1"), "the old one stays");

    let refused = setting.reply(&pending, &json_reply(401, &json!({"error": "invalid_token"})));
    let (login, pending) = sent(refused);
    assert_eq!(login.url.path(), "/login");
    let refused = setting.reply(&pending, &json_reply(401, &json!({"message": "no p${now}||"})));
    let error = failed(refused);
    assert_eq!(error.class, Class::Terminal);
    assert_eq!(error.provider_description.as_deref(), Some("no [redacted]"));
    let busy = setting.refresh(&first.credentials).1;
    assert_eq!(failed(setting.reply(&busy, &text_reply(503, ""))).class, Class::Transient);
}

const STEPS: &str = "token_url: https://acme.test/one\ntoken_response_metadata: [base, until]\ntoken_params: {user: '${credentials.user}'}\n\
    body_format: form\ntoken_response: {token: access, token_expiration: until}\n\
    token_response_headers: [set-cookie, x-csrf]\n\
    additional_steps:\n  - {token_url: '${step1.base}/two?u=${credentials.user}', token_request_method: GET, \
    token_headers: {authorization: 'Bearer ${step1.tokens.first}', cookie: '${credentials._cookies}'}}\n  \
    - {token_url: 'https://${connectionConfig.host}/three', body_format: json, \
    token_params: {a: '${step1.tokens.first}', b: '${step2.id}', c: '${credentials.user}'}}\n";

#[test]
fn steps_name_earlier_answers_and_cookies_are_kept() {
    let setting = Setting::new(STEPS);
    let (request, pending) = setting.submit(&json!({"user": "ann"}));
    assert_eq!(body_of(&request), "user=ann");
    let mut reply =
        json_reply(201, &json!({"base": "https://eu.acme.test/api", "tokens": {"first": "f1"}}));
    reply.headers = [
        ("set-cookie", "sid=s1; Path=/; HttpOnly"),
        ("set-cookie", "token=evil"),
        ("x-csrf", "c1"),
        ("x-other", "no"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    let (request, pending) = sent(setting.reply(&pending, &reply));
    assert_eq!(request.url.as_str(), "https://eu.acme.test/api/two?u=ann");
    assert_eq!(request.method, http::Method::GET);
    assert_eq!(header(&request, "authorization"), Some("Bearer f1"));
    assert_eq!(header(&request, "cookie"), Some("sid=s1; token=evil"));
    let mut reply = json_reply(200, &json!({"id": 9}));
    reply.headers = vec![("set-cookie".to_owned(), "sid=s2".to_owned())];
    let (request, pending) = sent(setting.reply(&pending, &reply));
    assert_eq!(request.url.as_str(), "https://acme.test/three");
    assert_eq!(body_of(&request), r#"{"a":"f1","b":"9","c":"ann"}"#);
    let grant = setting.grant(&pending, &json!({"access": "t", "until": "0:02:00"}));
    assert_eq!(
        grant.credentials.to_json(),
        json!({"type": "TWO_STEP", "token": "t", "expires_at": "2026-03-01T11:10:11.120Z",
            "raw": {"access": "t", "until": "0:02:00"}, "user": "ann",
            "sid": "s2", "_cookies": "token=evil; sid=s2", "x-csrf": "c1"})
    );
    assert_eq!(
        Value::Object(grant.connection_config),
        json!({"base": "https://eu.acme.test/api", "until": "0:02:00"}),
        "every answer counts"
    );
    let (request, _) = setting.refresh(&grant.credentials);
    assert_eq!(request.url.path(), "/one");
}

#[test]
fn each_failure_has_its_code_and_class() {
    let setting = Setting::new(STEPS);
    let (_, first) = setting.submit(&json!({"user": "ann"}));
    let code = |step: Step| {
        let error = failed(step);
        (error.code, error.class)
    };
    let fetch = "two_step_credentials_fetch_error".to_owned();
    let refused = setting.reply(&first, &json_reply(401, &json!({})));
    assert_eq!(code(refused), (fetch.clone(), Class::Terminal));
    let down = setting.reply(&first, &text_reply(500, "<html>"));
    assert_eq!(code(down), (fetch, Class::Transient));
    // A step that needs what the answer does not hold.
    let empty = setting.reply(&first, &json_reply(200, &json!({})));
    assert_eq!(code(empty), ("invalid_two_step_credentials_step_2".to_owned(), Class::Ours));
    let answer = json!({"base": "https://eu.acme.test", "tokens": {"first": "f1"}});
    let (_, second) = sent(setting.reply(&first, &json_reply(200, &answer)));
    let refused = setting.reply(&second, &json_reply(403, &json!({})));
    assert_eq!(code(refused), ("invalid_two_step_credentials_step_2".to_owned(), Class::Terminal));
    let (_, third) = sent(setting.reply(&second, &json_reply(200, &json!({"id": 1}))));
    let no_token = setting.reply(&third, &json_reply(200, &json!({"access": ""})));
    assert_eq!(code(no_token), ("invalid_two_step_credentials".to_owned(), Class::Ours));
    let told = setting.reply(&third, &json_reply(200, &json!({"error": "wrong password"})));
    assert_eq!(code(told), ("invalid_two_step_credentials".to_owned(), Class::Terminal));

    let setting = Setting::new("token_params: {a: b}");
    let error = failed(TwoStep.submit(&setting.context(), &json!({})).unwrap());
    assert_eq!(error.code, "missing_token_url");
}

#[test]
fn xml_answers_and_whole_answers_hold_tokens() {
    let entry = "token_url: https://a.test/x\nbody_format: xml\ntoken_response: {token: r.s.id, \
                 token_expiration: r.until}\n";
    let setting = Setting::new(entry);
    let (_, pending) = setting.submit(&json!({}));
    let answer = "<?xml version=\"1.0\"?><r><until>2026-03-01T10:00:00+00:00</until>\
                  <s><id kind=\"x\">t&amp;1</id></s></r>";
    let Step::Done(grant) = setting.reply(&pending, &text_reply(200, answer)) else {
        panic!("a grant")
    };
    assert_eq!(grant.credentials.access_token(), Some("t&1"));
    assert_eq!(grant.credentials.to_json()["expires_at"], "2026-03-01T10:00:00.000Z");
    let refusal = "<r><status>failure</status><errormessage><error><errorno>XL1</errorno>\
                   <description2>Sign-in is wrong</description2></error></errormessage></r>";
    let error = failed(setting.reply(&pending, &text_reply(200, refusal)));
    assert_eq!(error.provider_description.as_deref(), Some("Sign-in is wrong"));
    assert_eq!(error.class, Class::Terminal);

    let entry = "token_url: https://a.test/x\ntoken_response: {token: ''}\ntoken_expires_in_ms: 0";
    let setting = Setting::new(entry);
    let (_, pending) = setting.submit(&json!({}));
    for text in ["\"tok-1\"", " tok-1\n"] {
        let Step::Done(grant) = setting.reply(&pending, &text_reply(200, text)) else {
            panic!("a grant")
        };
        assert_eq!(
            grant.credentials.to_json(),
            json!({"type": "TWO_STEP", "token": "tok-1", "raw": "tok-1"})
        );
    }
}

fn token_until(end: Timestamp) -> String {
    let claims = Map::from_iter([("exp".to_owned(), Value::from(end.seconds()))]);
    let key = SigningKey::shared("k", true).unwrap();
    signed_jwt(Map::new(), &claims, &key, Algorithm::Hs256).unwrap()
}

/// The margin is kept once, by whoever decides that a token is due.
#[test]
fn tokens_that_say_when_they_end_are_believed_without_a_margin() {
    let at = |minutes: u64| NOW.plus(Duration::from_mins(minutes));
    let iso = |minutes: u64| Timestamp::from_millis(at(minutes).seconds() * 1000).to_iso_z();
    let expiry = |more: &str, data: Value| {
        let setting = Setting::new(&format!("{LOGIN}{more}"));
        let (_, pending) = setting.submit(&typed());
        let grant = setting.grant(&pending, &json!({ "data": data }));
        grant.credentials.to_json().get("expires_at").cloned()
    };
    let jwt = token_until(at(10));
    assert_eq!(expiry("", json!({"token": jwt})), Some(iso(10).into()));
    assert_eq!(expiry("token_expires_in_ms: 0", json!({"token": jwt})), Some(iso(10).into()));
    assert_eq!(
        expiry("token_expires_in_ms: 300000", json!({"token": jwt})),
        Some(at(5).to_iso_z().into())
    );
    assert_eq!(
        expiry("", json!({"token": jwt, "ttl": 3600})),
        Some(at(60).to_iso_z().into()),
        "what the answer says comes first"
    );
    let renew = token_until(at(30));
    assert_eq!(
        expiry("", json!({"token": "t", "ttl": 3600, "renew": renew})),
        Some(iso(30).into()),
        "a refresh token has to be used while it lives"
    );
    assert_eq!(expiry("token_expires_in_ms: 0", json!({"token": "t"})), None);
}

#[test]
fn signed_tokens_and_assertions_go_into_the_login_and_are_signed_again() {
    let key = test_keys::rsa();
    let setting = Setting::new(
        "token_url: https://a.test/t\nbody_format: form\ntoken_params: {assertion: '${token}'}\n\
         token_response: {token: access_token}\nsignature: {protocol: RSA}\n\
         token: {signing_key: '${credentials.pem}', expires_in_ms: 3600000, payload: {iss: '${credentials.id}'}}\n\
         credentials: {pem: {type: string, title: Private key}, id: {type: string, title: Id}}",
    );
    let (request, pending) = setting.submit(&json!({"pem": key.pem, "id": "svc"}));
    let Body::Form(pairs) = &request.body else { panic!("a form") };
    let (_, claims) = key.verified(&pairs[0].1);
    assert_eq!(claims["iss"], "svc");
    let grant = setting.grant(&pending, &json!({"access_token": "a"}));
    assert_eq!(grant.credentials.access_token(), Some("a"));
    let (request, _) = setting.refresh(&grant.credentials);
    assert!(body_of(&request).starts_with("assertion=eyJ"));
    assert_eq!(
        setting.issues(&json!({"pem": "nonsense", "id": "svc"})),
        ["pem: Private key is not a private key; PEM (PKCS#8, PKCS#1 or SEC1) or a JWK with its \
          private part is expected."]
    );
}

const ASSERTION: &str = "token_url: https://a.test/t\nbody_format: form\n\
    token_params: {client_assertion: '${credentials.assertion}'}\n\
    token_response: {token: access_token, token_expiration: expires_in, token_expiration_strategy: expireIn}\n\
    assertion: {type: jwt, key: '${assertionOption.privateKey}', lifetimeInSeconds: 3600, \
    header: {alg: RS256}, payload: {iss: '${credentials.id}'}}\n\
    credentials: {id: {type: string, title: Id}, assertion: {type: string, title: Assertion, automated: true}}\n\
    assertion_option: {privateKey: {type: string, title: Private key}}";

/// One-time inputs outlive the assertion made of them.
#[test]
fn an_assertion_that_expired_is_signed_again_with_hidden_inputs() {
    let key = test_keys::rsa();
    let mut setting = Setting::new(ASSERTION);
    let body =
        json!({"id": "me", "assertion": "typed", "assertionOption": {"privateKey": key.pem}});
    let (request, pending) = setting.submit(&body);
    let Body::Form(pairs) = &request.body else { panic!("a form") };
    let assertion = pairs[0].1.clone();
    key.verified(&assertion);
    let grant = setting.grant(&pending, &json!({"access_token": "a", "expires_in": 3600}));
    let stored = grant.credentials.to_json();
    assert_eq!(stored["_assertion_option"]["privateKey"], key.pem);
    assert_eq!(stored["assertion"], assertion);
    let shown = grant.credentials.shown(true);
    assert!(shown.get("_assertion_option").is_none() && !shown.to_string().contains("PRIVATE"));

    setting.now = NOW.plus(Duration::from_hours(30));
    let (request, pending) = setting.refresh(&grant.credentials);
    let Body::Form(pairs) = &request.body else { panic!("a form") };
    let (_, claims) = key.verified(&pairs[0].1);
    assert_eq!(claims["exp"], setting.now.seconds() + 3600);
    assert!(pending.secrets.iter().any(|secret| secret.expose() == key.pem));
    let again = setting.grant(&pending, &json!({"access_token": "b"}));
    assert_eq!(again.credentials.to_json()["_assertion_option"]["privateKey"], key.pem);

    // Stored elsewhere, without them: it ends with the assertion, and says so.
    let without = Credentials::from_json(grant.credentials.shown(true));
    let error = failed(TwoStep.refresh(&setting.context(), &without));
    assert_eq!((error.class, error.code.as_str()), (Class::Terminal, "failed_to_sign"));
    assert_eq!(
        setting.issues(&json!({"assertionOption": {}})),
        ["id: Id is required.", "assertionOption.privateKey: Private key is required."]
    );
}

#[test]
fn what_the_integration_presets_wins_and_is_not_stored() {
    let mut setting = Setting::new(
        "token_url: https://a.test/t\ntoken_params: {key: '${credentials.appKey}', user: '${credentials.user}'}\n\
         token_response: {token: t}\ncredentials: {user: {type: string, title: User}}\n\
         integration_config: {appKey: {type: string, title: App key, optional: true, pattern: '^k'}}",
    );
    assert_eq!(setting.issues(&json!({"user": "ann"})), ["appKey: App key is required."]);
    let typed = json!({"user": "ann", "appKey": "k-typed"});
    assert!(body_of(&setting.submit(&typed).0).contains("k-typed"));
    setting.client.custom.insert("appKey".to_owned(), "k-preset".into());
    let (request, pending) = setting.submit(&typed);
    assert_eq!(body_of(&request), r#"{"key":"k-preset","user":"ann"}"#);
    assert!(pending.secrets.iter().any(|secret| secret.expose() == "k-preset"));
    let grant = setting.grant(&pending, &json!({"t": "x"}));
    assert_eq!(
        grant.credentials.to_json(),
        json!({"type": "TWO_STEP", "token": "x", "raw": {"t": "x"}, "user": "ann",
               "expires_at": "2125-02-05T09:10:11.120Z"})
    );
    assert!(body_of(&setting.refresh(&grant.credentials).0).contains("k-preset"));
}
