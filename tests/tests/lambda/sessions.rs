//! The owner's session behind API Gateway, which passes cookies beside the headers.

use heartbeat_tests::{Database, Function, server::SECRET_KEY};
use serde_json::{Value, json};

/// Sends a request to `/manage` from one of its own pages; returns the status, the text and the cookies of the answer.
async fn send(function: &Function, method: &str, cookies: &[&str], body: &str) -> (u64, String, Vec<String>) {
    let mut event: Value = serde_json::from_str(include_str!("../../events/http_v2.json")).expect("an event");
    event["rawPath"] = json!("/manage");
    event["rawQueryString"] = json!("");
    event["requestContext"]["http"]["path"] = json!("/manage");
    event["requestContext"]["http"]["method"] = json!(method);
    event["headers"]["sec-fetch-site"] = json!("same-origin");
    event["headers"]["content-length"] = json!(body.len().to_string());
    event["cookies"] = json!(cookies);
    event["body"] = json!(body);
    event["isBase64Encoded"] = json!(false);
    let answer = function.invoke(event).await.expect("a response, not an error");
    let set = answer["cookies"].as_array().cloned().unwrap_or_default();
    let set = set.iter().map(|cookie| cookie.as_str().expect("text").to_owned()).collect();
    (answer["statusCode"].as_u64().expect("a status"), answer["body"].to_string(), set)
}

#[tokio::test]
async fn the_owner_signs_in_and_out_through_api_gateway() {
    let database = Database::create().await;
    let manage = Function::start("manage", &database, &[]).await;
    let form = format!("do=sign-in&key={}", SECRET_KEY.replace(' ', "+"));
    let (status, _, set) = send(&manage, "POST", &[], &form).await;
    let [session] = set.as_slice() else { panic!("{status}: {set:?}") };
    assert_eq!(status, 303);
    assert!(session.starts_with("__Host-heartbeat=") && session.ends_with("; Secure"), "{session}");
    let session = session.split(';').next().expect("a value");
    let (status, page, _) = send(&manage, "GET", &["other=1", session], "").await;
    assert!(status == 200 && page.contains("sign-out"), "{status}: {page}");
    let (status, _, set) = send(&manage, "POST", &[session], "do=sign-out").await;
    assert_eq!(status, 303);
    assert!(set.iter().all(|cookie| cookie.contains("=; Path=/; Max-Age=0;")) && set.len() == 3, "{set:?}");
}
