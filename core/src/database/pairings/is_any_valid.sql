SELECT
    EXISTS (SELECT FROM heartbeat.offered_tokens WHERE token_hash = ANY ($1))
    OR EXISTS (SELECT FROM heartbeat.devices WHERE token_hash = ANY ($1)) AS "is_any_valid!"
