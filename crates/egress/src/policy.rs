//! What the operator exempts from the address guard, and the guard's verdict with that in mind.

use std::net::IpAddr;

use ipnet::IpNet;
use url::Host;

use crate::guard::{self, Refusal};

/// What may be reached beyond the public internet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Exemptions from the address guard. Empty means public addresses only.
    pub allow: AllowList,
}

/// Networks and host names exempt from the address guard.
///
/// A network exempts addresses, however they were found. A host name exempts whatever it resolves
/// to, so it should be a name that the operator controls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowList {
    networks: Vec<IpNet>,
    names: Vec<String>,
    /// Stored with the leading dot, so that a suffix match ends at a label.
    below: Vec<String>,
}

impl AllowList {
    /// Reads a comma-separated list of addresses (`10.1.2.3`), networks (`127.0.0.0/8`), host names
    /// (`internal.example`) and names with everything below them (`*.corp.example`, which does not
    /// include `corp.example`). The error names the item that is none of these.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut list = Self::default();
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            list.add(item).ok_or_else(|| {
                format!(
                    "{item:?} is neither an address, a network such as 10.0.0.0/8, a host name, \
                     nor *.name"
                )
            })?;
        }
        Ok(list)
    }

    /// Whether nothing is exempt.
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty() && self.names.is_empty() && self.below.is_empty()
    }

    fn add(&mut self, item: &str) -> Option<()> {
        if let Ok(network) = item.parse::<IpNet>() {
            self.networks.push(network.trunc());
            return Some(());
        }
        let bare = item.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(item);
        if let Ok(address) = bare.parse::<IpAddr>() {
            self.networks.push(address.into());
            return Some(());
        }
        let (name, whole_zone) = match item.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (item, false),
        };
        match Host::parse(name).ok()? {
            Host::Domain(name) if !has_empty_label(&name) && !name.contains('*') => {
                if whole_zone {
                    self.below.push(format!(".{name}"));
                } else {
                    self.names.push(name);
                }
                Some(())
            }
            _ => None,
        }
    }

    fn covers_name(&self, host: &str) -> bool {
        self.names.iter().any(|name| name == host)
            || self.below.iter().any(|suffix| host.len() > suffix.len() && host.ends_with(suffix))
    }

    fn covers_address(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }
}

/// `a..b`, `.a` and `a.`: resolvers disagree about them, so they are never a destination.
pub(crate) fn has_empty_label(host: &str) -> bool {
    host.split('.').any(str::is_empty)
}

impl Policy {
    /// Why this name may not be asked for, before any lookup. `localhost` passes as soon as one
    /// loopback address is exempt, because it can mean nothing else.
    pub(crate) fn name_refusal(&self, host: &str) -> Option<Refusal> {
        if self.allow.covers_name(host) {
            return None;
        }
        let refusal = guard::name_refusal(host)?;
        let loopback_exempt =
            guard::LOOPBACK.iter().any(|address| self.allow.covers_address(*address));
        if refusal == Refusal::LocalName && loopback_exempt { None } else { Some(refusal) }
    }

    /// Why this address may not be connected to.
    pub(crate) fn address_refusal(&self, address: IpAddr) -> Option<Refusal> {
        if self.allow.covers_address(address) {
            return None;
        }
        if let IpAddr::V6(v6) = address
            && let Some(v4) = guard::embedded(v6)
        {
            return self.address_refusal(v4.into());
        }
        guard::address_refusal(address)
    }

    /// Whether the operator vouches for whatever this name resolves to.
    pub(crate) fn vouches_for(&self, host: &str) -> bool {
        self.allow.covers_name(host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(allow: &str) -> Policy {
        Policy { allow: AllowList::parse(allow).unwrap() }
    }

    fn refusal(policy: &Policy, address: &str) -> Option<Refusal> {
        policy.address_refusal(address.parse().unwrap())
    }

    #[test]
    fn every_kind_of_item_is_read() {
        let policy = policy(" 127.0.0.0/8, [::1] ,10.1.2.3, Internal.Example,*.corp.example,, db ");
        assert_eq!(refusal(&policy, "127.9.9.9"), None);
        assert_eq!(refusal(&policy, "::1"), None);
        assert_eq!(refusal(&policy, "10.1.2.3"), None);
        assert_eq!(refusal(&policy, "10.1.2.4"), Some(Refusal::Private));
        for name in ["internal.example", "a.corp.example", "a.b.corp.example", "db"] {
            assert!(policy.vouches_for(name), "{name}");
        }
        for name in ["x.internal.example", "corp.example", "evilcorp.example", ".corp.example"] {
            assert!(!policy.vouches_for(name), "{name}");
        }
    }

    #[test]
    fn a_bad_item_is_named() {
        for bad in
            ["10.0.0.0/33", "http://a.example", "*", "a.example.", ".a.example", "*.*.x", "a b"]
        {
            let error = AllowList::parse(&format!("127.0.0.1, {bad}")).unwrap_err();
            assert!(error.contains(bad), "{bad}: {error}");
        }
        assert!(AllowList::parse("").unwrap().is_empty());
    }

    #[test]
    fn addresses_that_carry_refused_ones_are_refused_and_carriers_of_public_ones_are_not() {
        let strict = Policy::default();
        let carriers: [fn(&str) -> String; 4] = [
            |v4| format!("::ffff:{v4}"),
            |v4| format!("64:ff9b::{v4}"),
            |v4| format!("2606:4700::5efe:{v4}"),
            |v4| {
                let [a, b, c, d] = v4.parse::<std::net::Ipv4Addr>().unwrap().octets();
                format!("2002:{a:02x}{b:02x}:{c:02x}{d:02x}::1")
            },
        ];
        for carrier in carriers {
            for v4 in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "192.168.1.1"] {
                let address = carrier(v4);
                assert_eq!(refusal(&strict, &address), refusal(&strict, v4), "{address}");
                assert!(refusal(&strict, &address).is_some(), "{address}");
            }
            assert_eq!(refusal(&strict, &carrier("93.184.215.14")), None);
        }
    }

    #[test]
    fn an_exempt_network_reaches_through_a_mapped_address() {
        assert_eq!(refusal(&policy("10.0.0.0/8"), "::ffff:10.0.0.1"), None);
        assert!(refusal(&policy("10.0.0.0/8"), "::ffff:127.0.0.1").is_some());
    }

    #[test]
    fn localhost_needs_its_name_or_a_loopback_address_exempt() {
        assert_eq!(Policy::default().name_refusal("localhost"), Some(Refusal::LocalName));
        assert_eq!(policy("10.0.0.0/8").name_refusal("localhost"), Some(Refusal::LocalName));
        assert_eq!(policy("127.0.0.0/8").name_refusal("localhost"), None);
        assert_eq!(policy("::1").name_refusal("app.localhost"), None);
        assert_eq!(policy("localhost").name_refusal("localhost"), None);
        assert_eq!(
            policy("127.0.0.0/8").name_refusal("metadata.google.internal"),
            Some(Refusal::Metadata)
        );
    }
}
