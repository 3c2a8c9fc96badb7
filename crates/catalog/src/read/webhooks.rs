//! Reads `webhooks`, and the recipe of providers that have none.

use std::sync::LazyLock;

use serde_json::Value;

use crate::reader::Reader;
use crate::schema::{Install, KeySource, Place, Scheme, Verify, Webhooks};

static GENERIC: LazyLock<Webhooks> = LazyLock::new(|| {
    serde_saphyr::from_str(include_str!("../generic_webhooks.yaml")).unwrap_or_default()
});

/// The recipe of a provider that has none of its own: Standard Webhooks, an HMAC or a shared token.
pub fn generic() -> &'static Webhooks {
    &GENERIC
}

pub(super) fn read(reader: &mut Reader<'_>) -> Option<Webhooks> {
    let map = reader.map("webhooks");
    if map.is_empty() {
        return None;
    }
    match serde_json::from_value::<Webhooks>(Value::Object(map)) {
        Ok(recipe) => {
            for problem in problems(&recipe) {
                reader.warn("webhooks", problem);
            }
            Some(recipe)
        }
        Err(error) => {
            reader.warn("webhooks", format!("the recipe is not used: {error}"));
            None
        }
    }
}

/// What is wrong with a recipe that can be read.
fn problems(recipe: &Webhooks) -> Vec<String> {
    let mut problems = Vec::new();
    if recipe.verify.is_empty() {
        problems.push("a recipe says how deliveries are verified".to_owned());
    }
    for verify in &recipe.verify {
        problems.extend(problems_of(verify));
        let memory = verify.timestamp.as_ref().map_or(0, |_| 2 * verify.tolerance_seconds);
        if recipe.remember_seconds < memory {
            problems.push("remember_seconds is shorter than both sides of the window".to_owned());
        }
    }
    for reply in &recipe.replies {
        let kinds = usize::from(reply.text.is_some()) + usize::from(reply.json.is_some());
        if kinds > 1 || (reply.when.is_empty() && reply.method.is_none()) {
            problems.push("a reply has a condition, and a text or JSON".to_owned());
        }
        if reply.learn.is_some() && !reply.unsigned {
            problems.push("a secret can only be learned before there is one".to_owned());
        }
    }
    for rule in &recipe.connection {
        if rule.from.is_empty() || rule.to.is_empty() {
            problems.push("a rule says where an identifier stands and what it is".to_owned());
        }
        if recipe.items.is_none() && rule.from.iter().any(|it| matches!(it, Place::Item(_))) {
            problems.push("item.x needs items".to_owned());
        }
    }
    problems.extend(recipe.install.as_ref().and_then(install_problem).map(str::to_owned));
    problems
}

fn install_problem(install: &Install) -> Option<&'static str> {
    let unconditional = install.when.is_empty() && install.gone.is_empty();
    if unconditional != (install.id.is_none() && install.completes.is_empty()) {
        return Some("an installation's webhook has conditions and an id");
    }
    let needs_id = install.id.is_some() && install.id_key.is_none();
    needs_id.then_some("an installation's id_key says what its id is called in a connection")
}

fn problems_of(verify: &Verify) -> Option<String> {
    let has = |source: &KeySource| verify.key.contains(source);
    let problem = if verify.key.is_empty() {
        "a verification has a key"
    } else if verify.scheme == Scheme::Jwt && verify.jwt.is_none() {
        "jwt says what the token must hold"
    } else if has(&KeySource::Fetched) != verify.fetch.is_some() {
        "fetch and the key fetched belong together"
    } else if let Some(stamp) = &verify.timestamp
        && stamp.from.is_some() == stamp.prefix.is_some()
    {
        "a timestamp stands in a place of its own or begins with a prefix"
    } else {
        return None;
    };
    Some(problem.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generic_recipe_is_a_good_one() {
        assert_eq!(problems(generic()), [""; 0]);
        assert_eq!(generic().verify.len(), 3);
    }

    #[test]
    fn mistakes_in_a_recipe_are_named() {
        let recipe = |text: &str| serde_saphyr::from_str::<Webhooks>(text);
        assert!(recipe("verify: [{scheme: magic, signature: header.x}]").is_err());
        assert!(recipe("verify: [{scheme: hmac, signature: nowhere.x}]").is_err());
        let weak = recipe(
            "verify: [{scheme: hmac, signature: header.x, key: [fetched]}]\n\
             connection: [{from: [item.a], to: [connection_id]}]",
        );
        assert_eq!(problems(&weak.unwrap()).len(), 2);
    }
}
