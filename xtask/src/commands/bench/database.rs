//! PostgreSQL for the bench: the throw-away cluster, told to be as durable as a real one.

use std::process::Command;

use anyhow::{Context, Result};

use crate::{
    machine::{self, Package},
    postgres::Cluster,
    process,
};

/// The cluster of the tests skips what makes a commit survive a power cut. A measurement must not.
const DURABLE: [&str; 4] = [
    "ALTER SYSTEM SET fsync = on",
    "ALTER SYSTEM SET full_page_writes = on",
    "ALTER SYSTEM SET synchronous_commit = on",
    "SELECT pg_reload_conf()",
];

/// A running cluster that makes databases.
pub(super) struct Databases {
    cluster: Cluster,
}

impl Databases {
    /// Install PostgreSQL if need be, and start a cluster.
    pub(super) fn start() -> Result<Self> {
        machine::install(&[Package::Postgresql])?;
        let databases = Self { cluster: Cluster::start()? };
        for statement in DURABLE {
            databases.sql(statement)?;
        }
        Ok(databases)
    }

    /// Create a database and return its URL.
    pub(super) fn create(&self, name: &str) -> Result<String> {
        self.sql(&format!("CREATE DATABASE {name}"))?;
        let maintenance = self.cluster.url();
        let server = maintenance
            .strip_suffix("/postgres")
            .context("the cluster's URL does not end in its maintenance database")?;
        Ok(format!("{server}/{name}"))
    }

    fn sql(&self, statement: &str) -> Result<()> {
        let bin = machine::postgres_bin_dir().context("PostgreSQL's programs were not found")?;
        process::capture(
            Command::new(bin.join("psql"))
                .args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"])
                .args(["--dbname", &self.cluster.url(), "--command", statement]),
        )
        .map(|_| ())
        .with_context(|| format!("`{statement}`"))
    }
}
