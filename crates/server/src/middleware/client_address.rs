//! Whom a request comes from. Behind proxies of the operator that is in `X-Forwarded-For`, whose
//! beginning anybody can write: only what proxies that are trusted appended to it counts.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use http::{Extensions, HeaderMap};
use ipnet::IpNet;

const FORWARDED_FOR: &str = "x-forwarded-for";
/// Proxies in a row that are gone back through.
const HOPS_MAX: usize = 16;

/// The address of the client, among the extensions of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// The operator's own proxies.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Reads addresses and networks, separated by commas.
    ///
    /// # Errors
    /// Names the item that is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let network = |item: &str| {
            let address = || item.parse::<IpAddr>().map(IpNet::from);
            let wrong = |_| format!("{item:?} is neither an address nor a network like 10.0.0.0/8");
            item.parse().or_else(|_| address()).map_err(wrong)
        };
        items.map(network).collect::<Result<_, _>>().map(Self)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client of a request, `None` for one that came through no network.
    pub(crate) fn client(
        &self,
        extensions: &Extensions,
        headers: &HeaderMap,
    ) -> Option<ClientAddress> {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip().to_canonical();
        if self.0.is_empty() {
            return Some(ClientAddress(peer));
        }
        let lines = headers.get_all(FORWARDED_FOR).iter().rev();
        let hops = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.rsplit(','));
        let mut client = peer;
        for hop in hops.take(HOPS_MAX) {
            if !self.trusts(client) {
                break;
            }
            // What cannot be read, nobody trusted has written.
            let Some(before) = address(hop.trim()) else { break };
            client = before;
        }
        Some(ClientAddress(client))
    }
}

/// Some proxies add the port.
fn address(hop: &str) -> Option<IpAddr> {
    let with_port = || hop.parse::<SocketAddr>().map(|it| it.ip()).ok();
    let bracketed = || hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let found = hop.parse().ok().or_else(with_port).or_else(bracketed)?;
    Some(IpAddr::to_canonical(&found))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &str, peer: &str, lines: &[&str]) -> String {
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        let proxies = TrustedProxies::parse(trusted).unwrap();
        proxies.client(&extensions, &headers).unwrap().0.to_string()
    }

    #[test]
    fn nobody_is_believed_but_those_who_are_trusted() {
        assert_eq!(client("", "10.0.0.1", &["1.2.3.4"]), "10.0.0.1");
        assert_eq!(client("10.0.0.0/8", "9.9.9.9", &["1.2.3.4"]), "9.9.9.9");
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", &["1.2.3.4"]), "1.2.3.4");
        assert_eq!(client("10.0.0.1", "::ffff:10.0.0.1", &["2001:db8::1"]), "2001:db8::1");
    }

    #[test]
    fn what_the_client_wrote_itself_does_not_count() {
        let chain = ["6.6.6.6, 1.2.3.4", "10.0.0.2"];
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", &chain), "1.2.3.4");
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", &["6.6.6.6, nonsense"]), "10.0.0.1");
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", &["10.0.0.7"]), "10.0.0.7");
    }

    #[test]
    fn ports_and_brackets_are_left_out() {
        for hop in ["1.2.3.4:56", " 1.2.3.4 "] {
            assert_eq!(client("10.0.0.1", "10.0.0.1", &[hop]), "1.2.3.4");
        }
        for hop in ["[2001:db8::1]:56", "[2001:db8::1]"] {
            assert_eq!(client("10.0.0.1", "10.0.0.1", &[hop]), "2001:db8::1");
        }
    }

    #[test]
    fn a_list_names_what_it_cannot_read() {
        assert!(TrustedProxies::parse("10.0.0.0/8, proxy.example").unwrap_err().contains("proxy"));
    }
}
