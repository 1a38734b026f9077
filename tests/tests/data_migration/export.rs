//! Dumps: `heartbeat export` and `heartbeat import`.

use heartbeat_tests::{Database, Server, ServerBuilder};

use crate::{assert_same_stats, legacy_database};

/// Returns the export of a database.
async fn export(database: &Database) -> String {
    let output = ServerBuilder::on(database).argument("export").pipe("").await;
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// Imports `text` into a database; returns the exit code and stderr.
async fn import(database: &Database, text: &str) -> (Option<i32>, String) {
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

    let server = ServerBuilder::on(&copy).start().await;
    assert_same_stats(&original, &server).await;
    assert_eq!(export(&copy).await, text);
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
             UPDATE heartbeat.devices SET token_hash = sha256('abc');
             UPDATE heartbeat.beats SET time_stamp = '2023-10-01 12:00:00.123456Z'",
        )
        .await;
    let text = export(&database).await;
    assert!(!text.contains(&token));
    insta::assert_snapshot!(text, @r#"
    {"type":"heartbeat_export","version":1}
    {"type":"stats","total_visits":0,"server_start_time":"2023-07-29T10:00:00.5Z","longest_absence_microseconds":1500000}
    {"type":"device","id":0,"name":"Laptop","token_hash":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}
    {"type":"beat","device":0,"time_stamp":"2023-10-01T12:00:00.123456Z"}
    {"type":"end","devices":1,"absences":0,"beats":1}
    "#);
}

#[tokio::test]
async fn only_an_empty_database_takes_an_import() {
    let database = small().await;
    let text = export(&database).await;
    let (code, output) = import(&database, &text).await;
    assert_eq!(code, Some(1));
    assert_eq!(
        output,
        "heartbeat: import: the database holds devices or beats already: import into an empty one; nothing was changed\n"
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
            with(1, r#"{"type":"heartbeat_export","version":2}"#),
            "line 1: version 2 of the format needs a newer Heartbeat",
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
async fn without_tables_there_is_nothing_to_export() {
    let output = ServerBuilder::on(&Database::create().await).argument("export").pipe("").await;
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let expected = "heartbeat: export: database: there are no tables of Heartbeat: check that database.dsn names the right database\n";
    assert_eq!(String::from_utf8_lossy(&output.stderr), expected);
}
