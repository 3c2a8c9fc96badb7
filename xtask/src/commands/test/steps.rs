//! The steps of `cargo xtask test`.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};

use super::{
    Options, Part,
    report::{Count, Report},
};
use crate::{
    machine::{self, Package},
    npm,
    postgres::Cluster,
    process,
    python::Environment,
    workspace,
};

/// For one suite, all its tests together: they take minutes, and one that hangs must not take CI
/// with it.
pub(super) const SUITE_TIMEOUT_MS: u32 = 1_200_000;

/// End-to-end suites that run side by side. Each has its own servers, databases and browser, and
/// many of them mostly wait.
pub(super) const SUITES_AT_ONCE: u8 = 2;

/// What the steps share: where things are, and the PostgreSQL server while the tests run.
pub(crate) struct Session<'a> {
    options: &'a Options,
    pub(super) root: PathBuf,
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
            report.preparation("system packages", || {
                if e2e {
                    machine::install_headless_browser();
                }
                machine::install(&packages)
            });
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
            npm::install(&self.root.join("tests/e2e"))
        });
        if packages.is_none() {
            report.skip(SUITES, "Node or the npm packages are missing");
            return;
        }
        if machine::chromium().is_none() {
            report.skip(SUITES, "there is no browser");
            return;
        }
        let python = report.preparation("Python packages", || {
            let requirements = self.root.join("tests/e2e/python/requirements.txt");
            Environment::make(&self.root, &self.target()?, "e2e-python", &requirements)
        });
        let Some(python) = python else {
            report.skip(SUITES, "the Python packages are missing");
            return;
        };
        let built = report.step("build the server", || {
            let mut build = self.cargo();
            build.args(["build", "--workspace", "--bin", "valetkey", "--locked"]);
            if self.options.wants(Part::Rust) {
                // With the features that tests switch on it is the one they were run with.
                build.arg("--tests");
            }
            process::run(&mut build)
        });
        if !built {
            report.skip(SUITES, "the server was not built");
            return;
        }
        report.step("scripts of pages (tsc)", || {
            let folder = self.root.join("tests/e2e");
            process::run(process::command("npx", &folder).args([
                "--no-install",
                "tsc",
                "-p",
                "jsconfig.json",
            ]))
        });
        self.build_sdks(report);
        let app = report.preparation("packages of the example app", || {
            npm::install(&self.root.join("examples/app"))
        });
        if app.is_none() {
            report.skip(SUITES, "the example app has not got its packages");
            return;
        }
        if !self.options.suite.is_empty() {
            report.tests(SUITES, |count| self.suites(count, &python));
            return;
        }
        // Both wait more than they work. Their lines are mixed; the table tells them apart.
        let mut beside = report.beside();
        std::thread::scope(|scope| {
            scope.spawn(|| self.sdks(&mut beside));
            report.tests(SUITES, |count| self.suites(count, &python));
        });
        report.take(beside);
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
        self.with_server(&mut command, machine::headless_chromium())?;
        command
            .env("VALETKEY_TEST_PYTHON", python.interpreter())
            .args(["--test", "--test-reporter=spec"])
            .arg(format!("--test-concurrency={SUITES_AT_ONCE}"))
            .arg(format!("--test-timeout={SUITE_TIMEOUT_MS}"))
            .args(&files);
        process::run_lines(&mut command, |line| count.read_line(line))
    }

    /// Names the built server, and a browser, to tests.
    pub(super) fn with_server(
        &self,
        command: &mut Command,
        browser: Option<PathBuf>,
    ) -> Result<()> {
        command.env("VALETKEY_BIN", self.target()?.join("debug/valetkey"));
        if let Some(browser) = browser {
            command.env("VALETKEY_TEST_CHROMIUM", browser);
        }
        Ok(())
    }

    /// The folder cargo builds into.
    pub(super) fn target(&self) -> Result<PathBuf> {
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
