//! Requests to the service that hands out a role's keys, and its answers: AWS STS itself, in XML or
//! JSON, or an endpoint of the operator's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use url::Url;
use valetkey_base::{Secret, Timestamp};
use valetkey_catalog::sigv4::Signer;
use valetkey_catalog::{Provider, render_url, scalar_text};

use super::super::two_step::xml;
use super::{Wanted, ours};
use crate::classify::{self, scrubbed};
use crate::credentials::Credentials;
use crate::error::{AuthError, Class};
use crate::expiry;
use crate::mode::{Context, Pending};
use crate::request::{Body, HttpReply, HttpRequest};
use crate::sigv4::{self, Keys};
use crate::token_request::set_header;

pub(super) const STS_ERROR: &str = "aws_sigv4_sts_request_failed";
const API_VERSION: &str = "2011-06-15";
/// Lifetime asked for, and believed when the answer names none, in seconds.
const LIFETIME_SECONDS: u32 = 3600;
/// Random bytes in the name of a session, by which the role's owner finds us in their log.
const SESSION_BYTES: usize = 8;

/// Answers that mean the operator's own keys and not the role.
const OPERATORS: &[&str] = &[
    "IncompleteSignature",
    "InvalidClientTokenId",
    "MissingAuthenticationToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];
const BUSY: &[&str] = &[
    "InternalFailure",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "Throttling",
    "ThrottlingException",
];

/// The request for the role's keys.
pub(super) fn assume_role(
    context: &Context<'_>,
    wanted: &Wanted,
    pending: &mut Pending,
) -> Result<HttpRequest, AuthError> {
    let custom = |name: &str| {
        let text = context.client.custom.get(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty())
    };
    if custom("stsMode").is_some_and(|mode| mode != "builtin") {
        return own_endpoint(&custom, wanted, pending);
    }
    let keys = custom("awsAccessKeyId").zip(custom("awsSecretAccessKey"));
    let Some((access_key, secret_key)) = keys else {
        let message = "The integration has no AWS keys to assume roles with.";
        return Err(ours("missing_aws_sigv4_builtin_credentials", message));
    };
    pending.secrets.push(Secret::from(secret_key));
    let session = format!("valetkey-{}", context.rng.hex(SESSION_BYTES));
    let lifetime = LIFETIME_SECONDS.to_string();
    let form = [
        ("Action", "AssumeRole"),
        ("Version", API_VERSION),
        ("RoleArn", &wanted.role_arn),
        ("RoleSessionName", &session),
        ("ExternalId", &wanted.external_id),
        ("DurationSeconds", &lifetime),
    ];
    let signer = Signer { access_key, secret_key, region: &wanted.region, service: "sts" };
    signed(context, wanted, &form, &Keys { signer, session_token: None })
}

/// The question whose keys they are.
pub(super) fn caller_identity(
    context: &Context<'_>,
    wanted: &Wanted,
    keys: &Keys<'_>,
) -> Result<HttpRequest, AuthError> {
    let form = [("Action", "GetCallerIdentity"), ("Version", API_VERSION)];
    let signer = Signer { service: "sts", ..keys.signer };
    signed(context, wanted, &form, &Keys { signer, ..*keys })
}

fn signed(
    context: &Context<'_>,
    wanted: &Wanted,
    form: &[(&str, &str)],
    keys: &Keys<'_>,
) -> Result<HttpRequest, AuthError> {
    let mut request = HttpRequest::new(http::Method::POST, service_url(context, &wanted.region)?);
    set_header(&mut request.headers, "accept", "application/json".to_owned());
    let pairs = form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    request.body = Body::Form(pairs.collect());
    sigv4::sign(&mut request, keys, context.now);
    Ok(request)
}

/// Where STS answers in a region. The region has been checked: it is one label of a host.
fn service_url(context: &Context<'_>, region: &str) -> Result<Url, AuthError> {
    let template = sts_template(context.provider, region);
    let config = Map::from_iter([("region".to_owned(), Value::from(region))]);
    render_url(template, &context.scope(&config), false).map_err(|error| {
        ours("url_param_err", format!("The address of AWS STS cannot be built: {error}."))
    })
}

fn sts_template<'a>(provider: &'a Provider, region: &str) -> &'a str {
    match &provider.sts_url {
        Some(template) => template,
        // The partition in China has a domain of its own.
        None if region.starts_with("cn-") => {
            "https://sts.${connectionConfig.region}.amazonaws.com.cn/"
        }
        None => "https://sts.${connectionConfig.region}.amazonaws.com/",
    }
}

/// The operator's own endpoint, which keeps the keys that assume roles to itself.
fn own_endpoint<'c>(
    custom: &impl Fn(&str) -> Option<&'c str>,
    wanted: &Wanted,
    pending: &mut Pending,
) -> Result<HttpRequest, AuthError> {
    let Some(endpoint) = custom("stsEndpointUrl") else {
        let message = "The integration has no address of the endpoint that assumes roles.";
        return Err(ours("missing_aws_sigv4_sts_endpoint", message));
    };
    let incomplete = |what: &str| {
        ours("invalid_aws_sigv4_config", format!("The integration's role endpoint has no {what}."))
    };
    let url = Url::parse(endpoint).map_err(|_| incomplete("usable address"))?;
    let mut request = HttpRequest::new(http::Method::POST, url);
    set_header(&mut request.headers, "accept", "application/json".to_owned());
    match custom("stsAuthType").unwrap_or("none") {
        "api_key" => {
            let key = custom("stsApiKey").ok_or_else(|| incomplete("API key"))?;
            let name = custom("stsAuthHeader").unwrap_or("x-api-key");
            if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
                return Err(incomplete("usable header name for its key"));
            }
            set_header(&mut request.headers, name, key.to_owned());
            pending.secrets.push(Secret::from(key));
        }
        "basic" => {
            let user = custom("stsAuthUsername").ok_or_else(|| incomplete("user name"))?;
            let password = custom("stsAuthPassword").ok_or_else(|| incomplete("password"))?;
            let value = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
            set_header(&mut request.headers, "authorization", value);
            pending.secrets.push(Secret::from(password));
        }
        "none" => {}
        _ => return Err(incomplete("known kind of authentication")),
    }
    request.body = Body::Json(json!({
        "role_arn": wanted.role_arn,
        "external_id": wanted.external_id,
        "region": wanted.region,
        "service": wanted.service,
    }));
    Ok(request)
}

/// A role's keys.
pub(super) struct RoleKeys {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expires_at: Timestamp,
}

impl RoleKeys {
    /// In the form they are stored in.
    pub(super) fn credentials(&self, wanted: &Wanted) -> Credentials {
        let expires_at = self.expires_at.to_iso_z();
        Credentials::from_json(json!({
            "type": "AWS_SIGV4",
            "role_arn": wanted.role_arn,
            "region": wanted.region,
            "service": wanted.service,
            "access_key_id": self.access_key_id,
            "secret_access_key": self.secret_access_key,
            "session_token": self.session_token,
            "expires_at": expires_at,
            "external_id": wanted.external_id,
            "raw": {
                "access_key_id": self.access_key_id,
                "secret_access_key": self.secret_access_key,
                "session_token": self.session_token,
                "expires_at": expires_at,
            },
        }))
    }
}

/// The keys of an answer: STS's own form, or the operator's with or without `credentials` around it.
pub(super) fn role_keys(
    context: &Context<'_>,
    pending: &Pending,
    reply: &HttpReply,
) -> Result<RoleKeys, AuthError> {
    let body = good_body(pending, reply)?;
    let result = inside(&body, &["AssumeRoleResponse", "AssumeRoleResult"]);
    let holder = ["Credentials", "credentials"]
        .iter()
        .find_map(|name| result.get(*name)?.as_object())
        .unwrap_or(result);
    let text = |names: &[&str]| {
        let found = names.iter().find_map(|name| holder.get(*name).and_then(scalar_text));
        found.filter(|text| !text.is_empty())
    };
    let keys = text(&["AccessKeyId", "accessKeyId", "access_key_id"])
        .zip(text(&["SecretAccessKey", "secretAccessKey", "secret_access_key"]))
        .zip(text(&["SessionToken", "sessionToken", "session_token"]));
    let Some(((access_key_id, secret_access_key), session_token)) = keys else {
        return Err(ours(
            STS_ERROR,
            "The answer to the request for the role's keys holds no keys.",
        ));
    };
    let names = ["Expiration", "expiresAt", "expires_at", "expiration"];
    let moment = names.iter().find_map(|name| holder.get(*name));
    let expires_at = moment
        .and_then(|moment| expiry::parse_moment(moment, context.now))
        .or_else(|| expiry::after(context.now, f64::from(LIFETIME_SECONDS)))
        .unwrap_or(context.now);
    Ok(RoleKeys { access_key_id, secret_access_key, session_token, expires_at })
}

/// The ARN of an answer to the question whose keys they are.
pub(super) fn identity(pending: &Pending, reply: &HttpReply) -> Result<String, AuthError> {
    let tested = |error: AuthError| AuthError {
        code: "connection_test_failed".to_owned(),
        message: "AWS did not take the keys of the role.".to_owned(),
        ..error
    };
    let body = good_body(pending, reply).map_err(tested)?;
    let result = inside(&body, &["GetCallerIdentityResponse", "GetCallerIdentityResult"]);
    Ok(result.get("Arn").and_then(scalar_text).unwrap_or_default())
}

/// The part of an answer at the path, as far as the path goes.
fn inside<'b>(body: &'b Map<String, Value>, path: &[&str]) -> &'b Map<String, Value> {
    path.iter().fold(body, |map, name| map.get(*name).and_then(Value::as_object).unwrap_or(map))
}

fn parsed(reply: &HttpReply) -> Option<Map<String, Value>> {
    let text = std::str::from_utf8(&reply.body).ok()?.trim();
    if text.starts_with('<') {
        return xml::read(text);
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => Some(map),
        _ => None,
    }
}

fn good_body(pending: &Pending, reply: &HttpReply) -> Result<Map<String, Value>, AuthError> {
    let body = parsed(reply);
    match body {
        Some(body) if reply.is_success() => Ok(body),
        None if reply.is_success() => {
            let message = "The answer to the request for the role's keys is neither XML nor JSON.";
            Err(AuthError::new(Class::Transient, STS_ERROR, message))
        }
        body => Err(refusal(pending, reply, &body.unwrap_or_default())),
    }
}

/// Whose move it is after a refusal.
fn refusal(pending: &Pending, reply: &HttpReply, body: &Map<String, Value>) -> AuthError {
    let error = classify::failure(pending, reply);
    let details = inside(body, &["ErrorResponse", "Error"]);
    let text = |names: &[&str], chars_max| {
        let found = names.iter().find_map(|name| details.get(*name).and_then(scalar_text));
        found.map(|text| scrubbed(&text, &pending.secrets, chars_max))
    };
    let code = text(&["Code", "code"], 120).or(error.provider_error.clone());
    let is_one_of = |list: &[&str]| code.as_deref().is_some_and(|code| list.contains(&code));
    let (class, message) = if is_one_of(BUSY) || matches!(reply.status, 408 | 425 | 429 | 500..) {
        (Class::Transient, "The role could not be assumed for now.")
    } else if is_one_of(OPERATORS) {
        (Class::Ours, "AWS did not take the keys of the integration.")
    } else {
        (
            Class::Terminal,
            "The role could not be assumed. Check its ARN, and that its trust policy names the \
             account and the external id.",
        )
    };
    AuthError {
        class,
        message: message.to_owned(),
        provider_description: text(&["Message", "message"], 500)
            .or(error.provider_description.clone()),
        provider_error: code,
        ..error
    }
}
