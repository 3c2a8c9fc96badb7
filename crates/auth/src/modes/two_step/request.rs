//! Builds the requests of an exchange.

use serde_json::{Map, Value};
use valetkey_catalog::schema::{StepFormat, TokenStep};
use valetkey_catalog::{Scope, render, render_url, scalar_text};

use super::known::Known;
use super::xml;
use crate::error::{AuthError, Class};
use crate::mode::Context;
use crate::request::{Body, HttpRequest};
use crate::token_request::{render_lenient, set_header};

/// The request of a step.
pub(super) fn build(
    context: &Context<'_>,
    known: &Known,
    step: &TokenStep,
) -> Result<HttpRequest, AuthError> {
    let scope = known.scope(context);
    let url = render_url(&step.url, &scope, false).map_err(|error| {
        let message = format!("The provider's token URL cannot be built: {error}.");
        AuthError::new(Class::Ours, "url_param_err", message)
    })?;
    let format = step.format.unwrap_or(context.provider.two_step.format);
    let accept = match format {
        StepFormat::Xml => "application/xml, text/xml",
        StepFormat::Json | StepFormat::Form => "application/json",
    };
    let mut headers = vec![("accept".to_owned(), accept.to_owned())];
    for (name, value) in render_lenient(&step.headers, &scope) {
        set_header(&mut headers, &name, value);
    }
    let body = if step.by_get { Body::Empty } else { body(format, &step.params, &scope) };
    let method = if step.by_get { http::Method::GET } else { http::Method::POST };
    Ok(HttpRequest { method, url, headers, body, identity: None })
}

fn body(format: StepFormat, params: &Map<String, Value>, scope: &Scope<'_>) -> Body {
    let params = filled(params, scope);
    match format {
        StepFormat::Json => Body::Json(Value::Object(params)),
        StepFormat::Form => {
            let text = |value: &Value| scalar_text(value).unwrap_or_else(|| value.to_string());
            Body::Form(params.iter().map(|(name, value)| (name.clone(), text(value))).collect())
        }
        StepFormat::Xml => {
            Body::Text { content_type: "application/xml", text: xml::write(&params) }
        }
    }
}

/// A map of templates filled in. A member whose value is not known is left out: it stands for an
/// optional input.
fn filled(params: &Map<String, Value>, scope: &Scope<'_>) -> Map<String, Value> {
    params
        .iter()
        .filter_map(|(name, template)| Some((name.clone(), filled_value(template, scope)?)))
        .collect()
}

fn filled_value(template: &Value, scope: &Scope<'_>) -> Option<Value> {
    match template {
        Value::String(text) => render(text, scope).ok().map(Value::String),
        Value::Object(map) => Some(Value::Object(filled(map, scope))),
        Value::Array(items) => {
            Some(items.iter().filter_map(|item| filled_value(item, scope)).collect())
        }
        other => Some(other.clone()),
    }
}
