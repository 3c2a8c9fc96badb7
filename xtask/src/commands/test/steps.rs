//! The steps of `cargo xtask test`.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};

use super::{
    Options, Part,
    report::{Count, Report},
};
use crate::{
    machine::{self, Package},
    postgres::Cluster,
    process,
    python::Environment,
    workspace,
};

/// For one suite, all its tests together: they take minutes, and one that hangs must not take CI
/// with it.
const SUITE_TIMEOUT_MS: u32 = 1_200_000;

/// What the steps share: where things are, and the PostgreSQL server while the tests run.
pub(crate) struct Session<'a> {
    options: &'a Options,
    root: PathBuf,
    cluster: Option<Cluster>,
}

impl<'a> Session<'a> {
    pub(crate) fn new(options: &'a Options) -> Self {
        Self { options, root: workspace::root(), cluster: None }
    }

    /// Bring the machine into shape for what was chosen.
    pub(crate) fn prepare(&mut self, report: &mut Report) {
        let (rust, e2e) = (self.options.wants(Part::Rust), self.options.wants(Part::E2e));
        let mut packages = Vec::new();
        if (rust || e2e) && self.options.postgres.is_none() {
            packages.push(Package::Postgresql);
        }
        if e2e {
            packages.extend([Package::Chromium, Package::PythonVenv]);
        }
        if !packages.is_empty() {
            report.preparation("system packages", || machine::install(&packages));
        }
        if (rust || e2e) && self.options.postgres.is_none() {
            self.cluster = report.preparation("PostgreSQL server", || {
                let cluster = Cluster::start()?;
                println!("  listening: {}", cluster.url());
                Ok(cluster)
            });
        }
    }

    pub(crate) fn fmt(&self) -> Result<()> {
        process::run(self.cargo().args(["fmt", "--all", "--check"]))
    }

    pub(crate) fn clippy(&self) -> Result<()> {
        process::run(self.cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--",
            "-D",
            "warnings",
        ]))
    }

    pub(crate) fn rust(&self, count: &mut Count) -> Result<()> {
        process::run_lines(
            self.with_postgres(self.cargo()).args([
                "test",
                "--workspace",
                "--locked",
                "--no-fail-fast",
            ]),
            |line| count.read_line(line),
        )
    }

    /// Install the packages, build the server, run the suites.
    pub(crate) fn e2e(&self, report: &mut Report) {
        const SUITES: &str = "end-to-end suites";
        let packages = report.preparation("npm packages", || {
            machine::check_node()?;
            self.npm_ci()
        });
        if packages.is_none() {
            report.skip(SUITES, "Node or the npm packages are missing");
            return;
        }
        if machine::chromium().is_none() {
            report.skip(SUITES, "there is no browser");
            return;
        }
        let python = report
            .preparation("Python packages", || Environment::make(&self.root, &self.target()?));
        let Some(python) = python else {
            report.skip(SUITES, "the Python packages are missing");
            return;
        };
        let built = report.step("build the server", || {
            process::run(self.cargo().args([
                "build",
                "--workspace",
                "--bin",
                "valetkey",
                "--locked",
            ]))
        });
        if !built {
            report.skip(SUITES, "the server was not built");
            return;
        }
        report.tests(SUITES, |count| self.suites(count, &python));
    }

    /// `npm ci`, unless what is installed is what the lock file says.
    fn npm_ci(&self) -> Result<()> {
        let folder = self.root.join("tests/e2e");
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
        let marker = "node_modules/.installed-lock.json";
        if read(marker).is_some_and(|installed| Some(installed) == read("package-lock.json")) {
            println!("  npm packages are as locked");
            return Ok(());
        }
        println!("  npm ci");
        process::run(process::command("npm", &folder).args(["ci", "--no-audit", "--no-fund"]))?;
        std::fs::copy(folder.join("package-lock.json"), folder.join(marker))
            .context("noting which lock file is installed")?;
        Ok(())
    }

    fn suites(&self, count: &mut Count, python: &Environment) -> Result<()> {
        let folder = self.root.join("tests/e2e");
        let mut files: Vec<String> = Vec::new();
        for entry in std::fs::read_dir(&folder).context("listing the suites")? {
            let name = entry.context("listing the suites")?.file_name();
            let name = name.to_string_lossy();
            let wanted = |suite| {
                self.options.suite.is_empty() || self.options.suite.iter().any(|name| name == suite)
            };
            if name.strip_suffix(".test.mjs").is_some_and(wanted) {
                files.push(name.into_owned());
            }
        }
        if files.is_empty() {
            bail!("there is no suite of that name in tests/e2e");
        }
        files.sort();
        let mut command = self.with_postgres(process::command("node", &folder));
        command
            .env("VALETKEY_BIN", self.target()?.join("debug/valetkey"))
            .env("VALETKEY_TEST_PYTHON", python.interpreter())
            .args(["--test", "--test-reporter=spec", "--test-concurrency=1"])
            .arg(format!("--test-timeout={SUITE_TIMEOUT_MS}"))
            .args(&files);
        if let Some(chromium) = machine::chromium() {
            command.env("VALETKEY_TEST_CHROMIUM", chromium);
        }
        process::run_lines(&mut command, |line| count.read_line(line))
    }

    /// The folder cargo builds into.
    fn target(&self) -> Result<PathBuf> {
        let metadata = workspace::metadata(&self.root)?;
        let target =
            metadata["target_directory"].as_str().context("cargo names no target folder")?;
        Ok(PathBuf::from(target))
    }

    fn cargo(&self) -> Command {
        process::command("cargo", &self.root)
    }

    fn with_postgres(&self, mut command: Command) -> Command {
        let url = self.options.postgres.clone().or_else(|| self.cluster.as_ref().map(Cluster::url));
        match url {
            Some(url) => command.env("VALETKEY_TEST_POSTGRES", url),
            None => command.env_remove("VALETKEY_TEST_POSTGRES"),
        };
        command
    }
}
