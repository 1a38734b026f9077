WITH message AS (
    SELECT *
    FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::jsonb[], $6::text[], $7::integer[])
        WITH ORDINALITY AS message (firing, channel, key, event, payload, kind, repetition, number)
), replaced AS (
    DELETE FROM heartbeat.outbox
    WHERE id IN (
        SELECT outbox.id
        FROM message
        JOIN heartbeat.outbox ON outbox.firing = message.firing AND outbox.channel = message.key
        WHERE outbox.dead_at IS NULL
        -- What a dispatcher has locked is being sent, or has been: it deletes that itself.
        FOR UPDATE OF outbox SKIP LOCKED
    )
    RETURNING id, attempted_at
), earlier AS (
    SELECT
        told.firing,
        told.channel,
        told.repetition,
        told.earlier,
        told.event,
        told.reported_at,
        told.failed_at,
        told.withdrawn_at IS NOT NULL
            OR told.event IN (SELECT id FROM replaced WHERE attempted_at IS NULL) AS is_withdrawn
    FROM message
    JOIN heartbeat.alert_notifications AS told
        ON told.firing = message.firing
        AND told.channel = message.channel
        AND told.kind = message.kind
        AND told.repetition < message.repetition
), last_told AS (
    SELECT DISTINCT ON (firing, channel) firing, channel, repetition, earlier
    FROM earlier
    WHERE NOT is_withdrawn
    ORDER BY firing, channel, repetition DESC
), last_heard AS (
    -- Whether a channel may have heard of the absence decides whether it is told of the end.
    SELECT firing, channel, max(repetition) AS repetition
    FROM earlier
    WHERE NOT is_withdrawn AND failed_at IS NULL
    GROUP BY firing, channel
), last_reported AS (
    SELECT firing, channel, max(repetition) AS repetition
    FROM earlier
    WHERE reported_at IS NOT NULL
    GROUP BY firing, channel
), superseded AS (
    SELECT firing, channel, repetition, event
    FROM earlier
    WHERE (firing, channel, repetition) NOT IN (
        SELECT firing, channel, repetition FROM last_told
        UNION ALL
        SELECT firing, channel, repetition FROM last_heard
        UNION ALL
        SELECT firing, channel, repetition FROM last_reported
    )
      -- A dead letter can be sent again, unless it is known to be older than what was told since.
      AND NOT EXISTS (SELECT FROM heartbeat.outbox WHERE id = earlier.event AND dead_at IS NOT NULL)
), deleted AS (
    DELETE FROM heartbeat.alert_notifications AS told
    USING superseded
    WHERE told.firing = superseded.firing
      AND told.channel = superseded.channel
      AND told.kind = 'repeated'
      AND told.repetition = superseded.repetition
), withdrawn AS (
    UPDATE heartbeat.alert_notifications
    SET withdrawn_at = $8
    FROM replaced
    WHERE alert_notifications.event = replaced.id
      AND replaced.attempted_at IS NULL
      AND replaced.id NOT IN (SELECT event FROM superseded)
), queued AS (
    INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload, firing)
    SELECT key, event, $8, payload, firing FROM message ORDER BY number
    RETURNING id, channel, firing
)
-- What was taken back may be told again.
INSERT INTO heartbeat.alert_notifications (firing, channel, kind, repetition, earlier, event, queued_at)
SELECT
    message.firing,
    message.channel,
    message.kind,
    message.repetition,
    COALESCE(last_told.earlier + 1, 0),
    queued.id,
    $8
FROM queued
JOIN message ON message.firing = queued.firing AND message.key = queued.channel
LEFT JOIN last_told ON last_told.firing = message.firing AND last_told.channel = message.channel
ON CONFLICT (firing, channel, kind, repetition) DO UPDATE
SET earlier = EXCLUDED.earlier, event = EXCLUDED.event, queued_at = EXCLUDED.queued_at, sent_at = NULL,
    withdrawn_at = NULL, failed_at = NULL, reported_at = NULL
