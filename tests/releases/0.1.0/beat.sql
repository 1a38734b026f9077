-- A statement of release 0.1.0, which programs of this release must leave room for.
WITH recognised AS (
    SELECT id, token_hash
    FROM heartbeat.devices
    WHERE token_hash = ANY ($1)
    ORDER BY id
    FOR NO KEY UPDATE
), accepted AS (
    SELECT recognised.id, beat.time_stamp
    FROM unnest($1::bytea[], $2::timestamptz[]) AS beat (token_hash, time_stamp)
    JOIN recognised USING (token_hash)
), inserted AS (
    INSERT INTO heartbeat.beats (device, time_stamp)
    SELECT id, time_stamp FROM accepted
), counted AS (
    UPDATE heartbeat.devices AS device
    SET num_beats = device.num_beats + new.beats,
        last_beat = GREATEST(device.last_beat, new.latest)
    FROM (
        SELECT id, count(*) AS beats, max(time_stamp) AS latest FROM accepted GROUP BY id
    ) AS new
    WHERE device.id = new.id
    RETURNING device.id, device.token_hash, device.num_beats, device.last_beat
), batch AS (
    SELECT
        min(time_stamp) AS earliest,
        max(time_stamp) AS latest,
        (array_agg(id ORDER BY time_stamp))[1] AS first_device
    FROM accepted
), noted AS (
    UPDATE heartbeat.stats
    -- All devices are looked at only here, at most once a second, and as of before this statement.
    SET last_beat = batch.latest,
        silent_since = GREATEST(stats.last_beat, (SELECT max(last_beat) FROM heartbeat.devices)),
        longest_absence = GREATEST(
            stats.longest_absence,
            batch.earliest
                - GREATEST(stats.last_beat, (SELECT max(last_beat) FROM heartbeat.devices))
        )
    FROM batch
    WHERE batch.latest >= stats.last_beat + interval '1 second'
       OR batch.latest IS NOT NULL AND stats.last_beat IS NULL
    RETURNING
        floor(extract(epoch FROM stats.longest_absence))::bigint AS longest_absence,
        stats.last_beat,
        stats.silent_since,
        batch.earliest,
        batch.first_device
), ended AS (
    INSERT INTO heartbeat.absences (ended_by, started_at, ended_at)
    SELECT first_device, silent_since, earliest
    FROM noted
    WHERE earliest - silent_since > make_interval(secs => $3)
    RETURNING ended_by, started_at, ended_at
), told AS (
    INSERT INTO heartbeat.events (receiver, kind, device, happened_at, since)
    SELECT receiver, kind, device, happened_at, since
    FROM (
        SELECT receiver, 'absence_ended' AS kind, ended_by AS device, ended_at AS happened_at,
            started_at AS since
        FROM ended, unnest($4::text[]) AS receiver
        UNION ALL
        SELECT receiver, 'beat', id, time_stamp, NULL
        FROM accepted, unnest($5::text[]) AS receiver
    ) AS event
    ORDER BY happened_at, kind
)
SELECT
    counted.id AS "id",
    counted.token_hash AS "token_hash",
    counted.num_beats AS "num_beats",
    counted.last_beat AS "last_beat",
    noted.longest_absence,
    noted.last_beat AS noted,
    EXISTS (SELECT FROM ended) AS "ended_absence"
FROM counted LEFT JOIN noted ON true
