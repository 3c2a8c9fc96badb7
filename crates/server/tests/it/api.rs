//! The JSON API, one module for each file of `src/api/`.

mod connections;
mod environments;
mod integrations;
mod providers;
mod sessions;
mod utility;

use crate::app::Answer;

/// `code path.of.it` of every validation issue.
#[track_caller]
fn issues(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let list = body["error"]["errors"].as_array();
    let line = |issue: &serde_json::Value| {
        let path = issue["path"].as_array().unwrap();
        let path: Vec<&str> = path.iter().map(|part| part.as_str().unwrap()).collect();
        format!("{} {}", issue["code"].as_str().unwrap(), path.join("."))
    };
    list.into_iter().flatten().map(line).collect()
}

fn error(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}
