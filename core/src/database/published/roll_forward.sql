WITH since AS MATERIALIZED (
    SELECT COALESCE(former.device, beat.device) AS device, count(*) AS beats, min(beat.time_stamp) AS first_beat
    FROM heartbeat.beats AS beat
    LEFT JOIN heartbeat.former_ids AS former ON former.former_id = beat.device
    WHERE beat.time_stamp >= $2::timestamptz
    GROUP BY 1
), before AS MATERIALIZED (
    SELECT COALESCE(former.device, beat.device) AS device, max(beat.time_stamp) AS last_beat
    FROM heartbeat.beats AS beat
    LEFT JOIN heartbeat.former_ids AS former ON former.former_id = beat.device
    WHERE beat.time_stamp >= $1::timestamptz - make_interval(secs => $3) AND beat.time_stamp < $2
    GROUP BY 1
), figures AS MATERIALIZED (
    SELECT
        device.id,
        device.name,
        device.visibility = 'public' AND device.archived_at IS NULL AS is_public,
        GREATEST(device.num_beats - COALESCE(since.beats, 0), 0) AS num_beats,
        CASE
            WHEN device.last_beat BETWEEN 'epoch' AND $2::timestamptz - interval '1 microsecond' THEN device.last_beat
            ELSE COALESCE(before.last_beat, published.last_beat)
        END AS last_beat
    FROM heartbeat.devices AS device
    LEFT JOIN since ON since.device = device.id
    LEFT JOIN before ON before.device = device.id
    LEFT JOIN heartbeat.published_devices AS published ON published.device = device.id
    WHERE device.created_at IS NULL OR device.created_at < $2
), rolled AS (
    UPDATE heartbeat.published_stats AS published
    SET as_of = $2,
        visits = stats.total_visits,
        longest_absence = CASE
            WHEN stats.longest_absence > GREATEST(
                (SELECT min(first_beat) FROM since) - (SELECT max(last_beat) FROM figures),
                clock_timestamp() - $2
            )
            THEN LEAST(stats.longest_absence, interval '9999 years')
            ELSE GREATEST(
                published.longest_absence,
                (
                    SELECT max(gap)
                    FROM (
                        SELECT beat_at - lag(beat_at) OVER (ORDER BY beat_at) AS gap
                        FROM (
                            SELECT time_stamp AS beat_at
                            FROM heartbeat.beats
                            WHERE time_stamp >= $1::timestamptz - make_interval(secs => $3) AND time_stamp < $2
                            UNION ALL
                            SELECT max(last_beat) FROM heartbeat.published_devices
                        ) AS beat
                        WHERE beat_at IS NOT NULL
                    ) AS absence
                ),
                interval '0'
            )
        END
    FROM heartbeat.stats
    WHERE published.as_of = $1
    RETURNING published.as_of
)
INSERT INTO heartbeat.published_devices (device, name, is_public, num_beats, last_beat)
SELECT figures.id, figures.name, figures.is_public, figures.num_beats, figures.last_beat
FROM rolled, figures
ON CONFLICT (device) DO UPDATE
SET name = EXCLUDED.name,
    is_public = EXCLUDED.is_public,
    num_beats = EXCLUDED.num_beats,
    last_beat = EXCLUDED.last_beat
RETURNING device
