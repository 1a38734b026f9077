//! Rebuilds the counters: what `devices` and `stats` hold is computed from `beats`, after an import. It reads all
//! beats, which takes long.

use super::{connection::Connection, roll_up};

/// Upper bound of the ids after which those of new devices continue. Larger ids, up to those of
/// 2^53 that are no longer exact in JavaScript, would leave no room.
pub(super) const NEXT_ID_MAX: i64 = 1 << 52;

/// Counts the beats of each device, and finds the last one whose time does not lie in the future. A device that has beats but no row gets one, without a name
/// and with the hash of a random token, so that all beats count. Ids of new devices continue after all that were ever given, those
/// of erased devices included. The roll-up reads all beats again.
pub(super) async fn rebuild_counters(connection: &mut Connection) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        INSERT INTO heartbeat.devices (id, token_hash, created_at, num_beats, last_beat)
        SELECT
            device,
            sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())),
            NULL,
            count(*),
            max(time_stamp) FILTER (WHERE time_stamp BETWEEN 'epoch' AND clock_timestamp())
        FROM heartbeat.beats
        GROUP BY device
        ON CONFLICT (id) DO UPDATE SET num_beats = EXCLUDED.num_beats, last_beat = EXCLUDED.last_beat
        "
    )
    .execute(&mut *connection)
    .await?;
    add_deleted_beats(connection).await?;
    sqlx::query!("UPDATE heartbeat.stats SET last_beat = (SELECT max(last_beat) FROM heartbeat.devices)")
        .execute(&mut *connection)
        .await?;
    roll_up::reset(connection).await?;
    continue_ids(connection).await
}

/// Adds beats that retention has deleted, as their presence tells.
async fn add_deleted_beats(connection: &mut Connection) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        UPDATE heartbeat.devices AS device
        SET num_beats = device.num_beats + deleted.beats,
            last_beat = GREATEST(device.last_beat, rolled.last_deleted_beat)
        FROM heartbeat.rolled_devices AS rolled, (
            SELECT rolled.device, sum(quarter.beats)::bigint AS beats
            FROM heartbeat.presence AS rolled
            JOIN heartbeat.roll_up ON rolled.day < (roll_up.retained_from AT TIME ZONE 'UTC')::date,
                unnest(rolled.beats) AS quarter (beats)
            WHERE isfinite(roll_up.retained_from)
            GROUP BY rolled.device
        ) AS deleted
        WHERE deleted.device = device.id AND rolled.device = device.id
        "
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Has ids of new devices continue after all that were ever given.
async fn continue_ids(connection: &mut Connection) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        SELECT setval(pg_get_serial_sequence('heartbeat.devices', 'id'), GREATEST(max(id) + 1, 0), false)
        FROM (SELECT id FROM heartbeat.devices UNION ALL SELECT device FROM heartbeat.erasures) AS given (id)
        WHERE id < $1
        HAVING max(id) IS NOT NULL
        ",
        NEXT_ID_MAX
    )
    .fetch_optional(connection)
    .await
    .map(drop)
}
