//! Where providers send browsers back to. A wrong address breaks every authorization, so it is asked
//! whether it leads here before it is saved.

use askama::Template;
use axum::response::Response;

use super::super::failure::Failure;
use super::super::form::Issues;
use super::super::frame::{Abilities, Frame, Way};
use super::super::integrations::has_callback;
use super::super::logs::integration_link;
use super::super::visit::Visit;
use super::{ON, Values, place, read, store, tabs};

const TAB: &str = "/callback-url";
const NAME: &str = "callback_url";

#[derive(Template)]
#[template(path = "dashboard/settings/callback_url.html")]
struct CallbackPage {
    frame: Frame,
    tabs: Vec<Way>,
    here: String,
    own: String,
    values: Values,
    /// Integrations whose providers have to know a new address: key and page.
    concerned: Vec<(String, String)>,
    /// Whether the address was asked and does not lead here.
    has_failed: bool,
    can: Abilities,
    issues: Issues,
}

async fn page(visit: &Visit, has_failed: bool, issues: Issues) -> Result<CallbackPage, Failure> {
    let all = visit.engine().integrations(visit.environment()?).await?;
    let concerned = all.into_iter().filter_map(|(row, provider)| {
        let link = integration_link(visit, &row.unique_key);
        provider.is_some_and(|it| has_callback(&it)).then_some((row.unique_key, link))
    });
    Ok(CallbackPage {
        frame: visit.frame("Callback URL"),
        tabs: tabs(visit),
        here: place(visit, TAB),
        own: visit.engine().own_callback_url(),
        values: Values::of(visit)?,
        concerned: concerned.collect(),
        has_failed,
        can: Abilities::of(visit),
        issues,
    })
}

pub(super) async fn show(visit: Visit) -> Result<Response, Failure> {
    let page = page(&visit, false, Issues::default()).await?;
    Ok(visit.page(&page))
}

pub(super) async fn save(visit: Visit) -> Result<Response, Failure> {
    let changes = match read(&visit, &[NAME], &[]) {
        Ok(changes) => changes,
        Err(issues) => return Ok(visit.corrected(&page(&visit, false, issues).await?)),
    };
    let url = visit.form.text(NAME).trim();
    let is_sure = visit.form.text("unchecked") == ON;
    if !url.is_empty()
        && !is_sure
        && let Err(message) = visit.engine().probe_callback_url(url).await
    {
        let issues = Issues::one(NAME, message);
        return Ok(visit.corrected(&page(&visit, true, issues).await?));
    }
    store(&visit, changes, TAB).await
}
