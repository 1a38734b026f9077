-- release: 0.2.0
-- serves: 0.1.0

-- Expands the schema: programs of release 0.1.0 go on working beside those of 0.2.0, with the tables `events`
-- and `receivers` of their own. A later release drops these.

-- What each migration's header declares. A program that meets migrations it does not know looks here whether
-- they serve it.
CREATE TABLE heartbeat.compatibility (
    migration bigint CONSTRAINT compatibility_pkey PRIMARY KEY,
    -- The release that brought the migration.
    release text NOT NULL,
    -- The oldest release whose programs can work on the tables that it left behind.
    serves text NOT NULL
);

-- Where notifications go, besides the channel that the configuration names.
CREATE TABLE heartbeat.channels (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT channels_pkey PRIMARY KEY,
    name text NOT NULL,
    -- How it is delivered to, such as `webhook`. Programs leave kinds that they do not know alone.
    kind text NOT NULL,
    -- What its kind needs to know, secrets included.
    settings jsonb NOT NULL,
    -- The kinds of events that it wants.
    events text[] NOT NULL DEFAULT '{}'
);

-- Which channel wants which event. Statements that record what happened read this, not the settings.
CREATE VIEW heartbeat.subscriptions AS
SELECT 'channel:' || id AS channel, kind
FROM (SELECT id, unnest(events) AS kind FROM heartbeat.channels) AS wanted;

-- The transactional outbox: one row for each event and each channel that wants it, written in the transaction of
-- what it tells of, and deleted once it was delivered.
CREATE TABLE heartbeat.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT outbox_pkey PRIMARY KEY,
    channel text NOT NULL,
    -- Programs leave kinds that they do not know to newer ones, so a new kind needs no migration.
    kind text NOT NULL,
    happened_at timestamptz NOT NULL,
    -- What there is to tell, by kind: `device` is the id of one, times are RFC 3339.
    payload jsonb NOT NULL,
    -- When it was dead-lettered: it is no longer sent, and kept for a week.
    dead_at timestamptz
);

-- The order in which each channel is delivered to.
CREATE INDEX outbox_channel_id_idx ON heartbeat.outbox (channel, id) WHERE dead_at IS NULL;

-- Which dispatcher delivers to a channel, and when the next attempt is due. Times are the database's own.
CREATE TABLE heartbeat.dispatch_leases (
    channel text CONSTRAINT dispatch_leases_pkey PRIMARY KEY,
    -- Failed attempts since the last that succeeded.
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT '-infinity',
    holder text NOT NULL DEFAULT '',
    held_until timestamptz NOT NULL DEFAULT '-infinity'
);
