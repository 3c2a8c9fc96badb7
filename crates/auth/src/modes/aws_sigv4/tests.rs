use serde_json::json;
use valetkey_base::{Rng, Timestamp};
use valetkey_catalog::Catalog;

use super::role::is_uuid;
use super::*;
use crate::mode::Client;
use crate::request::{Body, HttpReply};

const ROLE: &str = "arn:aws:iam::123456789012:role/team/Reader";

fn map(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn client() -> Client {
    let custom = json!({"service": "s3", "stsMode": "builtin", "awsAccessKeyId": "AKIA",
        "awsSecretAccessKey": "operator-secret"});
    Client { custom: map(&custom), ..Client::default() }
}

fn with_context<T>(
    config: &Value,
    repairs: Option<&Value>,
    test: impl FnOnce(&Context<'_>) -> T,
) -> T {
    let (client, config, repairs) = (client(), map(config), repairs.map(map));
    let catalog = Catalog::bundled();
    let context = Context {
        provider: catalog.get("aws-sigv4").unwrap(),
        client: &client,
        connection_config: &config,
        repairs: repairs.as_ref(),
        now: Timestamp::from_millis(1_772_356_211_120),
        rng: &Rng::seeded(1),
    };
    test(&context)
}

fn sent(step: Step) -> (HttpRequest, Pending) {
    match step {
        Step::Send { request, pending } => (request, pending),
        other => panic!("{other:?}"),
    }
}

fn form(request: &HttpRequest, name: &str) -> String {
    let Body::Form(pairs) = &request.body else { panic!("no form") };
    pairs.iter().find(|(key, _)| key == name).unwrap().1.clone()
}

#[test]
fn the_role_is_asked_for_in_its_region() {
    for (region, host) in [
        ("eu-west-1", "sts.eu-west-1.amazonaws.com"),
        ("cn-north-1", "sts.cn-north-1.amazonaws.com.cn"),
    ] {
        let body = json!({"role_arn": ROLE, "region": region});
        let (request, _) = with_context(&json!({}), None, |context| {
            sent(AwsSigV4.submit(context, &body).unwrap())
        });
        assert_eq!(request.url.host_str(), Some(host));
        assert!(form(&request, "RoleSessionName").starts_with("valetkey-"));
        assert!(is_uuid(&form(&request, "ExternalId")));
        assert!(!format!("{request:?}").contains("operator-secret"));
    }
}

#[test]
fn what_a_connection_has_stays_when_it_is_repaired() {
    let repairs = json!({"region": "us-east-2", "external_id": "their-choice"});
    let body = json!({"role_arn": ROLE, "region": "eu-west-1"});
    let config = json!({"external_id": "11111111-2222-4333-8444-555555555555"});
    let (request, _) = with_context(&config, Some(&repairs), |context| {
        sent(AwsSigV4.submit(context, &body).unwrap())
    });
    assert_eq!(request.url.host_str(), Some("sts.us-east-2.amazonaws.com"));
    assert_eq!(form(&request, "ExternalId"), "their-choice");
}

#[test]
fn answers_come_in_json_too_and_refusals_have_their_class() {
    let body = json!({"role_arn": ROLE, "region": "eu-west-1"});
    with_context(&json!({}), None, |context| {
        let (_, pending) = sent(AwsSigV4.submit(context, &body).unwrap());
        let reply = |status: u16, body: &str| {
            let body = body.as_bytes().to_vec();
            AwsSigV4.reply(context, &pending, &HttpReply { status, headers: Vec::new(), body })
        };
        let keys = json!({"AssumeRoleResponse": {"AssumeRoleResult": {"Credentials": {
            "AccessKeyId": "ASIA", "SecretAccessKey": "s", "SessionToken": "t",
            "Expiration": 1_772_359_811.0}}}});
        let (request, next) = sent(reply(200, &keys.to_string()));
        assert_eq!(form(&request, "Action"), "GetCallerIdentity");
        let expires_at = next.before.unwrap().expires_at().unwrap();
        assert_eq!(expires_at.to_iso_z(), "2026-03-01T10:10:11.000Z");
        let cases = [
            (
                403,
                "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>",
                Class::Terminal,
            ),
            (403, r#"{"Error":{"Code":"InvalidClientTokenId","Message":"no"}}"#, Class::Ours),
            (400, r#"{"Error":{"Code":"Throttling"}}"#, Class::Transient),
            (400, r#"{"Error":{"Code":"ValidationError"}}"#, Class::Terminal),
            (503, "", Class::Transient),
            (200, "neither", Class::Transient),
            (200, "{}", Class::Ours),
        ];
        for (status, body, class) in cases {
            let Step::Failed(error) = reply(status, body) else { panic!("{body}") };
            assert_eq!((error.class, error.code.as_str()), (class, sts::STS_ERROR), "{body}");
        }
    });
}

#[test]
fn a_role_is_known_by_account_and_name() {
    let role = RoleArn::parse(ROLE).unwrap();
    assert_eq!(role, RoleArn { account: "123456789012", name: "Reader" });
    assert!(role.is_assumed_by("arn:aws:sts::123456789012:assumed-role/Reader/session"));
    for other in [
        "arn:aws:sts::999999999999:assumed-role/Reader/session",
        "arn:aws:sts::123456789012:assumed-role/Other/Reader",
        "arn:aws:iam::123456789012:role/Reader",
        "",
    ] {
        assert!(!role.is_assumed_by(other), "{other}");
    }
    for arn in [
        "",
        "arn:aws:iam::12:role/x",
        "arn:aws:s3::123456789012:role/x",
        "arn:aws:iam::123456789012:role/",
        "arn:aws:iam::123456789012:role/a b",
    ] {
        assert_eq!(RoleArn::parse(arn), None, "{arn}");
    }
}

#[test]
fn regions_are_one_label_of_a_host() {
    assert!(is_region("eu-central-1"));
    for text in ["", "eu.west", "EU", "-a", "a-", "evil.com/", "a@b"] {
        assert!(!is_region(text), "{text}");
    }
    assert!(is_external_id("a:b/c") && !is_external_id("a") && !is_external_id("a b"));
}
