//! Setting up an integration: which provider, then what it needs.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::response::Response;
use serde_json::Value;
use valetkey_catalog::Provider;
use valetkey_engine::Error;
use valetkey_engine::integrations::CreateIntegration;

use super::super::failure::Failure;
use super::super::form::Issues;
use super::super::frame::Frame;
use super::super::logs::integration_link;
use super::super::visit::Visit;
use super::super::words;
use super::callback_url;
use super::fields::{self, Field, Look};
use crate::api::integrations::create_body;

/// Providers on a page.
const PAGE_ROWS: usize = 50;

/// A provider to choose.
struct Row {
    link: String,
    name: String,
    key: String,
    logo: String,
    mode: &'static str,
    categories: String,
}

#[derive(Template)]
#[template(path = "dashboard/integration_pick.html")]
struct PickPage {
    frame: Frame,
    rows: Vec<Row>,
    count: String,
    search: String,
    modes: Vec<(&'static str, bool)>,
    categories: Vec<(String, bool)>,
    next: Option<String>,
    here: String,
}

#[derive(Template)]
#[template(path = "dashboard/integration_new.html")]
struct NewPage {
    frame: Frame,
    name: String,
    logo: String,
    mode: &'static str,
    callback: Option<String>,
    setup: Vec<String>,
    docs: Option<String>,
    fields: Vec<Field>,
    unique_key: String,
    display_name: String,
    here: String,
    picker: String,
    issues: Issues,
}

fn matches(provider: &Provider, words: &[String]) -> bool {
    let text = format!(
        "{} {} {} {}",
        provider.display_name,
        provider.name,
        provider.auth_mode.as_str(),
        provider.categories.join(" ")
    );
    let text = text.to_lowercase();
    words.iter().all(|word| text.contains(word))
}

pub(super) async fn pick(visit: Visit) -> Result<Response, Failure> {
    visit.environment()?;
    let catalog = visit.engine().catalog();
    let search = visit.query.text("q").to_lowercase();
    let words: Vec<String> = search.split_whitespace().map(str::to_owned).collect();
    let (mode, category) = (visit.query.text("mode"), visit.query.text("category"));
    let all: Vec<&Arc<Provider>> = catalog.all().collect();
    let modes: BTreeSet<&'static str> = all.iter().map(|it| it.auth_mode.as_str()).collect();
    let categories: BTreeSet<&String> = all.iter().flat_map(|it| &it.categories).collect();
    let mut found: Vec<&Arc<Provider>> = all
        .iter()
        .copied()
        .filter(|it| mode.is_empty() || it.auth_mode.as_str() == mode)
        .filter(|it| category.is_empty() || it.categories.iter().any(|one| one == category))
        .filter(|it| matches(it, &words))
        .collect();
    // What begins with the words comes first.
    found.sort_by_key(|it| {
        let name = it.display_name.to_lowercase();
        (!name.starts_with(&search), name)
    });
    let from: usize = visit.query.filled("from").and_then(|it| it.parse().ok()).unwrap_or(0);
    let query = visit.query_without(&["from"]);
    let mark = if query.is_empty() { "" } else { "&" };
    let here = visit.environment_link("/integrations/new");
    let after = from.saturating_add(PAGE_ROWS);
    let next = (after < found.len()).then(|| format!("{here}?{query}{mark}from={after}"));
    let count = words::counted(i64::try_from(found.len()).unwrap_or(0), "provider");
    let rows = found.into_iter().skip(from).take(PAGE_ROWS).map(|it| Row {
        link: visit.environment_link(&format!("/integrations/new/{}", it.name)),
        logo: visit.logo(&it.name),
        name: it.display_name.clone(),
        key: it.name.clone(),
        mode: it.auth_mode.as_str(),
        categories: it.categories.join(", "),
    });
    Ok(visit.page(&PickPage {
        frame: visit.frame("Choose a provider"),
        rows: rows.collect(),
        count,
        search: visit.query.text("q").to_owned(),
        modes: modes.into_iter().map(|it| (it, it == mode)).collect(),
        categories: categories.into_iter().map(|it| (it.clone(), it == category)).collect(),
        next,
        here,
    }))
}

fn provider(visit: &Visit) -> Result<Arc<Provider>, Failure> {
    visit.engine().catalog().get(visit.path("provider")).cloned().ok_or(Failure::Missing)
}

/// The provider's name, or with a number behind it where that is taken.
async fn free_key(visit: &Visit, provider: &Provider) -> Result<String, Failure> {
    let all = visit.engine().integrations(visit.environment()?).await?;
    let is_taken = |key: &str| all.iter().any(|(it, _)| it.unique_key == key);
    let mut key = provider.name.clone();
    let mut number = 2;
    while is_taken(&key) {
        key = format!("{}-{number}", provider.name);
        number += 1;
    }
    Ok(key)
}

async fn page(visit: &Visit, provider: &Provider, issues: Issues) -> Result<NewPage, Failure> {
    let given = |name: &str| visit.form.text(name).to_owned();
    let unique_key = match visit.form.given("unique_key") {
        Some(key) => key.to_owned(),
        None => free_key(visit, provider).await?,
    };
    Ok(NewPage {
        frame: visit.frame(&format!("Set up {}", provider.display_name)),
        name: provider.display_name.clone(),
        logo: visit.logo(&provider.name),
        mode: provider.auth_mode.as_str(),
        callback: fields::has_callback(provider).then(|| callback_url(visit)).transpose()?,
        setup: provider.setup.clone(),
        docs: provider.docs.clone(),
        fields: fields::fields(provider, true, given),
        unique_key,
        display_name: given("display_name"),
        here: visit.environment_link(&format!("/integrations/new/{}", provider.name)),
        picker: visit.environment_link("/integrations/new"),
        issues,
    })
}

pub(super) async fn ask(visit: Visit) -> Result<Response, Failure> {
    let provider = provider(&visit)?;
    let page = page(&visit, &provider, Issues::default()).await?;
    Ok(visit.page(&page))
}

pub(super) async fn create(visit: Visit) -> Result<Response, Failure> {
    let provider = provider(&visit)?;
    let environment = visit.environment()?;
    if let Some(issues) = fields::key_issue(&visit.form).or_else(|| fields::name_issue(&visit.form))
    {
        return Ok(visit.corrected(&page(&visit, &provider, issues).await?));
    }
    let mut body = fields::body(&provider, &visit.form);
    body.insert("provider".to_owned(), Value::from(provider.name.clone()));
    let mut issues = Issues::default();
    for field in fields::fields(&provider, true, |_| String::new()) {
        if field.is_required && visit.form.filled(&field.name).is_none() {
            issues.add(&field.name, "Fill this in.");
        }
    }
    let request = match fields::checked::<CreateIntegration>(&create_body(), body) {
        Ok(request) if issues.is_empty() => request,
        checked => {
            // What is missing is said before what has the wrong form.
            let issues = checked.err().filter(|_| issues.is_empty()).unwrap_or(issues);
            return Ok(visit.corrected(&page(&visit, &provider, issues).await?));
        }
    };
    match visit.engine().create_integration(environment, request, &visit.actor()).await {
        Ok(made) => Ok(visit.redirect(&integration_link(&visit, &made.row.unique_key), "created")),
        Err(Error::Refused { message, .. } | Error::Conflict(message)) => {
            let issues = Issues::one("", message);
            Ok(visit.corrected(&page(&visit, &provider, issues).await?))
        }
        Err(error) => {
            let issues = Issues::from_error(error)?;
            Ok(visit.corrected(&page(&visit, &provider, issues).await?))
        }
    }
}
