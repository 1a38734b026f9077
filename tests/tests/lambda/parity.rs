//! A client cannot tell the local server from the functions behind API Gateway.

use std::collections::BTreeMap;

use heartbeat_functions::routes::ROUTES;
use heartbeat_tests::{Answer, Database, Function, Server, ServerBuilder};
use reqwest::Method;

/// The headers that mean something to a client.
const HEADERS: [&str; 6] = [
    "content-type",
    "allow",
    "www-authenticate",
    "retry-after",
    "cache-control",
    "access-control-allow-origin",
];

/// The members of JSON answers that differ from one database, and one second, to the next.
const PASSING: [&str; 5] =
    ["\"token\":\"", "\"last_seen\":", "\"last_seen_relative\":", "\"last_beat\":", "\"uptime\":"];

/// Requests that reach every route and each of its errors. `TOKEN` stands for the first device's.
fn requests() -> Vec<(Method, &'static str, Option<&'static str>, Vec<u8>)> {
    use Method as M;
    const OWNER: Option<&str> = Some("the owner's key");
    const BEARER: Option<&str> = Some("Bearer the owner's key");
    const DEVICE: Option<&str> = Some("TOKEN");
    let generate = "/api/devices/0/token/generate";
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
        (M::POST, "/api/beat", Some("Bearer nobody"), Vec::new()),
        (M::POST, generate, None, Vec::new()),
        (M::POST, generate, OWNER, Vec::new()),
        (M::POST, "/api/beat", DEVICE, Vec::new()),
        (M::GET, "/api/stats", None, Vec::new()),
        (M::GET, "/api/stats?anything=1", None, Vec::new()),
        (M::HEAD, "/api/stats", None, Vec::new()),
        (M::GET, "/.well-known/health", None, Vec::new()),
        (M::GET, "/", None, Vec::new()),
    ];
    for id in ["7", "-1", "one", "%ff", "99999999999999999999"] {
        let path: &'static str = format!("/api/devices/{id}/token/generate").leak();
        requests.push((M::POST, path, OWNER, Vec::new()));
    }
    for route in ROUTES {
        let path: &'static str = route.path.replace("{id}", "0").leak();
        for method in [M::PUT, M::DELETE, M::OPTIONS] {
            requests.push((method, path, OWNER, Vec::new()));
        }
    }
    requests
}

/// What can be compared of an answer.
fn essence(answer: &Answer) -> (u16, BTreeMap<&str, &str>, String) {
    let headers =
        HEADERS.iter().map(|name| (*name, answer.header(name))).filter(|(_, value)| !value.is_empty());
    let body = match answer.body.parse::<i64>() {
        Ok(_) => "a Unix time".to_owned(),
        Err(_) => PASSING.iter().fold(answer.body.clone(), |body, member| without_value(&body, member)),
    };
    (answer.status, headers.collect(), body)
}

/// `body` without the values that follow `member`.
fn without_value(body: &str, member: &str) -> String {
    let is_value = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    let mut parts = body.split(member);
    let start = parts.next().unwrap_or_default().to_owned();
    parts.fold(start, |text, part| text + member + "…" + part.trim_start_matches(is_value))
}

#[tokio::test]
async fn every_request_is_answered_alike_by_the_server_and_by_the_functions() {
    let (server, _database) = Server::fresh().await;
    let cloud = Database::create().await;
    let mut functions = BTreeMap::new();
    for route in ROUTES {
        functions.insert(route.path, Function::start(route.name, &cloud, &[]).await);
    }
    let mut tokens = [String::new(), String::new()];
    let mut seen = 0;
    for (method, path, authorization, body) in requests() {
        let pattern = if path.starts_with("/api/devices/") {
            "/api/devices/{id}/token/generate"
        } else {
            path.split('?').next().unwrap_or_default()
        };
        let credentials = tokens.clone().map(|token| authorization.map(|it| it.replace("TOKEN", &token)));
        let mut client = server.stranger();
        if let Some(authorization) = &credentials[0] {
            client = client.authorized(authorization);
        }
        let local = client.send(method.clone(), path, body.clone()).await;
        let remote = functions[pattern].request(&method, path, credentials[1].as_deref(), &body).await;
        assert_eq!(essence(&local), essence(&remote), "{method} {path}");

        let registered =
            local.status == 200 && path.contains("devices") && (path.ends_with("generate") || seen == 0);
        if registered {
            tokens =
                [&local, &remote].map(|answer| answer.json()["token"].as_str().expect("a token").to_owned());
        }
        seen += 1;
    }
    assert!(seen > 40, "{seen}");
}

#[tokio::test]
async fn without_a_database_they_fail_alike() {
    let nowhere = Database::reserve();
    let server = ServerBuilder::on(&nowhere).start_listening().await;
    for route in ROUTES {
        let function = Function::start(route.name, &nowhere, &[]).await;
        let path = route.path.replace("{id}", "0");
        let body = br#"{"name": "Laptop"}"#;
        let method =
            if path.starts_with("/api/") && route.name != "stats" { Method::POST } else { Method::GET };
        let local = server.owner().send(method.clone(), &path, body.to_vec()).await;
        let remote = function.request(&method, &path, Some("the owner's key"), body).await;
        assert_eq!((local.status, local.header("retry-after")), (503, "5"), "{path}");
        assert_eq!(essence(&local), essence(&remote), "{path}");
    }
}
