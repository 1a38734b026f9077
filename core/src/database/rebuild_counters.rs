//! What `devices` and `stats` say about `beats`, worked out from the rows themselves: after many were
//! brought in at once. The one place that reads all of history.

use sqlx::PgConnection;

/// Ids of new devices go on after the last below this one. Those above would soon not be exact in
/// JavaScript (2^53 and more) if an earlier Heartbeat gave ids of another kind.
const NEXT_ID_MAX: i64 = 1 << 52;

/// Counts the beats of each device and finds its last. A device that has beats but no row gets one,
/// without a name and with a token that nobody knows, so that all beats count.
pub(super) async fn rebuild_counters(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        INSERT INTO heartbeat.devices (id, token_hash, num_beats, last_beat)
        SELECT
            device,
            sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())),
            count(*),
            max(time_stamp)
        FROM heartbeat.beats
        GROUP BY device
        ON CONFLICT (id) DO UPDATE SET num_beats = EXCLUDED.num_beats, last_beat = EXCLUDED.last_beat
        "
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!("UPDATE heartbeat.stats SET last_beat = (SELECT max(last_beat) FROM heartbeat.devices)")
        .execute(&mut *connection)
        .await?;
    sqlx::query!(
        "
        SELECT setval(pg_get_serial_sequence('heartbeat.devices', 'id'), GREATEST(max(id) + 1, 0), false)
        FROM heartbeat.devices
        WHERE id < $1
        HAVING max(id) IS NOT NULL
        ",
        NEXT_ID_MAX
    )
    .fetch_optional(connection)
    .await
    .map(drop)
}
