-- The dashboard's list of connections: by integration, those that fail, and by the beginning of an
-- id or of any tag's value.

CREATE INDEX connections_of_integration ON connections (integration_id, created_at, id)
    WHERE deleted_at IS NULL;
CREATE INDEX connections_with_error ON connections (environment_id, created_at, id)
    WHERE deleted_at IS NULL AND refresh_error IS NOT NULL;
CREATE INDEX connection_tags_value ON connection_tags (environment_id, value, connection_row);
