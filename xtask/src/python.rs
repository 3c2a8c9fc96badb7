//! The Python packages of the suites, in an environment of their own below the target folder.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process;

/// A copy of that file, written when everything in it is installed.
const INSTALLED: &str = "installed-requirements.txt";

/// An environment with the packages in it.
pub(crate) struct Environment {
    folder: PathBuf,
}

impl Environment {
    /// Make the one of this name, unless it has already what the requirements say. They name
    /// packages and their hashes.
    pub(crate) fn make(
        root: &Path,
        target: &Path,
        name: &str,
        requirements: &Path,
    ) -> Result<Self> {
        let environment = Self { folder: target.join(name) };
        let folder = &environment.folder;
        let wanted = std::fs::read_to_string(requirements).context("reading the requirements")?;
        let is_current = environment.interpreter().exists()
            && std::fs::read_to_string(folder.join(INSTALLED)).is_ok_and(|has| has == wanted);
        if is_current {
            println!("  Python packages are as required");
            return Ok(environment);
        }
        println!("  python3 -m venv");
        process::run(
            process::command("python3", root).args(["-m", "venv", "--clear"]).arg(folder),
        )?;
        println!("  pip install");
        process::run(
            process::command(environment.interpreter(), root)
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .args(["--no-input", "--require-hashes", "--requirement"])
                .arg(requirements),
        )?;
        std::fs::write(folder.join(INSTALLED), wanted)
            .context("noting which packages are installed")?;
        Ok(environment)
    }

    /// The environment's Python.
    pub(crate) fn interpreter(&self) -> PathBuf {
        self.folder.join("bin/python")
    }
}
