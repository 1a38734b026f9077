//! Channels of the kind `mail`, through a real mail server; what arrives is parsed by another library.

use std::{
    collections::HashSet,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use heartbeat_tests::{MailServer, MailTls, ServerBuilder, eventually, mail_server::CREDENTIALS};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::{TlsAcceptor, rustls};

use crate::channel::{LIVE_URL, add, deny_often, disabled, fire, notice, prepared, queue, waiting};

fn to(address: &str) -> Value {
    json!({ "to": address })
}

fn sending(builder: ServerBuilder, url: &str) -> ServerBuilder {
    builder.environment("HEARTBEAT_MAIL_URL", url).environment("HEARTBEAT_MAIL_FROM", "heart@beat.example")
}

fn trusting(builder: ServerBuilder, mail: &MailServer) -> ServerBuilder {
    builder.environment("SSL_CERT_FILE", &mail.ca_file().display().to_string())
}

#[tokio::test]
async fn mail_goes_through_tls_with_a_password_and_is_read_by_other_programs() {
    for tls in [MailTls::Implicit, MailTls::Starttls] {
        let Some(mut mail) = MailServer::start(tls).await else { return };
        let (builder, database) = prepared().await;
        let channel = add(&database, "mail", "owner", &to("anna@example.org")).await;
        let fired = notice(
            &json!({ "message": "Call Ben <b>now</b> & \"always\":\nhis number is on the fridge – ☎" }),
        );
        queue(&database, channel, "alert.fired", &fired).await;
        let _server = trusting(sending(builder, &mail.url(CREDENTIALS)), &mail).start().await;
        let message = mail.message().await;
        assert_eq!((&message["tls"], &message["defects"]), (&json!(true), &json!([])));
        assert_eq!(
            (&message["from"], &message["to"]),
            (&json!("heart@beat.example"), &json!(["anna@example.org"]))
        );
        assert_eq!(
            (&message["display_name"], &message["kind"]),
            (&json!("Anna's heartbeat"), &json!("multipart/alternative"))
        );
        let headers = &message["headers"];
        assert!(
            headers["subject"].as_str().expect("a subject").starts_with("Anna's heartbeat: silent for"),
            "{headers}"
        );
        assert_eq!(headers["auto-submitted"], "auto-generated");
        assert_eq!(headers["list-unsubscribe"], Value::Null);
        let text = message["text"].as_str().expect("text");
        assert!(
            text.starts_with("Call Ben <b>now</b> & \"always\":\nhis number is on the fridge – ☎\n"),
            "{text}"
        );
        assert!(text.contains(&format!("I'm fine:\n{LIVE_URL}/ok/")), "{text}");
        let html = message["html"].as_str().expect("HTML");
        assert!(
            html.contains("Call Ben &lt;b&gt;now&lt;/b&gt; &amp; &quot;always&quot;:<br>his number"),
            "{html}"
        );
        for loading in ["<img", "src=", "<link", "<script", "url(", "@import"] {
            assert!(!html.contains(loading), "{html}");
        }
    }
}

#[tokio::test]
async fn messages_of_one_firing_are_one_thread() {
    let Some(mut mail) = MailServer::start(MailTls::Implicit).await else { return };
    let (builder, database) = prepared().await;
    let channel = add(&database, "mail", "owner", &to("anna@example.org")).await;
    fire(&database, channel).await;
    queue(&database, channel, "alert.fired", &notice(&json!({ "repetition": 1 }))).await;
    // `precision` was changed meanwhile.
    let since = "2026-11-24T00:00:00Z";
    let resolved = notice(&json!({ "ended_at": "2026-11-25T09:00:00Z", "ended_by": "ok", "since": since }));
    queue(&database, channel, "alert.resolved", &resolved).await;
    queue(&database, channel, "test", &json!({})).await;
    let _server = trusting(sending(builder, &mail.url(CREDENTIALS)), &mail).start().await;
    let mut ids = HashSet::new();
    for _ in 0..3 {
        let headers = mail.message().await["headers"].clone();
        let id = headers["message-id"].as_str().expect("an id");
        assert!(id.ends_with("@beat.example.org>") && ids.insert(id.to_owned()), "{headers}");
        // No message has this id: all are answers to it.
        let thread = json!(format!("<firing.7.{channel}@beat.example.org>"));
        assert_eq!((&headers["references"], &headers["in-reply-to"]), (&thread, &thread));
    }
    assert_eq!(mail.message().await["headers"]["references"], Value::Null);
}

#[tokio::test]
async fn friends_can_unsubscribe_with_one_click_where_the_server_is_reached_by_https() {
    for (live_url, is_one_click) in [(LIVE_URL, true), ("http://beat.example.org", false)] {
        let Some(mut mail) = MailServer::start(MailTls::Starttls).await else { return };
        let (builder, database) = prepared().await;
        let channel = add(&database, "mail", "friend", &to("ben@example.org")).await;
        queue(&database, channel, "channel.confirm", &json!({})).await;
        let builder = builder.environment("HEARTBEAT_LIVE_URL", live_url);
        let _server = trusting(sending(builder, &mail.url(CREDENTIALS)), &mail).start().await;
        let message = mail.message().await;
        let header = &message["headers"]["list-unsubscribe"];
        let line = |start: &str| {
            let lines = message["lines"].as_array().expect("lines");
            lines.iter().any(|line| line.as_str().is_some_and(|line| line.starts_with(start)))
        };
        if is_one_click {
            let url = header.as_str().expect("a header").trim_matches(['<', '>']);
            assert!(url.starts_with(&format!("{LIVE_URL}/unsubscribe/")), "{header}");
            assert!(message["text"].as_str().expect("text").contains(url), "{message}");
            // Unfolded, as some providers want it.
            assert!(line(&format!("List-Unsubscribe: <{url}>")), "{message}");
            assert!(line("List-Unsubscribe-Post: List-Unsubscribe=One-Click"), "{message}");
        } else {
            assert_eq!(*header, Value::Null);
            assert!(!line("List-Unsubscribe-Post"), "{message}");
        }
    }
}

#[tokio::test]
async fn nothing_is_sent_to_a_server_without_tls_or_with_a_certificate_that_is_not_trusted() {
    for (tls, trusts, reason) in [
        (MailTls::Implicit, false, "no TLS, or a certificate that is not trusted"),
        (MailTls::Starttls, false, "no TLS, or a certificate that is not trusted"),
        (MailTls::None, true, "the server offers no TLS"),
    ] {
        let Some(mail) = MailServer::start(tls).await else { return };
        let (builder, database) = prepared().await;
        let channel = add(&database, "mail", "owner", &to("anna@example.org")).await;
        fire(&database, channel).await;
        let mut builder = sending(builder, &mail.url(CREDENTIALS));
        if trusts {
            builder = trusting(builder, &mail);
        }
        let mut server = builder.start().await;
        let line = server.wait_for("delivery failed").await;
        assert!(line.contains(&format!("reason={reason} ")), "{line}");
        assert_eq!(database.number(&waiting(channel)).await, 1);
    }
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let Some(mail) = MailServer::start(MailTls::Implicit).await else { return };
    let (builder, database) = prepared().await;
    let mut channels = Vec::new();
    for name in ["unknown", "full", "policy", "busy", "bare"] {
        let channel = add(&database, "mail", "owner", &to(&format!("{name}@example.org"))).await;
        fire(&database, channel).await;
        channels.push(channel);
    }
    let [unknown, full, policy, busy, bare] = channels[..] else { unreachable!("five channels") };
    let mut server = trusting(sending(builder, &mail.url(CREDENTIALS)), &mail).start().await;
    let query = disabled(unknown, "status 550: recipient refused");
    eventually("a channel that is disabled", async || database.number(&query).await == 1).await;
    for (channel, what, reason, delay) in [
        (
            full,
            "the service takes no more for now",
            "status 452: quota reached",
            "> now() + interval '50 minutes'",
        ),
        // It may be about us: only that there is no such address is certain to last.
        (policy, "delivery failed", "status 550: recipient refused", "< now() + interval '6 seconds'"),
        (bare, "delivery failed", "status 550: recipient refused", "< now() + interval '6 seconds'"),
        (busy, "delivery failed", "status 451: recipient refused", "< now() + interval '1 minute'"),
    ] {
        let line = server.wait_for(&format!("{what} channel=channel:{channel} ")).await;
        assert!(line.contains(&format!("reason={reason} ")), "{line}");
        let query = format!(
            "SELECT count(*) FROM heartbeat.dispatch_leases WHERE channel = 'channel:{channel}' AND due_at {delay}"
        );
        eventually(reason, async || database.number(&query).await == 1).await;
    }
}

#[tokio::test]
async fn a_wrong_password_is_tried_rarely_and_never_shown() {
    let Some(mail) = MailServer::start(MailTls::Starttls).await else { return };
    let (builder, database) = prepared().await;
    let channel = add(&database, "mail", "owner", &to("anna@example.org")).await;
    fire(&database, channel).await;
    let mut server =
        trusting(sending(builder, &mail.url("heart%40beat.example:hush-hush")), &mail).start().await;
    let line = server.wait_for("delivery failed").await;
    assert!(line.contains("reason=status 535: user or password refused "), "{line}");
    deny_often(&database).await;
    let rarely = "SELECT count(*) FROM heartbeat.dispatch_leases WHERE due_at > now() + interval '9 minutes'";
    eventually("a long delay", async || database.number(rarely).await == 1).await;
    assert!(!server.log().contains("hush"), "{}", server.log());
}

/// A mail server that answers with one line, which never ends. Returns its URL, the file with its certificate, and how many bytes it
/// could send.
async fn endless_server(tls: MailTls) -> (String, NamedTempFile, Arc<AtomicUsize>) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let file = NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), cert.pem()).expect("a file that can be written");
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], signing_key.into())
            .expect("a key");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("a local address").port();
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, counter) = (acceptor.clone(), Arc::clone(&counter));
            tokio::spawn(async move {
                let mut stream: Box<dyn AsyncWrite + Send + Unpin> = match tls {
                    MailTls::Implicit => Box::new(acceptor.accept(stream).await?),
                    MailTls::Starttls | MailTls::None => Box::new(stream),
                };
                stream.write_all(b"220 ").await?;
                loop {
                    stream.write_all(&[b'x'; 16 * 1024]).await?;
                    counter.fetch_add(16 * 1024, Ordering::Relaxed);
                }
                #[expect(unreachable_code, reason = "it tells the type of errors")]
                Ok::<(), io::Error>(())
            });
        }
    });
    let scheme = if tls == MailTls::Implicit { "smtps" } else { "smtp" };
    (format!("{scheme}://localhost:{port}"), file, sent)
}

#[tokio::test]
async fn a_server_that_never_ends_a_line_is_not_listened_to() {
    for tls in [MailTls::Starttls, MailTls::Implicit] {
        let (url, certificate, sent) = endless_server(tls).await;
        let (builder, database) = prepared().await;
        let channel = add(&database, "mail", "owner", &to("anna@example.org")).await;
        fire(&database, channel).await;
        let builder =
            sending(builder, &url).environment("SSL_CERT_FILE", &certificate.path().display().to_string());
        let mut server = builder.start().await;
        let line = server.wait_for("delivery failed").await;
        assert!(line.contains("reason=cannot connect "), "{line}");
        // Most of it is in the buffers of the two sockets.
        let sent = sent.load(Ordering::Relaxed);
        assert!(sent < 16 * 1024 * 1024, "{tls:?}: {sent}");
    }
}

#[tokio::test]
async fn a_message_cannot_be_made_into_another_one() {
    let Some(mut mail) = MailServer::start(MailTls::Implicit).await else { return };
    let (builder, database) = prepared().await;
    let channel = add(&database, "mail", "owner", &to("anna@example.org")).await;
    let message = "\n.\nMAIL FROM:<evil@example.org>\n.";
    queue(&database, channel, "alert.fired", &notice(&json!({ "message": message }))).await;
    let name = "Anna\" <evil@example.org>, <b>☎️";
    let builder = builder.environment("HEARTBEAT_SERVER_NAME", name);
    let _server = trusting(sending(builder, &mail.url(CREDENTIALS)), &mail).start().await;
    let arrived = mail.message().await;
    assert_eq!((&arrived["display_name"], &arrived["from"]), (&json!(name), &json!("heart@beat.example")));
    assert!(arrived["text"].as_str().expect("text").contains(message), "{arrived}");
    assert_eq!(arrived["defects"], json!([]));
}
