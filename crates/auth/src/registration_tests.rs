use super::*;

fn metadata() -> ClientMetadata {
    ClientMetadata::public("https://v.test/oauth/callback", "Valetkey")
}

fn endpoint() -> Url {
    Url::parse("https://as.test/register").unwrap()
}

fn answer(status: u16, body: &Value) -> HttpReply {
    HttpReply { status, headers: Vec::new(), body: body.to_string().into_bytes() }
}

fn body_of(request: &HttpRequest) -> Value {
    serde_json::from_slice(&request.body.encode().1).unwrap()
}

#[test]
fn a_registration_says_what_the_client_is() {
    let custom =
        json!({"oauth_client_name": "Acme", "oauth_client_logo_uri": "https://acme.test/l.png"});
    let metadata = metadata().described_by(custom.as_object().unwrap());
    assert_eq!(
        body_of(&register(endpoint(), &metadata)),
        json!({
            "client_name": "Acme",
            "logo_uri": "https://acme.test/l.png",
            "redirect_uris": ["https://v.test/oauth/callback"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none"
        })
    );
    let document = metadata.document("https://v.test/doc");
    assert_eq!(document["client_id"], "https://v.test/doc");
}

#[test]
fn an_answer_is_kept_and_used_for_changes() {
    let reply = answer(
        201,
        &json!({
            "client_id": "c1", "client_secret": "s1", "client_secret_expires_at": 0,
            "token_endpoint_auth_method": "client_secret_basic",
            "registration_access_token": "rat", "registration_client_uri": "https://as.test/register/c1"
        }),
    );
    let client = read(&endpoint(), &metadata(), None, &reply).unwrap();
    assert_eq!(client.client_auth(), Some(ClientAuth::BasicEncoded));
    assert_eq!(format!("{client:?}"), "RegisteredClient(c1)");
    let now = Timestamp::from_millis(1_772_356_211_120);
    assert!(client.serves("https://v.test/oauth/callback", now));
    assert!(!client.serves("https://other.test/callback", now));

    let moved = ClientMetadata::public("https://new.test/callback", "Valetkey");
    let request = update(&client, &moved).unwrap();
    assert_eq!(request.method, http::Method::PUT);
    assert_eq!(request.url.as_str(), "https://as.test/register/c1");
    let body = body_of(&request);
    assert_eq!(body["client_id"], "c1");
    assert_eq!(body["redirect_uris"], json!(["https://new.test/callback"]));
    assert_eq!(body["token_endpoint_auth_method"], "client_secret_basic");
    assert_eq!(body.get("registration_access_token"), None);
    let reply = answer(200, &json!({"client_id": "c1", "registration_access_token": "rat2"}));
    let changed = read(&request.url, &moved, Some(&client), &reply).unwrap();
    assert_eq!(changed.client_secret.as_deref(), Some("s1"));
    assert_eq!(changed.registration_access_token.as_deref(), Some("rat2"));
    assert!(changed.serves("https://new.test/callback", now));
}

#[test]
fn a_secret_that_has_ended_serves_nobody() {
    let reply = answer(201, &json!({"client_id": "c1", "client_secret_expires_at": 1_700_000_000}));
    let client = read(&endpoint(), &metadata(), None, &reply).unwrap();
    assert!(
        !client.serves("https://v.test/oauth/callback", Timestamp::from_millis(1_772_356_211_120))
    );
}

#[test]
fn the_management_token_only_goes_where_the_client_was_registered() {
    let reply = answer(
        201,
        &json!({
            "client_id": "c1", "registration_access_token": "rat",
            "registration_client_uri": "https://elsewhere.test/c1"
        }),
    );
    let client = read(&endpoint(), &metadata(), None, &reply).unwrap();
    assert!(update(&client, &metadata()).is_none());
}

#[test]
fn refusals_are_told_with_the_servers_words() {
    let body = json!({"error": "invalid_redirect_uri", "error_description": "not https"});
    let error = read(&endpoint(), &metadata(), None, &answer(400, &body)).unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (Class::Ours, ERROR_CODE));
    assert_eq!(
        error.to_string(),
        "as.test did not register a client: it answered 400. (invalid_redirect_uri: not https)"
    );
    let error = read(&endpoint(), &metadata(), None, &answer(503, &json!({}))).unwrap_err();
    assert_eq!(error.class, Class::Transient);
    let error = read(&endpoint(), &metadata(), None, &answer(201, &json!({}))).unwrap_err();
    assert!(error.message.contains("no client_id"));
    let jwt = json!({"client_id": "c", "token_endpoint_auth_method": "private_key_jwt"});
    let error = read(&endpoint(), &metadata(), None, &answer(201, &jwt)).unwrap_err();
    assert!(error.message.contains("private_key_jwt"));
}
