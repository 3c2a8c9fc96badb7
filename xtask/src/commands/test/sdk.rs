//! The client packages: each is built and tested as its users get it, against the built server.

use anyhow::Result;

use super::report::{Count, Report};
use super::steps::{SUITE_TIMEOUT_MS, SUITES_AT_ONCE, Session};
use crate::machine;
use crate::npm;
use crate::process;
use crate::python::Environment;

/// npm packages, in the order in which they need each other.
const NPM: &[(&str, &str)] =
    &[("sdk/js/frontend", "@valetkey/frontend"), ("sdk/js/node", "@valetkey/node")];
/// The Python package.
const PYTHON: &str = "sdk/python";

impl Session<'_> {
    /// Install and build the npm packages, which the example app needs, too.
    pub(super) fn build_sdks(&self, report: &mut Report) {
        report.step("build the npm packages", || {
            for (folder, _) in NPM {
                let folder = self.root.join(folder);
                npm::install(&folder)?;
                process::run(process::command("npm", &folder).args(["run", "--silent", "build"]))?;
            }
            Ok(())
        });
    }

    /// Test every client package, as it was built.
    pub(super) fn sdks(&self, report: &mut Report) {
        for (folder, name) in NPM {
            report.tests(name, |count| self.npm_package(folder, count));
        }
        report.tests("valetkey for Python", |count| self.python_package(count));
    }

    fn npm_package(&self, folder: &str, count: &mut Count) -> Result<()> {
        let folder = self.root.join(folder);
        let mut command = process::command("node", &folder);
        command
            .args(["--test", "--test-reporter=spec"])
            .arg(format!("--test-concurrency={SUITES_AT_ONCE}"))
            .arg(format!("--test-timeout={SUITE_TIMEOUT_MS}"))
            .args(npm::tests_in(&folder.join("test"))?);
        self.with_server(&mut command, machine::chromium())?;
        process::run_lines(&mut command, |line| count.read_line(line))
    }

    fn python_package(&self, count: &mut Count) -> Result<()> {
        let folder = self.root.join(PYTHON);
        let requirements = folder.join("requirements-dev.txt");
        let python = Environment::make(&self.root, &self.target()?, "sdk-python", &requirements)?;
        let mut command = process::command(python.interpreter(), &folder);
        command.args(["-m", "pytest", "-q"]);
        self.with_server(&mut command, machine::chromium())?;
        process::run_lines(&mut command, |line| count.read_line(line))
    }
}
