-- release: 0.2.0
-- serves: 0.1.0

-- Expands the schema: presence, which the roll-up keeps of beats, and what retention has left of them.

-- When beats came: one row for each device and day of UTC. Local days and hours are made of it when it is read, so that
-- another time zone changes them without another look at beats: since 1972 clocks differ from UTC by whole quarters of an hour.
CREATE TABLE heartbeat.presence (
    -- The device; -1 for anybody.
    device bigint NOT NULL,
    day date NOT NULL,
    -- For each quarter of an hour the minutes in which beats came: bit 0 is its first one.
    minutes smallint[] NOT NULL,
    -- For each quarter of an hour the number of beats.
    beats integer[] NOT NULL,
    CONSTRAINT presence_pkey PRIMARY KEY (device, day),
    CONSTRAINT presence_has_all_quarters CHECK (cardinality(minutes) = 96 AND cardinality(beats) = 96)
    -- Rows of today are written again and again: room for that on their page.
) WITH (fillfactor = 80);

-- Lists of absences, by their end and by their length.
CREATE INDEX absences_ended_at_idx ON heartbeat.absences (ended_at, id);
CREATE INDEX absences_length_idx ON heartbeat.absences ((ended_at - started_at), id)
    WHERE isfinite(started_at) AND isfinite(ended_at);

-- Beats were read for absences alone until now: all are read again.
DELETE FROM heartbeat.device_absences;
DELETE FROM heartbeat.rolled_devices;
UPDATE heartbeat.roll_up SET rolled_until = '-infinity';

-- Time before which rows of `beats` were deleted, because they were old and rolled up; a midnight of UTC.
ALTER TABLE heartbeat.roll_up ADD COLUMN retained_from timestamptz NOT NULL DEFAULT '-infinity';

-- The last beat of each device among those rows, from which on it may have been absent.
ALTER TABLE heartbeat.rolled_devices ADD COLUMN last_deleted_beat timestamptz;
