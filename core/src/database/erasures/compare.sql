WITH unfinished AS MATERIALIZED (
    SELECT unnest(array_remove(ARRAY[device, former_id], NULL)) AS id
    FROM heartbeat.erasures
    WHERE finished_at IS NULL
), erased AS MATERIALIZED (
    SELECT device AS id FROM heartbeat.erasures
    UNION ALL
    SELECT former_id FROM heartbeat.erasures WHERE former_id IS NOT NULL
), deleted AS MATERIALIZED (
    -- Devices with beats among those that retention has deleted.
    SELECT device, first_beat, last_deleted_beat, max(last_deleted_beat) OVER () AS last_beat_of_all
    FROM heartbeat.rolled_devices
    WHERE last_deleted_beat IS NOT NULL AND device NOT IN (SELECT id FROM unfinished)
), away AS (
    -- When each of them did not beat, as far as the last of these beats.
    SELECT device, range_agg(tstzrange(started_at, ended_at, '()')) AS times
    FROM (
        SELECT deleted.device, absence.started_at, LEAST(absence.ended_at, deleted.last_beat_of_all) AS ended_at
        FROM deleted JOIN heartbeat.device_absences AS absence USING (device)
        UNION ALL
        SELECT device, '-infinity', first_beat FROM deleted
        UNION ALL
        SELECT device, last_deleted_beat, last_beat_of_all FROM deleted
    ) AS absence
    WHERE started_at < ended_at
    GROUP BY device
), deleted_gap AS MATERIALIZED (
    SELECT
        (
            SELECT min(device) FROM (
                SELECT device FROM heartbeat.device_absences WHERE ended_at = upper(absent)
                UNION ALL
                SELECT device FROM deleted WHERE first_beat = upper(absent) OR last_deleted_beat = upper(absent)
            ) AS beat
            WHERE device IN (SELECT device FROM deleted)
        ) AS ended_by,
        lower(absent) AS started_at,
        upper(absent) AS ended_at
    FROM (SELECT unnest(range_intersect_agg(times)) AS absent FROM away) AS common
    WHERE isfinite(lower(absent)) AND upper(absent) - lower(absent) > make_interval(secs => $1)
), gap AS (
    SELECT
        device AS ended_by,
        COALESCE(
            lag(time_stamp) OVER (ORDER BY time_stamp, device),
            (SELECT max(last_beat_of_all) FROM deleted)
        ) AS started_at,
        time_stamp AS ended_at
    FROM heartbeat.beats
    WHERE device <> ALL (ARRAY(SELECT id FROM unfinished))
      AND time_stamp BETWEEN (SELECT GREATEST('epoch', retained_from) FROM heartbeat.roll_up) AND (SELECT clock_timestamp())
    UNION ALL
    SELECT ended_by, started_at, ended_at FROM deleted_gap
), summary AS MATERIALIZED (
    SELECT
        max(ended_at - started_at) AS longest,
        max(ended_at) AS last_beat,
        array_agg(ended_by) FILTER (WHERE ended_at - started_at > make_interval(secs => $1)) AS ended_by,
        array_agg(started_at) FILTER (WHERE ended_at - started_at > make_interval(secs => $1)) AS started_at,
        array_agg(ended_at) FILTER (WHERE ended_at - started_at > make_interval(secs => $1)) AS ended_at
    FROM gap
), absence AS MATERIALIZED (
    SELECT actual.ended_by, actual.started_at, actual.ended_at
    FROM summary, unnest(summary.ended_by, summary.started_at, summary.ended_at)
        AS actual (ended_by, started_at, ended_at)
), right_one AS MATERIALIZED (
    SELECT id, started_at, ended_at
    FROM heartbeat.absences
    WHERE (started_at, ended_at) IN (SELECT started_at, ended_at FROM absence)
      AND ended_by NOT IN (SELECT id FROM erased)
), missing AS MATERIALIZED (
    SELECT ended_by, started_at, ended_at
    FROM absence
    WHERE (started_at, ended_at) NOT IN (SELECT started_at, ended_at FROM right_one)
    ORDER BY ended_at
)
SELECT
    COALESCE((extract(epoch FROM summary.longest) * 1000000)::bigint, 0) AS "longest!",
    (extract(epoch FROM GREATEST(LEAST(stats.longest_absence, interval '9999 years'), interval '0')) * 1000000)::bigint AS "stored_longest!",
    summary.last_beat,
    ARRAY(SELECT id FROM heartbeat.absences WHERE id NOT IN (SELECT id FROM right_one)) AS "wrong!",
    ARRAY(SELECT ended_by FROM missing) AS "ended_by!",
    ARRAY(SELECT started_at FROM missing) AS "started_at!",
    ARRAY(SELECT ended_at FROM missing) AS "ended_at!"
FROM summary, heartbeat.stats
