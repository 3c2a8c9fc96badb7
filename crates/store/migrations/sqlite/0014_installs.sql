-- Installations that began at the provider, until the app claims them.

-- Integrations that take them, so that a callback without a state finds the one it is for.
CREATE TABLE install_takers (
    integration_id INTEGER PRIMARY KEY
) STRICT;

CREATE TABLE installs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    install_id TEXT NOT NULL UNIQUE,
    environment_id INTEGER NOT NULL REFERENCES environments (id),
    integration_id INTEGER NOT NULL,
    -- A hash of what tells the installation from others of the integration.
    identity TEXT NOT NULL,
    source TEXT NOT NULL,
    label TEXT,
    installed_by TEXT,
    external_id TEXT,
    -- Credentials and configuration; NULL while the code of an installation is being exchanged.
    content_sealed BLOB,
    -- Hash of the token that its claim page was opened with, until that is exchanged.
    claim_hash TEXT UNIQUE,
    claim_expires_at INTEGER,
    -- When the app is to be told, and when it was.
    tell_at INTEGER NOT NULL,
    told_at INTEGER,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    UNIQUE (integration_id, identity)
) STRICT;
CREATE INDEX installs_of_environment ON installs (environment_id, id);
CREATE INDEX installs_to_tell ON installs (tell_at) WHERE told_at IS NULL;
CREATE INDEX installs_expiry ON installs (expires_at);
