//! A real mail server, which demands TLS and a password: aiosmtpd. What it takes is parsed by Python's library.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use crate::skipped;

/// User and password that it knows, as they stand in a URL.
pub const CREDENTIALS: &str = "heart%40beat.example:p%40ss%3Aw%C3%B6rd%2F%25";

/// Timeout of a message.
const TEST_TIMEOUT: Duration = Duration::from_mins(1);

/// How it does TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// From the first byte (port 465 elsewhere).
    Implicit,
    /// When the client asks (port 587 elsewhere).
    Starttls,
    /// Not at all.
    None,
}

/// A running mail server for `localhost`, killed when dropped.
#[derive(Debug)]
pub struct MailServer {
    _process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    tls: MailTls,
    port: u16,
    folder: TempDir,
}

impl MailServer {
    /// Starts a server. Says "skipped" and returns `None` where it is not installed, unless that is in CI.
    pub async fn start(tls: MailTls) -> Option<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = manifest.join("../.tools-mail/bin/python");
        if !python.exists() {
            let missing = "the mail server is missing: infra/scripts/install-mail installs it";
            assert!(std::env::var_os("CI").is_none(), "{missing}");
            skipped(missing);
            return None;
        }
        let folder = TempDir::new().expect("a folder");
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let file = |name: &str, text: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("a file");
            path
        };
        let (certificate, key) = (file("ca.pem", cert.pem()), file("key.pem", signing_key.serialize_pem()));
        let mode = match tls {
            MailTls::Implicit => "implicit",
            MailTls::Starttls => "starttls",
            MailTls::None => "none",
        };
        let mut command = Command::new(python);
        command
            .args(["-W", "ignore"])
            .arg(manifest.join("src/smtp_server.py"))
            .arg(mode)
            .arg(certificate)
            .arg(key);
        let mut process = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("Python");
        let mut lines = BufReader::new(process.stdout.take().expect("its output")).lines();
        let port = next(&mut lines).await.parse().expect("a port");
        Some(Self { _process: process, lines, tls, port, folder })
    }

    /// Its URL, as `mail.url` takes it, with these credentials.
    pub fn url(&self, credentials: &str) -> String {
        let scheme = if self.tls == MailTls::Implicit { "smtps" } else { "smtp" };
        format!("{scheme}://{credentials}@localhost:{}", self.port)
    }

    /// PEM file with its certificate, which no system trusts.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Waits for the next message that it takes.
    pub async fn message(&mut self) -> Value {
        serde_json::from_str(&next(&mut self.lines).await).expect("JSON")
    }
}

async fn next(lines: &mut Lines<BufReader<ChildStdout>>) -> String {
    let line = timeout(TEST_TIMEOUT, lines.next_line()).await.expect("a line in time");
    line.expect("its output").expect("a running server")
}
