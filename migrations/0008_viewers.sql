-- release: 0.2.0
-- serves: 0.1.0

-- Expands the schema: bounds on the viewers at API Gateway, and frames for those of them that ask for changes alone.
-- Programs of release 0.1.0 add and delete rows of `connections` as before: to them, every viewer is one of all frames.
ALTER TABLE heartbeat.connections
    -- Number that stands for the client IP: 16 bits of a keyed hash, whose key is not in the database. It bounds how many
    -- viewers one client has. Missing where the client IP is not known.
    ADD COLUMN client smallint,
    -- Whether the viewer gets a frame at changes alone, instead of one a second.
    ADD COLUMN only_changes boolean NOT NULL DEFAULT false;

CREATE INDEX connections_client_idx ON heartbeat.connections (client);

-- Connections that may still be open. API Gateway closes each after two hours ("Amazon API Gateway quotas", developer
-- guide), and does not always tell: rows that are older take no place. Neither do rows that far in the future, which were
-- written while the clock was ahead.
CREATE VIEW heartbeat.viewers AS
    SELECT id, client, only_changes, connected_at
    FROM heartbeat.connections
    WHERE connected_at BETWEEN now() - interval '125 minutes' AND now() + interval '125 minutes';
