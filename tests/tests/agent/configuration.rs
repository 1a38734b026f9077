//! The configuration, its file, and what is wrong with it.

use std::os::unix::fs::PermissionsExt;

use heartbeat_tests::{
    AgentHome,
    recorder::{RECORDED, Recorder},
};

const TOKEN: &str = "hbt_0123456789";

fn mode(path: &std::path::Path) -> u32 {
    std::fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

#[tokio::test]
async fn setup_writes_a_file_that_its_user_alone_can_read_and_never_shows_the_token() {
    let home = AgentHome::new();
    let (code, printed) = home.pipe(&["setup", "https://beat.example.org/"], &format!("{TOKEN}\n")).await;
    assert_eq!(code, 0, "{printed}");
    assert!(!printed.contains(TOKEN), "{printed}");
    assert_eq!(mode(&home.config_file()), 0o600);
    assert_eq!(mode(home.config_file().parent().expect("a folder")), 0o700);
    let text = std::fs::read_to_string(home.config_file()).expect("a file");
    assert_eq!(
        text,
        "# Written by `heartbeat-agent setup`.\nurl = \"https://beat.example.org\"\ntoken = \"hbt_0123456789\"\n"
    );
    // A second time, over a file that others could read.
    std::fs::set_permissions(home.config_file(), PermissionsExt::from_mode(0o644)).expect("a change");
    home.set_up("https://beat.example.org", "hbt_9876543210").await;
    assert_eq!(mode(&home.config_file()), 0o600);
}

#[tokio::test]
async fn a_token_over_plain_http_is_warned_about_unless_it_stays_on_this_machine() {
    let home = AgentHome::new();
    let (_, printed) = home.pipe(&["setup", "http://192.0.2.1"], TOKEN).await;
    assert!(printed.contains("others on the way can read the token"), "{printed}");
    let (_, printed) = home.pipe(&["setup", "http://127.0.0.1:6060"], TOKEN).await;
    assert!(!printed.contains("others on the way"), "{printed}");
}

#[tokio::test]
async fn a_token_may_come_from_a_command_and_is_then_kept_nowhere() {
    let server = Recorder::start(RECORDED).await;
    let home = AgentHome::new();
    let command = format!("echo {TOKEN}");
    let (code, printed) = home.run(&["setup", &server.url(), "--token-command", &command]).await;
    assert_eq!(code, 0, "{printed}");
    assert_eq!(home.run(&["once"]).await.0, 0);
    assert!(server.requests()[0].contains(&format!("authorization: Bearer {TOKEN}\r\n")));

    let (code, printed) = home.run(&["setup", &server.url(), "--token-command", "exit 3"]).await;
    assert_eq!(code, 1, "{printed}");
    assert!(printed.contains("token_command failed"), "{printed}");
}

#[tokio::test]
async fn what_is_wrong_is_said_with_file_line_and_key_but_never_with_the_token() {
    let home = AgentHome::new();
    let (code, printed) = home.run(&["once"]).await;
    assert_eq!(code, 78);
    assert!(
        printed.contains("config.toml: there is no configuration yet; run `heartbeat-agent setup URL`"),
        "{printed}"
    );

    home.set_up("https://beat.example.org", TOKEN).await;
    let valid = std::fs::read_to_string(home.config_file()).expect("a file");
    for (line, expected) in [
        ("idle_after = \"5s\"", "line 4, `idle_after`: expected a duration from 30s to 15m"),
        ("idle_afer = \"5m\"", "line 4, `idle_afer`: unknown field `idle_afer`"),
        ("source = \"crystal-ball\"", "line 4, `source`: unknown variant"),
        ("token_command = \"echo\"", "expected `token` or `token_command`, found both"),
        ("ca_file = 5", "line 4, `ca_file`: invalid type"),
    ] {
        std::fs::write(home.config_file(), format!("{valid}{line}\n")).expect("a file");
        for command in ["once", "run", "install", "status"] {
            let (code, printed) = home.run(&[command]).await;
            assert_eq!(code, 78, "{command}, {line}: {printed}");
            assert!(printed.contains(expected), "{command}, {line}: {printed}");
            assert!(!printed.contains(TOKEN), "{printed}");
        }
    }
    for line in [format!("token = {TOKEN}"), format!("token {TOKEN}"), format!("token = \"\"\"\n{TOKEN}")] {
        std::fs::write(home.config_file(), format!("url = \"https://beat.example.org\"\n{line}\n"))
            .expect("a file");
        let (code, printed) = home.run(&["once"]).await;
        assert_eq!(code, 78, "{printed}");
        assert!(!printed.contains(TOKEN), "{printed}");
    }

    std::fs::write(home.config_file(), valid).expect("a file");
    std::fs::set_permissions(home.config_file(), PermissionsExt::from_mode(0o640)).expect("a change");
    let (code, printed) = home.run(&["once"]).await;
    assert_eq!(code, 78);
    assert!(printed.contains("others can read it"), "{printed}");
}

#[tokio::test]
async fn what_is_no_token_or_no_url_is_not_saved() {
    let home = AgentHome::new();
    for (url, token, code, expected) in [
        ("https://beat.example.org", "", 78, "expected a token"),
        ("https://beat.example.org", "two words", 78, "expected a token"),
        ("beat.example.org", TOKEN, 2, "expected the URL of a Heartbeat server"),
        ("https://me:secret@beat.example.org", TOKEN, 2, "expected a URL without user"),
    ] {
        let (exit, printed) = home.pipe(&["setup", url], token).await;
        assert_eq!(exit, code, "{url}: {printed}");
        assert!(printed.contains(expected), "{url}: {printed}");
    }
    assert!(!home.config_file().exists());
}
