//! What the tests need from the machine, and how it is brought there on Debian.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::process;

/// The oldest Node the suites run on.
const NODE_MAJOR_MIN: u32 = 20;
/// Chromium without windows: the package, and the program it brings.
const HEADLESS_PACKAGE: &str = "chromium-headless-shell";
const HEADLESS_BROWSER: &str = "/usr/bin/chromium-headless-shell";

/// A program of the distribution that the tests need.
#[derive(Clone, Copy)]
pub(crate) enum Package {
    Postgresql,
    Chromium,
    PythonVenv,
    /// Measured against.
    Nginx,
}

/// Where the package puts it; often not on a user's search path.
pub(crate) const NGINX: &str = "/usr/sbin/nginx";

impl Package {
    fn name(self) -> &'static str {
        match self {
            Self::Postgresql => "postgresql",
            Self::Chromium => "chromium",
            Self::PythonVenv => "python3-venv",
            Self::Nginx => "nginx-light",
        }
    }

    fn is_present(self) -> bool {
        match self {
            Self::Postgresql => postgres_bin_dir().is_some(),
            Self::Chromium => chromium().is_some(),
            Self::PythonVenv => has_python_venv(),
            Self::Nginx => Path::new(NGINX).is_file(),
        }
    }
}

/// Install the browser without windows, which drives pages in half the time of the whole one; a machine
/// where that cannot be done uses the whole one.
pub(crate) fn install_headless_browser() {
    if Path::new(HEADLESS_BROWSER).is_file() {
        return;
    }
    println!("  missing: {HEADLESS_PACKAGE}");
    if let Err(error) = apt_install(&[HEADLESS_PACKAGE]) {
        println!("  going on without it, slower: {error:#}");
    }
}

/// Install what is missing. The error says what to do by hand where this cannot be done here.
pub(crate) fn install(packages: &[Package]) -> Result<()> {
    let missing: Vec<&str> = packages
        .iter()
        .filter(|package| !package.is_present())
        .map(|package| package.name())
        .collect();
    if missing.is_empty() {
        println!("  present: {}", names(packages));
        return Ok(());
    }
    println!("  missing: {}", missing.join(" "));
    apt_install(&missing)?;
    match packages.iter().find(|package| !package.is_present()) {
        Some(package) => bail!("{} is installed but its programs were not found", package.name()),
        None => Ok(()),
    }
}

fn apt_install(packages: &[&str]) -> Result<()> {
    let by_hand = format!("install by hand: {}", packages.join(" "));
    if !process::on_path("apt-get") {
        bail!("there is no apt-get here; {by_hand}");
    }
    if !is_root() {
        bail!("installing packages needs root; {by_hand}");
    }
    let root = Path::new("/");
    println!("  apt-get update");
    process::run(process::command("apt-get", root).args(["update", "-q"]))?;
    println!("  apt-get install {}", packages.join(" "));
    process::run(
        process::command("apt-get", root)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(["install", "-q", "-y", "--no-install-recommends"])
            .args(packages),
    )
}

fn names(packages: &[Package]) -> String {
    packages.iter().map(|package| package.name()).collect::<Vec<_>>().join(", ")
}

/// Fail unless Node is here and new enough.
pub(crate) fn check_node() -> Result<()> {
    if !process::on_path("node") || !process::on_path("npm") {
        bail!("node and npm are not on the search path; install Node {NODE_MAJOR_MIN} or newer");
    }
    let version = process::capture(process::command("node", Path::new("/")).arg("--version"))?;
    let version = version.trim();
    let major: Option<u32> =
        version.trim_start_matches('v').split('.').next().and_then(|text| text.parse().ok());
    match major {
        Some(major) if major >= NODE_MAJOR_MIN => {
            println!("  node {version}");
            Ok(())
        }
        _ => bail!("node {version} is too old; the suites need {NODE_MAJOR_MIN} or newer"),
    }
}

/// The browser the suites drive: the one without windows, where it is.
pub(crate) fn headless_chromium() -> Option<PathBuf> {
    let headless = PathBuf::from(HEADLESS_BROWSER);
    if headless.is_file() { Some(headless) } else { chromium() }
}

/// The whole browser, for tests of what only it has, such as blocking popups.
pub(crate) fn chromium() -> Option<PathBuf> {
    ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
        .into_iter()
        .map(PathBuf::from)
        .find(|path| path.is_file())
}

/// Whether Python can make environments; Debian packs what it needs for that apart.
fn has_python_venv() -> bool {
    let mut probe = process::command("python3", Path::new("/"));
    process::capture(probe.args(["-c", "import ensurepip, venv"])).is_ok()
}

/// The folder with `initdb` and `pg_ctl`, the newest version when there are several.
pub(crate) fn postgres_bin_dir() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let major = entry.file_name().to_str()?.parse().ok()?;
            Some((major, entry.path().join("bin")))
        })
        .filter(|(_, bin)| bin.join("initdb").is_file())
        .collect();
    versions.sort();
    if let Some((_, bin)) = versions.pop() {
        return Some(bin);
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).find(|dir| dir.join("initdb").is_file())
}

/// Whether this process runs as root.
pub(crate) fn is_root() -> bool {
    process::capture(process::command("id", Path::new("/")).arg("-u"))
        .is_ok_and(|id| id.trim() == "0")
}
