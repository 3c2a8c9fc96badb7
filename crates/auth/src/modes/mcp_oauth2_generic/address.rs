//! Which addresses may take part. A person typed the first, and servers name the others, so each is
//! looked at before anything is sent there. What a name leads to is for the outgoing client's guard.

use url::{Host, Url};

use crate::error::{AuthError, Class};

/// Longest address taken from a person or a server, in bytes.
pub(super) const ADDRESS_BYTES_MAX: usize = 2048;

/// The MCP server a person named. Without its fragment, as resource indicators have it
/// (RFC 8707 §2).
pub(super) fn server(typed: &str) -> Result<Url, AuthError> {
    let refused = |reason: &str| {
        let message = format!("The address of the MCP server cannot be used: {reason}.");
        Err(AuthError::new(Class::Terminal, "url_param_err", message))
    };
    if typed.len() > ADDRESS_BYTES_MAX {
        return refused("it is too long");
    }
    let Ok(mut url) = Url::parse(typed) else {
        return refused("it is not a full URL such as https://mcp.example.com/mcp");
    };
    url.set_fragment(None);
    // A server of this very machine is one the guard has to let pass; it does only when told so.
    match check(&url, true) {
        Ok(()) => Ok(url),
        Err(reason) => refused(reason),
    }
}

/// An address that a server names, for an errand such as "token endpoint".
pub(super) fn named(text: &str, errand: &str, server: &Url) -> Result<Url, AuthError> {
    let refused = |reason: &str| {
        let host = server.host_str().unwrap_or_default();
        let message = format!("The {errand} that {host} leads to cannot be used: {reason}.");
        Err(AuthError::new(Class::Terminal, "discovery_err", message))
    };
    if text.len() > ADDRESS_BYTES_MAX {
        return refused("its address is too long");
    }
    let Ok(url) = Url::parse(text) else {
        return refused("its address is not a URL");
    };
    match check(&url, is_loopback(server)) {
        Ok(()) => Ok(url),
        Err(reason) => refused(reason),
    }
}

/// Encrypted and under a name; this machine itself only where that is what the person named.
pub(super) fn check(url: &Url, loopback_allowed: bool) -> Result<(), &'static str> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it contains a user name or password");
    }
    if is_loopback(url) {
        let has_scheme = matches!(url.scheme(), "http" | "https");
        return if loopback_allowed && has_scheme {
            Ok(())
        } else {
            Err("it leads to this server's own machine")
        };
    }
    if url.scheme() != "https" {
        return Err("it must begin with https://");
    }
    match url.host() {
        Some(Host::Domain(name)) if name.contains('.') && !name.ends_with('.') => Ok(()),
        Some(Host::Domain(_)) => Err("its host must be a full name such as mcp.example.com"),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => Err("its host must be a name and not an IP address"),
        None => Err("it has no host"),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|v4| v4.is_loopback())
        }
        None => false,
    }
}

/// The same issuer, or a resource, whichever way its root is written.
pub(super) fn without_root_slash(text: &str) -> &str {
    match Url::parse(text) {
        Ok(url) if url.path() == "/" && url.query().is_none() => text.trim_end_matches('/'),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_encrypted_named_servers_are_taken() {
        for good in [
            "https://mcp.example.com",
            "https://mcp.example.com:8443/a/b?c=d#e",
            "http://127.0.0.1:9/mcp",
            "http://localhost/mcp",
        ] {
            assert!(server(good).is_ok(), "{good}");
        }
        for bad in [
            "mcp.example.com",
            "http://mcp.example.com",
            "ftp://localhost",
            "https://10.0.0.1/",
            "https://[fd00::1]/",
            "https://169.254.169.254/latest",
            "https://user:pass@mcp.example.com",
            "https://intranet/mcp",
            "https://mcp.example.com./",
            "https://0x7f000001.example:1@10.1.1.1",
        ] {
            assert_eq!(server(bad).unwrap_err().code, "url_param_err", "{bad}");
        }
        assert_eq!(server("https://a.test/x#y").unwrap().as_str(), "https://a.test/x");
    }

    #[test]
    fn a_public_server_does_not_lead_to_this_machine() {
        let public = Url::parse("https://mcp.example.com/mcp").unwrap();
        let local = Url::parse("http://127.0.0.1:4000/mcp").unwrap();
        for text in
            ["http://127.0.0.1/token", "https://localhost/token", "https://[::ffff:127.0.0.1]/"]
        {
            assert!(named(text, "token endpoint", &public).is_err(), "{text}");
        }
        assert!(named("http://127.0.0.1:4001/token", "token endpoint", &local).is_ok());
        let error = named("http://as.example.com/t", "token endpoint", &public).unwrap_err();
        assert_eq!(
            error.message,
            "The token endpoint that mcp.example.com leads to cannot be used: it must begin with \
             https://."
        );
    }
}
