WITH stored AS (
    SELECT
        id,
        audience,
        'channel:' || id AS key,
        settings <> COALESCE($3, settings) AS is_changed,
        settings - $7::text[] <> COALESCE($3, settings) - $7::text[] AS is_moved
    FROM heartbeat.channels
    WHERE id = $1
    FOR UPDATE
), updated AS (
    UPDATE heartbeat.channels
    SET
        name = COALESCE($2, name),
        settings = COALESCE($3, settings),
        events = COALESCE($4, events),
        -- A chat that the owner names need not be found.
        start_code = CASE WHEN $3::jsonb ? 'chat_id' THEN NULL ELSE COALESCE($6, start_code) END,
        start_code_at = now(),
        confirmed_at = CASE WHEN NOT is_moved THEN confirmed_at END,
        address_version = address_version + is_moved::integer
    FROM stored
    WHERE channels.id = stored.id
), enabled AS (
    DELETE FROM heartbeat.disabled_channels
    USING stored
    WHERE channel = stored.key AND ($5 OR is_changed)
), outdated AS (
    DELETE FROM heartbeat.outbox
    USING stored
    WHERE is_moved AND channel = stored.key AND dead_at IS NULL AND (kind = 'channel.confirm' OR firing IS NOT NULL)
), asked AS (
    INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload)
    SELECT key, 'channel.confirm', now(), '{}' FROM stored WHERE is_moved AND audience = 'friend'
), forgotten AS (
    -- What the earlier reader was told: the new one is told anew.
    UPDATE heartbeat.alert_notifications
    SET withdrawn_at = now()
    FROM stored, heartbeat.alert_firings AS firing
    WHERE is_moved
      AND alert_notifications.channel = stored.id
      AND alert_notifications.withdrawn_at IS NULL
      AND firing.id = alert_notifications.firing
      AND firing.resolved_at IS NULL
)
SELECT id FROM stored
