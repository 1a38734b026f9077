-- release: 0.2.0
-- serves: 0.1.0

-- Expands the schema: the public figures as of the last boundary, where the owner wants strangers to see no exact times.

-- One row; none while everything public is exact.
CREATE TABLE heartbeat.published_stats (
    _id smallint DEFAULT 0
        CONSTRAINT published_stats_pkey PRIMARY KEY
        CONSTRAINT published_stats_has_one_row CHECK (_id = 0),
    -- The boundary: only beats before it count.
    as_of timestamptz NOT NULL,
    visits bigint NOT NULL,
    longest_absence interval NOT NULL
);

-- Every device that there was at the boundary, hidden ones included, which count.
CREATE TABLE heartbeat.published_devices (
    device bigint
        CONSTRAINT published_devices_pkey PRIMARY KEY
        CONSTRAINT published_devices_device_fkey REFERENCES heartbeat.devices (id) ON DELETE CASCADE,
    name text,
    -- Whether strangers might see it at the boundary. One that was hidden since is hidden at once.
    is_public boolean NOT NULL,
    num_beats bigint NOT NULL,
    last_beat timestamptz
);

-- Finds the beats since a boundary. A BRIN index takes no room to speak of, and beats hardly notice it: rows that go into a
-- range of pages without a summary, such as the one at the end of the table, leave it unchanged. Vacuuming summarizes the
-- ranges that are full; it looks only at what was added since, and is to come often enough.
CREATE INDEX beats_time_stamp_idx ON heartbeat.beats USING brin (time_stamp) WITH (pages_per_range = 32);
SELECT brin_desummarize_range(
    'heartbeat.beats_time_stamp_idx',
    GREATEST(pg_relation_size('heartbeat.beats') / current_setting('block_size')::bigint - 1, 0)
);
ALTER TABLE heartbeat.beats SET (
    autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 10000
);
