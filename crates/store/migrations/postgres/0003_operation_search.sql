-- Logs that can be searched, filtered and counted without reading all of them.

-- Words of operations and their messages: rows are only added, and removed with the logs.
-- `created_at` is when the operation began. Words come split and in small letters; the environment
-- is one of them, `_<id>`.
CREATE TABLE operation_texts (
    operation_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    words TSVECTOR NOT NULL
);
CREATE INDEX operation_texts_words ON operation_texts USING gin (words);
CREATE INDEX operation_texts_created ON operation_texts (created_at);

CREATE INDEX operations_connection ON operations (environment_id, connection_id, created_at)
    WHERE connection_id IS NOT NULL;
CREATE INDEX operations_integration ON operations (environment_id, integration_key, created_at)
    WHERE integration_key IS NOT NULL;
CREATE INDEX operations_failed ON operations (environment_id, created_at) WHERE state = 'failed';

-- Operations per hour, counted by a job. `hour` is the instant at which it began.
CREATE TABLE operation_counts (
    environment_id BIGINT NOT NULL,
    hour BIGINT NOT NULL,
    kind TEXT NOT NULL,
    action TEXT NOT NULL,
    state TEXT NOT NULL,
    integration_key TEXT NOT NULL,
    times BIGINT NOT NULL,
    PRIMARY KEY (environment_id, hour, kind, action, state, integration_key)
);
CREATE INDEX operation_counts_hour ON operation_counts (hour);

CREATE INDEX connections_failing ON connections (environment_id, refresh_failed_at)
    WHERE deleted_at IS NULL AND refresh_error IS NOT NULL;
