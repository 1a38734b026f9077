-- What happened and is to be told: the outbox of the webhooks. Whatever makes an event writes it here, in
-- the transaction of what it tells of; whoever comes first delivers it afterwards.

-- The last beat before the silence that `last_beat` ended.
ALTER TABLE heartbeat.stats ADD COLUMN silent_since timestamptz;

-- Absences of more than an hour that have ended.
CREATE TABLE heartbeat.absences (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT absences_pkey PRIMARY KEY,
    -- The device whose beat ended it.
    ended_by bigint NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL
);

-- One row for each event and each receiver that wants it; gone when it was delivered or given up.
CREATE TABLE heartbeat.events (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT events_pkey PRIMARY KEY,
    receiver text NOT NULL,
    kind text NOT NULL CONSTRAINT events_kind_is_known CHECK (kind IN ('beat', 'device_added', 'absence_ended')),
    device bigint NOT NULL,
    happened_at timestamptz NOT NULL,
    -- Of an absence that ended: when it began.
    since timestamptz
);

-- The order in which each receiver is told.
CREATE INDEX events_receiver_id_idx ON heartbeat.events (receiver, id);

-- Who delivers to a receiver, and when the next attempt is due. Times are the database's own.
CREATE TABLE heartbeat.receivers (
    name text CONSTRAINT receivers_pkey PRIMARY KEY,
    -- Failed attempts since the last that succeeded.
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT '-infinity',
    holder text NOT NULL DEFAULT '',
    held_until timestamptz NOT NULL DEFAULT '-infinity'
);
