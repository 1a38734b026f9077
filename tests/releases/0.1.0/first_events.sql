-- A statement of release 0.1.0, which programs of this release must leave room for.
SELECT event.id, event.kind, event.happened_at, event.since, device.name AS "name"
FROM heartbeat.events AS event LEFT JOIN heartbeat.devices AS device ON device.id = event.device
WHERE event.receiver = $1
ORDER BY event.id
LIMIT $2
