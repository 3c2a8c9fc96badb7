//! `cargo xtask tidy`: the house rules that no compiler checks.

mod arrows;
mod files;
mod migrations;

use std::path::Path;

use anyhow::{Result, bail};

use crate::workspace;

/// Check the whole tree; every problem is printed before the error is returned.
pub(crate) fn run() -> Result<()> {
    let root = workspace::root();
    let files = workspace::files(&root)?;
    let mut findings = Findings::default();
    files::check(&root, &files, &mut findings)?;
    migrations::check(&files, &mut findings);
    arrows::check(&workspace::metadata(&root)?, &mut findings)?;

    for note in &findings.notes {
        println!("  exception: {note}");
    }
    for problem in &findings.problems {
        println!("  {problem}");
    }
    match findings.problems.len() {
        0 => {
            println!("  {} files checked, {} exceptions", files.len(), findings.notes.len());
            Ok(())
        }
        count => bail!("{count} problem(s) in the tree"),
    }
}

/// What the checks came to.
#[derive(Default)]
struct Findings {
    problems: Vec<String>,
    /// Exceptions that give their reason, printed so that they are not forgotten.
    notes: Vec<String>,
}

impl Findings {
    fn problem(&mut self, file: &Path, text: impl AsRef<str>) {
        self.problems.push(format!("{}: {}", file.display(), text.as_ref()));
    }

    fn note(&mut self, file: &Path, text: impl AsRef<str>) {
        self.notes.push(format!("{}: {}", file.display(), text.as_ref()));
    }
}
