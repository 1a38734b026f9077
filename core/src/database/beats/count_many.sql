WITH recognized AS (
    SELECT device.id, beat.beats, beat.number
    FROM unnest($1::bytea[], $2::bigint[]) WITH ORDINALITY AS beat (token_hash, beats, number)
    JOIN heartbeat.devices AS device USING (token_hash)
    WHERE now() >= $3 AND now() < $3 + interval '1 second'
    ORDER BY device.id
    FOR NO KEY UPDATE OF device
), counted AS (
    UPDATE heartbeat.devices AS device
    SET num_beats = LEAST(device.num_beats, 9007199254740991 - new.beats) + new.beats,
        last_beat = GREATEST(
            now(),
            CASE WHEN device.last_beat <= clock_timestamp() THEN device.last_beat END
        )
    FROM recognized AS new
    WHERE device.id = new.id
    RETURNING device.id, new.beats, new.number, device.num_beats, device.last_beat
), inserted AS (
    INSERT INTO heartbeat.beats (device, time_stamp)
    SELECT id, now() FROM counted
    UNION ALL
    SELECT id, now() FROM counted, generate_series(2, beats) WHERE beats > 1
)
SELECT
    now() >= $3 AND now() < $3 + interval '1 second' AS "soon_after!",
    (extract(epoch FROM now()) * 1000000)::bigint AS "recorded_at!",
    COALESCE(array_agg(id), '{}') AS "ids!",
    COALESCE(array_agg(number), '{}') AS "numbers!",
    COALESCE(array_agg(num_beats), '{}') AS "num_beats!",
    COALESCE(array_agg((extract(epoch FROM last_beat) * 1000000)::bigint), '{}') AS "last_beats!"
FROM counted
