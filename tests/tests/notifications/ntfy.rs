//! Channels of the kind `ntfy`.

use heartbeat_tests::{BadDay, FakeService, eventually, fake_ntfy};
use serde_json::json;

use crate::channel::{LIVE_URL, add, fire, notice, prepared, queue, waiting};

#[tokio::test]
async fn an_alert_is_one_entry_with_a_button_where_a_token_protects_the_topic() {
    let (builder, database) = prepared().await;
    let mut ntfy = fake_ntfy::start().await;
    let settings =
        json!({ "server": ntfy.url, "topic": fake_ntfy::PROTECTED_TOPIC, "token": fake_ntfy::TOKEN });
    let channel = add(&database, "ntfy", "owner", &settings).await;
    fire(&database, channel).await;
    queue(&database, channel, "alert.fired", &notice(&json!({ "repetition": 1 }))).await;
    let resolved = notice(&json!({ "ended_at": "2026-11-25T09:00:00Z", "ended_by": "beat" }));
    queue(&database, channel, "alert.resolved", &resolved).await;
    let _server = builder.start().await;

    let fired = ntfy.taken("/").await.body;
    assert!(fired["title"].as_str().expect("a title").contains("silent for"), "{fired}");
    assert_eq!((&fired["priority"], &fired["tags"]), (&json!(5), &json!(["rotating_light"])));
    let action = &fired["actions"][0];
    let members = ["action", "label", "method", "clear"].map(|name| action[name].clone());
    assert_eq!(members, [json!("http"), json!("I'm fine"), json!("POST"), json!(true)]);
    assert!(action["url"].as_str().expect("a URL").starts_with(&format!("{LIVE_URL}/ok/")), "{fired}");
    assert_eq!(fired["icon"], format!("{LIVE_URL}/assets/icon-512.png"));

    let repeated = ntfy.taken("/").await.body;
    let resolved = ntfy.taken("/").await.body;
    for entry in [&fired, &repeated, &resolved] {
        assert_eq!(entry["sequence_id"], "firing-7");
    }
    assert_eq!((&resolved["priority"], &resolved["tags"]), (&json!(3), &json!(["white_check_mark"])));
    assert_eq!(resolved.get("actions"), None);
}

#[tokio::test]
async fn a_topic_that_anyone_can_read_gets_no_links_that_act() {
    let (builder, database) = prepared().await;
    let mut ntfy = fake_ntfy::start().await;
    let settings = json!({ "server": ntfy.url, "topic": fake_ntfy::OPEN_TOPIC });
    for audience in ["owner", "friend"] {
        let channel = add(&database, "ntfy", audience, &settings).await;
        fire(&database, channel).await;
    }
    let _server = builder.start().await;
    let mut pages = Vec::new();
    for _ in 0..2 {
        let request = ntfy.taken("/").await;
        assert_eq!(request.headers.get("authorization"), None);
        for path in ["/ok/", "/reached/", "/confirm/", "/unsubscribe/"] {
            assert!(!request.body.to_string().contains(path), "{}", request.body);
        }
        assert!(request.body["message"].as_str().expect("text").contains("There are no links here"));
        pages.push(request.body["click"].as_str().expect("a URL").to_owned());
    }
    pages.sort();
    assert_eq!(pages, [format!("{LIVE_URL}/"), format!("{LIVE_URL}/manage")]);
}

#[tokio::test]
async fn quotas_are_waited_for_and_a_server_that_does_not_let_us_in_is_asked_again_soon() {
    let (builder, database) = prepared().await;
    let settings = |ntfy: &FakeService| json!({ "server": ntfy.url, "topic": fake_ntfy::OPEN_TOPIC });
    let answers =
        |code| BadDay::Answers(429, "application/json", fake_ntfy::error(code, "limit reached").to_string());
    let mut channels = Vec::new();
    for code in [42_908, 42_901] {
        let ntfy = fake_ntfy::start().await;
        ntfy.change(Some(answers(code)));
        channels.push((add(&database, "ntfy", "owner", &settings(&ntfy)).await, ntfy));
    }
    let ntfy = fake_ntfy::start().await;
    let wrong = json!({ "server": ntfy.url, "topic": fake_ntfy::PROTECTED_TOPIC, "token": "tk_another" });
    channels.push((add(&database, "ntfy", "owner", &wrong).await, ntfy));
    for (channel, _) in &channels {
        fire(&database, *channel).await;
    }
    let _server = builder.start().await;
    let due = |channel, between: &str| {
        format!(
            "SELECT count(*) FROM heartbeat.dispatch_leases
             WHERE channel = 'channel:{channel}' AND attempts = 1 AND due_at BETWEEN {between}"
        )
    };
    // Tomorrow, as UTC has it.
    let midnight = "((date_trunc('day', now() AT TIME ZONE 'UTC') + interval '1 day') AT TIME ZONE 'UTC')";
    let expected = [
        format!("{midnight} AND {midnight} + interval '2 minutes'"),
        "now() + interval '30 seconds' AND now() + interval '61 seconds'".to_owned(),
        "now() AND now() + interval '6 seconds'".to_owned(),
    ];
    for ((channel, ntfy), between) in channels.iter().zip(&expected) {
        let query = due(*channel, between);
        eventually(between, async || database.number(&query).await == 1).await;
        assert_eq!((ntfy.attempts(), database.number(&waiting(*channel)).await), (1, 1));
    }
}

#[tokio::test]
async fn answers_that_are_not_those_of_ntfy_are_no_success_and_nothing_is_followed() {
    let (builder, database) = prepared().await;
    let elsewhere = fake_ntfy::start().await;
    let html = BadDay::Answers(200, "text/html", "<p>Log in to our network</p>".to_owned());
    let bad_days = [
        (html, "not the answer of ntfy"),
        (BadDay::Answers(200, "application/json", "{}".to_owned()), "not the answer of ntfy"),
        (BadDay::NeverEnds, "not the answer of ntfy"),
        (BadDay::Redirects(format!("{}/", elsewhere.url)), "status 307"),
        (BadDay::Answers(502, "text/html", String::new()), "status 502"),
        (BadDay::Hangs, "no answer in time"),
    ];
    let mut channels = Vec::new();
    for (bad_day, reason) in bad_days {
        let ntfy = fake_ntfy::start().await;
        ntfy.change(Some(bad_day));
        let settings = json!({ "server": ntfy.url, "topic": fake_ntfy::OPEN_TOPIC });
        let channel = add(&database, "ntfy", "owner", &settings).await;
        fire(&database, channel).await;
        channels.push((channel, ntfy, reason));
    }
    let mut server = builder.start().await;
    for (channel, mut ntfy, reason) in channels {
        let line = server.wait_for(&format!("delivery failed channel=channel:{channel} ")).await;
        assert!(line.contains(&format!("reason={reason} ")), "{line}");
        ntfy.change(None);
        ntfy.taken("/").await;
    }
    assert_eq!(elsewhere.attempts(), 0);
}
