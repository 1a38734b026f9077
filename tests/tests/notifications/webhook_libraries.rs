//! Webhooks as the published libraries of Standard Webhooks verify them.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use heartbeat_tests::{Server, skipped};
use serde_json::{Value, json};

use crate::webhook::{Request, SECRET, Service};

/// The secret that the receiver has while the sender has another one already.
const PREVIOUS: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Folder of the libraries. Says "skipped" and returns `None` where they are not installed, unless that is in CI.
fn libraries() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools-webhooks");
    if folder.join("installed-npm").exists() {
        return folder.canonicalize().ok();
    }
    let missing = "the libraries are missing: infra/scripts/install-webhooks installs them";
    assert!(std::env::var_os("CI").is_none(), "{missing}");
    skipped(missing);
    None
}

/// Whether the libraries for Python and JavaScript take a request with this body as one from a sender with `secret`.
fn verified(libraries: &Path, request: &Request, secret: &str, body: &str) -> [bool; 2] {
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers: Value = names.iter().map(|name| (*name, request.header(name))).collect();
    let input = json!({ "secret": secret, "headers": headers, "body": body }).to_string();
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    [("bin/python", "verify_webhook.py"), ("bin/node", "verify_webhook.mjs")].map(|(program, script)| {
        let mut verifier = Command::new(libraries.join(program))
            .arg(scripts.join(script))
            .arg(libraries)
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect(program);
        verifier.stdin.take().expect("an input").write_all(input.as_bytes()).expect("a reader");
        verifier.wait().expect("an end").success()
    })
}

#[tokio::test]
async fn the_published_libraries_verify_webhooks_while_a_secret_is_rotated_too() {
    let Some(libraries) = libraries() else { return };
    let (server, database) = Server::fresh().await;
    let mut service = Service::start().await;
    service.subscribe(&database, "device.added").await;
    let rotated = format!(
        "UPDATE heartbeat.channels SET settings = settings || '{}'",
        json!({ "secret_previous": PREVIOUS })
    );
    database.execute(&rotated).await;
    server.device("Anna's 携帯 \"<&>\"").await;
    let request = service.next().await;
    let (sent, current) = (request.text(), format!("whsec_{SECRET}"));
    assert_eq!(verified(&libraries, &request, &current, sent), [true; 2]);
    assert_eq!(verified(&libraries, &request, PREVIOUS, sent), [true; 2]);
    assert_eq!(verified(&libraries, &request, &current, &format!("{sent} ")), [false; 2]);
    let another = "whsec_BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB";
    assert_eq!(verified(&libraries, &request, another, sent), [false; 2]);
}
