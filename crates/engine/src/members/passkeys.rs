//! Passkeys: keys that a device or a password manager has for somebody, and uses when it has seen
//! who they are. Both ceremonies are checked as Web Authentication Level 3 says; sections named
//! below are of that.
//!
//! What a ceremony has to answer, its challenge, is a step as others on the way to a session are:
//! kept as a hash, for minutes, taken once.

mod assertion;
mod attestation;
mod ceremony;
mod cose;
#[cfg(test)]
mod tests;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use valetkey_base::Secret;
use valetkey_store::{Member, PasskeyUse};
use valetkey_vault::token_hash_hex;

use super::guessing::Target;
use super::sign_in::{Browser, SignedIn, SignedInMember};
use super::team::checked_name;
use crate::engine::Engine;
use crate::error::{Error, Issue, Result};
use assertion::Assertion;
use ceremony::Flaw;

pub use ceremony::{NoPasskeys, RelyingParty};
pub use valetkey_store::Passkey;

/// Most passkeys of a member.
pub const PASSKEYS_MAX: usize = 20;

/// A challenge for a new passkey.
const NEW_STEP: &str = "new_passkey";
/// A challenge for signing in.
const STEP: &str = "passkey";
/// The name of a passkey whose browser has none.
const UNNAMED: &str = "Passkey";
/// How long a browser waits for somebody, in milliseconds: a little less than the step lasts.
const ASKED_MS: u64 = 270_000;
/// What browsers say they did.
const CREATED: &str = "webauthn.create";
const USED: &str = "webauthn.get";

/// What a browser brings after making a passkey, in base64url.
#[derive(Clone, Copy)]
pub struct NewPasskey<'a> {
    /// `clientDataJSON`.
    pub client_data: &'a str,
    /// `attestationObject`.
    pub attestation: &'a str,
    /// What to call it.
    pub name: &'a str,
}

/// What a browser brings after using a passkey, in base64url.
#[derive(Clone, Copy)]
pub struct PasskeyAnswer<'a> {
    /// The credential id.
    pub id: &'a str,
    /// `clientDataJSON`.
    pub client_data: &'a str,
    /// `authenticatorData`.
    pub authenticator_data: &'a str,
    /// `signature`.
    pub signature: &'a str,
    /// `userHandle`.
    pub user_handle: &'a str,
}

fn refused(message: impl Into<String>) -> Error {
    Error::Refused { code: "passkey_refused", message: message.into() }
}

impl From<Flaw> for Error {
    fn from(flaw: Flaw) -> Self {
        refused(format!("This passkey is not accepted: {flaw}."))
    }
}

/// Base64url of at most so many bytes.
fn decoded(text: &str, bytes_max: usize) -> Result<Vec<u8>, Flaw> {
    if text.len() > bytes_max.div_ceil(3) * 4 {
        return Err(Flaw::Malformed);
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| Flaw::Malformed)?;
    if bytes.len() > bytes_max { Err(Flaw::Malformed) } else { Ok(bytes) }
}

/// What authenticators call a member. It says nothing about them, and two servers on one domain do
/// not mean the same by it.
fn user_handle(member: &Member) -> Vec<u8> {
    let text = format!("valetkey passkey\n{}\n{}", member.id, member.created_at.millis());
    digest(&SHA256, text.as_bytes()).as_ref().to_vec()
}

impl Engine {
    /// Whom passkeys are for, or why there are none.
    pub fn relying_party(&self) -> Result<RelyingParty, NoPasskeys> {
        RelyingParty::at(&self.settings.public_url)
    }

    fn party(&self) -> Result<RelyingParty> {
        self.relying_party().map_err(|why| refused(why.sentence()))
    }

    /// Passkeys of a member, the first one first.
    pub async fn passkeys(&self, member_id: i64) -> Result<Vec<Passkey>> {
        Ok(self.store.passkeys(member_id).await?)
    }

    /// A passkey of a member.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the member has no such passkey.
    pub async fn own_passkey(&self, by: &SignedInMember, id: &str) -> Result<Passkey> {
        let found = self.store.passkey(id).await?;
        found.filter(|it| it.member_id == by.member.id).ok_or(Error::NotFound("passkey"))
    }

    /// What a browser needs to make a passkey (`PublicKeyCredentialCreationOptionsJSON`). Only this
    /// session can use it, once, within minutes.
    ///
    /// # Errors
    /// [`Error::Invalid`] (`field`) when the password is wrong; [`Error::Refused`]:
    /// `too_many_attempts`, or `passkey_refused` when there can be none or no more.
    pub async fn begin_passkey(
        &self,
        by: &SignedInMember,
        field: &str,
        password: &Secret,
    ) -> Result<Value> {
        let party = self.party()?;
        self.check_password(by, field, password).await?;
        let member = &by.member;
        let present = self.store.passkeys(member.id).await?;
        if present.len() >= PASSKEYS_MAX {
            return Err(too_many());
        }
        let challenge = self.insert_step(NEW_STEP, Some(member.id), by.session.id.clone()).await?;
        let shown = if member.name.is_empty() { &member.email } else { &member.name };
        let named = |id: &str| json!({"type": "public-key", "id": id});
        let kinds = cose::ALGORITHMS.map(|alg| json!({"type": "public-key", "alg": alg}));
        let excluded: Vec<Value> = present.iter().map(|it| named(&it.id)).collect();
        Ok(json!({
            "rp": {"id": party.id, "name": "Valetkey"},
            "user": {
                "id": URL_SAFE_NO_PAD.encode(user_handle(member)),
                "name": member.email,
                "displayName": shown,
            },
            "challenge": challenge.expose(),
            "pubKeyCredParams": kinds,
            "timeout": ASKED_MS,
            "excludeCredentials": excluded,
            "authenticatorSelection": {
                "residentKey": "required",
                "requireResidentKey": true,
                "userVerification": "required",
            },
            "attestation": "none",
        }))
    }

    /// Adds a passkey that a browser made.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it was begun too long ago, by somebody else or in another session;
    /// [`Error::Refused`] (`passkey_refused`) with the reason, for the person.
    pub async fn add_passkey(&self, by: &SignedInMember, new: NewPasskey<'_>) -> Result<()> {
        let party = self.party()?;
        let client_data = decoded(new.client_data, ceremony::CLIENT_DATA_BYTES_MAX)?;
        let object = decoded(new.attestation, attestation::ATTESTATION_BYTES_MAX)?;
        let challenge = ceremony::challenge_of(&client_data, CREATED, &party)?;
        let taken = self.take_step(NEW_STEP, &challenge).await?;
        let (id, now) = (by.member.id, self.clock.now());
        if taken != Some((Some(id), by.session.id.clone())) {
            return Err(Error::NotFound("passkey"));
        }
        let credential = attestation::verify(&party, &object)?;
        let passkey = Passkey {
            id: URL_SAFE_NO_PAD.encode(&credential.id),
            member_id: id,
            public_key: credential.public_key,
            sign_count: credential.sign_count.into(),
            is_syncable: credential.is_syncable,
            is_synced: credential.is_synced,
            name: Some(checked_name(new.name)?)
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| UNNAMED.to_owned()),
            created_at: now,
            last_used_at: None,
        };
        let what = target(&passkey.name, &passkey.id);
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move {
                    tx.insert_passkey(&passkey).await.map_err(known)?;
                    let count = usize::try_from(tx.passkey_count(id).await?).unwrap_or(0);
                    if count > PASSKEYS_MAX { Err(too_many()) } else { Ok(()) }
                })
            })
            .await?;
        self.recorder.audit(None, by.actor(), "member.passkey_added", what);
        Ok(())
    }

    /// Gives a member's own passkey another name.
    ///
    /// # Errors
    /// [`Error::Invalid`] (`name`), [`Error::NotFound`].
    pub async fn rename_passkey(&self, by: &SignedInMember, id: &str, name: &str) -> Result<()> {
        let name = checked_name(name)?;
        if name.is_empty() {
            let message = "Enter a name by which you know it again.";
            return Err(Error::Invalid(vec![Issue::custom(&["name"], message)]));
        }
        let (member_id, id) = (by.member.id, id.to_owned());
        let renamed = self
            .store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { Ok(tx.rename_passkey(member_id, &id, &name).await?) })
            })
            .await?;
        if renamed { Ok(()) } else { Err(Error::NotFound("passkey")) }
    }

    /// Removes a member's own passkey.
    ///
    /// # Errors
    /// [`Error::Invalid`] (`field`) when the password is wrong, [`Error::Refused`]
    /// (`too_many_attempts`), [`Error::NotFound`].
    pub async fn remove_passkey(
        &self,
        by: &SignedInMember,
        id: &str,
        field: &str,
        password: &Secret,
    ) -> Result<()> {
        let passkey = self.own_passkey(by, id).await?;
        self.check_password(by, field, password).await?;
        let what = target(&passkey.name, &passkey.id);
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(
                    async move { Ok(tx.remove_passkey(passkey.member_id, &passkey.id).await?) },
                )
            })
            .await?;
        self.recorder.audit(None, by.actor(), "member.passkey_removed", what);
        Ok(())
    }

    /// What a browser needs to use a passkey (`PublicKeyCredentialRequestOptionsJSON`). Only a
    /// browser that brings `tie` again can use it, once, within minutes.
    ///
    /// # Errors
    /// [`Error::Refused`] (`passkey_refused`) when there can be none.
    pub async fn begin_passkey_sign_in(&self, tie: &str) -> Result<Value> {
        let party = self.party()?;
        let challenge = self.insert_step(STEP, None, token_hash_hex(tie)).await?;
        Ok(json!({
            "challenge": challenge.expose(),
            "rpId": party.id,
            "timeout": ASKED_MS,
            "userVerification": "required",
        }))
    }

    /// Signs in with a passkey: something somebody has and, because the device checked who they
    /// are, something they know or are. Nothing else is asked for.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it was begun too long ago or in another browser;
    /// [`Error::Refused`]: `passkey_refused` with the reason, or `too_many_attempts`.
    pub async fn sign_in_with_passkey(
        &self,
        answer: PasskeyAnswer<'_>,
        tie: &str,
        browser: Browser,
    ) -> Result<SignedIn> {
        let party = self.party()?;
        let id = decoded(answer.id, ceremony::CREDENTIAL_ID_BYTES_MAX)?;
        let assertion = Assertion {
            client_data: decoded(answer.client_data, ceremony::CLIENT_DATA_BYTES_MAX)?,
            authenticator_data: decoded(
                answer.authenticator_data,
                ceremony::AUTHENTICATOR_DATA_BYTES_MAX,
            )?,
            signature: decoded(answer.signature, assertion::SIGNATURE_BYTES_MAX)?,
            user_handle: decoded(answer.user_handle, assertion::USER_HANDLE_BYTES_MAX)?,
        };
        let id = URL_SAFE_NO_PAD.encode(id);
        let target = || Target::new(&format!("passkey {id}"), &browser.address);
        self.check_not_locked(&target()).await?;
        let challenge = ceremony::challenge_of(&assertion.client_data, USED, &party)?;
        if self.take_step(STEP, &challenge).await? != Some((None, token_hash_hex(tie))) {
            return Err(Error::NotFound("sign-in"));
        }
        match self.owner_of(&party, &id, &assertion).await {
            Ok(member) => {
                self.forget_wrong_guesses(target()).await?;
                self.begin_session(member, "passkey", browser).await
            }
            Err(error) => {
                if matches!(error, Error::Refused { .. }) {
                    self.count_wrong_guess(target()).await?;
                    let place = &browser.address;
                    self.recorder.audit(None, "stranger", "member.sign_in_failed", place);
                }
                Err(error)
            }
        }
    }

    /// Whose passkey was used, if all is as it should be. That it was used is noted.
    async fn owner_of(
        &self,
        party: &RelyingParty,
        id: &str,
        assertion: &Assertion,
    ) -> Result<Member> {
        let unknown = || refused("This server does not know this passkey. It may be removed here.");
        let passkey = self.store.passkey(id).await?.ok_or_else(unknown)?;
        let member = self.store.member(passkey.member_id).await?.ok_or_else(unknown)?;
        let verified = assertion::verify(party, &passkey, &user_handle(&member), assertion);
        let counted = match verified {
            Ok(used) => {
                let (id, by) = (
                    passkey.id.clone(),
                    PasskeyUse {
                        sign_count: used.sign_count.into(),
                        is_synced: used.is_synced,
                        at: self.clock.now(),
                    },
                );
                // Somebody else may have been faster with the same count.
                let noted = self
                    .store
                    .write::<_, Error, _>(move |tx| {
                        Box::pin(async move { Ok(tx.passkey_used(&id, by).await?) })
                    })
                    .await?;
                if noted { Ok(()) } else { Err(Flaw::Counter) }
            }
            Err(flaw) => Err(flaw),
        };
        match counted {
            Ok(()) => Ok(member),
            Err(flaw) => {
                if flaw == Flaw::Counter {
                    let what = target(&passkey.name, &passkey.id);
                    let actor = format!("member:{}", member.id);
                    self.recorder.audit(None, actor, "member.passkey_counter_fell", what);
                }
                Err(flaw.into())
            }
        }
    }

    async fn take_step(
        &self,
        kind: &'static str,
        token: &str,
    ) -> Result<Option<(Option<i64>, String)>> {
        let (hash, now) = (token_hash_hex(token), self.clock.now());
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { Ok(tx.take_sign_in_step(&hash, kind, now).await?) })
            })
            .await
    }
}

/// A passkey in the audit trail.
fn target(name: &str, id: &str) -> String {
    let beginning: String = id.chars().take(16).collect();
    format!("{name} ({beginning})")
}

fn too_many() -> Error {
    refused(format!("You have {PASSKEYS_MAX} passkeys. Remove one you do not use."))
}

/// A credential id belongs to one member (step 26 of section 7.1).
fn known(error: valetkey_store::Error) -> Error {
    match error {
        valetkey_store::Error::Duplicate { .. } => refused("This passkey is known here already."),
        other => other.into(),
    }
}
