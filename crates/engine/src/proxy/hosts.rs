//! Which hosts a connection's credentials may be sent to.
//!
//! Those of the provider entry, and whatever belongs to the same registered domain: an API at
//! `api.example.com` may be asked at `files.example.com`. Names under which anybody can register
//! (the public suffix list) never count as one domain. The operator may add hosts to an integration.

use url::{Host, Url};

/// Whether two addresses belong to whoever registered the domain.
pub(crate) fn same_owner(left: &Url, right: &Url) -> bool {
    match (left.host(), right.host()) {
        (Some(Host::Domain(left_name)), Some(Host::Domain(right_name))) => {
            left_name == right_name
                || registered(left_name)
                    .is_some_and(|domain| registered(right_name) == Some(domain))
        }
        // An address is nobody's but its own.
        (Some(left_host), Some(right_host)) => {
            left_host == right_host && left.port_or_known_default() == right.port_or_known_default()
        }
        _ => false,
    }
}

fn registered(name: &str) -> Option<&str> {
    let domain = psl::domain(name.as_bytes()).filter(|domain| domain.suffix().is_known())?;
    std::str::from_utf8(domain.as_bytes()).ok()
}

/// Whether an address is among hosts an operator wrote down: `api.example.com`, with a port if it
/// has one; `*.example.com` for every name below; `*` for all.
pub(crate) fn is_listed(url: &Url, hosts: &[String]) -> bool {
    let Some(host) = url.host_str() else { return false };
    let with_port = url.port().map(|port| format!("{host}:{port}"));
    hosts.iter().any(|pattern| {
        pattern == "*"
            || pattern.eq_ignore_ascii_case(host)
            || with_port.as_ref().is_some_and(|it| pattern.eq_ignore_ascii_case(it))
            || pattern.strip_prefix("*.").is_some_and(|domain| {
                host.strip_suffix(&domain.to_ascii_lowercase())
                    .is_some_and(|rest| rest.ends_with('.'))
            })
    })
}

/// Longest text that can be listed: a name of RFC 1035, section 2.3.4, with `*.` and a port.
const PATTERN_BYTES_MAX: usize = 253 + "*.:65535".len();

/// Whether a text can be listed as a host.
pub fn is_host_pattern(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    text == "*"
        || (!name.is_empty()
            && text.len() <= PATTERN_BYTES_MAX
            && !name.contains(['/', '?', '#', '@', '*', ' '])
            && Url::parse(&format!("https://{name}/")).is_ok_and(|url| url.path() == "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(left: &str, right: &str) -> bool {
        same_owner(&Url::parse(left).unwrap(), &Url::parse(right).unwrap())
    }

    #[test]
    fn one_registered_domain_is_one_owner() {
        assert!(same("https://api.example.com/", "https://files.example.com:8443/x"));
        assert!(same("https://a.example.co.uk", "https://b.c.example.co.uk"));
        assert!(!same("https://a.co.uk", "https://b.co.uk"));
        assert!(!same("https://shop.myshopify.com", "https://other.myshopify.com"));
        assert!(!same("https://api.example.com", "https://api.example.org"));
        assert!(!same("https://example.com.evil.net", "https://example.com"));
        assert!(same("http://127.0.0.1:8080", "http://127.0.0.1:8080/x"));
        assert!(!same("http://127.0.0.1:8080", "http://127.0.0.1:8081"));
        assert!(!same("http://a.internal", "http://b.internal"), "no known suffix");
    }

    #[test]
    fn listed_hosts_are_names_names_below_or_all() {
        let listed = |host: &str, pattern: &str| {
            is_listed(&Url::parse(&format!("https://{host}/")).unwrap(), &[pattern.to_owned()])
        };
        assert!(
            listed("a.test", "A.test") && listed("a.test", "*") && listed("b.a.test", "*.a.test")
        );
        assert!(listed("a.test:81", "a.test:81"));
        assert!(!listed("a.test", "*.a.test") && !listed("ba.test", "*.a.test"));
        for (pattern, expected) in [
            ("*", true),
            ("*.a.test", true),
            ("a.test:81", true),
            ("", false),
            ("a/b", false),
            ("*.*", false),
            ("https://a", false),
        ] {
            assert_eq!(is_host_pattern(pattern), expected, "{pattern}");
        }
    }
}
