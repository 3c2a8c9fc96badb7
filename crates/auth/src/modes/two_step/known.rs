//! The values the templates of an exchange may name.

use serde_json::{Map, Value};
use valetkey_catalog::Scope;

use crate::assertion;
use crate::credentials::{Credentials, HIDDEN_MEMBER};
use crate::form::{self, RESERVED};
use crate::jwt::{SigningFault, signed_token};
use crate::mode::Context;

pub(super) struct Known {
    /// What was typed or preset, and what headers brought.
    pub(super) values: Map<String, Value>,
    /// The token signed here, or at a refresh the token held.
    pub(super) token: Option<String>,
    /// `step1`, `step2`, …
    pub(super) answers: Map<String, Value>,
    options: Map<String, Value>,
}

impl Known {
    /// The fields of the connection, and over them what the integration presets.
    pub(super) fn new(context: &Context<'_>, credentials: &Credentials) -> Self {
        let map = credentials.as_map();
        let mut values: Map<String, Value> = map
            .iter()
            .filter(|(name, _)| !RESERVED.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        values.extend(form::preset(context.provider, context.client));
        let options = map.get(HIDDEN_MEMBER).and_then(Value::as_object).cloned();
        Self { values, token: None, answers: Map::new(), options: options.unwrap_or_default() }
    }

    /// Names the tokens held, for a refresh.
    pub(super) fn show_tokens(&mut self, credentials: &Credentials) {
        self.token = credentials.access_token().map(str::to_owned);
        if let Some(refresh_token) = credentials.refresh_token() {
            self.values.insert("refresh_token".to_owned(), refresh_token.into());
        }
    }

    /// Signs what the entry wants signed; answers with the assertion.
    pub(super) fn sign(
        &mut self,
        context: &Context<'_>,
        credentials: &Credentials,
    ) -> Result<Option<String>, SigningFault> {
        self.token = signed(context, self)?;
        let Some(recipe) = &context.provider.assertion else { return Ok(None) };
        let mut scope = self.scope(context);
        scope.set("assertionOption", Value::Object(self.options.clone()));
        let stored = credentials.text("assertion");
        let assertion = assertion::from_recipe(context, recipe, &scope, stored)?;
        self.values.insert("assertion".to_owned(), assertion.as_str().into());
        Ok(Some(assertion))
    }

    /// The names, with one moment and one random value for a request.
    pub(super) fn scope<'s>(&'s self, context: &Context<'s>) -> Scope<'s> {
        let mut scope = context.scope(context.connection_config).with_credentials(&self.values);
        for (name, value) in self.values.iter().chain(&self.answers) {
            scope.set(name, value.clone());
        }
        if let Some(token) = &self.token {
            scope.set("token", token.as_str());
        }
        scope
    }
}

/// The token signed here, when the entry has templates for one.
pub(super) fn signed(context: &Context<'_>, known: &Known) -> Result<Option<String>, SigningFault> {
    let signed = signed_token(context.provider, &known.scope(context), context.now)?;
    Ok(signed.map(|signed| signed.token))
}
