//! AWS roles: assumed with the operator's keys or through an endpoint of the operator's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use valetkey_base::Clock;

use crate::app::{Answer, TestApp, on_each};
use crate::apps::form;

const ROLE: &str = "arn:aws:iam::123456789012:role/team/Reader";
const EXTERNAL_ID: &str = "11111111-2222-4333-8444-555555555555";

/// STS on loopback.
#[derive(Clone)]
struct Sts(Arc<Mutex<Shelf>>);

struct Shelf {
    clock: Clock,
    /// Whom the temporary keys belong to.
    identity: String,
    assumed: Vec<HashMap<String, String>>,
    refuses: bool,
    own: Vec<(Option<String>, Value)>,
}

fn header(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

async fn service(State(sts): State<Sts>, headers: HeaderMap, body: String) -> Response {
    let form = form(&body);
    let mut shelf = sts.0.lock().unwrap();
    let authorization = header(&headers, "authorization");
    assert!(authorization.contains("/eu-west-1/sts/aws4_request"), "{authorization}");
    if form["Action"] == "GetCallerIdentity" {
        assert!(authorization.contains("Credential=ASIA"), "signed with the role's keys");
        assert!(header(&headers, "x-amz-security-token").starts_with("session-"));
        let result = json!({"Arn": shelf.identity, "Account": "123456789012"});
        return Json(json!({"GetCallerIdentityResponse": {"GetCallerIdentityResult": result}}))
            .into_response();
    }
    assert!(authorization.contains("Credential=AKIAOPERATOR/"));
    shelf.assumed.push(form);
    if shelf.refuses {
        let body = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>\
                    <Message>not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>";
        return (StatusCode::FORBIDDEN, body).into_response();
    }
    let n = shelf.assumed.len();
    let at = shelf.clock.now().plus(Duration::from_hours(1)).to_iso_z();
    format!(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA{n}</AccessKeyId>\
         <SecretAccessKey>temporary-{n}</SecretAccessKey><SessionToken>session-{n}</SessionToken>\
         <Expiration>{at}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )
    .into_response()
}

async fn own(State(sts): State<Sts>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let mut shelf = sts.0.lock().unwrap();
    let key = headers.get("x-sts-key").map(|value| value.to_str().unwrap().to_owned());
    shelf.own.push((key, body));
    let seconds = shelf.clock.now().seconds() + 1800;
    Json(json!({"credentials": {"accessKeyId": "ASIAOWN", "secretAccessKey": "own-secret",
        "sessionToken": "session-own", "expiresAt": seconds}}))
    .into_response()
}

/// An STS and the integration `s3`, with `more` in its settings.
async fn open(app: &TestApp, more: Value) -> Sts {
    let sts = Sts(Arc::new(Mutex::new(Shelf {
        clock: app.clock.clone(),
        identity: "arn:aws:sts::123456789012:assumed-role/Reader/valetkey-1".to_owned(),
        assumed: Vec::new(),
        refuses: false,
        own: Vec::new(),
    })));
    let router =
        Router::new().route("/", post(service)).route("/own", post(own)).with_state(sts.clone());
    let base = app.serve_beside(router).await;
    let entry = format!(
        "role:\n  extends: aws-sigv4\n  display_name: Role\n  sts_url: '{base}/'\n  \
         integration_config:\n    stsEndpointUrl: {{pattern: '^http'}}\n"
    );
    let (catalog, findings) = app.engine.catalog().overlay(&entry, "role").unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    app.engine.set_catalog(catalog);
    let mut config = json!({"service": "s3", "defaultRegion": "eu-west-1"});
    for (name, value) in more.as_object().unwrap() {
        let text = value.as_str().unwrap().replace("BASE", &base);
        config[name] = text.into();
    }
    let body = json!({"provider": "role", "unique_key": "s3", "integration_config": config});
    let made = app.post("/integrations").bearer(&app.api_key).json(&body).send().await;
    assert_eq!(made.status, 200, "{}", made.text);
    sts
}

fn builtin() -> Value {
    json!({"awsAccessKeyId": "AKIAOPERATOR", "awsSecretAccessKey": "operator-secret"})
}

async fn submit(app: &TestApp, more: &str, body: Value) -> Answer {
    let token = app.session(json!({"tags": {"a": "b"}})).await;
    let uri = format!("/auth/aws-sigv4/s3?connect_session_token={token}{more}");
    app.post(uri).json(&body).send().await
}

async fn read(app: &TestApp, key: &str, id: &str) -> Answer {
    app.get(format!("/connections/{id}?provider_config_key=s3")).bearer(key).send().await
}

#[tokio::test]
async fn a_role_is_assumed_and_renewed() {
    on_each(async |app| {
        let sts = open(&app, builtin()).await;
        let more = format!("&params[external_id]={EXTERNAL_ID}");
        let answer = submit(&app, &more, json!({"role_arn": ROLE})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let id = answer.json()["connectionId"].as_str().unwrap().to_owned();
        let form = sts.0.lock().unwrap().assumed[0].clone();
        assert_eq!((form["RoleArn"].as_str(), form["ExternalId"].as_str()), (ROLE, EXTERNAL_ID));
        assert_eq!(
            (form["Version"].as_str(), form["DurationSeconds"].as_str()),
            ("2011-06-15", "3600")
        );

        let body = read(&app, &app.api_key, &id).await.json();
        let config = json!({"external_id": EXTERNAL_ID, "role_arn": ROLE, "region": "eu-west-1",
            "service": "s3"});
        assert_eq!(body["connection_config"], config);
        let credentials = &body["credentials"];
        assert_eq!(credentials["type"], "AWS_SIGV4");
        assert_eq!(credentials["access_key_id"], "ASIA1");
        assert_eq!(credentials["session_token"], "session-1");
        assert_eq!(credentials["expires_at"], "2026-03-01T10:10:11.120Z");
        assert_eq!(credentials["raw"]["secret_access_key"], "temporary-1");
        assert!(!body.to_string().contains("operator-secret"));

        app.advance_s(3500);
        let body = read(&app, &app.api_key, &id).await.json();
        assert_eq!(body["credentials"]["access_key_id"], "ASIA2");
        assert_eq!(sts.0.lock().unwrap().assumed[1]["ExternalId"], EXTERNAL_ID);

        sts.0.lock().unwrap().refuses = true;
        app.advance_s(4000);
        let refused = read(&app, &app.api_key, &id).await;
        assert_eq!(refused.error(), (502, "invalid_credentials".to_owned()), "{}", refused.text);

        // A reconnect keeps the external id that the role trusts.
        sts.0.lock().unwrap().refuses = false;
        let body = json!({"connection_id": id, "integration_id": "s3"});
        let made =
            app.post("/connect/sessions/reconnect").bearer(&app.api_key).json(&body).send().await;
        let token = made.json()["data"]["token"].as_str().unwrap().to_owned();
        let uri = format!("/auth/aws-sigv4/s3?connect_session_token={token}");
        let again =
            app.post(uri).json(&json!({"role_arn": ROLE, "region": "us-east-1"})).send().await;
        assert_eq!(again.status, 200, "{}", again.text);
        let form = sts.0.lock().unwrap().assumed.last().unwrap().clone();
        assert_eq!(form["ExternalId"], EXTERNAL_ID);
    })
    .await;
}

#[tokio::test]
async fn keys_of_another_account_or_role_are_refused() {
    on_each(async |app| {
        let sts = open(&app, builtin()).await;
        for identity in [
            "arn:aws:sts::999999999999:assumed-role/Reader/x",
            "arn:aws:sts::123456789012:assumed-role/Writer/Reader",
            "arn:aws:iam::123456789012:user/Reader",
        ] {
            identity.clone_into(&mut sts.0.lock().unwrap().identity);
            let answer = submit(&app, "", json!({"role_arn": ROLE})).await;
            assert_eq!(answer.error(), (400, "connection_test_failed".to_owned()), "{identity}");
        }
        sts.0.lock().unwrap().refuses = true;
        let answer = submit(&app, "", json!({"role_arn": ROLE})).await;
        assert_eq!(answer.error(), (502, "aws_sigv4_sts_request_failed".to_owned()));
        assert!(answer.text.contains("AccessDenied"), "{}", answer.text);
        let all = app.get("/connections").bearer(&app.api_key).send().await;
        assert_eq!(all.json()["connections"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn what_is_typed_is_checked() {
    on_each(async |app| {
        let sts = open(&app, builtin()).await;
        for body in [
            json!({}),
            json!({"role_arn": ROLE, "other": 1}),
            json!({"role_arn": "arn:aws:iam::1:role/x"}),
            json!({"role_arn": ROLE, "region": "evil.example/"}),
            json!({"role_arn": ROLE, "region": "Eu-west-1"}),
        ] {
            let answer = submit(&app, "", body.clone()).await;
            assert_eq!(answer.error(), (400, "invalid_body".to_owned()), "{body}");
        }
        let region =
            submit(&app, "&params[region]=evil.example%2F", json!({"role_arn": ROLE})).await;
        assert_eq!(region.error(), (400, "invalid_query_params".to_owned()));
        assert!(sts.0.lock().unwrap().assumed.is_empty());
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_of_the_operators_may_assume_it() {
    on_each(async |app| {
        let settings = json!({"stsMode": "custom", "stsEndpointUrl": "BASE/own",
            "stsAuthType": "api_key", "stsAuthHeader": "x-sts-key", "stsApiKey": "sts-key"});
        let sts = open(&app, settings).await;
        let answer = submit(&app, "", json!({"role_arn": ROLE})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let (key, body) = sts.0.lock().unwrap().own[0].clone();
        assert_eq!(key.as_deref(), Some("sts-key"));
        assert_eq!((&body["role_arn"], &body["service"]), (&json!(ROLE), &json!("s3")));
        let external_id = body["external_id"].as_str().unwrap().to_owned();
        assert_eq!(external_id.len(), 36, "a UUID of ours");
        let id = answer.json()["connectionId"].as_str().unwrap().to_owned();
        let body = read(&app, &app.api_key, &id).await.json();
        assert_eq!(body["credentials"]["expires_at"], "2026-03-01T09:40:11.000Z");
        assert!(!body.to_string().contains("sts-key"));
    })
    .await;
}

#[tokio::test]
async fn an_integration_that_is_half_set_up_says_so() {
    on_each(async |app| {
        open(&app, json!({})).await;
        let answer = submit(&app, "", json!({"role_arn": ROLE})).await;
        let code = "missing_aws_sigv4_builtin_credentials".to_owned();
        assert_eq!(answer.error(), (400, code));
        for (change, code) in [
            (json!({"stsMode": "custom"}), "missing_aws_sigv4_sts_endpoint"),
            (
                json!({"stsEndpointUrl": "https://sts.example.com/", "stsAuthType": "basic",
                    "stsAuthUsername": "u"}),
                "invalid_aws_sigv4_config",
            ),
        ] {
            let body = json!({"integration_config": change});
            let changed = app.call(http::Method::PATCH, "/integrations/s3").bearer(&app.api_key);
            let changed = changed.json(&body).send().await;
            assert_eq!(changed.status, 200, "{}", changed.text);
            let answer = submit(&app, "", json!({"role_arn": ROLE})).await;
            assert_eq!(answer.error(), (400, code.to_owned()), "{}", answer.text);
        }
    })
    .await;
}
