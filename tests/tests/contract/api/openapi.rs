//! `GET /api/openapi.json`

use std::collections::BTreeSet;

use heartbeat_core::notify::event::EventKind;
use heartbeat_functions::routes::ROUTES;
use heartbeat_tests::{Database, Server, ServerBuilder};
use serde_json::{Value, json};

/// Path of the stream: only the local server has it, so it is not in `ROUTES`.
const STREAM: &str = "/api/stats/ws";

async fn document() -> Value {
    let (server, _database) = Server::fresh().await;
    let response = server.stranger().get("/api/openapi.json").await;
    assert_eq!((response.status, response.header("content-type")), (200, "application/json"));
    response.json()
}

/// Paths that the document describes.
fn described(document: &Value) -> BTreeSet<&str> {
    document["paths"].as_object().expect("paths").keys().map(String::as_str).collect()
}

#[tokio::test]
async fn every_path_for_programs_is_in_it_and_no_page() {
    let for_programs = |path: &&str| {
        ["/api/", "/badge/", "/card.", "/heatmap.", "/.well-known/", "/metrics"]
            .iter()
            .any(|it| path.starts_with(it))
    };
    let routes = ROUTES.iter().flat_map(|route| route.paths).copied().filter(for_programs);
    let expected: BTreeSet<&str> = routes.chain([STREAM]).collect();
    assert_eq!(described(&document().await), expected);
}

#[tokio::test]
async fn the_methods_in_it_are_those_that_the_server_allows() {
    let (server, _database) = Server::fresh().await;
    let document = document().await;
    for path in described(&document) {
        let response =
            server.owner().send(reqwest::Method::TRACE, &path.replace("{id}", "0"), Vec::new()).await;
        let allowed: BTreeSet<String> =
            response.header("allow").to_lowercase().split(',').map(str::to_owned).collect();
        let mut methods: BTreeSet<String> =
            document["paths"][path].as_object().expect("operations").keys().cloned().collect();
        if methods.contains("get") {
            methods.insert("head".to_owned());
        }
        assert_eq!((response.status, &allowed), (405, &methods), "{path}");
    }
}

#[tokio::test]
async fn it_names_the_credentials_of_each_operation() {
    let document = document().await;
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().expect("paths");
    let mut guarded = Vec::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("operations") {
            let security = &operation["security"];
            assert_eq!(security.is_null(), operation["responses"]["401"].is_null(), "{method} {path}");
            // A session's cookie comes with requests that other sites have browsers make.
            let accepts_session = security
                .as_array()
                .is_some_and(|schemes| schemes.iter().any(|scheme| !scheme["ownerSession"].is_null()));
            // So could they have them try pairing codes.
            let may_be_refused = accepts_session && method != "get"
                || path == "/api/pair"
                || ["/api/absences", "/api/history"].contains(&path.as_str());
            assert_eq!(may_be_refused, !operation["responses"]["403"].is_null(), "{method} {path}");
            assert!(!path.starts_with("/api/devices") || accepts_session, "{method} {path}");
            // Where the first is none, anybody may look, and the owner sees more.
            let first = security.get(0).and_then(Value::as_object);
            if let Some(first) = first.and_then(|first| first.keys().next()) {
                guarded.push((path.as_str(), first.as_str()));
            }
        }
    }
    let expected = [
        ("/api/alerts", "ownerKey"),
        ("/api/alerts", "ownerKey"),
        ("/api/alerts/preview", "ownerKey"),
        ("/api/alerts/{id}", "ownerKey"),
        ("/api/alerts/{id}", "ownerKey"),
        ("/api/alerts/{id}", "ownerKey"),
        ("/api/alerts/{id}/test", "ownerKey"),
        ("/api/beat", "deviceToken"),
        ("/api/channels", "ownerKey"),
        ("/api/channels", "ownerKey"),
        ("/api/channels/{id}", "ownerKey"),
        ("/api/channels/{id}", "ownerKey"),
        ("/api/channels/{id}", "ownerKey"),
        ("/api/channels/{id}/resend", "ownerKey"),
        ("/api/channels/{id}/test", "ownerKey"),
        ("/api/devices", "ownerKey"),
        ("/api/devices", "ownerKey"),
        ("/api/devices/{id}", "ownerKey"),
        ("/api/devices/{id}", "ownerKey"),
        ("/api/devices/{id}", "ownerKey"),
        ("/api/devices/{id}/editor-key", "ownerKey"),
        ("/api/devices/{id}/editor-key", "ownerKey"),
        ("/api/devices/{id}/pairing", "ownerKey"),
        ("/api/devices/{id}/token/generate", "ownerKey"),
        ("/api/ok", "ownerKey"),
        ("/api/snooze", "ownerKey"),
        ("/api/snooze", "ownerKey"),
        ("/api/snooze", "ownerKey"),
        ("/api/v1/users/current/heartbeats", "editorKey"),
        ("/api/v1/users/current/heartbeats.bulk", "editorKey"),
        ("/metrics", "ownerKey"),
    ];
    assert_eq!(guarded, expected);
    let schemes = &document["components"]["securitySchemes"];
    assert_eq!(
        (&schemes["editorKey"]["type"], &schemes["editorKey"]["scheme"]),
        (&json!("http"), &json!("basic"))
    );
    let session = &schemes["ownerSession"];
    assert_eq!((&session["in"], &session["name"]), (&json!("cookie"), &json!("__Host-heartbeat")));
    for name in ["ownerKey", "deviceToken", "metricsToken"] {
        assert_eq!((&schemes[name]["type"], &schemes[name]["scheme"]), (&json!("http"), &json!("bearer")));
        let bare = &schemes[format!("{name}Bare")];
        assert_eq!((&bare["in"], &bare["name"]), (&json!("header"), &json!("Authorization")));
    }
}

#[tokio::test]
async fn every_event_that_a_webhook_tells_of_is_in_it_with_an_example_that_its_schema_allows() {
    let document = document().await;
    let webhooks = document["webhooks"].as_object().expect("webhooks");
    let names: BTreeSet<&str> = webhooks.keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(EventKind::NAMES));
    for (name, webhook) in webhooks {
        let content = &webhook["post"]["requestBody"]["content"]["application/json"];
        assert_eq!(
            (&content["schema"]["properties"]["type"]["enum"], &content["example"]["type"]),
            (&json!([name]), &json!(name))
        );
        let reference = content["schema"]["properties"]["data"]["$ref"].as_str().expect("a reference");
        let schema = &document["components"]["schemas"][reference.rsplit('/').next().expect("a name")];
        let data = content["example"]["data"].as_object().expect("details");
        assert!(data.keys().all(|member| !schema["properties"][member].is_null()), "{name}");
        let required = schema["required"].as_array().into_iter().flatten();
        assert!(required.filter_map(Value::as_str).all(|member| data.contains_key(member)), "{name}");
    }
}

#[tokio::test]
async fn the_headers_of_errors_are_in_it() {
    let responses = document().await["components"]["responses"].clone();
    for (name, header) in [
        ("Unauthorized", "www-authenticate"),
        ("MethodNotAllowed", "allow"),
        ("UpgradeRequired", "upgrade"),
        ("ServiceUnavailable", "retry-after"),
    ] {
        assert!(responses[name]["headers"][header].is_object(), "{name}");
        assert!(responses[name]["content"]["application/problem+json"].is_object(), "{name}");
    }
}

#[tokio::test]
async fn every_reference_in_it_leads_somewhere() {
    let document = document().await;
    let mut values = vec![&document];
    let mut references = 0;
    while let Some(value) = values.pop() {
        match value {
            Value::Array(items) => values.extend(items),
            Value::Object(members) => {
                values.extend(members.values());
                if let Some(Value::String(reference)) = members.get("$ref") {
                    let pointer = reference.strip_prefix('#').expect("a reference into the document");
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                    references += 1;
                }
            }
            _ => {}
        }
    }
    assert!(references > 20, "{references}");
}

#[tokio::test]
async fn it_is_the_same_without_a_database_and_without_a_key() {
    let nowhere = Database::reserve();
    let server = ServerBuilder::on(&nowhere).environment("HEARTBEAT_SECRET_KEY", "").start_listening().await;
    assert_eq!(server.stranger().get("/api/openapi.json").await.json(), document().await);
}
