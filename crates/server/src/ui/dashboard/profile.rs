//! What members change about themselves: name, colours, password, second factor, sessions.

use askama::Template;
use axum::response::Response;
use qrcode::QrCode;
use qrcode::render::svg;
use valetkey_base::Secret;
use valetkey_engine::Error;
use valetkey_engine::members::PASSWORD_CHARACTERS_MIN;
use valetkey_engine::members::second_factor::NewSecondFactor;

use super::failure::Failure;
use super::form::Issues;
use super::frame::Frame;
use super::visit::Visit;
use super::{Access, Page, change, look, passkeys, words};

pub(super) fn pages() -> Vec<Page> {
    vec![
        look("/account/profile", Access::Member, show),
        change("/account/profile/name", Access::Member, set_name),
        change("/account/profile/password", Access::Member, change_password),
        look("/account/profile/second-factor", Access::Member, begin_second_factor),
        change("/account/profile/second-factor", Access::Member, confirm_second_factor),
        change("/account/profile/second-factor/off", Access::Member, second_factor_off),
        change("/account/profile/recovery-codes", Access::Member, new_recovery_codes),
        change("/account/profile/sessions/end", Access::Member, end_session),
        change("/account/profile/sessions/end-others", Access::Member, end_other_sessions),
        change("/account/theme", Access::Member, set_theme),
    ]
}

/// A signed-in browser, as the page shows it.
struct SessionRow {
    id: String,
    browser: String,
    address: String,
    how: String,
    since: String,
    seen: String,
    is_this: bool,
}

#[derive(Template)]
#[template(path = "dashboard/profile.html")]
struct ProfilePage {
    frame: Frame,
    email: String,
    name: String,
    role: &'static str,
    meaning: &'static str,
    has_password: bool,
    has_second_factor: bool,
    recovery_codes_left: i64,
    passkeys: passkeys::Panel,
    sessions: Vec<SessionRow>,
    password_characters_min: usize,
    issues: Issues,
}

#[derive(Template)]
#[template(path = "dashboard/second_factor.html")]
struct SecondFactorPage {
    frame: Frame,
    step: String,
    secret: String,
    /// An SVG picture as a `data:` URL.
    picture: String,
    issues: Issues,
}

#[derive(Template)]
#[template(path = "dashboard/recovery_codes.html")]
struct RecoveryCodesPage {
    frame: Frame,
    codes: Vec<Secret>,
}

async fn profile_page(visit: &Visit, issues: Issues) -> Result<ProfilePage, Failure> {
    let me = visit.member()?;
    let now = visit.now();
    let sessions = visit.engine().member_sessions(me.member.id).await?;
    let sessions = sessions.into_iter().map(|session| SessionRow {
        browser: browser_name(&session.user_agent),
        since: words::relative_time(session.created_at, now),
        seen: words::relative_time(session.last_seen_at, now),
        is_this: session.id == me.session.id,
        id: session.id,
        address: session.address,
        how: session.how,
    });
    Ok(ProfilePage {
        frame: visit.frame("Profile"),
        email: me.member.email.clone(),
        name: me.member.name.clone(),
        role: me.role.title(),
        meaning: me.role.meaning(),
        has_password: !me.member.password_hash.is_empty(),
        has_second_factor: me.member.totp.is_some(),
        recovery_codes_left: visit.engine().recovery_codes_left(me.member.id).await?,
        passkeys: passkeys::panel(visit).await?,
        sessions: sessions.collect(),
        password_characters_min: PASSWORD_CHARACTERS_MIN,
        issues,
    })
}

async fn show(visit: Visit) -> Result<Response, Failure> {
    let page = profile_page(&visit, Issues::default()).await?;
    Ok(visit.page(&page))
}

/// Back to the profile, or the profile with what is wrong.
pub(super) async fn done(
    visit: Visit,
    result: Result<(), Error>,
    said: &str,
) -> Result<Response, Failure> {
    let issues = match result {
        Ok(()) => return Ok(visit.redirect(&visit.link("/account/profile"), said)),
        Err(Error::Refused { code: "too_many_attempts" | "passkey_refused", message }) => {
            Issues::one("", message)
        }
        Err(error) => Issues::from_error(error)?,
    };
    corrected(visit, issues).await
}

/// The profile with what is wrong.
pub(super) async fn corrected(visit: Visit, issues: Issues) -> Result<Response, Failure> {
    let page = profile_page(&visit, issues).await?;
    Ok(visit.corrected(&page))
}

async fn set_name(visit: Visit) -> Result<Response, Failure> {
    let result = visit.engine().set_own_name(visit.member()?, visit.form.text("name")).await;
    done(visit, result, "saved").await
}

async fn change_password(visit: Visit) -> Result<Response, Failure> {
    let (current, new) = (visit.form.secret("current"), visit.form.secret("password"));
    let result = visit.engine().change_password(visit.member()?, &current, &new).await;
    done(visit, result, "password-changed").await
}

fn second_factor_page(
    visit: &Visit,
    pending: NewSecondFactor,
    issues: Issues,
) -> Result<SecondFactorPage, Failure> {
    let code =
        QrCode::new(pending.url.as_bytes()).map_err(|error| Failure::Broken(error.to_string()))?;
    let picture = code
        .render()
        .min_dimensions(220, 220)
        .dark_color(svg::Color("#000000"))
        .light_color(svg::Color("#ffffff"))
        .build();
    let picture: String = url::form_urlencoded::byte_serialize(picture.as_bytes()).collect();
    Ok(SecondFactorPage {
        frame: visit.frame("Second factor"),
        step: pending.step,
        secret: pending.secret,
        picture: format!("data:image/svg+xml,{}", picture.replace('+', "%20")),
        issues,
    })
}

async fn begin_second_factor(visit: Visit) -> Result<Response, Failure> {
    let pending = visit.engine().new_second_factor(&visit.member()?.member).await?;
    let page = second_factor_page(&visit, pending, Issues::default())?;
    Ok(visit.page(&page))
}

async fn confirm_second_factor(visit: Visit) -> Result<Response, Failure> {
    let member = &visit.member()?.member;
    let (step, code) = (visit.form.text("step"), visit.form.text("code"));
    match visit.engine().confirm_second_factor(member, step, code).await {
        Ok(codes) => {
            let page = RecoveryCodesPage { frame: visit.frame("Recovery codes"), codes };
            Ok(visit.page(&page))
        }
        Err(Error::NotFound(_)) => {
            Ok(visit.redirect(&visit.link("/account/profile/second-factor"), ""))
        }
        Err(error) => {
            let issues = Issues::from_error(error)?;
            let pending = visit.engine().pending_second_factor(member, step).await?;
            let page = second_factor_page(&visit, pending, issues)?;
            Ok(visit.corrected(&page))
        }
    }
}

async fn second_factor_off(visit: Visit) -> Result<Response, Failure> {
    let me = visit.member()?;
    let password = visit.form.secret("confirm");
    let result = match visit.engine().check_password(me, "confirm", &password).await {
        Ok(()) => visit.engine().remove_second_factor(me.member.id, &me.actor()).await,
        Err(error) => Err(error),
    };
    done(visit, result, "second-factor-off").await
}

async fn new_recovery_codes(visit: Visit) -> Result<Response, Failure> {
    let me = visit.member()?;
    let password = visit.form.secret("confirm_codes");
    if let Err(error) = visit.engine().check_password(me, "confirm_codes", &password).await {
        return done(visit, Err(error), "").await;
    }
    let codes = visit.engine().new_recovery_codes(me.member.id).await?;
    Ok(visit.page(&RecoveryCodesPage { frame: visit.frame("Recovery codes"), codes }))
}

async fn end_session(visit: Visit) -> Result<Response, Failure> {
    let me = visit.member()?;
    visit.engine().end_member_session(me.member.id, visit.form.text("id")).await?;
    Ok(visit.redirect(&visit.link("/account/profile"), "session-ended"))
}

async fn end_other_sessions(visit: Visit) -> Result<Response, Failure> {
    let me = visit.member()?;
    visit.engine().end_other_sessions(me.member.id, &me.session.id).await?;
    Ok(visit.redirect(&visit.link("/account/profile"), "sessions-ended"))
}

async fn set_theme(visit: Visit) -> Result<Response, Failure> {
    let here = visit.form.text("here");
    let is_ours = here.starts_with(&visit.link("/")) && !here.contains("//");
    let back = if is_ours { here.to_owned() } else { visit.link("/") };
    let theme = visit.form.text("theme");
    let theme = if matches!(theme, "light" | "dark") { theme } else { "" };
    Ok(visit.redirect_with_theme(&back, theme))
}

/// What a person calls a browser, from what it calls itself.
pub(super) fn browser_name(user_agent: &str) -> String {
    let has = |part: &str| user_agent.contains(part);
    let browser = match () {
        () if has("Edg/") => "Edge",
        () if has("OPR/") => "Opera",
        () if has("Firefox/") => "Firefox",
        () if has("Chrome/") => "Chrome",
        () if has("Safari/") => "Safari",
        () => return user_agent.split(['/', ' ']).next().unwrap_or_default().to_owned(),
    };
    let system = match () {
        () if has("iPhone") || has("iPad") => "iOS",
        () if has("Android") => "Android",
        () if has("Mac OS X") => "macOS",
        () if has("Windows") => "Windows",
        () if has("Linux") => "Linux",
        () => return browser.to_owned(),
    };
    format!("{browser} on {system}")
}

#[cfg(test)]
mod tests {
    use super::browser_name;

    #[test]
    fn browsers_have_names() {
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
                      Chrome/140.0.0.0 Safari/537.36";
        assert_eq!(browser_name(chrome), "Chrome on Linux");
        assert_eq!(browser_name("curl/8.14.1"), "curl");
        assert_eq!(browser_name(""), "");
    }
}
