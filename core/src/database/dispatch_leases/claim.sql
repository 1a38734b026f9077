INSERT INTO heartbeat.dispatch_leases AS lease (channel, settings_hash, holder, held_until)
SELECT $1, $2, $3, now() + make_interval(secs => $4)
WHERE NOT EXISTS (
    SELECT FROM heartbeat.disabled_channels WHERE channel = $1 AND settings_hash = $2
)
ON CONFLICT (channel) DO UPDATE
SET holder = excluded.holder,
    held_until = excluded.held_until,
    settings_hash = excluded.settings_hash,
    attempts = CASE WHEN lease.settings_hash = excluded.settings_hash THEN lease.attempts ELSE 0 END,
    denials = CASE WHEN lease.settings_hash = excluded.settings_hash THEN lease.denials ELSE 0 END,
    due_at = CASE
        WHEN lease.settings_hash = excluded.settings_hash THEN lease.due_at
        ELSE '-infinity'
    END
WHERE (
    lease.holder = excluded.holder
    OR lease.held_until NOT BETWEEN now() AND now() + interval '2 hours'
)
AND (
    lease.settings_hash IS DISTINCT FROM excluded.settings_hash
    OR lease.due_at <= now()
    OR lease.due_at > now() + interval '26 hours'
)
RETURNING attempts, denials
