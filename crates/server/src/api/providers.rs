//! The catalogue: what an integration can be made for.

use std::sync::Arc;

use http::header::CACHE_CONTROL;
use http::{HeaderValue, Method};
use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use valetkey_catalog::{Catalog, Provider};

use crate::api::logo;
use crate::app::App;
use crate::call::Call;
use crate::error::{ApiError, ApiResult};
use crate::reply;
use crate::route::{Auth, Endpoint};
use crate::schema::{Schema, any, array, field, loose_object, named, object, string};

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
    let public_url = &call.host.engine.settings().public_url;
    let catalog = call.host.engine.catalog();
    let data: Vec<Value> = found(&catalog, query.search.as_deref())
        .map(|provider| view(public_url, provider))
        .collect();
    Ok(reply::ok(&json!({"data": data})))
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

fn view(public_url: &str, provider: &Provider) -> Value {
    let mut entry = provider.entry.clone();
    entry.insert("name".to_owned(), provider.name.clone().into());
    entry.insert("logo_url".to_owned(), logo_url(public_url, &provider.name).into());
    Value::Object(entry)
}

async fn one(call: Call<App>) -> ApiResult {
    let name = call.path("provider");
    let catalog = call.host.engine.catalog();
    let provider = catalog.get(name).ok_or_else(|| {
        ApiError::not_found(format!("There is no provider '{name}' in the catalogue."))
    })?;
    let public_url = &call.host.engine.settings().public_url;
    Ok(reply::ok(&json!({"data": view(public_url, provider)})))
}

async fn templates(_call: Call<App>) -> ApiResult {
    Ok(reply::ok(&json!({"data": []})))
}

async fn whole(call: Call<App>) -> ApiResult {
    let catalog = call.host.engine.catalog();
    let entries =
        catalog.all().map(|provider| (provider.name.clone(), provider.entry.clone().into()));
    let mut response = reply::ok(&entries.collect::<Map<String, Value>>());
    let public = HeaderValue::from_static("public, max-age=300");
    response.headers_mut().insert(CACHE_CONTROL, public);
    Ok(response)
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
