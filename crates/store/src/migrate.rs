//! The schema's versions, embedded in the binary.

use std::borrow::Cow;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{PgPool, SqlSafeStr as _, SqlitePool};

use crate::error::Result;

struct Version {
    number: i64,
    what: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

/// Every version, oldest first. Forward only; a released one is never edited.
const VERSIONS: &[Version] = &[
    Version {
        number: 1,
        what: "init",
        sqlite: include_str!("../migrations/sqlite/0001_init.sql"),
        postgres: include_str!("../migrations/postgres/0001_init.sql"),
    },
    Version {
        number: 2,
        what: "members",
        sqlite: include_str!("../migrations/sqlite/0002_members.sql"),
        postgres: include_str!("../migrations/postgres/0002_members.sql"),
    },
    Version {
        number: 3,
        what: "operation_search",
        sqlite: include_str!("../migrations/sqlite/0003_operation_search.sql"),
        postgres: include_str!("../migrations/postgres/0003_operation_search.sql"),
    },
    Version {
        number: 4,
        what: "audit_filters",
        sqlite: include_str!("../migrations/sqlite/0004_audit_filters.sql"),
        postgres: include_str!("../migrations/postgres/0004_audit_filters.sql"),
    },
    Version {
        number: 5,
        what: "connection_lists",
        sqlite: include_str!("../migrations/sqlite/0005_connection_lists.sql"),
        postgres: include_str!("../migrations/postgres/0005_connection_lists.sql"),
    },
    Version {
        number: 6,
        what: "webhook_lists",
        sqlite: include_str!("../migrations/sqlite/0006_webhook_lists.sql"),
        postgres: include_str!("../migrations/postgres/0006_webhook_lists.sql"),
    },
    Version {
        number: 7,
        what: "passkey_backups",
        sqlite: include_str!("../migrations/sqlite/0007_passkey_backups.sql"),
        postgres: include_str!("../migrations/postgres/0007_passkey_backups.sql"),
    },
    Version {
        number: 8,
        what: "scale",
        sqlite: include_str!("../migrations/sqlite/0008_scale.sql"),
        postgres: include_str!("../migrations/postgres/0008_scale.sql"),
    },
    Version {
        number: 9,
        what: "alerts",
        sqlite: include_str!("../migrations/sqlite/0009_alerts.sql"),
        postgres: include_str!("../migrations/postgres/0009_alerts.sql"),
    },
    Version {
        number: 10,
        what: "incoming",
        sqlite: include_str!("../migrations/sqlite/0010_incoming.sql"),
        postgres: include_str!("../migrations/postgres/0010_incoming.sql"),
    },
    Version {
        number: 11,
        what: "proxy_keys",
        sqlite: include_str!("../migrations/sqlite/0011_proxy_keys.sql"),
        postgres: include_str!("../migrations/postgres/0011_proxy_keys.sql"),
    },
    Version {
        number: 12,
        what: "durations",
        sqlite: include_str!("../migrations/sqlite/0012_durations.sql"),
        postgres: include_str!("../migrations/postgres/0012_durations.sql"),
    },
    Version {
        number: 13,
        what: "proxy_budgets",
        sqlite: include_str!("../migrations/sqlite/0013_proxy_budgets.sql"),
        postgres: include_str!("../migrations/postgres/0013_proxy_budgets.sql"),
    },
    Version {
        number: 14,
        what: "installs",
        sqlite: include_str!("../migrations/sqlite/0014_installs.sql"),
        postgres: include_str!("../migrations/postgres/0014_installs.sql"),
    },
    Version {
        number: 15,
        what: "key_addresses",
        sqlite: include_str!("../migrations/sqlite/0015_key_addresses.sql"),
        postgres: include_str!("../migrations/postgres/0015_key_addresses.sql"),
    },
    Version {
        number: 16,
        what: "key_index",
        sqlite: include_str!("../migrations/sqlite/0016_key_index.sql"),
        postgres: include_str!("../migrations/postgres/0016_key_index.sql"),
    },
];

/// The number of the newest version this binary knows.
pub fn latest_version() -> i64 {
    VERSIONS.last().map_or(0, |version| version.number)
}

/// Number and name of every version.
pub fn versions() -> impl Iterator<Item = (i64, &'static str)> {
    VERSIONS.iter().map(|version| (version.number, version.what))
}

/// What every version does on PostgreSQL, as SQL.
pub fn postgres_migrations() -> impl Iterator<Item = &'static str> {
    VERSIONS.iter().map(|version| version.postgres)
}

fn migrator(text: fn(&Version) -> &'static str) -> Migrator {
    let migrations = VERSIONS.iter().map(|version| {
        Migration::new(
            version.number,
            Cow::Borrowed(version.what),
            MigrationType::Simple,
            text(version).into_sql_str(),
            false,
        )
    });
    Migrator::with_migrations(migrations.collect())
}

pub(crate) async fn sqlite(pool: &SqlitePool) -> Result<()> {
    Ok(migrator(|version| version.sqlite).run(pool).await?)
}

pub(crate) async fn postgres(pool: &PgPool) -> Result<()> {
    Ok(migrator(|version| version.postgres).run(pool).await?)
}
