//! Name lookup with the guard inside.
//!
//! The HTTP client connects to exactly the addresses this resolver returns, so there is no second
//! lookup that could answer differently (DNS rebinding). One refused address refuses the whole
//! answer: a public name has no business pointing inside, and connecting to its other addresses
//! would hide that.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::guard::{self, Refusal};
use crate::policy::Policy;

/// The resolver of the one HTTP client.
#[derive(Debug)]
pub(crate) struct GuardedResolver {
    policy: Arc<Policy>,
}

/// A lookup that was answered with an address the policy refuses. It travels through the HTTP
/// client as the source of its error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RefusedAnswer(pub(crate) Refusal);

impl fmt::Display for RefusedAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name resolves to a {}", self.0)
    }
}

impl std::error::Error for RefusedAnswer {}

impl GuardedResolver {
    pub(crate) fn new(policy: Arc<Policy>) -> Self {
        Self { policy }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.policy.clone();
        Box::pin(async move {
            let host = name.as_str();
            let addresses = if guard::is_localhost(host) {
                localhost(&policy, host)?
            } else {
                // Port 0 stands for the port of the URL.
                let answer = tokio::net::lookup_host((host, 0)).await?;
                filter(&policy, host, answer.map(|socket| socket.ip()).collect())?
            };
            let sockets = addresses.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(sockets) as Addrs)
        })
    }
}

/// The loopback addresses that are exempt, without asking anyone (RFC 6761, section 6.3).
fn localhost(policy: &Policy, host: &str) -> Result<Vec<IpAddr>, RefusedAnswer> {
    let exempt =
        |address: &IpAddr| policy.vouches_for(host) || policy.address_refusal(*address).is_none();
    let addresses: Vec<IpAddr> = guard::LOOPBACK.into_iter().filter(exempt).collect();
    if addresses.is_empty() { Err(RefusedAnswer(Refusal::Loopback)) } else { Ok(addresses) }
}

/// The whole answer, or the reason of the first address in it that is refused.
fn filter(policy: &Policy, host: &str, answer: Vec<IpAddr>) -> Result<Vec<IpAddr>, RefusedAnswer> {
    if policy.vouches_for(host) {
        return Ok(answer);
    }
    match answer.iter().find_map(|address| policy.address_refusal(*address)) {
        Some(refusal) => Err(RefusedAnswer(refusal)),
        None => Ok(answer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::AllowList;

    fn policy(allow: &str) -> Policy {
        Policy { allow: AllowList::parse(allow).unwrap() }
    }

    fn answer(addresses: &[&str]) -> Vec<IpAddr> {
        addresses.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[test]
    fn one_refused_address_refuses_the_answer() {
        let mixed = answer(&["93.184.215.14", "10.0.0.1"]);
        let refused = filter(&policy(""), "a.example", mixed.clone()).unwrap_err();
        assert_eq!(refused.0, Refusal::Private);
        assert_eq!(filter(&policy("10.0.0.0/8"), "a.example", mixed.clone()).unwrap(), mixed);
        assert_eq!(filter(&policy("a.example"), "a.example", mixed.clone()).unwrap(), mixed);
        assert!(filter(&policy("b.example"), "a.example", mixed).is_err());
    }

    #[tokio::test]
    async fn the_system_resolvers_answers_are_filtered() {
        // The system reads numbers as addresses, so this asks no server.
        let ask = async |allow: &str, name: &str| {
            let resolver = GuardedResolver::new(Arc::new(policy(allow)));
            resolver.resolve(name.parse().unwrap()).await.map(Iterator::collect::<Vec<_>>)
        };
        assert!(ask("", "127.0.0.1").await.unwrap_err().is::<RefusedAnswer>());
        assert!(ask("", "10.0.0.1").await.unwrap_err().is::<RefusedAnswer>());
        let allowed = ask("127.0.0.0/8", "127.0.0.1").await.unwrap();
        assert_eq!(allowed, ["127.0.0.1:0".parse().unwrap()]);
    }

    #[test]
    fn localhost_is_what_is_exempt_of_loopback() {
        assert!(localhost(&policy(""), "localhost").is_err());
        assert_eq!(localhost(&policy("127.0.0.0/8"), "localhost").unwrap(), answer(&["127.0.0.1"]));
        assert_eq!(localhost(&policy("::1"), "a.localhost").unwrap(), answer(&["::1"]));
        assert_eq!(
            localhost(&policy("localhost"), "localhost").unwrap(),
            answer(&["127.0.0.1", "::1"])
        );
    }
}
