-- The first schema. Instants are milliseconds UTC, JSON is text, secrets are sealed bytes.

CREATE TABLE accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE members (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    email TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX members_email ON members (email);

-- The link that creates the owner, once.
CREATE TABLE owner_links (
    token_hash TEXT PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    expires_at INTEGER NOT NULL,
    used_at INTEGER
) STRICT;

CREATE TABLE environments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    uuid TEXT NOT NULL UNIQUE,
    is_production INTEGER NOT NULL,
    settings TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;
CREATE UNIQUE INDEX environments_name ON environments (account_id, name) WHERE deleted_at IS NULL;

CREATE TABLE environment_variables (
    environment_id INTEGER NOT NULL REFERENCES environments (id),
    name TEXT NOT NULL,
    value_sealed BLOB NOT NULL,
    PRIMARY KEY (environment_id, name)
) STRICT;

CREATE TABLE data_keys (
    id TEXT PRIMARY KEY,
    environment_id INTEGER NOT NULL REFERENCES environments (id),
    wrapped BLOB NOT NULL,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX data_keys_active ON data_keys (environment_id) WHERE state = 'active';

-- Keys that sign outgoing webhooks. A replaced key signs beside the new one until `expires_at`.
CREATE TABLE signing_keys (
    id TEXT PRIMARY KEY,
    environment_id INTEGER NOT NULL REFERENCES environments (id),
    key_sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT;
CREATE INDEX signing_keys_environment ON signing_keys (environment_id);

-- `environment_id` is null for an account key.
CREATE TABLE api_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    environment_id INTEGER REFERENCES environments (id),
    display_name TEXT NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    prefix TEXT NOT NULL,
    scopes TEXT NOT NULL,
    origin TEXT NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;
CREATE UNIQUE INDEX api_keys_name ON api_keys (account_id, COALESCE(environment_id, 0), display_name)
    WHERE revoked_at IS NULL;

CREATE TABLE integrations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    environment_id INTEGER NOT NULL REFERENCES environments (id),
    unique_key TEXT NOT NULL,
    provider TEXT NOT NULL,
    display_name TEXT,
    client_id TEXT,
    secrets_sealed BLOB,
    scopes TEXT NOT NULL,
    row_uuid TEXT NOT NULL,
    forward_webhooks INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;
CREATE UNIQUE INDEX integrations_key ON integrations (environment_id, unique_key)
    WHERE deleted_at IS NULL;

CREATE TABLE connections (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    environment_id INTEGER NOT NULL REFERENCES environments (id),
    integration_id INTEGER NOT NULL REFERENCES integrations (id),
    connection_id TEXT NOT NULL,
    row_uuid TEXT NOT NULL,
    credentials_sealed BLOB NOT NULL,
    config_sealed BLOB NOT NULL,
    metadata TEXT,
    tags TEXT NOT NULL,
    end_user TEXT,
    end_user_id TEXT,
    end_user_organization_id TEXT,
    search_text TEXT NOT NULL,
    webhook_url_override TEXT,
    generation INTEGER NOT NULL,
    expires_at INTEGER,
    refresh_due_at INTEGER,
    lease_owner TEXT,
    lease_until INTEGER,
    refresh_failures INTEGER NOT NULL,
    refresh_failed_at INTEGER,
    refresh_retry_at INTEGER,
    refresh_exhausted INTEGER NOT NULL,
    refresh_error TEXT,
    refreshed_at INTEGER,
    last_fetched_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;
CREATE UNIQUE INDEX connections_key ON connections (environment_id, integration_id, connection_id)
    WHERE deleted_at IS NULL;
CREATE INDEX connections_recent ON connections (environment_id, created_at, id)
    WHERE deleted_at IS NULL;
CREATE INDEX connections_by_id ON connections (environment_id, connection_id)
    WHERE deleted_at IS NULL;
CREATE INDEX connections_end_user ON connections (environment_id, end_user_id)
    WHERE deleted_at IS NULL AND end_user_id IS NOT NULL;
CREATE INDEX connections_refresh_due ON connections (refresh_due_at)
    WHERE deleted_at IS NULL AND refresh_due_at IS NOT NULL;
CREATE INDEX connections_deleted ON connections (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE connection_tags (
    environment_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    connection_row INTEGER NOT NULL REFERENCES connections (id),
    PRIMARY KEY (environment_id, key, value, connection_row)
) STRICT;
CREATE INDEX connection_tags_row ON connection_tags (connection_row);

CREATE TABLE connect_sessions (
    id TEXT PRIMARY KEY,
    environment_id INTEGER NOT NULL REFERENCES environments (id),
    token_hash TEXT NOT NULL UNIQUE,
    payload_sealed BLOB NOT NULL,
    reconnect_row INTEGER REFERENCES connections (id),
    operation_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX connect_sessions_expiry ON connect_sessions (expires_at);
CREATE INDEX connect_sessions_reconnect ON connect_sessions (reconnect_row)
    WHERE reconnect_row IS NOT NULL;

-- One redirect flow under way. The row is found by a hash of the state, and consumed once.
CREATE TABLE oauth_states (
    state_hash TEXT PRIMARY KEY,
    environment_id INTEGER NOT NULL REFERENCES environments (id),
    integration_id INTEGER NOT NULL REFERENCES integrations (id),
    connect_session_id TEXT NOT NULL,
    browser_hash TEXT NOT NULL,
    payload_sealed BLOB NOT NULL,
    client_id TEXT,
    operation_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    consumed_at INTEGER,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX oauth_states_expiry ON oauth_states (expires_at);

-- How a browser flow ended, for the socket that waits for it: on any replica, or later by polling.
CREATE TABLE flow_results (
    client_id TEXT PRIMARY KEY,
    result TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX flow_results_created ON flow_results (created_at);

CREATE TABLE operations (
    id TEXT PRIMARY KEY,
    environment_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    action TEXT NOT NULL,
    state TEXT NOT NULL,
    title TEXT NOT NULL,
    integration_key TEXT,
    provider TEXT,
    connection_row INTEGER,
    connection_id TEXT,
    error TEXT,
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    expires_at INTEGER
) STRICT;
CREATE INDEX operations_recent ON operations (environment_id, created_at);
CREATE INDEX operations_expiry ON operations (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX operations_created ON operations (created_at);

CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    operation_id TEXT NOT NULL,
    level TEXT NOT NULL,
    message TEXT NOT NULL,
    detail TEXT,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX messages_operation ON messages (operation_id, id);
CREATE INDEX messages_created ON messages (created_at);

-- The outbox: an event is written in the transaction of the change it tells of.
CREATE TABLE events (
    id TEXT PRIMARY KEY,
    environment_id INTEGER NOT NULL REFERENCES environments (id),
    connection_row INTEGER,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX events_recent ON events (environment_id, created_at, id);
CREATE INDEX events_created ON events (created_at);

-- `destination` is the origin of `url`: what one breaker watches and one limit bounds.
CREATE TABLE deliveries (
    id TEXT PRIMARY KEY,
    event_id TEXT NOT NULL REFERENCES events (id),
    environment_id INTEGER NOT NULL,
    url TEXT NOT NULL,
    destination TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_at INTEGER NOT NULL,
    lease_until INTEGER,
    last_status INTEGER,
    last_error TEXT,
    created_at INTEGER NOT NULL,
    ended_at INTEGER
) STRICT;
CREATE INDEX deliveries_due ON deliveries (next_attempt_at) WHERE state = 'pending';
CREATE INDEX deliveries_event ON deliveries (event_id);
CREATE INDEX deliveries_environment ON deliveries (environment_id, state, created_at);
CREATE INDEX deliveries_created ON deliveries (created_at);

CREATE TABLE delivery_attempts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery_id TEXT NOT NULL REFERENCES deliveries (id),
    started_at INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    status INTEGER,
    error TEXT,
    response_excerpt TEXT
) STRICT;
CREATE INDEX delivery_attempts_delivery ON delivery_attempts (delivery_id, id);

CREATE TABLE breakers (
    destination TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    open_until INTEGER NOT NULL
) STRICT;

-- Who did or read what. Each server process writes a chain of its own: `hash` covers the row and
-- the hash before it, so a removed or changed row shows.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    chain TEXT NOT NULL,
    position INTEGER NOT NULL,
    environment_id INTEGER,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    times INTEGER NOT NULL,
    at INTEGER NOT NULL,
    previous_hash TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX audit_chain ON audit (chain, position);
CREATE INDEX audit_recent ON audit (environment_id, at);
