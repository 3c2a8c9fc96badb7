-- Logs that can be searched, filtered and counted without reading all of them.

-- Words of operations and their messages: rows are only added, and removed with the logs. The row
-- id is the instant at which the operation began, times 2^20, plus a number within that
-- millisecond, so that the newest matches come first and a period is a range. Words come split and
-- in small letters; the environment is one of them, `_<id>`.
CREATE VIRTUAL TABLE operation_texts USING fts5(
    words, operation_id UNINDEXED,
    content = '', contentless_delete = 1, contentless_unindexed = 1, detail = none,
    tokenize = "ascii tokenchars '_'"
);

CREATE INDEX operations_connection ON operations (environment_id, connection_id, created_at)
    WHERE connection_id IS NOT NULL;
CREATE INDEX operations_integration ON operations (environment_id, integration_key, created_at)
    WHERE integration_key IS NOT NULL;
CREATE INDEX operations_failed ON operations (environment_id, created_at) WHERE state = 'failed';

-- Operations per hour, counted by a job. `hour` is the instant at which it began.
CREATE TABLE operation_counts (
    environment_id INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    kind TEXT NOT NULL,
    action TEXT NOT NULL,
    state TEXT NOT NULL,
    integration_key TEXT NOT NULL,
    times INTEGER NOT NULL,
    PRIMARY KEY (environment_id, hour, kind, action, state, integration_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX operation_counts_hour ON operation_counts (hour);

CREATE INDEX connections_failing ON connections (environment_id, refresh_failed_at)
    WHERE deleted_at IS NULL AND refresh_error IS NOT NULL;
