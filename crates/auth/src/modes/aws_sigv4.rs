//! AWS_SIGV4: temporary keys of a role (AWS STS AssumeRole), with which calls are signed.
//!
//! The operator's own keys, or an endpoint of the operator's, assume the role. What comes back counts
//! only when the keys themselves say that they belong to that role.

use serde_json::{Map, Value};
use valetkey_base::Secret;
use valetkey_catalog::sigv4::Signer;
use valetkey_catalog::{AuthMode, Provider};

use crate::body::{BodyIssue, Reader};
use crate::credentials::Credentials;
use crate::error::{AuthError, Class};
use crate::mode::{Context, Grant, Mode, Pending, Purpose, Step};
use crate::request::{HttpReply, HttpRequest};
use crate::sigv4::{self, Keys};

mod role;
mod sts;

use role::{RoleArn, is_external_id, is_region};

const ARN_CHARS_MAX: usize = 2048;
const REGION_CHARS_MAX: usize = 64;
/// What is asked with a request: the role's keys, or whose keys they are.
const STAGE: &str = "stage";
const ASSUME: &str = "assume";
const IDENTIFY: &str = "identify";

pub(super) struct AwsSigV4;

impl Mode for AwsSigV4 {
    fn mode(&self) -> AuthMode {
        AuthMode::AwsSigV4
    }

    fn authorize_call(
        &self,
        context: &Context<'_>,
        credentials: &Credentials,
        request: &mut HttpRequest,
    ) {
        if let Some(keys) = keys_of(credentials) {
            sigv4::sign(request, &keys, context.now);
        }
    }

    fn submit(&self, context: &Context<'_>, body: &Value) -> Result<Step, Vec<BodyIssue>> {
        let mut reader = Reader::new(body, &[]);
        let arn = reader.text("role_arn", 1, ARN_CHARS_MAX);
        let region = reader.optional_text("region", 1, REGION_CHARS_MAX);
        let mut issues = reader.strict();
        let issue = |name: &str, message: &str| BodyIssue {
            code: "custom".to_owned(),
            message: message.to_owned(),
            path: vec![name.to_owned()],
        };
        if issues.is_empty() {
            if RoleArn::parse(&arn).is_none() {
                let message =
                    "A role's ARN is expected, such as arn:aws:iam::123456789012:role/Name.";
                issues.push(issue("role_arn", message));
            }
            if region.as_deref().is_some_and(|region| !is_region(region)) {
                let message = "A region's code is expected, such as eu-central-1.";
                issues.push(issue("region", message));
            }
        }
        if !issues.is_empty() {
            return Err(issues);
        }
        let wanted = Wanted::connecting(context, arn, region);
        Ok(wanted.map_or_else(Step::Failed, |wanted| assume(context, &wanted)))
    }

    fn can_refresh(&self, _: &Provider, credentials: &Credentials) -> bool {
        credentials.text("role_arn").is_some()
    }

    fn refresh(&self, context: &Context<'_>, credentials: &Credentials) -> Step {
        match Wanted::stored(context, credentials) {
            Ok(wanted) => assume(context, &wanted),
            Err(error) => Step::Failed(error),
        }
    }

    fn reply(&self, context: &Context<'_>, pending: &Pending, reply: &HttpReply) -> Step {
        let Some(wanted) = Wanted::read(&pending.memory) else {
            return Step::Failed(ours(sts::STS_ERROR, "The role was lost on the way."));
        };
        let is_identity = pending.memory.get(STAGE) == Some(&Value::from(IDENTIFY));
        let next = if is_identity {
            identified(pending, &wanted, reply)
        } else {
            assumed(context, pending, &wanted, reply)
        };
        next.unwrap_or_else(Step::Failed)
    }
}

fn ours(code: &str, message: impl Into<String>) -> AuthError {
    AuthError::new(Class::Ours, code, message)
}

/// The role to assume, and for what.
struct Wanted {
    role_arn: String,
    region: String,
    service: String,
    external_id: String,
}

impl Wanted {
    /// For what a person typed. What a connection under repair has stays: the role's owner wrote the
    /// external id into the role's trust policy.
    fn connecting(
        context: &Context<'_>,
        role_arn: String,
        typed_region: Option<String>,
    ) -> Result<Self, AuthError> {
        let text = |map: Option<&Map<String, Value>>, name: &str| {
            let text = map?.get(name)?.as_str()?.trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        let (repairs, config) = (context.repairs, Some(context.connection_config));
        let custom = Some(&context.client.custom);
        let region = text(repairs, "region")
            .or(typed_region)
            .or_else(|| text(config, "region"))
            .or_else(|| text(custom, "defaultRegion"))
            .ok_or_else(|| {
                ours("missing_aws_sigv4_region", "A region is required; the integration has none.")
            })?;
        if !is_region(&region) {
            let message = "The region is not written like a region's code.";
            return Err(ours("missing_aws_sigv4_region", message));
        }
        let given = text(config, "external_id").filter(|id| role::is_uuid(id));
        let external_id = text(repairs, "external_id")
            .filter(|id| is_external_id(id))
            .or(given)
            .unwrap_or_else(|| context.rng.uuid().to_string());
        Ok(Self { role_arn, region, service: service(context)?, external_id })
    }

    /// For a stored connection.
    fn stored(context: &Context<'_>, credentials: &Credentials) -> Result<Self, AuthError> {
        let text = |name: &str| {
            let config = context.connection_config.get(name).and_then(Value::as_str);
            config.filter(|text| !text.is_empty()).or_else(|| credentials.text(name))
        };
        let needed = |name: &str, what: &str| {
            text(name).map(str::to_owned).ok_or_else(|| {
                let message =
                    format!("The connection holds no {what}. The person has to connect again.");
                AuthError::new(Class::Terminal, &format!("missing_aws_sigv4_{name}"), message)
            })
        };
        let region = needed("region", "region")?;
        let external_id = needed("external_id", "external id")?;
        if !is_region(&region) || !is_external_id(&external_id) {
            let message = "The connection's region or external id is malformed.";
            return Err(AuthError::new(Class::Terminal, "invalid_aws_sigv4_config", message));
        }
        let role_arn = needed("role_arn", "role")?;
        let service = text("service").map(str::to_owned).map_or_else(|| service(context), Ok)?;
        Ok(Self { role_arn, region, service, external_id })
    }

    fn memory(&self, stage: &str) -> Map<String, Value> {
        let mut map = self.facts();
        map.insert(STAGE.to_owned(), stage.into());
        map
    }

    fn read(memory: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| memory.get(name)?.as_str().map(str::to_owned);
        Some(Self {
            role_arn: text("role_arn")?,
            region: text("region")?,
            service: text("service")?,
            external_id: text("external_id")?,
        })
    }

    /// What is kept with the connection.
    fn facts(&self) -> Map<String, Value> {
        let pairs = [
            ("external_id", &self.external_id),
            ("role_arn", &self.role_arn),
            ("region", &self.region),
            ("service", &self.service),
        ];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.as_str().into())).collect()
    }
}

fn service(context: &Context<'_>) -> Result<String, AuthError> {
    let service = context.client.custom.get("service").and_then(Value::as_str).unwrap_or_default();
    if is_region(service) {
        return Ok(service.to_owned());
    }
    let message = "The integration does not say which AWS service it is for.";
    Err(ours("missing_aws_sigv4_service", message))
}

fn assume(context: &Context<'_>, wanted: &Wanted) -> Step {
    let mut pending = Pending::new(Purpose::AssumeRole);
    pending.memory = wanted.memory(ASSUME);
    match sts::assume_role(context, wanted, &mut pending) {
        Ok(request) => Step::Send { request, pending },
        Err(error) => Step::Failed(error),
    }
}

/// The keys are there. Whose are they?
fn assumed(
    context: &Context<'_>,
    pending: &Pending,
    wanted: &Wanted,
    reply: &HttpReply,
) -> Result<Step, AuthError> {
    let keys = sts::role_keys(context, pending, reply)?;
    let credentials = keys.credentials(wanted);
    let Some(signing) = keys_of(&credentials) else {
        return Err(ours(sts::STS_ERROR, "The answer holds no complete keys."));
    };
    let request = sts::caller_identity(context, wanted, &signing)?;
    let mut next = Pending::new(Purpose::AssumeRole);
    next.memory = wanted.memory(IDENTIFY);
    next.secrets = credentials.secrets().into_iter().map(Secret::from).collect();
    next.before = Some(credentials);
    Ok(Step::Send { request, pending: next })
}

fn identified(pending: &Pending, wanted: &Wanted, reply: &HttpReply) -> Result<Step, AuthError> {
    let arn = sts::identity(pending, reply)?;
    let role = RoleArn::parse(&wanted.role_arn);
    if !role.is_some_and(|role| role.is_assumed_by(&arn)) {
        let message = "The keys that came back belong to another role than the one that was \
                       entered, so they were not saved.";
        return Err(AuthError::new(Class::Terminal, "connection_test_failed", message));
    }
    let credentials = pending.before.clone().unwrap_or_default();
    Ok(Step::Done(Grant { credentials, connection_config: wanted.facts() }))
}

/// The keys of stored credentials.
fn keys_of(credentials: &Credentials) -> Option<Keys<'_>> {
    let signer = Signer {
        access_key: credentials.text("access_key_id")?,
        secret_key: credentials.text("secret_access_key")?,
        region: credentials.text("region")?,
        service: credentials.text("service")?,
    };
    Some(Keys { signer, session_token: credentials.text("session_token") })
}

#[cfg(test)]
#[path = "aws_sigv4/tests.rs"]
mod tests;
