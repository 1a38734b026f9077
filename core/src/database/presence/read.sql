SELECT
    day - date '1970-01-01' AS "day!",
    NULL::integer AS minute,
    minutes AS "minutes!",
    beats AS "beats!"
FROM heartbeat.presence
WHERE device = $1 AND day BETWEEN $2 AND $3
UNION ALL
SELECT recent.minute / 1440, recent.minute, '{}', ARRAY[recent.beats]
FROM heartbeat.roll_up AS rolled
-- That it depends on the row keeps PostgreSQL from starting workers for a handful of beats.
CROSS JOIN LATERAL (
    SELECT floor(extract(epoch FROM beats.time_stamp) / 60)::integer AS minute, count(*)::integer AS beats
    FROM heartbeat.beats
    LEFT JOIN heartbeat.former_ids AS former ON former.former_id = beats.device
    JOIN heartbeat.devices AS device ON device.id = COALESCE(former.device, beats.device)
    WHERE beats.time_stamp > GREATEST(rolled.rolled_until, now() - make_interval(secs => $4))
      AND beats.time_stamp <= now()
      AND ($1::bigint = -1 OR device.id = $1)
      -- Of days before, no beat is looked at.
      AND $3 >= ((now() - make_interval(secs => $4)) AT TIME ZONE 'UTC')::date
    GROUP BY 1
) AS recent
WHERE date '1970-01-01' + recent.minute / 1440 BETWEEN $2 AND $3
ORDER BY 1, 2 NULLS FIRST
