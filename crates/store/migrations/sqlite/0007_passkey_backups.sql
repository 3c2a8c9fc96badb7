-- Whether an authenticator may copy a passkey elsewhere, and whether it did (WebAuthn, section 6.1.3).
ALTER TABLE passkeys ADD COLUMN is_syncable INTEGER NOT NULL DEFAULT 0;
ALTER TABLE passkeys ADD COLUMN is_synced INTEGER NOT NULL DEFAULT 0;
