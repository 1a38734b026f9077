//! Pairing: codes, the tokens that they offer, and the first beat of such a token.
//!
//! Each transaction locks the row of the device first. The statements after it see all that was committed before, so that
//! codes, offers and the token of a device change together, and only one beat makes an offer the token.

use sqlx::postgres::types::PgInterval;
use time::{Duration, OffsetDateTime};

use super::{
    connection::Connection,
    credentials::{Credentials, lock},
    literal::Literal,
};
use crate::{
    device::{NAME_MAX_CHARS, Registered},
    pairing::{CodeHash, PairingState},
    token::TokenHash,
};

/// Time for which a code may be redeemed: to take the other device and to type it.
const CODE_LIFETIME: Duration = Duration::minutes(10);

/// Failures in [`FAILURES_WINDOW`] after which no code is looked at.
const FAILURES_MAX: i64 = 10;

/// Time for which a failure counts.
const FAILURES_WINDOW: Duration = Duration::MINUTE;

/// Tokens on offer for a device: more than answers are lost. The oldest one makes room.
const OFFERS_MAX: i64 = 8;

/// What became of an attempt to redeem a code.
#[derive(Debug)]
pub enum Redemption {
    /// The device has one more token on offer.
    Redeemed(Registered),
    /// No device has this code now. The failure was counted.
    Unknown,
    /// There were too many failures, so that the code was not looked at.
    Refused {
        /// Time until the next attempt.
        retry_after: Duration,
    },
}

/// Gives the device that has this id, or had it formerly, a new code. The one before is void, as are the tokens that it
/// offered. Returns when the code expires.
pub async fn start(
    connection: &mut Connection,
    id: i64,
    code: CodeHash,
) -> Result<Credentials<OffsetDateTime>, sqlx::Error> {
    connection.ensure_transaction().await?;
    let Some(device) = lock(connection, id).await? else { return Ok(Credentials::UnknownDevice) };
    if device.is_archived {
        return Ok(Credentials::Archived);
    }
    forget(connection, device.id).await?;
    sqlx::query_scalar!(
        "
        INSERT INTO heartbeat.pairings (device, code_hash, expires_at) VALUES ($1, $2, now() + $3)
        RETURNING expires_at
        ",
        device.id,
        code.as_bytes(),
        interval(CODE_LIFETIME),
    )
    .fetch_one(connection)
    .await
    .map(Credentials::Changed)
}

/// Deletes the code of a locked device, and the tokens that it offered.
pub(super) async fn forget(connection: &mut Connection, device: i64) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        WITH offers AS (DELETE FROM heartbeat.offered_tokens WHERE device = $1)
        DELETE FROM heartbeat.pairings WHERE device = $1
        ",
        device,
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Returns what became of the last code of the device that has this id, or had it formerly; `None` if it has none.
pub async fn state(connection: &mut Connection, id: i64) -> Result<Option<PairingState>, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        SELECT expires_at, expires_at <= now() AS "is_late!", redeemed_at IS NOT NULL AS "is_redeemed!",
            used_at IS NOT NULL AS "is_used!"
        FROM heartbeat.pairings
        WHERE device = COALESCE((SELECT device FROM heartbeat.former_ids WHERE former_id = $1), $1)
        "#,
        id,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| match (row.is_used, row.is_redeemed, row.is_late) {
        (true, _, _) => PairingState::Used,
        (false, true, _) => PairingState::Redeemed,
        (false, false, true) => PairingState::Expired,
        (false, false, false) => PairingState::Waiting { expires_at: row.expires_at },
    }))
}

/// Puts `token` on offer for the device whose code this is, or counts a failure. Attempts of all processes take turns, so
/// that no more of them fail than may.
pub async fn redeem(
    connection: &mut Connection,
    code: CodeHash,
    token: TokenHash,
) -> Result<Redemption, sqlx::Error> {
    connection.ensure_transaction().await?;
    if let Some(retry_after) = time_until_attempt(connection).await? {
        return Ok(Redemption::Refused { retry_after });
    }
    if let Some(device) = offer(connection, code, token).await? {
        return Ok(Redemption::Redeemed(device));
    }
    count_failure(connection).await?;
    Ok(Redemption::Unknown)
}

/// Locks the failures, and returns for how long no code may be tried, if so. Failures in the future are not believed.
async fn time_until_attempt(connection: &mut Connection) -> Result<Option<Duration>, sqlx::Error> {
    let seconds = sqlx::query_scalar!(
        r#"
        SELECT (
            SELECT extract(epoch FROM failure.time + $1::interval - clock_timestamp())::double precision
            FROM unnest(failed_at) AS failure (time)
            WHERE failure.time BETWEEN clock_timestamp() - $1::interval AND clock_timestamp()
            ORDER BY failure.time DESC
            OFFSET $2 LIMIT 1
        ) AS seconds
        FROM heartbeat.pairing_failures
        FOR UPDATE
        "#,
        interval(FAILURES_WINDOW),
        FAILURES_MAX - 1,
    )
    .fetch_one(connection)
    .await?;
    // It may have left the window between two readings of the clock.
    Ok(seconds.map(Duration::seconds_f64).filter(|delay| delay.is_positive()))
}

async fn count_failure(connection: &mut Connection) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        UPDATE heartbeat.pairing_failures
        SET failed_at = ARRAY(
            SELECT failure.time
            FROM unnest(failed_at) AS failure (time)
            WHERE failure.time BETWEEN clock_timestamp() - $1::interval AND clock_timestamp()
            ORDER BY failure.time
        ) || clock_timestamp()
        ",
        interval(FAILURES_WINDOW),
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Puts `token` on offer for the device whose code this is. `None` if there is no such code, or no longer.
async fn offer(
    connection: &mut Connection,
    code: CodeHash,
    token: TokenHash,
) -> Result<Option<Registered>, sqlx::Error> {
    let device = sqlx::query_as!(
        Registered,
        "
        SELECT devices.id, left(devices.name, $2) AS name
        FROM heartbeat.pairings JOIN heartbeat.devices ON devices.id = pairings.device
        WHERE pairings.code_hash = $1 AND devices.archived_at IS NULL
        FOR UPDATE OF devices
        ",
        code.as_bytes(),
        i32::from(NAME_MAX_CHARS),
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(device) = device else { return Ok(None) };
    // A code that would last for longer than codes do was made before the clock was set back.
    let redeemed = sqlx::query_scalar!(
        "
        WITH redeemed AS (
            UPDATE heartbeat.pairings SET redeemed_at = COALESCE(redeemed_at, now())
            WHERE device = $1 AND code_hash = $2 AND used_at IS NULL
              AND expires_at > now() AND expires_at <= now() + $3
            RETURNING device
        ), offered AS (
            INSERT INTO heartbeat.offered_tokens (token_hash, device, offered_at)
            SELECT $4, device, clock_timestamp() FROM redeemed
        ), withdrawn AS (
            DELETE FROM heartbeat.offered_tokens
            WHERE token_hash IN (
                SELECT token_hash FROM heartbeat.offered_tokens JOIN redeemed USING (device)
                ORDER BY offered_at DESC
                OFFSET $5
            )
        )
        SELECT device FROM redeemed
        ",
        device.id,
        code.as_bytes(),
        interval(CODE_LIFETIME),
        token.as_bytes(),
        OFFERS_MAX - 1,
    )
    .fetch_optional(connection)
    .await?;
    Ok(redeemed.map(|_| device))
}

/// Makes `token`, if it is on offer, the token of its device. The one before is dead, the device has no other offers, and its
/// code is used; channels that subscribe to it are notified. Returns whether a device may have the token then: another process may have been first.
pub async fn promote(connection: &mut Connection, token: TokenHash) -> Result<bool, sqlx::Error> {
    if !is_offered_or_valid(connection, token).await? {
        return Ok(false);
    }
    connection.ensure_transaction().await?;
    let device = sqlx::query_scalar!(
        "
        SELECT id FROM heartbeat.devices
        WHERE id = (SELECT device FROM heartbeat.offered_tokens WHERE token_hash = $1)
          AND archived_at IS NULL
        FOR UPDATE
        ",
        token.as_bytes(),
    )
    .fetch_optional(&mut *connection)
    .await?;
    sqlx::query!(
        "
        WITH promoted AS (
            SELECT device, token_hash FROM heartbeat.offered_tokens WHERE token_hash = $1 AND device = $2
        ), replaced AS (
            UPDATE heartbeat.devices SET token_hash = promoted.token_hash
            FROM promoted WHERE devices.id = promoted.device
        ), used AS (
            UPDATE heartbeat.pairings SET used_at = now()
            FROM promoted WHERE pairings.device = promoted.device
        ), queued AS (
            INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload)
            SELECT channel, kind, now(), jsonb_build_object('device', device)
            FROM promoted JOIN heartbeat.subscriptions ON kind = 'device.paired'
        )
        DELETE FROM heartbeat.offered_tokens USING promoted WHERE offered_tokens.device = promoted.device
        ",
        token.as_bytes(),
        device,
    )
    .execute(connection)
    .await?;
    Ok(true)
}

/// Whether the token is on offer, or that of a device: all that tokens of strangers cost.
async fn is_offered_or_valid(connection: &mut Connection, token: TokenHash) -> Result<bool, sqlx::Error> {
    if connection.is_pooled() {
        let token = [Literal::Bytes(token.as_bytes())];
        let rows: Vec<(bool,)> =
            connection.fetch_and_commit(include_str!("pairings/is_offered_or_valid.sql"), &token).await?;
        return Ok(rows.iter().any(|(is_offered_or_valid,)| *is_offered_or_valid));
    }
    sqlx::query_file_scalar!("src/database/pairings/is_offered_or_valid.sql", token.as_bytes())
        .fetch_one(connection)
        .await
}

/// Returns the duration as an argument of a statement.
fn interval(duration: Duration) -> PgInterval {
    let microseconds = i64::try_from(duration.whole_microseconds()).unwrap_or(i64::MAX);
    PgInterval { months: 0, days: 0, microseconds }
}
