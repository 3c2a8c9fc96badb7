//! The dashboard: what operators and engineers see. Every page is in [`pages`]: who may see it, and
//! the function that makes it. Everything is drawn here; scripts only make it livelier.

mod audit;
mod connections;
mod csv;
mod environments;
mod failure;
mod form;
mod frame;
mod home;
mod installs;
mod integrations;
mod logs;
mod passkeys;
mod profile;
mod search;
mod settings;
mod sign_in;
mod start;
mod team;
mod visit;
mod words;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::{RawPathParams, Request, State};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use http::Method;
use valetkey_engine::members::Permission;

use super::Pages;
use failure::Failure;
use visit::Visit;

/// Where the dashboard begins, after the server's own path.
pub(super) const ROOT: &str = "/dashboard";

/// Who may see a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody: signing in.
    Stranger,
    /// Whoever is signed in.
    Member,
    /// Members whose role allows this. Everybody else who is signed in is told so.
    May(Permission),
}

type Answer = Pin<Box<dyn Future<Output = Result<Response, Failure>> + Send>>;

/// A page, or what a form of one is sent to.
#[derive(Clone)]
struct Page {
    /// `GET` looks, `POST` changes.
    method: Method,
    /// After [`ROOT`]; parameters in braces. `{environment}` is looked up before the page is made.
    path: &'static str,
    access: Access,
    make: Arc<dyn Fn(Visit) -> Answer + Send + Sync>,
}

fn entry<F>(
    method: Method,
    path: &'static str,
    access: Access,
    make: impl Fn(Visit) -> F + Send + Sync + 'static,
) -> Page
where
    F: Future<Output = Result<Response, Failure>> + Send + 'static,
{
    Page { method, path, access, make: Arc::new(move |visit| Box::pin(make(visit))) }
}

/// A page to look at.
fn look<F>(
    path: &'static str,
    access: Access,
    make: impl Fn(Visit) -> F + Send + Sync + 'static,
) -> Page
where
    F: Future<Output = Result<Response, Failure>> + Send + 'static,
{
    entry(Method::GET, path, access, make)
}

/// What a form is sent to.
fn change<F>(
    path: &'static str,
    access: Access,
    make: impl Fn(Visit) -> F + Send + Sync + 'static,
) -> Page
where
    F: Future<Output = Result<Response, Failure>> + Send + 'static,
{
    entry(Method::POST, path, access, make)
}

/// Every page of the dashboard.
fn pages() -> Vec<Page> {
    let mut all = Vec::new();
    all.extend(sign_in::pages());
    all.extend(home::pages());
    all.extend(start::pages());
    all.extend(integrations::pages());
    all.extend(connections::pages());
    all.extend(installs::pages());
    all.extend(logs::pages());
    all.extend(settings::pages());
    all.extend(search::pages());
    all.extend(environments::pages());
    all.extend(audit::pages());
    all.extend(team::pages());
    all.extend(profile::pages());
    all.extend(passkeys::pages());
    all
}

/// Method, path after `/dashboard`, and access of every page.
pub fn list() -> impl Iterator<Item = (Method, &'static str, Access)> {
    pages().into_iter().map(|page| (page.method, page.path, page.access))
}

pub(super) fn routes() -> Router<Pages> {
    let (mut router, mut outer) = (Router::new(), Router::new());
    for page in pages() {
        let filter =
            if page.method == Method::GET { MethodFilter::GET } else { MethodFilter::POST };
        let path = page.path;
        let serve =
            move |State(pages): State<Pages>, parameters: RawPathParams, request: Request| {
                visit::serve(pages, page.clone(), parameters, request)
            };
        if path == "/" {
            // A router below another one does not get the bare slash.
            outer = outer.route(&format!("{ROOT}/"), on(filter, serve.clone()));
        }
        router = router.route(path, on(filter, serve));
    }
    outer.nest(ROOT, router.fallback(visit::nothing_here))
}
