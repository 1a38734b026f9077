WITH counted AS (
    UPDATE heartbeat.devices
    SET num_beats = LEAST(num_beats, 9007199254740991 - $2) + $2,
        last_beat = GREATEST(now(), CASE WHEN last_beat <= clock_timestamp() THEN last_beat END)
    WHERE token_hash = $1 AND now() >= $3 AND now() < $3 + interval '1 second'
    RETURNING id, num_beats, last_beat
), inserted AS (
    INSERT INTO heartbeat.beats (device, time_stamp) SELECT id, now() FROM counted, generate_series(1, $2)
)
SELECT
    now() >= $3 AND now() < $3 + interval '1 second' AS "soon_after!",
    (extract(epoch FROM now()) * 1000000)::bigint AS "recorded_at!",
    id AS "id?",
    num_beats AS "num_beats?",
    (extract(epoch FROM last_beat) * 1000000)::bigint AS "last_beat?"
FROM (VALUES (0)) AS always LEFT JOIN counted ON true
