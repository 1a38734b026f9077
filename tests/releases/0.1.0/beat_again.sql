-- A statement of release 0.1.0, which programs of this release must leave room for.
WITH counted AS (
    UPDATE heartbeat.devices
    SET num_beats = num_beats + cardinality($2::timestamptz[]), last_beat = GREATEST(last_beat, $3)
    WHERE token_hash = $1
    RETURNING id, token_hash, num_beats, last_beat
), inserted AS (
    INSERT INTO heartbeat.beats (device, time_stamp) SELECT id, unnest($2) FROM counted
)
SELECT
    id,
    token_hash,
    num_beats,
    last_beat AS "last_beat",
    NULL::bigint AS longest_absence,
    NULL::timestamptz AS noted,
    false AS "ended_absence"
FROM counted
