//! Legacy import: `heartbeat migrate` on a database with the legacy schema.

use std::process::Stdio;

use heartbeat_tests::{Database, Server, ServerBuilder, database::migrations, server::program};
use serde_json::json;
use sqlx::Row;

use crate::{
    assert_named_by_former_id,
    legacy_database::{self, TOKENS},
};

/// Tables, columns, keys and indexes in schema `heartbeat`, as text.
async fn describe_schema(database: &Database) -> Vec<String> {
    let rows = sqlx::raw_sql(
        "SELECT table_name || ' ' || column_name || ' ' || data_type || ' ' || is_nullable || ' '
             || coalesce(column_default, '') || ' ' || is_identity AS line
         FROM information_schema.columns WHERE table_schema = 'heartbeat'
         UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'heartbeat'
         UNION ALL SELECT conname || ' ' || pg_get_constraintdef(pg_constraint.oid)
         FROM pg_constraint JOIN pg_namespace ON pg_namespace.oid = connamespace WHERE nspname = 'heartbeat'
         UNION ALL SELECT nspname FROM pg_namespace WHERE nspname LIKE 'heartbeat%'
         ORDER BY line",
    )
    .fetch_all(&mut database.connect().await)
    .await
    .expect("a schema");
    rows.iter().map(|row| row.get("line")).collect()
}

#[tokio::test]
async fn a_million_beats_and_every_token_are_imported() {
    let database = legacy_database::database(1_000_000).await;
    let (code, output) = ServerBuilder::on(&database).run().await;
    assert_eq!(code, 1, "{output}");
    assert!(
        output.contains("those of an earlier Heartbeat: stop it, back up, run `heartbeat migrate`"),
        "{output}"
    );

    let (code, output) = legacy_database::migrate(&database).run().await;
    assert_eq!(code, 0, "{output}");
    let expected = format!(
        "Moved in from an earlier Heartbeat, with all tokens: devices: 4, beats: 1,000,000.\n\
         The database is up to date: {} migrations were applied.\n",
        migrations()
    );
    assert!(output.starts_with(&expected), "{output}");
    assert!(output.contains("copying beats: 1,000,000 of 1,000,000\n"), "{output}");

    let server = ServerBuilder::on(&database).start().await;
    let stats = server.stranger().stats().await;
    assert_eq!(stats["num_visits"], 1628);
    assert_eq!(stats["total_beats"], 1_000_000);
    assert_eq!(stats["last_seen"], 1_767_225_569);
    assert_eq!(
        stats["devices"],
        json!([
            { "id": 0, "name": "Laptop", "last_beat": 1_767_225_508, "num_beats": 333_333 },
            { "id": 1, "name": null, "last_beat": 1_767_225_569, "num_beats": 333_334 },
            { "id": 5, "name": "Téléphone <b>", "last_beat": 1_767_225_539, "num_beats": 333_333 },
            { "id": 6, "name": "Never used", "last_beat": null, "num_beats": 0 },
        ])
    );
    let started = "SELECT extract(epoch FROM server_start_time)::bigint FROM heartbeat.stats";
    assert_eq!(database.number(started).await, 1_690_624_800);
    let record = "SELECT floor(extract(epoch FROM longest_absence))::bigint FROM heartbeat.stats";
    assert_eq!(database.number(record).await, 86_400 + 2 * 3_600 + 3 * 60 + 4);
    let first = "SELECT (extract(epoch FROM min(time_stamp)) * 1000000)::bigint FROM heartbeat.beats";
    assert_eq!(database.number(first).await, (1_767_225_600 - 30_500_000) * 1_000_000 + 1);

    for token in TOKENS {
        server.stranger().authorized(token).beat().await;
        server.stranger().authorized(&format!("Bearer {token}")).beat().await;
    }
    assert_eq!(server.stranger().authorized("earlier").post("/api/beat", "").await.status, 401);
    assert_eq!(server.stranger().stats().await["total_beats"], 1_000_008);
    assert_eq!(server.owner().register("New").await.0, 7);
}

#[tokio::test]
async fn tokens_that_worked_over_http_before_work_over_http_after() {
    let (mut server, database) = Server::fresh().await;
    let mut tokens = Vec::new();
    for name in ["Laptop", "Phone"] {
        let (id, token) = server.owner().register(name).await;
        server.stranger().authorized(&token).beat().await;
        tokens.push((id, token));
    }
    assert!(server.stop().await.success());
    // The same devices in the legacy schema, which stores tokens in clear.
    database.execute("DROP SCHEMA heartbeat CASCADE").await;
    database.execute(include_str!("../../legacy-schema.sql")).await;
    for (id, token) in &tokens {
        let device = format!("INSERT INTO heartbeat.devices VALUES ({id}, 'Device {id}', '{token}', 0)");
        database.execute(&device).await;
    }

    assert_eq!(legacy_database::migrate(&database).run().await.0, 0);
    let server = ServerBuilder::on(&database).start().await;
    for (_, token) in &tokens {
        server.stranger().authorized(token).beat().await;
    }
    let stats = server.stranger().stats().await;
    assert_eq!((&stats["total_beats"], &stats["num_visits"]), (&json!(2), &json!(0)));
    let plain =
        format!("SELECT count(*) FROM heartbeat.devices AS it WHERE it::text LIKE '%{}%'", tokens[0].1);
    assert_eq!(database.number(&plain).await, 0);
}

#[tokio::test]
async fn the_imported_schema_equals_a_new_one_and_public_is_unchanged() {
    let public =
        "SELECT count(*) FROM public._sqlx_migrations WHERE version IN (20221016, 20230301) AND success";
    let database = legacy_database::database(1_000).await;
    assert_eq!(legacy_database::migrate(&database).run().await.0, 0);
    let (_server, fresh) = Server::fresh().await;
    assert_eq!(describe_schema(&database).await, describe_schema(&fresh).await);
    assert_eq!(database.number(public).await, 2);
    assert_eq!(
        legacy_database::migrate(&database).run().await,
        (0, "The database is up to date.\n".to_owned())
    );
}

#[tokio::test]
async fn it_needs_no_table_of_migrations_and_no_stats() {
    let database = legacy_database::database(1_000).await;
    database
        .execute(
            "DROP TABLE public._sqlx_migrations;
             DELETE FROM heartbeat.stats;
             DELETE FROM heartbeat.beats WHERE time_stamp BETWEEN '2025-12-31 17:00Z' AND '2025-12-31 20:00Z'",
        )
        .await;
    assert_eq!(legacy_database::migrate(&database).run().await.0, 0);
    // Worked out from the beats themselves.
    let record = "SELECT floor(extract(epoch FROM longest_absence))::bigint FROM heartbeat.stats";
    assert!((10_800..10_861).contains(&database.number(record).await));
    let started = "SELECT count(*) FROM heartbeat.stats
                   WHERE server_start_time = (SELECT min(time_stamp) FROM heartbeat.beats)";
    assert_eq!(database.number(started).await, 1);
}

#[tokio::test]
async fn beats_whose_device_is_gone_stay_and_count() {
    let database = legacy_database::database(999).await;
    database.execute("DELETE FROM heartbeat.devices WHERE id = 5").await;
    assert_eq!(legacy_database::migrate(&database).run().await.0, 0);
    let server = ServerBuilder::on(&database).start().await;
    let stats = server.stranger().stats().await;
    assert_eq!(stats["total_beats"], 999);
    assert_eq!(stats["devices"][2]["id"], 5);
    assert_eq!(stats["devices"][2]["num_beats"], 333);
}

#[tokio::test]
async fn ids_that_javascript_would_round_become_small_and_go_on_naming_their_devices() {
    let database = legacy_database::database(999).await;
    database
        .execute(
            "UPDATE heartbeat.devices SET id = 912840992904712192 WHERE id = 1;
             UPDATE heartbeat.beats SET device = 912840992904712192 WHERE device = 1;
             UPDATE heartbeat.devices SET id = 912840992904712193 WHERE id = 6;
             UPDATE heartbeat.beats SET device = 9007199254740992 WHERE device = 5;
             DELETE FROM heartbeat.devices WHERE id = 5",
        )
        .await;
    assert_eq!(legacy_database::migrate(&database).run().await.0, 0);
    let server = ServerBuilder::on(&database).start().await;
    let stats = server.stranger().stats().await;
    let devices = stats["devices"].as_array().expect("devices").iter();
    let devices: Vec<_> =
        devices.map(|it| (it["id"].as_i64(), it["name"].as_str(), it["num_beats"].as_i64())).collect();
    assert_eq!(
        devices,
        [
            (Some(0), Some("Laptop"), Some(333)),
            // Beats of a device that is gone.
            (Some(1), None, Some(333)),
            (Some(2), None, Some(333)),
            (Some(3), Some("Never used"), Some(0)),
        ]
    );
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats WHERE device > 2").await, 0);
    let former = "912840992904712193";
    assert_named_by_former_id(&server, former, 3, "Never used").await;
    // The token is the one that the device had before it got another one.
    let device = server.owner().post(&format!("/api/devices/{former}/token/generate"), "").await;
    assert_eq!(server.stranger().authorized("unused").post("/api/beat", "").await.status, 401, "{device}");
    assert_eq!(server.owner().register("New").await.0, 4);
}

#[tokio::test]
async fn beats_of_the_future_count_and_are_not_the_last_ones() {
    let database = legacy_database::database(999).await;
    database
        .execute(
            "INSERT INTO heartbeat.beats VALUES (0, 'infinity'), (0, '-infinity'), (1, now() + interval '2 years');
             UPDATE heartbeat.stats SET server_start_time = NULL, longest_absence = NULL",
        )
        .await;
    let (code, output) = legacy_database::migrate(&database).run().await;
    assert_eq!(code, 0, "{output}");
    let server = ServerBuilder::on(&database).start().await;
    let stats = server.stranger().stats().await;
    assert_eq!((&stats["total_beats"], &stats["last_seen"]), (&json!(1002), &json!(1_767_225_569)));
    let record = "SELECT floor(extract(epoch FROM longest_absence))::bigint FROM heartbeat.stats";
    assert_eq!(database.number(record).await, 30);
}

#[tokio::test]
async fn an_obstacle_is_named_and_nothing_is_changed() {
    let cases = [
        (
            "INSERT INTO heartbeat.devices VALUES (9, 'Twin', 'unused', 0)",
            "heartbeat: database: devices 6 and 9 have the same token: give one of them another, and migrate again",
        ),
        (
            "CREATE VIEW public.names AS SELECT name FROM heartbeat.devices",
            "view names depends on table heartbeat_legacy.devices; drop that, and migrate again",
        ),
        (
            "ALTER TABLE heartbeat.stats DROP COLUMN longest_absence",
            "heartbeat: database: schema heartbeat holds tables that no Heartbeat made: use another database",
        ),
    ];
    for (obstacle, expected) in cases {
        let database = legacy_database::database(1_000).await;
        database.execute(obstacle).await;
        let before = legacy_database::fingerprint(&database).await;
        let (code, output) = legacy_database::migrate(&database).run().await;
        assert_eq!(code, 1, "{output}");
        assert!(output.lines().last().is_some_and(|line| line.contains(expected)), "{output}");
        assert_eq!(legacy_database::fingerprint(&database).await, before);
    }
}

#[tokio::test]
async fn on_a_terminal_there_is_a_progress_bar() {
    let database = legacy_database::database(200_000).await;
    // Runs the program on a pseudoterminal (util-linux).
    let output = tokio::process::Command::new("script")
        .args(["--quiet", "--return", "--command"])
        .arg(format!("'{}' migrate", program().display()))
        .arg("/dev/null")
        .env("HEARTBEAT_DATABASE_DSN", database.url())
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .output()
        .await
        .expect("script");
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}");
    assert!(shown.contains("copying beats [") && shown.contains("] 200,000 of 200,000, 0s to go"), "{shown}");
    assert!(shown.contains("Moved in from an earlier Heartbeat"), "{shown}");
}
