//! Every key, every place it may be set in, and every mistake.

use std::process::Command;

use heartbeat_core::config::{KEYS, Kind};
use heartbeat_tests::{Database, ServerBuilder};
use insta::assert_snapshot;

/// Starts the program, which must refuse its configuration; returns the one line that says why,
/// with the path of its home folder shortened.
async fn refusal(builder: &ServerBuilder) -> String {
    let (code, said) = builder.run().await;
    assert_eq!((code, said.lines().count()), (2, 1), "{said}");
    said.trim_end().replace(&builder.home().display().to_string(), "~")
}

fn with_file(text: &str) -> ServerBuilder {
    ServerBuilder::bare().config_file(text)
}

fn with_variable(name: &str, value: &str) -> ServerBuilder {
    ServerBuilder::bare().environment(name, value)
}

async fn title(builder: ServerBuilder) -> String {
    let server = builder.start().await;
    let page = server.stranger().get("/").await.body;
    let title = page.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next());
    title.expect("a title").to_owned()
}

#[tokio::test]
async fn the_command_line_wins_over_the_environment_over_the_profile_over_the_file_over_the_default() {
    let database = Database::create().await;
    let start = || ServerBuilder::on(&database);
    let top = "server_name = \"file\"\n";
    let profile = format!("{top}[debug]\nserver_name = \"profile\"\n[release]\nserver_name = \"other\"\n");
    let flag = "--server-name=flag";
    let variable = ("HEARTBEAT_SERVER_NAME", "environment");

    assert_eq!(
        title(start().config_file(&profile).environment(variable.0, variable.1).argument(flag)).await,
        "flag"
    );
    assert_eq!(title(start().config_file(&profile).environment(variable.0, variable.1)).await, "environment");
    assert_eq!(title(start().config_file(&profile)).await, "profile");
    assert_eq!(title(start().config_file(top)).await, "file");
    assert_eq!(title(start()).await, "Some person&#39;s heartbeat");
}

#[tokio::test]
async fn an_empty_environment_variable_counts_as_unset() {
    let database = Database::create().await;
    let builder = ServerBuilder::on(&database)
        .environment("HEARTBEAT_SERVER_NAME", "")
        .config_file("server_name = 'file'");
    assert_eq!(title(builder.environment("HEARTBEAT_NONSENSE", "")).await, "file");
}

#[tokio::test]
async fn nested_profile_tables_override_nested_tables() {
    let database = Database::create().await;
    let file =
        format!("[database]\ndsn = 'postgresql://nowhere/x'\n[debug.database]\ndsn = '{}'\n", database.url());
    let server = ServerBuilder::on(&database)
        .environment("HEARTBEAT_DATABASE_DSN", "")
        .config_file(&file)
        .start()
        .await;
    assert_eq!(server.stranger().stats().await["total_beats"], 0);
}

#[tokio::test]
async fn every_key_can_be_set_by_flag_by_environment_and_in_the_file() {
    // Each is set to a value that it cannot have, or, where none is wrong, to one that shows.
    for key in KEYS.iter().filter(|key| key.name != "secret_key") {
        let wrong = "\n";
        let flag = format!("--{}={wrong}", key.flag());
        let line = refusal(&ServerBuilder::bare().argument(&flag)).await;
        assert!(line.starts_with(&format!("heartbeat: {key} (flag --{}): expected ", key.flag())), "{line}");

        let variable = key.environment_name();
        let line = refusal(&with_variable(&variable, wrong)).await;
        assert!(
            line.starts_with(&format!("heartbeat: {key} (environment variable {variable}): expected ")),
            "{line}"
        );

        let line = refusal(&with_file(&format!("{key} = \"\\n\""))).await;
        assert!(line.starts_with(&format!("heartbeat: {key} (~/config.toml): expected ")), "{line}");

        let line = refusal(&with_file(&format!("debug.{key} = \"\\n\""))).await;
        assert!(
            line.starts_with(&format!("heartbeat: {key} (~/config.toml, table [debug]): expected ")),
            "{line}"
        );
    }
}

#[tokio::test]
async fn short_flags_stand_for_their_keys() {
    let shorts =
        [('d', "database.dsn"), ('r', "repo"), ('u', "live_url"), ('b', "bind"), ('s', "secret_key")];
    for (short, key) in shorts {
        let line = refusal(&ServerBuilder::bare().argument(&format!("-{short}\n"))).await;
        assert!(line.starts_with(&format!("heartbeat: {key} (flag ")), "{line}");
    }
    let line = refusal(&ServerBuilder::bare().argument("-c/nowhere")).await;
    assert_snapshot!(line, @r#"heartbeat: config file "/nowhere": no such file"#);
}

#[tokio::test]
async fn wrong_values_are_answered_with_what_was_expected() {
    assert_snapshot!(refusal(&with_file("bind = '6060'")).await,
        @r#"heartbeat: bind (~/config.toml): expected <host>:<port> such as 127.0.0.1:6060 or [::1]:6060, or unix:<path>, found "6060""#);
    assert_snapshot!(refusal(&with_file("webhook.level = 'some'")).await,
        @r#"heartbeat: webhook.level (~/config.toml): expected all, new_devices, long_absences or none, found "some""#);
    assert_snapshot!(refusal(&with_variable("HEARTBEAT_LIVE_URL", "example.org")).await,
        @r#"heartbeat: live_url (environment variable HEARTBEAT_LIVE_URL): expected a URL that starts with http:// or https://, found "example.org""#);
    for bind in [
        "localhost",
        ":6060",
        "::1:6060",
        "[::1]",
        "[localhost]:1",
        "host:65536",
        "host:-1",
        "unix:",
        "a b:1",
    ] {
        let line = refusal(&with_variable("HEARTBEAT_BIND", bind)).await;
        assert!(line.contains("expected <host>:<port>"), "{line}");
    }
}

#[tokio::test]
async fn secrets_are_never_repeated() {
    let long = format!("hush{}", "h".repeat(253));
    let mistakes = [
        with_variable("HEARTBEAT_SECRET_KEY", "hush\n"),
        with_variable("HEARTBEAT_SECRET_KEY", &long),
        with_variable("HEARTBEAT_SECRET_KEY", "hush "),
        with_variable("HEARTBEAT_DATABASE_DSN", "mysql://root:hush@localhost/db"),
        with_variable("HEARTBEAT_DATABASE_DSN", "postgresql://root:hush@local host:port/db"),
        with_variable("HEARTBEAT_WEBHOOK_URL", "discord.com/api/webhooks/1/hush"),
        with_variable("HEARTBEAT_MAIL_URL", "https://user:hush@mail.example.org"),
        with_variable("HEARTBEAT_MAIL_URL", "smtps://user:hush@mail.example.org/hush"),
        with_variable("HEARTBEAT_WATCHDOG_URL", "watchdog.example.org/hush"),
        with_file("secret_key = \"hush\nhush\""),
        with_file("secret_key = hush"),
        with_file("secret_key = 'hush' hush"),
        with_file("secret_key = 'hush'\nsecret_key = 'hush'"),
        with_file("database.dsn = ['hush']"),
        with_file("database = 'hush'"),
        ServerBuilder::bare().argument("--secret-key=hush").argument("hush"),
        ServerBuilder::bare().argument("--secret_key=hush"),
        ServerBuilder::bare().argument("--secret-key=hush").argument("--secret-key=hush"),
    ];
    for mistake in mistakes {
        let line = refusal(&mistake).await;
        assert!(!line.contains("hush"), "{line}");
    }
}

#[tokio::test]
async fn unknown_keys_are_errors_wherever_they_stand() {
    assert_snapshot!(refusal(&with_file("sekret_key = 'x'")).await,
        @"heartbeat: sekret_key (~/config.toml): unknown key, expected one of database.dsn, database.pooler, webhook.url, webhook.level, mail.url, mail.from, watchdog_url, secret_key, metrics_token, repo, server_name, live_url, bind, bind_mode, bind_group, ws_url, management_bind, trusted_proxies, client_ip_header, max_viewers, timezone, precision, history, retention");
    assert_snapshot!(refusal(&with_file("[database]\nurl = 'x'")).await,
        @"heartbeat: database.url (~/config.toml): unknown key, expected one of database.dsn, database.pooler, webhook.url, webhook.level, mail.url, mail.from, watchdog_url, secret_key, metrics_token, repo, server_name, live_url, bind, bind_mode, bind_group, ws_url, management_bind, trusted_proxies, client_ip_header, max_viewers, timezone, precision, history, retention");
    // In the table of the other profile too: a typo there would show only after the release.
    assert_snapshot!(refusal(&with_file("[release.server]\nname = 'x'")).await,
        @"heartbeat: server (~/config.toml, table [release]): unknown key, expected one of database.dsn, database.pooler, webhook.url, webhook.level, mail.url, mail.from, watchdog_url, secret_key, metrics_token, repo, server_name, live_url, bind, bind_mode, bind_group, ws_url, management_bind, trusted_proxies, client_ip_header, max_viewers, timezone, precision, history, retention");
    assert_snapshot!(refusal(&with_variable("HEARTBEAT_DSN", "x")).await,
        @"heartbeat: HEARTBEAT_DSN (environment): unknown key, expected one of HEARTBEAT_DATABASE_DSN, HEARTBEAT_DATABASE_POOLER, HEARTBEAT_WEBHOOK_URL, HEARTBEAT_WEBHOOK_LEVEL, HEARTBEAT_MAIL_URL, HEARTBEAT_MAIL_FROM, HEARTBEAT_WATCHDOG_URL, HEARTBEAT_SECRET_KEY, HEARTBEAT_METRICS_TOKEN, HEARTBEAT_REPO, HEARTBEAT_SERVER_NAME, HEARTBEAT_LIVE_URL, HEARTBEAT_BIND, HEARTBEAT_BIND_MODE, HEARTBEAT_BIND_GROUP, HEARTBEAT_WS_URL, HEARTBEAT_MANAGEMENT_BIND, HEARTBEAT_TRUSTED_PROXIES, HEARTBEAT_CLIENT_IP_HEADER, HEARTBEAT_MAX_VIEWERS, HEARTBEAT_TIMEZONE, HEARTBEAT_PRECISION, HEARTBEAT_HISTORY");
    assert_snapshot!(refusal(&ServerBuilder::bare().argument("--dsn=x")).await,
        @"heartbeat: --dsn (command line): unknown; heartbeat --help lists commands and flags");
}

#[tokio::test]
async fn environment_names_never_hold_the_profile() {
    let line = refusal(&with_variable("HEARTBEAT_DEBUG_BIND", "x:1")).await;
    assert!(line.starts_with("heartbeat: HEARTBEAT_DEBUG_BIND (environment): unknown key"), "{line}");
}

#[tokio::test]
async fn wrong_types_are_answered_with_the_type_that_was_expected() {
    assert_snapshot!(refusal(&with_file("bind = 6060")).await, @"heartbeat: bind (~/config.toml): expected a string");
    assert_snapshot!(refusal(&with_file("database = 'x'")).await, @"heartbeat: database (~/config.toml): expected a table");
    assert_snapshot!(refusal(&with_file("repo.url = 'x'")).await, @"heartbeat: repo (~/config.toml): expected a string");
    assert_snapshot!(refusal(&with_file("debug = true")).await,
        @"heartbeat: debug (~/config.toml, table [debug]): expected a table");
}

#[tokio::test]
async fn a_file_that_is_not_toml_is_answered_with_the_line() {
    assert_snapshot!(refusal(&with_file("bind = 'a:1'\n\nrepo =\n")).await,
        @r#"heartbeat: config file "~/config.toml": line 3: string values must be quoted, expected literal string"#);
}

#[tokio::test]
async fn only_the_default_file_may_be_missing() {
    let missing = ServerBuilder::bare();
    let path = missing.home().join("other.toml").display().to_string();
    let line = refusal(&missing.environment("HEARTBEAT_CONFIG_FILE", &path)).await;
    assert_snapshot!(line, @r#"heartbeat: config file "~/other.toml": no such file"#);

    let folder = ServerBuilder::bare();
    let path = folder.home().display().to_string();
    let line = refusal(&folder.argument("--config-file").argument(&path)).await;
    assert_snapshot!(line, @r#"heartbeat: config file "~": expected a regular file"#);
}

#[tokio::test]
async fn a_named_file_takes_the_place_of_the_default_one() {
    let database = Database::create().await;
    let builder = ServerBuilder::on(&database).config_file("server_name = 'default file'");
    let other = builder.home().join("other.toml");
    std::fs::write(&other, "server_name = 'named file'").expect("a file");
    assert_eq!(title(builder.argument("-c").argument(&other.display().to_string())).await, "named file");
}

#[tokio::test]
async fn without_heartbeat_home_the_file_is_in_the_users_own_folder() {
    let builder = ServerBuilder::bare();
    let user = builder.home().join("user");
    std::fs::create_dir_all(user.join(".heartbeat")).expect("a folder");
    std::fs::write(user.join(".heartbeat/config.toml"), "bind = 'x'").expect("a file");
    let line = refusal(&builder.environment("HEARTBEAT_HOME", "")).await;
    assert!(line.starts_with("heartbeat: bind (~/user/.heartbeat/config.toml): expected"), "{line}");
}

#[tokio::test]
async fn the_example_file_names_every_key_with_its_default_and_is_valid() {
    let example = include_str!("../../../config.example.toml");
    // As it is, it sets nothing but an empty key; with the comments taken off the settings, all.
    let database = Database::create().await;
    ServerBuilder::on(&database).environment("HEARTBEAT_SECRET_KEY", "").config_file(example).start().await;
    let settings = example.lines().map(|line| {
        let setting = line
            .strip_prefix('#')
            .filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '['));
        setting.unwrap_or(line)
    });
    let settings: Vec<&str> = settings.collect();
    let all = settings.join("\n");
    ServerBuilder::on(&database).environment("HEARTBEAT_SECRET_KEY", "").config_file(&all).start().await;
    for key in KEYS {
        let name = key.name.rsplit('.').next().unwrap_or_default();
        let line = match key.kind {
            Kind::Text => format!("{name} = \"{}\"", key.default),
            Kind::Number => format!("{name} = {}", key.default),
        };
        assert!(settings.contains(&line.as_str()), "{line} is missing");
    }
}

#[tokio::test]
async fn gen_key_prints_a_fresh_key_that_works() {
    let (code, key) = ServerBuilder::bare().argument("gen-key").run().await;
    let (_, other) = ServerBuilder::bare().argument("gen-key").run().await;
    let key = key.trim_end();
    assert_eq!((code, key.len()), (0, 64));
    assert!(key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{key}");
    assert_ne!(key, other.trim_end());

    let database = Database::create().await;
    let server = ServerBuilder::on(&database)
        .environment("HEARTBEAT_SECRET_KEY", "")
        .argument("-s")
        .argument(key)
        .start()
        .await;
    server.stranger().authorized(key).register("Laptop").await;
}

#[tokio::test]
async fn help_is_answered_without_any_configuration() {
    let broken = with_file("nonsense");
    let (code, said) = broken.argument("--help").run().await;
    assert_eq!(code, 0);
    for expected in [
        "run",
        "migrate",
        "health",
        "gen-key",
        "-d, --database-dsn",
        "-c, --config-file",
        "-s, --secret-key",
        "--webhook-level",
    ] {
        assert!(said.contains(expected), "{expected} is not in\n{said}");
    }
}

#[tokio::test]
async fn the_version_names_the_commit() {
    let (code, said) = with_file("nonsense").argument("--version").run().await;
    let given = std::env::var("HEARTBEAT_COMMIT").ok().filter(|commit| !commit.is_empty());
    let commit = given.or_else(checked_out).map(|commit| format!(" ({commit})")).unwrap_or_default();
    assert_eq!((code, said), (0, format!("heartbeat {}{commit}\n", env!("CARGO_PKG_VERSION"))));
}

/// The commit that these tests are of; none in an unpacked archive.
fn checked_out() -> Option<String> {
    let git = Command::new("git").args(["rev-parse", "--short", "HEAD"]).output().ok()?;
    git.status.success().then(|| String::from_utf8_lossy(&git.stdout).trim().to_owned())
}
