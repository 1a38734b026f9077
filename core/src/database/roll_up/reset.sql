WITH roll_up AS (
    UPDATE heartbeat.roll_up SET rolled_until = '-infinity' RETURNING retained_from
), absence AS (
    DELETE FROM heartbeat.device_absences USING roll_up WHERE ended_at >= retained_from
), presence AS (
    DELETE FROM heartbeat.presence USING roll_up WHERE day >= (retained_from AT TIME ZONE 'UTC')::date
), device AS (
    DELETE FROM heartbeat.rolled_devices WHERE last_deleted_beat IS NULL
)
UPDATE heartbeat.rolled_devices SET last_beat = last_deleted_beat WHERE last_deleted_beat IS NOT NULL
