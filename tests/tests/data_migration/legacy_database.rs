//! Database with the legacy schema, as an earlier Heartbeat leaves it.

use heartbeat_tests::{Database, ServerBuilder};

/// Rows of the legacy schema, except beats.
pub(crate) const DEVICES: &str = "
    INSERT INTO heartbeat.devices (id, name, token, num_beats) VALUES
        (0, 'Laptop', 'earlier-token-of-the-laptop', 7),
        (1, NULL, 'ZWFybGllci10b2tlbg==.0/1+2', NULL),
        (5, 'Téléphone <b>', 'schlüssel mit blanks', 0),
        (6, 'Never used', 'unused', 0);
    INSERT INTO heartbeat.stats VALUES (0, 1628, '2023-07-29 10:00:00.123456+00', '1 day 02:03:04.5');
    CREATE INDEX devices_token_idx ON heartbeat.devices (token);
    CREATE TABLE public._sqlx_migrations (version bigint PRIMARY KEY, description text NOT NULL, success boolean);
    INSERT INTO public._sqlx_migrations VALUES (20221016, 'initial', true), (20230301, 'more', true);
";

/// Tokens of those devices.
pub(crate) const TOKENS: [&str; 4] =
    ["earlier-token-of-the-laptop", "ZWFybGllci10b2tlbg==.0/1+2", "schlüssel mit blanks", "unused"];

/// Creates a database with the legacy schema, with `beats` beats of three devices, one every half a minute.
pub(crate) async fn database(beats: u32) -> Database {
    let database = Database::create().await;
    database.execute(include_str!("../../legacy-schema.sql")).await;
    database.execute(DEVICES).await;
    database
        .execute(&format!(
            "INSERT INTO heartbeat.beats
             SELECT (ARRAY[0, 1, 5])[1 + number % 3],
                 timestamptz '2026-01-01 00:00:00.000001+00' - number * interval '30.5 seconds'
             FROM generate_series(1, {beats}) AS number"
        ))
        .await;
    database
}

/// Returns a hash of everything in the legacy schema and in `public`.
pub(crate) async fn fingerprint(database: &Database) -> i64 {
    database
        .number(
            "SELECT sum(hashtextextended(line, 0) % 1000000007)::bigint
             FROM (
                 SELECT device::text FROM heartbeat.devices AS device
                 UNION ALL SELECT beat::text FROM heartbeat.beats AS beat
                 UNION ALL SELECT stats::text FROM heartbeat.stats
                 UNION ALL SELECT migration::text FROM public._sqlx_migrations AS migration
                 UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname IN ('heartbeat', 'public')
                 UNION ALL SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
                     WHERE nspname LIKE 'heartbeat%' OR nspname = 'public'
             ) AS lines (line)",
        )
        .await
}

/// Returns `heartbeat migrate` on that database.
pub(crate) fn migrate(database: &Database) -> ServerBuilder {
    ServerBuilder::on(database).argument("migrate")
}
