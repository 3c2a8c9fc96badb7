-- Troubles that somebody was told of, until they are over.

CREATE TABLE alerts (
    environment_id BIGINT NOT NULL REFERENCES environments (id),
    subject TEXT NOT NULL,
    told_at BIGINT NOT NULL,
    PRIMARY KEY (environment_id, subject)
);
