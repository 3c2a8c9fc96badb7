//! Lengths, names and stray contents of the files in the tree.
//!
//! A file that must be long says why in a line `// tidy: long because …`; a function says it in the
//! `reason` of its `#[expect(clippy::too_many_lines, …)]`. Both are printed as exceptions.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Findings;

const FILE_LINES_MAX: usize = 800;
const LENGTH_CHECKED: [&str; 6] = ["rs", "mjs", "js", "css", "html", "sql"];
/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 6] = ["util", "utils", "helper", "helpers", "common", "misc"];
const REASON: &str = "tidy: long because ";
const LONG_FUNCTION: &str = "too_many_lines";

/// Check every file.
pub(crate) fn check(root: &Path, files: &[PathBuf], findings: &mut Findings) -> Result<()> {
    let own_paths = machine_paths(root);
    for file in files {
        check_name(file, findings);
        let bytes = std::fs::read(root.join(file))
            .with_context(|| format!("reading {}", file.display()))?;
        let Ok(text) = String::from_utf8(bytes) else {
            continue; // An image or the like.
        };
        check_length(file, &text, findings);
        check_paths(file, &text, &own_paths, findings);
        if file.extension().is_some_and(|extension| extension == "rs") {
            list_long_functions(file, &text, findings);
        }
        if file.file_name().is_some_and(|name| name == "package-lock.json" || name == "Cargo.lock")
        {
            check_lock_file(file, &text, findings);
        }
    }
    Ok(())
}

fn check_name(file: &Path, findings: &mut Findings) {
    if file.file_name().is_some_and(|name| name == "mod.rs") {
        findings.problem(file, "use `name.rs` beside `name/` instead of `mod.rs`");
    }
    let is_source = file
        .extension()
        .is_some_and(|extension| ["rs", "mjs", "js", "ts"].iter().any(|known| extension == *known));
    let mut names: Vec<_> = file.parent().into_iter().flat_map(Path::iter).collect();
    names.extend(file.file_stem());
    if is_source && names.iter().any(|name| EMPTY_NAMES.iter().any(|empty| name == empty)) {
        findings
            .problem(file, "name the file by what is in it, not `utils`, `helpers` or `common`");
    }
}

fn check_length(file: &Path, text: &str, findings: &mut Findings) {
    let checked = file
        .extension()
        .is_some_and(|extension| LENGTH_CHECKED.iter().any(|known| extension == *known));
    let lines = text.lines().count();
    if !checked || lines <= FILE_LINES_MAX {
        return;
    }
    match text.lines().find_map(|line| line.split_once(REASON)) {
        Some((_, reason)) => findings.note(file, format!("{lines} lines: {}", reason.trim())),
        None => findings.problem(
            file,
            format!("{lines} lines, {FILE_LINES_MAX} at most; split it or say why it is long"),
        ),
    }
}

/// Clippy refuses long functions; here the exceptions are listed with their reasons.
fn list_long_functions(file: &Path, text: &str, findings: &mut Findings) {
    let lines: Vec<&str> = text.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let line = line.trim_start();
        let Some(attribute) = line.strip_prefix("#[expect(").or(line.strip_prefix("#![expect("))
        else {
            continue;
        };
        let attribute: String = std::iter::once(attribute)
            .chain(lines[index + 1..].iter().copied())
            .take_while(|line| !line.trim_start().starts_with("fn "))
            .take(4)
            .collect::<Vec<_>>()
            .join(" ");
        let attribute = attribute.split(")]").next().unwrap_or_default();
        if attribute.contains(LONG_FUNCTION) {
            let reason = attribute.split('"').nth(1).unwrap_or("no reason given");
            findings.note(file, format!("line {}: long function: {reason}", index + 1));
        }
    }
}

/// Beginnings of paths that only exist on somebody's machine.
fn machine_paths(root: &Path) -> Vec<String> {
    let mut paths = vec!["/home/".to_owned(), "/Users/".to_owned(), "/root/".to_owned()];
    // A checkout right below the root (`/src`) is too short to look for.
    if root.components().count() > 2 {
        paths.push(root.display().to_string());
    }
    paths
}

fn check_paths(file: &Path, text: &str, paths: &[String], findings: &mut Findings) {
    if file == Path::new("xtask/src/commands/tidy/files.rs") {
        return; // Names them to look for them.
    }
    for (index, line) in text.lines().enumerate() {
        let found = paths.iter().find(|path| {
            line.match_indices(path.as_str()).any(|(at, _)| {
                // Within a URL or a relative path it is not the machine's.
                !line[..at].ends_with(|before: char| {
                    before.is_ascii_alphanumeric() || "./:}_-".contains(before)
                })
            })
        });
        if let Some(path) = found {
            findings.problem(file, format!("line {}: a machine's own path `{path}`", index + 1));
        }
    }
}

/// A lock file names packages and hashes; where they came from on this machine is nobody's business.
fn check_lock_file(file: &Path, text: &str, findings: &mut Findings) {
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        let foreign = line.starts_with("\"resolved\": \"http")
            || (line.starts_with("source = ")
                && !line.contains("registry+https://github.com/rust-lang/crates.io-index"));
        if foreign {
            findings.problem(file, format!("line {}: names where a package came from", index + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{
        FILE_LINES_MAX, check_length, check_lock_file, check_name, check_paths, list_long_functions,
    };
    use crate::commands::tidy::Findings;

    #[test]
    fn names_that_say_nothing_are_refused() {
        let mut findings = Findings::default();
        for name in ["crates/a/src/mod.rs", "crates/a/src/utils.rs", "crates/a/src/common/x.rs"] {
            check_name(Path::new(name), &mut findings);
        }
        check_name(Path::new("crates/a/src/uncommon.rs"), &mut findings);
        assert_eq!(findings.problems.len(), 3);
    }

    #[test]
    fn a_long_file_needs_a_reason() {
        let mut findings = Findings::default();
        let long = "x\n".repeat(FILE_LINES_MAX + 1);
        check_length(Path::new("a.rs"), &long, &mut findings);
        check_length(Path::new("a.md"), &long, &mut findings);
        let excused = format!("// tidy: long because it is one table\n{long}");
        check_length(Path::new("b.rs"), &excused, &mut findings);
        assert_eq!((findings.problems.len(), findings.notes.len()), (1, 1));
    }

    #[test]
    fn long_functions_are_listed_with_their_reason() {
        let mut findings = Findings::default();
        let text =
            "#[expect(\n    clippy::too_many_lines,\n    reason = \"one match\"\n)]\nfn a() {}\n";
        list_long_functions(Path::new("a.rs"), text, &mut findings);
        assert_eq!(findings.notes, ["a.rs: line 1: long function: one match"]);
    }

    #[test]
    fn paths_of_a_machine_are_found_but_urls_are_not() {
        let mut findings = Findings::default();
        let paths = ["/home/".to_owned()];
        check_paths(Path::new("a"), "see https://example.com/home/x", &paths, &mut findings);
        assert!(findings.problems.is_empty());
        check_paths(Path::new("a"), "see /home/ann/x", &paths, &mut findings);
        assert_eq!(findings.problems.len(), 1);
    }

    #[test]
    fn lock_files_name_no_machine() {
        let mut findings = Findings::default();
        let text =
            "\"resolved\": \"https://mirror.example/x.tgz\"\nsource = \"git+https://example\"";
        check_lock_file(Path::new("package-lock.json"), text, &mut findings);
        assert_eq!(findings.problems.len(), 2);
    }
}
