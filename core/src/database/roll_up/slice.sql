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
), long_absence AS MATERIALIZED (
    SELECT ended_by, started_at, ended_at
    FROM (
        SELECT
            device AS ended_by,
            COALESCE(
                lag(time_stamp) OVER (ORDER BY time_stamp, device),
                (SELECT max(last_beat) FROM heartbeat.rolled_devices)
            ) AS started_at,
            time_stamp AS ended_at
        FROM beat
    ) AS gap
    WHERE ended_at - started_at > make_interval(secs => $4)
), wrong AS (
    -- Processes whose caches lag behind may have noted another start, or none where there was one.
    DELETE FROM heartbeat.absences
    WHERE ended_at > $1 AND ended_at <= $2
      AND (started_at, ended_at) NOT IN (SELECT started_at, ended_at FROM long_absence)
), missing AS (
    INSERT INTO heartbeat.absences (ended_by, started_at, ended_at)
    SELECT ended_by, started_at, ended_at
    FROM long_absence
    WHERE (started_at, ended_at) NOT IN (SELECT started_at, ended_at FROM heartbeat.absences)
    ORDER BY ended_at
), device AS (
    INSERT INTO heartbeat.rolled_devices (device, first_beat, last_beat)
    SELECT device, min(time_stamp), max(time_stamp) FROM beat GROUP BY device
    ON CONFLICT (device) DO UPDATE SET last_beat = EXCLUDED.last_beat
), minute AS (
    -- Minutes since 1970, of each device and of anybody.
    SELECT COALESCE(device, -1) AS device, minute, count(*) AS beats
    FROM (
        SELECT device, floor(extract(epoch FROM time_stamp) / 60)::integer AS minute FROM beat
    ) AS beat
    GROUP BY GROUPING SETS ((device, minute), (minute))
), quarter AS MATERIALIZED (
    SELECT
        device,
        minute / 1440 AS day,
        minute % 1440 / 15 AS number,
        bit_or(1 << minute % 15)::smallint AS minutes,
        LEAST(sum(beats), 2147483647)::integer AS beats
    FROM minute
    GROUP BY device, day, number
), presence AS (
    INSERT INTO heartbeat.presence AS rolled (device, day, minutes, beats)
    SELECT
        of_day.device,
        date '1970-01-01' + of_day.day,
        array_agg(COALESCE(quarter.minutes, 0::smallint) ORDER BY number),
        array_agg(COALESCE(quarter.beats, 0) ORDER BY number)
    FROM (SELECT DISTINCT device, day FROM quarter) AS of_day
    CROSS JOIN generate_series(0, 95) AS number
    LEFT JOIN quarter USING (device, day, number)
    GROUP BY of_day.device, of_day.day
    ON CONFLICT (device, day) DO UPDATE
    SET minutes = ARRAY(
            SELECT old | new
            FROM unnest(rolled.minutes, EXCLUDED.minutes) WITH ORDINALITY AS quarter (old, new, number)
            ORDER BY number
        ),
        beats = ARRAY(
            SELECT LEAST(old::bigint + new, 2147483647)::integer
            FROM unnest(rolled.beats, EXCLUDED.beats) WITH ORDINALITY AS quarter (old, new, number)
            ORDER BY number
        )
), rolled AS (
    UPDATE heartbeat.roll_up SET rolled_until = $2
)
SELECT count(*) AS "beats!" FROM beat
