-- A statement of release 0.1.0, which programs of this release must leave room for.
INSERT INTO heartbeat.receivers AS receiver (name, holder, held_until)
VALUES ($1, $2, now() + make_interval(secs => $3))
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
WHERE (receiver.holder = $2 OR receiver.held_until <= now()) AND receiver.due_at <= now()
RETURNING attempts
