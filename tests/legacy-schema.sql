-- The tables as an earlier Heartbeat leaves them, which `heartbeat migrate` takes over.

CREATE SCHEMA IF NOT EXISTS heartbeat;

CREATE TABLE heartbeat.devices (
    id bigint PRIMARY KEY,
    name text NULL,
    token text NOT NULL,
    num_beats bigint
);

CREATE TABLE heartbeat.beats (
    device bigint,
    time_stamp timestamptz,
    PRIMARY KEY (device, time_stamp)
);

CREATE TABLE heartbeat.stats (
    _id smallint PRIMARY KEY,
    total_visits bigint,
    server_start_time timestamptz,
    longest_absence interval
);
