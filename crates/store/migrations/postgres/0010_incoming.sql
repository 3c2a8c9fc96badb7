-- Webhooks that providers send: which connection they are about, what came already, and in which
-- order they leave.

-- When what the integration's webhooks are matched with was last written to connection_lookups;
-- NULL when the connection has changed since.
ALTER TABLE connections ADD COLUMN lookups_at BIGINT;
CREATE INDEX connections_lookups_due ON connections (integration_id, id)
    WHERE lookups_at IS NULL AND deleted_at IS NULL;

-- Hashes of identifiers that a provider's webhooks name, by connection.
CREATE TABLE connection_lookups (
    integration_id BIGINT NOT NULL,
    hash TEXT NOT NULL,
    connection_row BIGINT NOT NULL,
    PRIMARY KEY (integration_id, hash, connection_row)
);
CREATE INDEX connection_lookups_connection ON connection_lookups (connection_row);

-- The rules that an integration's lookups were made by.
CREATE TABLE lookup_rules (
    integration_id BIGINT PRIMARY KEY,
    rules TEXT NOT NULL
);

-- What came, so that a repeat is known: hashes of delivery ids and of signed bodies.
CREATE TABLE incoming_webhooks (
    integration_id BIGINT NOT NULL,
    fingerprint TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (integration_id, fingerprint)
);
CREATE INDEX incoming_webhooks_expiry ON incoming_webhooks (expires_at);

-- The headers a relayed event came with, as JSON.
ALTER TABLE events ADD COLUMN headers TEXT;

-- Deliveries of one lane leave one after the other, by number.
ALTER TABLE deliveries ADD COLUMN lane TEXT;
ALTER TABLE deliveries ADD COLUMN lane_number BIGINT;
CREATE INDEX deliveries_lane ON deliveries (lane, lane_number) WHERE lane IS NOT NULL;
CREATE INDEX deliveries_lane_pending ON deliveries (lane, lane_number)
    WHERE lane IS NOT NULL AND state = 'pending';
