-- How long requests to others took, per hour and per day, counted by a job like operations are.
-- `kind` is that of the operations; of `auth`, refreshes alone. `step` is the step of a fixed scale,
-- each twice as wide as the one before; see the module operation_durations.
CREATE TABLE operation_durations (
    environment_id BIGINT NOT NULL,
    hour BIGINT NOT NULL,
    kind TEXT NOT NULL,
    integration_key TEXT NOT NULL,
    step BIGINT NOT NULL,
    times BIGINT NOT NULL,
    PRIMARY KEY (environment_id, hour, kind, integration_key, step)
);
CREATE INDEX operation_durations_hour ON operation_durations (hour);

-- The same per day: what charts are drawn from. Days since 1970, UTC.
CREATE TABLE operation_duration_days (
    environment_id BIGINT NOT NULL,
    day BIGINT NOT NULL,
    kind TEXT NOT NULL,
    integration_key TEXT NOT NULL,
    step BIGINT NOT NULL,
    times BIGINT NOT NULL,
    PRIMARY KEY (environment_id, day, kind, integration_key, step)
);
CREATE INDEX operation_duration_days_day ON operation_duration_days (day);

-- Until when the token works that a refresh brought.
ALTER TABLE operations ADD COLUMN token_expires_at BIGINT;
