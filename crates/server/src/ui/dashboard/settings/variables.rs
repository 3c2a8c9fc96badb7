//! Variables of an environment: names are listed, values only when somebody asks.

use askama::Template;
use axum::response::Response;
use valetkey_base::Secret;
use valetkey_engine::environments::{VARIABLE_BYTES_MAX, VARIABLE_NAME_BYTES_MAX, VARIABLES_MAX};

use super::super::failure::Failure;
use super::super::form::Issues;
use super::super::frame::{Abilities, Frame, Way};
use super::super::visit::Visit;
use super::{place, tabs};

const TAB: &str = "/variables";

#[derive(Template)]
#[template(path = "dashboard/settings/variables.html")]
struct VariablesPage {
    frame: Frame,
    tabs: Vec<Way>,
    here: String,
    /// Names, and the value of one that somebody asked for.
    variables: Vec<(String, Option<Secret>)>,
    most: usize,
    can: Abilities,
    issues: Issues,
}

async fn page(
    visit: &Visit,
    revealed: Option<(&str, Secret)>,
    issues: Issues,
) -> Result<VariablesPage, Failure> {
    let names = visit.engine().environment_variable_names(visit.environment()?.id).await?;
    let variables = names.into_iter().map(|name| {
        let value = revealed.as_ref().filter(|(asked, _)| *asked == name);
        let value = value.map(|(_, value)| value.clone());
        (name, value)
    });
    Ok(VariablesPage {
        frame: visit.frame("Variables"),
        tabs: tabs(visit),
        here: place(visit, TAB),
        variables: variables.collect(),
        most: VARIABLES_MAX,
        can: Abilities::of(visit),
        issues,
    })
}

pub(super) async fn show(visit: Visit) -> Result<Response, Failure> {
    let page = page(&visit, None, Issues::default()).await?;
    Ok(visit.page(&page))
}

/// Reads `NAME=value` lines. The text may be secret, so lines are counted and not shown.
fn lines(text: &str) -> Result<Vec<(String, Secret)>, String> {
    let lines = text.lines().map(str::trim).enumerate();
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let read = lines.map(|(at, line)| {
        let pair = line.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
        let fits = |&(name, value): &(&str, &str)| {
            !name.is_empty()
                && name.len() <= VARIABLE_NAME_BYTES_MAX
                && value.len() <= VARIABLE_BYTES_MAX
        };
        pair.filter(fits)
            .map(|(name, value)| (name.to_owned(), Secret::new(value)))
            .ok_or_else(|| format!("Line {}: expected a name, = and a value.", at + 1))
    });
    let read = read.collect::<Result<Vec<_>, _>>()?;
    if read.is_empty() { Err("Write one NAME=value on each line.".to_owned()) } else { Ok(read) }
}

pub(super) async fn set(visit: Visit) -> Result<Response, Failure> {
    let id = visit.environment()?.id;
    let variables = match lines(visit.form.text("lines")) {
        Ok(variables) => variables,
        Err(message) => {
            let issues = Issues::one("lines", message);
            return Ok(visit.corrected(&page(&visit, None, issues).await?));
        }
    };
    let known = visit.engine().environment_variable_names(id).await?;
    let new = variables.iter().filter(|(name, _)| !known.contains(name)).count();
    if known.len() + new > VARIABLES_MAX {
        let issues = Issues::one("lines", format!("Expected at most {VARIABLES_MAX} in all."));
        return Ok(visit.corrected(&page(&visit, None, issues).await?));
    }
    for (name, value) in &variables {
        visit.engine().set_environment_variable(id, name, value, &visit.actor()).await?;
    }
    Ok(visit.redirect(&place(&visit, TAB), "saved"))
}

pub(super) async fn unset(visit: Visit) -> Result<Response, Failure> {
    let (id, name) = (visit.environment()?.id, visit.form.text("name"));
    if visit.engine().unset_environment_variable(id, name, &visit.actor()).await? {
        Ok(visit.redirect(&place(&visit, TAB), "deleted"))
    } else {
        Err(Failure::Missing)
    }
}

pub(super) async fn reveal(visit: Visit) -> Result<Response, Failure> {
    let (id, name) = (visit.environment()?.id, visit.form.text("name"));
    let all = visit.engine().environment_variables(id).await?;
    let (_, value) = all.into_iter().find(|(known, _)| known == name).ok_or(Failure::Missing)?;
    let recorder = visit.engine().recorder();
    recorder.audit(Some(id), visit.actor(), "environment_variable.read", name);
    let page = page(&visit, Some((name, value)), Issues::default()).await?;
    Ok(visit.page(&page))
}
