use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::*;

const REDIRECT: &str = "http://127.0.0.1:3003/oauth/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// The S256 challenge of [`VERIFIER`], from RFC 7636, appendix B.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const CLIENT: &str = "client_id=emulator-client&client_secret=emulator-secret";

struct Setup {
    router: Router,
    state: EmulatorState,
    clock: Clock,
}

impl Setup {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Options)) -> Self {
        let clock = Clock::manual(Timestamp::from_millis(1_772_356_211_000));
        let mut options = Options::new("http://127.0.0.1:4010", clock.clone(), Rng::seeded(1));
        change(&mut options);
        let state = EmulatorState::new(options);
        Self { router: router(state.clone()), state, clock }
    }

    async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn get(&self, path: &str) -> Response<Body> {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn form(&self, path: &str, body: &str) -> Response<Body> {
        let kind = "application/x-www-form-urlencoded";
        let request = Request::post(path).header(header::CONTENT_TYPE, kind);
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    async fn json(&self, path: &str, body: Value) -> Response<Body> {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    async fn code(&self) -> String {
        let response = self.get(&authorize("&auto=approve&state=s%201")).await;
        let location = location(&response);
        let pairs: std::collections::HashMap<_, _> = location.query_pairs().into_owned().collect();
        assert_eq!(pairs["state"], "s 1");
        assert_eq!(pairs["iss"], "http://127.0.0.1:4010");
        pairs["code"].clone()
    }

    async fn exchange(&self, code: &str, verifier: &str) -> (StatusCode, Value) {
        let body = format!(
            "grant_type=authorization_code&code={code}&redirect_uri={REDIRECT}\
             &code_verifier={verifier}&{CLIENT}"
        );
        read(self.form("/oauth/token", &body).await).await
    }

    async fn tokens(&self) -> Value {
        let (status, tokens) = self.exchange(&self.code().await, VERIFIER).await;
        assert_eq!(status, 200, "{tokens}");
        tokens
    }

    async fn refresh(&self, token: &str) -> (StatusCode, Value) {
        let body = format!("grant_type=refresh_token&refresh_token={token}&{CLIENT}");
        read(self.form("/oauth/token", &body).await).await
    }

    async fn me(&self, token: &str) -> StatusCode {
        let bearer = format!("Bearer {token}");
        let request = Request::get("/api/me").header(header::AUTHORIZATION, bearer);
        self.send(request.body(Body::empty()).unwrap()).await.status()
    }
}

fn authorize(more: &str) -> String {
    format!(
        "/oauth/authorize?response_type=code&client_id=emulator-client&redirect_uri={REDIRECT}\
         &scope=profile+email&code_challenge={CHALLENGE}&code_challenge_method=S256{more}"
    )
}

fn location(response: &Response<Body>) -> url::Url {
    assert_eq!(response.status(), 303);
    response.headers()[header::LOCATION].to_str().unwrap().parse().unwrap()
}

async fn text(response: Response<Body>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn read(response: Response<Body>) -> (StatusCode, Value) {
    let status = response.status();
    (status, serde_json::from_str(&text(response).await).unwrap())
}

fn field<'a>(tokens: &'a Value, name: &str) -> &'a str {
    tokens[name].as_str().unwrap()
}

#[tokio::test]
async fn the_consent_page_leads_to_tokens_that_open_the_api() {
    let setup = Setup::new();
    let page = text(setup.get(&authorize("&state=abc&login_hint=ben%40example.com")).await).await;
    assert!(page.contains("See your email address"));
    assert!(page.contains("value=\"user_ben\" checked"));
    let ticket = page.split("name=\"ticket\" value=\"").nth(1).unwrap();
    let ticket = ticket.split('"').next().unwrap();
    let body = format!("ticket={ticket}&account=user_ben&decision=approve");
    let url = location(&setup.form("/oauth/authorize", &body).await);
    let code = url.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let again = setup.form("/oauth/authorize", &body).await;
    assert_eq!(again.status(), 400, "a consent page is answered once");

    let (status, tokens) = setup.exchange(&code, VERIFIER).await;
    assert_eq!((status, &tokens["token_type"]), (StatusCode::OK, &Value::from("Bearer")));
    assert_eq!(tokens["expires_in"], 120);
    let bearer = format!("Bearer {}", field(&tokens, "access_token"));
    let request = Request::get("/userinfo").header(header::AUTHORIZATION, bearer);
    let (_, person) = read(setup.send(request.body(Body::empty()).unwrap()).await).await;
    assert_eq!(person["email"], "ben@example.com");

    setup.clock.advance(Duration::from_mins(2));
    assert_eq!(setup.me(field(&tokens, "access_token")).await, 401);
}

#[tokio::test]
async fn denying_tells_the_client() {
    let url = location(&Setup::new().get(&authorize("&auto=deny&state=x")).await);
    assert!(url.query().unwrap().starts_with("error=access_denied"));
    assert!(url.query().unwrap().contains("state=x&iss="));
}

#[tokio::test]
async fn a_code_needs_its_verifier_and_works_once() {
    let setup = Setup::new();
    let code = setup.code().await;
    let (status, body) = setup.exchange(&code, "wrong").await;
    assert_eq!((status, field(&body, "error")), (StatusCode::BAD_REQUEST, "invalid_grant"));
    let (status, tokens) = setup.exchange(&code, VERIFIER).await;
    assert_eq!(status, 200);
    let (status, _) = setup.exchange(&code, VERIFIER).await;
    assert_eq!(status, 400);
    assert_eq!(setup.me(field(&tokens, "access_token")).await, 401, "a replay revokes the grant");
}

#[tokio::test]
async fn a_code_expires_after_a_minute() {
    let setup = Setup::new();
    let code = setup.code().await;
    setup.clock.advance(Duration::from_mins(1));
    assert_eq!(setup.exchange(&code, VERIFIER).await.0, 400);
}

#[tokio::test]
async fn only_loopback_or_registered_addresses_get_a_redirect() {
    let known = "https://app.example.com/callback";
    let setup = Setup::with(|options| options.redirect_uris.push(known.to_owned()));
    let ask = async |uri: &str| {
        let uri: String = url::form_urlencoded::byte_serialize(uri.as_bytes()).collect();
        let path = authorize("&auto=approve").replace(REDIRECT, &uri);
        setup.get(&path).await.status()
    };
    for good in [known, "http://localhost:9/x?y=1", "http://[::1]/", "http://app.localhost:3/"] {
        assert_eq!(ask(good).await, 303, "{good}");
    }
    for bad in [
        "https://app.example.com/callback2",
        "https://evil.test/",
        "http://127.0.0.1.evil.test/",
        "http://localhost@evil.test/",
        "javascript:alert(1)",
        "http://localhost/#fragment",
    ] {
        assert_eq!(ask(bad).await, 400, "{bad}");
    }
}

#[tokio::test]
async fn a_missing_challenge_is_the_clients_error() {
    let path = authorize("&auto=approve").replace(CHALLENGE, "");
    let url = location(&Setup::new().get(&path).await);
    assert!(url.query().unwrap().starts_with("error=invalid_request"));
}

#[tokio::test]
async fn an_installation_from_the_directory_has_neither_state_nor_challenge() {
    let setup = Setup::new();
    let page = setup.get(&format!("/install?redirect_uri={REDIRECT}")).await;
    assert!(text(page).await.contains("Keep access while you are away"));
    let path = format!("/install?redirect_uri={REDIRECT}&auto=approve");
    let url = location(&setup.get(&path).await);
    let pairs: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
    assert!(!pairs.contains_key("state"));
    let body = format!("grant_type=authorization_code&redirect_uri={REDIRECT}&{CLIENT}");
    let redeem = format!("{body}&code={}", pairs["code"]);
    let (status, tokens) = read(setup.form("/oauth/token", &redeem).await).await;
    assert!(status == 200 && tokens["refresh_token"].is_string(), "{tokens}");
    let elsewhere = setup.get("/install?redirect_uri=https://evil.test/&auto=approve").await;
    assert_eq!(elsewhere.status(), 400);
}

#[tokio::test]
async fn foreign_text_is_escaped_in_pages() {
    let setup = Setup::new();
    let evil = "%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    let unknown = authorize("").replace("emulator-client", evil);
    let scoped = authorize("").replace("profile+email", evil);
    for path in [unknown, scoped] {
        let response = setup.get(&path).await;
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"));
        let page = text(response).await;
        assert!(page.contains("alert(1)") && !page.contains("<script>alert"), "{page}");
    }
}

#[tokio::test]
async fn refresh_tokens_rotate_and_reuse_revokes_the_family() {
    let setup = Setup::new();
    let first = setup.tokens().await;
    let (_, second) = setup.refresh(field(&first, "refresh_token")).await;
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    let (status, body) = setup.refresh(field(&first, "refresh_token")).await;
    assert_eq!((status, field(&body, "error")), (StatusCode::BAD_REQUEST, "invalid_grant"));
    let (status, _) = setup.refresh(field(&second, "refresh_token")).await;
    assert_eq!(status, 400, "the whole family is gone");
    assert_eq!(setup.me(field(&second, "access_token")).await, 401);
    let stats = setup.state.stats();
    assert_eq!(stats["reuse_detections"], 1);
    assert_eq!(stats["token_requests"]["refresh_token"], 3);
    assert_eq!(stats["families"][0]["refresh_requests"], 3);
    assert_eq!(stats["families"][0]["refreshes"], 1);
}

#[tokio::test]
async fn without_rotation_a_refresh_token_lasts() {
    let setup = Setup::with(|options| options.refresh_token_rotation = false);
    let tokens = setup.tokens().await;
    for _ in 0..2 {
        let (status, body) = setup.refresh(field(&tokens, "refresh_token")).await;
        assert_eq!((status, body.get("refresh_token")), (StatusCode::OK, None));
    }
}

#[tokio::test]
async fn clients_authenticate_by_header_or_body() {
    let setup = Setup::new();
    let send = async |basic: Option<&str>, body: &str| {
        let mut request = Request::post("/oauth/token")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(basic) = basic {
            request = request.header(header::AUTHORIZATION, format!("Basic {basic}"));
        }
        let body = Body::from(format!("grant_type=client_credentials{body}"));
        setup.send(request.body(body).unwrap()).await.status()
    };
    let right = "ZW11bGF0b3ItY2xpZW50OmVtdWxhdG9yLXNlY3JldA==";
    assert_eq!(send(Some(right), "").await, 200);
    assert_eq!(send(None, &format!("&{CLIENT}")).await, 200);
    assert_eq!(send(Some("eDp5"), "").await, 401);
    assert_eq!(send(None, "&client_id=emulator-client&client_secret=x").await, 401);
    assert_eq!(send(None, "").await, 401);
}

#[tokio::test]
async fn revoking_the_refresh_token_ends_the_grant() {
    let setup = Setup::new();
    let tokens = setup.tokens().await;
    let body = format!("token={}&{CLIENT}", field(&tokens, "refresh_token"));
    assert_eq!(setup.form("/oauth/revoke", &body).await.status(), 200);
    assert_eq!(setup.form("/oauth/revoke", &body).await.status(), 200);
    assert_eq!(setup.form("/oauth/revoke", "token=x").await.status(), 401);
    assert_eq!(setup.me(field(&tokens, "access_token")).await, 401);
    assert_eq!(setup.state.stats()["revocations"], 1);
}

#[tokio::test]
async fn keys_and_passwords_open_the_api() {
    let setup = Setup::new();
    let send = async |name: &str, value: &str| {
        let request = Request::get("/api/me").header(name, value).body(Body::empty()).unwrap();
        setup.send(request).await.status()
    };
    assert_eq!(send("x-api-key", "emk_demo_1234").await, 200);
    assert_eq!(send("x-api-key", "emk_").await, 401);
    assert_eq!(send("authorization", "Basic ZGVtbzplbXVsYXRvci1wYXNzd29yZA==").await, 200);
    assert_eq!(send("authorization", "Basic ZGVtbzp3cm9uZw==").await, 401);
    setup.state.revoke_api_key("emk_demo_1234");
    assert_eq!(send("x-api-key", "emk_demo_1234").await, 401);
    assert_eq!(setup.get("/api/me").await.status(), 401);
}

#[tokio::test]
async fn failures_strike_as_often_as_asked_and_spend_nothing() {
    let setup = Setup::new();
    let tokens = setup.tokens().await;
    let refresh_token = field(&tokens, "refresh_token");
    for (kind, status) in [("http_500", 500), ("invalid_grant", 400), ("invalid_client", 401)] {
        let fault = serde_json::json!({"target": "token", "kind": kind, "times": 2});
        assert_eq!(setup.json("/control/faults", fault).await.status(), 200);
        assert_eq!(setup.refresh(refresh_token).await.0, status);
        assert_eq!(setup.refresh(refresh_token).await.0, status);
    }
    let fault = serde_json::json!({"target": "token", "kind": "http_429", "retry_after_s": 7});
    setup.json("/control/faults", fault).await;
    let body = format!("grant_type=refresh_token&refresh_token={refresh_token}&{CLIENT}");
    let response = setup.form("/oauth/token", &body).await;
    assert_eq!(
        (response.status(), &response.headers()["retry-after"]),
        (StatusCode::TOO_MANY_REQUESTS, &"7".parse().unwrap())
    );
    assert_eq!(setup.refresh(refresh_token).await.0, 200, "the token is still unspent");
}

#[tokio::test]
async fn odd_answers_look_as_named() {
    let setup = Setup::new();
    let tokens = setup.tokens().await;
    let body = |token: &str| format!("grant_type=refresh_token&refresh_token={token}&{CLIENT}");
    let mut answers = Vec::new();
    for kind in [Kind::MalformedJson, Kind::MissingAccessToken, Kind::NoRefreshToken] {
        setup.state.add_fault(Fault::once(Target::Token, kind));
        let body = body(field(&tokens, "refresh_token"));
        answers.push(text(setup.form("/oauth/token", &body).await).await);
    }
    assert!(serde_json::from_str::<Value>(&answers[0]).is_err());
    assert!(!answers[1].contains("access_token"));
    assert!(answers[2].contains("access_token") && !answers[2].contains("refresh_token"));

    setup.state.add_fault(Fault::once(Target::Token, Kind::FormEncoded));
    let form = setup.form("/oauth/token", &body(field(&tokens, "refresh_token"))).await;
    let form = text(form).await;
    let pairs = url::form_urlencoded::parse(form.as_bytes());
    let next = pairs.into_owned().find(|(name, _)| name == "refresh_token").unwrap().1;
    setup.state.add_fault(Fault::once(Target::Token, Kind::LostReply));
    assert_eq!(setup.refresh(&next).await.0, 502);
    assert_eq!(setup.refresh(&next).await.0, 400, "a lost reply has spent its token");
}

#[tokio::test(start_paused = true)]
async fn a_timeout_holds_the_answer_back() {
    let setup = Setup::new();
    let fault = serde_json::json!({"target": "userinfo", "kind": "timeout", "delay_ms": 5000});
    setup.json("/control/faults", fault).await;
    let begun = tokio::time::Instant::now();
    assert_eq!(setup.me("x").await, 504);
    assert_eq!(begun.elapsed(), Duration::from_secs(5));
}

#[tokio::test]
async fn senseless_failures_are_refused() {
    let setup = Setup::new();
    for fault in [
        serde_json::json!({"target": "token", "kind": "fire"}),
        serde_json::json!({"target": "userinfo", "kind": "invalid_grant"}),
        serde_json::json!({"target": "token", "kind": "slow", "delay_ms": 99_999_999}),
    ] {
        let (status, body) = read(setup.json("/control/faults", fault).await).await;
        assert_eq!(
            (status, &body["error"]["code"]),
            (StatusCode::BAD_REQUEST, &Value::from("invalid_body"))
        );
    }
}

#[tokio::test]
async fn the_control_page_works_by_plain_forms() {
    let setup = Setup::new();
    let tokens = setup.tokens().await;
    let id = setup.state.stats()["families"][0]["id"].as_str().unwrap().to_owned();
    let page = text(setup.get("/").await).await;
    assert!(page.contains("Ada Moreau") && page.contains("Active"));
    assert!(!page.contains(field(&tokens, "access_token")), "no token is shown");

    let expire = setup.form(&format!("/control/grants/{id}/expire"), "grant=x").await;
    assert_eq!(expire.status(), 303);
    assert_eq!(setup.me(field(&tokens, "access_token")).await, 401);
    assert_eq!(setup.refresh(field(&tokens, "refresh_token")).await.0, 200);

    setup.form(&format!("/control/grants/{id}/revoke"), "grant=x").await;
    assert!(text(setup.get("/").await).await.contains("Revoked"));
    assert_eq!(setup.form("/control/grants/none/revoke", "").await.status(), 404);

    setup.form("/control/lifetimes", "access_token_s=5").await;
    assert_eq!(setup.tokens().await["expires_in"], 5);
    setup.form("/control/reset", "confirm=yes").await;
    assert_eq!(setup.state.stats()["token_requests_total"], 0);
    assert_eq!(setup.tokens().await["expires_in"], 120);
}

#[tokio::test]
async fn other_websites_cannot_drive_it() {
    let setup = Setup::new();
    let request = Request::post("/control/reset").header("sec-fetch-site", "cross-site");
    assert_eq!(setup.send(request.body(Body::empty()).unwrap()).await.status(), 403);
    let request = Request::get("/control/stats").header("host", "rebound.test:4010");
    assert_eq!(setup.send(request.body(Body::empty()).unwrap()).await.status(), 403);
}

#[tokio::test]
async fn metadata_names_every_endpoint() {
    let (_, body) = read(Setup::new().get("/.well-known/oauth-authorization-server").await).await;
    assert_eq!(body["issuer"], "http://127.0.0.1:4010");
    assert_eq!(body["code_challenge_methods_supported"], serde_json::json!(["S256"]));
    assert_eq!(body["authorization_response_iss_parameter_supported"], true);
}
