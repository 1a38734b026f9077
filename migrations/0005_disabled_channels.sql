-- release: 0.2.0
-- serves: 0.1.0

-- Channels that nothing is sent to, since their service has said that it will never take anything again. Without
-- its row, a channel is enabled again.
CREATE TABLE heartbeat.disabled_channels (
    channel text CONSTRAINT disabled_channels_pkey PRIMARY KEY,
    -- SHA-256 of the settings that this is about: with other settings, the channel is enabled.
    settings_hash bytea NOT NULL,
    disabled_at timestamptz NOT NULL DEFAULT now(),
    -- What the service said, such as `status 404`.
    reason text NOT NULL
);

-- SHA-256 of the settings that `attempts` and `due_at` are about: new settings need not wait for what became of
-- the old ones.
ALTER TABLE heartbeat.dispatch_leases ADD COLUMN settings_hash bytea;

-- When the event was written, by the database's clock: an event may wait for a day from then on, even if a
-- process whose clock is ahead says that it has not happened yet.
ALTER TABLE heartbeat.outbox ADD COLUMN queued_at timestamptz NOT NULL DEFAULT now();

-- What to dead-letter, and which dead letters to delete.
CREATE INDEX outbox_age_idx ON heartbeat.outbox (LEAST(queued_at, happened_at)) WHERE dead_at IS NULL;
CREATE INDEX outbox_dead_at_idx ON heartbeat.outbox (dead_at) WHERE dead_at IS NOT NULL;
