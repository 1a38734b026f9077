//! Devices whose beats tell less than they seem to: those that never pause, and those that have gone quiet. Each is told of
//! once, until it has behaved otherwise; not at all as long as no channel wants to know.

use time::Duration;

use super::connection::Connection;

/// Time of beats without a pause after which a device is suspicious: no person is awake for as long.
const RUN: Duration = Duration::hours(20);

/// What a pause is at least.
const PAUSE: Duration = Duration::minutes(30);

/// How far a device is behind the others when it is quiet.
const QUIET: Duration = Duration::days(7);

/// Puts an event into the outbox for each device that has been beating without a pause and whose beats are taken for signs of
/// life, and for each channel that subscribes to it. Returns how many devices there are that were not told of before.
///
/// It goes by what was rolled up, so that it is a minute late, or some on Lambda; and says nothing as long as older beats are
/// still being read.
pub async fn note_suspicious(connection: &mut Connection) -> Result<u64, sqlx::Error> {
    let noted = sqlx::query_scalar!(
        r#"
        WITH run AS (
            SELECT
                rolled.device,
                COALESCE(
                    (
                        SELECT max(ended_at) FROM heartbeat.device_absences AS absence
                        WHERE absence.device = rolled.device
                          AND ended_at - started_at >= make_interval(secs => $2)
                          AND started_at > now() - make_interval(days => 400)
                    ),
                    rolled.first_beat
                ) AS since,
                rolled.last_beat
            FROM heartbeat.rolled_devices AS rolled
            JOIN heartbeat.devices AS device ON device.id = rolled.device
            WHERE EXISTS (SELECT FROM heartbeat.subscriptions WHERE kind = 'device.suspicious')
              AND device.sign_of_life
              AND device.archived_at IS NULL
              AND rolled.last_beat BETWEEN now() - make_interval(secs => $2) AND now()
              AND (SELECT rolled_until FROM heartbeat.roll_up) BETWEEN now() - make_interval(mins => 20) AND now()
        ), noted AS (
            INSERT INTO heartbeat.device_notices (device, kind, since)
            SELECT device, 'device.suspicious', since FROM run
            WHERE last_beat - since >= make_interval(secs => $1)
            ON CONFLICT (device, kind) DO UPDATE SET since = EXCLUDED.since
            WHERE device_notices.since <> EXCLUDED.since
            RETURNING device, since
        ), queued AS (
            INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload)
            SELECT channel, kind, now(), jsonb_build_object('device', device, 'since', since)
            FROM noted JOIN heartbeat.subscriptions ON kind = 'device.suspicious'
        )
        SELECT count(*) AS "noted!" FROM noted
        "#,
        RUN.as_seconds_f64(),
        PAUSE.as_seconds_f64(),
    )
    .fetch_one(connection)
    .await?;
    Ok(noted.unsigned_abs())
}

/// Puts an event into the outbox for each device that has not beaten for a week while another one has, and for each channel
/// that subscribes to it. Returns how many devices there are that were not told of before.
pub async fn note_quiet(connection: &mut Connection) -> Result<u64, sqlx::Error> {
    let noted = sqlx::query_scalar!(
        r#"
        WITH noted AS (
            INSERT INTO heartbeat.device_notices (device, kind, since)
            SELECT id, 'device.quiet', last_beat FROM heartbeat.devices
            WHERE EXISTS (SELECT FROM heartbeat.subscriptions WHERE kind = 'device.quiet')
              AND archived_at IS NULL
              AND last_beat BETWEEN 'epoch' AND now()
              AND last_beat <= (
                  SELECT max(last_beat) FROM heartbeat.devices WHERE last_beat BETWEEN 'epoch' AND now()
              ) - make_interval(secs => $1)
            ON CONFLICT (device, kind) DO UPDATE SET since = EXCLUDED.since
            WHERE device_notices.since <> EXCLUDED.since
            RETURNING device, since
        ), queued AS (
            INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload)
            SELECT channel, kind, now(), jsonb_build_object('device', device, 'last_beat', since)
            FROM noted JOIN heartbeat.subscriptions ON kind = 'device.quiet'
        )
        SELECT count(*) AS "noted!" FROM noted
        "#,
        QUIET.as_seconds_f64(),
    )
    .fetch_one(connection)
    .await?;
    Ok(noted.unsigned_abs())
}
