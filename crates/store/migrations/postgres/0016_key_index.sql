-- Of indexes that look as good, the planner takes the newest. While a table has no statistics all of
-- these do, and a read by key would scan an environment. So the index of keys is the newest.
DROP INDEX connections_key;
CREATE UNIQUE INDEX connections_key ON connections (environment_id, integration_id, connection_id)
    WHERE deleted_at IS NULL;
