//! Signing in at an OpenID provider: the authorization code flow of OpenID Connect Core 1.0
//! (section 3.1) with PKCE (RFC 7636), a nonce, and the issuer in the answer (RFC 9207).
//!
//! Whoever comes back is somebody who came before, or the member whose address the provider says is
//! verified, or, where the operator allows a domain, somebody new.

use std::time::Duration;

use http::Method;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use subtle::ConstantTimeEq as _;
use url::Url;
use valetkey_base::Secret;
use valetkey_egress::{Redirects, Request};
use valetkey_store::{Member, NewMember};
use valetkey_vault::token_hash_hex;

use super::roles::Role;
use super::sign_in::{Browser, SignedIn};
use super::{is_email, taken};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::sealing::{Column, SERVER_ENVIRONMENT};

/// Where the provider sends the browser back to, after the public URL.
pub const CALLBACK_PATH: &str = "/dashboard/account/openid/callback";
/// Signatures of ID tokens that are taken. `none` and shared secrets are not.
const ALGORITHMS: [Algorithm; 7] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// How far the provider's clock may be from ours.
const CLOCK_SKEW: Duration = Duration::from_mins(1);
/// Random bytes of nonce and verifier.
const RANDOM_BYTES: usize = 32;
/// Most characters of an OpenID provider's name for somebody (Core, section 2: 255).
const SUBJECT_CHARACTERS_MAX: usize = 255;

const STEP: &str = "openid";

/// An OpenID provider at which members may sign in.
#[derive(Clone, Debug)]
pub struct OpenIdSettings {
    /// Its issuer identifier, without `/.well-known/…`.
    pub issuer: Url,
    /// Our client id there.
    pub client_id: String,
    /// Our client secret there; none for a public client.
    pub client_secret: Option<Secret>,
    /// Domains whose people may join by themselves, in lower case.
    pub domains: Vec<String>,
    /// What they become.
    pub role: Role,
}

/// A browser to be sent to the provider.
pub struct OpenIdStart {
    /// Where to.
    pub url: Url,
    /// What the browser has to bring back in a cookie.
    pub token: Secret,
}

/// What the provider says about itself (Discovery 1.0, section 3).
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// What a step keeps, sealed.
#[derive(Serialize, Deserialize)]
struct Kept {
    nonce: String,
    verifier: String,
    next: String,
}

#[derive(Deserialize)]
struct TokenReply {
    id_token: String,
    access_token: String,
}

/// What the UserInfo endpoint adds (Core, section 5.3.2).
#[derive(Deserialize)]
struct UserInfo {
    sub: String,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    email_verified: Option<Value>,
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Value,
    exp: i64,
    #[serde(default)]
    azp: Option<String>,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    email_verified: Option<Value>,
    #[serde(default)]
    name: Option<String>,
}

fn refused(message: impl Into<String>) -> Error {
    Error::Refused { code: "openid_failed", message: message.into() }
}

impl Engine {
    /// Whether members may sign in at an OpenID provider, and what its host is called.
    pub fn openid_host(&self) -> Option<&str> {
        self.settings.openid.as_ref().and_then(|openid| openid.issuer.host_str())
    }

    fn openid(&self) -> Result<&OpenIdSettings> {
        self.settings.openid.as_ref().ok_or(Error::NotFound("OpenID provider"))
    }

    /// Begins a sign-in. `next` is the page to go to afterwards.
    ///
    /// # Errors
    /// [`Error::Refused`] (`openid_failed`) when the provider does not answer as it should.
    pub async fn begin_openid(&self, next: &str) -> Result<OpenIdStart> {
        let openid = self.openid()?;
        let discovery = self.discover(openid).await?;
        let kept = Kept {
            nonce: self.rng.base64url(RANDOM_BYTES),
            verifier: self.rng.base64url(RANDOM_BYTES),
            next: next.to_owned(),
        };
        let sealed =
            self.sealer.seal_json(SERVER_ENVIRONMENT, Column::SIGN_IN_STEP, STEP, &kept).await?;
        let token = self.insert_step(STEP, None, hex::encode(sealed.as_bytes())).await?;
        let mut url = endpoint(openid, &discovery.authorization_endpoint)?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &openid.client_id)
            .append_pair("redirect_uri", &self.openid_redirect_uri())
            .append_pair("scope", "openid email profile")
            .append_pair("state", &token_hash_hex(token.expose()))
            .append_pair("nonce", &kept.nonce)
            .append_pair("code_challenge", &challenge(&kept.verifier))
            .append_pair("code_challenge_method", "S256");
        Ok(OpenIdStart { url, token })
    }

    fn openid_redirect_uri(&self) -> String {
        format!("{}{CALLBACK_PATH}", self.settings.public_url)
    }

    /// Ends a sign-in and answers the page to go to. `query` is what the provider sent back,
    /// `token` what the browser had in its cookie.
    ///
    /// # Errors
    /// [`Error::Refused`] (`openid_failed`) with the reason, for the person.
    pub async fn finish_openid(
        &self,
        query: &[(String, String)],
        token: &str,
        browser: Browser,
    ) -> Result<(SignedIn, String)> {
        let openid = self.openid()?;
        let value = |name: &str| {
            query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
        };
        let hash = token_hash_hex(token);
        let state = value("state").unwrap_or_default();
        if token.is_empty() || !bool::from(state.as_bytes().ct_eq(hash.as_bytes())) {
            return Err(refused("This sign-in was begun in another browser. Begin again."));
        }
        let now = self.clock.now();
        let taken = self
            .store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { Ok(tx.take_sign_in_step(&hash, STEP, now).await?) })
            })
            .await?;
        let (_, payload) = taken.ok_or_else(|| refused("That took too long. Begin again."))?;
        let sealed = hex::decode(payload).map_err(|_| Error::Corrupt("sign-in step"))?;
        let sealed = valetkey_base::Sealed::from_bytes(sealed);
        let kept: Kept =
            self.sealer.open_json(SERVER_ENVIRONMENT, Column::SIGN_IN_STEP, STEP, &sealed).await?;
        if let Some(error) = value("error") {
            return Err(refused(format!("The OpenID provider did not sign you in ({error}).")));
        }
        let discovery = self.discover(openid).await?;
        let issuer = value("iss");
        if issuer.is_some_and(|issuer| issuer != discovery.issuer)
            || (issuer.is_none() && discovery.authorization_response_iss_parameter_supported)
        {
            return Err(refused("The answer is not from the OpenID provider of this server."));
        }
        let code = value("code").ok_or_else(|| refused("The OpenID provider sent no code."))?;
        let tokens = self.openid_tokens(openid, &discovery, code, &kept.verifier).await?;
        let mut claims =
            self.check_id_token(openid, &discovery, &tokens.id_token, &kept.nonce).await?;
        self.complete_claims(openid, &discovery, &tokens.access_token, &mut claims).await?;
        let member = self.member_of(openid, claims).await?;
        let signed_in = self.begin_session(member, "openid", browser).await?;
        Ok((signed_in, kept.next))
    }

    async fn discover(&self, openid: &OpenIdSettings) -> Result<Discovery> {
        let issuer = openid.issuer.as_str().trim_end_matches('/');
        let url = format!("{issuer}/.well-known/openid-configuration");
        let url = Url::parse(&url).map_err(|_| Error::Corrupt("OpenID issuer"))?;
        let discovery: Discovery = self.openid_json(Method::GET, url, Vec::new(), "").await?;
        // Discovery, section 4.3: it must be the very issuer that was configured.
        if discovery.issuer.trim_end_matches('/') != issuer {
            return Err(refused("The OpenID provider calls itself something else."));
        }
        Ok(discovery)
    }

    async fn openid_json<T: serde::de::DeserializeOwned>(
        &self,
        method: Method,
        url: Url,
        mut headers: Vec<(String, String)>,
        body: &str,
    ) -> Result<T> {
        headers.push(("accept".to_owned(), "application/json".to_owned()));
        let request = Request {
            method,
            url,
            headers,
            body: body.to_owned().into(),
            timeout: Some(self.settings.token_timeout),
            redirects: Redirects::Refuse,
            identity: None,
        };
        let reply = self.egress.send(request).await.map_err(|error| {
            refused(format!("The OpenID provider could not be reached: {error}."))
        })?;
        if reply.status != 200 {
            let status = reply.status;
            return Err(refused(format!("The OpenID provider answered {status}. Begin again.")));
        }
        serde_json::from_slice(&reply.body)
            .map_err(|_| refused("The OpenID provider's answer cannot be read."))
    }

    async fn openid_tokens(
        &self,
        openid: &OpenIdSettings,
        discovery: &Discovery,
        code: &str,
        verifier: &str,
    ) -> Result<TokenReply> {
        let kind = "application/x-www-form-urlencoded".to_owned();
        let mut headers = vec![("content-type".to_owned(), kind)];
        let redirect_uri = self.openid_redirect_uri();
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &redirect_uri),
            ("code_verifier", verifier),
        ];
        let methods = &discovery.token_endpoint_auth_methods_supported;
        let in_body = !methods.is_empty() && !methods.iter().any(|it| it == "client_secret_basic");
        match &openid.client_secret {
            Some(secret) if !in_body => {
                headers.push(("authorization".to_owned(), basic(&openid.client_id, secret)));
            }
            secret => {
                fields.push(("client_id", &openid.client_id));
                fields.extend(secret.as_ref().map(|secret| ("client_secret", secret.expose())));
            }
        }
        let form =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let url = endpoint(openid, &discovery.token_endpoint)?;
        self.openid_json(Method::POST, url, headers, &form).await
    }

    /// Providers that follow the letter leave the address out of the ID token.
    async fn complete_claims(
        &self,
        openid: &OpenIdSettings,
        discovery: &Discovery,
        access_token: &str,
        claims: &mut Claims,
    ) -> Result<()> {
        let Some(text) = discovery.userinfo_endpoint.as_ref().filter(|_| claims.email.is_none())
        else {
            return Ok(());
        };
        let url = endpoint(openid, text)?;
        let headers = vec![("authorization".to_owned(), format!("Bearer {access_token}"))];
        let info: UserInfo = self.openid_json(Method::GET, url, headers, "").await?;
        if info.sub != claims.sub {
            return Err(refused("The OpenID provider's answers are about two people."));
        }
        (claims.email, claims.email_verified) = (info.email, info.email_verified);
        claims.name = claims.name.take().or(info.name);
        Ok(())
    }

    /// Core, section 3.1.3.7.
    async fn check_id_token(
        &self,
        openid: &OpenIdSettings,
        discovery: &Discovery,
        token: &str,
        nonce: &str,
    ) -> Result<Claims> {
        let wrong = || refused("The OpenID provider's answer is not signed as it should be.");
        let header = decode_header(token).map_err(|_| wrong())?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(wrong());
        }
        let url = endpoint(openid, &discovery.jwks_uri)?;
        let keys: JwkSet = self.openid_json(Method::GET, url, Vec::new(), "").await?;
        let key = match &header.kid {
            Some(id) => keys.find(id),
            None if keys.keys.len() == 1 => keys.keys.first(),
            None => None,
        };
        let key = DecodingKey::from_jwk(key.ok_or_else(wrong)?).map_err(|_| wrong())?;
        let mut validation = Validation::new(header.alg);
        // Time comes from our own clock, and the audience may be a list; both are checked below.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let claims = decode::<Claims>(token, &key, &validation).map_err(|_| wrong())?.claims;
        let audiences: Vec<&str> = match &claims.aud {
            Value::String(one) => vec![one.as_str()],
            Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let is_for_us = audiences.contains(&openid.client_id.as_str())
            && claims.azp.as_ref().is_none_or(|azp| *azp == openid.client_id)
            && (audiences.len() == 1 || claims.azp.is_some());
        let now_s = self.clock.now().millis() / 1000;
        let is_alive = now_s < claims.exp.saturating_add(CLOCK_SKEW.as_secs().cast_signed());
        let is_answer = claims.nonce.as_deref() == Some(nonce);
        let has_name =
            !claims.sub.is_empty() && claims.sub.chars().count() <= SUBJECT_CHARACTERS_MAX;
        if claims.iss != discovery.issuer || !is_for_us || !is_answer || !has_name {
            return Err(wrong());
        }
        if !is_alive {
            return Err(refused("The OpenID provider's answer has expired. Is the clock right?"));
        }
        Ok(claims)
    }

    /// Somebody who came before, a member or somebody new whose address is verified.
    async fn member_of(&self, openid: &OpenIdSettings, claims: Claims) -> Result<Member> {
        let subject = format!("{} {}", claims.iss, claims.sub);
        if let Some(member) = self.store.member_by_oidc(&subject).await? {
            return Ok(member);
        }
        let is_verified = match &claims.email_verified {
            Some(Value::Bool(is_verified)) => *is_verified,
            Some(Value::String(text)) => text == "true",
            _ => false,
        };
        let email = claims.email.map(|email| email.trim().to_lowercase());
        let email = email.filter(|email| is_verified && is_email(email)).ok_or_else(|| {
            refused("The OpenID provider does not say that your e-mail address is verified.")
        })?;
        let stranger = || {
            refused(format!(
                "{email} is not a member here. Ask an owner or an admin to invite you."
            ))
        };
        if let Some(member) = self.store.member_by_email(&email).await? {
            if member.oidc_subject.is_some() {
                // The address went to somebody else there.
                return Err(stranger());
            }
            let id = member.id;
            self.store
                .write::<_, Error, _>(move |tx| {
                    Box::pin(async move { Ok(tx.set_member_oidc(id, &subject).await?) })
                })
                .await?;
            self.recorder.audit(None, format!("member:{id}"), "member.openid_linked", email);
            return Ok(member);
        }
        let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
        if !openid.domains.iter().any(|allowed| allowed == domain) {
            return Err(stranger());
        }
        let account = self.store.first_account().await?.ok_or(Error::NotFound("account"))?;
        let new = NewMember {
            account_id: account.id,
            email: email.clone(),
            password_hash: String::new(),
            role: openid.role.name().to_owned(),
            name: super::team::checked_name(&claims.name.unwrap_or_default()).unwrap_or_default(),
            oidc_subject: Some(subject),
        };
        let now = self.clock.now();
        let member = self
            .store
            .write(move |tx| {
                Box::pin(async move { tx.insert_member(&new, now).await.map_err(taken) })
            })
            .await?;
        self.recorder.audit(None, format!("member:{}", member.id), "member.joined", email);
        Ok(member)
    }
}

/// An address of the provider, which is never less protected than its issuer.
fn endpoint(openid: &OpenIdSettings, text: &str) -> Result<Url> {
    let url = Url::parse(text).ok();
    let url = url.filter(|url| url.scheme() == "https" || url.scheme() == openid.issuer.scheme());
    url.ok_or_else(|| refused("An address of the OpenID provider cannot be used."))
}

/// The challenge of a verifier (RFC 7636, section 4.2).
fn challenge(verifier: &str) -> String {
    use base64::Engine as _;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest)
}

/// RFC 6749, section 2.3.1: both parts are form-encoded first.
fn basic(client_id: &str, secret: &Secret) -> String {
    use base64::Engine as _;
    let encode =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(client_id), encode(secret.expose()));
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}
