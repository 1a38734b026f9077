WITH recognized AS (
    SELECT id, token_hash
    FROM heartbeat.devices
    WHERE token_hash = ANY ($1)
    ORDER BY id
    FOR NO KEY UPDATE
), accepted AS (
    SELECT recognized.id, beat.number
    FROM unnest($1::bytea[]) WITH ORDINALITY AS beat (token_hash, number)
    JOIN recognized USING (token_hash)
), inserted AS (
    INSERT INTO heartbeat.beats (device, time_stamp) SELECT id, now() FROM accepted
), counted AS (
    UPDATE heartbeat.devices AS device
    SET num_beats = LEAST(device.num_beats, 9007199254740991 - new.beats) + new.beats,
        last_beat = GREATEST(
            now(),
            CASE WHEN device.last_beat <= clock_timestamp() THEN device.last_beat END
        )
    FROM (SELECT id, count(*) AS beats FROM accepted GROUP BY id) AS new
    WHERE device.id = new.id
    RETURNING device.id, device.token_hash, device.num_beats, device.last_beat
), batch AS (
    SELECT (array_agg(id ORDER BY number))[1] AS first_device FROM accepted
), updated_stats AS (
    UPDATE heartbeat.stats
    -- All devices are looked at only here, at most once a second, and as of before this statement.
    SET (last_beat, silent_since, longest_absence) = (
        SELECT now(), previous.time, GREATEST(stats.longest_absence, now() - previous.time)
        FROM (
            SELECT CASE
                WHEN stats.last_beat IS NULL OR stats.last_beat BETWEEN 'epoch' AND clock_timestamp()
                THEN GREATEST(stats.last_beat, max(last_beat))
            END AS time
            FROM heartbeat.devices
            WHERE last_beat BETWEEN 'epoch' AND clock_timestamp()
        ) AS previous
    )
    FROM batch
    WHERE batch.first_device IS NOT NULL
      AND (
          stats.last_beat IS NULL
          OR now() >= stats.last_beat + interval '1 second'
          OR stats.last_beat > clock_timestamp()
      )
    RETURNING
        floor(extract(epoch FROM
            GREATEST(LEAST(stats.longest_absence, interval '9999 years'), interval '0')
        ))::bigint AS longest_absence,
        stats.silent_since,
        batch.first_device
), ended AS (
    INSERT INTO heartbeat.absences (ended_by, started_at, ended_at)
    SELECT first_device, silent_since, now()
    FROM updated_stats
    WHERE now() - silent_since > make_interval(secs => $2)
    RETURNING ended_by, started_at, ended_at
), subscription AS MATERIALIZED (
    SELECT channel, kind FROM unnest($3::text[], $4::text[]) AS configured (channel, kind)
    UNION ALL
    SELECT channel, kind FROM heartbeat.subscriptions
), queued AS (
    INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload)
    SELECT channel, kind, now(), payload FROM (
        SELECT 0 AS number, channel, kind,
            jsonb_build_object('device', ended_by, 'started_at', started_at) AS payload
        FROM ended JOIN subscription ON kind = 'absence.ended'
        UNION ALL
        SELECT number, channel, kind, jsonb_build_object('device', id)
        FROM accepted JOIN subscription ON kind = 'beat'
    ) AS event
    ORDER BY number
    RETURNING id
)
SELECT
    counted.id AS "id!",
    counted.token_hash AS "token_hash!",
    counted.num_beats AS "num_beats!",
    (extract(epoch FROM counted.last_beat) * 1000000)::bigint AS "last_beat!",
    (extract(epoch FROM now()) * 1000000)::bigint AS "recorded_at!",
    updated_stats.longest_absence,
    updated_stats.first_device IS NOT NULL AS "moved_stats!",
    EXISTS (SELECT FROM queued) AS "queued_events!",
    EXISTS (SELECT FROM subscription WHERE kind = 'beat') AS beats_wanted
FROM counted LEFT JOIN updated_stats ON true
