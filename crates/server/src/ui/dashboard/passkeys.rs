//! A member's own passkeys: adding one, its name, removing it. Signing in with one is in `sign_in`.

use askama::Template;
use axum::response::Response;
use valetkey_engine::Error;
use valetkey_engine::members::passkeys::{NewPasskey, PASSKEYS_MAX, Passkey};

use super::failure::Failure;
use super::form::Issues;
use super::frame::Frame;
use super::visit::Visit;
use super::{Access, Page, change, look, profile, words};

/// The field of the password on the profile that adding one asks for.
const PASSWORD: &str = "passkey_password";

pub(super) fn pages() -> Vec<Page> {
    vec![
        look("/account/profile/passkeys", Access::Member, to_profile),
        change("/account/profile/passkeys", Access::Member, add),
        look("/account/profile/passkeys/new", Access::Member, to_profile),
        change("/account/profile/passkeys/new", Access::Member, begin),
        look("/account/profile/passkeys/{id}", Access::Member, show),
        change("/account/profile/passkeys/{id}", Access::Member, rename),
        change("/account/profile/passkeys/{id}/remove", Access::Member, remove),
    ]
}

/// A passkey on the profile.
pub(super) struct Row {
    pub(super) link: String,
    pub(super) name: String,
    pub(super) kept: &'static str,
    pub(super) added: String,
    pub(super) used: String,
}

/// What the profile says about passkeys.
pub(super) struct Panel {
    pub(super) rows: Vec<Row>,
    /// Why none can be added.
    pub(super) why_not: Option<String>,
}

#[derive(Template)]
#[template(path = "dashboard/passkey_new.html")]
struct NewPage {
    frame: Frame,
    /// What the browser makes it from, as JSON.
    options: String,
    /// Where it works.
    origin: String,
}

#[derive(Template)]
#[template(path = "dashboard/passkey.html")]
struct PasskeyPage {
    frame: Frame,
    here: String,
    name: String,
    /// The name in the field, which may have to be corrected.
    typed: String,
    kept: &'static str,
    added: String,
    used: String,
    has_password: bool,
    issues: Issues,
}

/// How it is kept, for people.
fn kept(passkey: &Passkey) -> &'static str {
    match (passkey.is_syncable, passkey.is_synced) {
        (_, true) => "On several devices",
        (true, false) => "On one device so far",
        (false, false) => "On one device",
    }
}

pub(super) async fn panel(visit: &Visit) -> Result<Panel, Failure> {
    let now = visit.now();
    let passkeys = visit.engine().passkeys(visit.member()?.member.id).await?;
    let rows: Vec<Row> = passkeys
        .into_iter()
        .map(|it| Row {
            link: visit.link(&format!("/account/profile/passkeys/{}", it.id)),
            kept: kept(&it),
            added: words::relative_time(it.created_at, now),
            used: it.last_used_at.map_or("never".to_owned(), |at| words::relative_time(at, now)),
            name: it.name,
        })
        .collect();
    let why_not = match visit.engine().relying_party() {
        Err(why) => Some(why.sentence().to_owned()),
        Ok(_) if rows.len() >= PASSKEYS_MAX => {
            Some(format!("There are {PASSKEYS_MAX}, which is the most. Remove one first."))
        }
        Ok(_) => None,
    };
    Ok(Panel { rows, why_not })
}

/// Back from the address of a form, which a browser may ask for after its session ended.
async fn to_profile(visit: Visit) -> Result<Response, Failure> {
    Ok(visit.redirect(&visit.link("/account/profile"), ""))
}

/// The password is right: on with the browser's own question.
async fn begin(visit: Visit) -> Result<Response, Failure> {
    let password = visit.form.secret(PASSWORD);
    let begun = visit.engine().begin_passkey(visit.member()?, PASSWORD, &password).await;
    match (begun, visit.engine().relying_party()) {
        (Ok(options), Ok(party)) => {
            let frame = visit.frame("Add a passkey");
            let options = options.to_string();
            Ok(visit.page(&NewPage { frame, options, origin: party.origin }))
        }
        (Err(error), _) => profile::done(visit, Err(error), "").await,
        (Ok(_), Err(why)) => Err(Failure::Refused(why.sentence().to_owned())),
    }
}

async fn add(visit: Visit) -> Result<Response, Failure> {
    let name = profile::browser_name(&visit.browser().user_agent);
    let new = NewPasskey {
        client_data: visit.form.text("client_data"),
        attestation: visit.form.text("attestation"),
        name: &name,
    };
    match visit.engine().add_passkey(visit.member()?, new).await {
        Err(Error::NotFound(_)) => {
            let message = "That took too long, or it was begun elsewhere. Begin again.";
            profile::corrected(visit, Issues::one("", message)).await
        }
        other => profile::done(visit, other, "passkey-added").await,
    }
}

async fn passkey_page(
    visit: &Visit,
    typed: Option<&str>,
    issues: Issues,
) -> Result<PasskeyPage, Failure> {
    let me = visit.member()?;
    let passkey = visit.engine().own_passkey(me, visit.path("id")).await?;
    let now = visit.now();
    Ok(PasskeyPage {
        frame: visit.frame("Passkey"),
        here: visit.link(&format!("/account/profile/passkeys/{}", passkey.id)),
        typed: typed.unwrap_or(&passkey.name).to_owned(),
        kept: kept(&passkey),
        added: words::relative_time(passkey.created_at, now),
        used: passkey.last_used_at.map_or("never".to_owned(), |at| words::relative_time(at, now)),
        name: passkey.name,
        has_password: !me.member.password_hash.is_empty(),
        issues,
    })
}

async fn show(visit: Visit) -> Result<Response, Failure> {
    let page = passkey_page(&visit, None, Issues::default()).await?;
    Ok(visit.page(&page))
}

async fn rename(visit: Visit) -> Result<Response, Failure> {
    let name = visit.form.text("name");
    let renamed = visit.engine().rename_passkey(visit.member()?, visit.path("id"), name).await;
    done(&visit, renamed, "saved", Some(name)).await
}

async fn remove(visit: Visit) -> Result<Response, Failure> {
    let (id, password) = (visit.path("id"), visit.form.secret("confirm"));
    let removed = visit.engine().remove_passkey(visit.member()?, id, "confirm", &password).await;
    done(&visit, removed, "passkey-removed", None).await
}

/// Back to the profile, or the passkey with what is wrong.
async fn done(
    visit: &Visit,
    result: Result<(), Error>,
    said: &str,
    typed: Option<&str>,
) -> Result<Response, Failure> {
    let issues = match result {
        Ok(()) => return Ok(visit.redirect(&visit.link("/account/profile"), said)),
        Err(Error::Refused { code: "too_many_attempts", message }) => Issues::one("", message),
        Err(error) => Issues::from_error(error)?,
    };
    let page = passkey_page(visit, typed, issues).await?;
    Ok(visit.corrected(&page))
}
