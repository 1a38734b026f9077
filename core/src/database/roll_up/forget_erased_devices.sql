WITH erased AS (
    DELETE FROM heartbeat.rolled_devices
    WHERE device NOT IN (SELECT id FROM heartbeat.devices)
    RETURNING device
), absence AS (
    DELETE FROM heartbeat.device_absences AS absence USING erased WHERE absence.device = erased.device
), own AS (
    DELETE FROM heartbeat.presence AS own USING erased WHERE own.device = erased.device
    RETURNING own.day
), quarter AS (
    SELECT rolled.day, quarter.number, bit_or(quarter.minutes) AS minutes, sum(quarter.beats) AS beats
    FROM heartbeat.presence AS rolled,
        unnest(rolled.minutes, rolled.beats) WITH ORDINALITY AS quarter (minutes, beats, number)
    WHERE rolled.day IN (SELECT day FROM own)
      AND rolled.device <> -1
      AND rolled.device NOT IN (SELECT device FROM erased)
    GROUP BY rolled.day, quarter.number
), left_over AS MATERIALIZED (
    SELECT
        day,
        array_agg(minutes ORDER BY number) AS minutes,
        array_agg(LEAST(beats, 2147483647)::integer ORDER BY number) AS beats
    FROM quarter
    GROUP BY day
), emptied AS (
    DELETE FROM heartbeat.presence
    WHERE device = -1 AND day IN (SELECT day FROM own) AND day NOT IN (SELECT day FROM left_over)
)
UPDATE heartbeat.presence AS rolled
SET minutes = left_over.minutes, beats = left_over.beats
FROM left_over
WHERE rolled.device = -1 AND rolled.day = left_over.day
