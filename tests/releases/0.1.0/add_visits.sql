-- A statement of release 0.1.0, which programs of this release must leave room for.
UPDATE heartbeat.stats SET total_visits = total_visits + $1
