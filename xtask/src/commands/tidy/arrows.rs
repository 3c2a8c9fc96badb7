//! The arrows between crates go one way. `ARCHITECTURE.md` draws the picture; this holds it.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Findings;

/// What each crate may depend on. A crate that is not listed here is a problem.
const ALLOWED: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("vault", &["base"]),
    ("catalog", &["base"]),
    ("client", &[]),
    ("egress", &["base"]),
    ("emulator", &["base"]),
    ("store", &["base"]),
    ("auth", &["catalog", "base"]),
    ("rehearsal", &["auth", "catalog", "base"]),
    ("engine", &["store", "egress", "auth", "vault", "catalog", "base"]),
    ("server", &["engine", "catalog", "base"]),
    ("testkit", &["server", "engine", "store", "emulator", "base"]),
    (
        "cli",
        &[
            "server",
            "engine",
            "store",
            "egress",
            "catalog",
            "vault",
            "emulator",
            "rehearsal",
            "base",
        ],
    ),
    ("xtask", &["testkit", "server", "engine", "store", "emulator", "catalog", "vault", "base"]),
];

/// What the tests of any crate but the leaves may use besides.
const TEST_ONLY: &[&str] = &["testkit", "client"];

/// Compare the members' dependencies with the table.
pub(crate) fn check(metadata: &Value, findings: &mut Findings) -> Result<()> {
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let mut members = Vec::new();
    for package in packages {
        members.push(Member::read(package)?);
    }
    for member in &members {
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == member.folder) else {
            findings.problem(&member.path(), "no entry in xtask's table of crate arrows");
            continue;
        };
        for dependency in &member.dependencies {
            let Some(to) = members.iter().find(|other| other.package == dependency.package) else {
                continue;
            };
            let test_only = dependency.is_dev && TEST_ONLY.contains(&to.folder.as_str());
            let itself = dependency.is_dev && to.folder == member.folder;
            let is_allowed = allowed.contains(&to.folder.as_str())
                && (!TEST_ONLY.contains(&to.folder.as_str()) || member.folder == "xtask");
            if !(is_allowed || test_only || itself || seen_by_testkit(dependency, to, allowed)) {
                findings.problem(
                    &member.path(),
                    format!("`{}` may not depend on `{}`", member.folder, to.folder),
                );
            }
        }
    }
    Ok(())
}

/// A test may name the leaf crates directly, whatever its crate may not.
fn seen_by_testkit(dependency: &Dependency, to: &Member, allowed: &[&str]) -> bool {
    let leaf = ALLOWED.iter().any(|(name, below)| *name == to.folder && below.len() <= 1);
    dependency.is_dev && leaf && !allowed.is_empty()
}

struct Member {
    package: String,
    /// The folder's name: packages carry the product's prefix, folders do not.
    folder: String,
    dependencies: Vec<Dependency>,
}

struct Dependency {
    package: String,
    is_dev: bool,
}

impl Member {
    fn read(package: &Value) -> Result<Self> {
        let name = package["name"].as_str().context("a package has no name")?;
        let manifest = package["manifest_path"].as_str().context("a package has no manifest")?;
        let folder = Path::new(manifest)
            .parent()
            .and_then(Path::file_name)
            .context("a manifest is in no folder")?;
        let dependencies = package["dependencies"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|dependency| dependency["path"].is_string())
            .filter_map(|dependency| {
                Some(Dependency {
                    package: dependency["name"].as_str()?.to_owned(),
                    is_dev: dependency["kind"] == "dev",
                })
            })
            .collect();
        Ok(Self {
            package: name.to_owned(),
            folder: folder.to_string_lossy().into_owned(),
            dependencies,
        })
    }

    fn path(&self) -> std::path::PathBuf {
        if self.folder == "xtask" {
            return "xtask/Cargo.toml".into();
        }
        Path::new("crates").join(&self.folder).join("Cargo.toml")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::check;
    use crate::commands::tidy::Findings;

    fn member(name: &str, dependencies: &[(&str, Option<&str>)]) -> Value {
        let dependencies: Vec<Value> = dependencies
            .iter()
            .map(|(to, kind)| json!({"name": format!("v-{to}"), "path": "p", "kind": kind}))
            .collect();
        json!({
            "name": format!("v-{name}"),
            "manifest_path": format!("/w/crates/{name}/Cargo.toml"),
            "dependencies": dependencies,
        })
    }

    fn problems(members: &[Value]) -> Vec<String> {
        let mut findings = Findings::default();
        check(&json!({ "packages": members }), &mut findings).unwrap();
        findings.problems
    }

    #[test]
    fn arrows_of_the_picture_pass() {
        let members = [
            member("base", &[]),
            member("store", &[("base", None)]),
            member("engine", &[("store", None), ("testkit", Some("dev"))]),
            member("testkit", &[("engine", None)]),
        ];
        assert_eq!(problems(&members), Vec::<String>::new());
    }

    #[test]
    fn an_arrow_back_is_refused() {
        let members = [member("store", &[("engine", None)]), member("engine", &[])];
        assert_eq!(
            problems(&members),
            ["crates/store/Cargo.toml: `store` may not depend on `engine`"]
        );
    }

    #[test]
    fn the_testkit_is_for_tests_and_the_binary_for_nobody() {
        let members = [
            member("server", &[("testkit", None), ("cli", Some("dev"))]),
            member("testkit", &[]),
            member("cli", &[]),
        ];
        assert_eq!(problems(&members).len(), 2);
    }

    #[test]
    fn a_crate_nobody_placed_is_refused() {
        assert_eq!(problems(&[member("extras", &[])]).len(), 1);
    }
}
