//! The bounds of an integration's calls through the proxy.

use axum::response::Response;
use valetkey_engine::integrations::{IntegrationView, ProxyLimits, UpdateIntegration};
use valetkey_engine::proxy::is_host_pattern;

use super::super::failure::Failure;
use super::super::form::Issues;
use super::super::logs::integration_link;
use super::super::visit::Visit;
use super::super::words;
use super::detail::page;
use crate::api::integrations::{CALLS_PER_MINUTE_MAX, HOSTS_MAX};

/// What the form shows: what was typed, else what is stored.
pub(super) struct ProxyForm {
    /// One on each line.
    pub(super) hosts: String,
    pub(super) per_minute: String,
    pub(super) per_connection: String,
}

impl ProxyForm {
    pub(super) fn of(visit: &Visit, view: &IntegrationView) -> Self {
        let stored = &view.secrets.proxy;
        let typed =
            |name: &str, stored: String| visit.form.given(name).map_or(stored, str::to_owned);
        let number = |stored: Option<u32>| stored.map_or_else(String::new, |it| it.to_string());
        Self {
            hosts: typed("allowed_hosts", stored.allowed_hosts.join("\n")),
            per_minute: typed("calls_per_minute", number(stored.calls_per_minute)),
            per_connection: typed(
                "calls_per_minute_per_connection",
                number(stored.calls_per_minute_per_connection),
            ),
        }
    }
}

fn read(visit: &Visit) -> Result<ProxyLimits, Issues> {
    let mut issues = Issues::default();
    let hosts: Vec<String> = visit
        .form
        .text("allowed_hosts")
        .split([',', ' ', '\n', '\r', '\t'])
        .filter(|host| !host.is_empty())
        .map(str::to_owned)
        .collect();
    if hosts.len() as i64 > HOSTS_MAX {
        issues.add("allowed_hosts", format!("At most {HOSTS_MAX} hosts."));
    } else if !hosts.iter().all(|host| is_host_pattern(host)) {
        issues.add(
            "allowed_hosts",
            "Each line is a host such as api.example.com, *.example.com, or * for any.".to_owned(),
        );
    }
    let mut number = |name: &str| -> Option<u32> {
        let text = visit.form.text(name).trim().to_owned();
        if text.is_empty() {
            return None;
        }
        let number = text.parse().ok().filter(|it| (1..=CALLS_PER_MINUTE_MAX).contains(it));
        if number.is_none() {
            let most = words::number(CALLS_PER_MINUTE_MAX);
            issues.add(name, format!("A whole number from 1 to {most}, or nothing."));
        }
        number.and_then(|it| u32::try_from(it).ok())
    };
    let limits = ProxyLimits {
        calls_per_minute: number("calls_per_minute"),
        calls_per_minute_per_connection: number("calls_per_minute_per_connection"),
        allowed_hosts: hosts,
    };
    if issues.is_empty() { Ok(limits) } else { Err(issues) }
}

pub(super) async fn save(visit: Visit) -> Result<Response, Failure> {
    let environment = visit.environment()?;
    let key = visit.path("integration");
    let limits = match read(&visit) {
        Ok(limits) => limits,
        Err(issues) => return Ok(visit.corrected(&page(&visit, issues).await?)),
    };
    let request = UpdateIntegration { proxy: Some(limits), ..UpdateIntegration::default() };
    let saved =
        visit.engine().update_integration(environment, key, request, &visit.actor()).await?;
    Ok(visit.redirect(&integration_link(&visit, &saved.row.unique_key), "saved"))
}
