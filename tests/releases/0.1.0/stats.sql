-- A statement of release 0.1.0, which programs of this release must leave room for.
SELECT
    stats.total_visits,
    stats.server_start_time,
    floor(extract(epoch FROM stats.longest_absence))::bigint AS "longest_absence",
    device.id AS "id",
    device.name AS "name",
    device.num_beats AS "num_beats",
    device.last_beat AS "last_beat"
FROM heartbeat.stats LEFT JOIN heartbeat.devices AS device ON true
ORDER BY device.id
