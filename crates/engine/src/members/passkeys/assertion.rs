//! Signing in with a passkey (section 7.2).

use aws_lc_rs::digest::{SHA256, digest};
use subtle::ConstantTimeEq as _;
use valetkey_store::Passkey;

use super::ceremony::{AuthenticatorData, Flaw, RelyingParty};
use super::cose;

/// Most bytes of a signature: RSA with 4096 bits.
pub(super) const SIGNATURE_BYTES_MAX: usize = 512;
/// Most bytes of a user handle (section 4).
pub(super) const USER_HANDLE_BYTES_MAX: usize = 64;

/// What a browser brought, decoded.
pub(super) struct Assertion {
    pub(super) client_data: Vec<u8>,
    pub(super) authenticator_data: Vec<u8>,
    pub(super) signature: Vec<u8>,
    pub(super) user_handle: Vec<u8>,
}

/// What is remembered of a sign-in.
#[derive(Debug)]
pub(super) struct Used {
    pub(super) sign_count: u32,
    pub(super) is_synced: bool,
}

/// Steps 6 and 16 to 22 of section 7.2; the client data was checked before. `user_handle` is the
/// passkey's owner.
pub(super) fn verify(
    party: &RelyingParty,
    passkey: &Passkey,
    user_handle: &[u8],
    assertion: &Assertion,
) -> Result<Used, Flaw> {
    if !bool::from(assertion.user_handle.ct_eq(user_handle)) {
        return Err(Flaw::UserHandle);
    }
    let data = AuthenticatorData::read(&assertion.authenticator_data)?;
    data.check(party)?;
    if data.is_syncable() != passkey.is_syncable {
        return Err(Flaw::Backup);
    }
    let hash = digest(&SHA256, &assertion.client_data);
    let signed = [assertion.authenticator_data.as_slice(), hash.as_ref()].concat();
    cose::public_key(&passkey.public_key)?
        .verify_sig(&signed, &assertion.signature)
        .map_err(|_| Flaw::Signature)?;
    let counts = data.sign_count > 0 || passkey.sign_count > 0;
    if counts && i64::from(data.sign_count) <= passkey.sign_count {
        return Err(Flaw::Counter);
    }
    Ok(Used { sign_count: data.sign_count, is_synced: data.is_synced() })
}
