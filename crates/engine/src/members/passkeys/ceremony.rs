//! What both ceremonies share: where passkeys are for, what a browser says that it did, and what an
//! authenticator says about itself.

use aws_lc_rs::digest::{SHA256, digest};
use minicbor::Decoder;
use serde::Deserialize;
use subtle::ConstantTimeEq as _;
use url::{Host, Url};

use super::cose;

/// Most bytes of a credential id (section 5.8.3, and step 25 of section 7.1).
pub(super) const CREDENTIAL_ID_BYTES_MAX: usize = 1023;
/// Most bytes of what a browser says; it has a challenge and an origin in it.
pub(super) const CLIENT_DATA_BYTES_MAX: usize = 4 * 1024;
/// Most bytes of what an authenticator says about itself, with a key and extensions.
pub(super) const AUTHENTICATOR_DATA_BYTES_MAX: usize = 8 * 1024;

/// Bits of the flags (section 6.1).
const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const HAS_CREDENTIAL: u8 = 1 << 6;
const HAS_EXTENSIONS: u8 = 1 << 7;

/// Bytes of an AAGUID, the authenticator's model, which nobody asks for.
const AAGUID_BYTES: usize = 16;

/// Whom passkeys of this server are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelyingParty {
    /// The domain that they are tied to.
    pub id: String,
    /// Scheme and authority of the pages they are used on.
    pub origin: String,
}

/// Why browsers make no passkeys for this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPasskeys {
    /// It is at an IP address.
    Address,
    /// It is without TLS, and not on this machine.
    Insecure,
}

impl NoPasskeys {
    /// The reason, for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Address => {
                "Not offered: this server's public URL is an IP address, and browsers tie passkeys \
                 to domain names."
            }
            Self::Insecure => {
                "Not offered: this server's public URL is without TLS, and browsers use passkeys \
                 over https only."
            }
        }
    }
}

/// Why a passkey is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    #[error("the browser's answer cannot be read")]
    Malformed,
    #[error("the answer is to another question")]
    Type,
    #[error("it was used at another address")]
    Origin,
    #[error("it was used inside another site's page")]
    CrossOrigin,
    #[error("it is for another server")]
    RelyingParty,
    #[error("nobody touched the device")]
    NotPresent,
    #[error("the device did not check who you are; set up its PIN, fingerprint or face")]
    NotVerified,
    #[error("the device contradicts itself about copies")]
    Backup,
    #[error("its kind of key is not supported")]
    Algorithm,
    #[error("its key is broken")]
    Key,
    #[error("its id is too long or missing")]
    CredentialId,
    #[error("it belongs to somebody else")]
    UserHandle,
    #[error("the signature is wrong")]
    Signature,
    #[error("its counter went backwards, so there may be a copy of it")]
    Counter,
}

impl From<minicbor::decode::Error> for Flaw {
    fn from(_: minicbor::decode::Error) -> Self {
        Self::Malformed
    }
}

impl RelyingParty {
    /// The one at a public URL.
    pub(super) fn at(public_url: &str) -> Result<Self, NoPasskeys> {
        let url = Url::parse(public_url).map_err(|_| NoPasskeys::Insecure)?;
        let Some(Host::Domain(host)) = url.host() else {
            return Err(NoPasskeys::Address);
        };
        // Secure Contexts, section 3.1.
        let is_here = host == "localhost" || host.ends_with(".localhost");
        if url.scheme() != "https" && !is_here {
            return Err(NoPasskeys::Insecure);
        }
        Ok(Self { id: host.to_owned(), origin: url.origin().ascii_serialization() })
    }
}

/// What a browser says that it did (section 5.8.1).
#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(rename = "crossOrigin", default)]
    is_cross_origin: Option<bool>,
    #[serde(rename = "topOrigin", default)]
    top_origin: Option<String>,
}

/// Checks what a browser says that it did, and answers the challenge it had: steps 5 to 12 of
/// section 7.1, 8 to 15 of section 7.2. Whether the challenge is ours the caller knows.
pub(super) fn challenge_of(
    client_data: &[u8],
    kind: &str,
    party: &RelyingParty,
) -> Result<String, Flaw> {
    let data: ClientData = serde_json::from_slice(client_data).map_err(|_| Flaw::Malformed)?;
    if data.kind != kind {
        return Err(Flaw::Type);
    }
    if data.origin != party.origin {
        return Err(Flaw::Origin);
    }
    // No page of ours with passkeys may be in a frame.
    if data.is_cross_origin == Some(true) || data.top_origin.is_some() {
        return Err(Flaw::CrossOrigin);
    }
    Ok(data.challenge)
}

/// What an authenticator says about itself (section 6.1).
#[derive(Debug)]
pub(super) struct AuthenticatorData<'a> {
    party_hash: &'a [u8],
    flags: u8,
    /// How often it was used; 0 for one that does not count.
    pub(super) sign_count: u32,
    /// The new passkey, when one was made.
    pub(super) credential: Option<Credential<'a>>,
}

/// A new passkey (section 6.5.1).
#[derive(Debug)]
pub(super) struct Credential<'a> {
    pub(super) id: &'a [u8],
    /// A COSE key.
    pub(super) public_key: &'a [u8],
}

/// The first `count` bytes, which are taken away.
fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Result<&'a [u8], Flaw> {
    let (taken, rest) = bytes.split_at_checked(count).ok_or(Flaw::Malformed)?;
    *bytes = rest;
    Ok(taken)
}

impl<'a> AuthenticatorData<'a> {
    pub(super) fn read(mut bytes: &'a [u8]) -> Result<Self, Flaw> {
        if bytes.len() > AUTHENTICATOR_DATA_BYTES_MAX {
            return Err(Flaw::Malformed);
        }
        let rest = &mut bytes;
        let party_hash = take(rest, SHA256.output_len())?;
        let flags = take(rest, 1)?[0];
        let count = take(rest, 4)?.try_into().map_err(|_| Flaw::Malformed)?;
        let mut credential = None;
        if flags & HAS_CREDENTIAL != 0 {
            take(rest, AAGUID_BYTES)?;
            let length = take(rest, 2)?.try_into().map_err(|_| Flaw::Malformed)?;
            let length = usize::from(u16::from_be_bytes(length));
            if length == 0 || length > CREDENTIAL_ID_BYTES_MAX {
                return Err(Flaw::CredentialId);
            }
            let id = take(rest, length)?;
            let public_key = take(rest, cose::length(rest)?)?;
            credential = Some(Credential { id, public_key });
        }
        if flags & HAS_EXTENSIONS != 0 {
            let mut extensions = Decoder::new(rest);
            extensions.probe().map()?;
            extensions.skip()?;
            take(rest, extensions.position())?;
        }
        if !rest.is_empty() {
            return Err(Flaw::Malformed);
        }
        Ok(Self { party_hash, flags, sign_count: u32::from_be_bytes(count), credential })
    }

    /// Steps 14 to 18 of section 7.1, 16 to 20 of section 7.2.
    pub(super) fn check(&self, party: &RelyingParty) -> Result<(), Flaw> {
        let expected = digest(&SHA256, party.id.as_bytes());
        if !bool::from(self.party_hash.ct_eq(expected.as_ref())) {
            return Err(Flaw::RelyingParty);
        }
        if self.flags & USER_PRESENT == 0 {
            return Err(Flaw::NotPresent);
        }
        if self.flags & USER_VERIFIED == 0 {
            return Err(Flaw::NotVerified);
        }
        if self.is_synced() && !self.is_syncable() {
            return Err(Flaw::Backup);
        }
        Ok(())
    }

    /// Whether the authenticator may copy the passkey to other devices.
    pub(super) fn is_syncable(&self) -> bool {
        self.flags & BACKUP_ELIGIBLE != 0
    }

    /// Whether it did.
    pub(super) fn is_synced(&self) -> bool {
        self.flags & BACKED_UP != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_need_a_domain_and_a_secure_context() {
        let at = |url: &str| RelyingParty::at(url).map(|party| (party.id, party.origin));
        let found = |id: &str, origin: &str| Ok((id.to_owned(), origin.to_owned()));
        let https = "https://keys.example.com:8443";
        assert_eq!(at("https://keys.example.com:8443/a"), found("keys.example.com", https));
        assert_eq!(at("http://localhost:3003"), found("localhost", "http://localhost:3003"));
        assert_eq!(at("http://a.localhost"), found("a.localhost", "http://a.localhost"));
        assert_eq!(at("http://127.0.0.1:3003"), Err(NoPasskeys::Address));
        assert_eq!(at("https://[::1]:3003"), Err(NoPasskeys::Address));
        assert_eq!(at("http://keys.example.com"), Err(NoPasskeys::Insecure));
        assert_eq!(at("http://notlocalhost"), Err(NoPasskeys::Insecure));
    }
}
