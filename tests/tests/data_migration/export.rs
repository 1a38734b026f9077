//! Dumps: `heartbeat export` and `heartbeat import`.

use heartbeat_tests::{Database, Server, ServerBuilder};

use crate::{assert_named_by_former_id, assert_same_stats, legacy_database};

/// Returns the export of a database.
pub(crate) async fn export(database: &Database) -> String {
    let output = ServerBuilder::on(database).argument("export").pipe("").await;
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// Imports `text` into a database; returns the exit code and stderr.
pub(crate) async fn import(database: &Database, text: &str) -> (Option<i32>, String) {
    let output = ServerBuilder::on(database).argument("import").pipe(text).await;
    assert!(output.stdout.is_empty());
    (output.status.code(), String::from_utf8(output.stderr).expect("text"))
}

/// Creates a database with two devices, beats of one of them, and a visit.
async fn small() -> Database {
    let (mut server, database) = Server::fresh().await;
    let laptop = server.device("Laptop \"7\"\\ \u{1F499}").await;
    server.device("Phone").await;
    laptop.beat().await;
    laptop.beat().await;
    assert_eq!(server.stranger().get("/").await.status, 200);
    assert!(server.stop().await.success());
    database
}

#[tokio::test]
async fn an_import_gives_the_same_stats_to_the_byte_and_every_token_still_works() {
    let database = legacy_database::database(200_000).await;
    assert_eq!(legacy_database::migrate(&database).run().await.0, 0);
    let (original, copy) = (ServerBuilder::on(&database).start().await, Database::create().await);
    // Ends an absence.
    original.stranger().authorized("unused").beat().await;
    // The server keeps running during the export.
    let text = export(&database).await;
    let (code, output) = import(&copy, &text).await;
    assert_eq!(code, Some(0), "{output}");
    assert!(output.ends_with("Imported: devices: 4, beats: 200,001.\n"), "{output}");
    assert!(output.contains("reading beats: "), "{output}");

    assert_eq!(export(&copy).await, text);
    let server = ServerBuilder::on(&copy).start().await;
    assert_same_stats(&original, &server).await;
    for token in legacy_database::TOKENS {
        server.stranger().authorized(token).beat().await;
    }
    assert_eq!(server.owner().register("New").await.0, 7);
}

#[tokio::test]
async fn an_export_is_one_object_a_line_and_contains_no_token() {
    let (mut server, database) = Server::fresh().await;
    let (_, token) = server.owner().register("Laptop").await;
    server.stranger().authorized(&token).beat().await;
    assert!(server.stop().await.success());
    database
        .execute(
            "UPDATE heartbeat.stats SET server_start_time = '2023-07-29 10:00:00.5Z', longest_absence = '00:00:01.5';
             UPDATE heartbeat.devices SET token_hash = sha256('abc'), created_at = '2023-07-29 10:00:01Z';
             UPDATE heartbeat.beats SET time_stamp = '2023-10-01 12:00:00.123456Z'",
        )
        .await;
    let text = export(&database).await;
    assert!(!text.contains(&token));
    insta::assert_snapshot!(text, @r#"
    {"type":"heartbeat_export","version":4}
    {"type":"stats","total_visits":0,"server_start_time":"2023-07-29T10:00:00.5Z","longest_absence_microseconds":1500000}
    {"type":"device","id":0,"name":"Laptop","token_hash":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","visibility":"public","sign_of_life":true,"created_at":"2023-07-29T10:00:01Z"}
    {"type":"beat","device":0,"time_stamp":"2023-10-01T12:00:00.123456Z"}
    {"type":"end","devices":1,"absences":0,"beats":1}
    "#);
}

#[tokio::test]
async fn editor_keys_are_in_an_export_as_hashes_and_work_after_an_import() {
    let (server, database) = Server::fresh().await;
    server.device("Laptop").await;
    server.device("Phone").await;
    let key = server.owner().editor_key(1).await;
    let text = export(&database).await;
    assert!(!text.contains(&key) && text.matches("editor_key_hash").count() == 1, "{text}");

    let copy = Database::create().await;
    assert_eq!(import(&copy, &text).await.0, Some(0));
    assert_eq!(export(&copy).await, text);
    let server = ServerBuilder::on(&copy).start().await;
    let editor = server.stranger().editor(&key);
    let now = copy.number("SELECT extract(epoch FROM now())::bigint").await;
    let body = format!(r#"{{"time": {now}}}"#);
    assert_eq!(editor.post("/api/v1/users/current/heartbeats", body).await.status, 201);
    assert_eq!(server.stranger().stats().await["devices"][1]["num_beats"], 1);
}

#[tokio::test]
async fn only_an_empty_database_takes_an_import() {
    let database = small().await;
    let text = export(&database).await;
    let (code, output) = import(&database, &text).await;
    assert_eq!(code, Some(1));
    assert_eq!(
        output,
        "heartbeat: import: the database holds devices, beats, channels or alerts already: take an empty one; nothing was changed\n"
    );
    assert_eq!(export(&database).await, text);
}

#[tokio::test]
async fn an_invalid_export_is_reported_with_its_line_and_imports_nothing() {
    let text = export(&small().await).await;
    let lines: Vec<&str> = text.lines().collect();
    let with = |number: usize, line: &str| {
        let mut lines = lines.clone();
        lines[number - 1] = line;
        lines.join("\n")
    };
    let without_end = lines[..lines.len() - 1].join("\n");
    let long = "x".repeat(2 << 20);
    let cases = [
        (String::new(), "line 1: an export begins with a line that says so"),
        ("{}".to_owned(), "line 1: not a line of an export: missing field `type`"),
        (
            with(1, r#"{"type":"heartbeat_export","version":5}"#),
            "line 1: version 5 of the format needs a newer Heartbeat",
        ),
        (without_end, "line 7: the file was cut off before its last line"),
        (text[..text.len() - 2].to_owned(), "line 7: not a line of an export: EOF while parsing an object"),
        (with(5, ""), "line 5: not a line of an export: EOF while parsing a value"),
        (
            with(4, lines[2]),
            "line 4: duplicate key value violates unique constraint \"devices_pkey\" (SQLSTATE 23505)",
        ),
        (
            with(6, r#"{"type":"beat","device":0,"time_stamp":"yesterday"}"#),
            "line 6: not a line of an export: ",
        ),
        (with(2, lines[2]), "line 3: duplicate key"),
        (with(6, lines[1]), "line 7: other lines were written than are here"),
        (text.clone() + lines[5], "line 8: nothing may follow the end"),
        (with(1, &long), "line 1: not a line of an export: expected value"),
    ];
    for (damaged, expected) in cases {
        let database = Database::create().await;
        let (code, output) = import(&database, &damaged).await;
        assert_eq!(code, Some(1), "{output}");
        assert!(output.contains(&format!("heartbeat: import: {expected}")), "{expected}: {output}");
        let (code, output) = import(&database, &text).await;
        assert_eq!(code, Some(0), "{output}");
    }
}

#[tokio::test]
async fn what_the_api_would_refuse_is_refused_with_its_line_and_imports_nothing() {
    let text = export(&small().await).await;
    let lines: Vec<&str> = text.lines().collect();
    let device = |id: i64, name: &str| {
        let token_hash = "0".repeat(64);
        (3, serde_json::json!({ "type": "device", "id": id, "name": name, "token_hash": token_hash }))
    };
    let stats = |visits: i64, started: &str, longest: i64| {
        (
            2,
            serde_json::json!({ "type": "stats", "total_visits": visits, "server_start_time": started,
                "longest_absence_microseconds": longest }),
        )
    };
    let setting =
        |name: &str, value: &str| (3, serde_json::json!({ "type": "setting", "name": name, "value": value }));
    let beat = |device: i64, time: &str| {
        (5, serde_json::json!({ "type": "beat", "device": device, "time_stamp": time }))
    };
    let (then, future) = ("2024-01-01T00:00:00Z", "9999-12-31T23:59:59Z");
    let cases = [
        (device(-1, "Laptop"), "device id -1: expected a number from 0 to 9007199254740991"),
        (
            device(i64::MAX, "Laptop"),
            "device id 9223372036854775807: expected a number from 0 to 9007199254740991",
        ),
        (device(0, "\u{1b}[2J"), "device name: the name holds a control character"),
        (device(0, " "), "device name: the name is empty"),
        (device(0, &"x".repeat(101)), "device name: the name is longer than 100 characters"),
        (setting("precision", "second"), "precision: expected exact, minute, quarter, hour, day or week"),
        (setting("history", ""), "history: expected off, owner, day or full"),
        (setting("timezone", "Middle/Earth"), "timezone: expected the name of a time zone"),
        (setting("color", "red"), "setting: expected precision, history or timezone"),
        (stats(-1, then, 0), "total_visits -1: expected a number from 0"),
        (stats(0, future, 0), "server_start_time 9999-12-31"),
        (stats(0, then, -1), "longest_absence_microseconds -1: expected a duration from 0"),
        (stats(0, then, i64::MAX), "longest_absence_microseconds 9223372036854775807: expected"),
        (beat(-7, then), "device id -7: expected a number"),
        (beat(0, future), "time_stamp 9999-12-31 23:59:59.0 +00:00:00: expected a time from 1970 up to now"),
        (beat(0, "1969-12-31T23:59:59Z"), "time_stamp 1969-12-31"),
    ];
    for ((number, line), expected) in cases {
        let mut lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        lines[number - 1] = line.to_string();
        let database = Database::create().await;
        let (code, output) = import(&database, &lines.join("\n")).await;
        assert_eq!(code, Some(1), "{output}");
        let expected = format!("heartbeat: import: line {number}: {expected}");
        assert!(output.contains(&expected), "{expected}: {output}");
        assert!(!output.contains('\u{1b}'), "{output:?}");
        assert_eq!(database.number("SELECT count(*) FROM heartbeat.devices").await, 0);
        assert_eq!(database.number("SELECT total_visits FROM heartbeat.stats").await, 0);
    }
}

#[tokio::test]
async fn an_absence_is_checked_too() {
    let text = export(&small().await).await;
    let absence = |started_at: &str, ended_at: &str| {
        let line = serde_json::json!({ "type": "absence", "ended_by": 0, "started_at": started_at,
            "ended_at": ended_at });
        let text = text.replacen("{\"type\":\"beat\"", &format!("{line}\n{{\"type\":\"beat\""), 1);
        text.replace("\"absences\":0", "\"absences\":1")
    };
    for (started_at, ended_at) in [
        ("2024-01-01T00:00:00Z", "9999-01-01T00:00:00Z"),
        ("2024-01-02T00:00:00Z", "2024-01-01T00:00:00Z"),
        ("1900-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
    ] {
        let (code, output) = import(&Database::create().await, &absence(started_at, ended_at)).await;
        assert_eq!(code, Some(1), "{started_at} {output}");
        assert!(output.contains("heartbeat: import: line 5: "), "{output}");
    }
    let (code, output) =
        import(&Database::create().await, &absence("2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z")).await;
    assert_eq!(code, Some(0), "{output}");
}

#[tokio::test]
async fn what_no_device_can_have_sent_is_exported_as_what_an_import_accepts() {
    let (server, database) = Server::fresh().await;
    for name in ["Laptop", "Phone"] {
        server.device(name).await.beat().await;
        server.device(&format!("Unused {name}")).await;
    }
    drop(server);
    database
        .execute(
            "UPDATE heartbeat.beats SET time_stamp = 'infinity' WHERE device = 0;
             UPDATE heartbeat.devices SET name = E'  \\x1b[31mred' || repeat('x', 1000) WHERE id = 1;
             UPDATE heartbeat.devices SET name = E'\\t' WHERE id = 3;
             UPDATE heartbeat.stats SET total_visits = -5, server_start_time = '-infinity',
                 longest_absence = '178000000 years';
             INSERT INTO heartbeat.absences (ended_by, started_at, ended_at) VALUES (0, now(), 'infinity')",
        )
        .await;
    let text = export(&database).await;
    let copy = Database::create().await;
    let (code, output) = import(&copy, &text).await;
    assert_eq!(code, Some(0), "{output}");
    let server = ServerBuilder::on(&copy).start().await;
    let stats = server.stranger().stats().await;
    assert_eq!((&stats["total_beats"], &stats["num_visits"]), (&2.into(), &0.into()));
    assert_eq!(stats["devices"][0]["last_beat"], 0, "long ago: {stats}");
    let name = format!("[31mred{}", "x".repeat(93));
    assert_eq!(
        (&stats["devices"][1]["name"], &stats["devices"][3]["name"]),
        (&name.into(), &serde_json::Value::Null)
    );
}

#[tokio::test]
async fn ids_that_javascript_would_round_become_small_and_stay_as_former_ones() {
    let laptop = "912840992904712192";
    let old = format!(
        "{}\n{}\n{}\n{}\n{}\n{}\n{}\n",
        r#"{"type":"heartbeat_export","version":1}"#,
        r#"{"type":"stats","total_visits":0,"server_start_time":"2023-07-29T10:00:00Z","longest_absence_microseconds":0}"#,
        format_args!(r#"{{"type":"device","id":4,"name":"Phone","token_hash":"{}"}}"#, "1".repeat(64)),
        format_args!(
            r#"{{"type":"device","id":{laptop},"name":"Laptop","token_hash":"{}"}}"#,
            "2".repeat(64)
        ),
        format_args!(
            r#"{{"type":"absence","ended_by":{laptop},"started_at":"2023-10-01T12:00:00Z","ended_at":"2023-10-01T14:00:00Z"}}"#
        ),
        format_args!(r#"{{"type":"beat","device":{laptop},"time_stamp":"2023-10-01T14:00:00Z"}}"#),
        r#"{"type":"end","devices":2,"absences":1,"beats":1}"#,
    );
    let (one, two) = (Database::create().await, Database::create().await);
    assert_eq!(import(&one, &old).await.0, Some(0));
    let text = export(&one).await;
    assert!(text.contains(&format!(r#""id":5,"former_id":{laptop},"name":"Laptop""#)), "{text}");
    assert_eq!(import(&two, &text).await.0, Some(0));
    assert_eq!(export(&two).await, text);
    for database in [one, two] {
        assert_eq!(database.number("SELECT device FROM heartbeat.beats").await, 5);
        assert_eq!(database.number("SELECT ended_by FROM heartbeat.absences").await, 5);
        let server = ServerBuilder::on(&database).start().await;
        assert_named_by_former_id(&server, laptop, 5, "Laptop").await;
        assert_eq!(server.owner().register("New").await.0, 6);
    }
}

#[tokio::test]
async fn without_tables_there_is_nothing_to_export() {
    let output = ServerBuilder::on(&Database::create().await).argument("export").pipe("").await;
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let expected = "heartbeat: export: database: there are no tables of Heartbeat: check that database.dsn names the right database\n";
    assert_eq!(String::from_utf8_lossy(&output.stderr), expected);
}
