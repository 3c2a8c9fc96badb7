//! One integration: what it is, changing it, deleting it.

use askama::Template;
use axum::response::Response;
use serde_json::{Map, Value};
use valetkey_catalog::AuthMode;
use valetkey_engine::Error;
use valetkey_engine::connection_lists::ConnectionPage;
use valetkey_engine::integrations::{IntegrationView, UpdateIntegration, needs_credentials};

use super::super::failure::Failure;
use super::super::form::Issues;
use super::super::frame::{Abilities, Frame};
use super::super::installs::InstallPanel;
use super::super::logs::integration_link;
use super::super::visit::Visit;
use super::super::words;
use super::callback_url;
use super::fields::{self, Field, Look};
use super::proxy::ProxyForm;
use super::scopes::ScopeChanges;
use super::webhooks::Webhooks;
use crate::api::integrations::update_body;

/// Where counting connections ends.
const COUNTED_MAX: i64 = 10_000;

#[derive(Template)]
#[template(path = "dashboard/integration.html")]
pub(super) struct DetailPage {
    frame: Frame,
    key: String,
    name: String,
    logo: String,
    provider: String,
    mode: &'static str,
    callback: Option<String>,
    made: String,
    connections: String,
    has_connections: bool,
    is_incomplete: bool,
    fields: Vec<Field>,
    has_scopes: bool,
    /// One on each line.
    scopes: String,
    always: String,
    /// What a save of the scopes would change, to be confirmed: added and removed.
    pub(super) scope_changes: Option<ScopeChanges>,
    proxy: ProxyForm,
    kept: String,
    hooks: Webhooks,
    installs: Option<InstallPanel>,
    unique_key: String,
    display_name: String,
    here: String,
    connections_link: String,
    logs_link: String,
    new_connection: String,
    can: Abilities,
    issues: Issues,
}

async fn count(visit: &Visit, view: &IntegrationView) -> Result<i64, Failure> {
    let page = ConnectionPage {
        environment_id: visit.environment()?.id,
        integration_id: Some(view.row.id),
        failing: false,
        search: None,
        after: None,
        limit: COUNTED_MAX + 1,
    };
    Ok(visit.engine().connection_count(&page).await?)
}

pub(super) async fn page(visit: &Visit, issues: Issues) -> Result<DetailPage, Failure> {
    let environment = visit.environment()?;
    let view = visit.engine().integration(environment.id, visit.path("integration")).await?;
    let connections = count(visit, &view).await?;
    let (row, provider) = (&view.row, &view.provider);
    let stored = |name: &str| match name {
        "client_id" | "app_id" => row.client_id.clone().unwrap_or_default(),
        "app_link" => view.secrets.app_link.clone().unwrap_or_default(),
        name => {
            let setting = name.strip_prefix("config.").and_then(|it| view.secrets.custom.get(it));
            setting.and_then(|value| value.as_str()).unwrap_or_default().to_owned()
        }
    };
    let value = |name: &str| visit.form.given(name).map_or_else(|| stored(name), str::to_owned);
    let name = row.display_name.clone().unwrap_or_else(|| provider.display_name.clone());
    let key = row.unique_key.clone();
    let query: String = url::form_urlencoded::byte_serialize(key.as_bytes()).collect();
    let given = |name: &str, stored: &str| {
        visit.form.given(name).map_or_else(|| stored.to_owned(), str::to_owned)
    };
    Ok(DetailPage {
        frame: visit.frame(&name),
        logo: visit.logo(&provider.name),
        provider: provider.display_name.clone(),
        mode: provider.auth_mode.as_str(),
        callback: fields::has_callback(provider).then(|| callback_url(visit)).transpose()?,
        made: words::full_time(row.created_at),
        connections: if connections > COUNTED_MAX {
            format!("more than {}", words::counted(COUNTED_MAX, "connection"))
        } else {
            words::counted(connections, "connection")
        },
        has_connections: connections > 0,
        is_incomplete: needs_credentials(provider) && row.client_id.is_none(),
        fields: fields::fields(provider, false, value),
        has_scopes: fields::has_scopes(provider),
        scopes: visit.form.given("scopes").unwrap_or(&row.scopes.replace(',', "\n")).to_owned(),
        always: provider.default_scopes.join(", "),
        scope_changes: None,
        proxy: ProxyForm::of(visit, &view),
        hooks: Webhooks::of(visit, &view)?,
        installs: InstallPanel::of(visit, &view)?,
        kept: words::duration(visit.engine().settings().deleted_retention),
        unique_key: given("unique_key", &key),
        display_name: given("display_name", row.display_name.as_deref().unwrap_or_default()),
        here: integration_link(visit, &key),
        connections_link: visit.environment_link(&format!("/connections?integration={query}")),
        logs_link: visit.environment_link(&format!("/logs?integration={query}")),
        new_connection: visit.environment_link(&format!("/connections/new?integration={query}")),
        can: Abilities::of(visit),
        key,
        name,
        issues,
    })
}

pub(super) async fn show(visit: Visit) -> Result<Response, Failure> {
    let page = page(&visit, Issues::default()).await?;
    Ok(visit.page(&page))
}

pub(super) async fn save(visit: Visit) -> Result<Response, Failure> {
    if let Some(issues) = fields::key_issue(&visit.form).or_else(|| fields::name_issue(&visit.form))
    {
        return Ok(visit.corrected(&page(&visit, issues).await?));
    }
    let environment = visit.environment()?;
    let key = visit.path("integration");
    let view = visit.engine().integration(environment.id, key).await?;
    let mut body = fields::body(&view.provider, &visit.form);
    keep_stored(&view, &mut body);
    let request: UpdateIntegration = match fields::checked(&update_body(), body) {
        Ok(request) => request,
        Err(issues) => return Ok(visit.corrected(&page(&visit, issues).await?)),
    };
    match visit.engine().update_integration(environment, key, request, &visit.actor()).await {
        Ok(saved) => Ok(visit.redirect(&integration_link(&visit, &saved.row.unique_key), "saved")),
        Err(Error::Refused { message, .. }) => {
            Ok(visit.corrected(&page(&visit, Issues::one("", message)).await?))
        }
        Err(error) => Err(error.into()),
    }
}

/// A client is changed as a whole; what the form leaves empty is what is stored.
pub(super) fn keep_stored(view: &IntegrationView, body: &mut Map<String, Value>) {
    let Some(Value::Object(credentials)) = body.get_mut("credentials") else { return };
    let secret = view.secrets.client_secret.clone();
    let is_app = view.provider.auth_mode == AuthMode::App;
    let stored = [
        (if is_app { "app_id" } else { "client_id" }, view.row.client_id.clone()),
        (if is_app { "private_key" } else { "client_secret" }, secret),
        ("app_link", view.secrets.app_link.clone()),
    ];
    for (name, value) in stored {
        if let Some(value) = value {
            credentials.entry(name).or_insert(Value::from(value));
        }
    }
}

pub(super) async fn delete(visit: Visit) -> Result<Response, Failure> {
    let environment = visit.environment()?;
    let key = visit.path("integration");
    let view = visit.engine().integration(environment.id, key).await?;
    if visit.form.text("confirm") != view.row.unique_key {
        let issues = Issues::one("confirm", "Type the integration's key.");
        return Ok(visit.corrected(&page(&visit, issues).await?));
    }
    visit.engine().delete_integration(environment, key, &visit.actor()).await?;
    Ok(visit.redirect(&visit.environment_link("/integrations"), "deleted"))
}
