-- Who watches the figures through WebSockets that API Gateway holds, and which function sends to them.

-- One row for each open WebSocket, by the name that API Gateway gives it.
CREATE TABLE heartbeat.connections (
    id text CONSTRAINT connections_pkey PRIMARY KEY,
    connected_at timestamptz NOT NULL DEFAULT now()
);

-- One row: who may send frames, and until when. Times are the database's own, so that the clocks of
-- many functions need not agree.
CREATE TABLE heartbeat.pusher (
    _id smallint DEFAULT 0 CONSTRAINT pusher_pkey PRIMARY KEY CONSTRAINT pusher_has_one_row CHECK (_id = 0),
    holder text NOT NULL DEFAULT '',
    expires_at timestamptz NOT NULL DEFAULT '-infinity'
);

INSERT INTO heartbeat.pusher DEFAULT VALUES;
