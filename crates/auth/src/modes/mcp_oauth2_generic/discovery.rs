//! Finding the authorization server of an MCP server (MCP authorization specification, "Authorization
//! Server Discovery"). Each answer leads to the next request, until there is somewhere to send the
//! person, or a reason why not.

use http::Method;
use serde_json::json;
use url::Url;

use super::address;
use super::challenge;
use super::client;
use super::flow::{Flow, Stage};
use super::metadata::{ResourceMetadata, ServerMetadata, document};
use crate::classify::scrubbed;
use crate::error::{AuthError, Class};
use crate::mode::{AuthorizeInput, Context, Pending, Purpose, Step};
use crate::request::{Body, HttpReply, HttpRequest};

/// The revision of MCP this server speaks.
const PROTOCOL_VERSION: &str = "2025-11-25";
/// Most answers an error lists.
const MISSES_MAX: usize = 6;

/// Comes to the server without a token, as any MCP client would at first.
pub(super) fn begin(server: &Url, input: &AuthorizeInput<'_>) -> Step {
    ask(Flow::new(server, input), server.clone(), Stage::Challenge)
}

/// The next step after an answer.
pub(super) fn go_on(context: &Context<'_>, pending: &Pending, reply: &HttpReply) -> Step {
    let next = Flow::of(pending).and_then(|flow| step(context, flow, reply));
    next.unwrap_or_else(Step::Failed)
}

/// A server that does not answer a stranger may still describe itself.
pub(super) fn unanswered(pending: &Pending, error: AuthError) -> Step {
    match Flow::of(pending) {
        Ok(flow) if pending.purpose == Purpose::Discovery => match flow.stage {
            Stage::Challenge => {
                ask_resource(flow, Vec::new()).unwrap_or_else(|_| Step::Failed(error))
            }
            _ => Step::Failed(error),
        },
        _ => Step::Failed(error),
    }
}

fn step(context: &Context<'_>, mut flow: Flow, reply: &HttpReply) -> Result<Step, AuthError> {
    if let Some(url) = followed(&flow, reply) {
        flow.redirects_left -= 1;
        let stage = flow.stage.clone();
        return Ok(ask(flow, url, stage));
    }
    match flow.stage.clone() {
        Stage::Challenge => {
            let hint = match reply.status {
                401 | 403 => challenge::read(reply),
                _ => challenge::Challenge::default(),
            };
            flow.challenged_scope = hint.scope.filter(|scope| scope.len() <= 4096);
            ask_resource(flow, hint.resource_metadata.into_iter().collect())
        }
        Stage::Resource { others } => {
            let found = document(reply).and_then(|map| ResourceMetadata::read(&map));
            match found {
                Some(found) => {
                    found.check(&flow.server_url()?)?;
                    flow.resource = found;
                    ask_server(flow)
                }
                None => match missed(&mut flow, reply, others) {
                    Some((url, others)) => Ok(ask(flow, url, Stage::Resource { others })),
                    // Servers from before the rule describe themselves as authorization servers.
                    None => ask_server(flow),
                },
            }
        }
        Stage::Server { others } => {
            if reply.status >= 500 {
                return Err(down(&flow, reply));
            }
            match document(reply) {
                Some(map) => {
                    let server = flow.server_url()?;
                    flow.metadata = ServerMetadata::read(&map, &flow.issuer, &server)?;
                    client::choose(context, flow)
                }
                None => match missed(&mut flow, reply, others) {
                    Some((url, others)) => Ok(ask(flow, url, Stage::Server { others })),
                    None => Err(nothing_found(&flow)),
                },
            }
        }
        Stage::Registration => Err(nothing_found(&flow)),
    }
}

/// Where a redirect leads, if it stays with the server that was asked.
fn followed(flow: &Flow, reply: &HttpReply) -> Option<Url> {
    let keeps_method = matches!(reply.status, 307 | 308);
    let is_followed = match flow.stage {
        Stage::Challenge => keeps_method,
        _ => keeps_method || matches!(reply.status, 301..=303),
    };
    let asked = Url::parse(&flow.asked).ok()?;
    let target = asked.join(reply.header("location")?).ok()?;
    let stays = target.origin() == asked.origin() && target.as_str().len() <= 2048;
    (is_followed && stays && flow.redirects_left > 0).then_some(target)
}

/// Remembers an answer that was none, and takes the next address.
fn missed(
    flow: &mut Flow,
    reply: &HttpReply,
    mut others: Vec<String>,
) -> Option<(Url, Vec<String>)> {
    let asked = Url::parse(&flow.asked).ok();
    let place = asked.map_or_else(String::new, |url| {
        format!("{}{}", url.host_str().unwrap_or_default(), url.path())
    });
    let what = match reply.status {
        200..300 => "no such document".to_owned(),
        300..400 => format!("a redirect elsewhere ({})", reply.status),
        status => status.to_string(),
    };
    flow.had_trouble |= reply.status >= 500 || reply.status == 429;
    if flow.misses.len() < MISSES_MAX {
        flow.misses.push(format!("{what} at {}", scrubbed(&place, &[], 120)));
    }
    while !others.is_empty() {
        if let Ok(url) = Url::parse(&others.remove(0)) {
            return Some((url, others));
        }
    }
    None
}

/// Asks for the server's own description: where it said, below its path, at its root
/// (RFC 9728 §3.1).
fn ask_resource(flow: Flow, hints: Vec<String>) -> Result<Step, AuthError> {
    let server = flow.server_url()?;
    let mut addresses: Vec<String> = hints
        .into_iter()
        .filter(|hint| address::named(hint, "protected resource metadata", &server).is_ok())
        .collect();
    let path = server.path().trim_end_matches('/');
    for path in [path, ""] {
        let address = well_known(&server, &format!("/.well-known/oauth-protected-resource{path}"));
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    let first = Url::parse(&addresses.remove(0)).map_err(|_| nothing_found(&flow))?;
    Ok(ask(flow, first, Stage::Resource { others: addresses }))
}

/// Asks for the description of the authorization server, in the order of the MCP specification.
fn ask_server(mut flow: Flow) -> Result<Step, AuthError> {
    let server = flow.server_url()?;
    let listed = &flow.resource.authorization_servers;
    let issuer = match listed.first() {
        None => well_known(&server, ""),
        Some(first) => {
            let usable = listed
                .iter()
                .find(|listed| address::named(listed, "authorization server", &server).is_ok());
            match usable {
                Some(usable) => usable.clone(),
                None => address::named(first, "authorization server", &server)?.into(),
            }
        }
    };
    let url = Url::parse(&issuer).map_err(|_| nothing_found(&flow))?;
    let path = url.path().trim_end_matches('/');
    let oauth = "/.well-known/oauth-authorization-server";
    let openid = "/.well-known/openid-configuration";
    let mut addresses = vec![
        well_known(&url, &format!("{oauth}{path}")),
        well_known(&url, &format!("{openid}{path}")),
    ];
    if !path.is_empty() {
        addresses.push(well_known(&url, &format!("{path}{openid}")));
    }
    let first = Url::parse(&addresses.remove(0)).map_err(|_| nothing_found(&flow))?;
    flow.issuer = issuer;
    Ok(ask(flow, first, Stage::Server { others: addresses }))
}

/// An address of the same server with this path and nothing after it.
fn well_known(server: &Url, path: &str) -> String {
    let mut url = server.clone();
    url.set_path(path);
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

fn ask(mut flow: Flow, url: Url, stage: Stage) -> Step {
    let is_challenge = matches!(stage, Stage::Challenge);
    flow.asked = url.to_string();
    flow.stage = stage;
    let method = if is_challenge { Method::POST } else { Method::GET };
    let mut request = HttpRequest::new(method, url);
    let accept = if is_challenge {
        request.body = Body::Json(json!({
            "jsonrpc": "2.0",
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": PROTOCOL_VERSION,
                "capabilities": {},
                "clientInfo": {"name": "valetkey", "version": env!("CARGO_PKG_VERSION")}
            }
        }));
        "application/json, text/event-stream"
    } else {
        "application/json"
    };
    request.headers.push(("accept".to_owned(), accept.to_owned()));
    request.headers.push(("mcp-protocol-version".to_owned(), PROTOCOL_VERSION.to_owned()));
    Step::Send { request, pending: flow.pending(Purpose::Discovery) }
}

fn host(text: &str) -> String {
    let url = Url::parse(text).ok();
    url.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

fn down(flow: &Flow, reply: &HttpReply) -> AuthError {
    let message = format!(
        "{} could not give its authorization server metadata: it answered {}. Try again later.",
        host(&flow.asked),
        reply.status
    );
    AuthError {
        provider_status: Some(reply.status),
        ..AuthError::new(Class::Transient, "discovery_err", message)
    }
}

fn nothing_found(flow: &Flow) -> AuthError {
    let (class, code) = if flow.had_trouble {
        (Class::Transient, "discovery_err")
    } else {
        // Most likely what was entered is not the address of an MCP server.
        (Class::Terminal, "url_param_err")
    };
    let message = format!(
        "{} does not say how to authorize: no protected resource metadata (RFC 9728) and no \
         authorization server metadata (RFC 8414) was found. Answers: {}.",
        host(&flow.server),
        flow.misses.join(", ")
    );
    AuthError::new(class, code, message)
}
