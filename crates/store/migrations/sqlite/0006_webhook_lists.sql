-- The dashboard's lists of deliveries: the last of an environment, and those about a connection.

CREATE INDEX deliveries_recent ON deliveries (environment_id, created_at, id);
CREATE INDEX events_connection ON events (connection_row, created_at)
    WHERE connection_row IS NOT NULL;
