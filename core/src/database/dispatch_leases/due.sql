SELECT
    known.channel AS "channel!",
    coalesce(
        extract(epoch FROM GREATEST(
            CASE
                WHEN lease.due_at BETWEEN clock_timestamp() AND clock_timestamp() + interval '26 hours'
                THEN lease.due_at
            END,
            CASE
                WHEN lease.held_until BETWEEN clock_timestamp() AND clock_timestamp() + interval '2 hours'
                THEN lease.held_until
            END
        ) - clock_timestamp()), 0
    )::float8 AS "seconds!"
FROM unnest($1::text[], $2::bytea[], $4::timestamptz[]) AS known (channel, settings_hash, visible_before)
LEFT JOIN heartbeat.dispatch_leases AS lease
    ON lease.channel = known.channel AND lease.settings_hash = known.settings_hash
WHERE EXISTS (
    SELECT FROM heartbeat.outbox
    WHERE outbox.channel = known.channel
      AND dead_at IS NULL
      AND kind = ANY ($3)
      AND (
          known.visible_before IS NULL
          OR kind NOT IN ('beat', 'absence.ended')
          OR happened_at < known.visible_before
      )
)
AND NOT EXISTS (
    SELECT FROM heartbeat.disabled_channels AS disabled
    WHERE disabled.channel = known.channel AND disabled.settings_hash = known.settings_hash
)
