-- What the dashboard needs to stay fast with a million connections and millions of operations.

CREATE INDEX connections_with_error_of ON connections (integration_id, created_at, id)
    WHERE deleted_at IS NULL AND refresh_error IS NOT NULL;

-- Operations per day, summed from those per hour: what charts are drawn from. Days since 1970, UTC.
CREATE TABLE operation_days (
    environment_id INTEGER NOT NULL,
    day INTEGER NOT NULL,
    kind TEXT NOT NULL,
    action TEXT NOT NULL,
    state TEXT NOT NULL,
    integration_key TEXT NOT NULL,
    times INTEGER NOT NULL,
    PRIMARY KEY (environment_id, day, kind, action, state, integration_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX operation_days_day ON operation_days (day);
INSERT INTO operation_days
    SELECT environment_id, hour / 86400000, kind, action, state, integration_key, SUM(times)
    FROM operation_counts GROUP BY 1, 2, 3, 4, 5, 6;

-- The different words of the index, in their order; it stores nothing. The index itself would read
-- every row of a beginning before the first.
CREATE VIRTUAL TABLE operation_words USING fts5vocab('operation_texts', 'instance');
