//! What servers say about themselves: protected resource metadata (RFC 9728 §2) and authorization
//! server metadata (RFC 8414 §2, OpenID Connect Discovery 1.0 §3).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use super::address::{named, without_root_slash};
use crate::error::{AuthError, Class};
use crate::pkce;
use crate::request::HttpReply;
use crate::token_reply::parse_body;

/// Largest description that is read, in bytes.
const DOCUMENT_BYTES_MAX: usize = 256 * 1024;
/// Most items of a list that are kept.
const ITEMS_MAX: usize = 200;
/// Longest text that is kept, in bytes.
const TEXT_BYTES_MAX: usize = 2048;

/// A description as an object; none when the answer holds none.
pub(super) fn document(reply: &HttpReply) -> Option<Map<String, Value>> {
    let is_one = reply.is_success() && reply.body.len() <= DOCUMENT_BYTES_MAX;
    is_one.then(|| parse_body(reply)).flatten()
}

fn text(map: &Map<String, Value>, name: &str) -> Option<String> {
    let text = map.get(name).and_then(Value::as_str)?;
    Some(text.to_owned()).filter(|text| !text.is_empty() && text.len() <= TEXT_BYTES_MAX)
}

fn texts(map: &Map<String, Value>, name: &str) -> Option<Vec<String>> {
    let items = map.get(name)?.as_array()?.iter().filter_map(Value::as_str);
    let fitting = items.filter(|text| text.len() <= TEXT_BYTES_MAX);
    Some(fitting.take(ITEMS_MAX).map(str::to_owned).collect())
}

/// What a protected server says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ResourceMetadata {
    pub(super) resource: Option<String>,
    pub(super) authorization_servers: Vec<String>,
    pub(super) scopes_supported: Vec<String>,
}

impl ResourceMetadata {
    /// None when the object is not about a protected resource.
    pub(super) fn read(map: &Map<String, Value>) -> Option<Self> {
        let metadata = Self {
            resource: text(map, "resource"),
            authorization_servers: texts(map, "authorization_servers").unwrap_or_default(),
            scopes_supported: texts(map, "scopes_supported").unwrap_or_default(),
        };
        let is_one = metadata.resource.is_some() || !metadata.authorization_servers.is_empty();
        is_one.then_some(metadata)
    }

    /// A description counts only for the server that was asked about: the same, or one above it in
    /// its path (RFC 9728 §3.3). Otherwise one server could have tokens made for another.
    pub(super) fn check(&self, server: &Url) -> Result<(), AuthError> {
        let Some(resource) = &self.resource else { return Ok(()) };
        if Url::parse(resource).is_ok_and(|resource| covers(&resource, server)) {
            return Ok(());
        }
        let message = format!(
            "The protected resource metadata of {} is about another resource ({}). It must be about \
             the address that was entered, or one above it.",
            server.host_str().unwrap_or_default(),
            crate::classify::scrubbed(resource, &[], 200),
        );
        Err(AuthError::new(Class::Terminal, "discovery_err", message))
    }
}

fn covers(resource: &Url, server: &Url) -> bool {
    let above = resource.path().trim_end_matches('/');
    let below = server.path();
    let is_above =
        below.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    resource.origin() == server.origin() && is_above
}

/// What an authorization server says. Stored with the connection under the names of the RFC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ServerMetadata {
    pub(super) issuer: String,
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) registration_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) revocation_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scopes_supported: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response_types_supported: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) grant_types_supported: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) client_id_metadata_document_supported: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

impl ServerMetadata {
    /// Reads and checks the description found for `issuer`, on the way from `server`.
    pub(super) fn read(
        map: &Map<String, Value>,
        issuer: &str,
        server: &Url,
    ) -> Result<Self, AuthError> {
        let flag = |name: &str| map.get(name) == Some(&Value::Bool(true));
        let mut metadata = Self {
            issuer: text(map, "issuer").unwrap_or_default(),
            authorization_endpoint: text(map, "authorization_endpoint").unwrap_or_default(),
            token_endpoint: text(map, "token_endpoint").unwrap_or_default(),
            registration_endpoint: text(map, "registration_endpoint"),
            revocation_endpoint: text(map, "revocation_endpoint"),
            scopes_supported: texts(map, "scopes_supported"),
            response_types_supported: texts(map, "response_types_supported"),
            grant_types_supported: texts(map, "grant_types_supported"),
            code_challenge_methods_supported: texts(map, "code_challenge_methods_supported"),
            token_endpoint_auth_methods_supported: texts(
                map,
                "token_endpoint_auth_methods_supported",
            ),
            client_id_metadata_document_supported: flag("client_id_metadata_document_supported"),
            authorization_response_iss_parameter_supported: flag(
                "authorization_response_iss_parameter_supported",
            ),
        };
        metadata.check_issuer(issuer)?;
        named(&metadata.authorization_endpoint, "authorization endpoint", server)?;
        named(&metadata.token_endpoint, "token endpoint", server)?;
        let usable = |endpoint: &String| named(endpoint, "endpoint", server).is_ok();
        metadata.registration_endpoint = metadata.registration_endpoint.filter(usable);
        metadata.revocation_endpoint = metadata.revocation_endpoint.filter(usable);
        metadata.check_abilities()?;
        Ok(metadata)
    }

    /// A description of another issuer would send codes of one server to another (RFC 8414 §3.3).
    fn check_issuer(&self, issuer: &str) -> Result<(), AuthError> {
        if without_root_slash(&self.issuer) == without_root_slash(issuer) {
            return Ok(());
        }
        let scrubbed = |text: &str| crate::classify::scrubbed(text, &[], 200);
        let found = match self.issuer.as_str() {
            "" => "no issuer".to_owned(),
            found => format!("the issuer {}", scrubbed(found)),
        };
        let message = format!(
            "The authorization server metadata names {found} where {} was asked. It must be the same.",
            scrubbed(issuer),
        );
        Err(AuthError::new(Class::Terminal, "discovery_err", message))
    }

    fn check_abilities(&self) -> Result<(), AuthError> {
        let lacks = |listed: &Option<Vec<String>>, item: &str| {
            listed.as_ref().is_some_and(|listed| !listed.iter().any(|listed| listed == item))
        };
        let lacking = if lacks(&self.response_types_supported, "code") {
            "the authorization code flow (response type code)"
        } else if lacks(&self.code_challenge_methods_supported, pkce::METHOD) {
            "PKCE with the method S256"
        } else {
            return Ok(());
        };
        Err(self.unable(lacking))
    }

    /// A server that says nothing of PKCE does not do it (RFC 8414 §2), and then MCP forbids to go
    /// on; unless somebody who knows the server registered a client there.
    pub(super) fn check_proof(&self) -> Result<(), AuthError> {
        match &self.code_challenge_methods_supported {
            Some(_) => Ok(()),
            None => Err(self.unable("PKCE: code_challenge_methods_supported is missing")),
        }
    }

    fn unable(&self, lacking: &str) -> AuthError {
        let host = self.host();
        let message = format!("The authorization server {host} does not offer {lacking}.");
        AuthError::new(Class::Terminal, "discovery_err", message)
    }

    /// The name of the authorization server's host.
    pub(super) fn host(&self) -> String {
        let url = Url::parse(&self.issuer).ok();
        url.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_covers_what_is_below_it() {
        let server = Url::parse("https://mcp.test/team/mcp").unwrap();
        for good in [
            "https://mcp.test",
            "https://mcp.test/",
            "https://mcp.test/team",
            "https://mcp.test/team/mcp/",
        ] {
            assert!(covers(&Url::parse(good).unwrap(), &server), "{good}");
        }
        for bad in [
            "http://mcp.test/team/mcp",
            "https://mcp.test:8443/",
            "https://other.test/team/mcp",
            "https://mcp.test/te",
            "https://mcp.test/team/mcp/deeper",
        ] {
            assert!(!covers(&Url::parse(bad).unwrap(), &server), "{bad}");
        }
    }
}
