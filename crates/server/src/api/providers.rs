//! The catalogue: what an integration can be made for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::response::Response;
use bytes::Bytes;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, Method, StatusCode};
use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use valetkey_catalog::{Catalog, Provider};
use valetkey_engine::Engine;

use crate::api::logo;
use crate::app::App;
use crate::call::Call;
use crate::error::{ApiError, ApiResult};
use crate::route::{Auth, Endpoint};
use crate::schema::{Schema, any, array, field, loose_object, named, object, string};
use crate::{etag, reply};

const TAG: &str = "Providers";
/// Most bytes of a compiled search pattern.
const PATTERN_BYTES_MAX: usize = 64 * 1024;

/// The operations.
pub fn endpoints() -> Vec<Endpoint<App>> {
    let data = |schema| object(vec![field("data", schema)]);
    vec![
        Endpoint::new(Method::GET, "/providers", Auth::ApiKeyOrSession(&[]), list)
            .documented(TAG, "Providers of the catalogue, by name")
            .query(vec![field(
                "search",
                named::integration_key()
                    .optional()
                    .about("A regular expression for the name, in any letter case"),
            )])
            .returns(data(array(provider_schema()))),
        Endpoint::new(Method::GET, "/providers/{provider}", Auth::ApiKeyOrSession(&[]), one)
            .documented(TAG, "One provider")
            .parameter("provider", named::provider_name())
            .returns(data(provider_schema())),
        Endpoint::new(Method::GET, "/providers/{provider}/templates", Auth::ApiKey(&[]), templates)
            .documented(TAG, "Ready-made functions of a provider; there are none")
            .parameter("provider", named::provider_name())
            .returns(data(array(any()))),
        Endpoint::new(Method::GET, "/providers.json", Auth::None, whole)
            .documented(TAG, "The whole catalogue by name")
            .any_query()
            .returns(loose_object(Vec::new())),
    ]
}

fn provider_schema() -> Schema {
    loose_object(vec![
        field("display_name", string()),
        field("auth_mode", string()),
        field("name", string()),
        field("logo_url", string()),
    ])
}

/// Where the mark of a provider is served.
pub(crate) fn logo_url(public_url: &str, provider: &str) -> String {
    format!("{public_url}{}/{provider}.svg", logo::FOLDER)
}

#[derive(Deserialize)]
struct Query {
    search: Option<String>,
}

async fn list(mut call: Call<App>) -> ApiResult {
    let query: Query = call.query()?;
    let bodies = call.host.provider_bodies.of(&call.host.engine);
    let Some(search) = query.search.as_deref() else {
        let response = reply::json_bytes(StatusCode::OK, bodies.list.bytes.clone());
        return Ok(etag::answer(call.headers(), &bodies.list.tag, revalidated(response)));
    };
    let found = found(&bodies.catalog, Some(search)).filter_map(|it| bodies.one.get(&it.name));
    Ok(reply::json_bytes(StatusCode::OK, list_of(found)))
}

/// A client may keep the body, and asks whether it is still the same.
fn revalidated(mut response: Response) -> Response {
    let private = HeaderValue::from_static("private, no-cache");
    response.headers_mut().insert(CACHE_CONTROL, private);
    response
}

/// Providers whose name matches a pattern; one that is no pattern is searched for as it is.
fn found<'a>(
    catalog: &'a Catalog,
    search: Option<&str>,
) -> impl Iterator<Item = &'a Arc<Provider>> {
    let pattern =
        search.map(|text| compiled(text).or_else(|_| compiled(&regex::escape(text))).ok());
    catalog.all().filter(move |provider| match &pattern {
        None => true,
        Some(pattern) => pattern.as_ref().is_some_and(|pattern| pattern.is_match(&provider.name)),
    })
}

fn compiled(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).case_insensitive(true).size_limit(PATTERN_BYTES_MAX).build()
}

/// The catalogue as JSON, serialised once for each catalogue.
#[derive(Default)]
pub(crate) struct ProviderBodies {
    held: Mutex<Option<Arc<Bodies>>>,
}

struct Bodies {
    catalog: Arc<Catalog>,
    /// Each entry as clients see it, by name.
    one: BTreeMap<String, Bytes>,
    list: Tagged,
    whole: Tagged,
}

struct Tagged {
    bytes: Bytes,
    tag: HeaderValue,
}

impl Tagged {
    fn new(bytes: Vec<u8>) -> Self {
        Self { tag: etag::of(&bytes), bytes: bytes.into() }
    }
}

impl ProviderBodies {
    /// The bodies of the engine's catalogue as it is now.
    fn of(&self, engine: &Engine) -> Arc<Bodies> {
        let catalog = engine.catalog();
        // Whoever comes while they are made waits, and nobody makes them twice.
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match &*held {
            Some(bodies) if Arc::ptr_eq(&bodies.catalog, &catalog) => Arc::clone(bodies),
            _ => {
                let bodies = Arc::new(Bodies::new(catalog, &engine.settings().public_url));
                *held = Some(Arc::clone(&bodies));
                bodies
            }
        }
    }
}

impl Bodies {
    fn new(catalog: Arc<Catalog>, public_url: &str) -> Self {
        let entry = |provider: &Arc<Provider>| {
            let text = Value::Object(view(public_url, provider)).to_string();
            (provider.name.clone(), Bytes::from(text))
        };
        let one: BTreeMap<String, Bytes> = catalog.all().map(entry).collect();
        let list = Tagged::new(list_of(one.values()));
        let entries =
            catalog.all().map(|provider| (provider.name.clone(), provider.entry.clone().into()));
        let whole = Value::Object(entries.collect::<Map<String, Value>>());
        let whole = Tagged::new(whole.to_string().into_bytes());
        Self { catalog, one, list, whole }
    }
}

/// `{"data":[…]}` of entries that are serialised already.
fn list_of<'b>(entries: impl Iterator<Item = &'b Bytes>) -> Vec<u8> {
    let mut list = br#"{"data":["#.to_vec();
    for (index, entry) in entries.enumerate() {
        if index > 0 {
            list.push(b',');
        }
        list.extend_from_slice(entry);
    }
    list.extend_from_slice(b"]}");
    list
}

fn view(public_url: &str, provider: &Provider) -> Map<String, Value> {
    let mut entry = provider.entry.clone();
    entry.insert("name".to_owned(), provider.name.clone().into());
    entry.insert("logo_url".to_owned(), logo_url(public_url, &provider.name).into());
    entry
}

async fn one(call: Call<App>) -> ApiResult {
    let name = call.path("provider");
    let bodies = call.host.provider_bodies.of(&call.host.engine);
    let entry = bodies.one.get(name).ok_or_else(|| {
        ApiError::not_found(format!("There is no provider '{name}' in the catalogue."))
    })?;
    let body = [br#"{"data":"#.as_slice(), entry, b"}"].concat();
    let tag = etag::of(&body);
    Ok(etag::answer(call.headers(), &tag, revalidated(reply::json_bytes(StatusCode::OK, body))))
}

async fn templates(_call: Call<App>) -> ApiResult {
    Ok(reply::ok(&json!({"data": []})))
}

async fn whole(call: Call<App>) -> ApiResult {
    let bodies = call.host.provider_bodies.of(&call.host.engine);
    let mut response = reply::json_bytes(StatusCode::OK, bodies.whole.bytes.clone());
    let public = HeaderValue::from_static("public, max-age=300");
    response.headers_mut().insert(CACHE_CONTROL, public);
    Ok(etag::answer(call.headers(), &bodies.whole.tag, response))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(search: &str) -> Vec<String> {
        let catalog = Catalog::empty();
        let (catalog, _) = catalog
            .overlay(
                "a-b: {display_name: A, auth_mode: NONE}\naxb: {display_name: B, auth_mode: NONE}\n",
                "test.yaml",
            )
            .unwrap();
        found(&catalog, Some(search)).map(|provider| provider.name.clone()).collect()
    }

    #[test]
    fn a_search_is_a_pattern_in_any_letter_case() {
        assert_eq!(names("A.B"), ["a-b", "axb"]);
        assert_eq!(names("^AX"), ["axb"]);
    }

    #[test]
    fn what_is_no_pattern_is_searched_for_as_it_is() {
        assert_eq!(names("a("), [""; 0]);
        let large = "(?:a{1000}){1000}";
        assert_eq!(names(large), [""; 0]);
    }
}
