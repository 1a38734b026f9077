-- A statement of release 0.1.0, which programs of this release must leave room for.
WITH added AS (
    INSERT INTO heartbeat.devices (name, token_hash) VALUES ($1, $2) RETURNING id
), told AS (
    INSERT INTO heartbeat.events (receiver, kind, device, happened_at)
    SELECT receiver, 'device_added', id, $3 FROM added, unnest($4::text[]) AS receiver
)
SELECT id FROM added
