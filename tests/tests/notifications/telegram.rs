//! Channels of the kind `telegram`, and how their chats are found.

use heartbeat_tests::{
    BadDay, Database, FakeTelegram, eventually,
    fake_telegram::{BLOCKED, BOT_TOKEN, PERSON, SUPERGROUP, UPGRADED_GROUP},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::channel::{LIVE_URL, add, disabled, fire, prepared, waiting};

fn settings(telegram: &FakeTelegram, chat: i64) -> Value {
    json!({ "server": telegram.service.url, "bot_token": BOT_TOKEN, "chat_id": chat })
}

async fn setting(database: &Database, channel: i64, name: &str) -> String {
    let sql =
        format!("SELECT COALESCE(settings ->> '{name}', '') FROM heartbeat.channels WHERE id = {channel}");
    database.text(&sql).await
}

#[tokio::test]
async fn a_message_is_plain_text_with_links_and_without_previews() {
    let (builder, database) = prepared().await;
    let mut telegram = FakeTelegram::start().await;
    let channel = add(&database, "telegram", "friend", &settings(&telegram, PERSON)).await;
    fire(&database, channel).await;
    let _server = builder.start().await;
    let body = telegram.service.taken("/sendMessage").await.body;
    assert_eq!(
        (&body["chat_id"], &body["link_preview_options"]),
        (&json!(PERSON), &json!({ "is_disabled": true }))
    );
    assert_eq!((body.get("parse_mode"), body.get("message_thread_id")), (None, None));
    let text = body["text"].as_str().expect("text");
    assert!(text.starts_with("Anna's heartbeat: silent for"), "{text}");
    assert!(text.contains(&format!("\n\nI have reached them: {LIVE_URL}/reached/")), "{text}");
}

#[tokio::test]
async fn a_group_that_became_another_one_is_followed_and_its_id_kept() {
    let (builder, database) = prepared().await;
    let mut telegram = FakeTelegram::start().await;
    let mut given = settings(&telegram, UPGRADED_GROUP);
    given["thread_id"] = json!("5");
    let channel = add(&database, "telegram", "owner", &given).await;
    fire(&database, channel).await;
    let _server = builder.start().await;
    let body = telegram.service.taken("/sendMessage").await.body;
    assert_eq!((&body["chat_id"], &body["message_thread_id"]), (&json!(SUPERGROUP), &json!(5)));
    assert_eq!(setting(&database, channel, "chat_id").await, SUPERGROUP.to_string());
    assert_eq!(setting(&database, channel, "bot_token").await, BOT_TOKEN);
    eventually("an empty outbox", async || database.number(&waiting(channel)).await == 0).await;
}

#[tokio::test]
async fn chats_that_are_gone_disable_the_channel_and_other_refusals_are_retried() {
    let (builder, database) = prepared().await;
    let telegram = FakeTelegram::start().await;
    let limited = FakeTelegram::start().await;
    let limit = json!({
        "ok": false, "error_code": 429, "description": "Too Many Requests: retry after 33",
        "parameters": { "retry_after": 33 },
    });
    limited.service.change(Some(BadDay::Answers(429, "application/json", limit.to_string())));
    let broken = FakeTelegram::start().await;
    broken.service.change(Some(BadDay::Answers(200, "text/html", "<p>Welcome</p>".to_owned())));
    let blocked = add(&database, "telegram", "owner", &settings(&telegram, BLOCKED)).await;
    let unknown = add(&database, "telegram", "owner", &settings(&telegram, 1)).await;
    let mut revoked = settings(&telegram, PERSON);
    revoked["bot_token"] = json!("123456789:AAFanothertokenanothertoken");
    let revoked = add(&database, "telegram", "owner", &revoked).await;
    let limited = add(&database, "telegram", "owner", &settings(&limited, PERSON)).await;
    let broken = add(&database, "telegram", "owner", &settings(&broken, PERSON)).await;
    for channel in [blocked, unknown, revoked, limited, broken] {
        fire(&database, channel).await;
    }
    let mut server = builder.start().await;
    for (channel, reason) in [
        (blocked, "status 403: the bot was blocked or removed"),
        (unknown, "status 400: the chat does not exist"),
    ] {
        let query = disabled(channel, reason);
        eventually(reason, async || database.number(&query).await == 1).await;
        assert_eq!(database.number(&waiting(channel)).await, 1);
    }
    for (channel, reason, delay) in [
        (revoked, "status 401", "< now() + interval '6 seconds'"),
        (limited, "status 429", "BETWEEN now() + interval '20 seconds' AND now() + interval '34 seconds'"),
        (broken, "not the answer of Telegram", "< now() + interval '1 minute'"),
    ] {
        let line = server.wait_for(&format!("delivery failed channel=channel:{channel} ")).await;
        assert!(line.contains(&format!("reason={reason} ")), "{line}");
        let query = format!(
            "SELECT count(*) FROM heartbeat.dispatch_leases WHERE channel = 'channel:{channel}' AND due_at {delay}"
        );
        eventually(reason, async || database.number(&query).await == 1).await;
    }
    assert!(!server.log().contains(BOT_TOKEN), "{}", server.log());
}

#[tokio::test]
async fn the_chat_is_found_by_the_code_that_its_reader_sends_to_the_bot() {
    let (builder, database) = prepared().await;
    let mut telegram = FakeTelegram::start().await;
    let without_chat = json!({ "server": telegram.service.url, "bot_token": BOT_TOKEN });
    let mut channels = Vec::new();
    for (audience, code) in
        [("owner", "owners-own-code-1"), ("friend", "friends-code-1234"), ("owner", "too-late-code-123")]
    {
        let channel = add(&database, "telegram", audience, &without_chat).await;
        let sql = format!("UPDATE heartbeat.channels SET start_code = '{code}' WHERE id = {channel}");
        database.execute(&sql).await;
        channels.push(channel);
    }
    let [owner, friend, late] = channels[..] else { unreachable!("three channels") };
    let sql = format!(
        "UPDATE heartbeat.channels SET start_code_at = now() - interval '25 hours' WHERE id = {late}"
    );
    database.execute(&sql).await;
    for text in [
        "/start another-code-1234",
        "owners-own-code-1",
        "/start too-late-code-123",
        "/start owners-own-code-1",
    ] {
        telegram.write(PERSON, text);
    }
    telegram.write(SUPERGROUP, "/start@heart_beat_bot friends-code-1234");
    let server = builder.start().await;

    let mut chats = Vec::new();
    for _ in 0..2 {
        let body = telegram.service.taken("/sendMessage").await.body;
        chats.push((
            body["chat_id"].as_i64(),
            body["text"].as_str().expect("text").contains("This is a test"),
        ));
    }
    chats.sort_unstable();
    assert_eq!(chats, [(Some(SUPERGROUP), false), (Some(PERSON), true)]);
    assert_eq!(setting(&database, owner, "chat_id").await, PERSON.to_string());
    assert_eq!(setting(&database, friend, "chat_id").await, SUPERGROUP.to_string());
    assert_eq!(setting(&database, late, "chat_id").await, "");
    assert_eq!(setting(&database, owner, "bot_name").await, "heart_beat_bot");
    let codes = "SELECT count(*) FROM heartbeat.channels WHERE start_code IS NOT NULL";
    assert_eq!(database.number(codes).await, 1);
    eventually("no message that is told again", async || telegram.unconfirmed() == 0).await;

    // There is nowhere to send a test to yet.
    let path = format!("/api/channels/{late}");
    let refused = server.owner().post(&format!("{path}/test"), "").await;
    assert_eq!(refused.status, 409, "{refused}");
    assert!(refused.body.contains("The chat of this channel is not known yet"), "{refused}");
    // Any change lets the code be looked for again.
    let saved = server.owner().send(Method::PATCH, &path, br#"{"name": "Late"}"#.to_vec()).await;
    assert_eq!(saved.status, 200, "{saved}");
    telegram.write(PERSON, "/start too-late-code-123");
    assert_eq!(telegram.service.taken("/sendMessage").await.body["chat_id"], PERSON);
    assert_eq!(server.owner().post(&format!("{path}/test"), "").await.status, 202);
    assert!(!server.log().contains(BOT_TOKEN), "{}", server.log());
}

#[tokio::test]
async fn a_bot_that_is_in_use_elsewhere_is_said_once() {
    let (builder, database) = prepared().await;
    let mut telegram = FakeTelegram::start().await;
    let conflict = json!({ "ok": false, "error_code": 409, "description": "Conflict: terminated by other getUpdates request" });
    telegram.service.change(Some(BadDay::Answers(409, "application/json", conflict.to_string())));
    let without_chat = json!({ "server": telegram.service.url, "bot_token": BOT_TOKEN });
    let channel = add(&database, "telegram", "owner", &without_chat).await;
    database.execute("UPDATE heartbeat.channels SET start_code = 'owners-own-code-1'").await;
    let mut server = builder.start().await;
    let line = server.wait_for("the Telegram bot cannot be asked").await;
    assert!(line.contains(&format!("channel={channel} reason=status 409: the bot is in use")), "{line}");
    eventually("another attempt", async || telegram.service.attempts() > 1).await;
    telegram.service.change(None);
    telegram.write(PERSON, "/start owners-own-code-1");
    telegram.service.taken("/sendMessage").await;
    assert_eq!(server.log().matches("cannot be asked").count(), 1);
}
