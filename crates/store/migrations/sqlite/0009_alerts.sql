-- Troubles that somebody was told of, until they are over.

CREATE TABLE alerts (
    environment_id INTEGER NOT NULL REFERENCES environments (id),
    subject TEXT NOT NULL,
    told_at INTEGER NOT NULL,
    PRIMARY KEY (environment_id, subject)
) STRICT;
