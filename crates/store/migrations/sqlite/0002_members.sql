-- People sign in: second factors, sessions, invitations, and what was tried.

ALTER TABLE members ADD COLUMN name TEXT NOT NULL DEFAULT '';
-- Issuer and subject of an OpenID provider, with a space between.
ALTER TABLE members ADD COLUMN oidc_subject TEXT;
ALTER TABLE members ADD COLUMN totp_sealed BLOB;
-- The last time step whose code was taken, so that none is taken twice.
ALTER TABLE members ADD COLUMN totp_step INTEGER;
ALTER TABLE members ADD COLUMN removed_at INTEGER;
DROP INDEX members_email;
CREATE UNIQUE INDEX members_email ON members (email) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX members_oidc ON members (oidc_subject)
    WHERE removed_at IS NULL AND oidc_subject IS NOT NULL;

-- Codes for whoever lost the second factor; each works once.
CREATE TABLE recovery_codes (
    member_id INTEGER NOT NULL REFERENCES members (id),
    code_hash TEXT NOT NULL,
    PRIMARY KEY (member_id, code_hash)
) STRICT;

CREATE TABLE passkeys (
    id TEXT PRIMARY KEY,
    member_id INTEGER NOT NULL REFERENCES members (id),
    public_key BLOB NOT NULL,
    sign_count INTEGER NOT NULL,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT;
CREATE INDEX passkeys_member ON passkeys (member_id);

CREATE TABLE member_sessions (
    id TEXT PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    member_id INTEGER NOT NULL REFERENCES members (id),
    how TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    address TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX member_sessions_member ON member_sessions (member_id);
CREATE INDEX member_sessions_expiry ON member_sessions (expires_at);

-- What a browser has to bring back to go on: a second factor, a passkey, an OpenID provider.
CREATE TABLE sign_in_steps (
    token_hash TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    member_id INTEGER REFERENCES members (id),
    payload TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sign_in_steps_expiry ON sign_in_steps (expires_at);

-- Wrong guesses by what was guessed at: an e-mail address, or where it came from.
CREATE TABLE sign_in_failures (
    subject TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    locked_until INTEGER NOT NULL,
    failed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE invitations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    token_hash TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL,
    role TEXT NOT NULL,
    invited_by INTEGER NOT NULL REFERENCES members (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX invitations_email ON invitations (account_id, email);

-- Secrets of members belong to no environment: their data keys have environment 0.
CREATE TABLE data_keys_of_all (
    id TEXT PRIMARY KEY,
    environment_id INTEGER NOT NULL,
    wrapped BLOB NOT NULL,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
INSERT INTO data_keys_of_all SELECT id, environment_id, wrapped, state, created_at FROM data_keys;
DROP TABLE data_keys;
ALTER TABLE data_keys_of_all RENAME TO data_keys;
CREATE UNIQUE INDEX data_keys_active ON data_keys (environment_id) WHERE state = 'active';
