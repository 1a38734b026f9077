//! `heartbeat devices`, `status`, `snooze` and `ok`: the commands of the owner, on a running server.

use std::process::Output;

use heartbeat_tests::{Database, Server, ServerBuilder, server::SECRET_KEY};
use insta::assert_snapshot;
use serde_json::Value;

/// An owner at a shell on the machine of a server.
struct Shell(ServerBuilder);

impl Shell {
    fn beside(server: &Server) -> Self {
        Self(
            ServerBuilder::bare()
                .environment("HEARTBEAT_BIND", &format!("127.0.0.1:{}", server.port()))
                .environment("HEARTBEAT_SECRET_KEY", SECRET_KEY)
                .environment("HEARTBEAT_LIVE_URL", "https://beat.example.org/")
                .environment("HEARTBEAT_TIMEZONE", "Europe/Berlin"),
        )
    }

    /// Runs a command; returns its exit code and what it printed.
    async fn run(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.output(arguments).await;
        let printed = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&printed).into_owned())
    }

    async fn output(&self, arguments: &[&str]) -> Output {
        self.pipe("", arguments).await
    }

    /// Runs a command with something on its standard input.
    async fn pipe(&self, input: &str, arguments: &[&str]) -> Output {
        let builder = arguments.iter().fold(self.0.clone(), |builder, argument| builder.argument(argument));
        builder.pipe(input).await
    }

    /// Runs a command that succeeds; returns what it printed.
    async fn print(&self, arguments: &[&str]) -> String {
        let (code, printed) = self.run(arguments).await;
        assert_eq!(code, 0, "{arguments:?}: {printed}");
        printed
    }

    /// Runs a command that succeeds, and reads its JSON.
    async fn json(&self, arguments: &[&str]) -> Value {
        let printed = self.print(&[arguments, &["--json"]].concat()).await;
        serde_json::from_str(&printed).expect(&printed)
    }

    /// Runs a command that fails; returns the one line that says why.
    async fn error(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments).await;
        let line = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), line.lines().count()), (Some(1), 1), "{arguments:?}: {line}");
        assert!(output.stdout.is_empty(), "nothing but the error");
        line
    }
}

#[tokio::test]
async fn devices_are_added_and_listed() {
    let (server, _database) = Server::fresh().await;
    let shell = Shell::beside(&server);
    assert_snapshot!(
        shell.print(&["devices"]).await,
        @"There are no devices yet; heartbeat devices add NAME registers one."
    );
    let printed = shell.print(&["devices", "add", "Laptop"]).await;
    let (code, token) = code_and_token(&printed);
    assert_snapshot!(printed.replace(&code, "CODE").replace(&token, "TOKEN"), @r"
    Added Laptop (id 0).

    On the device, type within ten minutes

        heartbeat-agent pair https://beat.example.org CODE

    or use its token, which is shown this once:

        TOKEN
    ");
    server.stranger().authorized(&token).beat().await;
    let paired = server.stranger().post("/api/pair", format!("{{\"code\": \"{code}\"}}")).await;
    assert_eq!(paired.status, 200, "the code is good");

    let added = shell.json(&["devices", "add", "携帯📱"]).await;
    assert_eq!((&added["id"], &added["name"]), (&1.into(), &"携帯📱".into()));
    assert!(added["token"].as_str().is_some_and(|token| token.starts_with("hbt_")), "{added}");
    assert!(added["code"].is_string() && added["expires_at"].is_string(), "{added}");
    let list = shell.print(&["devices", "list"]).await;
    let age = list.lines().nth(1).and_then(|line| line.get(12..26)).unwrap_or_default().to_owned();
    assert!(age.contains("just now") || age.contains("second"), "{list}");
    let devices = shell.json(&["devices", "list"]).await;
    assert_eq!(devices, server.owner().get("/api/devices").await.json(), "what the API answers");
}

#[tokio::test]
async fn a_device_is_added_even_if_no_code_can_be_made() {
    let (server, database) = Server::fresh().await;
    let shell = Shell::beside(&server);
    database
        .execute(
            "CREATE FUNCTION heartbeat.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
             CREATE TRIGGER refuse BEFORE INSERT ON heartbeat.pairings
             FOR EACH ROW EXECUTE FUNCTION heartbeat.refuse()",
        )
        .await;
    let printed = shell.print(&["devices", "add", "Laptop"]).await;
    let token = printed.lines().last().expect("a token").trim().to_owned();
    server.stranger().authorized(&token).beat().await;
    assert_snapshot!(printed.replace(&token, "TOKEN"), @r"
    Added Laptop (id 0).

    No pairing code could be made: the server answers 503 Service Unavailable: The database is not available right now. Please try again in a few seconds.
    heartbeat devices pair 0 makes one. Or use its token, which is shown this once:

        TOKEN
    ");
    let added = shell.json(&["devices", "add", "Phone"]).await;
    assert!(
        added["token"].is_string() && added["code"].is_null() && added["expires_at"].is_null(),
        "{added}"
    );
}

/// Returns the pairing code and the token in what `devices add` printed.
fn code_and_token(printed: &str) -> (String, String) {
    let indented: Vec<&str> = printed.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    let code = indented[0].rsplit(' ').next().expect("a code");
    (code.to_owned(), indented[1].to_owned())
}

#[tokio::test]
async fn devices_are_changed_and_erased() {
    let (server, _database) = Server::fresh().await;
    let shell = Shell::beside(&server);
    let laptop = server.device("Laptop").await;
    laptop.beat().await;
    assert_snapshot!(shell.print(&["devices", "rename", "Laptop", "Old laptop"]).await, @"Laptop is now called Old laptop.");
    assert_snapshot!(shell.print(&["devices", "hide", "0"]).await, @"Old laptop is hidden. Its beats still count.");
    assert_eq!(server.owner().get("/api/devices/0").await.json()["visibility"], "hidden");
    assert_snapshot!(shell.print(&["devices", "show", "Old laptop"]).await, @"Old laptop is shown to everybody.");
    assert_eq!(shell.json(&["devices", "hide", "0"]).await["visibility"], "hidden");

    let token = shell.json(&["devices", "token", "0"]).await["token"].as_str().expect("a token").to_owned();
    assert_eq!(laptop.post("/api/beat", "").await.status, 401, "the old one is dead");
    let laptop = server.stranger().authorized(&token);
    laptop.beat().await;
    let code = shell.json(&["devices", "pair", "0"]).await["code"].as_str().expect("a code").to_owned();
    assert_eq!(code.len(), "BCDF-GHJK".len());

    assert_snapshot!(
        shell.print(&["devices", "archive", "0"]).await,
        @"Old laptop is archived, and its token dead. Its beats still count."
    );
    assert_eq!(laptop.post("/api/beat", "").await.status, 401, "archived");
    assert_snapshot!(
        shell.error(&["devices", "pair", "0"]).await,
        @"heartbeat: Old laptop is archived, and has no token; heartbeat devices archive 0 --undo brings it back"
    );
    assert_snapshot!(
        shell.print(&["devices", "archive", "0", "--undo"]).await,
        @"Old laptop is back, without a token; heartbeat devices pair 0 gives it one."
    );

    assert_snapshot!(
        shell.error(&["devices", "remove", "0"]).await,
        @"heartbeat: remove: nobody can be asked for the name here; --yes erases without asking"
    );
    assert_snapshot!(shell.print(&["devices", "remove", "0", "--yes"]).await, @"Erased Old laptop and its 2 beats.");
    assert_eq!(server.stranger().stats().await["total_beats"], 0);
}

#[tokio::test]
async fn the_status_is_a_few_lines() {
    let (server, _database) = Server::fresh().await;
    let shell = Shell::beside(&server);
    server.device("Laptop").await;
    assert_snapshot!(shell.print(&["status"]).await, @r"
    Some person's heartbeat

    Last beat  never
    Beats      0
    Devices    1
    Alerts     not snoozed
    ");
    assert_snapshot!(shell.print(&["ok"]).await, @"Noted: you are well.");
    assert_snapshot!(
        shell.print(&["snooze", "until", "2126-12-06T18:00", "--note", "In the mountains"]).await,
        @"Alerts     snoozed until 2126-12-06 18:00 CET (In the mountains)"
    );
    let status = shell.json(&["status"]).await;
    assert_eq!(status["snooze"]["until"], "2126-12-06T17:00:00Z");
    assert_eq!(status["devices"][0]["name"], "Laptop");
    assert_snapshot!(shell.print(&["snooze"]).await, @"Alerts     snoozed until 2126-12-06 18:00 CET (In the mountains)");
    assert_snapshot!(shell.print(&["snooze", "off"]).await, @"Alerts     not snoozed");
    assert!(shell.print(&["snooze", "3d"]).await.starts_with("Alerts     snoozed until "));
}

#[tokio::test]
async fn errors_say_what_to_do() {
    let (mut server, _database) = Server::fresh().await;
    let shell = Shell::beside(&server);
    server.device("Laptop").await;
    server.device("Laptop").await;
    assert_snapshot!(
        shell.error(&["devices", "hide", "Laptop"]).await,
        @r#"heartbeat: several devices are called "Laptop": name one by its id, 0 or 1"#
    );
    assert_snapshot!(
        shell.error(&["devices", "hide", "7"]).await,
        @r#"heartbeat: no device has the id or the name "7"; heartbeat devices list shows all"#
    );
    assert_snapshot!(
        shell.error(&["devices", "add", ""]).await,
        @r#"heartbeat: the server answers 400 Bad Request: The body is refused: the name is empty."#
    );
    assert_snapshot!(
        shell.error(&["snooze", "until", "2026-01-01"]).await,
        @"heartbeat: snooze: the end must be in the future"
    );

    let keyless = Shell(shell.0.clone().environment("HEARTBEAT_SECRET_KEY", ""));
    assert_snapshot!(
        keyless.error(&["status"]).await,
        @"heartbeat: secret_key is not set; set it to that of the running server (heartbeat gen-key makes one for a new server)"
    );
    let stranger = Shell(shell.0.clone().environment("HEARTBEAT_SECRET_KEY", "wrong"));
    assert_snapshot!(
        stranger.error(&["devices"]).await,
        @"heartbeat: secret_key is not that of the running server; set it to the same, or start the server again"
    );
    server.stop().await;
    let error = shell.error(&["ok"]).await;
    assert!(error.starts_with("heartbeat: no server answers at bind: "), "{error}");
}

#[tokio::test]
async fn a_server_on_a_unix_socket_and_one_without_a_key_are_found() {
    let database = Database::create().await;
    let builder = ServerBuilder::on(&database);
    let socket = format!("unix:{}", builder.home().join("socket").display());
    let _server = builder.environment("HEARTBEAT_BIND", &socket).start().await;
    let shell = Shell(
        ServerBuilder::bare()
            .environment("HEARTBEAT_BIND", &socket)
            .environment("HEARTBEAT_SECRET_KEY", SECRET_KEY),
    );
    assert!(shell.print(&["devices", "add", "Laptop"]).await.contains("http://127.0.0.1:6060"));

    let keyless = ServerBuilder::on(&database).environment("HEARTBEAT_SECRET_KEY", "").start().await;
    assert_snapshot!(
        Shell::beside(&keyless).error(&["devices"]).await,
        @"heartbeat: the running server has no secret_key, or is too old for this command; start it again with this program and secret_key"
    );
}

#[tokio::test]
async fn channels_and_alerts_are_added_tried_and_removed() {
    let (server, database) = Server::fresh().await;
    let shell = Shell::beside(&server);
    for (arguments, expected) in [
        (["channels"], "There are no channels yet; heartbeat channels add KIND NAME adds one.\n"),
        (["alerts"], "There are no alerts yet; heartbeat alerts add AFTER --channel CHANNEL adds one.\n"),
    ] {
        assert_eq!(shell.print(&arguments).await, expected);
    }
    let add = ["channels", "add", "webhook", "Home", "--owner", "--event", "device.added"];
    let added = shell.pipe("https://example.org/in\n", &add).await;
    let printed = String::from_utf8_lossy(&added.stdout).into_owned();
    assert!(added.status.success() && printed.starts_with("Added Home (id 1).\n"), "{added:?}");
    assert!(printed.contains("    whsec_") && !printed.contains("example.org"), "{printed}");
    let anna = shell.pipe("https://example.org/hook", &["channels", "add", "discord", "Anna"]).await;
    assert_snapshot!(String::from_utf8_lossy(&anna.stdout), @r"
    Added Anna (id 2).
    Its reader gets a message with a link to confirm it.
    ");
    let stored = "SELECT settings ->> 'url' FROM heartbeat.channels WHERE name = 'Anna'";
    assert_eq!(database.text(stored).await, "https://example.org/hook");

    let alert = [
        "alerts",
        "add",
        "48h",
        "--channel",
        "Anna",
        "--channel",
        "1",
        "--repeat",
        "12h",
        "--message",
        "Call Ben",
    ];
    assert_snapshot!(shell.print(&alert).await, @"Added After 48 hours (id 1).");
    let stored = server.owner().get("/api/alerts/1").await.json();
    assert_eq!((&stored["channels"], &stored["message"]), (&serde_json::json!([2, 1]), &"Call Ben".into()));
    assert_eq!(shell.json(&["alerts"]).await, server.owner().get("/api/alerts").await.json());
    assert_eq!(shell.print(&["alerts", "disable", "After 48 hours"]).await, "After 48 hours is disabled.\n");
    let list = shell.print(&["alerts", "list"]).await;
    assert!(list.contains("Home, Anna") && list.contains("disabled"), "{list}");
    assert_eq!(shell.print(&["alerts", "enable", "1"]).await, "After 48 hours is enabled.\n");
    assert!(shell.print(&["alerts", "test", "1"]).await.starts_with("A test of After 48 hours"));
    assert!(shell.print(&["alerts", "preview", "48h"]).await.contains("would not have fired"));
    let status = shell.print(&["status"]).await;
    assert!(status.contains("Ladder     1 ") && status.contains("Channels   2\n"), "{status}");

    for (arguments, expected) in [
        (["channels", "test", "1"], "A test is on its way through Home"),
        (["channels", "resend", "Home"], "What was given up is sent again through Home"),
        (["channels", "enable", "Home"], "Home is enabled."),
        (["alerts", "remove", "1"], "Deleted After 48 hours."),
        (["channels", "remove", "Anna"], "Deleted Anna."),
    ] {
        let printed = shell.print(&arguments).await;
        assert!(printed.starts_with(expected), "{printed}");
    }
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.channels").await, 1);
}

#[tokio::test]
async fn what_is_wrong_about_channels_and_alerts_is_said_in_a_line() {
    let (server, _database) = Server::fresh().await;
    let shell = Shell::beside(&server);
    for name in ["a", "a"] {
        shell.pipe("https://example.org/in", &["channels", "add", "webhook", name]).await;
    }
    for (arguments, expected) in [
        (
            &["channels", "test", "Ben"][..],
            "no channel has the id or the name \"Ben\"; heartbeat channels list",
        ),
        (&["channels", "remove", "a"], "several channels are called \"a\": name one by its id, 1 or 2"),
        (&["channels", "add", "mail", "Ben", "--set", "to"], "--set \"to\": expected a setting"),
        (&["channels", "add", "pigeon", "Ben"], "the server answers 400 Bad Request"),
        (&["alerts", "test", "7"], "no alert has the id or the name \"7\""),
        (&["alerts", "add", "9m"], "the server answers 400 Bad Request"),
        (&["alerts", "add", "48h", "--channel", "Ben"], "no channel has the id"),
        (&["alerts", "preview", "48h", "--device", "Phone"], "no device has the id"),
    ] {
        let line = shell.error(arguments).await;
        assert!(line.contains(expected), "{arguments:?}: {line}");
    }
}
