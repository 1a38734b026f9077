-- release: 0.2.0
-- serves: 0.1.0

-- Expands the schema: small ids for devices whose ids came from the earlier service and are not exact in JavaScript
-- (2^53 and more). Programs of release 0.1.0 know devices by their tokens and read the ids that they show once a
-- second, so they go on working.

-- Ids that devices had before. Clients that name a device by one of them mean the device that had it.
CREATE TABLE heartbeat.former_ids (
    former_id bigint CONSTRAINT former_ids_pkey PRIMARY KEY,
    device bigint NOT NULL CONSTRAINT former_ids_device_key UNIQUE
);

-- Only tables with few rows are changed here, which takes a moment. Rows of `beats` may hold the former id of their
-- device until `heartbeat migrate` replaces it.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM heartbeat.devices WHERE id NOT BETWEEN 0 AND 9007199254740991) THEN
        RETURN;
    END IF;
    -- A beat that is being recorded would not find its device again. Those that come meanwhile wait.
    LOCK TABLE heartbeat.devices IN SHARE ROW EXCLUSIVE MODE;
    INSERT INTO heartbeat.former_ids (former_id, device)
    SELECT id, nextval(pg_get_serial_sequence('heartbeat.devices', 'id'))
    FROM (
        SELECT id FROM heartbeat.devices WHERE id NOT BETWEEN 0 AND 9007199254740991 ORDER BY id
    ) AS large;
    UPDATE heartbeat.devices SET id = former.device
    FROM heartbeat.former_ids AS former
    WHERE devices.id = former.former_id;
    UPDATE heartbeat.absences SET ended_by = former.device
    FROM heartbeat.former_ids AS former
    WHERE absences.ended_by = former.former_id;
    UPDATE heartbeat.events SET device = former.device
    FROM heartbeat.former_ids AS former
    WHERE events.device = former.former_id;
    UPDATE heartbeat.outbox SET payload = jsonb_set(payload, '{device}', to_jsonb(former.device))
    FROM heartbeat.former_ids AS former
    WHERE outbox.payload ->> 'device' = former.former_id::text;
END
$$;
