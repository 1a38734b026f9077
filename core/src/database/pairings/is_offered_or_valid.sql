SELECT
    EXISTS (SELECT FROM heartbeat.offered_tokens WHERE token_hash = $1)
    OR EXISTS (SELECT FROM heartbeat.devices WHERE token_hash = $1) AS "is_offered_or_valid!"
