WITH revived AS (
    UPDATE heartbeat.outbox AS event
    SET dead_at = NULL, queued_at = now(), failure = COALESCE(failure, 'unknown')
    WHERE dead_at IS NOT NULL
      AND (event.id = $1 OR event.channel = $2)
      AND NOT EXISTS (
          SELECT
          FROM heartbeat.alert_notifications AS told
          JOIN heartbeat.alert_notifications AS later
              ON later.firing = told.firing AND later.channel = told.channel AND later.event > told.event
          WHERE told.event = event.id
      )
      AND NOT EXISTS (
          SELECT FROM heartbeat.alert_firings AS firing
          WHERE firing.id = event.firing AND firing.ended_at IS NOT NULL AND event.kind = 'alert.fired'
      )
    RETURNING id
), told AS (
    UPDATE heartbeat.alert_notifications SET failed_at = NULL FROM revived WHERE event = revived.id
)
SELECT count(*) AS "events!" FROM revived
