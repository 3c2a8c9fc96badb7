//! npm packages, installed as their lock files say.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::process;

/// A copy of the lock file, written when everything in it is installed.
const INSTALLED: &str = "node_modules/.installed-lock.json";

/// `npm ci`, unless what is installed is what the lock file says.
pub(crate) fn install(folder: &Path) -> Result<()> {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
    if read(INSTALLED).is_some_and(|installed| Some(installed) == read("package-lock.json")) {
        println!("  npm packages are as locked");
        return Ok(());
    }
    println!("  npm ci");
    process::run(process::command("npm", folder).args(["ci", "--no-audit", "--no-fund"]))?;
    let modules = folder.join("node_modules");
    std::fs::create_dir_all(&modules).context("the folder of npm packages")?;
    std::fs::copy(folder.join("package-lock.json"), folder.join(INSTALLED))
        .context("noting which lock file is installed")?;
    Ok(())
}

/// The test files of a folder, in the order of their names.
pub(crate) fn tests_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let cannot = || format!("listing {}", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        if path.to_string_lossy().ends_with(".test.mjs") {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        bail!("there is no test in {}", folder.display());
    }
    Ok(files)
}
