//! Parity: the local server and the functions behind API Gateway respond alike.

use std::collections::{BTreeMap, btree_map::Entry};

use heartbeat_core::{
    link::{Link, LinkAction},
    token::{Purpose, SecretKey},
};
use heartbeat_functions::routes::{ROUTES, Route};
use heartbeat_tests::{Database, Function, Response, ServerBuilder};
use reqwest::Method;

/// Headers that matter to a client.
const HEADERS: [&str; 12] = [
    "content-type",
    "allow",
    "www-authenticate",
    "retry-after",
    "cache-control",
    "access-control-allow-origin",
    "content-encoding",
    "content-security-policy",
    "cross-origin-resource-policy",
    "referrer-policy",
    "x-content-type-options",
    "x-frame-options",
];

/// Members of JSON responses that vary with the database and with time.
const VARYING_MEMBERS: [&str; 10] = [
    "\"created_at\":\"",
    "\"last_beat\":\"",
    "\"token\":\"",
    "\"key\":\"",
    "\"code\":\"",
    "\"expires_at\":\"",
    "\"last_seen\":",
    "\"last_seen_relative\":",
    "\"last_beat\":",
    "\"uptime\":",
];

/// URL of the pages. Functions without one would take the URL of API Gateway.
const LIVE_URL: (&str, &str) = ("HEARTBEAT_LIVE_URL", "https://beat.example.org");

/// Method, path, `Authorization` and body of a request.
type Request = (Method, &'static str, Option<&'static str>, Vec<u8>);

/// Requests of the owner about channels and alerts.
fn requests_about_alerts() -> Vec<Request> {
    use Method as M;
    const OWNER: Option<&str> = Some("the owner's key");
    const DISCORD: &str =
        r#"{"name": "Anna", "kind": "discord", "settings": {"url": "https://example.org/hook"}}"#;
    vec![
        (M::POST, "/api/channels", OWNER, DISCORD.into()),
        (M::POST, "/api/channels", OWNER, br#"{"name": "Hook", "kind": "webhook", "settings": {}}"#.to_vec()),
        (M::GET, "/api/channels", OWNER, Vec::new()),
        (M::GET, "/api/channels/1", OWNER, Vec::new()),
        (M::PATCH, "/api/channels/1", OWNER, br#"{"name": "Ben", "state": "active"}"#.to_vec()),
        (M::POST, "/api/channels/1/test", OWNER, Vec::new()),
        (M::POST, "/api/channels/7/test", OWNER, Vec::new()),
        (M::POST, "/api/channels/1/resend", OWNER, Vec::new()),
        (
            M::POST,
            "/api/alerts",
            OWNER,
            br#"{"after": "36h", "channels": [1], "rest": "23:00-07:00"}"#.to_vec(),
        ),
        (M::POST, "/api/alerts", OWNER, br#"{"after": "36h", "channels": [7]}"#.to_vec()),
        (M::GET, "/api/alerts", OWNER, Vec::new()),
        (M::GET, "/api/alerts/1", OWNER, Vec::new()),
        (M::PATCH, "/api/alerts/1", OWNER, br#"{"repeat": "12h", "rest": null}"#.to_vec()),
        (M::POST, "/api/alerts/1/test", OWNER, Vec::new()),
        (M::GET, "/api/alerts/preview?after=36h", OWNER, Vec::new()),
        (M::GET, "/api/alerts/preview?after=9m", OWNER, Vec::new()),
        (M::DELETE, "/api/alerts/1", OWNER, Vec::new()),
        (M::DELETE, "/api/channels/1", OWNER, Vec::new()),
    ]
}

/// Requests for badges and pictures with parameters.
fn requests_for_images() -> Vec<Request> {
    let mut requests: Vec<Request> = Vec::new();
    for query in ["style=social&label=%C3%A9", "style=round", "device=7", "device=0", "color=rebeccapurple"] {
        for path in ["/badge/last-seen", "/badge/total-beats.png", "/badge/total-beats.json"] {
            requests.push((Method::GET, format!("{path}?{query}").leak(), None, Vec::new()));
        }
    }
    for query in
        ["device=7", "device=0", "theme=auto&label=%C3%A9", "theme=none", "hide=name,beats", "year=1969"]
    {
        for path in ["/heatmap.svg", "/card.svg", "/card.png"] {
            requests.push((Method::GET, format!("{path}?{query}").leak(), None, Vec::new()));
        }
    }
    requests
}

/// Requests that reach every route and each of its errors. `TOKEN` stands for the token of the first device.
fn requests() -> Vec<Request> {
    use Method as M;
    const OWNER: Option<&str> = Some("the owner's key");
    const BEARER: Option<&str> = Some("Bearer the owner's key");
    const DEVICE: Option<&str> = Some("TOKEN");
    let generate = "/api/devices/0/token/generate";
    let (device, editor_key) = ("/api/devices/0", "/api/devices/0/editor-key");
    let (bulk, single) = ("/api/v1/users/current/heartbeats.bulk", "/api/v1/users/current/heartbeats");
    let mut requests = vec![
        (M::POST, "/api/devices", OWNER, br#"{"name": "Laptop"}"#.to_vec()),
        (M::POST, "/api/devices", BEARER, "{\"name\": \" 携帯📱 \"}".into()),
        (M::POST, "/api/devices", None, b"{}".to_vec()),
        (M::POST, "/api/devices", Some("wrong"), b"{".to_vec()),
        (M::POST, "/api/devices", OWNER, b"{}".to_vec()),
        (M::POST, "/api/devices", OWNER, b"{\"name\": \"\xff\"}".to_vec()),
        (M::POST, "/api/devices", OWNER, br#"{"name": "a\u0000"}"#.to_vec()),
        (M::POST, "/api/devices", OWNER, vec![b' '; 16 * 1024 + 1]),
        (M::POST, "/api/beat", DEVICE, Vec::new()),
        (M::POST, "/api/beat", None, Vec::new()),
        (M::POST, "/api/beat", Some("Bearer unknown"), Vec::new()),
        (M::POST, generate, None, Vec::new()),
        (M::POST, generate, OWNER, Vec::new()),
        (M::POST, "/api/beat", DEVICE, Vec::new()),
        (M::POST, bulk, DEVICE, br#"[{"time": 4102444800}, {}]"#.to_vec()),
        (M::POST, bulk, DEVICE, b"{".to_vec()),
        (M::POST, bulk, DEVICE, format!("[{}{{}}]", "{},".repeat(1_000)).into()),
        (M::POST, bulk, None, b"[]".to_vec()),
        (M::POST, bulk, Some("Basic eA=="), b"[]".to_vec()),
        (M::POST, single, DEVICE, br#"{"time": "1585598059"}"#.to_vec()),
        (M::POST, single, DEVICE, b"[]".to_vec()),
        (M::POST, editor_key, None, Vec::new()),
        (M::POST, editor_key, OWNER, Vec::new()),
        (M::DELETE, editor_key, OWNER, Vec::new()),
        (M::POST, "/api/devices/0/pairing", None, Vec::new()),
        (M::POST, "/api/devices/0/pairing", OWNER, Vec::new()),
        (M::POST, "/api/devices/7/pairing", OWNER, Vec::new()),
        (M::POST, "/api/pair", None, br#"{"code": "BCDF-GHJK"}"#.to_vec()),
        (M::POST, "/api/pair", None, br#"{"code": "?"}"#.to_vec()),
        (M::POST, "/api/pair", None, br#"{"code": "BCDF-GHJK", "name": "Laptop"}"#.to_vec()),
        (M::POST, "/api/pair", None, vec![b' '; 16 * 1024 + 1]),
        (M::GET, "/api/devices", OWNER, Vec::new()),
        (M::GET, "/api/devices", None, Vec::new()),
        (M::GET, device, BEARER, Vec::new()),
        (M::GET, device, Some("wrong"), Vec::new()),
        (M::PATCH, device, OWNER, br#"{"name": " Phone ", "sign_of_life": false}"#.to_vec()),
        (M::PATCH, device, OWNER, br#"{"visibility": "secret"}"#.to_vec()),
        (M::PATCH, device, OWNER, br#"{"visibility": "hidden", "archived": true}"#.to_vec()),
        (M::POST, generate, OWNER, Vec::new()),
        (M::POST, editor_key, OWNER, Vec::new()),
        (M::PATCH, device, OWNER, br#"{"visibility": "public", "archived": false}"#.to_vec()),
        (M::POST, generate, OWNER, Vec::new()),
        (M::POST, "/api/beat", DEVICE, Vec::new()),
        (M::DELETE, "/api/devices/1", OWNER, Vec::new()),
        (M::DELETE, "/api/devices/1", OWNER, Vec::new()),
        (M::GET, "/api/snooze", OWNER, Vec::new()),
        (M::PUT, "/api/snooze", OWNER, br#"{"until": "2126-12-06T18:00:00+01:00"}"#.to_vec()),
        (M::PUT, "/api/snooze", OWNER, br#"{"until": "2016-12-06T18:00:00Z"}"#.to_vec()),
        (M::GET, "/api/snooze", OWNER, Vec::new()),
        (M::DELETE, "/api/snooze", OWNER, Vec::new()),
        (M::POST, "/api/ok", OWNER, Vec::new()),
        (M::GET, "/api/stats", None, Vec::new()),
        (M::GET, "/api/stats?anything=1", None, Vec::new()),
        (M::HEAD, "/api/stats", None, Vec::new()),
        (M::GET, "/api/openapi.json", None, Vec::new()),
        (M::GET, "/.well-known/health", None, Vec::new()),
        (M::GET, "/ok/AAAA", None, Vec::new()),
        (M::POST, "/ok/AAAA", None, Vec::new()),
        (M::GET, "/manage", OWNER, Vec::new()),
        (M::POST, "/manage", None, b"do=sign-out".to_vec()),
        (M::POST, "/manage", None, b"do=sign-in&key=wrong".to_vec()),
        (M::POST, "/manage", OWNER, b"do=anything".to_vec()),
    ];
    for id in ["7", "-1", "one", "%ff", "99999999999999999999"] {
        let path: &'static str = format!("/api/devices/{id}/token/generate").leak();
        requests.push((M::POST, path, OWNER, Vec::new()));
        let path: &'static str = format!("/api/devices/{id}/editor-key").leak();
        requests.push((M::POST, path, OWNER, Vec::new()));
        requests.push((M::DELETE, path, OWNER, Vec::new()));
    }
    requests.extend(requests_for_images());
    requests.push((M::GET, "/assets/nothing.css", None, Vec::new()));
    requests.extend(requests_about_alerts());
    for route in ROUTES {
        for path in paths(route) {
            // What a route allows is among the requests above: an erased device would be gone from some answers sooner.
            let others = [M::PUT, M::DELETE, M::OPTIONS].into_iter().filter(|it| !route.methods.contains(it));
            for method in others {
                requests.push((method, path, OWNER, Vec::new()));
            }
            if !path.starts_with("/api/") {
                requests.push((M::GET, path, None, Vec::new()));
            }
        }
    }
    requests
}

/// Paths of a route, with values for their parameters, and for those of the query that it needs.
fn paths(route: &Route) -> impl Iterator<Item = &'static str> {
    let filled = |path: &str| {
        let path = path.replace("/alerts/preview", "/alerts/preview?after=48h");
        path.replace("{id}", "0").replace("{file}", "heartbeat.css").replace("{code}", &code_for(&path))
    };
    route.paths.iter().map(move |path| &*filled(path).leak())
}

/// Code of a link in a notification, for the page at this path.
fn code_for(path: &str) -> String {
    let action = path.split('/').nth(1).and_then(LinkAction::of_path);
    let key = SecretKey::parse("the owner's key").expect("a key").derive(Purpose::Link);
    action
        .map(|action| Link { action, firing: 1, channel: 1, address_version: 0 }.code(&key))
        .unwrap_or_default()
}

/// Function to which API Gateway would route a path.
fn function_for<'a>(functions: &'a BTreeMap<&str, Function>, path: &str) -> &'a Function {
    let path = path.split('?').next().unwrap_or_default();
    let matches = |pattern: &str| {
        let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
        let equal_parts = pattern
            .by_ref()
            .zip(path.by_ref())
            .all(|(expected, part)| expected.starts_with('{') || expected == part);
        equal_parts && pattern.next().is_none() && path.next().is_none()
    };
    let route = ROUTES.iter().find(|route| route.paths.iter().any(|pattern| matches(pattern)));
    &functions[route.expect("a route").function()]
}

/// Comparable parts of a response: status, headers, and the body without values that vary.
fn comparable(response: &Response) -> (u16, BTreeMap<&str, &str>, String) {
    let headers =
        HEADERS.iter().map(|name| (*name, response.header(name))).filter(|(_, value)| !value.is_empty());
    let body = match response.header("content-type") {
        "image/png" => "an image".to_owned(),
        kind if kind.starts_with("image/") || kind.starts_with("text/html") => without_ages(&response.body),
        _ if response.body.parse::<i64>().is_ok() => "a Unix time".to_owned(),
        _ => VARYING_MEMBERS
            .iter()
            .fold(without_ages(&response.body), |body, member| without_value(&body, member)),
    };
    (response.status, headers.collect(), body)
}

/// Returns `body` without digits and words for ages.
fn without_ages(body: &str) -> String {
    let body = body.replace("second ago", "seconds ago").replace("just now", "0 seconds ago");
    let body = body.replace(
        "<b>just</b> now</span></span> <span class=\"ago\" hidden>",
        "<b>0</b> sec</span></span> <span class=\"ago\">",
    );
    body.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// Returns `body` without the values that follow `member`.
fn without_value(body: &str, member: &str) -> String {
    let is_value = |c: char| c.is_ascii_alphanumeric() || "_-:.".contains(c);
    let mut parts = body.split(member);
    let start = parts.next().unwrap_or_default().to_owned();
    parts.fold(start, |text, part| text + member + "…" + part.trim_start_matches(is_value))
}

#[tokio::test]
async fn every_request_is_answered_alike_by_the_server_and_by_the_functions() {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).environment(LIVE_URL.0, LIVE_URL.1).start().await;
    // The server delivers at once, functions do so each minute: here another program seems to be at it.
    database
        .execute(
            "INSERT INTO heartbeat.dispatch_leases (channel, holder, held_until)
             SELECT 'channel:' || number, 'another program', now() + interval '1 hour'
             FROM generate_series(1, 9) AS number",
        )
        .await;
    let cloud = Database::create().await;
    let mut functions = BTreeMap::new();
    for route in ROUTES {
        if let Entry::Vacant(unknown) = functions.entry(route.function()) {
            unknown.insert(Function::start(route.function(), &cloud, &[LIVE_URL]).await);
        }
    }
    let mut tokens = [String::new(), String::new()];
    let mut requests_sent = 0;
    for (method, path, authorization, body) in requests() {
        let credentials = tokens.clone().map(|token| authorization.map(|it| it.replace("TOKEN", &token)));
        let mut client = server.stranger();
        if let Some(authorization) = &credentials[0] {
            client = client.authorized(authorization);
        }
        let local = client.send(method.clone(), path, body.clone()).await;
        let remote =
            function_for(&functions, path).request(&method, path, credentials[1].as_deref(), &body).await;
        assert_eq!(comparable(&local), comparable(&remote), "{method} {path}");

        let registered = local.status == 200
            && path.contains("devices")
            && (path.ends_with("generate") || requests_sent == 0);
        if registered {
            tokens = [&local, &remote]
                .map(|response| response.json()["token"].as_str().expect("a token").to_owned());
        }
        requests_sent += 1;
    }
    assert!(requests_sent > 90, "{requests_sent}");
}

#[tokio::test]
async fn without_a_database_they_fail_alike() {
    let nowhere = Database::reserve();
    let server = ServerBuilder::on(&nowhere).environment(LIVE_URL.0, LIVE_URL.1).start_listening().await;
    let mut functions = BTreeMap::new();
    for route in ROUTES {
        let function = match functions.entry(route.function()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                unknown.insert(Function::start(route.function(), &nowhere, &[LIVE_URL]).await)
            }
        };
        for path in paths(route) {
            let body: &[u8] =
                if path == "/api/pair" { br#"{"code": "BCDF-GHJK"}"# } else { br#"{"name": "Laptop"}"# };
            let method = route.methods[0].clone();
            let local = server.owner().send(method.clone(), path, body.to_vec()).await;
            let remote = function.request(&method, path, Some("the owner's key"), body).await;
            let expected = if route.needs_database { (503, "5") } else { (200, "") };
            assert_eq!((local.status, local.header("retry-after")), expected, "{path}");
            assert_eq!(comparable(&local), comparable(&remote), "{path}");
        }
    }
}
