WITH message AS (
    SELECT *
    FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::jsonb[], $6::text[], $7::integer[])
        WITH ORDINALITY AS message (firing, channel, key, event, payload, kind, repetition, number)
), replaced AS (
    DELETE FROM heartbeat.outbox
    USING message
    WHERE outbox.firing = message.firing AND outbox.channel = message.key AND outbox.dead_at IS NULL
    RETURNING outbox.id, outbox.attempted_at
), withdrawn AS (
    UPDATE heartbeat.alert_notifications
    SET withdrawn_at = $8
    FROM replaced
    WHERE alert_notifications.event = replaced.id AND replaced.attempted_at IS NULL
), queued AS (
    INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload, firing)
    SELECT key, event, $8, payload, firing FROM message ORDER BY number
    RETURNING id, channel, firing
)
-- What was taken back may be told again.
INSERT INTO heartbeat.alert_notifications (firing, channel, kind, repetition, event, queued_at)
SELECT message.firing, message.channel, message.kind, message.repetition, queued.id, $8
FROM queued
JOIN message ON message.firing = queued.firing AND message.key = queued.channel
ON CONFLICT (firing, channel, kind, repetition) DO UPDATE
SET event = EXCLUDED.event, queued_at = EXCLUDED.queued_at, sent_at = NULL, withdrawn_at = NULL, failed_at = NULL,
    reported_at = NULL
