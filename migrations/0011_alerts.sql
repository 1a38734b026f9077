-- release: 0.2.0
-- serves: 0.1.0

-- Expands the schema: alerts, what they told to which channel, and what they need to know of the past. Programs of release
-- 0.1.0 know nothing of alerts, and deliver to no channel but their own.

ALTER TABLE heartbeat.channels
    -- Whether its notifications reach the owner or a friend. A friend is told no more than strangers may see.
    ADD COLUMN audience text NOT NULL DEFAULT 'owner'
        CONSTRAINT channels_audience_is_known CHECK (audience IN ('owner', 'friend')),
    ADD COLUMN created_at timestamptz NOT NULL DEFAULT now()
        CONSTRAINT channels_created_at_is_readable CHECK (created_at BETWEEN 'epoch' AND '9999-12-31'),
    -- When the friend said that the channel reaches them.
    ADD COLUMN confirmed_at timestamptz
        CONSTRAINT channels_confirmed_at_is_readable CHECK (confirmed_at BETWEEN 'epoch' AND '9999-12-31'),
    -- Telegram: the code by which the chat is found that the owner starts with the bot.
    ADD COLUMN start_code text,
    -- When the owner last wanted that.
    ADD COLUMN start_code_at timestamptz NOT NULL DEFAULT now(),
    -- How often the channel was given another address: links that were sent to an earlier one are void.
    ADD COLUMN address_version integer NOT NULL DEFAULT 0;

ALTER TABLE heartbeat.outbox
    -- The firing of an alert that the event tells of.
    ADD COLUMN firing bigint,
    -- When it was first sent: from then on, it may have arrived. Missing again after an attempt that certainly failed.
    ADD COLUMN attempted_at timestamptz,
    -- Why it was dead-lettered.
    ADD COLUMN failure text;

CREATE INDEX outbox_firing_idx ON heartbeat.outbox (firing) WHERE firing IS NOT NULL;

ALTER TABLE heartbeat.dispatch_leases
    -- What became of the last attempts.
    ADD COLUMN delivered_at timestamptz,
    ADD COLUMN failed_at timestamptz,
    ADD COLUMN failure text,
    -- How many of the last attempts the service did not let us in.
    ADD COLUMN denials integer NOT NULL DEFAULT 0;

-- Rules that notify while an absence lasts.
CREATE TABLE heartbeat.alerts (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT alerts_pkey PRIMARY KEY,
    name text NOT NULL,
    -- Length of the absence that it tells of; missing if it is one that is unusual.
    after_seconds bigint CONSTRAINT alerts_after_is_long CHECK (after_seconds >= 600),
    -- The device whose absence it is; missing if it is that of all.
    device bigint CONSTRAINT alerts_device_fkey REFERENCES heartbeat.devices (id) ON DELETE CASCADE,
    -- Ids of channels; 0 is the one that the configuration names.
    channels bigint[] NOT NULL DEFAULT '{}',
    repeat_seconds bigint CONSTRAINT alerts_repeat_is_long CHECK (repeat_seconds >= 3600),
    -- Windows of the wall clock, such as `23:00-07:00`.
    rest text,
    quiet text,
    -- The owner's own words.
    message text,
    enabled boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- When a test was asked for that has not fired yet.
    test_requested_at timestamptz
);

CREATE INDEX alerts_device_idx ON heartbeat.alerts (device);

-- Alerts that fired: one row for each alert and absence. Rows stay when the alert is changed or deleted.
CREATE TABLE heartbeat.alert_firings (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT alert_firings_pkey PRIMARY KEY,
    -- No reference: the alert may be deleted.
    alert bigint NOT NULL,
    -- Its name at that time.
    name text NOT NULL,
    device bigint,
    -- The last sign of life before the absence.
    since timestamptz NOT NULL,
    fired_at timestamptz NOT NULL DEFAULT now(),
    -- How often it was repeated, and when last.
    repetitions integer NOT NULL DEFAULT 0,
    repeated_at timestamptz,
    -- When the absence ended, and by what: a beat, the word of the owner, or nothing, as its device was erased.
    ended_at timestamptz,
    ended_by text CONSTRAINT alert_firings_end_is_known CHECK (ended_by IN ('beat', 'ok', 'erased')),
    -- Minutes with a beat since then that were seen, up to three, and the last of them.
    minutes smallint NOT NULL DEFAULT 0,
    last_minute timestamptz,
    -- When a friend reached the owner, and the channel by which that friend was told.
    reached_at timestamptz,
    reached_by bigint,
    -- When nothing was left to tell.
    resolved_at timestamptz,
    -- Times that programs can read.
    CONSTRAINT alert_firings_times_are_readable CHECK (
        COALESCE(since, 'epoch') BETWEEN 'epoch' AND '9999-12-31'
        AND COALESCE(fired_at, 'epoch') BETWEEN 'epoch' AND '9999-12-31'
        AND COALESCE(repeated_at, 'epoch') BETWEEN 'epoch' AND '9999-12-31'
        AND COALESCE(ended_at, 'epoch') BETWEEN 'epoch' AND '9999-12-31'
        AND COALESCE(last_minute, 'epoch') BETWEEN 'epoch' AND '9999-12-31'
        AND COALESCE(reached_at, 'epoch') BETWEEN 'epoch' AND '9999-12-31'
        AND COALESCE(resolved_at, 'epoch') BETWEEN 'epoch' AND '9999-12-31'
    )
);

CREATE UNIQUE INDEX alert_firings_absence_key ON heartbeat.alert_firings (alert, COALESCE(device, -1), since);
CREATE INDEX alert_firings_unresolved_idx ON heartbeat.alert_firings (alert) WHERE resolved_at IS NULL;

-- What was told of a firing, to which channel, and when.
CREATE TABLE heartbeat.alert_notifications (
    firing bigint NOT NULL
        CONSTRAINT alert_notifications_firing_fkey REFERENCES heartbeat.alert_firings (id) ON DELETE CASCADE,
    -- Id of the channel, which may be deleted.
    channel bigint NOT NULL,
    kind text NOT NULL
        CONSTRAINT alert_notifications_kind_is_known CHECK (kind IN ('fired', 'repeated', 'reached', 'resolved')),
    -- Number of the repetition; 0 for all other kinds.
    repetition integer NOT NULL DEFAULT 0,
    -- Repetitions that the channel was told before this one: of these, the last one is kept, and the last that may have arrived.
    earlier integer NOT NULL DEFAULT 0
        CONSTRAINT alert_notifications_earlier_is_a_count CHECK (earlier >= 0),
    -- Id of the event in the outbox.
    event bigint NOT NULL,
    queued_at timestamptz NOT NULL DEFAULT now(),
    sent_at timestamptz,
    -- When it was taken back, as no attempt to send it was made before it was out of date.
    withdrawn_at timestamptz,
    -- When it was dead-lettered, if it has certainly not arrived.
    failed_at timestamptz,
    -- When the owner was told by other channels that it could not be sent.
    reported_at timestamptz,
    CONSTRAINT alert_notifications_pkey PRIMARY KEY (firing, channel, kind, repetition),
    -- Times that programs can read.
    CONSTRAINT alert_notifications_times_are_readable CHECK (
        COALESCE(queued_at, 'epoch') BETWEEN 'epoch' AND '9999-12-31'
        AND COALESCE(sent_at, 'epoch') BETWEEN 'epoch' AND '9999-12-31'
        AND COALESCE(withdrawn_at, 'epoch') BETWEEN 'epoch' AND '9999-12-31'
        AND COALESCE(failed_at, 'epoch') BETWEEN 'epoch' AND '9999-12-31'
        AND COALESCE(reported_at, 'epoch') BETWEEN 'epoch' AND '9999-12-31'
    )
);

CREATE INDEX alert_notifications_event_idx ON heartbeat.alert_notifications (event);

-- One row: when alerts were last evaluated. The process that evaluates them locks it.
CREATE TABLE heartbeat.alert_evaluation (
    _id smallint DEFAULT 0
        CONSTRAINT alert_evaluation_pkey PRIMARY KEY
        CONSTRAINT alert_evaluation_has_one_row CHECK (_id = 0),
    evaluated_at timestamptz
);

INSERT INTO heartbeat.alert_evaluation DEFAULT VALUES;

-- Times at which the service could hear no beat: alerts were not evaluated for ten minutes and more.
CREATE TABLE heartbeat.outages (
    started_at timestamptz CONSTRAINT outages_pkey PRIMARY KEY,
    ended_at timestamptz NOT NULL,
    -- Times that programs can read.
    CONSTRAINT outages_times_are_readable CHECK (
        COALESCE(started_at, 'epoch') BETWEEN 'epoch' AND '9999-12-31'
        AND COALESCE(ended_at, 'epoch') BETWEEN 'epoch' AND '9999-12-31'
    )
);

CREATE INDEX outages_ended_at_idx ON heartbeat.outages (ended_at);

-- Times at which the owner wanted no alerts; the last one may not have ended.
CREATE TABLE heartbeat.snoozes (
    started_at timestamptz CONSTRAINT snoozes_pkey PRIMARY KEY,
    ended_at timestamptz NOT NULL,
    -- Times that programs can read.
    CONSTRAINT snoozes_times_are_readable CHECK (
        COALESCE(started_at, 'epoch') BETWEEN 'epoch' AND '9999-12-31T23:59:59Z'
        AND COALESCE(ended_at, 'epoch') BETWEEN 'epoch' AND '9999-12-31T23:59:59Z'
    )
);

INSERT INTO heartbeat.snoozes
SELECT now(), snoozed_until FROM heartbeat.owner WHERE snoozed_until > now();

-- Absences of single devices that are as long as the shortest that an alert can be about: ten minutes and more. What all
-- of some devices have in common is an absence of these devices together.
CREATE TABLE heartbeat.device_absences (
    device bigint NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    CONSTRAINT device_absences_pkey PRIMARY KEY (device, started_at)
);

-- How far rows of `beats` were read for that, and the first and the last beat of each device until then.
CREATE TABLE heartbeat.roll_up (
    _id smallint DEFAULT 0
        CONSTRAINT roll_up_pkey PRIMARY KEY
        CONSTRAINT roll_up_has_one_row CHECK (_id = 0),
    rolled_until timestamptz NOT NULL DEFAULT '-infinity'
);

INSERT INTO heartbeat.roll_up DEFAULT VALUES;

CREATE TABLE heartbeat.rolled_devices (
    device bigint CONSTRAINT rolled_devices_pkey PRIMARY KEY,
    first_beat timestamptz NOT NULL,
    last_beat timestamptz NOT NULL
);

-- Lengths of absences that are unusual, by what they are unusual for. They are worked out again when they are old.
CREATE TABLE heartbeat.unusual_absences (
    -- The device; -1 for all together.
    device bigint NOT NULL,
    -- Windows of the wall clock that are not counted, and its time zone.
    rest text NOT NULL,
    timezone text NOT NULL,
    -- Missing if there are too few data.
    after_seconds bigint,
    computed_at timestamptz NOT NULL,
    CONSTRAINT unusual_absences_pkey PRIMARY KEY (device, rest, timezone)
);

-- Signs of life that are none and were told of, so that each is told of once.
CREATE TABLE heartbeat.device_notices (
    device bigint NOT NULL
        CONSTRAINT device_notices_device_fkey REFERENCES heartbeat.devices (id) ON DELETE CASCADE,
    kind text NOT NULL,
    -- The beat that the notice is about: the first of a row of beats without a pause, or the last before an absence.
    since timestamptz NOT NULL,
    CONSTRAINT device_notices_pkey PRIMARY KEY (device, kind)
);
