WITH old AS MATERIALIZED (
    SELECT
        id,
        channel,
        CASE
            WHEN failure IS NOT NULL THEN queued_at
            WHEN kind IN ('beat', 'absence.ended') AND EXISTS (
                SELECT FROM heartbeat.channels AS stored
                WHERE outbox.channel = 'channel:' || stored.id AND stored.audience <> 'owner'
            ) THEN LEAST(queued_at, happened_at) + interval '7 days'
            ELSE LEAST(queued_at, happened_at)
        END AS since
    FROM heartbeat.outbox
    WHERE dead_at IS NULL
      AND LEAST(queued_at, happened_at) < LEAST($1, now()) - make_interval(secs => $4)
      AND (kind = ANY ($2)) = $3
    ORDER BY LEAST(queued_at, happened_at)
    LIMIT $6
), dead AS (
    UPDATE heartbeat.outbox
    SET dead_at = now(), failure = COALESCE(failure, $7)
    WHERE dead_at IS NULL
      AND id IN (
          SELECT id FROM old
          WHERE since < LEAST($1, now()) - make_interval(secs => $4)
            AND channel IN (
                SELECT channel
                FROM old
                WHERE since < LEAST($1, now()) - make_interval(secs => $4) - make_interval(secs => $5)
            )
      )
    RETURNING id, channel, attempted_at
), failed AS (
    UPDATE heartbeat.alert_notifications
    SET failed_at = now()
    FROM dead
    WHERE event = dead.id AND dead.attempted_at IS NULL
)
SELECT channel, count(*) AS "events!" FROM dead GROUP BY channel ORDER BY channel
