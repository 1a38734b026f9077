//! The lines that readers are told to type, typed.
//!
//! Blocks marked `sh` are run by bash in their order, in an empty home folder, beside a fresh server. Before
//! that the text is changed as the page tells its reader to: `http://127.0.0.1:6060` becomes the address of
//! the server, `YOUR_KEY` its secret key, `TOKEN` the token and `BCDF-GHJK` the pairing code that were answered last. A call of curl must be
//! answered with success. A block of `json` or `text` right behind is the answer that should come.
//!
//! In answers `…` stands for anything; times are any time, and durations any short one. A block that cannot
//! run here has a mark behind `sh` that says why.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
};

use heartbeat_tests::{Client, Database, Server, ServerBuilder, WakaTime, server::program};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt, process::Command};

use crate::page::{Block, page, pages};

/// Why a block does not run here.
const MARKS: [&str; 11] = [
    // Docker.
    "needs-docker",
    // A cluster of Kubernetes.
    "needs-kubernetes",
    // A copy of the repository, in which to build.
    "needs-checkout",
    // The archive of a release.
    "needs-release",
    // Root, and a machine whose services may be changed.
    "needs-root",
    // The reader's own server and database.
    "needs-settings",
    // Systems that this one is not.
    "needs-android",
    "needs-macos",
    "needs-systemd",
    // A desktop.
    "needs-session",
    // It does not end.
    "runs-on",
];

/// A block that asks for the token: what the reader types then.
const ASKS_FOR_TOKEN: &str = "asks-for-token";

/// A block that starts the server: done by the test itself, to learn the port.
const STARTS_SERVER: &str = "starts-server";

const ADDRESS: &str = "http://127.0.0.1:6060";
const KEY: &str = "the-key-of-the-owner";

/// From when on a number is taken for a Unix time: the year 2020.
const A_TIME: i64 = 1_577_836_800;

/// Members that are durations, and how long one of a server that was started just now may be.
const DURATIONS: [&str; 3] = ["last_seen_relative", "longest_absence", "uptime"];
const SHORT: i64 = 600;

/// How figures in answers are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum StoredStats {
    /// The page tells a story, from its beginning.
    Told,
    /// They are examples.
    Examples,
}

/// A reader who follows a page.
struct Reader {
    home: TempDir,
    base: String,
    key: String,
    token: Option<String>,
    /// Pairing code that was answered last.
    code: Option<String>,
    /// Programs that go before those of the system.
    stand_ins: PathBuf,
}

impl Reader {
    fn new() -> Self {
        let home = TempDir::new().expect("a home folder");
        let stand_ins = home.path().join("stand-ins");
        fs::create_dir(&stand_ins).expect("a folder");
        Self { home, base: String::new(), key: KEY.to_owned(), token: None, code: None, stand_ins }
    }

    /// Returns a reader who has a server already.
    fn at(server: &Server) -> Self {
        Self { base: format!("http://127.0.0.1:{}", server.port()), ..Self::new() }
    }

    /// Does what a page says, up to a block that starts a server.
    async fn follow(&mut self, blocks: &[Block], figures: StoredStats) {
        for (at, block) in blocks.iter().enumerate() {
            let asks_for_token = block.marks == [ASKS_FOR_TOKEN];
            if block.language != "sh" || !(block.marks.is_empty() || asks_for_token) {
                continue;
            }
            let typed = if asks_for_token { self.token.as_deref().expect("a token") } else { "" };
            let answer = self.run(&block.text, typed).await;
            if let Ok(Value::Object(members)) = serde_json::from_str(&answer) {
                let text = |name| members.get(name).and_then(Value::as_str).map(str::to_owned);
                self.token = text("token").or(self.token.take());
                self.code = text("code").or(self.code.take());
            }
            let expected = blocks.get(at + 1).filter(|next| next.follows && next.language != "sh");
            let Some(expected) = expected else { continue };
            assert!(
                is_answer(expected, &answer, figures),
                "{}\nwas answered with\n{answer}\nnot\n{}",
                block.text,
                expected.text
            );
        }
    }

    /// Types some lines, and then what they ask for; returns what they print.
    async fn run(&self, lines: &str, typed: &str) -> String {
        let mut lines = lines.replace(ADDRESS, &self.base).replace("YOUR_KEY", &self.key);
        if lines.contains("TOKEN") {
            lines = lines.replace("TOKEN", self.token.as_deref().expect("a token that was answered before"));
        }
        if lines.contains("BCDF-GHJK") {
            lines =
                lines.replace("BCDF-GHJK", self.code.as_deref().expect("a code that was answered before"));
        }
        let strict =
            "set -euo pipefail; curl() { command curl --silent --show-error --fail-with-body \"$@\"; }";
        let programs = program();
        let path = format!(
            "{}:{}:{}",
            self.stand_ins.display(),
            programs.parent().expect("a folder").display(),
            std::env::var("PATH").unwrap_or_default()
        );
        let mut process = Command::new("bash")
            .args(["-c", &format!("{strict}\n{lines}")])
            .current_dir(self.home.path())
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("bash");
        // Most lines ask for nothing, and may have ended by now.
        let _ = process.stdin.take().expect("its standard input").write_all(typed.as_bytes()).await;
        let output = process.wait_with_output().await.expect("an end");
        let (said, complaint) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{lines}\nfailed: {said}{complaint}");
        assert_eq!(complaint, "", "{lines}");
        said.into_owned()
    }

    /// Puts a program before those of the system.
    fn stand_in(&self, name: &str, text: &str) {
        let file = self.stand_ins.join(name);
        fs::write(&file, format!("#!/bin/sh\n{text}\n")).expect("a program");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o700)).expect("a program");
    }
}

/// Whether `answer` is what the block says.
fn is_answer(block: &Block, answer: &str, figures: StoredStats) -> bool {
    if block.language == "json" {
        let parse = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        return is_like(&parse(&block.text), &parse(answer), "", figures);
    }
    let is_time = |text: &str| text.parse().is_ok_and(|time: i64| time > A_TIME);
    let (expected, answer) = (block.text.trim(), answer.trim());
    expected == answer || is_time(expected) && is_time(answer)
}

fn is_like(expected: &Value, found: &Value, name: &str, figures: StoredStats) -> bool {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            expected.keys().eq(found.keys())
                && expected.iter().all(|(name, value)| is_like(value, &found[name], name, figures))
        }
        (Value::Array(expected), Value::Array(found)) => {
            expected.len() == found.len()
                && expected.iter().zip(found).all(|(one, other)| is_like(one, other, name, figures))
        }
        (Value::String(expected), Value::String(found)) => match expected.split_once('…') {
            Some((start, end)) => {
                found.starts_with(start) && found.ends_with(end) && found.len() > start.len()
            }
            None => expected == found,
        },
        (Value::Number(expected), Value::Number(found)) => {
            let (expected, found) = (expected.as_i64(), found.as_i64());
            let is_time = |number: Option<i64>| number > Some(A_TIME);
            if is_time(expected) || is_time(found) {
                is_time(expected) && is_time(found)
            } else if DURATIONS.contains(&name) {
                (Some(0)..=Some(SHORT)).contains(&found)
            } else {
                figures == StoredStats::Examples || expected == found
            }
        }
        (expected, found) => expected == found,
    }
}

async fn server_with_key() -> (Server, Database) {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).environment("HEARTBEAT_SECRET_KEY", KEY).start().await;
    (server, database)
}

#[tokio::test]
async fn getting_started() {
    let blocks = page("getting-started.md").blocks;
    let start = blocks.iter().position(|block| block.marks == [STARTS_SERVER]).expect("a start");
    assert_eq!(blocks[start].text.trim(), "heartbeat");
    let mut reader = Reader::new();
    reader.follow(&blocks[..start], StoredStats::Told).await;

    let config = reader.home.path().join(".heartbeat/config.toml");
    assert_eq!(mode(&config) & 0o077, 0, "nobody else reads the key");
    let server = ServerBuilder::bare()
        .environment("HOME", &reader.home.path().display().to_string())
        .environment("HEARTBEAT_HOME", "")
        .environment("HEARTBEAT_BIND", "127.0.0.1:0")
        .start()
        .await;
    reader.base = format!("http://127.0.0.1:{}", server.port());
    let config = fs::read_to_string(config).expect("the configuration that the page made");
    let (_, rest) = config.split_once("secret_key = '").expect("the key");
    reader.key = rest.split('\'').next().expect("its end").to_owned();
    reader.follow(&blocks[start + 1..], StoredStats::Told).await;
    assert_eq!(server.stranger().stats().await["total_beats"], 1);
}

#[tokio::test]
async fn the_first_device() {
    let (server, _database) = server_with_key().await;
    let mut reader = Reader::at(&server);
    reader.follow(&page("first-device.md").blocks, StoredStats::Told).await;
    assert_eq!(server.stranger().stats().await["total_beats"], 1);
    reader.run("heartbeat-agent once", "").await;
    assert_eq!(server.stranger().stats().await["total_beats"], 2, "with the new token");
}

#[tokio::test]
async fn your_devices() {
    let (server, _database) = server_with_key().await;
    Reader::at(&server).follow(&page("devices.md").blocks, StoredStats::Told).await;
    let left = server.stranger().authorized(KEY).get("/api/devices").await;
    assert_eq!(left.json()["devices"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn a_device_without_the_agent() {
    let (server, _database) = server_with_key().await;
    let mut reader = Reader::at(&server);
    reader.follow(&page("shell.md").blocks, StoredStats::Told).await;
    assert_eq!(mode(&reader.home.path().join(".config/heartbeat/header")) & 0o077, 0);

    // The programs that tell whether the machine is used.
    let stranger = server.stranger();
    let (here, away, locked) =
        ("IdleHint=no LockedHint=no", "IdleHint=yes LockedHint=no", "IdleHint=no LockedHint=yes");
    for (class, state, is_there) in
        [("user", here, 1), ("user", away, 0), ("user", locked, 0), ("manager", here, 0), ("user", here, 1)]
    {
        reader.stand_in(
            "loginctl",
            &format!(
                "case $1 in\n\
                 list-sessions) echo \" 7 1000 $(id -un) seat0 tty2\"; echo \" 8 1001 nobody-else seat1 tty3\" ;;\n\
                 show-session) [ $2 = 7 ] && printf '%s\\n' Class={class} {state} ;;\n\
                 esac"
            ),
        );
        assert_eq!(beats_of(&reader, &stranger, "beat-if-in-use").await, is_there, "{class} {state}");
    }
    for (nanoseconds, is_there) in [(5_000_000_000_u64, 1), (300_000_000_000, 0)] {
        reader.stand_in("ioreg", &format!("echo '    |   \"HIDIdleTime\" = {nanoseconds}'"));
        assert_eq!(beats_of(&reader, &stranger, "beat-if-in-use-on-a-mac").await, is_there, "{nanoseconds}");
    }
}

/// How many beats a program of the reader's sends.
async fn beats_of(reader: &Reader, stranger: &Client, program: &str) -> i64 {
    let beats = async || stranger.stats().await["total_beats"].as_i64().expect("a number");
    let before = beats().await;
    reader.run(&format!("~/.local/bin/{program}"), "").await;
    beats().await - before
}

#[tokio::test]
async fn an_editor() {
    let (server, _database) = server_with_key().await;
    server.stranger().authorized(KEY).register("Laptop").await;
    let page = page("editors.md");
    let reader = Reader::at(&server);
    let [make_a_key] = page.blocks_in("sh")[..] else { panic!("one call") };
    let answer: Value = serde_json::from_str(&reader.run(&make_a_key.text, "").await).expect("JSON");
    let key = answer["key"].as_str().expect("a key");

    // What stands in the page is for `wakatime-cli`; the client that there is here wants the whole path.
    let settings = page.blocks_in("ini")[0].text.replace(ADDRESS, &reader.base).replace("KEY", key);
    let path = "/users/current/heartbeats.bulk";
    let Some(client) = WakaTime::installed(&format!("{}/api/v1{path}", reader.base), key) else { return };
    let whole_path = settings.replace("/api/v1", &format!("/api/v1{path}"));
    assert_ne!(settings, whole_path);
    client.configure(&whole_path);
    let output = client.write_file(&[]).await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(server.stranger().stats().await["total_beats"], 1);
}

#[tokio::test]
async fn the_examples_of_the_api() {
    let (server, _database) = server_with_key().await;
    let mut reader = Reader::at(&server);
    reader.follow(&page("api.md").blocks, StoredStats::Examples).await;
    let badge = fs::read_to_string(reader.home.path().join("badge.svg")).expect("a badge");
    assert!(badge.starts_with("<svg"), "{badge}");
}

#[test]
fn what_does_not_run_says_why() {
    let (mut marks, mut run) = (BTreeSet::new(), BTreeSet::new());
    for page in pages() {
        for block in page.blocks_in("sh") {
            if block.marks.is_empty() {
                run.insert(page.path.clone());
            }
            marks.extend(block.marks.clone());
        }
    }
    let known: BTreeSet<String> =
        MARKS.into_iter().chain([STARTS_SERVER, ASKS_FOR_TOKEN]).map(str::to_owned).collect();
    assert_eq!(marks, known);
    // Those that the tests above follow.
    let followed = [
        "docs/api.md",
        "docs/devices.md",
        "docs/editors.md",
        "docs/first-device.md",
        "docs/getting-started.md",
        "docs/shell.md",
    ];
    assert_eq!(run, followed.map(str::to_owned).into());
}

#[test]
fn answers_are_compared() {
    let block = |language: &str, text: &str| Block {
        language: language.to_owned(),
        text: text.to_owned(),
        ..Block::default()
    };
    for (language, text, answer, fits) in [
        ("text", "OK", "OK", true),
        ("text", "1698915320", "1798915320", true),
        ("text", "1698915320", "12", false),
        ("json", r#"{"token": "hbt_…"}"#, r#"{"token":"hbt_1"}"#, true),
        ("json", r#"{"token": "hbt_…"}"#, r#"{"token":"1"}"#, false),
        ("json", r#"{"last_seen": 1698915320}"#, r#"{"last_seen":null}"#, false),
        ("json", r#"{"uptime": 19}"#, r#"{"uptime":3}"#, true),
        ("json", r#"{"uptime": 19}"#, r#"{"uptime":-1}"#, false),
        ("json", r#"{"num_visits": 0}"#, r#"{"num_visits":1}"#, false),
        ("json", r#"{"a": 1}"#, r#"{"a":1,"b":1}"#, false),
    ] {
        assert_eq!(is_answer(&block(language, text), answer, StoredStats::Told), fits, "{text} and {answer}");
    }
}

fn mode(file: &Path) -> u32 {
    fs::metadata(file).expect("a file").permissions().mode()
}
