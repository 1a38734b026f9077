WITH beat AS MATERIALIZED (
    SELECT device.id AS device, beats.time_stamp
    FROM heartbeat.beats
    LEFT JOIN heartbeat.former_ids AS former ON former.former_id = beats.device
    JOIN heartbeat.devices AS device ON device.id = COALESCE(former.device, beats.device)
    WHERE beats.time_stamp > $1 AND beats.time_stamp <= $2
), absence AS (
    INSERT INTO heartbeat.device_absences (device, started_at, ended_at)
    SELECT device, started_at, ended_at
    FROM (
        SELECT
            beat.device,
            COALESCE(
                lag(beat.time_stamp) OVER (PARTITION BY beat.device ORDER BY beat.time_stamp),
                rolled.last_beat
            ) AS started_at,
            beat.time_stamp AS ended_at
        FROM beat
        LEFT JOIN heartbeat.rolled_devices AS rolled ON rolled.device = beat.device
    ) AS gap
    WHERE ended_at - started_at >= make_interval(secs => $3)
    ON CONFLICT DO NOTHING
), device AS (
    INSERT INTO heartbeat.rolled_devices (device, first_beat, last_beat)
    SELECT device, min(time_stamp), max(time_stamp) FROM beat GROUP BY device
    ON CONFLICT (device) DO UPDATE SET last_beat = EXCLUDED.last_beat
), rolled AS (
    UPDATE heartbeat.roll_up SET rolled_until = $2
)
SELECT count(*) AS "beats!" FROM beat
