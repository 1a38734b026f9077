-- A statement of release 0.1.0, which programs of this release must leave room for.
INSERT INTO heartbeat.connections (id) VALUES ($1) ON CONFLICT (id) DO NOTHING
