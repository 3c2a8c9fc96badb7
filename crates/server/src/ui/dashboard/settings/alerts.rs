//! Where operators are told what needs somebody.

use askama::Template;
use axum::response::Response;
use valetkey_engine::Error;

use super::super::failure::Failure;
use super::super::form::Issues;
use super::super::frame::{Abilities, Frame, Way};
use super::super::visit::Visit;
use super::{Values, place, read, store, tabs};

const TAB: &str = "/alerts";
const URL: &str = "alert_url";
const EMAILS: &str = "alert_emails";

#[derive(Template)]
#[template(path = "dashboard/settings/alerts.html")]
struct AlertsPage {
    frame: Frame,
    tabs: Vec<Way>,
    here: String,
    deliveries: String,
    has_place: bool,
    /// Whether the operator of the server set up mail.
    has_mail: bool,
    values: Values,
    can: Abilities,
    issues: Issues,
}

fn page(visit: &Visit, issues: Issues) -> Result<AlertsPage, Failure> {
    let has_mail = visit.engine().has_mail();
    let settings = &visit.environment()?.settings;
    Ok(AlertsPage {
        frame: visit.frame("Alerts"),
        tabs: tabs(visit),
        here: place(visit, TAB),
        deliveries: place(visit, "/webhooks"),
        has_place: settings.alert_url.is_some() || (has_mail && !settings.alert_emails.is_empty()),
        has_mail,
        values: Values::of(visit)?,
        can: Abilities::of(visit),
        issues,
    })
}

pub(super) async fn show(visit: Visit) -> Result<Response, Failure> {
    let page = page(&visit, Issues::default())?;
    Ok(visit.page(&page))
}

pub(super) async fn save(visit: Visit) -> Result<Response, Failure> {
    let fields: &[&str] = if visit.engine().has_mail() { &[URL, EMAILS] } else { &[URL] };
    match read(&visit, fields, &[]) {
        Ok(changes) => store(&visit, changes, TAB).await,
        Err(issues) => Ok(visit.corrected(&page(&visit, issues)?)),
    }
}

pub(super) async fn test(visit: Visit) -> Result<Response, Failure> {
    match visit.engine().send_test_alert(visit.environment()?, &visit.actor()).await {
        Ok(()) => Ok(visit.redirect(&place(&visit, "/webhooks"), "sent")),
        Err(Error::Refused { message, .. }) => {
            Ok(visit.corrected(&page(&visit, Issues::one(URL, message))?))
        }
        Err(error) => Err(error.into()),
    }
}
