-- Whether an authenticator may copy a passkey elsewhere, and whether it did (WebAuthn, section 6.1.3).
ALTER TABLE passkeys ADD COLUMN is_syncable BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE passkeys ADD COLUMN is_synced BOOLEAN NOT NULL DEFAULT FALSE;
