//! A new passkey (section 7.1). Who made the authenticator is not asked, so what it says about that
//! is read over, as the specification allows.

use minicbor::Decoder;

use super::ceremony::{AuthenticatorData, Flaw, RelyingParty};
use super::cose;

/// Most bytes of an attestation object. Browsers leave certificates out when nobody asks for them.
pub(super) const ATTESTATION_BYTES_MAX: usize = 64 * 1024;
/// Most entries of an attestation object; it has three.
const ENTRIES_MAX: u64 = 8;

/// A passkey that was just made.
#[derive(Debug)]
pub(super) struct NewCredential {
    pub(super) id: Vec<u8>,
    /// A COSE key, which was checked.
    pub(super) public_key: Vec<u8>,
    pub(super) sign_count: u32,
    pub(super) is_syncable: bool,
    pub(super) is_synced: bool,
}

/// The authenticator data in an attestation object (section 6.5).
fn authenticator_data(object: &[u8]) -> Result<&[u8], Flaw> {
    let mut decoder = Decoder::new(object);
    let count = decoder.map()?.filter(|count| *count <= ENTRIES_MAX).ok_or(Flaw::Malformed)?;
    let (mut format, mut statement, mut data) = (None, None, None);
    for _ in 0..count {
        match decoder.str()? {
            "fmt" => format = Some(decoder.str()?),
            "attStmt" => {
                statement = Some(decoder.probe().map()?);
                decoder.skip()?;
            }
            "authData" => data = Some(decoder.bytes()?),
            _ => decoder.skip()?,
        }
    }
    let (Some(format), Some(statement), Some(data)) = (format, statement, data) else {
        return Err(Flaw::Malformed);
    };
    // Section 8.7: no statement is an empty one.
    let is_empty = statement == Some(0);
    if decoder.position() != object.len() || (format == "none" && !is_empty) {
        return Err(Flaw::Malformed);
    }
    Ok(data)
}

/// Steps 13 to 25 of section 7.1.
pub(super) fn verify(party: &RelyingParty, object: &[u8]) -> Result<NewCredential, Flaw> {
    let data = AuthenticatorData::read(authenticator_data(object)?)?;
    data.check(party)?;
    let credential = data.credential.as_ref().ok_or(Flaw::CredentialId)?;
    cose::public_key(credential.public_key)?;
    Ok(NewCredential {
        id: credential.id.to_vec(),
        public_key: credential.public_key.to_vec(),
        sign_count: data.sign_count,
        is_syncable: data.is_syncable(),
        is_synced: data.is_synced(),
    })
}
