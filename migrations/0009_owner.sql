-- release: 0.2.0
-- serves: 0.1.0

-- Expands the schema: what the owner decides about devices, how devices are paired and erased, and the owner's choices.
-- Programs of release 0.1.0 go on adding devices and counting beats; what they show, they show of every device.
ALTER TABLE heartbeat.devices
    -- A hidden device counts, and appears nowhere in public.
    ADD COLUMN visibility text NOT NULL DEFAULT 'public'
        CONSTRAINT devices_visibility_is_known CHECK (visibility IN ('public', 'hidden')),
    -- Whether its beats say that somebody is well; those of a server or a sensor do not.
    ADD COLUMN sign_of_life boolean NOT NULL DEFAULT true,
    -- When it was archived: it is hidden, and no token has the hash that its row holds since.
    ADD COLUMN archived_at timestamptz,
    -- Missing for devices that were registered before this column was there.
    ADD COLUMN created_at timestamptz;
ALTER TABLE heartbeat.devices ALTER COLUMN created_at SET DEFAULT now();

-- Devices that were erased. Their rows of `devices` are gone at once, those of `beats` are deleted afterwards, in slices.
-- Rows stay, so that an id is never given again, whatever is imported.
CREATE TABLE heartbeat.erasures (
    device bigint CONSTRAINT erasures_pkey PRIMARY KEY,
    -- Id that it had before it was moved in: rows of `beats` may still hold it.
    former_id bigint,
    erased_at timestamptz NOT NULL DEFAULT now(),
    -- The first page of `beats` that was not searched yet.
    next_page bigint NOT NULL DEFAULT 0,
    -- When its last beat was deleted, and the records no longer knew of it.
    finished_at timestamptz
);

-- The pairing code of a device: a new one replaces the old.
CREATE TABLE heartbeat.pairings (
    device bigint
        CONSTRAINT pairings_pkey PRIMARY KEY
        CONSTRAINT pairings_device_fkey REFERENCES heartbeat.devices (id) ON DELETE CASCADE,
    -- HMAC-SHA256 of the code, keyed by a key that is not in the database: there are few enough codes to try them all.
    code_hash bytea NOT NULL
        CONSTRAINT pairings_code_hash_key UNIQUE
        CONSTRAINT pairings_code_hash_is_sha256 CHECK (length(code_hash) = 32),
    expires_at timestamptz NOT NULL,
    -- When it was first redeemed, and when a token that it gave was first used: from then on it is spent.
    redeemed_at timestamptz,
    used_at timestamptz
);

-- Tokens that codes gave and that were not used yet. The first beat with one makes it the token of its device.
CREATE TABLE heartbeat.offered_tokens (
    -- SHA-256 of the token.
    token_hash bytea
        CONSTRAINT offered_tokens_pkey PRIMARY KEY
        CONSTRAINT offered_tokens_hash_is_sha256 CHECK (length(token_hash) = 32),
    device bigint NOT NULL
        CONSTRAINT offered_tokens_device_fkey REFERENCES heartbeat.devices (id) ON DELETE CASCADE,
    offered_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX offered_tokens_device_idx ON heartbeat.offered_tokens (device);

-- One row: when codes were last tried in vain, whichever process was asked.
CREATE TABLE heartbeat.pairing_failures (
    _id smallint DEFAULT 0
        CONSTRAINT pairing_failures_pkey PRIMARY KEY
        CONSTRAINT pairing_failures_has_one_row CHECK (_id = 0),
    -- Oldest first; as many as are allowed in a minute.
    failed_at timestamptz[] NOT NULL DEFAULT '{}'
);

INSERT INTO heartbeat.pairing_failures DEFAULT VALUES;

-- What the owner chose in the browser, by configuration key. The configuration wins where it sets the same.
CREATE TABLE heartbeat.settings (
    name text CONSTRAINT settings_pkey PRIMARY KEY,
    value text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);

-- One row: what the owner last said of themselves.
CREATE TABLE heartbeat.owner (
    _id smallint DEFAULT 0
        CONSTRAINT owner_pkey PRIMARY KEY
        CONSTRAINT owner_has_one_row CHECK (_id = 0),
    -- No alert fires before.
    snoozed_until timestamptz,
    snooze_note text,
    -- When the owner last said that they are well.
    ok_at timestamptz
);

INSERT INTO heartbeat.owner DEFAULT VALUES;
