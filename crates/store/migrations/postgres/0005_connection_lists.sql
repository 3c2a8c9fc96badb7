-- The dashboard's list of connections: by integration, those that fail, and by the beginning of an
-- id or of any tag's value. Beginnings are ranges, for which the order must be that of the bytes.

CREATE INDEX connections_of_integration ON connections (integration_id, created_at, id)
    WHERE deleted_at IS NULL;
CREATE INDEX connections_with_error ON connections (environment_id, created_at, id)
    WHERE deleted_at IS NULL AND refresh_error IS NOT NULL;
CREATE INDEX connections_by_id_bytes ON connections (environment_id, connection_id COLLATE "C")
    WHERE deleted_at IS NULL;
CREATE INDEX connection_tags_value ON connection_tags
    (environment_id, value COLLATE "C", connection_row);
