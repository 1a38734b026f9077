//! Errors common to all routes: unsupported methods and unknown paths.

use heartbeat_tests::Server;
use insta::assert_snapshot;
use reqwest::Method;

#[tokio::test]
async fn an_unsupported_method_is_answered_with_the_allowed_ones() {
    let (server, _database) = Server::fresh().await;
    assert_snapshot!(server.stranger().get("/api/beat").await, @r#"
    405
    content-type: application/problem+json
    allow: POST

    {"type":"about:blank","title":"Method Not Allowed","status":405,"detail":"This address does not support this method; the Allow header lists those it does."}
    "#);
    let supported = [
        ("/api/devices", "GET,HEAD,POST"),
        ("/api/pair", "POST"),
        ("/api/devices/0/token/generate", "POST"),
        ("/api/beat", "POST"),
        ("/api/v1/users/current/heartbeats", "POST"),
        ("/api/v1/users/current/heartbeats.bulk", "POST"),
        ("/api/stats", "GET,HEAD"),
        ("/.well-known/health", "GET,HEAD"),
        ("/", "GET,HEAD"),
    ];
    for (path, allow) in supported {
        for method in ["PUT", "DELETE", "PATCH", "BREW"] {
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            let response = server.owner().send(method, path, Vec::new()).await;
            assert_eq!((response.status, response.header("allow")), (405, allow), "{path}");
        }
    }
}

#[tokio::test]
async fn unknown_paths_are_answered_in_json_under_api_and_with_a_page_elsewhere() {
    let (server, _database) = Server::fresh().await;
    for path in ["/api", "/api/", "/api/nothing", "/api/beat/", "/api/stats/x"] {
        let response = server.stranger().get(path).await;
        assert_eq!(
            (response.status, response.header("content-type")),
            (404, "application/problem+json"),
            "{path}"
        );
    }
    for path in ["/nothing", "/apiary", "/..%2f..%2fetc/passwd", "/%ff"] {
        let response = server.stranger().get(path).await;
        assert_eq!(
            (response.status, response.header("content-type")),
            (404, "text/html; charset=utf-8"),
            "{path}"
        );
        assert!(response.body.contains("<h1>Not Found</h1>"));
    }
}
