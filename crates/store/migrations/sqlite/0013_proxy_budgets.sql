-- Budgets of calls through the proxy, which all processes draw from.

CREATE TABLE proxy_budgets (
    scope TEXT NOT NULL,
    row_id INTEGER NOT NULL,
    filled INTEGER NOT NULL,
    filled_at INTEGER NOT NULL,
    PRIMARY KEY (scope, row_id)
) STRICT;
CREATE INDEX proxy_budgets_age ON proxy_budgets (filled_at);
