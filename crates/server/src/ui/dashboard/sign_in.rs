//! Signing in and out, and taking up an invitation.

use askama::Template;
use axum::response::Response;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use valetkey_engine::Error;
use valetkey_engine::members::PASSWORD_CHARACTERS_MIN;
use valetkey_engine::members::passkeys::PasskeyAnswer;
use valetkey_engine::members::roles::Role;
use valetkey_engine::members::sign_in::SignIn;

use super::failure::Failure;
use super::form::Issues;
use super::frame::Frame;
use super::visit::Visit;
use super::{Access, Page, change, look};
use crate::reply;

pub(super) fn pages() -> Vec<Page> {
    vec![
        look("/account/sign-in", Access::Stranger, ask),
        change("/account/sign-in", Access::Stranger, sign_in),
        change("/account/sign-in/code", Access::Stranger, enter_code),
        change("/account/sign-in/passkey", Access::Stranger, use_passkey),
        change("/account/sign-in/passkey/options", Access::Stranger, begin_passkey),
        look("/account/openid", Access::Stranger, begin_openid),
        look("/account/openid/callback", Access::Stranger, finish_openid),
        change("/account/sign-out", Access::Member, sign_out),
        look("/account/invitation", Access::Stranger, invited),
        change("/account/invitation", Access::Stranger, accept),
    ]
}

#[derive(Template)]
#[template(path = "dashboard/sign_in.html")]
struct SignInPage<'a> {
    frame: Frame,
    email: &'a str,
    next: &'a str,
    /// Passkeys, where browsers use them for this server.
    passkeys: Option<PasskeyWay>,
    /// An OpenID provider that may be used instead: its host, and the way there.
    openid: Option<(&'a str, String)>,
    issues: Issues,
}

/// How the page's script goes about passkeys.
struct PasskeyWay {
    /// Where it gets what the browser needs.
    options: String,
    /// The only place at which they work.
    origin: String,
}

#[derive(Template)]
#[template(path = "dashboard/sign_in_code.html")]
struct CodePage<'a> {
    frame: Frame,
    step: &'a str,
    next: &'a str,
    issues: Issues,
}

#[derive(Template)]
#[template(path = "dashboard/invitation.html")]
struct InvitationPage<'a> {
    frame: Frame,
    token: &'a str,
    email: &'a str,
    role: &'a str,
    meaning: &'a str,
    name: &'a str,
    password_characters_min: usize,
    issues: Issues,
}

async fn ask(visit: Visit) -> Result<Response, Failure> {
    if visit.signed_in().is_some() {
        return Ok(visit.redirect(&visit.link("/"), ""));
    }
    let next = visit.query.text("next");
    Ok(visit.page(&sign_in_page(&visit, "", next, Issues::default())))
}

fn sign_in_page<'a>(
    visit: &'a Visit,
    email: &'a str,
    next: &'a str,
    issues: Issues,
) -> SignInPage<'a> {
    let openid = visit.engine().openid_host().map(|host| {
        let next = utf8_percent_encode(next, NON_ALPHANUMERIC);
        (host, visit.link(&format!("/account/openid?next={next}")))
    });
    let passkeys = visit.engine().relying_party().ok().map(|party| PasskeyWay {
        options: visit.link("/account/sign-in/passkey/options"),
        origin: party.origin,
    });
    SignInPage { frame: visit.frame("Sign in"), email, next, passkeys, openid, issues }
}

/// Where to go after signing in: a page of ours, whatever the address says.
fn next_page(visit: &Visit, next: &str) -> String {
    let root = visit.link("/");
    let is_ours = next.starts_with(&root) && !next.contains("//") && !next.contains('\\');
    if is_ours { next.to_owned() } else { root }
}

/// The sentence of a refusal, for the form; everything else is a failure.
fn refusal(error: Error) -> Result<Issues, Failure> {
    match error {
        Error::Refused {
            code:
                "wrong_credentials" | "wrong_code" | "too_many_attempts" | "openid_failed"
                | "passkey_refused",
            message,
        } => Ok(Issues::one("", message)),
        other => Ok(Issues::from_error(other)?),
    }
}

async fn sign_in(visit: Visit) -> Result<Response, Failure> {
    let email = visit.form.text("email");
    let password = visit.form.secret("password");
    match visit.engine().sign_in(email, &password, visit.browser()).await {
        Ok(SignIn::Done(done)) => Ok(visit
            .redirect_signed_in(&next_page(&visit, visit.form.text("next")), done.token.expose())),
        Ok(SignIn::NeedsCode(step)) => Ok(visit.page(&CodePage {
            frame: visit.frame("Sign in"),
            step: step.expose(),
            next: visit.form.text("next"),
            issues: Issues::default(),
        })),
        Err(error) => {
            let next = visit.form.text("next");
            Ok(visit.corrected(&sign_in_page(&visit, email, next, refusal(error)?)))
        }
    }
}

async fn enter_code(visit: Visit) -> Result<Response, Failure> {
    let step = visit.form.text("step");
    let code = visit.form.text("code");
    match visit.engine().sign_in_with_code(step, code, visit.browser()).await {
        Ok(done) => Ok(visit
            .redirect_signed_in(&next_page(&visit, visit.form.text("next")), done.token.expose())),
        Err(Error::NotFound(_)) => {
            let issues = Issues::one("", "That took too long. Begin again.");
            Ok(visit.corrected(&sign_in_page(&visit, "", visit.form.text("next"), issues)))
        }
        Err(error) => Ok(visit.corrected(&CodePage {
            frame: visit.frame("Sign in"),
            step,
            next: visit.form.text("next"),
            issues: refusal(error)?,
        })),
    }
}

/// What the page's script needs, as JSON. It is asked for when the button is pressed, so that
/// looking at the page stores nothing and a page that was open for hours still works.
async fn begin_passkey(visit: Visit) -> Result<Response, Failure> {
    let options = visit.engine().begin_passkey_sign_in(visit.csrf()).await?;
    Ok(reply::ok(&options))
}

async fn use_passkey(visit: Visit) -> Result<Response, Failure> {
    let answer = PasskeyAnswer {
        id: visit.form.text("id"),
        client_data: visit.form.text("client_data"),
        authenticator_data: visit.form.text("authenticator_data"),
        signature: visit.form.text("signature"),
        user_handle: visit.form.text("user_handle"),
    };
    let next = visit.form.text("next");
    match visit.engine().sign_in_with_passkey(answer, visit.csrf(), visit.browser()).await {
        Ok(done) => Ok(visit.redirect_signed_in(&next_page(&visit, next), done.token.expose())),
        Err(error) => {
            let issues = match error {
                Error::NotFound(_) => Issues::one("", "That took too long. Try again."),
                other => refusal(other)?,
            };
            Ok(visit.corrected(&sign_in_page(&visit, "", next, issues)))
        }
    }
}

/// Sends the browser to the OpenID provider.
async fn begin_openid(visit: Visit) -> Result<Response, Failure> {
    let next = next_page(&visit, visit.query.text("next"));
    match visit.engine().begin_openid(&next).await {
        Ok(start) => Ok(visit.redirect_to_openid(&start)),
        Err(error) => Ok(visit.corrected(&sign_in_page(&visit, "", &next, refusal(error)?))),
    }
}

/// Takes the browser that comes back from there.
async fn finish_openid(visit: Visit) -> Result<Response, Failure> {
    let query: Vec<(String, String)> =
        visit.query.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let token = visit.openid_cookie();
    match visit.engine().finish_openid(&query, &token, visit.browser()).await {
        Ok((done, next)) => Ok(visit.redirect_signed_in(&next, done.token.expose())),
        Err(error) => Ok(visit.corrected(&sign_in_page(&visit, "", "", refusal(error)?))),
    }
}

async fn sign_out(visit: Visit) -> Result<Response, Failure> {
    let member = visit.member()?;
    match visit.engine().end_member_session(member.member.id, &member.session.id).await {
        Ok(()) | Err(Error::NotFound(_)) => Ok(visit.redirect_signed_out()),
        Err(error) => Err(error.into()),
    }
}

async fn invited(visit: Visit) -> Result<Response, Failure> {
    let token = visit.query.text("token");
    let page = invitation_page(&visit, token, "", Issues::default()).await?;
    Ok(visit.page(&page.page()))
}

/// What the page of an invitation is made from.
struct Invited<'a> {
    frame: Frame,
    token: &'a str,
    email: String,
    role: Role,
    name: &'a str,
    issues: Issues,
}

impl Invited<'_> {
    fn page(&self) -> InvitationPage<'_> {
        InvitationPage {
            frame: self.frame.clone(),
            token: self.token,
            email: &self.email,
            role: self.role.title(),
            meaning: self.role.meaning(),
            name: self.name,
            password_characters_min: PASSWORD_CHARACTERS_MIN,
            issues: self.issues.clone(),
        }
    }
}

async fn invitation_page<'a>(
    visit: &Visit,
    token: &'a str,
    name: &'a str,
    issues: Issues,
) -> Result<Invited<'a>, Failure> {
    let invitation = visit.engine().invitation(token).await?.ok_or_else(|| {
        let text = "This invitation does not work any more. Ask for another one.";
        Failure::Refused(text.to_owned())
    })?;
    let role = Role::parse(&invitation.role).ok_or(Failure::Missing)?;
    let frame = visit.frame("Join");
    Ok(Invited { frame, token, email: invitation.email, role, name, issues })
}

async fn accept(visit: Visit) -> Result<Response, Failure> {
    let (token, name) = (visit.form.text("token"), visit.form.text("name"));
    let password = visit.form.secret("password");
    match visit.engine().accept_invitation(token, name, &password).await {
        Ok(_) => Ok(visit.redirect(&visit.link("/account/sign-in"), "joined")),
        Err(error) => {
            let issues = match error {
                Error::NotFound(_) => Issues::default(),
                other => Issues::from_error(other)?,
            };
            let page = invitation_page(&visit, token, name, issues).await?;
            Ok(visit.corrected(&page.page()))
        }
    }
}
