-- Keys for some calls through the proxy and nothing else, for a time.

CREATE TABLE proxy_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    environment_id INTEGER NOT NULL REFERENCES environments (id),
    token_hash TEXT NOT NULL UNIQUE,
    made_by TEXT NOT NULL,
    rules TEXT NOT NULL,
    calls_left INTEGER,
    expires_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX proxy_keys_of_environment ON proxy_keys (environment_id, id);
CREATE INDEX proxy_keys_expiry ON proxy_keys (expires_at);
