-- release: 0.2.0
-- serves: 0.1.0

-- Expands the schema: second credentials of devices, for editors. Their plugins send what they do to a server of
-- WakaTime's kind, and take no key but one in the form of a UUID, which tokens do not have. Programs of release 0.1.0
-- do not look here.
CREATE TABLE heartbeat.editor_keys (
    -- One key a device, gone with it. Beats leave the id of a device alone, so none of them checks this reference.
    device bigint
        CONSTRAINT editor_keys_pkey PRIMARY KEY
        CONSTRAINT editor_keys_device_fkey REFERENCES heartbeat.devices (id) ON DELETE CASCADE,
    -- SHA-256 of the key; the key itself is shown once and never kept.
    key_hash bytea NOT NULL
        CONSTRAINT editor_keys_key_hash_key UNIQUE
        CONSTRAINT editor_keys_key_hash_is_sha256 CHECK (length(key_hash) = 32)
);
