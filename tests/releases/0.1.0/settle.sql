-- A statement of release 0.1.0, which programs of this release must leave room for.
WITH settled AS (DELETE FROM heartbeat.events WHERE id = ANY ($2))
UPDATE heartbeat.receivers
SET attempts = 0, due_at = now() + make_interval(secs => $3)
WHERE name = $1
