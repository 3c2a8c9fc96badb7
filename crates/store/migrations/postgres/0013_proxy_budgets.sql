-- Budgets of calls through the proxy, which all processes draw from.

CREATE TABLE proxy_budgets (
    scope TEXT NOT NULL,
    row_id BIGINT NOT NULL,
    filled BIGINT NOT NULL,
    filled_at BIGINT NOT NULL,
    PRIMARY KEY (scope, row_id)
);
CREATE INDEX proxy_budgets_age ON proxy_budgets (filled_at);
